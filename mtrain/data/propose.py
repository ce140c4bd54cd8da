"""The dataset section of a config, proposed from a file or folder."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.config.catalog.names import suggestion
from mtrain.config.experiment.table import CsvConfig, ParquetConfig
from mtrain.data.load import split_source
from mtrain.data.markers import marker_notes
from mtrain.data.missing_words import MISSING_LABELS
from mtrain.data.notation import PLAIN, Notation
from mtrain.data.notes import kind_of, small_bytes
from mtrain.data.outliers import outlier_notes
from mtrain.data.propose_table import MOST_CLASSES, Proposal, propose_table
from mtrain.data.reading import read_source
from mtrain.data.table import BOOLEANS, Table, as_value
from mtrain.data.table_kind import TABLES, table_kind
from mtrain.data.telling import telling_notes
from mtrain.errors import MtrainError, SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mtrain.config.experiment.sources import SourceConfig
    from mtrain.data.source import Source

LABELS = ("label", "target", "class")
"""Names by which a column of labels is known, in this order."""

LARGEST_IMAGE = 64
"""Largest height and width proposed if images differ in size."""

SAID = ("header", "decimal", "thousands", "missing_values")
"""Settings of a CSV that are reported: other values would make another table of the same file."""

CLASSES = "in index order; of two the second is what a threshold is for"
RARER_SECOND = "in index order, the rarer second: of two it is what a threshold is for"
MAJORITY = 0.6
"""Share of the rows from which one of two classes counts as the frequent one."""

RARE = "too few rows for every class to be in every split"
OFFSET = "the smallest label, that of the first class"


def propose_source(
    path: Path,
    memory: int,
    *,
    target: str | None,
    ask: Callable[[Sequence[str], str], str] | None,
) -> Proposal:
    """Propose settings for training on the file or folder at `path`.

    `target` is a table's column of labels. Without it `ask` is given all columns and the most
    likely one, and returns one; without `ask` the most likely one is taken. Raises `MtrainError`
    for data of no known kind, or of more than `memory` bytes.
    """
    kind = _kind(path)
    if kind in {"csv", "parquet"}:
        notation = _names_notation(path, kind, target)
        names = _columns(path, kind, notation)
        notes: tuple[str, ...] = ()
        if target is None:
            likely = likely_target(names)
            target = likely if ask is None else ask(names, likely)
            if ask is None:
                which = ", the last column" if target == names[-1] else ""
                notes = (f"label: column {target!r}{which}; --target COLUMN names another",)
        if target not in names:
            raise MtrainError(f"no column {target!r}; {suggestion(target, names)}", where=path)
        proposal = propose_table(path, kind, target, memory, notation)
        said = [f"{key}: {proposal.reasons[key]}" for key in SAID if key in proposal.settings]
        if {"features", "exclude"} & proposal.settings.keys():
            said.append(proposal.reasons["features"])
        return replace(proposal, notes=(*notes, *said))
    if kind == "images":
        return _images(path)
    if kind == "npz":
        return _npz(path)
    return Proposal({"name": kind, "path": str(path)}, {})


def propose_splits(config: SourceConfig, memory: int) -> tuple[int, Proposal]:
    """The number of training rows, and the notes on classes and splits from reading them.

    Rows with a label like NA are left out of a table.
    """
    source = read_source(config, memory=memory)
    settings: dict[str, Any] = {}
    reasons = {"classes": CLASSES, "validation": RARE, "test": RARE, "offset": OFFSET}
    if isinstance(config, CsvConfig | ParquetConfig):
        labels = [name for name in source.classes if name not in MISSING_LABELS]
        if 2 <= len(labels) < len(source.classes):
            source, settings, reasons["classes"] = _labelled(source, config, memory)
            reasons["missing_values"] = reasons["classes"]
        elif len(labels) < len(source.classes):
            reasons["classes"] = (
                "one may be missing labels, but without it there are no two classes"
            )
    least = min(int(rows.labels.min()) for rows in source.splits.values())
    if least and config.name in {"idx", "npz"}:
        settings["offset"] = least
    classes = source.classes[settings.get("offset", 0) :]
    if len(classes) <= MOST_CLASSES:
        settings["classes"] = list(classes)
    named = config.name in {"csv", "parquet", "images"}
    is_ordered = set(map(as_value, source.classes)) in (BOOLEANS, {"0", "1"})
    is_second_frequent = source.train.labels.sum() >= MAJORITY * len(source.train)
    if named and len(source.classes) == 2 and is_second_frequent and not is_ordered:
        # A threshold is for the second class, as a rule the rare one that is looked for.
        settings["classes"].reverse()
        if reasons["classes"] == CLASSES:
            reasons["classes"] = RARER_SECOND
    try:
        split_source(source, config)
    except SettingError:
        split = {"size": 0.2, "how": "random"}
        absent = {"validation": source.val, "test": source.test}
        settings |= {name: split for name, rows in absent.items() if rows is None}
    notes = [f"classes: {reasons['classes']}"] if reasons["classes"] != CLASSES else []
    features = source.train.features
    if isinstance(features, Table):
        notes += telling_notes(features.columns, source.train.labels)
        notes += [note for note in source.notes if kind_of(note) == "thousands"]
        notes += marker_notes(features.columns)
        notes += outlier_notes(source.train)
    else:
        notes += small_bytes(features, source.largest)
    return len(source.train), Proposal(settings, reasons, tuple(notes))


def _labelled(
    source: Source, config: CsvConfig | ParquetConfig, memory: int
) -> tuple[Source, dict[str, Any], str]:
    """The rows with a label that is not like NA, the settings that leave out the others, and why."""
    others = [name for name in source.classes if name in MISSING_LABELS]
    counts = np.bincount(source.train.labels, minlength=len(source.classes))
    rows = ", ".join(f"{name!r} ({counts[source.classes.index(name)]:,} rows)" for name in others)
    reason = f"rows are left out whose label is {rows}; name it in classes if it is one"
    classes = tuple(name for name in source.classes if name not in others)
    settings: dict[str, Any] = {}
    if len(classes) > MOST_CLASSES:
        settings["missing_values"] = [*config.missing_values, *others]
    config = config.model_copy(update={"classes": classes})
    return replace(read_source(config, memory=memory), classes=classes), settings, reason


def likely_target(columns: Sequence[str]) -> str:
    """The column called `label`, `target` or `class`, in any case; else the last."""
    by_name = {name.lower(): name for name in reversed(columns)}
    return next((by_name[label] for label in LABELS if label in by_name), columns[-1])


def _kind(path: Path) -> str:
    from mtrain.data.sources.idx import FILES, idx_file
    from mtrain.data.sources.images import walk_images

    if path.is_dir():
        if any(idx_file(path, name) for name in FILES["train"]):
            return "idx"
        if any(True for _ in walk_images(path)):
            return "images"
    elif not path.is_file():
        raise MtrainError("not a file", where=path)
    if kind := table_kind(path):
        return kind
    if path.is_file() and path.suffix.lower() == ".npz":
        return "npz"
    known = ", ".join(
        ending for endings in TABLES.values() for ending in endings if not ending.endswith(".gz")
    )
    raise MtrainError(
        f"no data of a known kind: a file that ends in {known} or .npz, a folder of "
        f"{known} files, of IDX files, or with a folder of images for each class",
        where=path,
    )


def _names_notation(path: Path, kind: str, target: str | None) -> Notation:
    """Whether the first line of a CSV names the columns; it does if it has the target."""
    from mtrain.data.sources.csv import csv_columns, csv_file, looks_like_data

    if kind != "csv" or not looks_like_data(csv_file(str(path))):
        return PLAIN
    without = Notation(header=False)
    if target is None or target in csv_columns(str(path), without):
        return without
    return PLAIN


def _columns(path: Path, kind: str, notation: Notation) -> list[str]:
    """The names of a table's columns, but for those without one."""
    from mtrain.data.sources.tables import COLUMNS

    names = [name for name in COLUMNS[kind](str(path), notation) if name]
    if not names:
        raise MtrainError("its columns have no names; the first line must name them", where=path)
    return names


def _images(path: Path) -> Proposal:
    from mtrain.data.sources.image_files import image_facts
    from mtrain.data.sources.images import walk_images

    # Not those beside the folders of classes.
    facts = [image_facts(file) for file in walk_images(path) if file.parent != path]
    if not facts:
        raise MtrainError("no folder of images for each class, which names their class", where=path)
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
        reasons["size"] = f"height and width to which images are resized; there are {len(sizes):,}"
    settings["color"] = "gray" if gray else "rgb"
    return Proposal(settings, reasons)


def _npz(path: Path) -> Proposal:
    from mtrain.data.sources.npz import array_names

    arrays = array_names(path)
    settings = {"name": "npz", "path": str(path)}
    if any(name in arrays for name in ("weights", "weights_train")):
        settings["weights"] = "weights"
    return Proposal(settings, {"weights": "what each row counts"})
