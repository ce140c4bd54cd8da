"""The sources of data, each with its particular settings."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from mtrain.config.catalog.endings import kind_by_ending
from mtrain.config.catalog.names import canonical
from mtrain.config.catalog.writer import dump_inline
from mtrain.config.experiment.dataset import DatasetConfig, Fold, Test, UserData
from mtrain.config.experiment.section import (
    Count,
    InvalidSettingError,
    ListOf,
    NumberError,
    Positive,
    any_spelling_of,
    section_from_name,
)
from mtrain.config.experiment.table import TABLES, CsvConfig, ParquetConfig

LARGEST_SIDE = 10_000
"""Pixels, of an image."""

Pixels = Annotated[int, Ge(1), Le(LARGEST_SIDE)]


def _height_and_width(value: Any) -> Any:
    if value is None:
        return value
    sides = value if isinstance(value, list | tuple) else (value, value)
    if len(sides) == 2 and all(type(n) is int and 1 <= n <= LARGEST_SIDE for n in sides):
        return tuple(sides)
    raise NumberError(f"must be pixels (1 to {LARGEST_SIDE:,}), or a list of height and width")


COLORS = {"white": (255, 255, 255), "black": (0, 0, 0)}
LARGEST_BYTE = 255


def _red_green_blue(value: Any) -> Any:
    """`white`, `black`, or one number for gray as three."""
    parts = value if isinstance(value, list | tuple) else (value, value, value)
    if isinstance(value, str):
        with suppress(ValueError):
            parts = COLORS[canonical(value, COLORS)]
    if len(parts) == 3 and all(type(n) is int and 0 <= n <= LARGEST_BYTE for n in parts):
        return tuple(parts)
    raise NumberError("must be white, black, a gray (0 to 255), or a list of red, green and blue")


_Byte = Annotated[int, Ge(0), Le(LARGEST_BYTE)]
_ColorName = any_spelling_of(COLORS)
Color = Annotated[
    tuple[int, int, int],
    BeforeValidator(
        _red_green_blue, json_schema_input_type=_ColorName | _Byte | tuple[_Byte, _Byte, _Byte]
    ),
]

HeightAndWidth = Annotated[
    tuple[int, int] | None,
    BeforeValidator(
        _height_and_width, json_schema_input_type=Pixels | tuple[Pixels, Pixels] | None
    ),
]


class DigitsConfig(DatasetConfig):
    """scikit-learn's 1,797 handwritten digits."""

    name: Literal["digits"] = "digits"

    @property
    def known_shape(self) -> tuple[int, int]:
        """8 x 8 pixels, ten digits."""
        return 8 * 8, 10


class SyntheticConfig(DatasetConfig):
    """Points that scikit-learn's `make_classification` draws by `dataset.seed`."""

    name: Literal["synthetic"] = "synthetic"

    rows: Annotated[int, Ge(2), Le(10**8)] = 1000
    """Number of rows."""

    features: Annotated[int, Ge(1), Le(10**5)] = 20
    """Features per row."""

    informative: Count | None = None
    """Features that tell classes apart; the others are noise. null: the fewest
    with 2 ** informative >= n_classes, so that each class has a corner of the hypercube."""

    n_classes: Annotated[int, Ge(2), Le(10_000)] = 2
    """Classes, each a cluster."""

    shares: Annotated[tuple[Positive, ...], ListOf] | None = None
    """Share of the rows in each class, adding up to 1; null: equal shares."""

    label_noise: Annotated[float, Ge(0), Le(1)] = 0.0
    """Share of the rows whose class is redrawn from all classes."""

    separation: Positive = 1.0
    """Half the distance between the clusters."""

    @property
    def known_shape(self) -> tuple[int, int]:
        """As the settings say."""
        return self.features, self.n_classes

    @property
    def informative_features(self) -> int:
        """`informative`, or its default."""
        return self.informative or self._fewest

    @property
    def _fewest(self) -> int:
        """Features of a hypercube with a corner for each class."""
        return max(1, math.ceil(math.log2(self.n_classes)))

    @model_validator(mode="after")
    def _can_be_drawn(self) -> SyntheticConfig:
        if not self._fewest <= self.informative_features <= self.features:
            needed = f"{self.n_classes} classes need {self._fewest}"
            if self.informative is None:
                raise InvalidSettingError("features", f"{needed}, got {self.features}")
            problem = f"{needed}, and there are {self.features} features, got {self.informative}"
            raise InvalidSettingError("informative", problem)
        if self.shares is None:
            return self
        if len(self.shares) != self.n_classes:
            problem = f"must be one a class, {self.n_classes}, got {len(self.shares)}"
            raise InvalidSettingError("shares", problem)
        if not math.isclose(total := math.fsum(self.shares), 1, rel_tol=1e-6):
            raise InvalidSettingError("shares", f"must add up to 1, got {total:g}")
        return self


class KnownData(DatasetConfig):
    """A well-known data set with its classes and its test split."""

    path: str | None = None
    """Folder of the four IDX files; null: found on this machine, or downloaded."""

    test: Annotated[Test, WithJsonSchema({"type": "null"})] = None
    """Null: the data set has a test split."""

    fold: Annotated[Fold, WithJsonSchema({"type": "null"})] = None
    """Null: the data set has a test split."""

    @property
    def known_shape(self) -> tuple[int, int] | None:
        """28 x 28 pixels and ten classes, unless the files at `path` have others."""
        return (28 * 28, 10) if self.path is None else None

    @model_validator(mode="after")
    def _test_is_not_split_off(self) -> KnownData:
        for key in ("test", "fold"):
            if getattr(self, key) is not None:
                raise InvalidSettingError(key, f"{self.name} has a test split")
        return self


class MnistConfig(KnownData):
    """60,000 and 10,000 handwritten digits."""

    name: Literal["mnist"] = "mnist"


class FashionMnistConfig(KnownData):
    """60,000 and 10,000 pictures of clothes."""

    name: Literal["fashion_mnist"] = "fashion_mnist"


Offset = Annotated[int, Ge(0), Le(10**6)]


class IdxConfig(UserData):
    """A folder of IDX files like MNIST's: `train-images-idx3-ubyte`, `train-images.idx3-ubyte`."""

    name: Literal["idx"] = "idx"

    path: str
    """The folder; its two files of the test split (`t10k-...`) may be missing."""

    offset: Offset = 0
    """The smallest label, which is the first class's: 1 if labels are 1, 2, 3, ..., as in EMNIST's
    letters."""


class NpzConfig(UserData):
    """Arrays in a NumPy file.

    `x_train` and `y_train`, as well as `x_val`, `y_val`, `x_test` and `y_test`; or `x` and `y`; or
    `train_images`, `train_labels`, .... Labels are numbers or text.
    """

    name: Literal["npz"] = "npz"

    path: str
    """The file."""

    offset: Offset = 0
    """The smallest label, which is the first class's: 1 if labels are 1, 2, 3, ...."""

    weights: str | None = None
    """The arrays `<weights>_train`, `<weights>_val`, ... (or `<weights>`) hold the weight of each
    row in the loss and in weighted figures; null: all rows weigh the same."""

    groups: str | None = None
    """The arrays `<groups>_train`, `<groups>_val`, ... (or `<groups>`) hold what each row belongs to,
    such as a patient: rows of one value are never parted between splits, and intervals,
    verdicts, comparisons and gates count groups. null: each row stands alone."""

    time: str | None = None
    """The array `<time>_train` (or `<time>`) holds each row's time, in numbers, dates or texts such as
    `2024-05-31 12:30`, for `how: time`; with it, a `fold` tests rows later than those it trains on.
    null: rows have no time."""


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}, got {value!r:.60}") from error
    return value


Pattern = Annotated[str, AfterValidator(_pattern), Field(json_schema_extra={"format": "regex"})]


class ImagesConfig(UserData):
    """A folder of PNG, JPEG, BMP, WebP, GIF or TIFF images, one folder a class.

    Or folders `train`, `val` and `test` of such folders, by these or other usual names.
    """

    name: Literal["images"] = "images"

    path: str
    """The folder."""

    size: HeightAndWidth = None
    """Height and width to which images are resized: `28` or `[28, 32]`; null: all images have one
    size."""

    groups: Pattern | None = None
    """What an image belongs to, such as a patient, as a regular expression that is searched in its
    file's name: the first group in parentheses, or all that it matches (`"^p[0-9]+"`). Images of one
    group are never parted between splits, and intervals, verdicts, comparisons and gates count
    groups. null: each image stands alone."""

    time: Pattern | None = None
    """An image's time, found in its name in the same way: a number, a date or a time such as
    `2024-05-31`, for `how: time`; with it, a `fold` tests images later than those it trains on. null:
    images have no time."""

    color: Literal["gray", "rgb"] = "rgb"
    """gray: one number per pixel; rgb: three."""

    background: Color = COLORS["white"]
    """The background of transparent pixels: `white`, `black`, a gray from 0 to 255, or a list of
    red, green and blue."""


SOURCES: dict[str, type[DatasetConfig]] = {
    "digits": DigitsConfig,
    "synthetic": SyntheticConfig,
    "mnist": MnistConfig,
    "fashion_mnist": FashionMnistConfig,
    "csv": CsvConfig,
    "parquet": ParquetConfig,
    "npz": NpzConfig,
    "idx": IdxConfig,
    "images": ImagesConfig,
}

PATHS = ("path", "val_path", "test_path")
"""Settings of a data set that hold paths."""


def _named_source(value: Any) -> Any:
    """Settings without a name are those of the default data set, which has no path."""
    if isinstance(value, str) and (name := kind_by_ending(value)) is not None:
        settings = {"name": name, "path": value}
        if name in TABLES:
            settings["target"] = "COLUMN"
        raise ValueError(f"a data set is a section; write {dump_inline(settings)}")
    value = section_from_name(value, SOURCES)
    if isinstance(value, dict) and "name" not in value and "path" in value:
        name = kind_by_ending(str(value["path"]))
        known = ", ".join(name for name, kind in SOURCES.items() if "path" in kind.model_fields)
        remedy = f"write name: {name}" if name else f"choose one of {known}"
        raise InvalidSettingError("name", f"is missing; {remedy}")
    return {"name": "digits", **value} if isinstance(value, dict) else value


SourceConfig = Annotated[
    DigitsConfig
    | SyntheticConfig
    | MnistConfig
    | FashionMnistConfig
    | CsvConfig
    | ParquetConfig
    | NpzConfig
    | IdxConfig
    | ImagesConfig,
    Field(discriminator="name"),
    BeforeValidator(_named_source),
]
