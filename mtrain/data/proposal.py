"""What a file or folder looks like, as the dataset section of a config."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtrain.config.names import suggestion
from mtrain.data import split_source
from mtrain.data.reading import read_source
from mtrain.errors import MtrainError, SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mtrain.config.sources import SourceConfig
    from mtrain.data.columns import RawTable
    from mtrain.data.table import Values

LABELS = ("label", "target", "class")
"""Names by which a column of labels is known, in this order."""

LARGEST_IMAGE = 64
"""Height and width proposed at most, where images differ in size."""

SLIPS = 0.1
"""Share of a column that is no number up to which the rest are meant to be."""

MOST_CLASSES = 30
"""Whose names are proposed as well."""


@dataclass(frozen=True)
class Proposal:
    """Settings of a dataset section, and why."""

    settings: dict[str, Any]
    reasons: dict[str, str]
    """By setting, where there is something to say."""


def propose_source(
    path: Path,
    memory: int,
    *,
    target: str | None,
    ask: Callable[[Sequence[str], str], str] | None,
) -> Proposal:
    """The settings by which the file or folder at `path` can be trained on.

    `target` is a table's column of labels. Without it `ask` is given all columns and the likeliest,
    and returns one; without that the likeliest is taken. Raises `MtrainError` for what is no data
    of any known kind, or takes more than `memory` bytes.
    """
    kind = _kind(path)
    if kind in {"csv", "parquet"}:
        names = _columns(path, kind)
        if target is None:
            likely = likely_target(names)
            target = likely if ask is None else ask(names, likely)
        if target not in names:
            raise MtrainError(f"{path}: no column {target!r}; {suggestion(target, names)}")
        return _table(path, kind, target, memory)
    if kind == "images":
        return _images(path)
    if kind == "npz":
        return _npz(path)
    return Proposal({"name": kind, "path": str(path)}, {})


def propose_splits(config: SourceConfig, memory: int) -> tuple[int, dict[str, Any]]:
    """How many rows there are to train on, and what reading them tells of classes and splits."""
    source = read_source(config, memory=memory)
    settings: dict[str, Any] = {}
    least = min(int(rows.labels.min()) for rows in source.splits.values())
    if least and config.name in {"idx", "npz"}:
        settings["offset"] = least
    classes = source.classes[settings.get("offset", 0) :]
    if len(classes) <= MOST_CLASSES:
        settings["classes"] = list(classes)
    named = config.name in {"csv", "parquet", "images"}
    if named and len(source.classes) == 2 and 2 * source.train.labels.sum() > len(source.train):
        # A threshold is of the second class, as a rule the one that is sought and rare.
        settings["classes"].reverse()
    try:
        split_source(source, config)
    except SettingError:
        split = {"size": 0.2, "how": "random"}
        absent = {"validation": source.val, "test": source.test}
        settings |= {name: split for name, rows in absent.items() if rows is None}
    return len(source.train), settings


def likely_target(columns: Sequence[str]) -> str:
    """The column called `label`, `target` or `class`, in any case; else the last."""
    by_name = {name.lower(): name for name in reversed(columns)}
    return next((by_name[label] for label in LABELS if label in by_name), columns[-1])


def _kind(path: Path) -> str:
    from mtrain.data.idx import FILES, idx_file
    from mtrain.data.images import walk_images
    from mtrain.data.inputs import TABLES, table_kind

    if path.is_dir():
        if any(idx_file(path, name) for name in FILES["training"]):
            return "idx"
        if any(True for _ in walk_images(path)):
            return "images"
    elif not path.is_file():
        raise MtrainError(f"{path}: not a file")
    if kind := table_kind(path):
        return kind
    if path.is_file() and path.suffix.lower() == ".npz":
        return "npz"
    known = ", ".join(
        ending for some in TABLES.values() for ending in some if not ending.endswith(".gz")
    )
    raise MtrainError(
        f"{path}: no data of a known kind: a file that ends in {known} or .npz, a folder of "
        f"{known} files, of IDX files, or with a folder of images for each class"
    )


def _columns(path: Path, kind: str) -> list[str]:
    """The names of a table's columns, but for those without one."""
    from mtrain.data.tables import COLUMNS

    names = [name for name in COLUMNS[kind](str(path)) if name]
    if not names:
        raise MtrainError(f"{path}: its columns have no names; the first line must name them")
    return names


def _table(path: Path, kind: str, target: str, memory: int) -> Proposal:
    from mtrain.data.columns import read_column
    from mtrain.data.tables import COLUMNS

    names = COLUMNS[kind](str(path))
    table, left_out = _readable_columns(path, kind, names, memory)
    if target in left_out:
        raise MtrainError(f"{path}: column {target!r} {left_out[target]}, which is no label")
    labels, _ = read_column(table.columns[target], "text", typed=table.typed)
    _check_labels(path, target, labels)
    categorical, missing = [], False
    for name in table.columns:
        if name == target:
            continue
        values, wrong = read_column(table.columns[name], None, typed=table.typed)
        if (why := _why_not(values)) is not None:
            left_out[name] = why
            continue
        missing = missing or bool((values.missing & ~wrong).any())
        # A few are slips, which reading the data will name.
        if wrong.sum() > SLIPS * len(wrong) and not table.typed:
            categorical.append(name)
    features = [name for name in names if name != target and name not in left_out]
    whys = "; ".join(f"{name!r} {why}" for name, why in left_out.items())
    if not features:
        but = f"; {whys}" if whys else ""
        raise MtrainError(f"{path}: there is no column but {target!r} to learn from{but}")
    settings: dict[str, Any] = {"name": kind, "path": str(path), "target": target}
    reasons = {
        "target": "the column of the labels",
        "features": f"left out: {whys}",
        "categorical": "numbers and text mixed",
        "missing": "values are missing; mean, median, zero or drop",
    }
    if left_out:
        settings["features"] = features
    if categorical:
        settings["categorical"] = sorted(categorical)
    if labels.missing.any() or missing:
        settings["missing"] = "drop" if labels.missing.any() else "median"
    return Proposal(settings, reasons)


def _check_labels(path: Path, target: str, labels: Values) -> None:
    different, rows = len(labels.categories), len(labels.values)
    if rows == 0:
        raise MtrainError(f"{path}: there is no row to train on")
    if different > max(20, rows // 2):
        raise MtrainError(
            f"{path}: column {target!r} has {different:,} different values in {rows:,} rows, which "
            "are no classes; name another by --target"
        )


def _readable_columns(
    path: Path, kind: str, names: Sequence[str], memory: int
) -> tuple[RawTable, dict[str, str]]:
    """The columns that can be read, and of the others why not."""
    from mtrain.data.tables import READERS

    read = READERS[kind]
    named = [name for name in names if name]
    left_out: dict[str, str] = {name: "has no name" for name in names if not name}
    if kind == "csv":
        return read(str(path), named, memory), left_out
    readable = []
    for name in named:
        try:
            read(str(path), [name], memory)
        except MtrainError as error:
            left_out[name] = str(error).partition(f"column {name!r} ")[2].partition(";")[0]
            if not left_out[name]:  # it is not the column that is wrong, but the file
                raise
        else:
            readable.append(name)
    if not readable:
        raise MtrainError(f"{path}: there is no column of numbers or text")
    return read(str(path), readable, memory), left_out


def _why_not(column: Values) -> str | None:
    """Why a column is nothing to learn from; None: it is."""
    if column.missing.all():
        return "is empty"
    if len(column.categories) > max(20, len(column.values) // 2):
        return f"has {len(column.categories):,} different texts"
    return "counts the rows" if column.counts_rows else None


def _images(path: Path) -> Proposal:
    from mtrain.data.image_files import image_facts
    from mtrain.data.images import walk_images

    # Not those beside the folders of classes.
    facts = [image_facts(file) for file in walk_images(path) if file.parent != path]
    if not facts:
        raise MtrainError(f"{path}: no folder of images for each class, which names their class")
    sizes = Counter(size for size, _ in facts)
    gray = all(is_gray for _, is_gray in facts)
    settings: dict[str, Any] = {"name": "images", "path": str(path)}
    reasons = {"color": "every image is gray" if gray else "or gray"}
    if len(sizes) == 1:
        settings["size"] = list(next(iter(sizes)))
        reasons["size"] = "height and width of every image"
    else:
        settings["size"] = [
            min(LARGEST_IMAGE, round(statistics.median(size[axis] for size, _ in facts)))
            for axis in (0, 1)
        ]
        reasons["size"] = f"height and width to which they are brought; there are {len(sizes):,}"
    settings["color"] = "gray" if gray else "rgb"
    return Proposal(settings, reasons)


def _npz(path: Path) -> Proposal:
    from mtrain.data.npz import array_names

    arrays = array_names(path)
    settings = {"name": "npz", "path": str(path)}
    if any(name in arrays for name in ("weights", "weights_train")):
        settings["weights"] = "weights"
    return Proposal(settings, {"weights": "what each row counts"})
