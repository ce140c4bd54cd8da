"""Labels of tables: text as it is written, numbers exactly, and what stands for neither."""

from __future__ import annotations

import math
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import dataset_config

from mtrain.data.load import load_dataset
from mtrain.errors import MtrainError

LARGE = 6221888200042590280
"""A float64 does not tell it from the number that follows."""


def load(path, **settings):
    """All rows but the last to train on."""
    rest = {"validation": None, "test": {"size": 1, "how": "tail"}, "features": ["x"]}
    rest["name"] = "parquet" if path.suffix == ".parquet" else "csv"
    config = dataset_config(path=str(path), target="y", **{**rest, **settings})
    return load_dataset(config)


def classes_of_rows(data):
    """The class of every row, by name."""
    return [data.classes[k] for k in [*data.train.labels, *data.test.labels]]


def csv_of(tmp_path, labels, name="t.csv"):
    path = tmp_path / name
    path.write_text("x,y\n" + "".join(f"{i},{label}\n" for i, label in enumerate(labels)))
    return path


def parquet_of(tmp_path, labels, name="t.parquet"):
    path = tmp_path / name
    pq.write_table(pa.table({"x": list(range(len(labels))), "y": labels}), path)
    return path


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([f"{LARGE}", f"{LARGE + 1}"], (f"{LARGE}", f"{LARGE + 1}")),
        ([f"{-LARGE}", "9", f"{LARGE}"], (f"{-LARGE}", "9", f"{LARGE}")),
        (["18446744073709551615", "9"], ("9", "18446744073709551615")),
        (["1E2", "100"], ("100", "1E2")),
        (["01", "1"], ("01", "1")),
        (["1.0", "1"], ("1", "1.0")),
        (["+1", "1", "-0", "0"], ("+1", "-0", "0", "1")),
        (["10", "9", "2"], ("2", "9", "10")),
        (["1.0", "2.0"], ("1.0", "2.0")),
    ],
)
def test_a_label_of_csv_is_the_text_as_written(tmp_path, labels, classes):
    """Numbers that are equal, or nearly so, are different labels; canonical integers sort as numbers."""
    data = load(csv_of(tmp_path, labels))

    assert data.classes == classes
    assert classes_of_rows(data) == labels


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (pa.array([LARGE + 1, 9, LARGE]), ("9", f"{LARGE}", f"{LARGE + 1}")),
        (pa.array([2**64 - 1, 2**64 - 2], pa.uint64()), (f"{2**64 - 2}", f"{2**64 - 1}")),
        (pa.array([LARGE, LARGE + 1]).dictionary_encode(), (f"{LARGE}", f"{LARGE + 1}")),
        (pa.array([Decimal(LARGE), Decimal(LARGE + 1)]), (f"{LARGE}", f"{LARGE + 1}")),
        (pa.array(["1.0", "1", "01"]), ("01", "1", "1.0")),
        (pa.array([1e16, 2.0, math.nan]), ("2", "10000000000000000")),
    ],
)
def test_integers_of_parquet_are_exact(tmp_path, labels, classes):
    """In 64 bits, signed or not, in a dictionary, as decimals; text stays text."""
    assert load(parquet_of(tmp_path, labels), missing="drop").classes == classes


def test_integers_stay_exact_over_files_of_different_types(tmp_path):
    """Signed and unsigned, of 8 and 64 bits."""
    (tmp_path / "rows").mkdir()
    parquet_of(tmp_path, pa.array([1, 2], pa.int8()), "rows/a.parquet")
    parquet_of(tmp_path, pa.array([2**63, 2**63 + 1], pa.uint64()), "rows/b.parquet")
    parquet_of(tmp_path, pa.array([LARGE, LARGE + 1]), "rows/c.parquet")

    data = load(tmp_path / "rows", name="parquet")

    assert classes_of_rows(data) == [str(n) for n in (1, 2, 2**63, 2**63 + 1, LARGE, LARGE + 1)]


@pytest.mark.parametrize("make", [csv_of, parquet_of])
def test_fractions_are_labels_where_classes_list_them(tmp_path, make):
    """As grades are; without the list they are a measurement."""
    path = make(tmp_path, [2.5, 1.0, 3.25])
    one = "1.0" if make is csv_of else "1"

    assert classes_of_rows(load(path, classes=[one, "2.5", "3.25"])) == ["2.5", one, "3.25"]
    with pytest.raises(
        MtrainError, match=r"column 'y': '?2\.5'? is not a class; labels are names or"
    ):
        load(path)
    with pytest.raises(MtrainError, match=r"column 'y': '?3\.25'? is not a class"):
        load(path, classes=[one, "2.5"])


def test_values_of_parquet_are_the_classes_of_a_csv(tmp_path):
    """A number or a truth value has no spelling; two classes of one value are told apart by it."""
    path = parquet_of(tmp_path, pa.array([True, False, True]))
    assert load(path, classes=["False", "True"]).test.labels == [1]
    path = parquet_of(tmp_path, pa.array([1, 2]))
    assert load(path, classes=["1.0", "2.0"]).test.labels == [1]
    with pytest.raises(MtrainError, match="column 'y': 2 is not one of the 3 classes"):
        load(path, classes=["1", "2.0", "02"])


@pytest.mark.parametrize("classes", [["false", "true"], ["False", "True"]])
@pytest.mark.parametrize("labels", [["TRUE", "False"], ["true", "false"]])
def test_truth_values_are_classes_in_any_case(tmp_path, classes, labels):
    """Programs write them differently; other labels are compared as they are written."""
    assert classes_of_rows(load(csv_of(tmp_path, labels), classes=classes)) == [
        classes[1],
        classes[0],
    ]
    with pytest.raises(MtrainError, match="'Yes' is not one of the 2 classes"):
        load(csv_of(tmp_path, ["yes", "Yes"]), classes=["yes", "no"])


def test_a_label_written_otherwise_than_its_class_is_refused(tmp_path):
    """With the reason; a label that is no number has none."""
    with pytest.raises(MtrainError) as error:
        load(csv_of(tmp_path, ["1", "2.0"]), classes=["1", "2"])
    assert str(error.value) == (
        f"{tmp_path / 't.csv'}:3: column 'y': '2.0' is not one of the 2 classes: labels are compared as "
        "they are written"
    )
    with pytest.raises(MtrainError, match=r"'c' is not one of the 2 classes$"):
        load(csv_of(tmp_path, ["1", "c"]), classes=["1", "2"])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (pa.nulls(2), "column 'y': every label is missing"),
        (pa.array([None, None], pa.string()), "column 'y': every label is missing"),
        (pa.array([math.nan] * 2), "column 'y': every label is missing"),
        (pa.array([1.0, math.inf]), "row 1: column 'y': inf is not a class; labels are names or whole"),
        (pa.array([-math.inf, 2.0]), "row 0: column 'y': -inf is not a class; labels are names or whole"),
    ],
)  # fmt: skip
def test_what_is_no_label_in_parquet_is_refused(tmp_path, labels, message):
    """Nulls alone, and infinity."""
    with pytest.raises(MtrainError) as error:
        load(parquet_of(tmp_path, labels), missing="drop")

    assert str(error.value).startswith(f"{tmp_path / 't.parquet'}: {message}")
