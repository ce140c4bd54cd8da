"""CSV and Parquet: what is in a table, what is learned of it, and what is wrong with it."""

from __future__ import annotations

import csv
import json
import math
import os
from dataclasses import asdict
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import dataset_config
from numpy.testing import assert_allclose, assert_array_equal
from pydantic import TypeAdapter
from sklearn.datasets import load_wine
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mtrain.data.load import load_dataset
from mtrain.data.sources.csv_text import BLOCK
from mtrain.errors import MtrainError, SettingError, UsageError
from mtrain.records.dataset import Column, Encoding
from mtrain.run.encoding import check_encoding
from mtrain.run.reading import validated

AS_IT_IS = {"scale": "none", "validation": None, "test": {"size": 1, "how": "tail"}}
"""All rows but the last are there to train on, their numbers as they are."""

NO_NUMBER = (
    "is not a finite number, but the rest of the column is numeric\n"
    "numbers are written as in 1234.5 or 1e-3; columns of text are named in dataset.categorical"
)


BEYOND_FLOAT32 = (
    "is beyond float32, whose largest number is 3.4e+38; scale the column, or leave it out"
)


def load(path, memory=4_000_000_000, encoding=None, **settings):
    """The data set of a file by its ending, of which `y` is the target."""
    kind = "parquet" if "parquet" in str(path) else "csv"
    config = dataset_config(**{"name": kind, "path": str(path), "target": "y", **settings})
    return load_dataset(config, memory=memory, encoding=encoding)


@pytest.fixture
def table(tmp_path):
    """Makes a CSV file of text or bytes, or a Parquet file of columns."""

    def make(content, name=None):
        path = tmp_path / (name or ("t.parquet" if isinstance(content, dict) else "t.csv"))
        path.parent.mkdir(exist_ok=True)
        if isinstance(content, dict):
            pq.write_table(pa.table(content), path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def refusal(path, **settings):
    """What is said of data that cannot be, without the path they are in."""
    with pytest.raises(MtrainError) as error:
        load(path, **settings)
    return str(error.value).replace(str(path), "PATH")


def wine(missing):
    """The columns of wine, with gaps, and with a text, a number that names, and true or false."""
    data = load_wine()
    generator = np.random.default_rng(0)
    numbers = {f"n{i}": [float(x) for x in data.data[:, i]] for i in range(3)}
    if missing:
        for column in numbers.values():
            for row in generator.choice(len(column), 20, replace=False):
                column[row] = None
    return {
        "colour": [str(c) for c in generator.choice(["red", "white", "rosé, or so"], 178)],
        **numbers,
        "house": [int(h) for h in generator.choice([3, 20, 100], 178)],
        "sweet": [bool(s) for s in generator.choice([True, False], 178)],
        "y": [str(data.target_names[k]) for k in data.target],
    }


def write_csv(path, columns, **how):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, **how)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("missing", [None, "mean", "median", "zero"])
def test_columns_are_encoded_as_scikit_learn_would(tmp_path, table, kind, missing):
    """Imputer, scaler and one-hot encoder, each fitted on the training split alone."""
    columns = wine(missing)
    path = (
        table(columns, "wine.parquet")
        if kind == "parquet"
        else write_csv(tmp_path / "wine.csv", columns)
    )
    data = load(path, missing=missing, categorical=["house"], seed=3)

    numbers = np.array([columns[f"n{i}"] for i in range(3)], float).T
    words = np.array([columns["colour"], columns["house"], columns["sweet"]], str).T
    train = data.train.rows
    constant = {"strategy": "constant", "fill_value": 0.0}
    imputer = SimpleImputer(**constant if missing == "zero" else {"strategy": missing or "mean"})
    scaler = StandardScaler().fit(imputer.fit_transform(numbers[train]))
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(words[train])
    for split in data.splits.values():
        scaled = scaler.transform(imputer.transform(numbers[split.rows]))
        ones = one_hot.transform(words[split.rows])
        expected = np.hstack([ones[:, :3], scaled, ones[:, 3:]])
        assert_allclose(split.features, expected, atol=1e-6)
        assert [data.classes[k] for k in split.labels] == [columns["y"][r] for r in split.rows]
    assert data.classes == ("class_0", "class_1", "class_2")
    assert sorted(np.concatenate([s.rows for s in data.splits.values()])) == list(range(178))


def test_a_column_at_a_time_by_hand(table):
    """A number, a text of which training has two, true or false, a number that names."""
    path = table(
        "n,word,flag,zip,y\n1,NA,true,01,a\n3,b,False,1,b\n5,b,TRUE,01,a\n7,b,true,1,b\n9,c,false,2,a\n"
    )
    data = load(path, **{**AS_IT_IS, "scale": "auto", "categorical": ["zip"]})

    assert_allclose(
        data.train.features,
        [
            [-3 / math.sqrt(5), 1, 0, 0, 1, 1, 0],
            [-1 / math.sqrt(5), 0, 1, 1, 0, 0, 1],
            [1 / math.sqrt(5), 0, 1, 0, 1, 1, 0],
            [3 / math.sqrt(5), 0, 1, 0, 1, 0, 1],
        ],
        atol=1e-6,
    )
    assert_allclose(data.test.features, [[5 / math.sqrt(5), 0, 0, 1, 0, 0, 0]], atol=1e-6)
    assert [column.categories for column in data.encoding.columns] == [
        (),
        ("NA", "b"),
        ("false", "true"),
        ("01", "1"),
    ]
    assert data.notes == tuple(
        f"WARNING: test: in 1 of 1 rows (100%) column '{name}' has a category unseen in training; it "
        "is encoded as zeros, and the model cannot see what it is; are categories written as in training?"
        for name in ("word", "zip")
    )


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffx,y\n1.5,a\n-2,b\n.5,a\n",
        "x,y\r\n1.5,a\r\n-2,b\r\n.5,a\r\n",
        "x,y\r1.5,a\r-2,b\r.5,a\r",
        "\n\nx,y\n\n1.5,a\n-2,b\n\n.5,a",
        "x;y\n+1.5;a\n-2.;b\n5e-1;a\n",
        "y\tx\na\t1.5\nb\t-2\na\t0.5\n",
        '"x"|"y"\n"1.5"|"a"\n"-2"|"b"\n"0.5"|"a"\n',
        ' x , y\n 1.5 , a\n-2,b \n"0.5",a\n',
        '"a,b,c";y;x\nq;a;1.5\nq;b;-2\nq;a;.5\n',
        'x,unused,y\n1.5,"two\nlines",a\n-2,"a ""quote""",b\n.5,5" nail,a\n',
    ],
    ids=["bom", "crlf", "cr", "blank", "semicolon", "tab", "bar", "space", "quoted", "newline"],
)
def test_csv_of_every_kind_is_read(table, text):
    """Byte order mark, ends of lines, blank lines, delimiters, quotes, space around values."""
    data = load(table(text), features=["x"], **AS_IT_IS)

    assert data.classes == ("a", "b")
    assert_allclose(data.train.features, [[1.5], [-2]])
    assert_allclose(data.test.features, [[0.5]])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("where", ["rows", "rows/part-*"])
def test_shards_are_read_in_the_order_of_their_names(table, tmp_path, kind, where):
    """Of a folder or a pattern; hidden files and other endings are none; columns are told by name."""
    for number, rows in enumerate([[1, 2], [], [3, 4]]):
        name = f"rows/part-{number}.{kind}"
        if kind == "csv":
            header, line = ("y,x", "{1},{0}\n") if number else ("x,y", "{0},{1}\n")
            table(header + "\n" + "".join(line.format(x, x % 2) for x in rows), name)
        else:
            table({"x": pa.array(rows, pa.int64()), "y": [x % 2 for x in rows]}, name)
    table("not data", f"rows/._part-0.{kind}")
    table("not data", "rows/_SUCCESS")
    data = load(tmp_path / where, name=kind, **AS_IT_IS)

    assert_array_equal(data.train.features, [[1], [2], [3]])
    assert_array_equal(data.test.features, [[4]])


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("x,y\n\n3,a\n4k,b\n", "PATH/2.csv:4: column 'x': '4k' " + NO_NUMBER),
        ("x,y\n3,a\n,b\n", "PATH/2.csv:3: column 'x': a value is missing; dataset.missing says what to do"),
        ("x,y\n3,a,b\n", "PATH/2.csv:2: 3 values; the first line names 2 columns"),
        ("z,y\n3,a\n", "PATH/2.csv: no column 'x', which other files of PATH have"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_second_shard_is_found_there(table, tmp_path, second, message):
    """With that file's name and its own lines."""
    table("x,y\n1,a\n2,b\n", "rows/1.csv")
    table(second, "rows/2.csv")

    assert refusal(tmp_path / "rows", name="csv") == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "PATH: is empty; the first line must name the columns"),
        ("\n\n", "PATH: is empty; the first line must name the columns"),
        ("x,y\n", "PATH: there is no row for the training split"),
        ("x,y", "PATH: there is no row for the training split"),
        ("x,y\n1,a\n\n2,b,c\n", "PATH:4: 3 values; the first line names 2 columns"),
        ('x,z,y\n"1\n2",2,a\n2\n', "PATH:4: 1 value; the first line names 3 columns"),
        ('x,y\n1,a\n2,"b\n3,c\n', "PATH:3: column 'y': a quote that is never closed"),
        ('"x,y\n1,a\n', "PATH:1: column 1: a quote that is never closed"),
        ('x,y\n1,"' + "long " * 60_000, "PATH:2: column 'y': a quote that is never closed"),
        (
            'x,z,y\n1,"q,a\n2,r,b\n3,"s,c\n',
            "PATH:2: column 'z': text after a closing quote; a quote within a value is written twice",
        ),
        ("x,y\n1,a\n2\0,b\n", "PATH:3: a NUL byte; this is no text"),
        ("x,y\n1,a\n".encode("utf-16-le"), "PATH:1: a NUL byte; this is no text"),
        (
            "x,y\n1,a\n".encode("utf-16"),
            "PATH: not UTF-8 text: byte 0 is 0xff; save it as UTF-8",
        ),
        (
            "x,y\n1,ä\n".encode("latin-1"),
            "PATH: not UTF-8 text: byte 6 is 0xe4; save it as UTF-8",
        ),
        (
            b"x,y\n1,\xc3",
            "PATH: not UTF-8 text: byte 6 is 0xc3; save it as UTF-8",
        ),
        ("x,x,y\n1,2,a\n", "PATH:1: there are two columns 'x'"),
        ("\nx, x,y\n1,2,a\n", "PATH:2: there are two columns 'x'"),
        (
            ",x,y\n0,1,a\n",
            'PATH: column 1 has no name; name it, or leave it out: dataset.exclude: [""]',
        ),
        (
            "y\na\nb\n",
            "PATH: the first line names one column, 'y'; is it a title or a comment? The names stand "
            "in the first line; values are separated by commas, semicolons, tabs or vertical bars",
        ),
        ("x,label\n1,a\n", "dataset.target: PATH has no column 'y'; there is x, label"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused_with_its_line(table, content, message):
    """Or with the byte; a line within quotes counts."""
    assert refusal(table(content)) == message


def test_a_byte_that_is_no_text_is_found_behind_the_first_block(table):
    """A character may begin in one block and end in the next."""
    start = b"x,y\n1,a\n"
    start += b" " * (BLOCK - 1 - len(start))
    path = table(start + "ä".encode() + b"\xff")

    at = BLOCK + 1
    assert refusal(path) == f"PATH: not UTF-8 text: byte {at:,} is 0xff; save it as UTF-8"


def test_a_line_without_an_end_is_not_read_whole(table):
    """Nothing larger than a block is held."""
    assert refusal(table("x," * (BLOCK // 2))) == (
        "PATH:1: 16,777,216 bytes or more; this is no line of a table"
    )
    assert refusal(table(bytes(2 * BLOCK))) == "PATH:1: a NUL byte; this is no text"


@pytest.mark.parametrize(
    "value",
    ["1_0", "\uff11\uff12", "1,5", "inf", "-Infinity", "0x10", "1e", "--1", "1 2", "$1", "\u22121", "\u0663"],
)  # fmt: skip
def test_what_only_looks_like_a_number_is_none(table, value):
    """Underscores, digits of other scripts, commas, infinity."""
    path = table(f"x;y\n1;a\n{value};b\n;a\n{value};b\n")

    problem = NO_NUMBER.replace("numeric\n", "numeric; so 1 more row\n")
    hint = "\nPATH: column 'x' is of numbers with dataset.decimal: ','" if value == "1,5" else ""
    assert refusal(path, missing="mean") == f"PATH:3: column 'x': {value!r} {problem}{hint}"


@pytest.mark.parametrize("token", ["", "NA", "N/A", "NaN", "nan", "NULL", "None", "#N/A", "  "])
def test_among_numbers_nothing_has_many_names(table, token):
    """Those of pandas; without `missing` its line is named."""
    path = table(f"x;y\n1;a\n{token};b\n5;a\n0;b\n")

    assert_allclose(load(path, missing="mean", **AS_IT_IS).train.features, [[1], [3], [5]])
    found = repr(token) if token.strip() else "a value"
    assert refusal(path) == (
        f"PATH:3: column 'x': {found} is missing; dataset.missing says what to do"
    )


def test_every_problem_has_a_line(table):
    """All columns at once, and how many more rows each."""
    path = table("v,w,y\n1,2,a\n1k,inf,b\n2k,3,a\n")

    assert refusal(path) == (
        "PATH:3: column 'v': '1k' is not a finite number, but the rest of the column is numeric; so 1 more row\n"
        "PATH:3: column 'w': 'inf' " + NO_NUMBER
    )


def test_rows_with_gaps_are_dropped_and_said(table):
    """A missing number, category, label or weight."""
    path = table("n,t,w,y\n1,a,1,p\n,a,1,p\n3,,1,q\n4,b,,q\n5,b,1,\n6,b,2,q\n7,a,1,p\n")
    data = load(path, missing="drop", weights="w", **AS_IT_IS)

    assert_array_equal(data.train.rows, [0, 5])
    assert_array_equal(data.test.rows, [6])
    assert_array_equal(data.train.features, [[1, 1, 0], [6, 0, 1]])
    assert data.notes[:2] == (
        f"{path}: 1 row left out: without a label",
        f"{path}: 3 rows left out: with missing values",
    )
    assert refusal(table("n,y\n,p\n1,\n,q\n"), missing="drop") == (
        "PATH: there is no row for the training split"
    )


@pytest.mark.parametrize("nothing", ["", "NA"])
def test_a_column_without_any_value_is_constant(table, nothing):
    """A number of which nothing is known."""
    path = table(f"x,n,y\n1,{nothing},a\n2,{nothing},b\n3,{nothing},a\n")

    data = load(path, missing="median", **AS_IT_IS)
    assert_array_equal(data.train.features, [[1, 0], [2, 0]])


def test_without_any_category_there_is_nothing_to_learn_from(table):
    """The training rows have none, the test row has one."""
    path = table("t,y\n,a\n,b\nq,a\n")

    assert refusal(path, missing="zero", **AS_IT_IS) == "PATH: no column has a value to learn from"


def test_a_missing_category_is_none_of_the_known(table):
    """All of its inputs are 0; it is not counted as unknown."""
    data = load(table("t,y\na,p\n,q\nb,p\na,q\n"), missing="zero", **AS_IT_IS)

    assert_array_equal(data.train.features, [[1, 0], [0, 0], [0, 1]])
    assert not any("encoded as zeros" in note for note in data.notes)


@pytest.mark.parametrize(
    ("weights", "settings", "message"),
    [
        (["1", "", "2"], {}, "PATH:3: column 'w': a value is missing"),
        (["1", "-1", "2"], {}, "PATH:3: column 'w': '-1' is no weight; a weight is a number from 0"),
        (["1", "x", "2"], {}, "PATH:3: column 'w': 'x' is no weight; a weight is a number from 0"),
        (["0", "0", "0"], {}, "PATH: column 'w': all weights are 0"),
        (["1", "1", "1"], {"weights": "ww"}, "dataset.weights: PATH has no column 'ww'; did you mean 'w'?"),
    ],
)  # fmt: skip
def test_weights_that_are_none_are_refused(table, weights, settings, message):
    """With the line of the first."""
    a, b, c = weights
    path = table(f"x,w,y\n1,{a},a\n2,{b},b\n3,{c},a\n")

    assert refusal(path, **{"weights": "w", **settings}) == message


def test_weights_are_no_feature(table):
    """They go with their rows."""
    data = load(table("x,w,y\n1,0.5,a\n2,0,b\n3,4,a\n"), weights="w", **AS_IT_IS)

    assert_array_equal(data.train.features, [[1], [2]])
    assert_array_equal(data.train.weights, [0.5, 0])
    assert_array_equal(data.test.weights, [4])


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
        (["1", "2.5"], {}, "PATH:3: column 'y': '2.5' is no class; labels are names or whole numbers, or listed in dataset.classes"),
        (["1", "", "2.5"], {"missing": "drop"}, "PATH:4: column 'y': '2.5' is no class; labels are names or whole numbers, or listed in dataset.classes"),
        (["a", "a"], {}, "PATH: column 'y': every label is 'a'; a classifier needs two classes"),
        (["a", "accuracy"], {}, "PATH: column 'y': 'accuracy' is a key of the classification report; rename the class"),
        (["a", "b" * 256], {}, "PATH: column 'y': the name of class 1 has more than 255 characters"),
        ([f"id {i}" for i in range(10_001)], {}, "PATH: column 'y': 10,001 different labels in 10,001 rows; there can be 10,000 classes"),
        (["a", "c"], {"classes": ["a", "b"]}, "PATH:3: column 'y': 'c' is none of the 2 classes"),
        (["0", "2"], {"classes": ["a", "b"]}, "PATH:3: column 'y': '2' is none of the 2 classes"),
        (["1", "0"], {"classes": ["1", "2"]}, "PATH:3: column 'y': '0' is none of the 2 classes"),
        (["0", "-1"], {"classes": ["a", "b"]}, "PATH:3: column 'y': '-1' is none of the 2 classes"),
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


def test_rows_in_both_train_and_test_are_counted(table):
    """By what the model sees of them: their labels may differ."""
    path = table("x,t,y\n1,a,p\n2,b,q\n2,b,q\n3,a,p\n")
    test = table("t,x,y\na,1,p\nb,1.0,p\nb,2,p\nb,2,q\n", "test.csv")

    assert load(path, test_path=str(test), validation=None).notes[-1:] == (
        "3 of 4 rows of test have the same inputs as a training row",
    )
    assert "as well" not in " ".join(load(path, **AS_IT_IS).notes)


def test_a_test_file_has_its_columns_in_any_order(table):
    """And more of them; its rows are all there is to test on."""
    train = table("n,t,y\n1,a,p\n2,b,q\n3,a,p\n4,b,q\n", "train.csv")
    test = table("extra,y,t,n\n0,q,b,5\n0,p,c,6\n", "test.csv")
    data = load(train, test_path=str(test), validation=None, scale="none")

    assert_array_equal(data.train.rows, [0, 1, 2, 3])
    assert_array_equal(data.test.features, [[5, 0, 1], [6, 0, 0]])
    assert_array_equal(data.test.labels, [1, 0])


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("t,y\na,p\n", "TEST: no column 'n'; there is t, y"),
        ("n,t,y\n1,a,p\nmany,a,q\n", "TEST:3: column 'n': 'many' " + NO_NUMBER),
        ("n,t,y\n", "TEST: there is no row for the test split"),
        ("n,t,y\n1,a,p\n,a,p\n", "TEST:3: column 'n': a value is missing; dataset.missing says what to do"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_test_file_is_said_of_it(table, test, message):
    """Its columns are of the kinds that training's are."""
    train = table("n,t,y\n1,a,p\n2,b,q\n", "train.csv")
    path = table(test, "test.csv")

    assert refusal(train, test_path=str(path)).replace(str(path), "TEST") == message


def test_values_of_a_model_are_refused_without_settings_that_cannot_be_set(table):
    """Nothing in the column is a number, what is missing aside."""
    first = load(table("n,y\n1,p\n2,q\n3,p\n"), missing="mean", **AS_IT_IS)
    path = table("n,y\nx,p\n,q\nz,p\n", "other.csv")

    assert refusal(path, encoding=first.encoding, missing="mean") == (
        "PATH:2: column 'n': 'x' is not a finite number, as in training; so 1 more row\n"
        "the model's config says that numbers are written as in 1234.5 or 1e-3"
    )


def test_what_was_learned_encodes_a_table_with_other_columns_first(table):
    """Matched by name; a column that looks like another kind is still what training had."""
    first = load(table("n,t,y\n1,a,p\n2,b,q\n3,a,p\n"), **AS_IT_IS)
    path = table("t,y,n\n7,p,1\na,q,2\nb,p,3\n", "other.csv")
    data = load(path, encoding=first.encoding, **AS_IT_IS)

    assert_array_equal(data.train.features, [[1, 0, 0], [2, 1, 0]])
    assert refusal(table("n,y\n1,p\n2,q\n"), encoding=first.encoding) == (
        "PATH: no column 't'; there is n, y"
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


def test_parquet_is_read_whatever_its_plain_types(table):
    """Small numbers, halves, decimals, dictionaries, large text, gaps; pandas' index is no column."""
    path = table(
        {
            "small": pa.array([1, 2, 3], pa.uint8()),
            "half": pa.array([0.5, 1.5, 2.5], pa.float16()),
            "price": [Decimal("1.25"), None, Decimal("3.75")],
            "word": pa.array(["b", "a", "b"]).dictionary_encode(),
            "long": pa.array(["u", "u", "v"], pa.large_string()),
            "flag": [True, False, None],
            "digits": ["1", "2", "1"],
            "y": [1, 0, 1],
            "__index_level_0__": [7, 8, 9],
        }
    )
    data = load(path, missing="zero", **AS_IT_IS)

    assert_array_equal(
        data.train.features,
        [[1, 0.5, 1.25, 0, 1, 1, 0, 1, 1, 0], [2, 1.5, 0, 1, 0, 1, 1, 0, 0, 1]],
    )
    kinds = ["number", "number", "number", "text", "text", "boolean", "text"]
    assert [column.kind for column in data.encoding.columns] == kinds


PLAIN = (
    "columns must be numbers, text, or true and false: turn it into one of these, or leave it out by "
    "dataset.exclude"
)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": [date(2026, 1, 1)] * 2}, f"PATH: column 'x' is date32[day]; {PLAIN}"),
        ({"x": [[1], [2]]}, f"PATH: column 'x' is list<element: int64>; {PLAIN}"),
        ({"x": [b"a", b"b"]}, f"PATH: column 'x' is binary; {PLAIN}"),
        ({"x": [1.0, math.inf]}, "PATH: row 1: column 'x': inf " + NO_NUMBER),
        ({"x": [1.0, 1e300]}, f"PATH: row 1: column 'x': 1e+300 {BEYOND_FLOAT32}"),
        ({"x": [1.0, math.nan]}, "PATH: row 1: column 'x': nan is missing; dataset.missing says what to do"),
        ({"x": [None, "a"]}, "PATH: row 0: column 'x': a value is missing; dataset.missing says what to do"),
        ({"x": [1, 2], "y": [0.5, 1]}, "PATH: row 0: column 'y': 0.5 is no class; labels are names or whole numbers, or listed in dataset.classes"),
        ({"x": pa.array([], pa.int8()), "y": pa.array([], pa.int8())}, "PATH: there is no row for the training split"),
    ],
)  # fmt: skip
def test_columns_of_parquet_that_cannot_be_are_refused(table, columns, message):
    """With the row, counted from 0 as pandas does."""
    assert refusal(table({"y": ["a", "b"], **columns})) == message


def test_what_is_no_parquet_is_refused(table):
    """A CSV by that name, a file cut short, text that is no UTF-8, a name there twice."""
    path = table("x,y\n1,a\n", "t.parquet")
    assert refusal(path).startswith(
        "PATH: not a Parquet file that can be read: Parquet magic bytes"
    )
    whole = table({"x": [1, 2], "y": ["a", "b"]}).read_bytes()
    assert "not a Parquet file that can be read" in refusal(table(whole[:-9], "t.parquet"))
    text = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xff")]
    )
    assert "Invalid UTF8" in refusal(table({"x": text, "y": [1]}))
    pq.write_table(pa.table([[1], [2], [3]], ["x", "x", "y"]), path)
    assert refusal(path) == "PATH: there are two columns 'x'"


def test_shards_of_parquet_may_differ_in_their_numbers_alone(table, tmp_path):
    """Whole numbers and fractions are numbers; text is none; a shard may have gaps only."""
    table({"x": [1, 2], "y": [0, 1]}, "parquet/1.parquet")
    table({"x": [None, None], "y": [0, 1]}, "parquet/2.parquet")
    table({"x": [0.5], "y": pa.array([1], pa.int8())}, "parquet/3.parquet")
    data = load(tmp_path / "parquet", missing="zero", **AS_IT_IS)
    assert_array_equal(data.train.features, [[1], [2], [0], [0]])

    path = table({"x": ["5"], "y": [1]}, "parquet/4.parquet")
    assert refusal(tmp_path / "parquet", missing="zero") == (
        "PATH/4.parquet: column 'x' must be of one type in all files, is int64 in PATH/1.parquet, "
        "double in PATH/3.parquet, string in PATH/4.parquet"
    )
    table({"z": ["5"], "y": [1]}, "parquet/4.parquet")
    assert refusal(tmp_path / "parquet") == (
        "PATH/4.parquet: no column 'x', which other files of PATH have"
    )
    assert path.exists()


@pytest.mark.parametrize("kind", ["csv", "parquet", "npz"])
def test_what_is_no_file_is_refused_at_once(tmp_path, kind):
    """A pipe, a device, nothing, an empty folder, a pattern that nothing matches."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / f"folder/inner.{kind}").mkdir()
    settings = {} if kind == "npz" else {"target": "y"}
    endings = {"csv": ".csv or .tsv", "parquet": ".parquet or .pq", "npz": ".npz"}[kind]
    for path, message in (
        (tmp_path / "pipe", "PATH: not a file"),
        ("/dev/zero", "PATH: not a file"),
        (tmp_path / "nowhere", "PATH: no such file"),
        (tmp_path / "no\0where", "PATH: no such file"),
        (tmp_path / "folder", f"PATH/inner.{kind}: not a file"),
        (tmp_path / "*.none", "PATH: no file matches this pattern"),
    ):
        with pytest.raises(MtrainError) as error:
            load_dataset(dataset_config(name=kind, path=str(path), **settings))
        assert str(error.value).replace(str(path), "PATH") == message
    (tmp_path / f"folder/inner.{kind}").rmdir()
    with pytest.raises(MtrainError, match=f"no {endings} file in this folder"):
        load_dataset(dataset_config(name=kind, path=str(tmp_path / "folder"), **settings))


BEYOND = "or more, beyond training.memory, {}; data larger than that cannot be trained on yet"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_more_than_training_memory_is_refused(tmp_path, table, kind):
    """Of values, before all are read; of categories, before there is an input for each."""
    rows = 1000
    columns = {"id": [f"no {i}" for i in range(rows)], "y": [i % 2 for i in range(rows)]}
    path = table(columns) if kind == "parquet" else write_csv(tmp_path / "t.csv", columns)

    size = {"csv": "14.9 kB", "parquet": "8 kB"}[kind]  # of text, as it is read; of numbers to be
    assert refusal(path, memory=7_900) == (
        f"PATH: its values take {size} " + BEYOND.format("7.9 kB")
    )
    assert refusal(path, memory=2_000_000) == (
        "PATH: column 'id' has 640 categories: its values take 2.56 MB or more, beyond "
        "training.memory, 2 MB; leave it out by dataset.exclude, or name the columns to use in "
        "dataset.features"
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"features": ["x", "y"]}, "dataset.features: 'y' is dataset.target already"),
        ({"categorical": ["y"]}, "dataset.categorical: 'y' is dataset.target already"),
        ({"weights": "y"}, "dataset.weights: 'y' is dataset.target already"),
        ({"weights": "x", "features": ["x"]}, "dataset.features: 'x' is dataset.weights already"),
        ({"weights": "x", "categorical": ["x"]}, "dataset.categorical: 'x' is dataset.weights already"),
        ({"features": []}, "dataset.features: must name a column; null is all of them"),
        ({"features": ["x", "x"]}, "dataset.features: 'x' is there twice"),
        ({"features": ["x"], "categorical": ["z"]}, "dataset.categorical: 'z' is none of the features"),
        ({"test_path": "a.csv", "test": {"size": 3}}, "dataset.test: dataset.test_path names the test split"),
        ({"scale": "unit"}, "dataset.scale: unknown name 'unit'; there is auto, none, standard"),
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
        "dataset.target: PATH has no column 'why'; there is width, height, y\n"
        "dataset.weights: PATH has no column 'w'; there is width, height, y\n"
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
        f"{path}: these are not the data of the training, of which its test rows are; "
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
