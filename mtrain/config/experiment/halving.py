"""How a sweep stops the settings that others are better than."""

from __future__ import annotations

import math
from typing import Annotated

from annotated_types import Gt, Lt

from mtrain.config.experiment.section import Count, Section


class Halving(Section):
    """Successive halving: after every so many epochs only the better settings are trained further.

    Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization",
    AISTATS 2016.
    """

    by: str | None = None
    """A figure of the history; null: the one by which settings are ranked."""

    keep: Annotated[float, Gt(0), Lt(1)] = 0.5
    """The share of the settings that is trained further; at least one is."""

    every: Count = 5
    """Epochs between two choices."""

    def kept(self, settings: int) -> int:
        """How many of so many settings are trained further."""
        return max(1, math.ceil(self.keep * settings))
