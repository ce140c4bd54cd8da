"""Trainers of the engine, rows for them, and the same network in stock Keras."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mtrain.config.loading.load import load_config
from mtrain.engine.feed import Feed
from mtrain.engine.network import OF_LABELS, make_network
from mtrain.engine.trainer import Trainer
from mtrain.model.dropout import dropout_layer
from mtrain.model.loss import build_loss
from mtrain.model.optimizer import build_optimizer, build_schedule
from mtrain.model.perceptron import build_model
from mtrain.records.dataset import Split
from mtrain.records.training import EpochRecord

CLASSES = 10

SCHEDULES = [
    {"name": "CosineDecay", "initial_learning_rate": 0.01, "decay_steps": 40, "alpha": 0.1},
    {
        "name": "CosineDecay",
        "initial_learning_rate": 0.0,
        "decay_steps": 30,
        "warmup_target": 0.01,
        "warmup_steps": 10,
    },
    {"name": "CosineDecayRestarts", "initial_learning_rate": 0.01, "first_decay_steps": 9},
    {
        "name": "ExponentialDecay",
        "initial_learning_rate": 0.01,
        "decay_steps": 10,
        "decay_rate": 0.5,
        "staircase": True,
    },
    {
        "name": "InverseTimeDecay",
        "initial_learning_rate": 0.01,
        "decay_steps": 10,
        "decay_rate": 0.5,
    },
    {"name": "PiecewiseConstantDecay", "boundaries": [7, 40], "values": [0.01, 0.002, 0.001]},
    {"name": "PolynomialDecay", "initial_learning_rate": 0.01, "decay_steps": 25, "cycle": True},
]


def random_split(rows=1000, features=784, classes=CLASSES, seed=0):
    """Images of prototypes under noise, uint8."""
    generator = np.random.default_rng(seed)
    prototypes = generator.integers(0, 256, (classes, features))
    labels = generator.integers(0, classes, rows).astype(np.int32)
    noisy = prototypes[labels] + generator.normal(0, 120, (rows, features))
    return Split(np.clip(noisy, 0, 255).astype(np.uint8), labels, np.arange(rows))


def as_float(split):
    return replace(split, features=split.features / np.float32(255))


def make_trainer(
    split, *, settings=None, divisor=255.0, val=None, seed=1, classes=CLASSES, **options
):
    config = load_config(settings or {}, {})
    dropout = dropout_layer(options.get("jit_compile", False))
    model = build_model(config.model, split.features.shape[1], classes, seed, dropout)
    network = make_network(model, build_loss(config.loss, classes), classes, divisor)
    options = {"epochs": 2, "batch_size": 32, "seed": seed} | options
    schedule = build_schedule(config.optimizer)
    return Trainer(
        network, build_optimizer(config.optimizer), Feed(split), val, schedule=schedule, **options
    )


def train(trainer):
    """Every epoch's record."""
    return [record for record in trainer.records() if isinstance(record, EpochRecord)]


def weights(trainer):
    return [array for name, array in trainer.state().arrays.items() if name.startswith("model/")]


def keras_weights(split, settings, *, seed=1, epochs=2, classes=CLASSES, **weights):
    """Stock `fit` from the same initial weights, in the order of the rows; and its history."""
    config = load_config(settings, {})
    model = build_model(config.model, split.features.shape[1], classes, seed)
    model.compile(
        build_optimizer(config.optimizer), build_loss(config.loss, classes), metrics=["accuracy"]
    )
    # Built within `fit`, ScheduleFreeAdamW forgets to begin with the weights.
    model.optimizer.build(model.trainable_variables)
    one_hot = not isinstance(model.loss, OF_LABELS) and classes > 2
    labels = np.eye(classes, dtype=np.float32)[split.labels] if one_hot else split.labels
    features = as_float(split).features
    history = model.fit(features, labels, epochs=epochs, shuffle=False, verbose=0, **weights)
    return [variable.numpy() for variable in model.variables], history.history


def random_weights(rows, seed=3):
    """Of very different sizes, some of them 0."""
    generator = np.random.default_rng(seed)
    weights = generator.exponential(2, rows) * (generator.random(rows) > 0.1)
    return weights.astype(np.float32)
