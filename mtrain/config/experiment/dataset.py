"""The settings that every source of data shares: how it is split, drawn and scaled."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from annotated_types import Gt, Lt
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from mtrain.config.experiment.section import (
    Count,
    InvalidSettingError,
    ListOf,
    NumberError,
    Section,
    Seed,
)

# Keys of a classification report; a class of that name could not be told from them.
RESERVED_CLASSES = {"accuracy", "macro avg", "weighted avg", "micro avg", "samples avg"}


def _size(value: Any) -> int | float:
    if type(value) is int and 1 <= value < 2**31:
        return value
    if type(value) is float and 0 < value < 1:
        return value
    raise NumberError("must be rows (at least 1) or a fraction (above 0, below 1)")


_Fraction = Annotated[float, Gt(0), Lt(1)]
RowsOrFraction = Annotated[
    int | float, BeforeValidator(_size, json_schema_input_type=Count | _Fraction)
]

MOST_FOLDS = 1000

_FOLD = re.compile(r" *([0-9]{1,4}) */ *([0-9]{1,4}) *")


def fold_numbers(fold: str) -> tuple[int, int]:
    """Number of a fold, from 1, and of all folds: (2, 5) for `2/5`; raises `ValueError` else."""
    if (match := _FOLD.fullmatch(fold)) is not None:
        number, folds = int(match[1]), int(match[2])
        if 1 <= number <= folds and 2 <= folds <= MOST_FOLDS:
            return number, folds
    raise NumberError(
        f"must be i/k, fold i of k, with i from 1 to k and k from 2 to {MOST_FOLDS:,}", "fold"
    )


def _fold(value: Any) -> Any:
    if value is None:
        return None
    number, folds = fold_numbers(value if isinstance(value, str) else "")
    return f"{number}/{folds}"


Fold = Annotated[
    str | None,
    BeforeValidator(
        _fold, json_schema_input_type=Annotated[str, Field(pattern=f"^{_FOLD.pattern}$")] | None
    ),
]

LONGEST_NAME = 255
"""Characters, of a class or a run."""


def class_names(value: tuple[str, ...]) -> tuple[str, ...]:
    """The names, if they are valid class names; else raises `ValueError`."""
    if len(value) < 2:
        raise ValueError(f"must be at least 2 names, got {len(value)}")
    seen = set()
    for number, name in enumerate(value):
        if len(name) > LONGEST_NAME:
            raise ValueError(f"the name of class {number} has more than {LONGEST_NAME} characters")
        if any("\ud800" <= sign <= "\udfff" for sign in name):
            raise ValueError(f"the name of class {number} is not Unicode text: {name!a}")
        if name in RESERVED_CLASSES:
            raise ValueError(f"{name!r} is a key of the classification report; rename the class")
        if not name.strip():
            raise ValueError(f"the name of class {number} is empty")
        if name in seen:
            raise ValueError(f"{name!r} is listed twice")
        seen.add(name)
    return value


_ClassName = Annotated[
    str,
    Field(
        json_schema_extra={
            "maxLength": LONGEST_NAME,
            "pattern": r"\S",
            "not": {"enum": sorted(RESERVED_CLASSES)},
        }
    ),
]
Names = Annotated[
    tuple[_ClassName, ...],
    ListOf,
    AfterValidator(class_names),
    Field(json_schema_extra={"minItems": 2, "uniqueItems": True}),
]


How = Literal["tail", "random", "stratified", "time"]


class ValidationConfig(Section):
    """Rows taken out of the training data, once, on which the model is validated after each epoch."""

    size: RowsOrFraction = 0.2
    """A number of rows, or a fraction of them."""

    how: How = "stratified"
    """tail: the last rows; random: rows drawn by `dataset.seed`; stratified: drawn, each class in
    proportion; time: the latest rows by `dataset.time`, so that nothing is learned from the future."""

    samples: Count | None = None
    """Keep this many of these rows, drawn without replacement; null: all."""


class TestConfig(Section):
    """Rows taken out of the training data, once, for the test, if the data have no test split."""

    size: RowsOrFraction = 0.2
    """A number of rows, or a fraction of them."""

    how: How = "stratified"
    """tail: the last rows; random: rows drawn by `dataset.seed`; stratified: drawn, each class in
    proportion; time: the latest rows by `dataset.time`, so that nothing is learned from the future."""


def with_size(value: Any) -> Any:
    """`0.2` as `{size: 0.2}`, `true` as all defaults."""
    if value is True:
        return {}
    if isinstance(value, str | bool):
        raise NumberError("must be rows (at least 1), a fraction (above 0, below 1) or settings")
    return {"size": value} if type(value) in {int, float} else value


def with_size_or_none(value: Any) -> Any:
    """The same, and `false` as none."""
    return None if value is False else with_size(value)


Validation = Annotated[
    ValidationConfig | None,
    BeforeValidator(
        with_size_or_none,
        json_schema_input_type=bool | RowsOrFraction | ValidationConfig | None,
    ),
]
Test = Annotated[
    TestConfig | None,
    BeforeValidator(
        with_size, json_schema_input_type=Literal[True] | RowsOrFraction | TestConfig | None
    ),
]


class DatasetConfig(Section):
    """Which data, and how it is split and scaled: the settings of every source."""

    name: str
    """The data set, or the kind of data at `path`; `digits` comes with scikit-learn."""

    seed: Seed = 0
    """Seed of splits and subsets; not the run's seed, so that runs of ten seeds share one split."""

    classes: Names | None = None
    """Class names in index order; null: the names in the data set."""

    scale: Literal["auto", "none", "unit", "standard"] = "auto"
    """none: numbers as they are; unit: divided by the largest value of a byte (255, 65,535 for gray images of 16 bits, 16 in digits);
    standard: each feature with mean 0 and standard deviation 1 on the training split; auto: unit
    for bytes, standard for other numbers."""

    samples: Count | None = None
    """Keep this many training rows, drawn without replacement; null: all."""

    validation: Validation = ValidationConfig()
    """Rows for validation, if the data has no validation split: `{size: 0.2, how: stratified}`, or
    just `0.2`; `true`: these defaults; null or `false`: none."""

    test: Test = None
    """Rows for the test, if the data has no test split, written like `validation`; null or `true`:
    {size: 0.2, how: stratified} for such data."""

    fold: Fold = None
    """Cross-validation: `2/5` takes the second of five folds as the test split, if the data have no
    test split; `test` must then be null. Each row is in exactly one fold, each class is in all folds
    in the same proportion, and `validation` is taken out of the other folds. null: no folds."""

    @model_validator(mode="after")
    def _fold_is_the_test(self) -> DatasetConfig:
        if self.fold is not None and self.test is not None:
            raise InvalidSettingError("test", f"fold {self.fold} is the test split; leave one out")
        return self

    @model_validator(mode="after")
    def _time_is_known_and_used(self) -> DatasetConfig:
        time = getattr(self, "time", None)
        drawn = {"test": self.test, "validation": self.validation}
        ordered = [key for key, of in drawn.items() if of is not None and of.how == "time"]
        if ordered and time is None:
            has_time = "time" in type(self).model_fields
            needed = "needs dataset.time" if has_time else f"is not for {self.name}"
            raise InvalidSettingError(ordered[0], f"how: time {needed}")
        if time is not None and not ordered and self.fold is None:
            problem = (
                "is not used; set how: time in dataset.test or dataset.validation, or dataset.fold"
            )
            raise InvalidSettingError("time", problem)
        return self

    @property
    def known_shape(self) -> tuple[int, int] | None:
        """Inputs and classes, if they are known without reading the data."""
        return None


class UserData(DatasetConfig):
    """The user's data: its labels name the classes."""

    test_path: str | None = None
    """The test split, if it is not in `path`; null: it is in `path`, or is split off."""

    @model_validator(mode="after")
    def _one_test_split(self) -> UserData:
        for key in ("test", "fold"):
            if self.test_path is not None and getattr(self, key) is not None:
                raise InvalidSettingError(key, "dataset.test_path names the test split")
        return self
