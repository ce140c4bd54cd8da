"""The dataset section of a config, proposed from a file or folder."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.config.catalog.names import suggestion
from mtrain.config.experiment.sources import CsvConfig, ParquetConfig
from mtrain.data.ids import why_id
from mtrain.data.load import split_source
from mtrain.data.markers import marker_notes
from mtrain.data.missing_labels import MISSING_LABELS
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
from mtrain.data.notes import kind_of
from mtrain.data.outliers import outlier_notes
from mtrain.data.reading import read_source
from mtrain.data.source import is_whole
from mtrain.data.sources.parquet import pandas_index
from mtrain.data.table import BOOLEANS, Table, as_value
from mtrain.data.telling import telling_notes
from mtrain.errors import MtrainError, SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from mtrain.config.experiment.sources import SourceConfig
    from mtrain.data.columns import RawTable
    from mtrain.data.source import Source
    from mtrain.data.table import Values

LABELS = ("label", "target", "class")
"""Names by which a column of labels is known, in this order."""

LARGEST_IMAGE = 64
"""Largest height and width proposed if images differ in size."""

MOST_CLASSES = 30
"""Whose names are proposed as well."""

MOST_CATEGORIES = 1_000
"""Most categories of a column: more are rather names, each an input with few rows."""

MOST_NAMED = 50
"""Most columns listed as features; of more, the excluded ones are listed."""

MONTH = r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
DATE = re.compile(
    r"([0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{4}|[0-9]{2}))"
    r"([T ]+[0-9]{1,2}:[0-9]{2}.*)?|[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?( ?[AaPp][Mm])?|"
    rf"[0-9]{{1,2}}[- ]{MONTH}[- ,]+[0-9]{{2,4}}|{MONTH} [0-9]{{1,2}},? [0-9]{{4}}"
)
"""A date, with a time or without, or a time, as tables have them."""

SAID = ("header", "decimal", "thousands", "missing_values")
"""Settings of a CSV that are reported: other values would make another table of the same file."""

CLASSES = "in index order; of two the second is what a threshold is for"
RARER_SECOND = "in index order, the rarer second: of two it is what a threshold is for"
MAJORITY = 0.6
"""Share of the rows from which one of two classes counts as the frequent one."""

FEWEST_DIFFERENT = 6
"""Number of rows from which texts that all differ are names and not categories."""

MOST_RATINGS = 10
"""Different numbers with decimals that may be classes, as ratings from 0.5 to 5 are."""

RARE = "too few rows for every class to be in every split"
OFFSET = "the smallest label, that of the first class"


@dataclass(frozen=True)
class Proposal:
    """Settings of a dataset section, and why."""

    settings: dict[str, Any]
    reasons: dict[str, str]
    """The reason for a setting, by its name; not all have one."""

    notes: tuple[str, ...] = ()
    """Notes for the user."""


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
        proposal = _table(path, kind, target, memory, notation)
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
    from mtrain.data.inputs import TABLES, table_kind
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
        (
            f"no data of a known kind: a file that ends in {known} or .npz, a folder of "
            f"{known} files, of IDX files, or with a folder of images for each class"
        ),
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


def _table(path: Path, kind: str, target: str, memory: int, notation: Notation) -> Proposal:
    from mtrain.data.columns import read_column
    from mtrain.data.sources import csv
    from mtrain.data.sources.tables import COLUMNS

    names = COLUMNS[kind](str(path), notation)
    if kind == "csv" and (only := csv.only_name(names)) is not None:
        raise MtrainError(f"{csv.one_column(only)}", where=path)
    table, left_out = _readable_columns(path, kind, names, memory, notation)
    if target in left_out:
        raise MtrainError(f"column {target!r} {left_out[target]}, which is no label", where=path)
    labels, _ = read_column(table.columns[target], "text", typed=table.typed)
    _check_labels(path, target, labels)
    if kind == "csv":
        columns = {name: column for name, column in table.columns.items() if name != target}
        guess = guess_notation(columns, csv.delimiter_of(csv.csv_file(str(path))))
        table = _in_notation(table, replace(guess, header=notation.header))
    index = pandas_index(str(path)) if kind == "parquet" else []
    judged = {name: _judged(table, name, index) for name in table.columns if name != target}
    left_out |= {name: why for name, (_, _, why) in judged.items() if why is not None}
    used = {name: values for name, (values, _, why) in judged.items() if why is None}
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
    from mtrain.data.features import SLIPS, is_finite

    column = table.columns[name]
    values, wrong = read_column(column, None, typed=table.typed, notation=table.notation)
    is_mixed = bool(wrong.any()) or has_codes(column, values)
    if wrong.any() and (table.typed or wrong.sum() <= SLIPS * len(wrong)):
        # Reading would refuse it with this place.
        row = int(wrong.argmax())
        place = table.place(row).rpartition(": " if table.typed else ":")[2]
        place = place if table.typed else f"line {place}"
        value = column[row].as_py()
        fault = "beyond float32" if is_finite(table, name, wrong) else "not a finite number"
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


def _check_labels(path: Path, target: str, labels: Values) -> None:
    different, rows = len(labels.categories), len(labels.values)
    if rows == 0:
        raise MtrainError("there is no row to train on", where=path)
    if different > max(20, rows // 2):
        raise MtrainError(
            (
                f"column {target!r} has {different:,} different values in {rows:,} rows, which "
                "are no classes"
            ),
            where=path,
            remedy="name another by --target",
        )
    if different > MOST_RATINGS and _are_fractions(labels.categories):
        raise MtrainError(
            (
                f"column {target!r} has {different:,} different numbers with decimals, which are "
                "no classes"
            ),
            where=path,
            remedy="name another by --target",
        )


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
    path: Path, kind: str, names: Sequence[str], memory: int, notation: Notation
) -> tuple[RawTable, dict[str, str]]:
    """The columns that can be read, and the reasons why the others cannot."""
    from mtrain.data.sources.tables import READERS

    read = READERS[kind]
    named = [name for name in names if name]
    left_out: dict[str, str] = {name: "has no name" for name in names if not name}
    if kind == "csv":
        return read(str(path), named, memory, notation), left_out
    with suppress(MtrainError):  # one column after the other only where one cannot be read
        return read(str(path), named, memory), left_out
    readable = []
    for name in named:
        try:
            read(str(path), [name], memory)
        except MtrainError as error:
            left_out[name] = str(error).partition(f"column {name!r} ")[2].partition(";")[0]
            if not left_out[name]:  # the file is wrong, not the column
                raise
        else:
            readable.append(name)
    if not readable:
        raise MtrainError("there is no column of numbers or text", where=path)
    return read(str(path), readable, memory), left_out


def _why_not(column: Values) -> str | None:
    """Why a column is nothing to learn from; None: it is something to learn from."""
    if column.missing.all():
        return "is empty"
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
