"""Labels, weights and columns of a table, and the encoding that is learned of it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from decimal import Decimal

import pyarrow as pa
import pytest
from conftest import dataset_config
from numpy.testing import assert_array_equal
from pydantic import TypeAdapter
from written_tables import AS_IT_IS, load, refusal

from mtrain.data.load import load_dataset
from mtrain.errors import MtrainError, SettingError, UsageError
from mtrain.records.dataset import Column, Encoding
from mtrain.run.encoding import check_encoding
from mtrain.run.reading import validated


@pytest.mark.parametrize(
    ("labels", "classes", "codes"),
    [
        (["b", "a", "b"], ("a", "b"), [1, 0, 1]),
        (["10", "9", "-1"], ("-1", "9", "10"), [2, 1, 0]),
        (["1.0", "2.0", "1"], ("1", "1.0", "2.0"), [1, 2, 0]),
        (["True", "False", "True"], ("False", "True"), [1, 0, 1]),
        (["1.5x", "1.0", "NA"], ("1.0", "1.5x", "NA"), [1, 0, 2]),
        (["007", "008", "007"], ("007", "008"), [0, 1, 0]),
        (["007", "7", "+8"], ("+8", "007", "7"), [1, 2, 0]),
    ],
)
def test_labels_are_names_or_whole_numbers(table, labels, classes, codes):
    """In sorted order, numbers as numbers."""
    path = table("x,y\n" + "".join(f"1,{label}\n" for label in labels))
    data = load(path, **AS_IT_IS)

    assert data.classes == classes
    assert [*data.train.labels, *data.test.labels] == codes


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (pa.array([True, False, True]), ("false", "true")),
        (pa.array([2.0, 10.0, math.nan, 2.0]), ("2", "10")),
        (pa.array([2, None, 10], pa.int8()), ("2", "10")),
        (pa.array(["b", "a", "1.0"]).dictionary_encode(), ("1.0", "a", "b")),
        (pa.array([Decimal("1.00"), Decimal("2.00")]), ("1", "2")),
    ],
)
def test_labels_of_parquet_are_of_any_plain_type(table, labels, classes):
    """Whole numbers are so though some are missing; NaN is missing."""
    path = table({"x": list(range(len(labels))), "y": labels})

    assert load(path, missing="drop", **AS_IT_IS).classes == classes


@pytest.mark.parametrize(
    ("labels", "settings", "message"),
    [
        (["1", "2.5"], {}, "PATH:3: column 'y': '2.5' is not a class; labels are names or whole numbers, or listed in dataset.classes"),
        (["1", "", "2.5"], {"missing": "drop"}, "PATH:4: column 'y': '2.5' is not a class; labels are names or whole numbers, or listed in dataset.classes"),
        (["a", "a"], {}, "PATH: column 'y': every label is 'a'; a classifier needs two classes"),
        (["a", "accuracy"], {}, "PATH: column 'y': 'accuracy' is a key of the classification report; rename the class"),
        (["a", "b" * 256], {}, "PATH: column 'y': the name of class 1 has more than 255 characters"),
        ([f"id {i}" for i in range(10_001)], {}, "PATH: column 'y': 10,001 different labels in 10,001 rows; there can be 10,000 classes"),
        (["a", "c"], {"classes": ["a", "b"]}, "PATH:3: column 'y': 'c' is not one of the 2 classes"),
        (["0", "2"], {"classes": ["a", "b"]}, "PATH:3: column 'y': '2' is not one of the 2 classes"),
        (["1", "0"], {"classes": ["1", "2"]}, "PATH:3: column 'y': '0' is not one of the 2 classes"),
        (["0", "-1"], {"classes": ["a", "b"]}, "PATH:3: column 'y': '-1' is not one of the 2 classes"),
    ],
)  # fmt: skip
def test_labels_that_are_no_classes_are_refused(table, labels, settings, message):
    """With the line where there is one."""
    path = table("x,y\n" + "".join(f"1,{label}\n" for label in labels))

    assert refusal(path, **settings) == message


@pytest.mark.parametrize("labels", ["bca", "120"])
def test_classes_can_be_given_and_are_named_or_counted_by_the_labels(table, labels):
    """In the order given."""
    path = table("x,y\n" + "".join(f"1,{label}\n" for label in labels))
    data = load(path, classes=["a", "b", "c"], **AS_IT_IS)

    assert data.classes == ("a", "b", "c")
    assert [*data.train.labels, *data.test.labels] == [1, 2, 0]


def test_a_class_that_cannot_be_learned_is_said(table):
    """It is in the test split alone, or nowhere."""
    data = load(table("x,y\n1,a\n2,b\n3,c\n"), classes=["a", "b", "c", "d"], **AS_IT_IS)

    assert data.notes == (
        "class 'c' has no row to train on; it has 1 of test, which cannot be learned",
        "class 'd' has no row to train on; it has none",
    )


def test_values_of_a_model_are_refused_without_settings_that_cannot_be_set(table):
    """Nothing in the column is a number, what is missing aside."""
    first = load(table("n,y\n1,p\n2,q\n3,p\n"), missing="mean", **AS_IT_IS)
    path = table("n,y\nx,p\n,q\nz,p\n", "other.csv")

    assert refusal(path, encoding=first.encoding, missing="mean") == (
        "PATH:2: column 'n': 'x' is not a finite number, as in training; likewise in 1 more row\n"
        "the model's config says that numbers are written as in 1234.5 or 1e-3"
    )


def test_what_was_learned_encodes_a_table_with_other_columns_first(table):
    """Matched by name; a column that looks like another kind is still what training had."""
    first = load(table("n,t,y\n1,a,p\n2,b,q\n3,a,p\n"), **AS_IT_IS)
    path = table("t,y,n\n7,p,1\na,q,2\nb,p,3\n", "other.csv")
    data = load(path, encoding=first.encoding, **AS_IT_IS)

    assert_array_equal(data.train.features, [[1, 0, 0], [2, 1, 0]])
    assert refusal(table("n,y\n1,p\n2,q\n"), encoding=first.encoding) == (
        "PATH: no column 't'; choose one of n, y"
    )


def test_one_cell_makes_another_fingerprint(table):
    """A number, a category, a label, a weight; the split and the file's place do not."""
    content = "n,t,w,y\n1,a,1,p\n2,b,1,q\n3,a,1,p\n4,b,1,q\n"

    def fingerprint(text, name="t.csv", **settings):
        return load(table(text, name), **{"weights": "w", **AS_IT_IS, **settings}).sha256

    before = fingerprint(content)
    assert fingerprint(content, "other.csv", seed=1, scale="auto", samples=2) == before
    for cell, other in (("1,a", "1.5,a"), ("2,b", "2,a"), ("4,b,1,q", "4,b,1,p"), ("1,p", "2,p")):
        assert fingerprint(content.replace(cell, other, 1)) != before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"features": ["x", "y"]}, "dataset.features: 'y' is dataset.target already"),
        ({"categorical": ["y"]}, "dataset.categorical: 'y' is dataset.target already"),
        ({"weights": "y"}, "dataset.weights: 'y' is dataset.target already"),
        ({"weights": "x", "features": ["x"]}, "dataset.features: 'x' is dataset.weights already"),
        ({"weights": "x", "categorical": ["x"]}, "dataset.categorical: 'x' is dataset.weights already"),
        ({"features": []}, "dataset.features: must name a column; null is all of them"),
        ({"features": ["x", "x"]}, "dataset.features: 'x' is listed twice"),
        ({"features": ["x"], "categorical": ["z"]}, "dataset.categorical: 'z' is not in dataset.features"),
        ({"test_path": "a.csv", "test": {"size": 3}}, "dataset.test: dataset.test_path names the test split"),
        ({"scale": "unit"}, "dataset.scale: unknown name 'unit'; choose one of auto, none, standard"),
        ({"target": None}, "dataset.target: must be text, got null"),
    ],
)  # fmt: skip
def test_columns_have_one_use(table, settings, message):
    """As far as the config alone can tell."""
    with pytest.raises(UsageError) as error:
        load(table("x,z,y\n1,1,a\n2,2,b\n"), **settings)

    assert message in str(error.value)


def test_columns_that_are_not_there_are_all_named(table):
    """Each with the nearest."""
    path = table("width,height,y\n1,2,a\n3,4,b\n")
    with pytest.raises(SettingError) as error:
        load(path, target="why", features=["widht"], weights="w", validation=None)

    assert str(error.value).replace(str(path), "PATH") == (
        "dataset.target: PATH has no column 'why'; choose one of width, height, y\n"
        "dataset.weights: PATH has no column 'w'; choose one of width, height, y\n"
        "dataset.features: PATH has no column 'widht'; did you mean 'width'?"
    )


def learned():
    """What training learned of a number and a text, as `state.json` has it."""
    columns = (Column("n", "number", 2.5), Column("t", "text", categories=("a", "b")))
    encoding = Encoding((), columns, None, (1.5, 0.0, 0.0), (0.5, 1.0, 1.0))
    return json.loads(json.dumps(asdict(encoding))), encoding


def read(data):
    encoding = validated(TypeAdapter(Encoding), data)
    check_encoding(encoding)
    return encoding


def test_what_was_learned_is_plain_json():
    """It comes back as it was."""
    data, encoding = learned()

    assert read(data) == encoding
    assert encoding.n_features == 3


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("shape",), [3]),
        (("shape",), "3"),
        (("columns",), []),
        (("columns",), None),
        (("columns", 0, "name"), "t"),
        (("columns", 0, "name"), 7),
        (("columns", 0, "kind"), "date"),
        (("columns", 0, "fill"), "NaN"),
        (("columns", 1, "categories"), ["b", "a"]),
        (("columns", 1, "categories"), ["a", "a"]),
        (("columns", 1, "categories"), ["a", 1]),
        (("columns", 1, "categories"), ["a"]),
        (("divisor",), 0.0),
        (("mean",), [1.5, 0.0]),
        (("mean",), [1.5, 0.0, math.nan]),
        (("deviation",), [0.5, 1.0, 0.0]),
        (("deviation",), []),
    ],
)
def test_an_encoding_that_none_can_have_learned_is_refused(place, value):
    """A stranger's state is not believed."""
    data, _ = learned()
    inner = data
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value

    with pytest.raises(ValueError, match=r"encoding|Input"):
        read(data)


def test_a_validation_split_without_weight_is_refused(table):
    """Its loss would be 0 in every epoch."""
    rows = "".join(f"{i},{int(i < 10)},{'ab'[i % 2]}\n" for i in range(20))
    path = table(f"x,w,y\n{rows}")
    validation = {"size": 4, "how": "tail"}

    assert refusal(path, weights="w", validation=validation, test={"size": 4, "how": "tail"}) == (
        "PATH: every row of the val split has the weight 0"
    )


def test_what_no_float32_can_say_is_refused(table):
    """1e35, where training has numbers of 1e-10."""
    rows = "".join(f"{i}e-10,{'ab'[i % 2]}\n" for i in range(20))
    path = table(f"x,y\n{rows}1e35,a\n")

    assert refusal(path, validation=None, test={"size": 1, "how": "tail"}) == (
        "PATH:22: a value is too far from those of the training"
    )


def test_other_data_are_not_split_as_those_of_the_training_were(table):
    """Their rows may have been trained on; all of them are the test split if that is asked for."""
    path = table("x,y\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(20)))
    config = dataset_config(name="csv", path=str(path), target="y")
    trained = load_dataset(config)
    path.write_text(path.read_text() + "7.5,a\n")
    other = {"encoding": trained.encoding, "drawn_from": trained.sha256}

    assert len(load_dataset(config, takes_others=True, **other).test) == 21
    with pytest.raises(MtrainError) as caught:
        load_dataset(config, **other)
    assert str(caught.value) == (
        f"{path}: these are not the data of the training, from which its test rows come; "
        "restore them, or evaluate other rows, which were not trained on, by --data"
    )


def test_errors_do_not_say_every_column(table):
    """Of 20 with a slip in the last line the first ten."""
    names = [f"c{i}" for i in range(20)]
    rows = "".join(",".join([*20 * [str(i)], "ab"[i % 2]]) + "\n" for i in range(10))
    path = table(",".join([*names, "y"]) + f"\n{rows}{20 * 'x,'}a\n")

    lines = refusal(path).splitlines()
    assert len(lines) == 12
    assert lines[-2] == "PATH: 10 more columns as well"
