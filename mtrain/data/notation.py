"""How the files of a table write values, by their config."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtrain.config.experiment.table import CsvConfig, TableConfig
from mtrain.data.missing_words import USUAL

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from mtrain.config.experiment.dataset import DatasetConfig

SPACES = " \u00a0\u202f"
"""Spaces that separate thousands, with the no-break spaces."""


@dataclass(frozen=True)
class Notation:
    """The settings of how a file writes names and values."""

    header: bool = True
    """Whether the first line names the columns."""

    decimal: str = "."
    """The decimal separator."""

    thousands: str | None = None
    """The thousands separator; None: none."""

    missing: tuple[str | int | float, ...] = ()
    """Values that mean missing, besides the usual."""

    @property
    def is_plain(self) -> bool:
        """Whether numbers are written as programs write them."""
        return self.decimal == "." and self.thousands is None

    @property
    def example(self) -> str:
        """How numbers are written."""
        return "1234.5 or 1e-3" if self.is_plain else f"1{self.thousands or ''}234{self.decimal}5"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of `dataset` for this notation, without defaults."""
        values = {
            "header": self.header,
            "decimal": self.decimal,
            "thousands": self.thousands,
            "missing_values": list(self.missing),
        }
        plain = {"header": True, "decimal": ".", "thousands": None, "missing_values": []}
        return {key: value for key, value in values.items() if value != plain[key]}

    @property
    def pattern(self) -> str:
        """The regular expression, of RE2 and Python alike, of a whole number as it is written."""
        point = re.escape(self.decimal)
        digits = "[0-9]+"
        if self.thousands is not None:
            # No group begins a number with 0: 0,562 has three decimals.
            grouped = f"[1-9][0-9]{{0,2}}(?:{self._between}[0-9]{{3}})+"
            if self.thousands == ",":  # India writes 12,34,567
                grouped += "|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}"
            digits = f"(?:{grouped}|[0-9]+)"
        return rf"^[-+]?(?:{digits}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][-+]?[0-9]+)?$"

    def plain(self, texts: pa.ChunkedArray) -> pa.ChunkedArray:
        """Texts that are numbers in this notation, as programs write them; null if not a number."""
        texts = pc.if_else(pc.match_substring_regex(texts, self.pattern), texts, None)
        if self.thousands is not None:
            texts = pc.replace_substring_regex(texts, self._between, "")
        return pc.replace_substring(texts, self.decimal, ".")

    def without_missing(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """The column with null for what `missing` names."""
        if not self.missing:
            return column
        if is_text(column.type):
            values = pa.array(sorted({str(value) for value in self.missing}), column.type)
        elif pa.types.is_floating(column.type):
            # In the column's type: -99.9 as a float32 is another float64.
            with np.errstate(over="ignore"):
                numbers = np.array(self.missing_numbers).astype(column.type.to_pandas_dtype())
            values = pa.array(numbers[np.isfinite(numbers)].astype(np.float64))
        elif pa.types.is_integer(column.type) or pa.types.is_decimal(column.type):
            values = pa.array(self.missing_numbers, pa.float64())
        else:
            return column
        if not len(values):
            return column
        # In float64: a number that an int8 cannot hold would become another one.
        is_missing = pc.is_in(pc.cast(column, values.type, safe=False), values)
        return pc.if_else(is_missing, None, column)

    @property
    def missing_numbers(self) -> list[float]:
        """Those of `missing` that are numbers."""
        return [float(value) for value in self.missing if not isinstance(value, str)]

    @property
    def _between(self) -> str:
        """The regular expression of the thousands separator."""
        alike = {" ": f"[{SPACES}]", "'": "['\u2019]"}
        return alike.get(self.thousands or "", re.escape(self.thousands or ""))


PLAIN = Notation()

NOTATIONS = (
    PLAIN,
    Notation(thousands=","),
    Notation(decimal=","),
    Notation(decimal=",", thousands="."),
    Notation(thousands=" "),
    Notation(decimal=",", thousands=" "),
    Notation(thousands="'"),
    Notation(decimal=",", thousands="'"),
)
"""The notations that are tried on columns, the preferred ones first."""

MARKED = re.compile(
    r"[-+]?(?P<before>[\u2212(]?\s?[^\w\s.,#+-]?)\s?[-+]?[0-9][0-9.,]*\s?"
    r"(?P<after>[^\w\s.,#+-]?[^\W\d_]{0,5})"
)
"""A number with a currency, a percent sign or a unit, in brackets, or with another sign of minus."""

MOST_MARKS = 6
"""Signs and units of a column of measured numbers."""

FEW_NUMBERS = 20
"""Number of different texts up to which numbers with a unit may be sizes to choose from."""

MARKERS = {
    *map(str.lower, USUAL),
    *("?", "??", "-", "--", "---", ".", "..", "*", "#", "n.a.", "n.a", "nil", "missing", "unknown"),
    *("unk", "not available", "#value!", "#ref!", "#div/0!", "<na>"),
}
"""What means missing among numbers, in lower case."""

TRIED = 5_000
"""The most different values of a column that are tried."""


def guess_notation(columns: Mapping[str, pa.ChunkedArray], delimiter: str = ",") -> Notation:
    """The notation by which most of these columns of text are numbers; the plainest of those.

    In a file with semicolons, which programs with a decimal comma write, `1,250` is 1.25. `missing`
    has the other markers of missing values in columns of numbers.
    """
    samples = {name: _sample(column) for name, column in columns.items()}
    scores = {
        notation: sum(is_number_column(sample, notation) for sample in samples.values())
        for notation in NOTATIONS
    }
    preferred = sorted(NOTATIONS, key=lambda one: delimiter == ";" and one.decimal != ",")
    preferred.remove(PLAIN)
    best = max([PLAIN, *preferred], key=scores.__getitem__)  # the first of equals
    markers = {
        text
        for sample in samples.values()
        if is_number_column(sample, best)
        for text in sample
        if text.lower() in MARKERS and text not in USUAL
    }
    return replace(best, missing=tuple(sorted(markers)))


def is_number_column(texts: Collection[str], notation: Notation) -> bool:
    """Whether all of these different texts are numbers, but for markers of missing values."""
    pattern = re.compile(notation.pattern)
    values = [text for text in texts if text.lower() not in MARKERS]
    return bool(values) and all(pattern.fullmatch(text) for text in values)


def marked_number(texts: Collection[str]) -> str | None:
    """One of these different texts if all are numbers with signs or units, as `5 %`; else None."""
    texts = [text for text in texts if text.lower() not in MARKERS]
    marked = {text: match.groups() for text in texts if (match := MARKED.fullmatch(text))}
    if not FEW_NUMBERS < len(texts) == len(marked) or len(set(marked.values())) > MOST_MARKS:
        return None
    return next((text for text, marks in marked.items() if any(marks)), None)


def _sample(column: pa.ChunkedArray) -> list[str]:
    """Different values, first those that are not plain numbers."""
    different = pc.drop_null(pc.unique(column))
    odd = pc.invert(pc.match_substring_regex(different, PLAIN.pattern))
    few = [different.filter(mask)[:TRIED].to_pylist() for mask in (odd, pc.invert(odd))]
    return [*few[0], *few[1]]


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def notation_of(config: DatasetConfig) -> Notation:
    """The notation in the config of a table; the plain one for other data."""
    if isinstance(config, CsvConfig):
        return Notation(config.header, config.decimal, config.thousands, config.missing_values)
    if isinstance(config, TableConfig):
        return Notation(missing=config.missing_values)
    return PLAIN
