"""Lists of rows as CSV: of mistakes, and of labels that are likely wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.run.files import cell, text_of_cells, write_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


def write_row_list(path: Path, columns: Mapping[str, NDArray[Any] | Sequence[str]]) -> None:
    """Write columns (N,) as CSV, with the cells of `csv_text`; a list may have most rows of a data set.

    Floats are finite, and are written in the fewest digits that tell numbers of their type apart.
    """
    lines = zip(*(_cells(values) for values in columns.values()), strict=True)
    write_text(path, text_of_cells([list(columns), *lines]))


def _cells(values: NDArray[Any] | Sequence[str]) -> list[Any]:
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        values = values.astype(str)
    if isinstance(values, np.ndarray):
        return list(values.tolist())
    known = {text: cell(text) for text in set(values)}
    return [known[text] for text in values]
