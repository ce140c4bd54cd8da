"""Values of tables that are written otherwise than in training, or are too large to be told apart."""

from __future__ import annotations

import unicodedata

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import dataset_config
from numpy.testing import assert_array_equal

from mtrain.data.load import load_dataset
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


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64(), pa.decimal128(6, 1)])
def test_a_marker_of_missing_values_is_found_in_every_type(tmp_path, kind):
    """-99.9 as a float32 is not quite the float64 of the config."""
    values = [-99.9, 20.5, 21.5, -99.9]
    column = pa.array(values, pa.float64())
    column = pa.array(np.array(values, np.float16)) if kind == pa.float16() else column.cast(kind)
    pq.write_table(pa.table({"x": column, "y": list("abab")}), tmp_path / "t.parquet")

    data = load(tmp_path / "t.parquet", missing="zero", missing_values=[-99.9])

    assert_array_equal(data.train.features[:, 0], [0, 20.5, 21.5])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_labels_that_are_markers_of_missing_values_are_named(tmp_path, kind):
    """They are left out as they are of features, unless `classes` lists them."""
    path = tmp_path / f"t.{kind}"
    labels = [0, 1, 2, 0, 1, 2]
    if kind == "csv":
        csv_of(path, "x,y", [f"{i + 1},{label}" for i, label in enumerate(labels)])
    else:
        pq.write_table(pa.table({"x": [1, 2, 3, 4, 5, 6], "y": labels}), path)
    data = load(path, missing_values=[0])

    assert data.classes == ("1", "2")
    said = f"{path}: 2 rows have the label '0', which dataset.missing_values names"
    assert data.notes[0].startswith(said)
    kept = load(path, missing_values=[0], classes=["0", "1", "2"])
    assert len(kept.train) + len(kept.test) == 6


def test_numbers_with_zeros_at_their_end_are_categories_where_both_are_there(tmp_path):
    """As codes of diagnoses, 250.0 and 250.00, and versions, 1.1 and 1.10, are told apart."""
    rows = ["250.0,a", "250.00,b", "1.1,a", "1.10,b", "7.50,a", "V57,b", "3,a", "3.0,b", "x,a"]
    data = load(csv_of(tmp_path / "t.csv", "c,y", rows), categorical=["c"])
    (column,) = data.encoding.columns
    assert column.categories == ("1.1", "1.10", "250", "250.00", "3", "7.5", "V57")

    others = ["250,a", "250.00,a", "250.000,a", "1.10,a", "1.1,a", "7.5,a", "3.0,a", "x,a"]
    config = dataset_config(
        name="csv",
        path=str(csv_of(tmp_path / "o.csv", "c,y", others)),
        target="y",
        classes=["a", "b"],
    )
    found = load_dataset(config, encoding=data.encoding, drawn_from="other", takes_others=True)
    inputs = [column.categories[row.argmax()] if row.any() else None for row in found.test.features]
    assert inputs == ["250", "250.00", None, "1.10", "1.1", "7.5", "3", None]


def test_a_constant_of_another_type_is_the_same(tmp_path):
    """0.1 of a file of float32 is what training had."""
    for name, kind in (("t", pa.float64()), ("o", pa.float32())):
        columns = {"c": pa.array([0.1] * 4, kind), "x": pa.array([1.0, 2, 3, 4], kind)}
        pq.write_table(pa.table({**columns, "y": list("abab")}), tmp_path / f"{name}.parquet")
    encoding = load(tmp_path / "t.parquet").encoding
    config = dataset_config(
        name="parquet", path=str(tmp_path / "o.parquet"), target="y", classes=["a", "b"]
    )

    data = load_dataset(config, encoding=encoding, drawn_from="other", takes_others=True)
    assert data.notes == ()
