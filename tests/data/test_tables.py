"""CSV and Parquet: what is in a table, what is learned of it, and what is wrong with it."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from written_tables import AS_IT_IS, NO_NUMBER, load, refusal, wine, write_csv

from mtrain.data.sources.csv_text import BLOCK


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
        ("x,label\n1,a\n", "dataset.target: PATH has no column 'y'; choose one of x, label"),
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

    problem = NO_NUMBER.replace("numeric\n", "numeric; likewise in 1 more row\n")
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
        "PATH:3: column 'v': '1k' is not a finite number, but the rest of the column is numeric; likewise in 1 more row\n"
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
        ("t,y\na,p\n", "TEST: no column 'n'; choose one of t, y"),
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
