"""One image file: what its header says, and its pixels as gray or as red, green and blue."""

from __future__ import annotations

import logging
import struct
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import (
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from mtrain.errors import BrokenImageError, MtrainError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

ENDINGS = {".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF")
"""The formats that are opened, recognised by a file's content, not its name."""

SIGNATURES = {
    b"\x89PNG\r\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}
"""The first bytes of files, for formats that these bytes identify."""

PLUGINS = (
    *(PngImagePlugin, JpegImagePlugin, BmpImagePlugin),
    *(WebPImagePlugin, GifImagePlugin, TiffImagePlugin),
)
"""Pillow's plugins for these formats; it would import those of all formats otherwise."""

DAMAGE = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError),
    *(OSError, RuntimeError, SyntaxError, TypeError, ValueError, struct.error),
)
"""What Pillow raises for damaged files or damaged EXIF."""

OPAQUE_MODES = {"1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr"}
ALPHA_MODES = {"LA", "La", "PA", "RGBA", "RGBa"}
WIDE_MODES = {"I;16", "I;16B", "I;16L", "I;16N"}
"""The modes of gray with 16 bits a pixel."""

GRAY_MODES = {"1", "L", "LA", "La", *WIDE_MODES}

WITH_FRAMES = {"GIF", "PNG", "TIFF", "WEBP"}
"""Formats of several frames or pages; in a JPEG the others are previews."""

LARGEST_BYTE, LARGEST_WIDE = 255, 65_535

PHOTOMETRIC, WHITE_IS_ZERO = 262, 0
"""The tag of a TIFF that says what a pixel of 0 is, and what it says of white."""

WHITE = (255, 255, 255)

SAYINGS = {
    "wide": "{n} of 16 bits a pixel, from 0 to 65,535",
    "deep": "{n} of 16 bits a color, read as 8 bits",
    "alpha": "{n} with transparency, put over {background} (dataset.background)",
    "frames": "{n} of several frames or pages, of which the first is read",
    "size": "{n} brought to {size} pixels",
    "color": "{n} in color turned to gray",
}
"""What `read_image` can do to an image, and the text about several images."""

# Without a handler Python prints what Pillow logs of a damaged file.
logging.getLogger("PIL").addHandler(logging.NullHandler())


def read_image(
    file: Path,
    shape: tuple[int, ...],
    *,
    resize: bool,
    background: tuple[int, ...] = WHITE,
) -> tuple[NDArray[Any], set[str]]:
    """The pixels, of `shape`, and what was done to the image: keys of `SAYINGS`.

    `shape` is (height, width), or (height, width, 3) for colors. Pixels are uint8, or uint16 from 0
    to 65,535 for gray of 16 bits. Transparent ones show `background`: red, green and blue.
    `resize` brings the image to the height and width of `shape`. Raises `MtrainError` for an image
    of another size else, and `BrokenImageError` for what is no image.
    """
    height, width = shape[:2]
    with _opened(file) as image:
        done: set[str] = {"frames"} if _has_frames(image) else set()
        pixels: NDArray[Any]
        if image.mode in WIDE_MODES:
            pixels = _wide_pixels(image, background, done)
        else:
            pixels = _byte_pixels(image, file, background, done, is_gray=len(shape) == 2)
        if resize and pixels.shape[:2] != (height, width):
            done.add("size")
            pixels = _resized(pixels, width, height)
    if pixels.shape[:2] != (height, width):
        raise MtrainError(
            f"{pixels.shape[0]} x {pixels.shape[1]} pixels, the first image has {height} x "
            f"{width}; dataset.size brings all to one size",
            where=file,
        )
    if pixels.ndim < len(shape):
        pixels = np.repeat(pixels[:, :, np.newaxis], 3, axis=2)
    return pixels, done


def image_facts(file: Path) -> tuple[tuple[int, int], bool]:
    """Height and width of an image, and whether it is gray; raises `BrokenImageError`."""
    with _opened(file) as image:
        # Of a TIFF Pillow gives the size as it is turned.
        is_tiff = image.format == "TIFF"
        turned = not is_tiff and image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
        size = image.size if turned else image.size[::-1]
        return size, image.mode in GRAY_MODES


def as_depth(pixels: NDArray[Any], *, wide: bool) -> NDArray[Any]:
    """Bytes as numbers from 0 to 65,535, if `wide`, or such numbers as bytes; else as they are."""
    if wide == (pixels.dtype == np.uint16):
        return pixels
    if wide:
        return pixels.astype(np.uint16) * np.uint16(LARGEST_WIDE // LARGEST_BYTE)
    return np.rint(pixels / (LARGEST_WIDE / LARGEST_BYTE)).astype(np.uint8)


def sayings(
    counts: Mapping[str, int],
    where: str,
    *,
    background: tuple[int, ...] = WHITE,
    size: tuple[int, ...] = (),
) -> Iterator[str]:
    """A line for each change that was made to images at `where`, with their number."""
    named: dict[tuple[int, ...], str] = {WHITE: "white", (0, 0, 0): "black"}
    for key, saying in SAYINGS.items():
        if n := counts.get(key, 0):
            said = saying.format(
                n=f"{n:,} image{'s' * (n > 1)}",
                background=named.get(background, str(list(background))),
                size=" x ".join(map(str, size[:2])),
            )
            yield f"{where}: {said}"


def _has_frames(image: ImageFile.ImageFile) -> bool:
    return image.format in WITH_FRAMES and bool(getattr(image, "is_animated", False))


def _wide_pixels(
    image: ImageFile.ImageFile, background: tuple[int, ...], done: set[str]
) -> NDArray[np.uint16]:
    """Gray of 16 bits; shape (height, width)."""
    done.add("wide")
    pixels = np.asarray(ImageOps.exif_transpose(image)).astype(np.uint16)
    if getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == WHITE_IS_ZERO:
        pixels = LARGEST_WIDE - pixels  # which Pillow does for bytes alone
    transparent = image.info.get("transparency")
    if isinstance(transparent, int) and (is_transparent := pixels == transparent).any():
        done.add("alpha")
        gray = np.asarray(Image.new("RGB", (1, 1), _color(background)).convert("L"))
        pixels[is_transparent] = int(gray[0, 0]) * (LARGEST_WIDE // LARGEST_BYTE)
    return pixels


def _byte_pixels(
    image: ImageFile.ImageFile,
    file: Path,
    background: tuple[int, ...],
    done: set[str],
    *,
    is_gray: bool,
) -> NDArray[np.uint8]:
    """Pixels of 8 bits a color; shape (height, width), or (height, width, 3) unless `is_gray`."""
    if image.mode not in OPAQUE_MODES | ALPHA_MODES:
        problem = f"its pixels are of the mode {image.mode}; images have 8 or 16 bits a color"
        raise BrokenImageError(file, problem)
    transparent = image.info.get("transparency")
    if any(";16" in str(tile.args) for tile in image.tile):
        done.add("deep")
        if isinstance(transparent, tuple):  # of 16 bits as well
            image.info["transparency"] = tuple(value >> 8 for value in transparent)
    upright = ImageOps.exif_transpose(image)
    if upright.mode in ALPHA_MODES or transparent is not None:
        upright = _over(upright, background, done)
    if is_gray and upright.mode not in GRAY_MODES:
        colors = np.asarray(upright.convert("RGB"))
        if (colors != colors[:, :, :1]).any():
            done.add("color")
    return np.asarray(upright.convert("L" if is_gray else "RGB"))


def _over(image: Image.Image, background: tuple[int, ...], done: set[str]) -> Image.Image:
    """The image with its transparent parts over the background, if it has any."""
    without_premultiplied = {"La": "LA", "RGBa": "RGBA"}
    if image.mode in without_premultiplied:
        image = image.convert(without_premultiplied[image.mode])
    colors = image.convert("RGBA")
    if (np.asarray(colors.getchannel("A")) == LARGEST_BYTE).all():
        return image if image.mode in {"LA", "RGBA"} else colors
    done.add("alpha")
    under = Image.new("RGBA", colors.size, (*_color(background), LARGEST_BYTE))
    return Image.alpha_composite(under, colors).convert("RGB")


def _color(background: tuple[int, ...]) -> tuple[int, int, int]:
    red, green, blue = background
    return red, green, blue


def _resized(pixels: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    if pixels.dtype == np.uint8:
        image = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(image)
    # Pillow resizes floats as it does bytes, but not all of its modes of 16 bits.
    image = Image.fromarray(pixels.astype(np.float32))
    resized = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    wide: NDArray[Any] = np.rint(resized).clip(0, LARGEST_WIDE).astype(np.uint16)
    return wide


@contextmanager
def _opened(file: Path) -> Iterator[ImageFile.ImageFile]:
    """The image, not decoded yet.

    Every problem of it, also while it is decoded, is a `BrokenImageError`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # A few bytes can claim to be more pixels than there is memory.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=FORMATS) as image:
                yield image
    except UnidentifiedImageError as error:
        raise BrokenImageError(file, _unidentified(file)) from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise BrokenImageError(file, str(error)) from error
    except DAMAGE as error:
        raise BrokenImageError(file, f"cannot be read: {error}") from error


def _unidentified(file: Path) -> str:
    """The problem of a file that Pillow does not recognise as an image."""
    with file.open("rb") as content:
        start = content.read(max(map(len, SIGNATURES)))
    if not start:
        return "is empty"
    for signature, name in SIGNATURES.items():
        if start.startswith(signature):
            return f"is a {name} that is cut off or damaged"
    return f"no {', '.join(FORMATS)}, whatever its name says"
