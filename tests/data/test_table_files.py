"""Parquet with all its types, and what is no file of a table."""

from __future__ import annotations

import math
import os
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import dataset_config
from numpy.testing import assert_array_equal
from written_tables import AS_IT_IS, BEYOND_FLOAT32, NO_NUMBER, load, refusal, write_csv

from mtrain.data.load import load_dataset
from mtrain.errors import MtrainError


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
        ({"x": [1, 2], "y": [0.5, 1]}, "PATH: row 0: column 'y': 0.5 is not a class; labels are names or whole numbers, or listed in dataset.classes"),
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
        "training.memory, 2 MB; leave it out by dataset.exclude, or group its rare categories by "
        "dataset.rare"
    )
