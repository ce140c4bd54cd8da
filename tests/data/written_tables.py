"""Tables that are written here, and what is read of them or said against them."""

from __future__ import annotations

import csv

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import dataset_config
from sklearn.datasets import load_wine

from mtrain.data.load import load_dataset
from mtrain.errors import MtrainError

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
