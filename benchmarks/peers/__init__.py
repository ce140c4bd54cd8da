"""What a user could take instead of mtrain, each as its own users would write it.

All train the same network with the same mathematics: Glorot-uniform kernels, biases of 0, Keras'
learning rates and constants, the rows in a new random order each epoch, the ragged last batch too;
and all report the mean loss and the accuracy of the epoch. Only where an optimizer adds its epsilon
is left to each library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from images import Array


@dataclass(frozen=True)
class Training:
    """A network on its way."""

    epoch: Callable[[], tuple[float, float]]
    """Train once over all rows; mean loss and accuracy meanwhile."""

    predicted: Callable[[Array], Array]
    """Class of each row of pixels."""
