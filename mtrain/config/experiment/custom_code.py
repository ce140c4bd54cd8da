"""A loss, a metric or a model that is the user's custom code: `package.module:object`."""

from __future__ import annotations

import importlib.util
import math
import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from mtrain.config.catalog.metrics import AVERAGES, METRICS
from mtrain.config.catalog.names import suggestion
from mtrain.config.experiment.section import Section, named
from mtrain.errors import UsageError
from mtrain.keywords import option

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

CODE = "code"
"""The folder beside a run's config in which its custom code is kept."""

_PATTERN = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"

_FIGURES = (
    rf"({'|'.join(METRICS)})(_{'|_'.join(AVERAGES)})?|loss|learning_rate|val_.*|threshold|epoch|seconds|"
    r"(hidden|activation)_\d+_(mean|std|dead)|(gradient|weight)_norm|learned|forgotten|rows"
)
"""Names that columns of the history, or arrays of a checkpoint, have without custom code."""

_PlaceSchema = WithJsonSchema({"type": "string", "pattern": _PATTERN})


def _place(name: str) -> str:
    if not re.fullmatch(_PATTERN, name, re.ASCII) or ".py:" in name:
        raise ValueError(f"custom code is package.module:object, without .py, got {name!r}")
    return name


class CustomCode(Section):
    """Custom code by its name; all other keys are the object's parameters."""

    model_config = ConfigDict(extra="allow")

    name: Annotated[str, AfterValidator(_place), _PlaceSchema]
    """`package.module:object`, beside the config or installed."""

    @property
    def module(self) -> str:
        """`package.module`."""
        return self.name.partition(":")[0]

    @property
    def object(self) -> str:
        """The object's name in the module."""
        return self.name.partition(":")[2]

    @property
    def arguments(self) -> dict[str, Any]:
        """The parameters given to the object."""
        return dict(self.model_extra or {})

    @model_validator(mode="after")
    def _arguments_can_be_kept(self) -> CustomCode:
        if not _can_be_kept(self.arguments):
            raise ValueError(
                "its parameters must be finite numbers, whole ones of 64 bits, text, true, false, "
                "null, or lists and mappings of these"
            )
        return self


class CustomLoss(CustomCode):
    """A custom loss: a function of labels and outputs, or a `keras.losses.Loss`."""

    least_classes: ClassVar[int] = 2
    most_classes: ClassVar[float] = math.inf


class CustomMetric(CustomCode):
    """A custom metric: a function of labels and outputs, or a `keras.metrics.Metric`."""

    @field_validator("name")
    @classmethod
    def _name_is_free(cls, name: str) -> str:
        """The history names the metric by its object alone."""
        figure = name.partition(":")[2]
        if re.fullmatch(_FIGURES, figure):
            raise ValueError(f"{figure!r} is a figure of mtrain's; give the object another name")
        return name

    needs_scores: ClassVar[bool] = False

    @property
    def keys(self) -> tuple[str, ...]:
        """Its scalar in the history: the object's name."""
        return (self.object,)


class CustomModel(CustomCode):
    """A custom model: a function of the numbers of features and classes."""

    def __str__(self) -> str:
        return self.name


def _can_be_kept(value: Any) -> bool:
    """Whether a checkpoint can hold the value, and it equals itself, as NaN does not."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _can_be_kept(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(_can_be_kept, value))
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return value is None or isinstance(value, str)


def _kind(value: Any) -> str:
    """`custom` if a setting, or its name, has the colon of custom code."""
    name = value.get("name") if isinstance(value, dict) else getattr(value, "name", value)
    return "custom" if isinstance(name, str) and ":" in name else "known"


KNOWN, CUSTOM, KNOWN_OR_CUSTOM = Tag("known"), Tag("custom"), Discriminator(_kind)
"""Tags by which a setting is a section of mtrain or custom code, told apart by the name."""

BareLoss = Annotated[CustomLoss, BeforeValidator(named, Annotated[str, _PlaceSchema] | CustomLoss)]
BareMetric = Annotated[
    CustomMetric, BeforeValidator(named, Annotated[str, _PlaceSchema] | CustomMetric)
]
BareModel = Annotated[
    CustomModel, BeforeValidator(named, Annotated[str, _PlaceSchema] | CustomModel)
]


def missing_module(code: CustomCode, folder: Path) -> str | None:
    """The problem if no module of this name exists; nothing is imported."""
    top = code.module.partition(".")[0]
    beside = [name for place in code_folders(folder) for name in _modules(place)]
    if top in beside:
        return None
    try:
        if importlib.util.find_spec(top) is not None:
            return None
    except ValueError:  # of a module that has none, such as __main__
        pass
    hint = suggestion(top, beside) if beside else "there is no .py file"
    return f"no module {top!r} is beside the config or installed; {hint}"


def code_folders(folder: Path) -> tuple[Path, ...]:
    """The folders searched first for custom code: the config's, and a run's own."""
    return folder, folder / CODE


def refuse_code(codes: Iterable[CustomCode], where: Path, *, allowed: bool) -> None:
    """Raise `UsageError` for custom code of a run or checkpoint, unless importing it is allowed."""
    names = ", ".join(code.name for code in codes)
    if names and not allowed:
        raise UsageError(
            f"has custom code, {names}, which runs when it is imported",
            remedy=f"{option('allow-code')} allows that",
            where=where,
        )


def _modules(folder: Path) -> Iterator[str]:
    """Names of modules and packages in a folder."""
    for path in sorted(folder.glob("*.py")):
        yield path.stem
    for path in sorted(folder.glob("*/__init__.py")):
        yield path.parent.name
