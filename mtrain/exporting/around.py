"""Everything around a network that an exported model holds as well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mtrain.records.dataset import Encoding


@dataclass(frozen=True, eq=False)
class Around:
    """What leads from raw rows to inputs of a network, and from its outputs to classes."""

    classes: tuple[str, ...]
    encoding: Encoding

    texts: Mapping[str, Mapping[str, int]]
    """By column of categories, the place of the category that each text means."""

    threshold: float | None
    """Of two classes the second is predicted above it; None: the most probable class is."""

    refuses_missing: bool
    """Whether training had no missing values: a row with one then has no class, and NaN as its
    probabilities."""

    facts: Mapping[str, str]
    """Metadata: the run, its versions and its figures."""
