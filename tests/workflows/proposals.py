"""Configs that `init` proposes or refuses to propose."""

from __future__ import annotations

import csv

import numpy as np
from sklearn.datasets import load_iris

from mtrain.cli.main import run
from mtrain.config.loading.reader import parse

SHORT = ["training.epochs=1", "training.early_stopping=null", "--quiet"]

HOSTILE = (
    "a\nb: c", "# x", "c: d", "\x1b[31mred", "q'u\"ote", "{x", "- y", "[z], w", "&anchor", "*alias",
    "!tag", "null", "1e-3", "no", "\u202eabc", "x\u2028y", "50 %", "=cmd()", "größe", "\\n", "a,b", "?",
)  # fmt: skip


def iris(rows=150):
    """Numbers and names of classes, in an order drawn once."""
    data = load_iris()
    order = np.random.default_rng(0).permutation(150)[:rows]
    return data.data[order].tolist(), data.target_names[data.target[order]].tolist()


def write(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def proposed(folder, data, *arguments):
    """The dataset section that `init` writes, of a config that `fit` then takes as it is."""
    config = folder / "proposed.yaml"
    assert run(["init", str(config), "--data", str(data), *arguments]) == 0
    assert run(["fit", str(config), *SHORT, "--out", str(folder / "run")]) == 0
    return parse(config.read_text(encoding="utf-8"), str(config)).data["dataset"]


def refused(capsys, *arguments):
    """The status, and what stderr says."""
    status = run(["init", *map(str, arguments)])
    return status, capsys.readouterr().err.removeprefix("mtrain: ").removesuffix("\n")
