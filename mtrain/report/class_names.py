"""Class names in tables and charts that have no room for all of them."""

from __future__ import annotations

from itertools import chain
from os.path import commonprefix
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from mtrain.escape import inert

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from rich.text import Text

NARROWEST = 12
"""Characters of a name for which columns of numbers are left out, the last ones first."""

GAP = 2
"""Characters between two columns of a table."""


def class_labels(
    names: Sequence[str], width: int, indices: Sequence[int] | None = None
) -> list[str]:
    """The names in at most `width` characters, those of wide scripts counting as two.

    A long name is cut at its end; those that would then look alike are cut in the middle, and those
    that still do, around the first character in which they differ. Where that does not do, a label
    ends in the index of its class, of which `indices` has one a name; None: all classes are here.
    """
    whole = [inert(name) for name in names]
    labels = list(whole)
    alike = [[k for k, name in enumerate(whole) if cell_len(name) > width]]
    for cut in (_at_the_end, _in_the_middle, _around):
        cut_alike: dict[str, list[int]] = {}
        for group in alike:
            shared = commonprefix([whole[k] for k in group])  # noqa: RUF071 -- letters are meant
            for k in group:
                labels[k] = cut(whole[k], width, len(shared))
                cut_alike.setdefault(labels[k], []).append(k)
        alike = [group for group in cut_alike.values() if len(group) > 1]
    for k in chain.from_iterable(alike):
        end = f"…#{k if indices is None else indices[k]}"
        labels[k] = _beginning(whole[k], width - len(end)) + end
    return [label if cell_len(label) <= width else _beginning(label, width) for label in labels]


def leave_room(
    columns: Mapping[str, Sequence[Text]], width: int
) -> tuple[dict[str, Sequence[Text]], int]:
    """The columns of numbers, by heading, that leave room for names; and that room.

    The last ones are left out if there are too many: a cut number is a wrong number.
    """
    kept = dict(columns)
    while (room := room_beside(kept, width)) < NARROWEST and len(kept) > 1:
        kept.popitem()
    return kept, max(room, 1)


def left_out(columns: Iterable[str], kept: Container[str]) -> Iterator[str]:
    """A line that names the columns without room, if there are any."""
    if others := [heading for heading in columns if heading not in kept]:
        yield f"Left out: {', '.join(others)}; a wider terminal shows more."


def room_beside(columns: Mapping[str, Sequence[Text]], width: int) -> int:
    """The width that these columns leave in a table."""
    widths = (max([len(heading), *map(len, cells)]) for heading, cells in columns.items())
    return width - sum(each + GAP for each in widths)


def _at_the_end(name: str, width: int, _: int) -> str:
    return f"{_beginning(name, width - 1)}…"


def _in_the_middle(name: str, width: int, _: int) -> str:
    end = _beginning(name[::-1], (width - 1) // 2)[::-1]
    return f"{_beginning(name, width - 1 - cell_len(end))}…{end}"


def _around(name: str, width: int, shared: int) -> str:
    """The characters after the first `shared` ones, and a few of these."""
    rest = name[max(shared - width // 3, 0) :]
    return f"…{rest}" if cell_len(rest) < width else f"…{_beginning(rest, width - 2)}…"


def _beginning(name: str, width: int) -> str:
    """As many of its characters as fit."""
    return set_cell_size(name, width).rstrip() if width > 0 else ""
