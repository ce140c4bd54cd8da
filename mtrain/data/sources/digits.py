"""scikit-learn's handwritten digits: 1,797 images of 8x8 pixels from 0 to 16, in ten classes."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mtrain.data.source import Source, checked_rows
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from mtrain.config.experiment.sources import DigitsConfig
    from mtrain.data.source import Request

SIDE = 8
"""Pixels."""


def read(_config: DigitsConfig, _request: Request) -> Source:
    """The whole set; it has no test split."""
    path = _file()
    try:
        with gzip.open(path) as file:
            rows = np.loadtxt(file, delimiter=",", dtype=np.uint8)
        images, labels = rows[:, :-1].reshape(-1, SIDE, SIDE), rows[:, -1].astype(np.int64)
    except (OSError, EOFError, ValueError, IndexError) as error:
        raise MtrainError(f"scikit-learn's digits cannot be read ({error})", where=path) from error
    train = checked_rows(images, labels, "digits", "train")
    names = tuple(map(str, range(10)))
    return Source(train, None, None, names, largest=16.0, where="scikit-learn")


def _file() -> Path:
    """The file from which scikit-learn reads them: importing it would take ten times as long."""
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise MtrainError("scikit-learn, which has the digits, is not installed")
    return Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
