"""Tables with every kind of column, and runs of them."""

from __future__ import annotations

import csv

import numpy as np

import mtrain

COLORS = ("rot", "grün", "blue blue", "1.0")


def write_table(path, rows=240, *, classes=3, missing=0.0, markers=("", ""), seed=0):
    """A CSV of numbers small and large, texts, true and false, whose label follows from them.

    `markers` stand for missing numbers and texts.
    """
    generator = np.random.default_rng(seed)
    size, year = generator.normal(size=rows), generator.integers(1900, 2100, rows)
    color = generator.integers(0, len(COLORS), rows)
    is_new = generator.integers(0, 2, rows)
    score = size + (color == 1) - is_new + (year - 2000) / 100
    label = np.digitize(score, np.quantile(score, np.arange(1, classes) / classes))
    gone = generator.random((4, rows)) < missing
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["size", "a year/of birth", "color", "label", "class"])
        for i in range(rows):
            writer.writerow(
                [
                    markers[0] if gone[0, i] else f"{size[i]:.6g}",
                    markers[0] if gone[1, i] else year[i],
                    markers[1] if gone[2, i] else COLORS[color[i]],
                    markers[1] if gone[3, i] else ("True", "FALSE")[is_new[i]],
                    f"class {label[i]}",
                ]
            )
    return path


def trained(folder, data, **settings):
    """A run of the table at `data`, or of `dataset`."""
    dataset = {"name": "csv", "path": str(data), "target": "class", "categorical": ["color"]}
    dataset |= settings.pop("dataset", {})
    config = {"dataset": dataset, "model": {"hidden": [8]}, "training": {"epochs": 3}}
    for section in ("model", "training"):
        config[section] |= settings.pop(section, {})
    return mtrain.fit(config | settings, out=folder / "run", progress=False).path
