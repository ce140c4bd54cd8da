"""Rows of images as small pictures."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.config.experiment.sources import LARGEST_BYTE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mtrain.records.arrays import Ints
    from mtrain.records.dataset import Encoding, Split

MOST_PICTURES = 64
"""Mistakes that are shown one by one."""

SIDE = 64
"""Pixels; larger images are made smaller."""


def is_image(shape: Sequence[int]) -> bool:
    """Whether rows of this shape are gray or coloured images."""
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in {1, 3})


def pictures(split: Split, encoding: Encoding, positions: Ints) -> list[NDArray[np.uint8]]:
    """The rows at the first of these positions, each of shape (H, W) or (H, W, 3).

    Empty if rows are no images of bytes. The brightest pixel of all that there could be is white.
    """
    if split.features.dtype != np.uint8 or not is_image(encoding.shape):
        return []
    white = encoding.divisor or LARGEST_BYTE
    shown = positions[:MOST_PICTURES]
    return [_small(split.features[k].reshape(encoding.shape), white) for k in shown]


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A picture as a file."""
    content = io.BytesIO()
    _image(pixels).save(content, "png", optimize=True)
    return content.getvalue()


def _small(pixels: NDArray[np.uint8], white: float) -> NDArray[np.uint8]:
    bright = np.clip(pixels * (255 / white), 0, 255).astype(np.uint8)
    image = _image(bright[..., 0] if bright.shape[2:] == (1,) else bright)
    image.thumbnail((SIDE, SIDE))
    return np.asarray(image)


def _image(pixels: NDArray[np.uint8]) -> Any:
    from PIL import Image

    return Image.fromarray(pixels)
