"""The file of when each training row was learned."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from mtrain.errors import MtrainError
from mtrain.metrics.history import History
from mtrain.metrics.learning import class_learning
from mtrain.records.run import Segment
from mtrain.records.training import LearnedRows
from mtrain.report.remarks import learning_line, learning_lines
from mtrain.run.history import read_history
from mtrain.run.learning import write_learning
from mtrain.run.suspects import count_suspects, write_suspects

LEARNED = LearnedRows(
    rows=np.array([7, 4, 9]),
    names=np.array(["a.png", "b.png", "c.png"]),
    labels=np.array([1, 0, 1], np.int32),
    learned_in=np.array([1, 0, 3]),
    times_forgotten=np.array([2, 0, 0]),
    is_right=np.array([False, False, True]),
    margins=np.array([0.5, -1.25, np.nan], np.float32),
)


def test_rows_as_a_table(tmp_path):
    """What was never counted is missing."""
    path = tmp_path / "learning.parquet"
    write_learning(path, LEARNED, ("no", "yes"))

    assert pq.read_table(path).to_pylist() == [
        {"row": row, "file": file, "class": name, "learned_in": learned_in}
        | {"times_forgotten": forgotten, "right": right, "margin": margin}
        for row, file, name, learned_in, forgotten, right, margin in [
            (7, "a.png", "yes", 1, 2, False, 0.5),
            (4, "b.png", "no", None, 0, False, -1.25),
            (9, "c.png", "yes", 3, 0, True, None),
        ]
    ]
    write_learning(path, replace(LEARNED, names=None), ("no", "yes"))
    assert "file" not in pq.read_schema(path).names


def seven_rows():
    """Of 'no' four were seen, two of them never right; of 'yes' two and none; a row of it was not seen."""
    return LearnedRows(
        rows=np.arange(7),
        names=None,
        labels=np.array([0, 0, 0, 0, 1, 1, 1], np.int32),
        learned_in=np.array([1, 3, 0, 0, 3, 3, 0], np.int32),
        times_forgotten=np.array([1, 0, 0, 0, 0, 0, 0], np.int32),
        is_right=np.array([False, True, False, False, True, True, False]),
        margins=np.array([0.5, 1, -1, -0.25, 2, 2, np.nan], np.float32),
    )


def three_epochs():
    """The history of these rows."""
    by_class = {
        "learned": [np.array([0.25, 0]), np.array([0.25, 0]), np.array([0.5, 1])],
        "forgotten": [np.array([0, 0]), np.array([0.25, 0]), np.array([0.25, 0])],
    }
    return History(
        "a run",
        ("no", "yes"),
        epoch=[1, 2, 3],
        scalars={"learned": [1 / 6, 1 / 6, 4 / 6], "forgotten": [0, 1 / 6, 1 / 6]},
        counts={"train": {"tp": [np.array([1, 0])] * 3, "fn": [np.array([3, 2])] * 3}},
        per_class={"train": by_class},
        segments=[Segment((1, 3))],
    )


def test_rows_never_learned_are_counted(tmp_path):
    """Worked by hand; the list of suspects has every one of them."""
    path, learned = tmp_path / "suspects.csv", seven_rows()
    assert count_suspects(path, ("no", "yes")) is None
    rows = learned.never_learned
    assert rows.tolist() == [2, 3]
    write_suspects(path, learned, ("no", "yes"), rows, np.array([1, 1]))

    never = count_suspects(path, ("no", "yes"))
    assert never.tolist() == [2, 0]
    assert count_suspects(path, ("yes", "more", "no")).tolist() == [0, 0, 2]
    learning = class_learning(three_epochs(), never)
    assert [learning_line(one) for one in learning] == [
        "half learned in epoch 3; 25 % forgotten since; 2 rows never learned",
        "half learned in epoch 3; 0 % forgotten since; 0 rows never learned",
    ]
    assert list(learning_lines(three_epochs(), learning)) == [
        "33.3 % of the training rows were never learned (2 rows), 16.7 % were forgotten at least once",
        f"Least of all classes 'no' was learned for good: {learning_line(learning[0])}",
    ]


def test_without_counts_there_are_shares():
    """The file may be of an earlier epoch than the history: of a run that was resumed, and killed."""
    history = three_epochs()
    before = history.until(2)
    for learning in (
        class_learning(before),
        class_learning(before, np.array([2, 0])),
        class_learning(before, np.array([0, 2])),
    ):
        assert [learning_line(one) for one in learning] == [
            "half learned in no epoch; 25 % forgotten since; 75 % never learned",
            "half learned in no epoch; 0 % forgotten since; 100 % never learned",
        ]


@pytest.mark.parametrize("rows", [7, 10**6, 3 * 10**7])
def test_a_count_of_rows_is_known_by_its_share(rows):
    """Of any number of rows, of one row, and of a class without rows; a row more or less is another count."""
    history = three_epochs()
    history.per_class["train"]["learned"][-1] = np.array([(rows - 1) / rows, np.nan])
    history.counts["train"] = {"tp": [np.array([0, 0])] * 3, "fn": [np.array([rows, 0])] * 3}

    assert class_learning(history, np.array([1, 0]))[0].never_right == 1
    for never in ([0, 0], [1, 1], [2, 0]):
        assert class_learning(history, np.array(never))[0].never_right is None
    assert class_learning(three_epochs(), np.array([2, 1]))[1].never_right is None


def test_rows_that_epochs_leave_out_are_not_counted():
    """Epochs had two and three of four rows: two never right are half of them, one would be half of two."""
    history = three_epochs()
    history.counts["train"]["fn"] = [np.array([1, 1]), np.array([2, 2]), np.array([2, 1])]

    assert class_learning(history, np.array([2, 0]))[0].never_right == 2
    assert class_learning(history, np.array([1, 0]))[0].never_right is None


def test_another_table_is_no_list_of_suspects(tmp_path):
    path = tmp_path / "suspects.csv"
    path.write_text("row,true,like,margin\n1,yes,no,-1\n")
    with pytest.raises(MtrainError, match="as mtrain writes it: 'yes' is not a class of the run"):
        count_suspects(path, ("no", "maybe"))
    path.write_text("row,like\n1,yes\n")
    with pytest.raises(MtrainError, match="not a list of suspects as mtrain writes it: no 'true'"):
        count_suspects(path, ("no", "yes"))


def test_a_folder_that_is_missing_is_an_error_of_mtrains(tmp_path):
    with pytest.raises(MtrainError, match="No such file"):
        write_learning(tmp_path / "no" / "learning.parquet", LEARNED, ("no", "yes"))


def test_a_run_says_the_same_by_row_and_by_class(finished_run):
    """Shares of its classes are those of its rows; an epoch has every training row once."""
    table = pq.read_table(finished_run / "learning.parquet")
    history = read_history(finished_run)
    learned_in = np.array([row or 0 for row in table["learned_in"].to_pylist()])
    forgotten, names = table["times_forgotten"].to_numpy(), np.array(table["class"].to_pylist())

    assert len(table) == history.class_counts("train", -1).support.sum()
    assert history.scalars["learned"][-1] == (learned_in > 0).mean()
    assert history.scalars["forgotten"][-1] == (forgotten > 0).mean()
    for one in class_learning(
        history, count_suspects(finished_run / "suspects.csv", history.classes)
    ):
        rows = names == one.name
        assert one.learned == (learned_in[rows] > 0).mean()
        assert one.never_right == (learned_in[rows] == 0).sum()
        assert one.forgotten == (forgotten[rows] > 0).mean()
        first = np.sort(learned_in[rows & (learned_in > 0)])
        assert one.half_learned_in == first[-(-rows.sum() // 2) - 1]
    right = np.array(table["right"].to_pylist())
    counts = json.loads((finished_run / "history.json").read_text())["counts"]["train"]["tp"][-1]
    assert [right[names == name].sum() for name in history.classes] == counts


def test_training_rows_that_are_likely_wrong(finished_run):
    """Those that never were right, the lowest margin first; none looks like its label."""
    table = pq.read_table(finished_run / "learning.parquet").sort_by("margin")
    never = [row for row in table.to_pylist() if row["learned_in"] is None]
    with (finished_run / "suspects.csv").open(newline="") as file:
        suspects = list(csv.DictReader(file))

    assert [int(one["row"]) for one in suspects] == [row["row"] for row in never]
    assert [np.float32(one["margin"]) for one in suspects] == [row["margin"] for row in never]
    assert len(suspects) > 1
    assert [one for one in suspects if one["like"] == one["true"]] == []
