"""Work on parts of the data, side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Part = TypeVar("Part")
Result = TypeVar("Result")


def side_by_side(work: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
    """What `work` makes of each part; it should let the interpreter go, as Arrow and NumPy do."""
    if len(parts) < 2:
        return [work(part) for part in parts]
    import pyarrow as pa  # here: data without a table have one part, and need it not

    with ThreadPoolExecutor(pa.cpu_count()) as pool:
        return list(pool.map(work, parts))
