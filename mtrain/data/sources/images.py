"""Images in folders, one folder a class."""

from __future__ import annotations

import math
import os
from collections import Counter
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.config.experiment.dataset import class_names
from mtrain.data.files import check_folder, check_memory
from mtrain.data.source import (
    Rows,
    Source,
    are_counted,
    class_places,
    refuse_second_split,
    sorted_names,
)
from mtrain.data.sources.image_files import (
    ENDINGS,
    FORMATS,
    LARGEST_BYTE,
    LARGEST_WIDE,
    as_depth,
    image_facts,
    read_image,
    sayings,
)
from mtrain.data.sources.image_names import with_groups_and_times
from mtrain.data.split_names import split_called
from mtrain.errors import BrokenImageError, MtrainError, Problem, SettingError
from mtrain.records.dataset import SPLITS, Note

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mtrain.config.experiment.sources import ImagesConfig
    from mtrain.data.source import Request

IGNORED = {"__MACOSX", "@eaDir", "Thumbs.db", "desktop.ini"}
"""Folders that computers create; hidden ones, with a dot, are ignored as well."""


MOST_LOOKED_AT = 5_000
"""The most images that are decoded to name those that cannot be."""

MOST_BROKEN = 10
"""The most images that are named in an error about all that cannot be read."""

Listing = dict[str, list["Path"]]
"""The images of each class, sorted by name."""


def read(config: ImagesConfig, request: Request) -> Source:
    """The images below `config.path`, with the test split there or in another folder.

    Pixels are bytes, or numbers of 16 bits if any image has such; for a model, as in its training.
    Raises `MtrainError` for folders without images, for all images that cannot be read, and for
    images of another size than the rest, or that take more than `memory` bytes.
    """
    folder = _folder(config.path)
    folders, notes = _split_folders(folder)
    if config.test_path is not None:
        refuse_second_split("test", folders, config.path)
        folders["test"] = _folder(config.test_path)
    files = {split: _files_by_class(place) for split, place in folders.items()}
    notes += [line for split in files for line in _left_out(folders[split], files[split])]
    classes = config.classes or _classes(files.values(), folder)
    try:
        source = _read(config, classes, folders, files, request)
    except BrokenImageError as error:
        images = (images for listing in files.values() for images in listing.values())
        raise about_all(error, chain.from_iterable(images), config.path) from error
    return replace(source, notes=tuple(Note("unread-images", line) for line in notes))


def _read(
    config: ImagesConfig,
    classes: tuple[str, ...],
    folders: Mapping[str, Path],
    files: Mapping[str, Listing],
    request: Request,
) -> Source:
    """The pixels of the `files` of each split; everything else is as for `read`.

    Raises `BrokenImageError` for the first image that cannot be read.
    """
    memory, encoding = request.memory, request.encoding
    first = next(iter(files["train"].values()))[0]
    size = config.size or image_facts(first)[0]
    shape = size if config.color == "gray" else (*size, 3)
    n_images = sum(len(images) for listing in files.values() for images in listing.values())
    check_memory(n_images * math.prod(shape), memory, config.path)
    done: Counter[str] = Counter()
    splits = {
        split: _rows(listing, classes, folders[split], config, shape, memory, done)
        for split, listing in files.items()
    }
    splits = with_groups_and_times(splits, config, request)
    kinds = {np.asarray(rows.features).dtype for rows in splits.values()}
    is_wide = np.dtype(np.uint16) in kinds if encoding is None else not encoding.is_bytes
    done["size"] = done["color"] = 0  # which the config asks for
    labels = {name for listing in files.values() for name in listing}
    return Source(
        _at_depth(splits["train"], is_wide=is_wide),
        _at_depth(splits.get("val"), is_wide=is_wide),
        _at_depth(splits.get("test"), is_wide=is_wide),
        classes,
        largest=float(LARGEST_WIDE if is_wide else LARGEST_BYTE),
        where=config.path,
        facts=tuple(sayings(done, config.path, background=config.background)),
        is_counted=are_counted(classes, labels),
    )


def read_pixels(
    files: Sequence[Path],
    shape: tuple[int, ...],
    *,
    resize: bool,
    background: tuple[int, ...],
    done: Counter[str],
) -> NDArray[Any]:
    """The images as one array of shape (N, *shape), uint8; uint16 if one of them has 16 bits.

    `done` counts what was done to them. Raises as `read_image` does.
    """
    features: NDArray[Any] = np.empty((len(files), *shape), np.uint8)
    for row, file in enumerate(files):
        pixels, changes = read_image(file, shape, resize=resize, background=background)
        done.update(changes)
        if pixels.dtype == np.uint16:
            features = as_depth(features, wide=True)
        features[row] = as_depth(pixels, wide=features.dtype == np.uint16)
    return features


def about_all(error: BrokenImageError, images: Iterable[Path], where: str) -> MtrainError:
    """The error about every image that cannot be read of those at `where`; `error` names the first.

    It has a line for each, up to `MOST_BROKEN`, and then one that counts the rest. Of very many images
    only the first are looked at: they are decoded for it.
    """
    errors = {error.path: error}
    for file in islice(images, MOST_LOOKED_AT):
        try:
            # Without a size: another check compares the sizes.
            read_image(file, (1, 1, 3), resize=True)
        except BrokenImageError as other:
            errors.setdefault(file, other)
    problems = [problem for file in sorted(errors) for problem in errors[file].problems]
    if (more := len(problems) - MOST_BROKEN) > 0:
        text = f"{more:,} more image{'s' * (more > 1)} cannot be read"
        problems[MOST_BROKEN:] = [Problem(text, where)]
    return MtrainError(*problems)


def list_images(folder: Path) -> list[Path]:
    """The images right in `folder`, sorted by name."""
    images = (path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    return sorted(path for path in images if not path.name.startswith(".") and path.is_file())


def list_folders(folder: Path) -> list[Path]:
    """The folders right in `folder` that hold data, sorted by name: none is hidden."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_dir()]
    return sorted(
        folder / name for name in names if not name.startswith(".") and name not in IGNORED
    )


def walk_images(folder: Path) -> Iterator[Path]:
    """The images in `folder` and in all folders below it that hold data, in no order."""
    seen = set()
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        if (real := place.resolve()) in seen:  # a link can lead back to where it is
            continue
        seen.add(real)
        yield from list_images(place)
        waiting += list_folders(place)


def _folder(path: str) -> Path:
    return check_folder(path, "a folder of images for each class is expected here")


def _split_folders(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """The folders of the splits, and notes on folders that are not read."""
    folders: dict[str, list[Path]] = {}
    others: list[Path] = []
    for place in list_folders(folder):
        split = split_called(place.name)
        (others if split is None else folders.setdefault(split, [])).append(place)
    # `train` may be a class as well: of vehicles.
    if "train" not in folders or any(map(list_images, folders["train"])):
        return {"train": folder}, []
    for split, places in folders.items():
        if len(places) > 1:
            names = " and ".join(repr(_text(place.name)) for place in places)
            raise MtrainError(
                f"{names} would both be its {SPLITS[split]} split", where=folder, remedy="keep one"
            )
    unread = {place: sum(1 for _ in walk_images(place)) for place in others}
    notes = [
        f"{folder}: its folder {_text(place.name)!r} is not read ({_images(n)}); splits are folders "
        "called train, val and test"
        for place, n in unread.items()
        if n
    ]
    return {split: folders[split][0] for split in SPLITS if split in folders}, notes


def _files_by_class(folder: Path) -> Listing:
    listing = {place.name: list_images(place) for place in list_folders(folder)}
    if not any(listing.values()):
        deeper = next(walk_images(folder), None)
        hint = "" if deeper is None else f"; the first is {_text(str(deeper.relative_to(folder)))}"
        raise MtrainError(
            "no images; each class has a folder of its own here, with "
            f"{', '.join(FORMATS)} files{hint}",
            where=folder,
        )
    if wrong := [name for name in listing if _text(name) != name]:
        raise MtrainError(f"the name of its folder {_text(wrong[0])!r} is not UTF-8", where=folder)
    return {name: images for name, images in listing.items() if images}


def _left_out(folder: Path, listing: Listing) -> Iterator[str]:
    """Notes on what a split's folder holds besides images: empty classes, other files."""
    if images := list_images(folder):
        yield f"{folder}: {_images(len(images))} beside its folders left out: they have no class"
    for place in list_folders(folder):
        images = listing.get(place.name, [])
        inner = {deeper.name: sum(1 for _ in walk_images(deeper)) for deeper in list_folders(place)}
        others = _endings(place, images)
        whys = []
        if n := sum(inner.values()):
            where = next(name for name, count in inner.items() if count)
            whys.append(f"{_images(n)} one folder deeper, as in {_text(where)!r}")
        if n := others.total():
            files = "1 file" if n == 1 else f"{n:,} files"
            whys.append(f"{files} of no known kind ({', '.join(sorted(others))})")
        name = _text(place.name)
        if not images:
            yield f"{folder}: class {name!r} is left out: {' and '.join(whys) or 'it is empty'}"
        elif whys:
            yield f"{folder}: class {name!r}: left out: {' and '.join(whys)}"


def _endings(folder: Path, images: Iterable[Path]) -> Counter[str]:
    """How many files right in `folder` are not among its images, by their ending."""
    known = {image.name for image in images}
    return Counter(
        path.suffix.lower() or "without an ending"
        for path in folder.iterdir()
        if not path.name.startswith(".") and path.name not in IGNORED | known and not path.is_dir()
    )


def _images(n: int) -> str:
    return "1 image" if n == 1 else f"{n:,} images"


def _text(name: str) -> str:
    """A name of a file as text: it can be any bytes."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _classes(listings: Iterable[Listing], folder: Path) -> tuple[str, ...]:
    classes = sorted_names({name for listing in listings for name in listing})
    if len(classes) == 1:
        raise MtrainError(
            f"every image is in the folder {classes[0]!r}; a classifier needs two classes",
            where=folder,
        )
    try:
        return class_names(classes)
    except ValueError as error:
        raise MtrainError(f"its folders are the classes: {error}", where=folder) from error


def _rows(
    listing: Listing,
    classes: tuple[str, ...],
    folder: Path,
    config: ImagesConfig,
    shape: tuple[int, ...],
    memory: int,
    done: Counter[str],
) -> Rows:
    places = class_places(classes, set(listing))
    if unknown := [name for name in listing if name not in places]:
        problem = f"{folder} has a folder {unknown[0]!r}, which is not one of them"
        raise SettingError((("dataset", "classes"), problem))
    files = [(file, place) for name, place in places.items() for file in listing.get(name, [])]
    features = read_pixels(
        [file for file, _ in files],
        shape,
        resize=config.size is not None,
        background=config.background,
        done=done,
    )
    check_memory(features.nbytes, memory, str(folder))
    root = Path(config.path)
    root = root if folder.is_relative_to(root) else folder
    return Rows(
        features,
        np.array([place for _, place in files], np.int32),
        np.arange(len(files)),
        names=np.array([_text(str(file.relative_to(root))) for file, _ in files]),
    )


def _at_depth(rows: Rows | None, *, is_wide: bool) -> Any:
    """The rows with pixels of 16 bits, or of 8."""
    if rows is None:
        return None
    pixels = as_depth(np.asarray(rows.features), wide=is_wide)
    return replace(rows, features=pixels)
