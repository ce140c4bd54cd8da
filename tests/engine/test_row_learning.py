"""When each training row was learned and forgotten."""

from __future__ import annotations

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
    signed_odds_of,
)
from mtrain.errors import MtrainError
from mtrain.records.training import OF_ROWS, SEEN, Cursor, EpochRecord, Progress, TrainingState

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
    assert rows.times_forgotten.tolist() == [0, 0, 0, 1, 2, 0]
    assert rows.is_right.tolist() == [1, 0, 1, 1, 0, 1]
    assert_allclose(rows.margin_sums, np.log(2) * np.array([0, -5, 2, 3, -4, -15]), rtol=1e-6)
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
    odds = signed_odds_of(tf.constant(labels), tf.argmax(scores, 1, tf.int32), scores).numpy()
    rows = RowLearning(labels, 3)
    rows.count(1, np.arange(3), odds)
    assert_allclose(rows.margin_sums, [1.5, -4.0, np.log(1e7)], rtol=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_of_equal_probabilities_the_lower_class_is_right(jit_compile):
    """As the confusion matrix counts."""
    labels, predicted = tf.constant([0, 1]), tf.constant([0, 0])
    scores = tf.constant([[0.5, 0.5, 0.0]] * 2)
    compiled = tf.function(signed_odds_of, jit_compile=jit_compile)
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
    records, per_class = trainer.records(), []
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
        per_class.append(next(records).train.per_class)

    learned = trainer.learned_rows()
    assert_array_equal([learned.learned_in, learned.times_forgotten, learned.is_right], events.T)
    assert_allclose(learned.margins, margins / 4, rtol=1e-4, atol=1e-4)
    assert events[:, 1].any()
    for label in range(classes):
        share = (events[split.labels == label, 0] > 0).mean()
        assert per_class[-1]["learned"][label] == share


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("steps_per_epoch", [None, 2])
def test_chunks_of_many_steps_count_as_single_ones(jit_compile, steps_per_epoch):
    """Within an epoch, too; rows that an epoch leaves out are not counted, and none has a margin."""
    split = random_split(rows=105, features=20)
    options = {"epochs": 3, "jit_compile": jit_compile, "diagnostics": ["rows"]}
    single, whole = (
        make_trainer(split, steps_per_epoch=steps_per_epoch, **options) for _ in range(2)
    )
    for _ in whole.records():
        whole._chunk = 100
    for _ in single.records():
        single._chunk = 1
        if steps_per_epoch is None and single.is_within_epoch and single._epoch == 1:
            first = epoch_order(105, 1, 2).numpy()[: 32 * single._step]
            seen = np.ones(105)
            seen[first] = 2
            assert_array_equal(single.state().arrays[SEEN], seen)

    for name in ("learned_in", "times_forgotten", "is_right", "margins"):
        assert_array_equal(
            getattr(single.learned_rows(), name), getattr(whole.learned_rows(), name)
        )
    last = [
        epoch_order(105, 1, epoch).numpy()[: 32 * (steps_per_epoch or 4)] for epoch in (1, 2, 3)
    ]
    seen = np.bincount(np.concatenate(last), minlength=105)
    learned = whole.learned_rows()
    assert_array_equal(whole._learning.seen, seen)
    assert_array_equal(np.isnan(learned.margins), seen == 0)
    assert set(learned.never_learned) == set(np.flatnonzero((learned.learned_in == 0) & (seen > 0)))
    assert (np.diff(learned.margins[learned.never_learned]) >= 0).all()
    share = (learned.learned_in > 0).sum() / (seen > 0).sum()
    assert whole._learning.figures()[0]["learned"] == share


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
    assert sorted(arrays) == sorted([LEARNED_IN, MARGINS, SEEN, STANDING])
    assert arrays[SEEN].tolist() == [2] * 300
    assert sum(array.nbytes for array in arrays.values()) == 7 * 300


def test_counts_hold_a_row_that_was_forgotten_as_often_as_can_be():
    """Right in every second epoch, until one byte and until two bytes are needed."""
    for epochs in (255, 256):
        rows, again = (RowLearning(np.zeros(1, int), 2) for _ in range(2))
        for epoch in range(1, epochs + 1):
            odds = np.array([2 if epoch % 2 else -2], np.float32)
            rows.count(epoch, np.zeros(1, np.int32), odds)
        again.restore(rows.state(epochs), epochs)
        assert again.times_forgotten.tolist() == [epochs // 2]
        assert again.is_right.tolist() == [epochs % 2 == 1]
        assert again.seen.tolist() == [epochs]


def test_counts_take_as_few_bytes_as_their_epoch_needs():
    for epoch, dtype in ((255, "uint8"), (256, "uint16"), (65_535, "uint16"), (65_536, "uint32")):
        rows = RowLearning(np.zeros(4, int), 2)
        arrays = rows.state(epoch)
        assert {name: (a.dtype.name, a.shape) for name, a in arrays.items()} == {
            MARGINS: ("float32", (4,)),
            LEARNED_IN: (dtype, (4,)),
            STANDING: (dtype, (4,)),
            SEEN: (dtype, (4,)),
        }
        assert rows.shapes(epoch)[STANDING] == (dtype, (4,))


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
    arrays = {MARGINS: np.zeros(1, np.float32), SEEN: np.array([3])}
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
    for name, values, message in (
        (LEARNED_IN, np.full(64, 1, np.uint8), "standing cannot be of rows in epoch 0"),
        (SEEN, np.full(64, 1, np.uint8), "standing cannot be of rows in epoch 0"),
        (MARGINS, np.full(64, 0.1, np.float32), "margins are larger than margins can be"),
    ):
        with pytest.raises(MtrainError, match=message):
            trainer.restore(TrainingState(state.arrays | {name: values}, state.cursor))


def test_a_state_without_rows_begins_to_count_them():
    """As of a run that goes on with other rows."""
    split = random_split(rows=64, features=5)
    first, second = (make_trainer(split, epochs=2, diagnostics=["rows"]) for _ in range(2))
    for record in first.records():
        if isinstance(record, EpochRecord):
            break
    arrays = {name: a for name, a in first.state().arrays.items() if not name.startswith(OF_ROWS)}
    second.restore(TrainingState(arrays, first.state().cursor))
    train(second)
    assert second._learning.seen.tolist() == [1] * 64
    assert set(second.learned_rows().learned_in) <= {0, 2}
