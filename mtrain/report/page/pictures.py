"""Rows of images as small PNG files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SIDE = 64
"""Pixels; larger images are made smaller."""


def is_image(shape: Sequence[int]) -> bool:
    """Whether rows of this shape are gray or coloured images."""
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in {1, 3})


def png(pixels: NDArray[np.uint8], white: float) -> bytes:
    """An image of shape (H, W), (H, W, 1) or (H, W, 3), whose brightest pixels are `white`."""
    from PIL import Image

    bright = np.clip(pixels * (255 / white), 0, 255).astype(np.uint8)
    image = Image.fromarray(bright[..., 0] if bright.shape[2:] == (1,) else bright)
    image.thumbnail((SIDE, SIDE))
    content = io.BytesIO()
    image.save(content, "png", optimize=True)
    return content.getvalue()
