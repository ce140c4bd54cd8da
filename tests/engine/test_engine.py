from __future__ import annotations

from dataclasses import replace
from functools import cache

import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from trainers import SCHEDULES, make_trainer, random_split, random_weights, train, weights

from mtrain.config.experiment.optimizers import OPTIMIZERS
from mtrain.engine.feed import epoch_order
from mtrain.engine.predictor import Predictor
from mtrain.errors import DivergedError, MtrainError
from mtrain.metrics.scores import top_k_hits
from mtrain.records.dataset import Split
from mtrain.records.training import ROWS_A_CALL, EpochRecord, Progress, TrainingState


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
    orders = [epoch_order(333, 0, epoch).numpy() for epoch in (1, 2)]
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


def fresh_trainer(jit_compile, weighted):
    """Of three epochs, with much that a state has to hold."""
    split, val = random_split(rows=500, features=30), random_split(rows=100, features=30)
    if weighted:
        split = replace(split, weights=random_weights(500))
    settings = {
        "model": {"hidden": 20, "dropout": 0.2, "batch_norm": True},
        "optimizer": {"learning_rate": SCHEDULES[1]},
    }
    options = {"epochs": 3, "jit_compile": jit_compile, "diagnostics": ["rows"]}
    trainer = make_trainer(split, settings=settings, val=val, **options)
    trainer._chunk = 4
    return trainer


@cache
def uninterrupted(jit_compile, weighted):
    """That trainer, which is never stopped, with its records and its last arrays."""
    trainer = fresh_trainer(jit_compile, weighted)
    return trainer, train(trainer), trainer.state().arrays


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("stop_after", [1, 3, 7, 11])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_state_taken_out_and_put_back_goes_on_to_the_bit(jit_compile, stop_after, weighted):
    """Within an epoch and between two, with dropout, batch normalisation, Adam and a schedule."""
    whole, expected, arrays = uninterrupted(jit_compile, weighted)
    first, second = (fresh_trainer(jit_compile, weighted) for _ in range(2))
    for trainer in (first, second):
        trainer.share_functions_of(whole)  # compiled once
        trainer._chunk = 4
    seen = []
    for number, record in enumerate(first.records(), 1):
        if isinstance(record, EpochRecord):
            seen.append(record)
        if number == stop_after:
            break
    second.restore(first.state())
    seen += train(second)

    assert [r.epoch for r in seen] == [1, 2, 3]
    for name in ("learned_in", "times_forgotten", "margins"):
        assert_array_equal(
            getattr(second.learned_rows(), name), getattr(whole.learned_rows(), name)
        )
    for ours, theirs in zip(seen, expected, strict=True):
        assert ours.train.loss == theirs.train.loss
        assert ours.train.scalars == theirs.train.scalars
        assert_array_equal(ours.train.per_class["learned"], theirs.train.per_class["learned"])
        assert_array_equal(ours.train.confusion, theirs.train.confusion)
        assert_array_equal(ours.val.probabilities, theirs.val.probabilities)
    for name, array in arrays.items():
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
    for trainer in (first, second):
        trainer.share_functions_of(whole)  # compiled once
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
        state = trainer.state()
        arrays, shapes = state.arrays, trainer.shapes_at(state.cursor)
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
