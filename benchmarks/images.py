"""Fashion-MNIST as its peers read it: four IDX files, gzipped or not."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Images:
    """A split: pixels (N, 784) from 0 to 1, float32, and labels (N,), int32."""

    pixels: Array
    labels: Array


def find_images(folder: str | None) -> str:
    """The absolute path of `folder`; None: where mtrain finds Fashion-MNIST, or downloads it to."""
    if folder is None:
        # Here, or peers would pay for the import.
        from mtrain.config.experiment.sources import FashionMnistConfig
        from mtrain.data.reading import read_source

        source = FashionMnistConfig()
        folder = read_source(source, memory=4_000_000_000, progress=True, download=True).where
    return str(Path(folder).resolve())


def read_images(folder: str, split: str) -> Images:
    """`train` or `t10k`."""
    pixels = _read(Path(folder, f"{split}-images-idx3-ubyte"), header=16).reshape(-1, 784)
    labels = _read(Path(folder, f"{split}-labels-idx1-ubyte"), header=8)
    return Images(pixels / np.float32(255), labels.astype(np.int32))


def _read(path: Path, header: int) -> Array:
    packed = path.with_name(f"{path.name}.gz")
    content = gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()
    return np.frombuffer(content, np.uint8, offset=header)
