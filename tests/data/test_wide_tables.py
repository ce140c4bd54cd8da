"""Tables of very many columns: work grows with the columns, not with their square."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import dataset_config

from mtrain.data.columns import RawTable
from mtrain.data.features import read_values
from mtrain.data.inputs.read import read_pieces
from mtrain.data.load import load_dataset
from mtrain.errors import MtrainError

ROWS = 12


class Compared(str):
    """A name that counts how often it is compared with another one; a dict rarely does so."""

    __slots__ = ()
    times = 0

    def __eq__(self, other):
        Compared.times += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__

    def strip(self, *signs):
        """Of this kind as well."""
        return Compared(str.strip(self, *signs))


def wide(path, n):
    """A table of n columns of numbers and one of labels."""
    columns = {f"column {i}": (np.arange(ROWS) % 5 + i).tolist() for i in range(n)}
    columns["y"] = [i % 2 for i in range(ROWS)]
    if path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path)
    else:
        rows = [map(str, row) for row in zip(*columns.values(), strict=True)]
        path.write_text("\n".join(map(",".join, [columns, *rows])) + "\n")
    return path


def work(monkeypatch, kind):
    """Columns as they are read have names that count comparisons."""
    from mtrain.data.sources import csv, parquet

    if kind == "csv":
        records = csv._records

        def counted(file):
            for number, (line, values) in enumerate(records(file)):
                yield line, [Compared(v) for v in values] if number == 0 else values

        monkeypatch.setattr(csv, "_records", counted)
        return
    read_schema = parquet.pq.read_schema

    class Schema:
        metadata = None

        def __init__(self, file):
            self.names = [Compared(name) for name in read_schema(file).names]

    monkeypatch.setattr(parquet.pq, "read_schema", Schema)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_names_are_compared_so_often_as_there_are_columns(tmp_path, monkeypatch, kind):
    """To train, to evaluate, and to predict; named or not."""
    work(monkeypatch, kind)
    times = {}
    for n in (200, 400):
        path = wide(tmp_path / f"{n}.{kind}", n)
        given = {"name": kind, "path": str(path), "target": "y"}
        names = [Compared(f"column {i}") for i in range(n)]
        configs = [
            dataset_config(**given),
            dataset_config(**given, features=names, categorical=names[1::2]),
        ]
        Compared.times = 0
        for config in configs:
            data = load_dataset(config)
            load_dataset(config, encoding=data.encoding)
            assert sum(len(piece.split) for piece in read_pieces(path, config, data.encoding, 10**9)) == ROWS  # fmt: skip
        times[n] = Compared.times

    assert times[400] < 2.5 * times[200]
    assert times[400] < 100 * 400


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_no_function_is_called_more_often_than_columns_ask_for(tmp_path, kind):
    """Calls of functions, Python's and those of libraries, as a profiler counts them."""
    calls = {}
    for n in (200, 400):
        path = wide(tmp_path / f"{n}.{kind}", n)
        config = dataset_config(name=kind, path=str(path), target="y")
        load_dataset(config)  # imports are done
        counter = itertools.count()
        sys.setprofile(lambda *_, counter=counter: next(counter))
        try:
            data = load_dataset(config)
            load_dataset(config, encoding=data.encoding)
        finally:
            sys.setprofile(None)
        calls[n] = next(counter)

    assert calls[400] < 2.2 * calls[200]


def test_a_column_that_is_there_twice_among_many_is_found(tmp_path):
    """By name."""
    path = tmp_path / "t.csv"
    names = [f"c{i}" for i in range(20_000)]
    path.write_text(",".join([*names, "c17", "y"]) + "\n")
    with pytest.raises(MtrainError, match="there are two columns 'c17'"):
        load_dataset(dataset_config(name="csv", path=str(path), target="y"))


def test_a_column_of_text_starts_no_threads(monkeypatch):
    """They are for groups of numbers side by side, and a small piece has one."""

    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr("mtrain.data.side_by_side.ThreadPoolExecutor", refuse)
    texts = {"x": ["1", "2"], "word": ["u", "v"], "y": ["3", "4"]}
    columns = {name: pa.chunked_array([values]) for name, values in texts.items()}
    table = RawTable(columns, typed=False, where="a.csv", place=str)

    read, wrong = read_values(table, {"x": "number", "word": "text", "y": "number"})

    assert [(name, values.kind) for name, values in read.items()] == [
        ("x", "number"),
        ("word", "text"),
        ("y", "number"),
    ]
    assert wrong == {}
