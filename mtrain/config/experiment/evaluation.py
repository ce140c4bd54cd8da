"""How a trained model is evaluated."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le
from pydantic import BeforeValidator, Discriminator, Tag, model_serializer, model_validator

from mtrain.config.experiment.section import NumberError, Section

DEFAULT_THRESHOLD = 0.5

Reached = Annotated[float, Gt(0), Le(1)]


class WantedConfig(Section):
    """What a threshold must reach on validation: recall or precision."""

    recall: Reached | None = None
    """Choose the highest threshold with at least this recall of the second class."""

    precision: Reached | None = None
    """Choose the lowest threshold with at least this precision of the second class."""

    @model_validator(mode="after")
    def _one_is_wanted(self) -> WantedConfig:
        if (self.recall is None) == (self.precision is None):
            raise ValueError("must be either recall or precision")
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
    """How a trained model is evaluated."""

    threshold: Threshold = DEFAULT_THRESHOLD
    """With two classes, the second is predicted if its probability is above this threshold, on
    validation and test: a number; or a rule by which the threshold is chosen on validation after
    each epoch: `f1` for the best F1, `{recall: 0.9}` or `{precision: 0.9}`; 0.5 if no threshold
    satisfies the rule."""

    predictions: bool = True
    """Keep the class and the probabilities of every row in `predictions.npz`; with many rows and
    classes, this file is most of a run's size."""

    @property
    def number(self) -> float:
        """The threshold; if a rule chooses it, the default used until then."""
        return self.threshold if isinstance(self.threshold, float) else DEFAULT_THRESHOLD

    @property
    def rule(self) -> tuple[str, float | None] | None:
        """The figure that chooses the threshold, and the value to reach; None: a number is set."""
        if isinstance(self.threshold, float):
            return None
        if isinstance(self.threshold, str):
            return self.threshold, None
        if self.threshold.recall is not None:
            return "recall", self.threshold.recall
        return "precision", self.threshold.precision
