"""Words that stand for a missing value."""

from __future__ import annotations

USUAL = ("NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN", "NULL", "Null", "null", "None")
"""What means missing in a column of numbers, besides an empty value."""

MISSING_LABELS = (*USUAL, "<NA>", "NaT", "N.A.", "n.a.", "?")
"""What programs write for a missing value; as a label it is hardly a class."""
