"""When each training row was learned and forgotten."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose, assert_array_equal
from trainers import as_float, make_trainer, random_split, train

from mtrain.engine.feed import epoch_order
from mtrain.engine.row_learning import (
    LEARNED_IN,
    MARGINS,
    STANDING,
    RowLearning,
    odds_of,
    row_learning_shapes,
)
from mtrain.errors import MtrainError
from mtrain.records.training import Cursor, Progress, TrainingState

RIGHT_IN_EPOCH = {
    "always": [1, 1, 1, 1, 1],
    "never": [0, 0, 0, 0, 0],
    "late": [0, 0, 1, 1, 1],
    "forgotten once": [1, 0, 0, 1, 1],
    "forgotten twice": [1, 0, 1, 0, 0],
    "at last": [0, 0, 0, 0, 1],
}


def test_events_worked_by_hand():
    """A row is forgotten where it is wrong after it was right the time before."""
    rows = RowLearning(np.array([0, 0, 0, 1, 1, 1]), 3)
    order = np.array([4, 1, 0, 5, 2, 3])
    for epoch, is_right in enumerate(np.transpose(list(RIGHT_IN_EPOCH.values())) == 1, 1):
        for part in (order[:4], order[4:]):
            odds = np.float32(2.0) ** part
            rows.count(epoch, part, np.where(is_right[part], odds, -1 / odds))

    assert rows.learned_in.tolist() == [1, 0, 3, 1, 1, 5]
    assert rows.forgotten.tolist() == [0, 0, 0, 1, 2, 0]
    assert rows.is_right.tolist() == [1, 0, 1, 1, 0, 1]
    assert_allclose(rows.margins, np.log(2) * np.array([0, -5, 2, 3, -4, -15]), rtol=1e-6)
    of_all, figures = rows.figures()
    assert of_all == {"learned": 5 / 6, "forgotten": 2 / 6}
    assert figures["learned"].tolist()[:2] == [2 / 3, 1.0]
    assert figures["forgotten"].tolist()[:2] == [0.0, 2 / 3]
    assert np.isnan([figures[name][2] for name in figures]).all()


def test_margins_are_differences_of_logits():
    """As of softmax, and no more than those of Keras' least probability."""
    logits = np.array([[2.0, -1.0, 0.5], [-3.0, 1.0, 0.0], [0.0, 200.0, 0.0]], np.float32)
    labels = np.array([0, 0, 1], np.int32)
    scores = tf.nn.softmax(logits)
    odds = odds_of(tf.constant(labels), tf.argmax(scores, 1, tf.int32), scores).numpy()
    rows = RowLearning(labels, 3)
    rows.count(1, np.arange(3), odds)
    assert_allclose(rows.margins, [1.5, -4.0, np.log(1e7)], rtol=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_of_equal_probabilities_the_lower_class_is_right(jit_compile):
    """As the confusion matrix counts."""
    labels, predicted = tf.constant([0, 1]), tf.constant([0, 0])
    scores = tf.constant([[0.5, 0.5, 0.0]] * 2)
    compiled = tf.function(odds_of, jit_compile=jit_compile)
    assert compiled(labels, predicted, scores).numpy().tolist() == [1, -1]


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_training_counts_what_its_predictions_say(jit_compile, classes):
    """A loop of NumPy over what the network said of each batch just before it learned from it."""
    split = as_float(random_split(rows=105, features=20, classes=classes))
    trainer = make_trainer(
        split,
        settings={"model": {"hidden": 8}, "optimizer": {"learning_rate": 0.03}},
        divisor=None,
        classes=classes,
        epochs=4,
        jit_compile=jit_compile,
        diagnostics=["rows"],
    )
    events, margins = np.zeros((105, 3), int), np.zeros(105)
    records, done, per_class = trainer.records(), set(), []
    for epoch in range(1, 5):
        order = epoch_order(105, 1, epoch).numpy()
        for step in range(4):
            trainer._chunk = 1
            rows = order[32 * step : 32 * step + 32]
            outputs = trainer._network.model(split.features[rows]).numpy()
            scores = np.hstack([1 - outputs, outputs]) if classes == 2 else outputs
            for row, score in zip(rows, scores, strict=True):
                label = split.labels[row]
                is_right = int(score.argmax() == label)
                if is_right and not events[row, 0]:
                    events[row, 0] = epoch
                events[row, 1] += events[row, 2] and not is_right
                events[row, 2] = is_right
                margins[row] += np.log(score[label] / np.delete(score, label).max())
            assert isinstance(next(records), Progress)
            done.add((epoch, step))
        per_class.append(next(records).train.per_class)

    assert len(done) == trainer.all_steps
    learned = trainer.learned_rows()
    assert_array_equal([learned.learned_in, learned.forgotten, learned.is_right], events.T)
    assert_allclose(learned.margins, margins / 4, rtol=1e-4, atol=1e-4)
    assert events[:, 1].any()
    for label in range(classes):
        learned = (events[split.labels == label, 0] > 0).mean()
        assert per_class[-1]["learned"][label] == learned


@pytest.mark.parametrize("jit_compile", [False, True])
def test_nothing_else_changes(jit_compile):
    """The weights are those of a training that does not look, to the last bit."""
    split = random_split(rows=300, features=30)
    settings = {"model": {"hidden": 20, "dropout": 0.2}}
    plain, looked_at = (
        make_trainer(split, settings=settings, jit_compile=jit_compile, diagnostics=diagnostics)
        for diagnostics in ([], ["rows"])
    )
    for trainer in (plain, looked_at):
        train(trainer)
    arrays = looked_at.state().arrays
    for name, array in plain.state().arrays.items():
        assert_array_equal(arrays.pop(name), array)
    assert sorted(arrays) == [LEARNED_IN, MARGINS, STANDING]
    assert sum(array.nbytes for array in arrays.values()) == 8 * 300


def test_more_epochs_than_two_bytes_count():
    """The arrays of a state are as narrow as they can be."""
    for epoch, dtype in ((65_535, "uint16"), (65_536, "uint32")):
        arrays = RowLearning(np.zeros(4, int), 2).state(epoch)
        assert {name: (a.dtype.name, a.shape) for name, a in arrays.items()} == {
            MARGINS: ("float32", (4,)),
            LEARNED_IN: (dtype, (4,)),
            STANDING: (dtype, (4,)),
        }
        assert row_learning_shapes(4, epoch)[STANDING] == (dtype, (4,))


@pytest.mark.parametrize(
    ("learned_in", "standing", "is_possible"),
    [
        (3, 1, True),
        (4, 1, False),
        (1, 3, True),
        (2, 2, True),
        (2, 3, False),
        (2, 0, False),
        (1, 4, False),
        (0, 1, False),
        (0, 0, True),
    ],
)
def test_events_that_no_training_has_are_refused(learned_in, standing, is_possible):
    """In the third epoch."""
    arrays = {MARGINS: np.zeros(1, np.float32)}
    arrays |= {LEARNED_IN: np.array([learned_in]), STANDING: np.array([standing])}
    if is_possible:
        rows = RowLearning(np.zeros(1, int), 2)
        rows.restore(arrays, 3)
        assert rows.state(3)[STANDING].tolist() == [standing]
        assert rows.figures()[0] == {"learned": learned_in > 0, "forgotten": standing > 1}
        return
    with pytest.raises(MtrainError, match="counts/rows/standing cannot be of rows in epoch 3"):
        RowLearning(np.zeros(1, int), 2).restore(arrays, 3)


def test_a_state_with_rows_says_what_its_arrays_are():
    """And refuses those of another number of rows."""
    trainer = make_trainer(random_split(rows=64, features=5), diagnostics=["rows"])
    state = trainer.state()
    shapes = trainer.shapes_at(Cursor(0, 0, 0.0, 0))
    assert shapes == {name: (a.dtype.name, a.shape) for name, a in state.arrays.items()}
    arrays = state.arrays | {LEARNED_IN: np.full(64, 2, np.uint16)}
    with pytest.raises(MtrainError, match="cannot be of rows in epoch 1"):
        trainer.restore(TrainingState(arrays, replace(state.cursor)))
