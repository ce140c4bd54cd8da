"""From a config's dataset section to the splits an experiment trains, validates and tests on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.experiment.dataset import TestConfig, ValidationConfig
from mtrain.config.experiment.table import TableConfig
from mtrain.data.encoding import encode, learn_encoding
from mtrain.data.files import check_memory
from mtrain.data.folds import take_fold
from mtrain.data.notes import dataset_notes, small_bytes
from mtrain.data.outliers import outlier_notes
from mtrain.data.reading import read_source
from mtrain.data.split import draw, split_off
from mtrain.data.table import BOOLEANS, Table
from mtrain.data.telling import telling_notes
from mtrain.data.unlike import CONSTANT, UNKNOWN, unlike_notes
from mtrain.data.whole_groups import refuse_lone_classes
from mtrain.errors import MtrainError, SettingError
from mtrain.keywords import option
from mtrain.records.dataset import Dataset, Encoding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mtrain.config.experiment.sources import SourceConfig
    from mtrain.config.experiment.table import MissingConfig
    from mtrain.data.source import Rows, Source


def load_dataset(
    config: SourceConfig,
    *,
    memory: int = 4_000_000_000,
    encoding: Encoding | None = None,
    drawn_from: str | None = None,
    takes_others: bool = False,
    names_classes: bool = False,
    progress: bool = True,
    download: bool = True,
) -> Dataset:
    """Read, split, draw and encode.

    `download` allows data that is not on this machine to be downloaded, `progress` shows a bar
    meanwhile; `memory` is how many bytes the data may take. `encoding` was learned from another
    training split; None: it is learned from this one. `drawn_from` is the SHA-256 of the data that
    are split as the config says; None: all data are. Other data are only a test split: their own, or
    with `takes_others` all their rows if they have none; arrays may then lack a training split. With
    `names_classes`, labels must be the names of the config's classes and may not count them.
    Raises `MtrainError` for data that is missing, damaged, or does not fit the config.
    """
    source = load_source(
        config,
        memory=memory,
        encoding=encoding,
        takes_others=takes_others,
        names_classes=names_classes,
        progress=progress,
        download=download,
    )
    return make_dataset(
        source,
        config,
        memory=memory,
        encoding=encoding,
        drawn_from=drawn_from,
        takes_others=takes_others,
    )


def load_source(
    config: SourceConfig,
    *,
    memory: int,
    encoding: Encoding | None = None,
    takes_others: bool = False,
    names_classes: bool = False,
    progress: bool = True,
    download: bool = True,
) -> Source:
    """Read; everything is as for `load_dataset`."""
    source = read_source(
        config,
        memory=memory,
        encoding=encoding,
        takes_others=takes_others,
        progress=progress,
        download=download,
    )
    if names_classes and source.is_counted and {*map(str.lower, config.classes or ())} != BOOLEANS:
        raise MtrainError(
            "its labels are whole numbers, but the training had class names "
            f"({', '.join(config.classes or ()):.60}); which number is which class is not known",
            where=source.where,
        )
    return source


@dataclass(frozen=True, eq=False)
class Drawn:
    """The rows of each split as read, and what identifies the data."""

    classes: tuple[str, ...]
    splits: Mapping[str, Rows]
    parts: Mapping[str, str]
    sha256: str


def draw_splits(
    source: Source,
    config: SourceConfig,
    drawn_from: str | None = None,
    *,
    takes_others: bool = False,
) -> Drawn:
    """Split and draw the source's rows; everything is as for `load_dataset`."""
    classes = source.classes if config.classes is None else config.classes
    parts = {name: _fingerprint(rows, classes) for name, rows in source.splits.items()}
    sha256 = hashlib.sha256(repr(parts).encode()).hexdigest()
    if drawn_from in {None, sha256}:
        splits = split_source(source, config)
    elif source.test is not None or takes_others:
        splits = {"test": source.test or source.train}
    else:
        raise MtrainError(
            "these are not the data of the training, from which its test rows come; "
            f"restore them, or evaluate other rows, which were not trained on, by {option('data')}",
            where=source.where,
        )
    for name, rows in splits.items():
        if rows.weights is not None and not rows.weights.any():
            raise MtrainError(f"every row of the {name} split has the weight 0", where=source.where)
    return Drawn(classes, splits, parts, sha256)


def make_dataset(
    source: Source,
    config: SourceConfig,
    *,
    memory: int,
    encoding: Encoding | None = None,
    drawn_from: str | None = None,
    takes_others: bool = False,
) -> Dataset:
    """Split, draw and encode the source's rows; everything is as for `load_dataset`."""
    drawn = draw_splits(source, config, drawn_from, takes_others=takes_others)
    classes, splits, sha256 = drawn.classes, drawn.splits, drawn.sha256
    notes = list(source.notes)
    if source.is_counted and takes_others:
        notes.append(f"{source.where}: its labels count dataset.classes: 0 is {classes[0]!r}, ...")
    if encoding is None:
        encoding = _learn(source, config, splits["train"])
        if isinstance(source.train.features, Table):
            notes += telling_notes(source.train.features.columns, source.train.labels)
            notes += outlier_notes(source.train) if encoding.mean and not encoding.is_robust else ()
        else:
            notes += small_bytes(source.train.features, encoding.divisor)
    _check_inputs(splits, encoding, memory, source.where)
    encoded = {name: encode(rows, encoding, source.where) for name, rows in splits.items()}
    for name, (split, unlike) in encoded.items():
        # A split that was drawn has as many missing and far values as the others.
        was_drawn = {"train": True, "val": source.val is None, "test": source.test is None}
        is_other = drawn_from not in {None, sha256} or not was_drawn[name]
        told = {k: n for k, n in unlike.items() if is_other or k[0] in {UNKNOWN, CONSTANT}}
        notes += unlike_notes(told, encoding, len(split), f"{name}: ")
    inputs = {name: split for name, (split, _) in encoded.items()}
    return Dataset(
        classes=classes,
        splits=inputs,
        encoding=encoding,
        sha256=sha256,
        parts=drawn.parts,
        source=source.where,
        notes=(*notes, *dataset_notes(inputs, classes)),
    )


def dataset_shape(config: SourceConfig, *, memory: int = 4_000_000_000) -> tuple[int, int]:
    """Inputs and classes of the data set, which is read only if they are not known otherwise.

    Raises `MtrainError` as `load_dataset` does.
    """
    if (shape := config.known_shape) is not None:
        return shape[0], shape[1] if config.classes is None else len(config.classes)
    dataset = load_dataset(config, memory=memory, progress=False, download=False)
    return dataset.encoding.n_features, len(dataset.classes)


def _learn(source: Source, config: SourceConfig, train: Rows) -> Encoding:
    """The encoding that the config asks for, learned from the training rows.

    Raises `SettingError` if no category could have as many rows as `dataset.rare` asks for.
    """
    rare = config.rare if isinstance(config, TableConfig) else 0
    if rare > len(train):
        problem = (
            f"{rare:,} is more than the {len(train):,} training rows: all categories would be one"
        )
        raise SettingError((("dataset", "rare"), problem))
    return learn_encoding(
        train,
        divisor=_divisor(source, config),
        scale=_scale(source, config),
        missing=_missing(config),
        rare=rare,
    )


def split_source(source: Source, config: SourceConfig) -> dict[str, Rows]:
    """The rows of `train`, `test` and, unless the config wants none, `val`; drawn where it says."""
    train, val, test = source.train, source.val, source.test
    _refuse_lone_classes(source, config)
    if test is None and config.fold is not None:
        train, test = take_fold(train, config.fold, config.seed)
    elif test is None:
        apart = config.test or TestConfig()
        section = ("dataset", "test")
        # A later split must not lack a class because this split has its rows.
        parts = 2 if val is not None or config.validation is None else 3
        train, test = split_off(train, apart.size, apart.how, config.seed, section, parts=parts)
    elif config.fold is not None or config.test not in {None, TestConfig()}:
        key = "test" if config.fold is None else "fold"
        raise SettingError((("dataset", key), f"{source.where} has a test split"))
    if (validation := config.validation) is None:
        val = None
    else:
        section = ("dataset", "validation")
        if val is None:
            train, val = split_off(train, validation.size, validation.how, config.seed, section)
        elif validation.model_copy(update={"samples": None}) != ValidationConfig():
            problem = f"{source.where} has a validation split, of which only samples"
            raise SettingError((section, f"{problem} can be drawn"))
        val = draw(val, validation.samples, config.seed, section)
    train = draw(train, config.samples, config.seed, ("dataset",))
    return {"train": train, **({} if val is None else {"val": val}), "test": test}


def _refuse_lone_classes(source: Source, config: SourceConfig) -> None:
    """Raise `MtrainError` if a class of one group is to be in two splits."""
    drawn: list[TestConfig | ValidationConfig] = []
    if source.test is None and config.fold is None:
        drawn.append(config.test or TestConfig())
    if source.val is None and config.validation is not None:
        drawn.append(config.validation)
    has_even_folds = config.fold is not None and source.train.times is None
    if has_even_folds or any(one.how == "stratified" for one in drawn):
        remedy = "leave the class out" if config.fold else "how: random takes groups of any class"
        classes = config.classes or source.classes
        refuse_lone_classes(source.train, classes, source.where, remedy)


def _divisor(source: Source, config: SourceConfig) -> float | None:
    if config.scale == "unit" and source.largest is None:
        problem = f"unit is for bytes; {source.where} has other numbers; standard is for them"
        raise SettingError((("dataset", "scale"), problem))
    return source.largest if config.scale in {"auto", "unit"} else None


def _scale(source: Source, config: SourceConfig) -> str:
    """How inputs are scaled, apart from a divisor."""
    if config.scale == "auto":
        return "standard" if source.largest is None else "none"
    return "none" if config.scale == "unit" else config.scale


def _missing(config: SourceConfig) -> MissingConfig | None:
    """What missing values become, if a row may have one."""
    if not isinstance(config, TableConfig) or config.drops_incomplete:
        return None
    return config.missing


def _check_inputs(splits: Mapping[str, Rows], encoding: Encoding, memory: int, where: str) -> None:
    """Raise `MtrainError` if a model would have no input, or inputs too many for memory."""
    if not encoding.n_features:
        raise MtrainError("no column has a value to learn from", where=where)
    widest = max(encoding.columns, key=lambda column: len(column.categories), default=None)
    width = 1 if encoding.is_bytes and not encoding.mean else 4
    n_bytes = width * encoding.n_features * sum(map(len, splits.values()))
    if widest is None or len(widest.categories) <= 1:
        check_memory(n_bytes, memory, where)
    else:
        where = f"{where}: column {widest.name!r} has {len(widest.categories):,} categories"
        remedy = "leave it out by dataset.exclude, or group its rare categories by dataset.rare"
        check_memory(n_bytes, memory, where, remedy)


def _fingerprint(rows: Rows, classes: tuple[str, ...]) -> str:
    """The same wherever the data are, and whichever other rows are read with them."""
    digest = hashlib.sha256(repr(classes).encode())
    if isinstance(rows.features, np.ndarray):
        arrays = [rows.features]
    else:
        columns = {name: column.without_unused() for name, column in rows.features.columns.items()}
        for name, column in columns.items():
            digest.update(f"{name!r}{column.kind}{column.categories}".encode())
        arrays = [column.values for column in columns.values()]
    arrays += [rows.labels, *([] if rows.weights is None else [rows.weights])]
    if rows.groups is not None:
        # Numbered in the order of these rows alone.
        _, first, numbers = np.unique(rows.groups, return_index=True, return_inverse=True)
        digest.update(b"groups")
        arrays.append(np.argsort(np.argsort(first))[numbers])
    if rows.times is not None:
        digest.update(b"time")
        arrays.append(np.unique(rows.times, return_inverse=True)[1])
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
