"""Tables with something doubtful in them, and what `check` and `init` say of it."""

from __future__ import annotations

import csv

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtrain.cli.main import run
from mtrain.config.loading.load import load_config
from mtrain.config.loading.reader import parse
from mtrain.workflows.check import check

N = 120


def columns(**more):
    """Two columns of noise, others, and labels of two classes."""
    values = np.random.default_rng(0).normal(size=(N, 2)).round(4)
    labels = [["no", "yes"][k] for k in np.random.default_rng(1).integers(0, 2, N)]
    labels = more.pop("y", labels)
    return {"a": values[:, 0].tolist(), "b": values[:, 1].tolist(), **more, "y": labels}


def table(path, content):
    """A CSV or Parquet file of these columns, None being a missing value."""
    if path.suffix == ".parquet":
        pq.write_table(pa.table(content), path)
        return path
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(content)
        writer.writerows(
            ["" if value is None else value for value in row]
            for row in zip(*content.values(), strict=True)
        )
    return path


def config(path, **settings):
    name = "parquet" if path.suffix == ".parquet" else "csv"
    dataset = {"name": name, "path": str(path), "target": "y"}
    training = settings.pop("training", {})
    return load_config({"dataset": dataset | settings, "training": training}, {})


def warnings(path, **settings):
    """By name of their kind, the texts of what `check` says."""
    found = {}
    for warning in check(config(path, **settings)).warnings:
        found.setdefault(warning.kind, []).append(str(warning).replace(str(path), "FILE"))
    return found


def proposed(folder, data, *arguments):
    """The dataset section that `init` writes, which `check` then takes, and the file's text."""
    file = folder / "proposed.yaml"
    file.unlink(missing_ok=True)
    assert run(["init", str(file), "--data", str(data), *arguments]) == 0
    assert run(["check", str(file)]) == 0
    text = file.read_text("utf-8")
    return parse(text, "x").data["dataset"], text


BOTH = pytest.mark.parametrize("kind", ["csv", "parquet"])


# --- Columns that name rows, or tell the label


def permutation(step=1, start=0, seed=3):
    return (np.random.default_rng(seed).permutation(N) * step + start).tolist()
