"""How far a share may differ from the counted one by chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mtrain.records.arrays import Counts, Floats

Z_95 = 1.959963984540054
"""The normal distribution's 97.5 % quantile."""


def wilson(hits: Counts, trials: Counts) -> Floats:
    """95 % Wilson score interval of hits / trials: low and high, shape (K, 2), in [0, 1].

    Edwin B. Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22 (1927). NaN if there are no trials.
    """
    n = np.where(trials == 0, np.nan, trials.astype(np.float64))
    share = hits / n
    denominator = 1 + Z_95**2 / n
    centre = share + Z_95**2 / (2 * n)
    spread = Z_95 * np.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2))
    low = np.where(hits == 0, 0 * n, (centre - spread) / denominator)
    high = np.where(hits == trials, 1 + 0 * n, (centre + spread) / denominator)
    return np.stack([low, high], axis=-1)
