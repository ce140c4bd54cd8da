"""Columns of a table as features, or the problems of their values."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from mtrain.data.columns import complaint, read_column
from mtrain.data.notation import guess_notation
from mtrain.data.numbers import read_numbers
from mtrain.data.side_by_side import side_by_side
from mtrain.data.table import NUMBER, Table, some_at_once
from mtrain.errors import MtrainError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mtrain.data.columns import RawTable
    from mtrain.data.table import Values
    from mtrain.records.dataset import Kind

SLIPS = 0.1
"""Largest share of a column's values that are not numbers for which it still is meant to be
numeric."""

MOSTLY = 0.75
"""Share of values that are not numbers from which a message does not call the others "the rest"."""

MOST_COLUMNS = 10
"""The most columns that are reported."""

MISSING_SINCE = "no training row lacked it; fill it in, or leave the row out"

BEYOND = "is beyond float32, whose largest number is 3.4e+38; scale the column, or leave it out"


def read_features(
    table: RawTable, kinds: Mapping[str, Kind | None], *, are_learned: bool = False
) -> Table:
    """The columns of these names and kinds; None: kinds are guessed from the values.

    Raises `MtrainError` with a line for each column with values that are no numbers among numbers,
    and how numbers are written; `are_learned`: also with the settings that could help, which are
    fixed where a model was trained with them.
    """
    columns, wrong = read_values(table, kinds)
    if not wrong:
        return Table(columns)
    beyond = {name for name, rows in wrong.items() if is_written_as_number(table, name, rows)}

    def problem(name: str) -> str:
        if name in beyond:
            return BEYOND
        is_of_text = columns[name].missing.all()
        is_rare = np.count_nonzero(wrong[name]) < MOSTLY * len(table)
        rest = (
            "but the rest of the column is numeric"
            if is_rare
            else "unlike other values of the column"
        )
        rest = "as in training" if is_of_text else rest
        return f"is not a finite number, {rest}"

    problems = complaints(table, wrong, problem)
    if len(beyond) < len(wrong):
        reader = "numbers" if are_learned else "the model's config says that numbers"
        remedy = "columns of text are named in dataset.categorical" if are_learned else ""
        problems.append(
            Problem(f"{reader} are written as in {table.notation.example}", remedy=remedy)
        )
        problems += _hints(table, wrong) if are_learned else ()
    raise MtrainError(*problems)


def read_values(
    table: RawTable, kinds: Mapping[str, Kind | None]
) -> tuple[dict[str, Values], dict[str, NDArray[np.bool_]]]:
    """The columns of these names and kinds, and which values of a column are wrong, (N,), where some are.

    A wrong value is no number, or one beyond float32, in a column of numbers.
    """
    columns: dict[str, Values] = {}
    wrong: dict[str, NDArray[np.bool_]] = {}
    # A column of text among numbers would have all of them read one by one.
    singly = [name for name, kind in kinds.items() if kind not in {None, "number"}]
    numeric = [name for name, kind in kinds.items() if kind in {None, "number"}]
    groups = list(some_at_once(numeric, len(table)))
    for names, numbers in zip(groups, _numbers_of(table, groups), strict=True):
        if numbers is None:
            singly += names
        else:
            columns |= numbers
    for name in singly:
        columns[name], rows = read_column(
            table.columns[name], kinds[name], typed=table.typed, notation=table.notation
        )
        if rows.any():
            wrong[name] = rows
    return {name: columns[name] for name in kinds}, {n: wrong[n] for n in kinds if n in wrong}


def complaints(
    table: RawTable, wrong: Mapping[str, NDArray[np.bool_]], problem: Callable[[str], str]
) -> list[Problem]:
    """A problem of each of the first few columns with wrong rows.

    `problem` gives the problem of the first wrong row of a column.
    """
    names = [name for name, rows in wrong.items() if rows.any()]
    listed = names[:MOST_COLUMNS]
    lines = [complaint(table, name, problem(name), wrong[name]) for name in listed]
    if (more := len(names) - MOST_COLUMNS) > 0:
        lines.append(Problem(f"{more:,} more column{'s' * (more > 1)} as well", table.where))
    return lines


def _numbers_of(
    table: RawTable, groups: Sequence[Sequence[str]]
) -> list[Mapping[str, Values] | None]:
    """Of each group of names its columns, where all are of numbers as programs write them; else None.

    Groups are read side by side.
    """
    if not table.notation.is_plain or table.notation.missing:
        return [None] * len(groups)

    def read(names: Sequence[str]) -> Mapping[str, Values] | None:
        numbers = read_numbers([table.columns[name] for name in names], typed=table.typed)
        return None if numbers is None else dict(zip(names, numbers, strict=True))

    return side_by_side(read, groups)


def is_written_as_number(table: RawTable, name: str, rows: NDArray[np.bool_]) -> bool:
    """Whether the first of these rows is a number as any program writes it."""
    value = table.columns[name][int(rows.argmax())].as_py()
    pattern = NUMBER if table.notation.is_plain else table.notation.pattern
    return bool(re.match(pattern, value)) if isinstance(value, str) else math.isfinite(value)


def _hints(table: RawTable, wrong: Mapping[str, NDArray[np.bool_]]) -> Iterator[Problem]:
    """Settings with which columns of a CSV with many wrong values would be numeric."""
    for name, rows in wrong.items():
        if table.typed or np.count_nonzero(rows) <= max(1, SLIPS * len(rows)):
            continue
        notation = guess_notation({name: table.columns[name]})
        if notation.settings:
            settings = [f"dataset.{key}: {value!r}" for key, value in notation.settings.items()]
            text = f"column {name!r} is of numbers with {' and '.join(settings)}"
            yield Problem(text, table.where)
            return  # other columns will be of the same kind
