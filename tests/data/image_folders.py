"""Folders of images for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from conftest import dataset_config
from PIL import Image

from mtrain.data.load import load_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from mtrain.records.dataset import Dataset

ALL = {"validation": None, "test": {"size": 1, "how": "tail"}}
"""All rows but the last are there to train on."""


def load(path: Path, memory: int = 4_000_000_000, **settings: Any) -> Dataset:
    """The data set of a folder of images."""
    return load_dataset(dataset_config(name="images", path=str(path), **settings), memory=memory)


def pixels(seed: int = 0, height: int = 4, width: int = 6, colors: int = 3) -> np.ndarray:
    """Random bytes, of one color without the last axis."""
    shape = (height, width, colors) if colors > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def put(folder: Path, name: str, array: np.ndarray | None = None, **how: Any) -> Path:
    """An image file in a folder of that name's, in the format of its ending unless another is said."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels() if array is None else array).save(path, **how)
    return path
