"""Weights and figures are those of stock Keras."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import dataset_config
from numpy.testing import assert_array_equal
from trainers import (
    SCHEDULES,
    as_float,
    keras_weights,
    make_trainer,
    random_split,
    random_weights,
    train,
    weights,
)

from mtrain.config.experiment.losses import LOSSES
from mtrain.config.experiment.optimizers import OPTIMIZERS
from mtrain.data.class_weights import row_weights
from mtrain.data.load import load_dataset

SETTINGS = [
    {"optimizer": "sgd"},
    {"optimizer": {"name": "sgd", "momentum": 0.9}},
    {"optimizer": {"name": "sgd", "momentum": 0.9, "nesterov": True}},
    {"optimizer": "rmsprop"},
    {"optimizer": "adam", "model": {"hidden": "40x2", "dropout": 0.3}},
    {"optimizer": "adam", "model": {"batch_norm": True, "l2": 0.01, "activation": "tanh"}},
    {"optimizer": {"name": "adam", "clipnorm": 0.1}, "model": {"hidden": []}},
    {"optimizer": "sgd", "model": {"activity": 0.01}},
    {"optimizer": "sgd", "loss": {"name": "auto", "label_smoothing": 0.1}},
]
OTHER_SETTINGS = [
    *({"optimizer": name} for name in OPTIMIZERS if name not in {"sgd", "rmsprop"}),
    *({"optimizer": "sgd", "loss": n} for n, s in LOSSES.items() if s.most_classes > 2),
    *({"optimizer": {"learning_rate": schedule}} for schedule in SCHEDULES),
]


@pytest.mark.parametrize(
    ("settings", "form"),
    [
        *((settings, form) for settings in SETTINGS for form in ("uint8", "float")),
        *((settings, "uint8") for settings in OTHER_SETTINGS),
    ],
    ids=str,
)
def test_graph_leaves_the_weights_of_stock_keras_to_the_bit(settings, form):
    """Two epochs of 1,000 rows at batch 32: 31 full steps and a ragged one of 8 rows."""
    split = random_split()
    theirs, history = keras_weights(split, settings)
    data, divisor = (split, 255.0) if form == "uint8" else (as_float(split), None)
    trainer = make_trainer(data, settings=settings, divisor=divisor, shuffle=False)
    records = train(trainer)

    for ours, other in zip(weights(trainer), theirs, strict=True):
        assert_array_equal(ours, other)
    assert records[-1].train.loss == pytest.approx(history["loss"][-1], rel=1e-5)
    right = np.trace(records[-1].train.confusion) / len(split)
    assert right == pytest.approx(history["accuracy"][-1], abs=1e-6)


@pytest.mark.parametrize("loss", [n for n, s in LOSSES.items() if s.least_classes == 2])
def test_two_classes_have_one_sigmoid_that_learns_as_keras_does(loss):
    """Losses of one output; the second class above 0.5."""
    split = random_split(classes=2, features=20)
    settings = {"optimizer": "sgd", "loss": loss}
    theirs, history = keras_weights(split, settings, classes=2)
    trainer = make_trainer(split, settings=settings, classes=2, shuffle=False)
    records = train(trainer)

    for ours, other in zip(weights(trainer), theirs, strict=True):
        assert_array_equal(ours, other)
    right = np.trace(records[-1].train.confusion) / len(split)
    assert right == pytest.approx(history["accuracy"][-1], abs=1e-6)


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "sgd"},
        {"optimizer": "adam", "model": {"l2": 0.01, "dropout": 0.2}},
        {"optimizer": "sgd", "loss": {"name": "auto", "label_smoothing": 0.1}},
    ],
    ids=str,
)
def test_weighted_rows_leave_the_weights_of_stock_keras_to_the_bit(settings, classes):
    """`fit(sample_weight=...)`: 31 full steps and a ragged one; the loss is weighted, not counts."""
    split = random_split(classes=classes, features=20)
    weighted = replace(split, weights=random_weights(1000))
    theirs, history = keras_weights(
        split, settings, classes=classes, sample_weight=weighted.weights
    )
    trainer = make_trainer(weighted, settings=settings, classes=classes, shuffle=False)
    records = train(trainer)

    for ours, other in zip(weights(trainer), theirs, strict=True):
        assert_array_equal(ours, other)
    assert records[-1].train.loss == pytest.approx(history["loss"][-1], rel=1e-5)
    right = np.trace(records[-1].train.confusion) / len(split)
    assert right == pytest.approx(history["accuracy"][-1], abs=1e-6)


@pytest.mark.parametrize("classes", [2, 5])
def test_weighted_classes_leave_the_weights_of_stock_keras_to_the_bit(classes):
    """`fit(class_weight=...)`; a class without a weight weighs 1."""
    split = random_split(classes=classes, features=20)
    settings = {"optimizer": "adam", "model": {"l2": 0.001}}
    theirs, _ = keras_weights(split, settings, classes=classes, class_weight={1: 7.3})
    names = tuple(map(str, range(classes)))
    by_class = row_weights(split.labels, names, {"1": 7.3})
    trainer = make_trainer(
        replace(split, weights=by_class), settings=settings, classes=classes, shuffle=False
    )
    train(trainer)

    for ours, other in zip(weights(trainer), theirs, strict=True):
        assert_array_equal(ours, other)


@pytest.mark.parametrize("classes", [2, 10])
def test_xla_with_weights_stays_within_1e_5_of_keras(classes):
    """20 steps, the last of them ragged."""
    split = replace(random_split(rows=630, classes=classes), weights=random_weights(630))
    settings = {"optimizer": "sgd", "model": {"l2": 0.001}}
    theirs, _ = keras_weights(
        split, settings, epochs=1, classes=classes, sample_weight=split.weights
    )
    options = {"classes": classes, "shuffle": False, "jit_compile": True}
    trainer = make_trainer(split, settings=settings, epochs=1, **options)
    train(trainer)

    for ours, other in zip(weights(trainer), theirs, strict=True):
        np.testing.assert_allclose(ours, other, atol=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_weights_of_one_change_nothing(jit_compile):
    """Not a bit; under XLA, which computes in another order, nothing but rounding."""
    split = random_split(rows=333, features=10)
    runs = []
    for weight in (None, np.ones(333, np.float32)):
        trainer = make_trainer(replace(split, weights=weight), jit_compile=jit_compile)
        runs.append((train(trainer), weights(trainer)))

    (plain, plain_weights), (ones, ones_weights) = runs
    for a, b in zip(plain_weights, ones_weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6 if jit_compile else 0)
    assert plain[-1].train.loss == pytest.approx(ones[-1].train.loss, rel=1e-6)


def test_xla_stays_within_1e_5_of_keras_for_20_steps():
    """784-64-10; after that rounding grows as in any training."""
    split = random_split(rows=640)
    theirs, _ = keras_weights(split, {"optimizer": "sgd"}, epochs=1)
    trainer = make_trainer(
        split, settings={"optimizer": "sgd"}, epochs=1, shuffle=False, jit_compile=True
    )
    train(trainer)

    for ours, other in zip(weights(trainer), theirs, strict=True):
        np.testing.assert_allclose(ours, other, atol=1e-5)


@pytest.mark.slow
def test_xla_and_graph_learn_mnist_equally_well(mnist_folder):
    """Ten seeds, each trained by both: a paired t test finds no difference of test accuracy at 1 %."""
    config = dataset_config(name="mnist", path=str(mnist_folder), samples=20_000, validation=None)
    data = load_dataset(config)
    graph, xla = (
        np.array([accuracy_after_an_epoch(data, seed, jit_compile) for seed in range(10)])
        for jit_compile in (False, True)
    )
    differences = xla - graph
    standard_error = np.std(differences, ddof=1) / np.sqrt(10)

    assert min(graph) > 0.85
    # Beyond 3.25 is Student's t of nine degrees of freedom in 1 % of cases. The error is that of
    # the differences: that of one mean has the spread of the seeds, which both share.
    assert abs(differences.mean()) <= 3.25 * standard_error
    assert standard_error < 0.002


def accuracy_after_an_epoch(data, seed, jit_compile):
    trainer = make_trainer(data.train, val=data.test, seed=seed, epochs=1, jit_compile=jit_compile)
    (record,) = train(trainer)
    return np.mean(record.val.predicted == record.val.labels)


def test_validation_is_what_keras_evaluate_says():
    """Loss with penalties, and accuracy."""
    split = random_split(rows=1500, features=40)
    trainer = make_trainer(split, settings={"model": {"l2": 0.01}}, val=split, epochs=1)
    (record,) = train(trainer)
    model = trainer._network.model
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    loss, right = model.evaluate(as_float(split).features, split.labels, verbose=0)

    assert record.val.loss == pytest.approx(loss, rel=1e-5)
    assert np.mean(record.val.predicted == record.val.labels) == pytest.approx(right)


@pytest.mark.parametrize("classes", [2, 10])
def test_a_weighted_validation_is_what_keras_evaluate_says(classes):
    """Two pieces, the second ragged; the penalty is not weighted. Predictions keep the weights."""
    rows = random_split(rows=1500, features=40, classes=classes)
    split = replace(rows, weights=random_weights(1500))
    settings = {"model": {"l2": 0.01}}
    trainer = make_trainer(rows, settings=settings, val=split, epochs=1, classes=classes)
    (record,) = train(trainer)
    model = trainer._network.model
    model.compile(loss=trainer._network.loss_function)
    loss = model.evaluate(
        as_float(split).features, split.labels, sample_weight=split.weights, verbose=0
    )

    assert record.val.loss == pytest.approx(loss, rel=1e-5)
    assert_array_equal(record.val.weights, split.weights)
    assert trainer._predictor.predict(rows).weights is None
