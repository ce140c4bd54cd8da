"""The dataset section of a config, proposed from the columns of a table."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtrain.data.dates import holds_dates, years
from mtrain.data.ids import why_id
from mtrain.data.missing_words import MISSING_LABELS
from mtrain.data.notation import (
    MARKERS,
    NOTATIONS,
    PLAIN,
    TRIED,
    Notation,
    guess_notation,
    is_number_column,
    marked_number,
)
from mtrain.data.source import is_whole
from mtrain.data.sources.parquet import pandas_index
from mtrain.data.table import BOOLEANS, Values, as_value
from mtrain.errors import ColumnError, MtrainError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from mtrain.data.columns import RawTable

MOST_CLASSES = 30
"""Whose names are proposed as well."""

FEW_CLASSES = 20
"""Different values up to which a column can be the labels of however few rows."""

MOST_CATEGORIES = 1_000
"""Most categories of a column: more are rather names, each an input with few rows."""

MOST_NAMED = 50
"""Most columns listed as features; of more, the excluded ones are listed."""

FEWEST_DIFFERENT = 6
"""Number of rows from which texts that all differ are names and not categories."""

MOST_RATINGS = 10
"""Different numbers with decimals that may be classes, as ratings from 0.5 to 5 are."""

CONSTANT = "is the same in every row"

MONTH = r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
DATE = re.compile(
    r"([0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{4}|[0-9]{2}))"
    r"([T ]+[0-9]{1,2}:[0-9]{2}.*)?|[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?( ?[AaPp][Mm])?|"
    rf"[0-9]{{1,2}}[- ]{MONTH}[- ,]+[0-9]{{2,4}}|{MONTH} [0-9]{{1,2}},? [0-9]{{4}}"
)
"""A date, with a time or without, or a time, as tables have them."""


@dataclass(frozen=True)
class Proposal:
    """Settings of a dataset section, and why."""

    settings: dict[str, Any]
    reasons: dict[str, str]
    """The reason for a setting, by its name; not all have one."""

    notes: tuple[str, ...] = ()
    """Notes for the user."""


def propose_table(path: Path, kind: str, target: str, memory: int, notation: Notation) -> Proposal:
    """The settings of a table, as `propose_source` returns them; `kind` is `csv` or `parquet`."""
    from mtrain.data.columns import read_column
    from mtrain.data.sources import csv
    from mtrain.data.sources.tables import COLUMNS

    names = COLUMNS[kind](str(path), notation)
    if kind == "csv" and (only := csv.only_name(names)) is not None:
        raise MtrainError(f"{csv.one_column(only)}", where=path)
    table, left_out = _readable_columns(path, kind, target, names, memory, notation)
    if target in left_out:
        raise MtrainError(f"column {target!r} {left_out[target]}, which is no label", where=path)
    labels, _ = read_column(table.columns[target], "text", typed=table.typed)
    _check_labels(path, target, labels, names, table)
    if kind == "csv":
        columns = {name: column for name, column in table.columns.items() if name != target}
        guess = guess_notation(columns, csv.delimiter_of(csv.csv_file(str(path))))
        table = _in_notation(table, replace(guess, header=notation.header))
    index = pandas_index(str(path)) if kind == "parquet" else []
    others = {name: column for name, column in table.columns.items() if name != target}
    dates = [
        name for name, column in others.items() if holds_dates(column) and not _is_same(column)
    ]
    judged = {name: _judged(table, name, index) for name in others if name not in dates}
    left_out |= {name: why for name, (_, _, why) in judged.items() if why is not None}
    used = {name: values for name, (values, _, why) in judged.items() if why is None}
    used |= {name: Values("number", years(others[name])) for name in dates}
    categorical = [name for name, (_, is_mixed, _) in judged.items() if is_mixed]
    labelled = ~labels.missing
    without = int((~labelled).sum())
    left_out |= _too_wide(used, int(labelled.sum()), memory)
    used = {name: values for name, values in used.items() if name not in left_out}
    features = [name for name in names if name in used]
    whys = _listed([f"{name!r} {why}" for name, why in left_out.items()])
    if not features:
        but = f"; {whys}" if whys else ""
        raise MtrainError(f"there is no column but {target!r} to learn from{but}", where=path)
    settings: dict[str, Any] = {"name": kind, "path": str(path), "target": target}
    settings |= table.notation.settings
    if classes := _listed_classes(labels, typed=table.typed):
        settings["classes"] = classes
    if left_out:
        key = "exclude" if len(features) > MOST_NAMED else "features"
        named = {"exclude": [name for name in names if name in left_out], "features": features}
        settings[key] = named[key]
    if categorical := [name for name in categorical if name in used]:
        settings["categorical"] = sorted(categorical)
    if dates:
        settings["dates"] = dates
    if any((values.missing & labelled).any() for values in used.values()):
        settings["missing"] = "median"
    return Proposal(settings, _reasons(whys, without))


def _reasons(whys: str, without: int) -> dict[str, str]:
    """The reason for each setting: `whys` of columns left out, and rows `without` a label."""
    target = "the column of the labels"
    if without:
        rows = "1 row without one is" if without == 1 else f"{without:,} rows without one are"
        target = f"{target}; {rows} left out"
    return {
        "target": target,
        "features": f"left out: {whys}",
        "exclude": whys,
        "categorical": "numbers and text mixed, or codes such as 007",
        "dates": "learned from as year, month, weekday, hour and day of the year",
        "missing": "values are missing; mean, median, zero or drop",
        "header": "the first line looks like data; its columns are named by number",
        "decimal": "numbers have a decimal comma",
        "thousands": "the thousands separator of numbers",
        "missing_values": "what stands for a missing value among numbers",
    }


def _in_notation(table: RawTable, notation: Notation) -> RawTable:
    """The columns as read under the notation guessed from them."""
    columns = {name: notation.without_missing(column) for name, column in table.columns.items()}
    return replace(table, columns=columns, notation=notation)


def _judged(table: RawTable, name: str, index: list[str]) -> tuple[Values, bool, str | None]:
    """A column's values, whether their numbers are categories, and why to leave it out."""
    from mtrain.data.columns import has_codes, read_column
    from mtrain.data.features import SLIPS, is_written_as_number

    column = table.columns[name]
    if pa.types.is_temporal(column.type):
        reason = CONSTANT if holds_dates(column) else f"is {column.type}"
        return Values("number", np.zeros(len(column))), False, reason
    values, wrong = read_column(column, None, typed=table.typed, notation=table.notation)
    is_mixed = bool(wrong.any()) or has_codes(column, values)
    if wrong.any() and (table.typed or wrong.sum() <= SLIPS * len(wrong)):
        # Reading would refuse it with this place.
        row = int(wrong.argmax())
        place = table.place(row).rpartition(": " if table.typed else ":")[2]
        place = place if table.typed else f"line {place}"
        value = column[row].as_py()
        fault = (
            "beyond float32" if is_written_as_number(table, name, wrong) else "not a finite number"
        )
        return values, True, f"has {value!r:.60} ({place}), which is {fault}"
    if is_mixed:
        values, _ = read_column(column, "text", typed=table.typed)
    why = None
    if values.kind == "text" and not table.typed:
        why = _other_notation(values.categories[:TRIED], table.notation)
    why = why or _why_not(values)
    if why is None and (named := why_id(name, values, index)) is not None and named[1]:
        why = named[0]
    return values, is_mixed, why


def _other_notation(texts: Sequence[str], notation: Notation) -> str | None:
    """Why a column of numbers in another notation cannot be read."""
    texts = [text for text in texts if text.lower() not in MARKERS]
    # Plain numbers that are text have codes such as 007.
    if any(is_number_column(texts, one) for one in (PLAIN, notation)):
        return None
    if not any(is_number_column(texts, other) for other in NOTATIONS):
        return None
    example = next(text for text in texts if not is_number_column([text], notation))
    return f"has numbers such as {example!r}, those of other columns are as in {notation.example}"


def _too_wide(used: Mapping[str, Values], rows: int, memory: int) -> dict[str, str]:
    """The columns of most categories, as many as must be left out to fit into memory."""
    widths = {name: max(1, len(values.categories)) for name, values in used.items()}
    too_wide = {}
    for name in sorted(widths, key=widths.__getitem__, reverse=True):
        if 4 * rows * sum(widths.values()) <= memory or widths[name] == 1:
            break
        too_wide[name] = f"has {widths.pop(name):,} different texts, too many for training.memory"
    return too_wide


def _listed(lines: Sequence[str]) -> str:
    """The first columns left out, and the number of the others."""
    more = len(lines) - MOST_NAMED
    return "; ".join([*lines[:MOST_NAMED], *([f"{more:,} more"] if more > 0 else [])])


def _check_labels(
    path: Path, target: str, labels: Values, names: Sequence[str], table: RawTable
) -> None:
    different, rows = len(labels.categories), len(labels.values)
    column = f"the last column, {target!r}," if target == names[-1] else f"column {target!r}"
    if rows == 0:
        raise MtrainError("there is no row to train on", where=path)
    if different > max(FEW_CLASSES, rows // 2):
        what = f"{different:,} different values in {rows:,} rows"
    elif different > MOST_RATINGS and _are_fractions(labels.categories):
        what = f"{different:,} different numbers with decimals"
    else:
        return
    raise MtrainError(
        f"{column} has {what}, which are no classes", where=path, remedy=_another(table, target)
    )


def _another(table: RawTable, target: str) -> str:
    """How to name another target, with a column of few texts if there is one."""
    from mtrain.data.columns import read_column

    for name, column in table.columns.items():
        values, _ = read_column(column, None, typed=table.typed, notation=table.notation)
        if name != target and values.kind == "text" and 2 <= len(values.categories) <= FEW_CLASSES:
            return f"name another by --target, such as {name!r}"
    return "name another by --target"


def _are_fractions(names: Iterable[str]) -> bool:
    """Whether all are numbers, and not all of them whole."""
    numbers = [as_value(name) for name in names if name not in MISSING_LABELS]
    if any(number is None or number in BOOLEANS for number in numbers):
        return False
    return not all(is_whole(str(number)) for number in numbers)


def _listed_classes(labels: Values, *, typed: bool) -> list[str]:
    """A few numbers with decimals, such as 2.5, which are classes only where they are listed."""
    names = [name for name in labels.categories if name not in MISSING_LABELS]
    if len(names) > MOST_CLASSES:
        return []
    if not _are_fractions(names):
        return []
    return sorted((str(as_value(name)) for name in names) if typed else names, key=float)


def _readable_columns(
    path: Path, kind: str, target: str, names: Sequence[str], memory: int, notation: Notation
) -> tuple[RawTable, dict[str, str]]:
    """The columns that can be read, and the reasons why the others cannot."""
    from mtrain.data.sources.csv import read_csv
    from mtrain.data.sources.parquet import read_parquet

    named = [name for name in names if name]
    left_out: dict[str, str] = {name: "has no name" for name in names if not name}
    if kind == "csv":
        return read_csv(str(path), named, memory, notation), left_out
    read = partial(read_parquet, times={*named} - {target})
    with suppress(MtrainError):  # one column after the other only where one cannot be read
        return read(str(path), named, memory), left_out
    readable = []
    for name in named:
        try:
            read(str(path), [name], memory)
        except ColumnError as error:
            left_out[name] = error.problem
        else:
            readable.append(name)
    if not readable:
        raise MtrainError("there is no column of numbers or text", where=path)
    return read(str(path), readable, memory), left_out


def _is_same(column: pa.ChunkedArray) -> bool:
    """Whether a column has the same value in every row; none counts as one."""
    return len(pc.unique(column)) < 2


def _why_not(column: Values) -> str | None:
    """Why a column is nothing to learn from; None: it is something to learn from."""
    if column.missing.all():
        return "is empty"
    if not column.missing.any() and (column.values == column.values[0]).all():
        return CONSTANT
    if column.kind == "text" and all(map(DATE.fullmatch, column.categories)):
        return f"has dates or times, such as {column.categories[0]!r}"
    if (marked := marked_number(column.categories[:TRIED])) is not None:
        return f"has numbers with a sign or a unit, such as {marked!r}"
    known = int(np.count_nonzero(~column.missing))
    if column.kind == "text" and len(column.categories) == known >= FEWEST_DIFFERENT:
        return f"has a different text in each row, such as {column.categories[0]!r:.40}"
    if len(column.categories) > min(MOST_CATEGORIES, max(20, len(column.values) // 2)):
        return (
            f"has {len(column.categories):,} different texts, such as {column.categories[0]!r:.40}"
        )
    return None
