"""The settings that every source of data shares: how it is split, drawn and scaled."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Gt, Lt
from pydantic import AfterValidator, BeforeValidator, Field

from mtrain.config.experiment.section import Count, ListOf, NumberError, Section, Seed

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

LONGEST_NAME = 255
"""Characters, of a class or a run."""


def class_names(value: tuple[str, ...]) -> tuple[str, ...]:
    """The names, if they can be those of classes; else raises `ValueError`."""
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
            raise ValueError(f"{name!r} is there twice")
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


class ValidationConfig(Section):
    """Rows of the training data set apart, to be looked at after each epoch."""

    size: RowsOrFraction = 0.2
    """Rows, or a fraction of them."""

    how: Literal["tail", "random", "stratified"] = "stratified"
    """The last rows; rows drawn by `dataset.seed`; or so drawn, each class in its proportion."""

    samples: Count | None = None
    """Only so many of these rows, drawn without replacement; null: all."""


class TestConfig(Section):
    """Rows set apart for the test, where the data brings no test split of its own."""

    size: RowsOrFraction = 0.2
    """Rows, or a fraction of them."""

    how: Literal["tail", "random", "stratified"] = "stratified"
    """The last rows; rows drawn by `dataset.seed`; or so drawn, each class in its proportion."""


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
    """Which data, and how it is split and scaled; what all sources of data have in common."""

    name: str
    """Which data set, or of what kind the data at `path` is; `digits` comes with scikit-learn."""

    seed: Seed = 0
    """Draws splits and subsets; apart from the run's seed, so that ten seeds share one split."""

    classes: Names | None = None
    """Class names in index order; null: the data set's own."""

    scale: Literal["auto", "none", "unit", "standard"] = "auto"
    """Numbers as they are; divided by the largest a byte can have (255, in digits 16); or each
    feature to mean 0 and standard deviation 1 on the training split. auto: unit for bytes,
    standard for other numbers."""

    samples: Count | None = None
    """Only so many training rows, drawn without replacement; null: all."""

    validation: Validation = ValidationConfig()
    """Rows for validation, where the data brings no such split of its own: `{size: 0.2, how:
    stratified}`, or just `0.2`; `true` is these defaults, null or `false` none."""

    test: Test = None
    """Rows for the test, where the data brings no such split of its own, written as `validation`;
    null or `true`: {size: 0.2, how: stratified} of such data."""
