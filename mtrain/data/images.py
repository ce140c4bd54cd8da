"""Images in folders, one folder a class."""

from __future__ import annotations

import math
import os
import struct
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

from mtrain.config.dataset import class_names
from mtrain.data.files import check_folder, check_memory
from mtrain.data.source import Rows, Source, class_places, refuse_second_test, sorted_names
from mtrain.errors import MtrainError, SettingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from mtrain.config.sources import ImagesConfig

ENDINGS = {".png", ".jpg", ".jpeg", ".bmp"}
FORMATS = ("PNG", "JPEG", "BMP")

DAMAGE = (AttributeError, OSError, SyntaxError, TypeError, ValueError, struct.error)
"""What Pillow raises for files that are not as they must be, or whose EXIF is not."""

SPLITS = {
    "training": {"train", "training"},
    "validation": {"val", "valid", "validation"},
    "test": {"test", "testing"},
}
"""What folders of splits are called, in any case."""

MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}
"""Of 8 bits a colour: more would be cut off."""

Listing = dict[str, list[Path]]
"""The images of each class, sorted by name."""


def read_images(config: ImagesConfig, *, memory: int) -> Source:
    """The images below `config.path`, the test split perhaps in a folder of its own.

    Raises `MtrainError` for folders without images, for images that cannot be read, are of another
    size than the rest, or would take more than `memory` bytes.
    """
    folder = _folder(config.path)
    folders = {
        split: place
        for split, names in SPLITS.items()
        for place in sorted(folder.iterdir())
        if place.name.lower() in names and place.is_dir()
    }
    # `train` may be a class as well: of vehicles.
    if "training" not in folders or list_images(folders["training"]):
        folders = {"training": folder}
    if config.test_path is not None:
        refuse_second_test(folders, config.path)
        folders["test"] = _folder(config.test_path)
    files = {split: _files_by_class(place) for split, place in folders.items()}
    classes = config.classes or _classes(files.values(), folder)
    first = next(iter(files["training"].values()))[0]
    shape = _image_shape(first, config.size, config.color)
    n_images = sum(len(images) for listing in files.values() for images in listing.values())
    check_memory(n_images * math.prod(shape), memory, config.path)
    splits = {
        split: _rows(listing, classes, shape, folders[split], resize=config.size is not None)
        for split, listing in files.items()
    }
    notes = [
        note for split, listing in files.items() for note in _left_out(folders[split], listing)
    ]
    return Source(
        splits["training"],
        splits.get("validation"),
        splits.get("test"),
        classes,
        largest=255.0,
        where=config.path,
        notes=tuple(notes),
    )


def read_image(file: Path, shape: tuple[int, ...], *, resize: bool) -> NDArray[np.uint8]:
    """The image as bytes of `shape`: (height, width), or (height, width, 3) for colours.

    `resize` brings it to that size. Raises `MtrainError` for one of another size else, and for what
    is no image.
    """
    height, width = shape[:2]
    image = _decoded(file).convert("L" if len(shape) == 2 else "RGB")
    if resize and image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    if image.size != (width, height):
        raise MtrainError(
            f"{file}: {image.height} x {image.width} pixels, the first image has {height} x "
            f"{width}; dataset.size brings all to one size"
        )
    return np.asarray(image)


def list_images(folder: Path) -> list[Path]:
    """The images right in `folder`, sorted by name."""
    images = (path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    return sorted(path for path in images if not path.name.startswith(".") and path.is_file())


def image_facts(file: Path) -> tuple[tuple[int, int], bool]:
    """Height and width of an image, and whether it is gray; raises as `read_image` does."""
    with _opened(file) as image:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
        size = image.size if turned else image.size[::-1]
        return size, image.mode in {"1", "L", "LA"}


def _decoded(file: Path) -> Image.Image:
    with _opened(file) as image:
        # Of 16 bits for red, green and blue Pillow drops half without a word.
        if image.mode not in MODES or any(";16B" in str(tile.args) for tile in image.tile):
            raise MtrainError(f"{file}: its pixels have more than 8 bits a colour")
        return ImageOps.exif_transpose(image)


@contextmanager
def _opened(file: Path) -> Iterator[ImageFile.ImageFile]:
    """The image, of which nothing is decoded yet; whatever is wrong with it is a `MtrainError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # A few bytes can claim to be more pixels than there is memory.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=FORMATS) as image:
                yield image
    except UnidentifiedImageError as error:
        raise MtrainError(f"{file}: no {', '.join(FORMATS)}, whatever its name says") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise MtrainError(f"{file}: {error}") from error
    except DAMAGE as error:
        raise MtrainError(f"{file}: cannot be read: {error}") from error


def _folder(path: str) -> Path:
    return check_folder(path, "a folder of images for each class is expected here")


def _files_by_class(folder: Path) -> Listing:
    places = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    listing = {place.name: list_images(place) for place in sorted(places)}
    if not any(listing.values()):
        raise MtrainError(
            f"{folder}: no images; each class has a folder of its own here, with "
            f"{', '.join(FORMATS)} files"
        )
    if wrong := [name for name in listing if _text(name) != name]:
        raise MtrainError(f"{folder}: the name of its folder {_text(wrong[0])!r} is not UTF-8")
    return {name: images for name, images in listing.items() if images}


def _left_out(folder: Path, listing: Listing) -> Iterator[str]:
    there = [path for name in listing for path in (folder / name).iterdir()]
    visible = [path for path in there if not path.name.startswith(".")]
    if n := len(visible) - sum(map(len, listing.values())):
        endings = ", ".join(sorted(ENDINGS))
        yield f"{folder}: {n:,} in its folders left out: no files that end in {endings}"


def _text(name: str) -> str:
    """A name of a file as text: it can be any bytes."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _classes(listings: Iterable[Listing], folder: Path) -> tuple[str, ...]:
    classes = sorted_names({name for listing in listings for name in listing})
    try:
        return class_names(classes)
    except ValueError as error:
        raise MtrainError(f"{folder}: its folders are the classes: {error}") from error


def _image_shape(first: Path, size: tuple[int, int] | None, color: str) -> tuple[int, ...]:
    if size is None:
        image = _decoded(first)
        size = image.height, image.width
    return size if color == "gray" else (*size, 3)


def _rows(
    listing: Listing,
    classes: tuple[str, ...],
    shape: tuple[int, ...],
    folder: Path,
    *,
    resize: bool,
) -> Rows:
    places = class_places(classes, set(listing))
    if unknown := [name for name in listing if name not in places]:
        problem = f"{folder} has a folder {unknown[0]!r}, which is none of them"
        raise SettingError((("dataset", "classes"), problem))
    files = [(file, place) for name, place in places.items() for file in listing.get(name, [])]
    features = np.empty((len(files), *shape), np.uint8)
    for row, (file, _) in enumerate(files):
        features[row] = read_image(file, shape, resize=resize)
    return Rows(
        features,
        np.array([place for _, place in files], np.int32),
        np.arange(len(files)),
        names=np.array([_text(str(file.relative_to(folder))) for file, _ in files]),
    )
