"""The file of when each training row was learned."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from mtrain.errors import MtrainError
from mtrain.metrics.learning import class_learning
from mtrain.records.training import LearnedRows
from mtrain.run.history import read_history
from mtrain.run.learning import write_learning

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
    for one in class_learning(history):
        rows = names == one.name
        assert one.learned == (learned_in[rows] > 0).mean()
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
