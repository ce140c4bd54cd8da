"""scikit-learn's handwritten digits: 1,797 images of 8x8 pixels from 0 to 16, in ten classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.datasets import load_digits

from mtrain.data.source import Source, checked_rows

if TYPE_CHECKING:
    from mtrain.config.experiment.sources import DigitsConfig
    from mtrain.data.source import Request


def read(_config: DigitsConfig, _request: Request) -> Source:
    """The whole set; it has no test split."""
    digits = load_digits()
    train = checked_rows(digits.images.astype(np.uint8), digits.target, "digits", "train")
    names = tuple(str(name) for name in digits.target_names)
    return Source(train, None, None, names, largest=16.0, where="scikit-learn")
