"""Notes on a data set before training."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.config.experiment.sources import LARGEST_BYTE
from mtrain.data.look_alikes import look_alikes
from mtrain.data.row_hashes import row_hashes
from mtrain.records.dataset import Note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from mtrain.records.arrays import Ints
    from mtrain.records.dataset import Split

KINDS = {
    "absent-class": "a class has no row in a split",
    "rare-class": "a class has fewer than 10 rows to train on",
    "imbalance": "one class is 90 % of the test rows or more",
    "zero-weight": "all training rows of a class have weight 0",
    "unlabelled-rows": "rows without a label are left out",
    "incomplete-rows": "rows with missing values are left out, by `dataset.missing: drop`",
    "small-bytes": "bytes are divided by 255, but the largest is below 64",
    "missing-label": "a class is called `NA`, `NaN`, `null` or the like",
    "unread-images": "images, or a folder of them, are not read, or a class has none",
    "unread-arrays": "arrays of an `.npz` are not read",
    "look-alike-labels": "labels differ only in case, accents, width, dashes, quotation marks or the way of writing a number",
    "joined-labels": "a label such as `scab|rust` joins two other labels",
    "measured-target": "the labels are many different numbers with few rows each",
    "constant-column": "a column has the same value in every row",
    "changed-constant": "a column that was constant in training has other values",
    "look-alike-categories": "categories differ only in case, accents, width, dashes or quotation marks",
    "split-column": "a column seems to name the split of each row",
    "same-columns": "two columns are the same",
    "merged-numbers": "a column has whole numbers so large that different ones become one",
    "many-categories": "a column of text has nearly as many values as rows",
    "id-column": "a column numbers the rows, or has a different whole number in each",
    "telling-column": "a single column nearly decides the label",
    "text-numbers": "a column of numbers with decimal commas, thousands separators, signs or units is text",
    "thousands": "the points in a column of numbers may be thousands separators",
    "missing-marker": "a number such as -999 is far from all others of its column, or a category is called `NULL` or the like",
    "outlier": "a number is so far from all others of its column that scaling makes these nearly equal",
    "no-header": "the first line of a CSV looks like data",
    "unknown-category": "rows have a category that no training row has",
    "missing-values": "in a tenth of the rows or more of other data a column is missing",
    "far-values": "in a tenth of the rows or more a column is far from its mean in training",
    "shared-rows": "rows of validation or test have the same inputs as a training row",
    "shared-groups": "rows of validation or test are of a group that has training rows",
    "telling-split": "a column tells rows of a split in the data from training rows",
    "contradiction": "rows are alike but for the label",
    "threshold": "`evaluation.threshold` is for the more frequent class",
    "reading": "whatever else was noticed while the data were read",
}
"""The kinds of notes on data, by the name that `mtrain check --allow` takes."""

SMALL_BYTE = 64
"""Largest byte below which a note asks: inputs would lie in the lowest quarter."""

MOST_LINES = 5
"""The most classes that have a line each; more share one."""

MEASURED = 30
"""Number of different numeric labels from which they may be measurements."""


def dataset_notes(splits: dict[str, Split], classes: tuple[str, ...]) -> Iterator[str]:
    """Notes on classes and rows, if `splits` have a training split."""
    if "train" in splits:
        counts = {
            name: np.bincount(rows.labels, minlength=len(classes)) for name, rows in splits.items()
        }
        yield from _measured(counts, classes)
        for names, n in look_alikes(classes):
            yield Note("look-alike-labels", f"labels {names} look alike, and are {n} classes")
        yield from _joined(classes)
        yield from _absent(counts, classes)
        yield from _shared(splits)
        yield from _shared_groups(splits)


def small_bytes(features: NDArray[Any], divisor: float | None) -> Iterator[Note]:
    """A note if dividing would bring the features near 0, as with bytes from 0 to 16."""
    if divisor == LARGEST_BYTE and (largest := int(features.max())) < SMALL_BYTE:
        text = f"the largest byte is {largest}, and inputs are divided by 255"
        yield Note("small-bytes", f"{text}; dataset.scale: standard may suit them better")


def kind_of(note: str) -> str:
    """The name of the kind of a note."""
    return note.kind if isinstance(note, Note) else "reading"


def by_class(
    kind: str, texts: Mapping[str, str], line: str, summary: Callable[[str], str]
) -> Iterator[Note]:
    """A note for each class in `texts`; for many classes one `summary` with examples.

    `line` is a format of `name` and `text`, the value in `texts`.
    """
    if len(texts) <= MOST_LINES:
        yield from (Note(kind, line.format(name=repr(n), text=text)) for n, text in texts.items())
        return
    examples = ", ".join(repr(name) for name in list(texts)[:MOST_LINES])
    yield Note(kind, summary(f"{len(texts):,} classes ({examples}, ...)"))


def _measured(counts: Mapping[str, Ints], classes: tuple[str, ...]) -> Iterator[Note]:
    """Labels that look like measurements rather than classes."""
    rows = np.sum(list(counts.values()), axis=0)
    if (
        len(classes) >= MEASURED
        and all(re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", name) for name in classes)
        and np.median(rows) < MOST_LINES
    ):
        text = (
            f"the labels are {len(classes):,} different numbers in {rows.sum():,} rows; a number "
            "that was measured or counted is no class: bring it into a few ranges first"
        )
        yield Note("measured-target", text)


def _joined(classes: tuple[str, ...]) -> Iterator[Note]:
    """Labels that join several classes."""
    parts = {name: {part.strip() for part in re.split(r"[|;,+&]", name)} - {""} for name in classes}
    counts = Counter(part for labels in parts.values() for part in labels)
    texts = {
        name: " and ".join(map(repr, sorted(labels)))
        for name, labels in parts.items()
        if len(labels) > 1 and all(counts[part] > 1 for part in labels)
    }
    line = "class {name} joins the labels {text}; a row has one class, so this is a separate class"
    yield from by_class(
        "joined-labels",
        texts,
        line,
        lambda which: (
            f"{which} join other labels; a row has one class, so each is a separate class"
        ),
    )


def _absent(counts: Mapping[str, Ints], classes: tuple[str, ...]) -> Iterator[Note]:
    texts = {}
    for k in np.flatnonzero(counts["train"] == 0):
        elsewhere = [f"{rows[k]:,} of {name}" for name, rows in counts.items() if rows[k]]
        texts[classes[k]] = (
            f"has {' and '.join(elsewhere)}, which cannot be learned" if elsewhere else "has none"
        )
    line = "class {name} has no row to train on; it {text}"
    yield from by_class(
        "absent-class", texts, line, lambda which: f"{which} have no row to train on"
    )


def _shared(splits: dict[str, Split]) -> Iterator[str]:
    known = row_hashes(splits["train"].features)
    for name in ("val", "test"):
        if name not in splits:
            continue
        rows = splits[name].features
        if n := int(np.count_nonzero(np.isin(row_hashes(rows), known))):
            text = f"{n:,} of {len(rows):,} rows of {name} have the same inputs as a training row"
            yield Note("shared-rows", text)


def _shared_groups(splits: dict[str, Split]) -> Iterator[str]:
    """A note for each split that has rows of the groups of training rows."""
    known = splits["train"].groups
    for name in ("val", "test"):
        if known is None or name not in splits or (groups := splits[name].groups) is None:
            continue
        is_known = np.isin(groups, known)
        if n := len(np.unique(groups[is_known])):
            rows = int(np.count_nonzero(is_known))
            text = (
                f"{n:,} of {len(np.unique(groups)):,} groups of {name} have training rows as well "
                f"({rows:,} rows): figures of {name} are too good for new groups"
            )
            yield Note("shared-groups", text)
