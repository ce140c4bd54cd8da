"""Random numbers that never change: what is drawn by them is drawn again whenever a run continues."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def random_keys(n: int, seed: int, purpose: tuple[str, ...]) -> NDArray[np.uint64]:
    """A random number for each of n rows, shape (n,); others for each seed and purpose.

    Bits of a counter, hashed: NumPy promises that these never change, as it does not of what its
    generators make of them; a split that is drawn again must be the same.
    """
    entropy = [seed, *".".join(purpose).encode()]
    keys: NDArray[np.uint64] = np.random.Philox(np.random.SeedSequence(entropy)).random_raw(n)
    return keys
