"""Which epoch was best, and whether it is time to stop: from the figures alone, no state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def higher_is_better(monitor: str) -> bool:
    """Whether the scalar of the history called `monitor` improves as it rises."""
    name = monitor.removeprefix("val_")
    return name not in {"loss", "log_loss"} and not name.startswith("fpr")


def best_epoch(values: Sequence[float], *, higher: bool) -> int | None:
    """Index of the first best finite value; None where none is finite."""
    finite = [i for i, value in enumerate(values) if math.isfinite(value)]
    if not finite:
        return None
    return max(finite, key=lambda i: (values[i] if higher else -values[i], -i))


def should_stop(values: Sequence[float], *, higher: bool, patience: int, min_delta: float) -> bool:
    """Whether the last `patience` epochs brought no improvement by more than `min_delta`.

    As Keras' EarlyStopping; a value that is not finite is no improvement.
    """
    best = -math.inf
    waited = 0
    for value in values:
        signed = value if higher else -value
        waited += 1
        if math.isfinite(value) and signed - min_delta > best:
            best, waited = signed, 0
    return waited >= patience
