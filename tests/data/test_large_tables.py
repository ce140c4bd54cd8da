"""What is done with a large table in parts is what would be done with all of it."""

from __future__ import annotations

import csv as python_csv

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from written_tables import load

from mtrain.data import encoding_columns, notes, row_hashes
from mtrain.data.columns import trimmed
from mtrain.data.notation import PLAIN
from mtrain.data.sources import csv
from mtrain.data.table import Table, Values
from mtrain.records.dataset import Split


def test_a_row_longer_than_a_small_block_is_read(tmp_path):
    """Rows before it are read once, and quotes and lines within it are part of the value."""
    long = 'said "yes"\n' * (csv.SMALL_BLOCK // 4)
    rows = [[str(k), f"text {k}"] for k in range(300_000)]
    rows[250_000][1] = long
    path = tmp_path / "long.csv"
    with path.open("w", newline="") as file:
        python_csv.writer(file).writerows([["number", "text"], *rows])
    assert csv.SMALL_BLOCK < len(long) < csv.BLOCK

    pieces = list(csv.csv_pieces(str(path), ["text", "number"], 0, PLAIN))
    read = {
        name: [v for piece in pieces for v in piece.columns[name].to_pylist()]
        for name in ("number", "text")
    }
    assert len(pieces) > 2
    assert read == {"number": [row[0] for row in rows], "text": [row[1].strip() for row in rows]}


@pytest.mark.parametrize(
    "text",
    [" a", "a\t", "\u00a0a", "a\u3000", "\na", "a\r\n", "\x1fa", "a\x85", "", " ", "a b", "é"],
)
def test_space_around_a_value_is_found_wherever_it_stands(text):
    """Among values without any, and behind one that is missing."""
    values = ["first", None, text, "last"]
    expected = [None if value is None else value.strip() or None for value in values]
    assert trimmed(pa.array(values, pa.string())).to_pylist() == expected


def test_values_without_space_are_not_copied():
    values = pa.array(["1.5", None, "x-y"], pa.string())
    assert trimmed(values) is values


def test_a_table_of_many_rows_is_encoded_as_by_scikit_learn(tmp_path, monkeypatch):
    """In parts of seven rows, the last of which is ragged."""
    monkeypatch.setattr(encoding_columns, "ROWS_NEAR", 7)
    generator = np.random.default_rng(0)
    numbers = generator.normal(3, 2, (200, 2)).round(3)
    words = generator.choice(["a", "b", "c"], 200).astype("U4")
    words[generator.permutation(200)[:3]] = ["rare", "odd", "odd"]
    lines = [f"{n},{w},{m},{'uv'[int(n > 3)]}" for (n, m), w in zip(numbers, words, strict=True)]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["n,word,m,y", *lines, ""]))
    data = load(path, seed=5)

    train = data.train.rows
    scaler = StandardScaler().fit(numbers[train])
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(words[train, None])
    for split in data.splits.values():
        scaled = scaler.transform(numbers[split.rows])
        ones = one_hot.transform(words[split.rows, None])
        assert_allclose(split.features, np.hstack([scaled[:, :1], ones, scaled[:, 1:]]), atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 8, 30])
def test_rows_of_training_are_found_again(width, dtype, monkeypatch):
    """By their bytes alone, to the last bit; compared with Python's own sets."""
    monkeypatch.setattr(row_hashes, "ROWS_NEAR", 16)
    generator = np.random.default_rng(width)
    train = generator.integers(0, 4, (50, width)).astype(dtype)
    test = np.concatenate([train[::3], generator.integers(0, 4, (30, width)).astype(dtype)])
    test[0].view(np.uint8)[-1] ^= 1

    def split(rows):
        return Split(rows, np.zeros(len(rows), np.int32), np.arange(len(rows)))

    known = {row.tobytes() for row in train}
    n = sum(row.tobytes() in known for row in test)
    (note,) = notes._shared({"train": split(train), "test": split(test)})
    assert note == f"{n} of {len(test)} rows of test have the same inputs as a training row"


@pytest.mark.parametrize("kind", ["array", "table"])
def test_no_two_of_many_rows_share_a_hash(kind):
    """Rows of few different numbers, of which a weaker hash would confuse many."""
    places = np.arange(1 << 16)
    rows = np.stack([(places >> k) & 3 for k in range(0, 16, 2)], axis=1).astype(np.float32)

    def hashes_of(rows):
        if kind == "array":
            return row_hashes.row_hashes(rows)
        columns = {
            str(k): Values("number", values) for k, values in enumerate(rows.T.astype(float))
        }
        return row_hashes.table_hashes(Table(columns))

    hashes = hashes_of(rows)
    assert len(np.unique(hashes)) == len(rows)
    assert_array_equal(hashes[:9], hashes_of(rows[:9]))
