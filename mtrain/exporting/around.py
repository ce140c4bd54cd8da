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
    """By column of categories, the place among its inputs of the category that each text means.

    The place beyond the last: a row with this text has no class, as training had no missing values.
    Texts that are not there are of no category."""

    missing: tuple[float, ...]
    """Numbers that mean missing, besides NaN."""

    threshold: float | None
    """Of two classes the second is predicted above it; None: the most probable class is."""

    facts: Mapping[str, str]
    """Metadata: the run, its versions and its figures."""
