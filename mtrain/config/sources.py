"""The sources that data can come from, each with the settings that it alone has."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from mtrain.config.dataset import DatasetConfig, TestConfig
from mtrain.config.section import InvalidSettingError, ListOf, named, shown

ColumnNames = Annotated[tuple[str, ...], ListOf, Field(json_schema_extra={"uniqueItems": True})]

LARGEST_SIDE = 10_000
"""Pixels, of an image."""

Pixels = Annotated[int, Ge(1), Le(LARGEST_SIDE)]


def _height_and_width(value: Any) -> Any:
    if value is None:
        return value
    sides = value if isinstance(value, list | tuple) else (value, value)
    if len(sides) == 2 and all(type(n) is int and 1 <= n <= LARGEST_SIDE for n in sides):
        return tuple(sides)
    raise ValueError(
        f"must be pixels (1 to {LARGEST_SIDE:,}), or a list of height and width, got {shown(value)}"
    )


HeightAndWidth = Annotated[
    tuple[int, int] | None,
    BeforeValidator(
        _height_and_width, json_schema_input_type=Pixels | tuple[Pixels, Pixels] | None
    ),
]


class DigitsConfig(DatasetConfig):
    """scikit-learn's 1,797 handwritten digits."""

    name: Literal["digits"] = "digits"


class KnownData(DatasetConfig):
    """A data set that everyone knows, with its classes and its test split."""

    path: str | None = None
    """Folder of the four IDX files; null: found on this machine, or downloaded."""

    test: Annotated[TestConfig | None, WithJsonSchema({"type": "null"})] = None
    """Null: there is a test split."""

    @model_validator(mode="after")
    def _test_is_not_split_off(self) -> KnownData:
        if self.test is not None:
            raise InvalidSettingError("test", f"{self.name} brings a test split of its own")
        return self


class MnistConfig(KnownData):
    """60,000 and 10,000 handwritten digits."""

    name: Literal["mnist"] = "mnist"


class FashionMnistConfig(KnownData):
    """60,000 and 10,000 pictures of clothes."""

    name: Literal["fashion_mnist"] = "fashion_mnist"


class OwnData(DatasetConfig):
    """Data of the user's own: classes are what its labels say."""

    test_path: str | None = None
    """The test split, where it is not in `path`; null: it is, or is split off."""

    @model_validator(mode="after")
    def _one_test_split(self) -> OwnData:
        if self.test_path is not None and self.test is not None:
            raise InvalidSettingError("test", "dataset.test_path names the test split")
        return self


class IdxConfig(OwnData):
    """A folder of IDX files, as MNIST's: `train-images-idx3-ubyte` and its like."""

    name: Literal["idx"] = "idx"

    path: str
    """The folder; its two files of the test split (`t10k-...`) may be missing."""


class NpzConfig(OwnData):
    """Arrays in a NumPy file.

    `x_train` and `y_train`, as well as `x_val`, `y_val`, `x_test` and `y_test`; or `x` and `y`.
    """

    name: Literal["npz"] = "npz"

    path: str
    """The file."""

    weights: str | None = None
    """The arrays `<weights>_train`, `<weights>_val`, ... (or `<weights>`) say what each row counts
    in the loss and in weighted figures; null: all the same."""


class ImagesConfig(OwnData):
    """A folder of PNG, JPEG or BMP images, one folder a class.

    Or folders `train`, `val` and `test` of such folders.
    """

    name: Literal["images"] = "images"

    path: str
    """The folder."""

    size: HeightAndWidth = None
    """Height and width to which images are brought: `28` or `[28, 32]`; null: all have one size."""

    color: Literal["gray", "rgb"] = "rgb"
    """One number a pixel, or three."""


class TableConfig(OwnData):
    """Rows of named columns."""

    path: str
    """A file, a folder of such files, or a pattern, as in `rows/*.csv`."""

    target: str
    """The column of the labels: text or whole numbers."""

    features: ColumnNames | None = None
    """The columns to learn from; null: all but `target` and `weights`."""

    categorical: ColumnNames = ()
    """Columns of which each value is a category, though it looks like a number. Text and true or
    false always are; each category seen in training is an input of its own."""

    missing: Literal["mean", "median", "zero", "drop"] | None = None
    """What stands for a missing number: mean or median of the training split, or zero; a missing
    category is none of the known ones. drop: such rows are left out. null: they are an error."""

    weights: str | None = None
    """The column that says what each row counts in the loss and in weighted figures; null: all
    the same."""

    scale: Literal["auto", "none", "standard"] = "auto"
    """Numbers as they are; or each column to mean 0 and standard deviation 1 on the training
    split. auto: standard. Categories are 0 or 1."""

    @model_validator(mode="after")
    def _columns_have_one_use(self) -> TableConfig:
        if self.features == ():
            raise InvalidSettingError("features", "must name a column; null is all of them")
        uses = {
            "weights": (self.weights,),
            "features": self.features or (),
            "categorical": self.categorical,
        }
        for key, columns in uses.items():
            if self.target in columns:
                raise InvalidSettingError(key, f"{self.target!r} is dataset.target already")
        for key in ("features", "categorical"):
            columns = uses[key]
            if self.weights is not None and self.weights in columns:
                raise InvalidSettingError(key, f"{self.weights!r} is dataset.weights already")
            if twice := [column for column in columns if columns.count(column) > 1]:
                raise InvalidSettingError(key, f"{twice[0]!r} is there twice")
        if self.features is not None:
            for column in self.categorical:
                if column not in self.features:
                    raise InvalidSettingError("categorical", f"{column!r} is none of the features")
        return self


class CsvConfig(TableConfig):
    """Text of rows of values between commas (or semicolons, or tabs), names in the first."""

    name: Literal["csv"] = "csv"


class ParquetConfig(TableConfig):
    """Apache Parquet files."""

    name: Literal["parquet"] = "parquet"


SOURCES: dict[str, type[DatasetConfig]] = {
    "digits": DigitsConfig,
    "mnist": MnistConfig,
    "fashion_mnist": FashionMnistConfig,
    "csv": CsvConfig,
    "parquet": ParquetConfig,
    "npz": NpzConfig,
    "idx": IdxConfig,
    "images": ImagesConfig,
}

PATHS = ("path", "test_path")
"""Settings of a data set that name places."""


def _named_source(value: Any) -> Any:
    """Settings without a name are those of the default data set."""
    value = named(value, SOURCES)
    return {"name": "digits", **value} if isinstance(value, dict) else value


SourceConfig = Annotated[
    DigitsConfig
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
