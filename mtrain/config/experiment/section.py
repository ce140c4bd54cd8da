"""What every section of a config has in common."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Gt, Lt
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
)

from mtrain.config.catalog.meant import got
from mtrain.config.catalog.names import any_spelling, call_as_mapping, canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


Seed = Annotated[int, Ge(0), Lt(2**32)]
Positive = Annotated[float, Gt(0)]
Count = Annotated[int, Ge(1), Lt(2**31)]
CountOrZero = Annotated[int, Ge(0), Lt(2**31)]

SMALLEST_FLOAT32 = 2.0**-126
LARGEST_FLOAT32 = (2 - 2.0**-23) * 2.0**127

# YAML has lists, pydantic's strict tuples take only tuples.
ListOf = Field(strict=False)


def fits_float32(value: Any) -> Any:
    """Training computes in float32, in which 1e-50 is 0 and 1e300 infinite."""
    if not isinstance(value, float) or value == 0:
        return value
    if not SMALLEST_FLOAT32 <= abs(value) <= LARGEST_FLOAT32:
        raise ValueError(f"is out of the range of a float32, got {value!r}")
    return value


FitsFloat32 = AfterValidator(fits_float32)


class Section(BaseModel):
    """A mapping of the config: its keys are checked, its values never converted or changed."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )

    _fits_float32 = field_validator("*")(fits_float32)


class InvalidSettingError(ValueError):
    """A problem of one setting, found by a check of the section that holds it."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(problem)
        self.key = key


class NumberError(ValueError):
    """A value that is not the expected number; the message ends before the value itself.

    `kind` is the expected type, as `meant.got` takes it.
    """

    def __init__(self, expected: str, kind: str = "float_type") -> None:
        super().__init__(expected)
        self.kind = kind

    def about(self, value: Any) -> str:
        """The whole message about `value`."""
        return f"{self}{got(self.kind, value, as_written(value))}"


def named(value: Any) -> Any:
    """A bare name as `{name: ...}`, anything else as it came."""
    return {"name": value} if isinstance(value, str) else value


def section_from_name(
    value: Any, known: Iterable[str], aliases: Mapping[str, str] = MappingProxyType({})
) -> Any:
    """A bare name as `{name: ...}`, the name spelt as in `known`; anything else as it came."""
    if isinstance(value, str):
        return {"name": section_name(value, known, aliases)}
    if isinstance(value, dict) and isinstance(name := value.get("name"), str):
        try:
            return {**value, "name": section_name(name, known, aliases)}
        except ValueError as error:
            raise InvalidSettingError("name", str(error)) from None
    if isinstance(value, dict) and len(value) == 1:
        (key,) = value
        try:
            name = canonical(str(key), list(known), aliases)
        except ValueError:
            return value  # a setting of the section
        raise InvalidSettingError(
            key, f"is not a setting; write name: {name}, and its settings beside it"
        )
    return value


def section_name(name: str, known: Iterable[str], aliases: Mapping[str, str]) -> str:
    """The name spelt as in `known`; raises `ValueError`, which says how a call is written."""
    known = list(known)
    try:
        return canonical(name, known, aliases)
    except ValueError:
        if (mapping := call_as_mapping(name, known, aliases)) is None:
            raise
        raise ValueError(f"a call is written as settings; write {mapping}") from None


def known_name(
    value: Any, known: Iterable[str], aliases: Mapping[str, str] = MappingProxyType({})
) -> Any:
    """The name spelt as in `known`; a value that is not text is left to the type's check."""
    return canonical(value, known, aliases) if isinstance(value, str) else value


def none_twice(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names; raises `ValueError` for one that is there twice."""
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name} is listed twice")
    return names


def any_spelling_of(known: Iterable[str], aliases: Iterable[str] = ()) -> Any:
    """The type, for the JSON Schema, of names in any spelling."""
    return Annotated[str, WithJsonSchema(any_spelling(known, aliases))]


def known_spelling(known: Iterable[str]) -> BeforeValidator:
    """A validator that turns any spelling of a known name into that name."""
    return BeforeValidator(
        lambda name: known_name(name, known), json_schema_input_type=any_spelling_of(known)
    )


def as_written(value: Any) -> str:
    """A value as a user wrote it, cut if it is long."""
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
