"""What is tracked while training."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_array_equal
from trainers import CLASSES, as_float, make_trainer, random_split, train, weights

from mtrain.config.loading.load import load_config
from mtrain.model.counters import build_counters
from mtrain.model.optimizer import build_optimizer
from mtrain.model.perceptron import build_model

DIAGNOSTICS = ("activations", "gradients", "weights")


@pytest.mark.parametrize("jit_compile", [False, True])
def test_what_is_tracked_is_what_keras_gives(jit_compile):
    """Of two steps in which the weights stay where they are, the rows as they come."""
    split = as_float(random_split(rows=100))
    settings = {
        "model": {"hidden": [30, 6]},
        "optimizer": {"name": "sgd", "learning_rate": 1e-30},
    }
    trainer = make_trainer(
        split,
        settings=settings,
        divisor=None,
        epochs=1,
        batch_size=50,
        shuffle=False,
        jit_compile=jit_compile,
        diagnostics=DIAGNOSTICS,
    )
    (record,) = train(trainer)

    model = trainer._network.model
    inside = keras.Model(model.inputs[0], [layer.output for layer in model.layers[:-1]])
    wanted = {}
    for name, outputs in zip(("hidden_1", "hidden_2"), inside(split.features), strict=True):
        found = outputs.numpy().astype(np.float64)
        wanted[f"{name}_mean"] = found.mean()
        wanted[f"{name}_std"] = found.std()
        wanted[f"{name}_dead"] = (found == 0).all(axis=0).mean()
    norms = []
    for rows in (slice(50), slice(50, 100)):
        with tf.GradientTape() as tape:
            outputs = model(split.features[rows], training=True)
            loss = trainer._network.loss(tf.constant(split.labels[rows]), outputs)
        norms.append(tf.linalg.global_norm(tape.gradient(loss, model.trainable_variables)))
    wanted["gradient_norm"] = np.mean(norms)
    wanted["weight_norm"] = float(tf.linalg.global_norm(model.trainable_variables))
    assert record.train.scalars == pytest.approx(wanted, rel=1e-5)


def test_tracking_changes_no_weight_and_goes_on_within_an_epoch():
    split = random_split(rows=400)
    settings = {
        "model": {
            "hidden": [8, 8],
            "dropout": 0.3,
            "batch_norm": True,
            "activity": 0.01,
            "l2": 0.01,
        }
    }

    def trainer(**options):
        made = make_trainer(split, settings=settings, epochs=1, **options)
        made._chunk = 3
        return made

    plain, first, second, whole = trainer(), *(trainer(diagnostics=DIAGNOSTICS) for _ in range(3))
    train(plain)
    next(first.records())
    second.restore(first.state())
    (going_on,), (in_one,) = train(second), train(whole)

    assert going_on.train.scalars == in_one.train.scalars
    assert {"activation_1_mean", "activation_2_dead"} < set(in_one.train.scalars)
    for ours, theirs in zip(weights(whole), weights(plain), strict=True):
        assert_array_equal(ours, theirs)


def test_keras_precision_and_recall_are_counted_while_training():
    """Against Keras' own, of the same steps; undefined while no output is above 0.5."""
    split = random_split(rows=300)
    settings = {"metrics": ["keras_precision", "keras_recall"], "optimizer": "sgd"}
    config = load_config(settings, {})
    trainer = make_trainer(
        split, settings=settings, shuffle=False, counters=build_counters(config.metrics)
    )
    records = train(trainer)

    model = build_model(config.model, 784, CLASSES, 1)
    metrics = [
        keras.metrics.Precision(name="keras_precision"),
        keras.metrics.Recall(name="keras_recall"),
    ]
    model.compile(build_optimizer(config.optimizer), "categorical_crossentropy", metrics=metrics)
    one_hot = np.eye(CLASSES, dtype=np.float32)[split.labels]
    history = model.fit(
        as_float(split).features, one_hot, epochs=2, shuffle=False, verbose=0
    ).history
    for epoch, record in enumerate(records):
        for name, value in record.train.scalars.items():
            assert np.nan_to_num(value) == pytest.approx(history[name][epoch], abs=1e-6)
    assert math.isnan(float(build_counters(config.metrics)["keras_recall"].result()))


@pytest.mark.parametrize("model", [{"hidden": []}, {"hidden": 4, "activation": "linear"}])
def test_a_network_without_an_activation_has_norms_alone(model):
    trainer = make_trainer(
        random_split(rows=100), settings={"model": model}, epochs=1, diagnostics=DIAGNOSTICS
    )
    (record,) = train(trainer)
    assert set(record.train.scalars) == {"gradient_norm", "weight_norm"}
