"""Rows without a label, and labels that say that there is none."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from doubtful_tables import BOTH, N, columns, config, proposed, table, warnings

from mtrain.cli.main import run
from mtrain.errors import MtrainError
from mtrain.workflows.check import check

# --- Rows without a label


@BOTH
@pytest.mark.parametrize("missing", ["mean", "drop", None])
def test_rows_without_a_label_are_left_out_apart_from_missing_features(tmp_path, kind, missing):
    """`dataset.missing` is about features: one label of 120 costs one row."""
    content = columns()
    content["y"][7] = None
    if missing is not None:
        content["a"] = [None if k % 4 == 0 else value for k, value in enumerate(content["a"])]
    path = table(tmp_path / f"a.{kind}", content)

    found = check(config(path, missing=missing))

    rows = sum(int(counts.sum()) for counts in found.counts.values())
    assert rows == (89 if missing == "drop" else 119)
    texts = [warning for warning in found.warnings if warning.kind == "unlabelled-rows"]
    assert texts == [f"{path}: 1 row left out: without a label"]


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        pytest.param(pa.array([None if k % 5 == 0 else k % 2 for k in range(N)]), ("0", "1"), id="null"),
        pytest.param(
            pa.array([np.nan if k % 5 == 0 else float(k % 2) for k in range(N)]), ("0", "1"), id="NaN"
        ),
        pytest.param(
            pa.array(["" if k % 5 == 0 else "uv"[k % 2] for k in range(N)]), ("u", "v"), id="empty"
        ),
        pytest.param(
            pa.array([" " if k % 5 == 0 else "uv"[k % 2] for k in range(N)]), ("u", "v"), id="blank"
        ),
        pytest.param(
            pa.array([None if k % 5 == 0 else k % 2 == 0 for k in range(N)]),
            ("false", "true"),
            id="truth",
        ),
    ],
)  # fmt: skip
def test_labels_of_parquet_that_are_missing(tmp_path, labels, classes):
    """Null, NaN and empty text alike."""
    path = table(tmp_path / "a.parquet", columns(y=labels))

    found = check(config(path))

    assert found.classes == classes
    assert sum(int(counts.sum()) for counts in found.counts.values()) == N - N // 5
    assert f"{path}: 24 rows left out: without a label" in found.warnings


def test_init_fills_features_where_a_label_is_missing(tmp_path):
    """Rather than to drop every row that misses anything."""
    content = columns()
    content["y"][3] = None
    content["a"] = [None if k % 3 == 0 else value for k, value in enumerate(content["a"])]

    found, text = proposed(tmp_path, table(tmp_path / "a.csv", content))

    assert found["missing"] == "median"
    assert "the column of the labels; 1 row without one is left out\n" in text


def test_fit_and_evaluate_say_how_many_rows_have_no_label(tmp_path, capsys):
    """Also of other data."""
    content = columns()
    path = table(tmp_path / "a.csv", content)
    (tmp_path / "c.yaml").write_text(
        "dataset: {name: csv, path: a.csv, target: y}\ntraining: {epochs: 1}\n"
    )
    content["y"] = [None if k < 10 else label for k, label in enumerate(content["y"])]
    content["a"][20] += 1
    other = table(tmp_path / "b.csv", content)

    assert run(["fit", str(tmp_path / "c.yaml"), "--out", str(tmp_path / "run"), "--quiet"]) == 0
    capsys.readouterr()
    assert run(["evaluate", str(tmp_path / "run"), "--data", str(other)]) == 0
    assert "10 rows left out: without a label" in " ".join(capsys.readouterr().out.split())

    table(path, content)
    assert run(["fit", str(tmp_path / "c.yaml"), "--out", str(tmp_path / "run2")]) == 0
    assert f"{path}: 10 rows left out: without a label." in capsys.readouterr().err


def test_one_label_left_after_rows_were_dropped_is_told_with_its_name(tmp_path):
    """And why there is no other."""
    content = columns()
    content["a"] = [None if y == "no" else 1.5 for y in content["y"]]
    path = table(tmp_path / "a.csv", content)

    with pytest.raises(MtrainError) as caught:
        check(config(path, missing="drop"))

    left = content["y"].count("no")
    assert str(caught.value) == (
        f"{path}: every label is yes; a classifier needs two classes; {path}: {left} rows left out: "
        "with missing values"
    )


# --- Labels that say that there is none


@BOTH
@pytest.mark.parametrize("marker", ["NA", "NaN", "nan", "null", "None", "N/A", "?"])
def test_a_label_like_na_is_warned_of_and_can_be_left_out_or_kept(tmp_path, kind, marker):
    """By `classes`, without it or with it; `init` leaves it out, and says so."""
    content = columns()
    content["y"] = [marker if k % 4 == 0 else label for k, label in enumerate(content["y"])]
    path = table(tmp_path / f"a.{kind}", content)

    assert [marker in text for text in warnings(path)["missing-label"]] == [True]
    kept = check(config(path, classes=["no", "yes", marker]))
    assert "missing-label" not in {warning.kind for warning in kept.warnings}
    assert sum(int(counts.sum()) for counts in kept.counts.values()) == N
    left_out = check(config(path, classes=["no", "yes"]))
    assert sum(int(counts.sum()) for counts in left_out.counts.values()) == N - 30

    found, text = proposed(tmp_path, path)
    assert sorted(found["classes"]) == ["no", "yes"]
    assert f"rows are left out whose label is {marker!r} (30 rows)" in text


@pytest.mark.parametrize("marker", ["NA", "NaN", "null"])
def test_classes_keep_a_label_like_na_among_whole_numbers(tmp_path, marker):
    """Which is a missing label without them."""
    content = columns()
    content["y"] = [marker if k % 4 == 0 else str(k % 2) for k in range(len(content["y"]))]
    path = table(tmp_path / "a.csv", content)

    unsaid = check(config(path))
    assert unsaid.classes == ("0", "1")
    assert sum(int(counts.sum()) for counts in unsaid.counts.values()) == N - 30
    kept = check(config(path, classes=["0", "1", marker]))
    assert sum(int(counts[2]) for counts in kept.counts.values()) == 30


def test_init_leaves_such_rows_out_where_classes_are_too_many_to_be_listed(tmp_path):
    """By `missing_values`."""
    labels = ["NA" if k % 5 == 0 else f"c{k % 33}" for k in range(1000)]
    numbers = np.random.default_rng(0).normal(size=1000).tolist()
    path = table(tmp_path / "a.csv", {"a": numbers, "y": labels})

    found, _ = proposed(tmp_path, path)

    assert "classes" not in found
    assert found["missing_values"] == ["NA"]


def test_init_keeps_a_label_like_na_where_there_is_but_one_other(tmp_path, capsys):
    """There would be no two classes without it."""
    path = table(tmp_path / "a.csv", columns(y=["NA" if k % 4 == 0 else "x" for k in range(N)]))

    found, _ = proposed(tmp_path, path)

    assert sorted(found["classes"]) == ["NA", "x"]
    assert "classes: one may be missing labels" in capsys.readouterr().err
