"""What a user could take instead of mtrain, each as its own users would write it.

All train the same network with the same mathematics: Glorot-uniform kernels, biases of 0, Keras'
learning rates and constants, the rows in a new random order each epoch, the ragged last batch too;
and all report the mean loss and the accuracy of the epoch. Where an optimizer adds its epsilon is left
to each library; scikit-learn draws its biases, too, and reports the loss alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.images import Array


@dataclass(frozen=True)
class Training:
    """A network on its way."""

    train: Callable[[int], list[float]]
    """Train so many epochs, each of which reports its loss and accuracy; the seconds of each."""

    predicted: Callable[[Array], Array]
    """Class of each row of pixels."""


def timed(epoch: Callable[[], object]) -> Callable[[int], list[float]]:
    """What trains so many epochs, of what trains one."""

    def train(epochs: int) -> list[float]:
        ends = [time.perf_counter()]
        for _ in range(epochs):
            epoch()
            ends.append(time.perf_counter())
        return [end - start for start, end in pairwise(ends)]

    return train
