"""Values of tables that are written otherwise than in training, or are too large to be told apart."""

from __future__ import annotations

import unicodedata

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import dataset_config
from numpy.testing import assert_array_equal

from mtrain.data import load_dataset
from mtrain.errors import MtrainError

BEYOND = "is beyond float32, whose largest number is 3.4e+38; scale the column, or leave it out"
ALL_TRAIN = {"scale": "none", "validation": None, "test": {"size": 1, "how": "tail"}}


def load(path, encoding=None, **settings):
    kind = "parquet" if path.suffix == ".parquet" else "csv"
    given = {"name": kind, "path": str(path), "target": "y", **ALL_TRAIN, **settings}
    return load_dataset(dataset_config(**given), encoding=encoding)


def csv_of(path, header, rows):
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("trained", "written", "column"),
    [
        ("1", ["1.0", "1.", "1e0", "+1", "10e-1"], [1.0]),
        ("1.0", ["1", "1.00", "1e0"], [1]),
        ("2.50", ["2.5", "25e-1", "2.500"], [2.5]),
        ("1000000", ["1e6", "1E+6", "1000000.0"], [1e6]),
        ("-0.5", ["-.5", "-5e-1"], [-0.5]),
        ("0", ["0.0", "-0"], [0.0]),
    ],
)
def test_numbers_written_otherwise_are_the_same_category(tmp_path, trained, written, column):
    """In CSV, and as the numbers that Parquet has."""
    rows = [f"{trained},a", "x,b", f"{trained},a", "x,b"]
    data = load(csv_of(tmp_path / "t.csv", "c,y", rows), categorical=["c"])
    width = len(data.encoding.columns[0].categories)
    one = data.train.features[0]

    other = csv_of(tmp_path / "o.csv", "c,y", [f"{text},a" for text in [*written, trained]])
    found = load(other, encoding=data.encoding, categorical=["c"], classes=["a", "b"])
    assert width == 2
    assert_array_equal(found.train.features, [one] * len(written))
    assert not found.notes or not any("training had not" in note for note in found.notes)
    typed = tmp_path / "o.parquet"
    pq.write_table(pa.table({"c": column * 2, "y": ["a", "b"]}), typed)
    found = load(typed, encoding=data.encoding, categorical=["c"])
    assert_array_equal(found.test.features, [one])


def test_numbers_written_otherwise_are_one_category_of_training(tmp_path):
    """But a postal code is no number: what begins with a needless 0 is text."""
    rows = [f"{code},{'ab'[i % 2]}" for i, code in enumerate(["1", "1.0", "01", "001", "1e0", "1"])]
    data = load(csv_of(tmp_path / "t.csv", "c,y", rows), categorical=["c"])

    assert data.encoding.columns[0].categories == ("001", "01", "1")
    assert_array_equal(data.train.features.argmax(axis=1), [2, 2, 1, 0, 2])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_many_unknown_categories_are_a_warning(tmp_path, kind):
    """From a tenth of the rows on; below, they are counted."""
    train = csv_of(tmp_path / "t.csv", "c,y", ["u,a", "v,b", "u,a"])
    encoding = load(train).encoding
    for unknown, said in (
        (3, "WARNING: test: in 3 of 20 rows (15%) column 'c' has a category unseen in training"),
        (1, "test: in 1 row column 'c' has a category unseen in training; it is encoded as zeros"),
    ):
        values = ["w"] * unknown + ["u"] * (20 - unknown)
        path = tmp_path / f"o.{kind}"
        if kind == "csv":
            csv_of(path, "c,y", [f"{value},a" for value in values])
        else:
            pq.write_table(pa.table({"c": values, "y": ["a"] * 20}), path)
        config = dataset_config(name=kind, path=str(path), target="y", classes=["a", "b"])
        data = load_dataset(config, encoding=encoding, drawn_from="other", takes_others=True)
        assert data.notes[0].startswith(said)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["Yes", "yes"], "'Yes' and 'yes'"),
        (["caf\u00e9", "cafe\u0301"], r"'cafe\u0301' and 'caf\xe9'"),
        (["A", "\uff21"], "'A' and '\uff21'"),
        (["a b", "a  b"], "'a  b' and 'a b'"),
        (["stra\u00dfe", "STRASSE"], "'STRASSE' and 'stra\u00dfe'"),
        (["1", "1.0"], "'1' and '1.0'"),
        (["a", "a\u200b"], "'a' and 'a\\u200b'"),
        (["01", "1"], "'01' and '1'"),
        (["true", "TRUE"], "'TRUE' and 'true'"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_labels_that_look_alike_are_said(tmp_path, kind, labels, said):
    """Case, accents, width, space, and how a number is written; they are two classes all the same."""
    path = tmp_path / f"t.{kind}"
    if kind == "csv":
        csv_of(path, "x,y", [f"{i},{label}" for i, label in enumerate(labels * 2)])
    else:
        pq.write_table(pa.table({"x": [0, 1, 2, 3], "y": labels * 2}), path)
    data = load(path)

    assert f"labels {said} look alike, and are 2 classes" in data.notes
    assert len(data.classes) == 2


def test_labels_that_do_not_look_alike_are_not_said(tmp_path):
    """Nor is a letter another because it has an accent."""
    labels = ["a", "b", "\u00e4", unicodedata.normalize("NFD", "\u00f6")]
    path = csv_of(tmp_path / "t.csv", "x,y", [f"{i},{label}" for i, label in enumerate(labels * 2)])

    assert load(path).notes == ()


@pytest.mark.parametrize("value", ["1.08e+200", "-3.5e38", "1e400"])
def test_numbers_beyond_float32_are_called_so(tmp_path, value):
    """And not what is no number; the remedy is not that of a slip."""
    path = csv_of(tmp_path / "t.csv", "x,y", ["1,a", f"{value},b"])
    with pytest.raises(MtrainError) as error:
        load(path)

    assert str(error.value) == f"{path}:3: column 'x': {value!r} {BEYOND}"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_whole_numbers_that_float64_does_not_tell_apart_are_said(tmp_path, kind):
    """Beyond 2^53; smaller ones are exact."""
    values = [2**53, 2**53 + 1, None, 7]
    path = tmp_path / f"t.{kind}"
    if kind == "csv":
        texts = ["NA" if value is None else value for value in values]
        rows = zip(texts, range(4), "abab", strict=True)
        csv_of(path, "x,z,y", [",".join(map(str, row)) for row in rows])
    else:
        pq.write_table(pa.table({"x": values, "z": np.arange(4), "y": list("abab")}), path)

    assert load(path, missing="zero").notes[0] == (
        f"{path}: column 'x': 2 different values beyond 2^53 become 1: a float64 does not tell such "
        "whole numbers apart; dataset.categorical is for codes"
    )
    categories = load(path, missing="zero", categorical=["x"]).encoding.columns[0].categories
    assert {str(2**53), str(2**53 + 1)} <= set(categories)
    # Where each stays another number, nothing is said.
    if kind == "csv":
        csv_of(path, "x,z,y", ["9007199254740994,0,a", "1,1,b", "NA,2,a", "2,3,b"])
        assert "2^53" not in " ".join(load(path, missing="zero").notes)
