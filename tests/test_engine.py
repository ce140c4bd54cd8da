from __future__ import annotations

import math
import re
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import dataset_config
from numpy.testing import assert_array_equal

from mtrain.config.experiment.losses import LOSSES
from mtrain.config.experiment.optimizers import OPTIMIZERS
from mtrain.config.loading.load import load_config
from mtrain.data.class_weights import row_weights
from mtrain.data.load import load_dataset
from mtrain.engine.device import (
    Device,
    choose_compilation,
    choose_device,
    leaves_cpus_idle,
    thread_count,
)
from mtrain.engine.feed import Feed
from mtrain.engine.network import OF_LABELS, make_network
from mtrain.engine.predictor import ROWS_A_CALL, Predictor
from mtrain.engine.threads import choose_threads
from mtrain.engine.trainer import Trainer
from mtrain.errors import DivergedError, MtrainError, UsageError
from mtrain.metrics.scores import top_k_hits
from mtrain.model.counters import build_counters
from mtrain.model.dropout import XlaDropout, dropout_layer
from mtrain.model.loss import build_loss
from mtrain.model.optimizer import build_optimizer, build_schedule
from mtrain.model.perceptron import build_model, list_layers
from mtrain.records.dataset import Split
from mtrain.records.training import EpochRecord, Progress, TrainingState

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
        network, build_optimizer(config.optimizer), split, val, schedule=schedule, **options
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


def random_weights(rows, seed=3):
    """Of very different sizes, some of them 0."""
    generator = np.random.default_rng(seed)
    weights = generator.exponential(2, rows) * (generator.random(rows) > 0.1)
    return weights.astype(np.float32)


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


@pytest.mark.parametrize("jit_compile", [False, True])
def test_every_row_is_counted_once_an_epoch(jit_compile):
    """By class; the order of an epoch is a permutation, another one each epoch."""
    split = random_split(rows=333, features=10)
    trainer = make_trainer(split, jit_compile=jit_compile, batch_size=50)
    records = train(trainer)

    for record in records:
        assert_array_equal(
            record.train.confusion.sum(axis=1), np.bincount(split.labels, minlength=10)
        )
    feed = Feed(split, shuffle=True, seed=0)
    orders = [feed.order(epoch).numpy() for epoch in (1, 2)]
    assert sorted(orders[0]) == list(range(333))
    assert not np.array_equal(*orders)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_same_seed_gives_the_same_run(jit_compile):
    """Weights and counts, whatever the chunks; another seed gives another."""
    split = random_split(rows=700, features=50)
    runs = []
    for seed, chunk in ((1, 1), (1, 16), (2, 1)):
        trainer = make_trainer(split, seed=seed, jit_compile=jit_compile)
        trainer._chunk = chunk
        runs.append((train(trainer), weights(trainer)))

    (one, one_weights), (again, again_weights), (_, other_weights) = runs
    assert [r.train.loss for r in one] == [r.train.loss for r in again]
    for a, b in zip(one_weights, again_weights, strict=True):
        assert_array_equal(a, b)
    assert not np.array_equal(one_weights[0], other_weights[0])


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("stop_after", [1, 3, 7, 11])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_state_taken_out_and_put_back_goes_on_to_the_bit(jit_compile, stop_after, weighted):
    """Within an epoch and between two, with dropout, batch normalisation, Adam and a schedule."""
    split, val = random_split(rows=500, features=30), random_split(rows=100, features=30)
    if weighted:
        split = replace(split, weights=random_weights(500))
    settings = {
        "model": {"hidden": 20, "dropout": 0.2, "batch_norm": True},
        "optimizer": {"learning_rate": SCHEDULES[1]},
    }

    def fresh():
        trainer = make_trainer(split, settings=settings, val=val, epochs=3, jit_compile=jit_compile)
        trainer._chunk = 4
        return trainer

    whole = fresh()
    expected = train(whole)
    first = fresh()
    seen = []
    for number, record in enumerate(first.records(), 1):
        if isinstance(record, EpochRecord):
            seen.append(record)
        if number == stop_after:
            break
    second = fresh()
    second.restore(first.state())
    seen += train(second)

    assert [r.epoch for r in seen] == [1, 2, 3]
    for ours, theirs in zip(seen, expected, strict=True):
        assert ours.train.loss == theirs.train.loss
        assert_array_equal(ours.train.confusion, theirs.train.confusion)
        assert_array_equal(ours.val.probabilities, theirs.val.probabilities)
    for name, array in whole.state().arrays.items():
        assert_array_equal(second.state().arrays[name], array)


@pytest.mark.parametrize(
    ("optimizer", "jit_compile"), [*((name, False) for name in OPTIMIZERS), ("nadam", True)]
)
def test_a_state_holds_all_that_an_optimizer_remembers(optimizer, jit_compile):
    """Two epochs in two trainers are those in one, to the bit."""
    split = random_split(rows=300, features=30)
    settings = {"model": {"hidden": 20}, "optimizer": optimizer}
    whole = make_trainer(split, settings=settings, jit_compile=jit_compile)
    train(whole)
    first, second = (
        make_trainer(split, settings=settings, jit_compile=jit_compile) for _ in range(2)
    )
    for record in first.records():
        if isinstance(record, EpochRecord):
            break
    second.restore(first.state())
    train(second)

    for name, array in whole.state().arrays.items():
        assert_array_equal(second.state().arrays[name], array)


def test_progress_tells_steps_and_rows():
    """Up to all of them, the ragged step included."""
    trainer = make_trainer(random_split(rows=100, features=5), epochs=1, batch_size=30)
    progress = [record for record in trainer.records() if isinstance(record, Progress)]

    assert progress[-1].step == progress[-1].steps == 4
    assert progress[-1].rows == progress[-1].tally.confusion.sum() == 100


def test_fewer_rows_than_a_batch_are_one_step():
    """Neither dropped nor padded."""
    (record,) = train(make_trainer(random_split(rows=7, features=5), epochs=1))

    assert record.train.confusion.sum() == 7


def test_top_k_is_counted_while_training_as_for_a_validation():
    """One epoch with a learning rate too small to move anything."""
    split = random_split(rows=200, features=20)
    settings = {"optimizer": {"name": "sgd", "learning_rate": 1e-30}}
    trainer = make_trainer(split, settings=settings, val=split, epochs=1, top_k=3)
    (record,) = train(trainer)

    assert record.train.top_k == top_k_hits(record.val.labels, record.val.probabilities, 3)
    assert_array_equal(np.bincount(split.labels, minlength=10), record.train.confusion.sum(axis=1))


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


def test_predictions_do_not_depend_on_how_many_rows_follow():
    """Pieces of fixed size: the first rows of a split are predicted as those rows alone."""
    split = random_split(rows=2 * ROWS_A_CALL + 52, features=40)
    predictor = Predictor(make_trainer(split)._network, split.features.dtype)

    some = slice(ROWS_A_CALL)
    first = Split(split.features[some], split.labels[some], split.rows[some])
    whole = predictor.predict(split).probabilities[some]
    assert_array_equal(whole, predictor.predict(first).probabilities)


def test_predictions_do_not_depend_on_how_many_pieces_are_under_way(monkeypatch):
    """One after the other, or all at once: each row has its own, and the loss is the same."""
    split = random_split(rows=5 * ROWS_A_CALL + 52, features=40)
    predictor = Predictor(make_trainer(split)._network, split.features.dtype)
    monkeypatch.setattr("mtrain.engine.predictor.cpu_count", lambda: 4)
    found = []
    for idle in (False, True):
        monkeypatch.setattr("mtrain.engine.predictor.leaves_cpus_idle", lambda idle=idle: idle)
        found.append(predictor.predict(split))

    assert_array_equal(found[0].probabilities, found[1].probabilities)
    assert found[0].loss == found[1].loss


def test_a_loss_that_is_not_finite_stops_the_training():
    """With the epoch and what may help."""
    split = random_split(rows=300, features=20)
    settings = {"optimizer": {"name": "sgd", "learning_rate": 1e30}, "model": {"hidden": "9x3"}}
    with pytest.raises(DivergedError, match=r"epoch 1, step \d+: the loss is"):
        train(make_trainer(split, settings=settings))


def test_a_weight_that_is_not_finite_stops_the_training():
    """A dead ReLU can hide it from the loss.

    No feature is 0: times infinity it is NaN, which a ReLU hides on some processors alone.
    """
    split = random_split(rows=64, features=5)
    split = replace(split, features=np.maximum(split.features, 1))
    trainer = make_trainer(split, settings={"model": {"hidden": 4}})
    records = trainer.records()
    next(records)
    kernel = trainer._network.model.layers[0].kernel
    bias = trainer._network.model.layers[0].bias
    bias.assign(np.full(4, -1e9))
    poisoned = kernel.numpy().copy()
    poisoned[0, 0] = -np.inf
    kernel.assign(poisoned)
    with pytest.raises(DivergedError, match="model/hidden_1/kernel is no longer finite"):
        list(records)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_the_rate_of_a_schedule_is_that_of_the_last_step(schedule, jit_compile):
    """As Keras' own schedule says for the steps done, one less: it counts from 0."""
    settings = {"optimizer": {"name": "sgd", "learning_rate": schedule}}
    trainer = make_trainer(
        random_split(rows=300, features=5), settings=settings, epochs=3, jit_compile=jit_compile
    )
    parameters = {key: value for key, value in schedule.items() if key != "name"}
    theirs = getattr(keras.optimizers.schedules, schedule["name"])(**parameters)

    for epoch, record in enumerate(train(trainer), 1):
        assert np.float32(record.learning_rate) == np.float32(theirs(10 * epoch - 1))


def test_the_learning_rate_can_be_set_between_epochs():
    """It holds from the next step on, and a state keeps it."""
    split = random_split(rows=64, features=5)
    trainer = make_trainer(split, epochs=2)
    records = trainer.records()
    rates = []
    for record in records:
        if isinstance(record, EpochRecord):
            rates.append(record.learning_rate)
            trainer.learning_rate = 0.0003
    other = make_trainer(split, epochs=2)
    other.restore(trainer.state())

    assert rates == [0.001, 0.0003]
    assert other.learning_rate == pytest.approx(0.0003)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epoch": 9}, "epoch must be a number from 0 to 2, got 9"),
        ({"step": 5}, "step must be a number from 0 to 4, got 5"),
        ({"top_k_hits": 101}, "top_k_hits must be a number from 0 to 100, got 101"),
        ({"step": 2}, "counts/confusion does not count the rows of 2 steps"),
    ],
)
def test_a_state_that_no_training_has_is_refused(change, message):
    """After one of four steps of 30 rows."""
    trainer = make_trainer(random_split(rows=100, features=5), batch_size=30)
    next(trainer.records())
    state = trainer.state()
    with pytest.raises(MtrainError) as error:
        trainer.restore(TrainingState(state.arrays, replace(state.cursor, **change)))

    assert str(error.value) == message


def test_a_state_says_what_its_arrays_are():
    """Names, types and shapes: what a checkpoint is compared with before it is read."""
    trainer = make_trainer(random_split(rows=64, features=5), settings={"model": {"hidden": 3}})
    for step, counted in ((0, (0,)), (1, (10, 10))):
        if step:
            next(trainer.records())
        arrays, shapes = trainer.state().arrays, trainer.shapes_at(step)
        assert shapes == {name: (a.dtype.name, a.shape) for name, a in arrays.items()}
        assert shapes["model/hidden_1/kernel"] == ("float32", (5, 3))
        assert shapes["counts/confusion"] == ("int32", counted)


def test_a_weight_that_is_not_finite_is_not_saved():
    """Within an epoch, where a dead ReLU hides it from the loss."""
    trainer = make_trainer(random_split(rows=64, features=5))
    next(trainer.records())
    trainer._network.model.layers[0].bias.assign(np.full(64, np.nan))
    with pytest.raises(DivergedError, match=r"epoch 1: model/hidden_1/bias is no longer finite"):
        trainer.state()


def test_what_the_optimizer_remembers_is_finite_too():
    """Squared gradients overflow before the loss does; such a state could not be read again."""
    trainer = make_trainer(random_split(rows=64, features=5))
    next(trainer.records())
    name = "optimizer/mlp_output_bias_velocity"
    trainer._variables[name].assign(np.full(10, np.inf))
    with pytest.raises(DivergedError, match=f"epoch 1: {name} is no longer finite"):
        trainer.state()


def test_inputs_that_are_not_scaled_are_named_as_the_cause():
    """Rather than the learning rate."""
    settings = {"optimizer": {"name": "sgd", "learning_rate": 10}, "model": {"hidden": "9x3"}}
    trainer = make_trainer(random_split(rows=300), settings=settings, divisor=None)
    with pytest.raises(DivergedError, match=r"up to 255, are not scaled; set dataset.scale"):
        train(trainer)


@pytest.mark.parametrize(
    ("hidden", "parameters"), [(30, 23_860), ("500x2", 648_010), ("500x5", 1_399_510), ([], 7_850)]
)
def test_models_have_the_parameters_of_the_tutorials(hidden, parameters):
    """And each layer what Keras counts."""
    config = load_config({"model": {"hidden": hidden, "batch_norm": False}}, {})
    model = build_model(config.model, 784, 10, 0)
    layers = list_layers(model)

    assert sum(layer.parameters for layer in layers) == model.count_params() == parameters


def test_layers_say_which_parameters_are_not_trained():
    """Half of batch normalisation's."""
    config = load_config({"model": {"hidden": 30, "batch_norm": True, "dropout": 0.5}}, {})
    model = build_model(config.model, 784, 10, 0)
    layers = list_layers(model)

    assert [layer.kind for layer in layers] == [
        "Dense",
        "BatchNormalization",
        "Activation",
        "Dropout",
        "Dense",
    ]
    trainable = sum(np.prod(weight.shape) for weight in model.trainable_weights)
    assert sum(layer.trainable for layer in layers) == trainable
    assert layers[0].output_shape == (None, 30)


def test_dropout_and_initial_weights_come_from_the_seed():
    """Layer by layer, none the same."""
    config = load_config({"model": {"hidden": "784x2"}}, {})
    first, second, _ = (
        layer.kernel.numpy() for layer in build_model(config.model, 784, 10, 5).layers
    )

    assert not np.array_equal(first, second)
    assert_array_equal(first, build_model(config.model, 784, 10, 5).layers[0].kernel.numpy())


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_dropout_under_xla_drops_as_many_and_scales_the_rest(rate):
    """Of 64 units over 1,000 rows, in every step others; no unit and no row is spared."""
    layer = XlaDropout(rate, seed=3)
    ones = tf.ones((1000, 64))
    compiled = tf.function(lambda: layer(ones, training=True), jit_compile=True, autograph=False)
    first, second = compiled().numpy(), compiled().numpy()

    assert_array_equal(layer(ones, training=False), ones)
    for mask in (first, second):
        assert set(np.unique(mask)) == {0, np.float32(1) / np.float32(1 - rate)}
        spread = np.sqrt(rate * (1 - rate) / mask.size)
        assert np.mean(mask == 0) == pytest.approx(rate, abs=5 * spread)
        for axis in (0, 1):
            dropped = (mask == 0).mean(axis=axis)
            expected = rate * (1 - rate) / mask.shape[axis]
            assert dropped.var() == pytest.approx(expected, rel=0.8)
    both = np.mean((first == 0) & (second == 0))
    assert both == pytest.approx(rate**2, abs=0.01)


def test_compilation_is_chosen_by_rule():
    """As asked; else by batch size and device alone."""
    cpu, gpu = Device("cpu", "CPU", ""), Device("gpu", "GPU", "")

    def chosen(device, **training):
        return choose_compilation(load_config({"training": training}, {}), device)

    assert chosen(cpu, compile="graph") == "graph"
    assert chosen(cpu, batch_size=32) == "xla"
    assert chosen(cpu, batch_size=1200) == "xla"
    assert chosen(cpu, batch_size=4096) == "graph"
    assert chosen(gpu, batch_size=4096) == "xla"


def test_threads_are_chosen_by_rule(monkeypatch):
    """One for 32 rows times 784 * 30 + 30 * 10 weights, all for 1,200 rows of them."""
    monkeypatch.setattr("mtrain.engine.threads.cpu_count", lambda: 64)

    assert choose_threads((784, 30, 10), 32) == 1
    assert choose_threads((784, 30, 10), 1200) == 64
    assert choose_threads((784, 500, 500, 10), 32) == 64


@pytest.mark.parametrize("asked", ["-1", "2.5", "nonsense", " ", "99999999999", "1025"])
def test_threads_that_tensorflow_cannot_have_are_refused(monkeypatch, asked):
    """It would abort, hang or ignore them; 0 and nothing are its own ways to say all CPUs."""
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", asked)
    message = f"TF_NUM_INTRAOP_THREADS: must be a number of threads up to 1,024, got {asked!r}"
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        choose_device("cpu", 1)


def test_a_limit_on_threads_is_a_wish_to_leave_cpus_to_others(monkeypatch):
    """Predictions fill them where the rule chose one thread for an operation, and only there."""
    threading = "mtrain.engine.device.tf.config.threading.get_intra_op_parallelism_threads"
    monkeypatch.setattr("mtrain.engine.device.cpu_count", lambda: 4)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    for ours, idle, threads in ((0, False, 1), (1, True, 1), (4, False, 4)):
        monkeypatch.setattr(threading, lambda ours=ours: ours)
        assert leaves_cpus_idle() == idle
        assert thread_count() == threads


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_an_error():
    """And no silent fallback; `auto` says why it takes the CPU."""
    with pytest.raises(MtrainError, match="--device gpu: "):
        choose_device("gpu")
    assert "GPU" in choose_device("auto").reason
    assert choose_device("auto").kind == "cpu"


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


@pytest.mark.parametrize("steps", [3, 4, 5])
def test_an_epoch_of_some_steps_is_one_of_the_first_rows(steps):
    """Of 100 rows in batches of 32: three full steps, a ragged one, and no fifth."""
    split = random_split(rows=100)
    first = slice(0, steps * 32)
    rows = Split(split.features[first], split.labels[first], split.rows[first])
    some = make_trainer(split, shuffle=False, steps_per_epoch=steps)
    all_of_them = make_trainer(rows, shuffle=False)

    for limited, whole in zip(train(some), train(all_of_them), strict=True):
        assert limited.train.loss == whole.train.loss
        assert_array_equal(limited.train.confusion, whole.train.confusion)
    for ours, theirs in zip(weights(some), weights(all_of_them), strict=True):
        assert_array_equal(ours, theirs)


@pytest.mark.parametrize("model", [{"hidden": []}, {"hidden": 4, "activation": "linear"}])
def test_a_network_without_an_activation_has_norms_alone(model):
    trainer = make_trainer(
        random_split(rows=100), settings={"model": model}, epochs=1, diagnostics=DIAGNOSTICS
    )
    (record,) = train(trainer)
    assert set(record.train.scalars) == {"gradient_norm", "weight_norm"}
