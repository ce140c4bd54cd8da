"""Tables of a few rows, and what `check` finds in them."""

from __future__ import annotations

import numpy as np

from mtrain.config.loading.load import load_config
from mtrain.workflows.check import check


def checked(path, text=None, **settings):
    """What `check` finds in a table of these lines, or in the data there."""
    if text is not None:
        path.write_text(text)
    settings = {"name": "csv", "path": str(path), "target": "y"} | settings
    return check(load_config({"dataset": settings, "model": {"hidden": 3}}, {}))


def plain(rows, header="a,b,y"):
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)])


def numbers(n, columns=1, seed=0):
    return np.random.default_rng(seed).normal(size=(n, columns)).round(6).tolist()


def two_classes(n=100, seed=0):
    """Rows of two columns that nothing is wrong with."""
    return [[*row, "xy"[k % 2]] for k, row in enumerate(numbers(n, 2, seed))]
