"""How what was learned is evaluated."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le
from pydantic import BeforeValidator, Discriminator, Tag, model_serializer, model_validator

from mtrain.config.experiment.section import NumberError, Section

DEFAULT_THRESHOLD = 0.5

Reached = Annotated[float, Gt(0), Le(1)]


class WantedConfig(Section):
    """What a threshold must reach on validation; one of the two."""

    recall: Reached | None = None
    """The highest threshold at which this share of the second class's rows is found."""

    precision: Reached | None = None
    """The lowest threshold at which this share of the rows predicted is rightly so."""

    @model_validator(mode="after")
    def _one_is_wanted(self) -> WantedConfig:
        if (self.recall is None) == (self.precision is None):
            raise ValueError("must be recall or precision, one of the two")
        return self

    @model_serializer
    def _short(self) -> dict[str, float]:
        return {key: value for key, value in self if value is not None}


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "rule"
    return "wanted" if isinstance(value, dict | WantedConfig) else "number"


def _number_or_rule(value: Any) -> Any:
    if isinstance(value, str) and value.lower() == "f1":
        return "f1"
    if type(value) in {int, float, dict, WantedConfig}:
        return value
    raise NumberError("must be a number from 0 to 1, f1, {recall: R} or {precision: P}")


Threshold = Annotated[
    Annotated[float, Ge(0), Le(1), Tag("number")]
    | Annotated[Literal["f1"], Tag("rule")]
    | Annotated[WantedConfig, Tag("wanted")],
    Discriminator(_kind),
    BeforeValidator(_number_or_rule),
]


class EvaluationConfig(Section):
    """How what was learned is evaluated."""

    threshold: Threshold = DEFAULT_THRESHOLD
    """Of two classes, the second is predicted where its probability is above this, on validation
    and test: a number; or, chosen on validation after each epoch, `f1`, the threshold of the best
    F1, or the first to reach `{recall: 0.9}` or `{precision: 0.9}`; 0.5 where none does."""

    predictions: bool = True
    """Keep the class and the probabilities of every row in `predictions.npz`; of many rows and
    classes that is most of a run."""

    @property
    def number(self) -> float:
        """The threshold; where it is to be chosen, that in force until then."""
        return self.threshold if isinstance(self.threshold, float) else DEFAULT_THRESHOLD

    @property
    def rule(self) -> tuple[str, float | None] | None:
        """By what the threshold is chosen, and how much of it is wanted; None: it is a number."""
        if isinstance(self.threshold, float):
            return None
        if isinstance(self.threshold, str):
            return self.threshold, None
        if self.threshold.recall is not None:
            return "recall", self.threshold.recall
        return "precision", self.threshold.precision
