"""The learning-rate schedules and their parameters: Keras' names, Keras' defaults."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, MinLen
from pydantic import BeforeValidator, Discriminator, Tag, model_validator

from mtrain.config.catalog.names import choose
from mtrain.config.experiment.section import (
    Count,
    CountOrZero,
    InvalidSettingError,
    ListOf,
    NumberError,
    Positive,
    Section,
    as_written,
    section_from_name,
    section_name,
)

Part = Annotated[float, Ge(0), Le(1)]


class CosineDecay(Section):
    """Falls along half a cosine wave, after an optional linear warm-up."""

    name: Literal["CosineDecay"]
    """The schedule's name."""

    initial_learning_rate: Annotated[float, Ge(0)]
    """Step size of the first step."""

    decay_steps: Count
    """Steps until the lowest step size, without the warm-up."""

    alpha: Part = 0.0
    """Step size at the end of the decay, as a share of the highest step size."""

    warmup_target: Positive | None = None
    """Step size at the end of the warm-up; null: none."""

    warmup_steps: CountOrZero = 0
    """Steps from `initial_learning_rate` to `warmup_target`."""

    @model_validator(mode="after")
    def _warms_up_or_not(self) -> CosineDecay:
        if (self.warmup_target is None) != (self.warmup_steps == 0):
            raise ValueError("warmup_target and warmup_steps go together; set both or neither")
        if self.warmup_target is None and self.initial_learning_rate == 0:
            raise InvalidSettingError(
                "initial_learning_rate", "must be above 0 without warm-up, got 0"
            )
        return self


class CosineDecayRestarts(Section):
    """Falls along half a cosine wave again and again."""

    name: Literal["CosineDecayRestarts"]
    """The schedule's name."""

    initial_learning_rate: Positive
    """Step size of the first step."""

    first_decay_steps: Count
    """Steps of the first fall."""

    t_mul: Annotated[float, Ge(1)] = 2.0
    """Each fall takes this many times the steps of the one before."""

    m_mul: Positive = 1.0
    """Each fall begins at this many times the step size of the one before."""

    alpha: Part = 0.0
    """Step size at the end of a fall, as a share of the initial step size."""


class _Decay(Section):
    initial_learning_rate: Positive
    """Step size of the first step."""

    decay_steps: Count
    """The number of steps that `decay_rate` refers to."""

    decay_rate: Positive
    """How much the step size falls."""

    staircase: bool = False
    """Fall in jumps, every `decay_steps`."""


class ExponentialDecay(_Decay):
    """The initial rate times `decay_rate` to the power of step / `decay_steps`."""

    name: Literal["ExponentialDecay"]
    """The schedule's name."""


class InverseTimeDecay(_Decay):
    """The initial rate divided by 1 + `decay_rate` times step / `decay_steps`."""

    name: Literal["InverseTimeDecay"]
    """The schedule's name."""


class PiecewiseConstantDecay(Section):
    """One step size after the other."""

    name: Literal["PiecewiseConstantDecay"]
    """The schedule's name."""

    boundaries: Annotated[tuple[Count, ...], ListOf, MinLen(1)]
    """The last step of each step size, except the final one's, in ascending order."""

    values: Annotated[tuple[Positive, ...], ListOf]
    """The step sizes: one more than boundaries."""

    @model_validator(mode="after")
    def _values_fit_boundaries(self) -> PiecewiseConstantDecay:
        if list(self.boundaries) != sorted(set(self.boundaries)):
            raise InvalidSettingError("boundaries", f"must rise, got {list(self.boundaries)}")
        if len(self.values) != len(self.boundaries) + 1:
            raise InvalidSettingError(
                "values",
                f"must be one more than boundaries, {len(self.boundaries) + 1}, "
                f"got {len(self.values)}",
            )
        return self


class PolynomialDecay(Section):
    """Falls to `end_learning_rate` along a power of the remaining steps."""

    name: Literal["PolynomialDecay"]
    """The schedule's name."""

    initial_learning_rate: Positive
    """Step size of the first step."""

    decay_steps: Count
    """Steps until `end_learning_rate`."""

    end_learning_rate: Annotated[float, Ge(0)] = 0.0001
    """The lowest step size."""

    power: Positive = 1.0
    """1: a straight line."""

    cycle: bool = False
    """Start again after `decay_steps`, each time over more steps."""


SCHEDULES = {
    schedule.__name__: schedule
    for schedule in (
        CosineDecay,
        CosineDecayRestarts,
        ExponentialDecay,
        InverseTimeDecay,
        PiecewiseConstantDecay,
        PolynomialDecay,
    )
}


def _named_schedule(value: Any) -> Any:
    if isinstance(value, dict) and "name" not in value:
        raise InvalidSettingError("name", f"is missing; {choose(list(SCHEDULES))}")
    if isinstance(value, dict) and not isinstance(value["name"], str):
        raise InvalidSettingError("name", f"must be text, got {as_written(value['name'])}")
    if isinstance(value, str):
        if not value[:1].isalpha() or value.lower() in {"none", "auto"}:
            raise NumberError("must be a number or a schedule")
        example = f"{{name: {section_name(value, SCHEDULES, {})}, ...}}"
        raise ValueError(f"a schedule needs its parameters, {example}")  # noqa: TRY004 -- pydantic's
    return section_from_name(value, SCHEDULES)


def _kind(value: Any) -> str:
    name = value.get("name") if isinstance(value, dict) else getattr(value, "name", None)
    return name if name in SCHEDULES else "number"


LearningRate = Annotated[
    Annotated[Positive, Tag("number")]
    | Annotated[CosineDecay, Tag("CosineDecay")]
    | Annotated[CosineDecayRestarts, Tag("CosineDecayRestarts")]
    | Annotated[ExponentialDecay, Tag("ExponentialDecay")]
    | Annotated[InverseTimeDecay, Tag("InverseTimeDecay")]
    | Annotated[PiecewiseConstantDecay, Tag("PiecewiseConstantDecay")]
    | Annotated[PolynomialDecay, Tag("PolynomialDecay")],
    Discriminator(_kind),
    BeforeValidator(_named_schedule),
]
