"""Arrays in a NumPy `.npz` file, read without unpickling anything."""

from __future__ import annotations

import itertools
import math
import re
import struct
import tokenize
import warnings
import zipfile
import zlib
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from mtrain.config.experiment.dataset import class_names
from mtrain.data.files import check_memory, find_files
from mtrain.data.groups import number_groups
from mtrain.data.source import (
    MOST_CLASSES,
    Source,
    all_from_test,
    are_counted,
    check_alike,
    checked_rows,
    class_places,
    counted_from,
    counts_classes,
    largest_value,
    number_of_classes,
    offset_note,
    refuse_second_split,
    sorted_names,
)
from mtrain.data.split_names import split_called
from mtrain.data.times import read_times
from mtrain.errors import MtrainError, SettingError
from mtrain.records.dataset import SPLITS, Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mtrain.config.experiment.sources import NpzConfig
    from mtrain.data.source import Request
    from mtrain.records.arrays import Ints

DAMAGE = (
    *(EOFError, MemoryError, NotImplementedError, OSError, OverflowError, RuntimeError),
    *(SyntaxError, ValueError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
    *(AttributeError, LookupError, TypeError),
)
"""What `zipfile` and NumPy raise for damaged files."""

FEATURES = ("x", "images", "image", "imgs", "features", "data", "inputs")
LABELS = ("y", "labels", "label", "targets", "target")
"""Names of arrays, the usual ones first; labels have the name at the place of their features'."""


def read(config: NpzConfig, request: Request) -> Source:
    """The splits in the file at `config.path`, with the test split there or in another file.

    If the request takes others, a file without training arrays may have a test split, whose rows
    are all rows. Raises `MtrainError` for arrays that are missing, damaged, do not fit each other,
    or take too much memory.
    """
    needed = ("test", "train") if request.takes_others else ("train",)
    arrays = _read_splits(config.path, config, request, needed)
    where = dict.fromkeys(arrays, config.path)
    if config.test_path is not None:
        refuse_second_split("test", arrays, config.path)
        others = _read_splits(config.test_path, config, request, ("test", "train"))
        arrays["test"] = others.get("test") or others["train"]
        where["test"] = config.test_path
    groups = _groups(arrays, config.path)
    named, is_counted = _named_classes(arrays, config)
    splits = {
        split: replace(
            checked_rows(
                split_arrays.features,
                counted_from(split_arrays.labels, config.offset, where[split], split),
                where[split],
                split,
                split_arrays.weights,
            ),
            groups=groups.get(split),
            times=None if split_arrays.time is None else _times(split_arrays, config.path),
        )
        for split, split_arrays in arrays.items()
    }
    check_alike(splits, config.path)
    splits = all_from_test(splits)
    if named is None:
        n_classes = number_of_classes([rows.labels for rows in splits.values()], config.path)
        named = tuple(map(str, range(config.offset, config.offset + n_classes)))
        notes = offset_note(splits, config.offset, config.path)
    else:
        notes = ()
    notes = (*notes, *_unread_notes(config.path))
    return Source(
        splits["train"],
        splits.get("val"),
        splits.get("test"),
        named,
        largest=largest_value(splits["train"]),
        where=config.path,
        notes=notes,
        is_counted=is_counted,
    )


def _unread_notes(path: str) -> Iterator[Note]:
    """A note where there are arrays of features that are of no known split."""
    names = array_names(find_files(path, (".npz",))[0])
    known = find_features(names, path).values()
    unread = [
        name
        for name in names
        if name not in known and {*re.split(r"[_.-]+", name.lower())} & {*FEATURES}
    ]
    if unread:
        listed = ", ".join(map(repr, unread))
        yield Note("unread-arrays", f"{path}: arrays of no known split are not read: {listed}")


def read_members(
    path: Path, names: Sequence[str], memory: float = math.inf
) -> dict[str, NDArray[Any]]:
    """The arrays of those names. Raises `MtrainError` for what cannot be read."""
    try:
        with warnings.catch_warnings(), zipfile.ZipFile(path) as file:
            warnings.simplefilter("ignore")  # of files that Python 2 wrote
            there = {member.filename.removesuffix(".npy"): member for member in file.infolist()}
            if missing := [name for name in names if name not in there]:
                raise MtrainError(
                    f"no array {missing[0]!r}; the file has {', '.join(there)}", where=path
                )
            check_memory(sum(there[name].file_size for name in names), memory, str(path))
            return {name: _array(file, there[name], path) for name in names}
    except DAMAGE as error:
        raise _not_arrays(path, error) from error


def _not_arrays(path: Path, error: Exception) -> MtrainError:
    if path.suffix.lower() == ".npy":
        return MtrainError(
            "a single array", where=path, remedy="save rows and labels by numpy.savez"
        )
    return MtrainError(f"not arrays that can be read: {error}", where=path)


def _array(file: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> NDArray[Any]:
    with file.open(member) as content:
        shape, kind = _header(content)
    if kind.hasobject:  # which are pickles
        name = member.filename.removesuffix(".npy")
        raise MtrainError(
            f"array {name!r} holds Python objects",
            where=path,
            remedy=f"save it as numbers or text, as by {name}.astype(str)",
        )
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"the shape of {member.filename} is {shape}")
    with file.open(member) as content:
        array: NDArray[Any] = np.lib.format.read_array(content, allow_pickle=False)
        return array


def _header(content: IO[bytes]) -> tuple[tuple[Any, ...], np.dtype[Any]]:
    """Shape and type of an array; NumPy takes True and False for sizes."""
    version = np.lib.format.read_magic(content)
    first = version == (1, 0)
    read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
    shape, _, kind = read(content)
    return tuple(shape), kind


def array_names(path: Path) -> list[str]:
    """The names of all arrays; raises `MtrainError` as `read_members`."""
    try:
        with zipfile.ZipFile(path) as file:
            return [name.removesuffix(".npy") for name in file.namelist()]
    except DAMAGE as error:
        raise _not_arrays(path, error) from error


def find_features(names: Sequence[str], where: str) -> dict[str, str]:
    """The name of each split's features among those of all arrays, by split.

    `train`, `val` and `test`; arrays of no split are the training's, if there are no others. Raises
    `MtrainError` naming `where` if two may be those of one split.
    """
    by_split: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        kind, split = _kind_and_split(name)
        if kind in FEATURES:
            by_split.setdefault(split or "", []).append((FEATURES.index(kind), name))
    for split, candidates in by_split.items():
        for (place, name), (next_place, other) in itertools.pairwise(sorted(candidates)):
            if place == next_place:
                of = f"the {SPLITS[split]} split" if split else "no split"
                raise MtrainError(
                    f"arrays {name!r} and {other!r} are both of {of}",
                    where=where,
                    remedy="keep one",
                )
    best = {split: min(candidates)[1] for split, candidates in by_split.items()}
    whole = best.pop("", None)
    return best if whole is None or "train" in best else {"train": whole, **best}


@dataclass(frozen=True, eq=False)
class _Arrays:
    """The arrays of a split, as they are in the file."""

    features: NDArray[Any]
    labels: NDArray[Any]
    weights: NDArray[Any] | None = None
    groups: NDArray[Any] | None = None
    time: NDArray[Any] | None = None


def _read_splits(
    path: str, config: NpzConfig, request: Request, needed: tuple[str, ...]
) -> dict[str, _Arrays]:
    """The splits in the file at `path`; raises `MtrainError` if it has none of the `needed` ones."""
    file, *more = find_files(path, (".npz",))
    if more:
        raise MtrainError(f"{1 + len(more)} files; all arrays must be in one", where=path)
    there = array_names(file)
    features = find_features(there, path)
    if not set(needed) & set(features):
        raise MtrainError(
            f"no arrays x_{needed[0]} and y_{needed[0]}, or x and y; the file has "
            f"{', '.join(there)[:300] or 'nothing'}",
            where=path,
        )
    wanted = {
        split: {
            "features": name,
            "labels": _beside(name, LABELS, there),
            **{
                key: _beside(name, (kind,), there)
                for key in ("weights", "groups")
                if (kind := getattr(config, key)) is not None
            },
        }
        for split, name in features.items()
    }
    if config.time is not None and "train" in features:
        times = _beside(features["train"], (config.time,), there)
        # Data for a trained model need no times if they will not be split.
        if request.encoding is None or times in there:
            wanted["train"]["time"] = times
    names = list(itertools.chain.from_iterable(each.values() for each in wanted.values()))
    arrays = read_members(file, names, request.memory)
    return {
        split: _Arrays(**{key: arrays[name] for key, name in each.items()})
        for split, each in wanted.items()
    }


def _groups(arrays: Mapping[str, _Arrays], where: str) -> dict[str, Ints]:
    """The number of each row's group by split; nothing without groups."""
    coded = {}
    for split, of in arrays.items():
        if of.groups is None:
            continue
        if of.groups.shape != of.labels.shape[:1] or of.groups.dtype.kind not in "iufbUS":
            raise MtrainError(
                f"{SPLITS[split]} groups must be one number or text a row, got {of.groups.dtype} "
                f"{of.groups.shape}",
                where=where,
            )
        names, codes = np.unique(of.groups, return_inverse=True)
        texts = _as_text(names, where, "groups").tolist() if names.dtype.kind in "US" else names
        if missing := [k for k, name in enumerate(texts) if str(name) in {"", "nan"}]:
            row = int(np.isin(codes, missing).argmax())
            raise MtrainError(f"{SPLITS[split]} groups: row {row} has none", where=where)
        coded[split] = codes, [str(name) for name in texts]
    return number_groups(coded)


def _times(arrays: _Arrays, where: str) -> Ints:
    """The place of each training row's time in their order."""
    given = arrays.time
    if given is None or given.shape != arrays.labels.shape[:1] or given.dtype.kind not in "iufMUS":
        got = "" if given is None else f", got {given.dtype} {given.shape}"
        raise MtrainError(f"training times must be one a row{got}", where=where)
    values = _as_text(given, where, "times") if given.dtype.kind in "US" else given
    values = values.astype("M8[us]") if values.dtype.kind == "M" else values
    times = read_times(pa.chunked_array([pa.array(values)]), typed=True)
    wrong = times.wrong | (times.ranks < 0)
    if wrong.any():
        row = int(wrong.argmax())
        problem = f"is {str(given[row])!r:.60}, which is not {times.expected}"
        raise MtrainError(f"training times: row {row} {problem}", where=where)
    return times.ranks


def _beside(features: str, kinds: Sequence[str], there: Sequence[str]) -> str:
    """The array of these kinds that belongs to those features; the most likely name if none does."""
    kind, split = _kind_and_split(features)
    parts = re.split(r"([_.-]+)", features)
    at = [part.lower() for part in parts].index(kind)
    usual = kinds[0] if kind == "x" or len(kinds) == 1 else kinds[1]
    expected = "".join([*parts[:at], usual, *parts[at + 1 :]])
    if expected in there:
        return expected
    for name in there:
        other, its_split = _kind_and_split(name, kinds)
        if other in kinds and its_split == split:
            return name
    return expected


def _kind_and_split(name: str, kinds: Sequence[str] = FEATURES) -> tuple[str, str | None]:
    """`x` and `test` for `x_test`, `test_x`, `X.test`; a split of None for `x` alone."""
    parts = [part for part in re.split(r"[_.-]+", name) if part]
    for at, part in enumerate(parts):
        others = "_".join(parts[:at] + parts[at + 1 :])
        kind = next((kind for kind in kinds if part.lower() == kind.lower()), None)
        if kind is not None and not others:
            return kind, None
        if kind is not None and (split := split_called(others)) is not None:
            return kind, split
    return "", None


def _named_classes(
    arrays: dict[str, _Arrays], config: NpzConfig
) -> tuple[tuple[str, ...] | None, bool]:
    """The classes that labels of text name, which become numbers; None: they are numbers.

    The second says whether labels count the config's classes.

    Raises `MtrainError` if only a part of the labels is text, and for invalid names.
    """
    if not any(split_arrays.labels.dtype.kind in "US" for split_arrays in arrays.values()):
        return None, counts_classes(config.classes)
    texts = {}
    for split, split_arrays in arrays.items():
        labels = (
            split_arrays.labels[:, 0]
            if split_arrays.labels.shape[1:] == (1,)
            else split_arrays.labels
        )
        if labels.dtype.kind not in "US" or labels.ndim != 1:
            raise MtrainError(
                f"labels of text are one a row in every split; those of {SPLITS[split]} are "
                f"{labels.dtype} {labels.shape}",
                where=config.path,
            )
        texts[split] = _as_text(labels, config.path)
    label_texts = {str(text) for labels in texts.values() for text in np.unique(labels)}
    classes = config.classes or sorted_names(label_texts)
    if len(classes) > MOST_CLASSES:
        raise MtrainError(
            f"{len(classes):,} different labels; there can be {MOST_CLASSES:,} classes",
            where=config.path,
        )
    _check_names(classes, config.path)
    places = class_places(classes, label_texts)
    if unknown := sorted(label_texts - set(places)):
        problem = f"a label of {config.path} is {unknown[0]!r:.60}, which is not one of them"
        raise SettingError((("dataset", "classes"), problem))
    for split, labels in texts.items():
        names, codes = np.unique(labels, return_inverse=True)
        indices = np.array([places[str(name)] for name in names], np.int64)[codes]
        arrays[split] = replace(arrays[split], labels=indices + config.offset)
    return classes, are_counted(classes, label_texts)


def _as_text(texts: NDArray[Any], where: str, what: str = "labels") -> NDArray[np.str_]:
    """Texts trimmed; bytes are UTF-8."""
    try:
        decoded = [text.decode() if isinstance(text, bytes) else text for text in texts.tolist()]
    except UnicodeDecodeError as error:
        raise MtrainError(f"{what} are bytes that are not UTF-8 text", where=where) from error
    return np.array([text.strip() for text in decoded], np.str_)


def _check_names(classes: tuple[str, ...], where: str) -> None:
    if len(classes) == 1:
        raise MtrainError(
            f"every label is {classes[0]!r}; a classifier needs two classes", where=where
        )
    try:
        class_names(classes)
    except ValueError as error:
        raise MtrainError(f"its labels are the classes: {error}", where=where) from error
