"""Every activation, loss, optimizer and schedule that a config may name takes a step of training."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mtrain.config.catalog.names import ACTIVATIONS
from mtrain.config.experiment.losses import LOSSES
from mtrain.config.experiment.optimizers import OPTIMIZERS
from mtrain.config.experiment.schedules import SCHEDULES
from mtrain.config.loading.load import load_config
from mtrain.engine.build import make_trainer
from mtrain.engine.feed import Feed
from mtrain.model.custom.code import NO_CODE
from mtrain.records.dataset import Dataset, Encoding, Split
from mtrain.records.training import EpochRecord

ROWS = 12

SCHEDULE_SETTINGS = {
    "CosineDecay": {"initial_learning_rate": 0.01, "decay_steps": 9},
    "CosineDecayRestarts": {"initial_learning_rate": 0.01, "first_decay_steps": 9},
    "ExponentialDecay": {"initial_learning_rate": 0.01, "decay_steps": 9, "decay_rate": 0.5},
    "InverseTimeDecay": {"initial_learning_rate": 0.01, "decay_steps": 9, "decay_rate": 0.5},
    "PiecewiseConstantDecay": {"boundaries": [5], "values": [0.01, 0.001]},
    "PolynomialDecay": {"initial_learning_rate": 0.01, "decay_steps": 9},
}


def scheduled(name):
    """An optimizer with a schedule of that name."""
    return {"name": "sgd", "learning_rate": {"name": name, **SCHEDULE_SETTINGS[name]}}


def takes(loss, n_classes):
    return LOSSES[loss].least_classes <= n_classes <= LOSSES[loss].most_classes


def trainer_of(n_classes=3, *, jit_compile=False, **settings):
    """A trainer whose epoch is one step, of 12 rows of four features."""
    labels = (np.arange(ROWS) % n_classes).astype(np.int32)
    features = np.random.default_rng(0).normal(size=(ROWS, 4)).astype(np.float32)
    model = {"hidden": 5} | settings.pop("model", {})
    training = {"epochs": 1, "batch_size": ROWS}
    config = load_config({**settings, "model": model, "training": training}, {})
    names = tuple("abc"[:n_classes])
    splits = {"train": Split(features, labels, np.arange(ROWS))}
    dataset = Dataset(names, splits, Encoding(shape=(4,)), "0", "here")
    return make_trainer(config, dataset, Feed(dataset.train), NO_CODE, jit_compile=jit_compile)


def check_moved(before, after):
    """All weights are finite, and the output's biases, which begin at 0, are not what they were."""
    assert all(np.isfinite(weight).all() for weight in after.values())
    assert (before["model/output/bias"] == 0).all()
    assert (after["model/output/bias"] != 0).any()


def check_step(trainer):
    before = trainer.weights()
    (record,) = (record for record in trainer.records() if isinstance(record, EpochRecord))

    assert np.isfinite(record.train.loss)
    assert record.train.confusion.sum() == ROWS
    check_moved(before, trainer.weights())


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_takes_a_step(name):
    """Of the hidden layer."""
    check_step(trainer_of(model={"activation": name}))


@pytest.mark.parametrize(
    ("name", "n_classes"), [(name, n) for name in LOSSES for n in (2, 3) if takes(name, n)]
)
def test_every_loss_takes_a_step(name, n_classes):
    """With as many classes as it is for."""
    check_step(trainer_of(n_classes, loss=name))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_takes_a_step(name):
    """With its default parameters."""
    check_step(trainer_of(optimizer=name))


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_takes_a_step(name):
    """Of gradient descent."""
    check_step(trainer_of(optimizer=scheduled(name)))


@pytest.mark.slow
def test_every_name_is_compiled_by_xla():
    """The steps of 30 networks and more, which have all names among them, as one function."""
    of_three, of_two = ([name for name in LOSSES if takes(name, n)] for n in (3, 2))
    optimizers = [*OPTIMIZERS, *map(scheduled, SCHEDULES)]
    trainers = [
        trainer_of(
            jit_compile=True,
            model={"activation": activation},
            loss=of_three[number % len(of_three)],
            optimizer=optimizers[number % len(optimizers)],
        )
        for number, activation in enumerate(ACTIVATIONS)
    ]
    trainers += [
        trainer_of(2, jit_compile=True, loss=name) for name in of_two if name not in of_three
    ]
    assert len(ACTIVATIONS) >= max(len(of_three), len(optimizers))

    @tf.function(jit_compile=True, autograph=False)
    def step(positions):
        both = [
            (trainer._one_step, trainer._feed.rows.at(positions, tf.constant(0)))
            for trainer in trainers
        ]
        return [one_step(batch, one_step.initial_sums())[0] for one_step, batch in both]

    before = [trainer.weights() for trainer in trainers]
    losses = step(tf.range(ROWS))

    assert np.isfinite(losses).all()
    for trainer, weights in zip(trainers, before, strict=True):
        check_moved(weights, trainer.weights())
