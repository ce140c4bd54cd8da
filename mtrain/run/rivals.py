"""`rivals/` of a run: what the rivals of its network predict, written and read back."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 -- pydantic reads it
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Le
from pydantic import TypeAdapter

from mtrain.errors import MtrainError
from mtrain.records.rivals import RivalName, TrainedRival
from mtrain.run.arrays import read_arrays, write_arrays
from mtrain.run.files import json_text, read_json, whole_folder, write_text
from mtrain.run.reading import of_schema, reading, validated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mtrain.records.arrays import Arrays, Ints, Shapes

SCHEMA = 1

RIVALS_FILE = "rivals.json"


@dataclass(frozen=True)
class _Described:
    """A rival without its predictions."""

    name: RivalName
    seconds: Annotated[float, Ge(0)]
    problem: str | None
    was_cut: bool
    notes: tuple[str, ...]
    threshold: Annotated[float, Ge(0), Le(1)] | None


@dataclass(frozen=True)
class _Content:
    """Of the file."""

    learned_from: Mapping[str, str]
    """What decided what they predict, a text each by name."""

    rivals: tuple[_Described, ...]


_CONTENT = TypeAdapter(_Content)


def write_rivals(
    folder: Path,
    rivals: Sequence[TrainedRival],
    rows: Mapping[str, Ints],
    learned_from: Mapping[str, str],
) -> None:
    """Write the folder; `rows` are the places of the predicted rows in the data, by split.

    Raises `MtrainError` if the disk refuses it.
    """
    described = [{of.name: getattr(one, of.name) for of in fields(_Described)} for one in rivals]
    with whole_folder(folder) as beside:
        for split, places in rows.items():
            arrays: Arrays = {"rows": places}
            arrays |= {
                one.name: one.probabilities[split] for one in rivals if split in one.probabilities
            }
            write_arrays(beside / f"{split}.npz", arrays)
        data = {"schema": SCHEMA, "learned_from": dict(learned_from), "rivals": described}
        write_text(beside / RIVALS_FILE, json_text(data))


def are_of(folder: Path, learned_from: Mapping[str, str]) -> bool:
    """Whether the folder has rivals that learned from the same, and none that was cut."""
    try:
        read = _read(folder)
        return read.learned_from == learned_from and not any(one.was_cut for one in read.rivals)
    except MtrainError:
        return False  # there are none, or they are damaged: they are made again


def read_rivals(folder: Path, split: str, rows: Ints, n_classes: int) -> list[TrainedRival]:
    """The rivals with their probabilities of these rows of a split; none if they have not predicted them.

    `rows` are their places in the data. Raises `MtrainError` for files that are not as mtrain writes them.
    """
    path = folder / f"{split}.npz"
    if not path.exists():
        return []
    described = _read(folder).rivals
    names = [one.name for one in described if one.problem is None]
    shapes: Shapes = {"rows": ("int64", rows.shape)}
    shapes |= {name: ("float32", (len(rows), n_classes)) for name in names}
    arrays = read_arrays(path, shapes)
    if (arrays["rows"] != rows).any():
        return []
    for name in names:
        if not ((arrays[name] >= 0) & (arrays[name] <= 1)).all():
            raise MtrainError(f"{name}: not all of it is in [0, 1]", where=path)
    return [
        TrainedRival(
            one.name,
            one.seconds,
            {split: arrays[one.name]} if one.problem is None else {},
            one.notes,
            one.problem,
            one.was_cut,
            one.threshold,
        )
        for one in described
    ]


def _read(folder: Path) -> _Content:
    path = folder / RIVALS_FILE
    data = read_json(path)
    with reading(path, "rivals"):
        read = validated(_CONTENT, of_schema(data, SCHEMA))
        if len({one.name for one in read.rivals}) < len(read.rivals):
            raise ValueError("a rival is there twice")
        return read
