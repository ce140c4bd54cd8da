"""How a trained model is evaluated."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Tag,
    model_serializer,
    model_validator,
)

from mtrain.config.experiment.rivals import Rivals  # noqa: TC001 -- pydantic reads it
from mtrain.config.experiment.section import InvalidSettingError, NumberError, Section
from mtrain.records.requirement import Requirement

DEFAULT_THRESHOLD = 0.5

Reached = Annotated[float, Gt(0), Le(1)]


@dataclass(frozen=True)
class ThresholdRule:
    """How a threshold is chosen on validation."""

    by: str
    """`f1`, `recall` or `precision`."""

    at_least: float | None = None
    """The recall or precision to be reached."""

    confidence: float | None = None
    """With which it is promised of new rows; None: it is only reached on validation."""

    def level(self, *epochs: int) -> float | None:
        """The share of trainings in which the promise of this epoch may be broken.

        1 / (e (e + 1)) of the whole, which all epochs together never exceed: so that any of them may
        be chosen as the best, and a run may be trained further. Of an ensemble it is the product over the
        epochs of its members, each chosen so.
        """
        if self.confidence is None:
            return None
        return (1 - self.confidence) / math.prod(e * (e + 1) for e in epochs)


class WantedConfig(Section):
    """What a threshold must reach on validation: recall or precision."""

    recall: Reached | None = None
    """Choose the highest threshold with at least this recall of the second class."""

    precision: Reached | None = None
    """Choose the lowest threshold with at least this precision of the second class."""

    confidence: Annotated[float, Gt(0), Lt(1)] | None = None
    """Promise it of new rows: only in `1 - confidence` of all trainings may the threshold fall short,
    whatever epoch is best. Takes more rows in validation."""

    @model_validator(mode="after")
    def _one_is_wanted(self) -> WantedConfig:
        if (self.recall is None) == (self.precision is None):
            raise ValueError("must be either recall or precision")
        if self.confidence is not None and 1 in {self.recall, self.precision}:
            raise ValueError("1 cannot be promised, only a value below it")
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


Required = Annotated[float, Ge(0), Lt(1)]


class ClassRequireConfig(Section):
    """What one class must be shown to reach; what is not set is as for all classes."""

    recall: Required | None = None
    """Share of its rows to be found."""

    precision: Required | None = None
    """Share of its predictions to be right."""

    @model_serializer
    def _short(self) -> dict[str, float]:
        return {key: value for key, value in self if value is not None}


class RequireConfig(Section):
    """What a class must be shown to reach to be called learned."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, ClassRequireConfig]

    recall: Required = 0.5
    """Share of a class's rows to be found; 0: none is required."""

    precision: Required = 0.5
    """Share of a class's predictions to be right; 0: none is required. Another key is the name of a
    class, with its own `recall` and `precision`: `{recall: 0.8, Shirt: {recall: 0.6}}`."""

    @model_validator(mode="before")
    @classmethod
    def _classes_are_mappings(cls, value: Any) -> Any:
        for key, setting in value.items() if isinstance(value, dict) else ():
            if key not in cls.model_fields and not isinstance(setting, dict | ClassRequireConfig):
                near = difflib.get_close_matches(str(key).lower(), cls.model_fields, n=1)
                takes = "class takes a mapping, such as {recall: 0.5}"
                meant = f"did you mean {near[0]!r}? A {takes}" if near else ""
                raise InvalidSettingError(key, meant or f"a {takes}, got {setting!r:.40}")
        return value

    @property
    def classes(self) -> dict[str, ClassRequireConfig]:
        """Classes with requirements of their own."""
        return self.__pydantic_extra__

    def of(self, name: str) -> Requirement:
        """The requirement of the class `name`."""
        own = self.classes.get(name, ClassRequireConfig())
        return Requirement(
            recall=self.recall if own.recall is None else own.recall,
            precision=self.precision if own.precision is None else own.precision,
        )


class EvaluationConfig(Section):
    """How a trained model is evaluated."""

    threshold: Threshold = DEFAULT_THRESHOLD
    """With two classes, the second is predicted if its probability is above this threshold, on
    validation and test: a number; or a rule by which the threshold is chosen on validation after
    each epoch: `f1` for the best F1, `{recall: 0.9}` or `{precision: 0.9}`, which is promised of new
    rows with `{recall: 0.9, confidence: 0.95}`; 0.5 if no threshold satisfies the rule."""

    require: RequireConfig = RequireConfig()
    """What a class must be shown to reach, beyond chance, to be called learned: see
    [verdicts.md](verdicts.md)."""

    calibrate: Literal["temperature"] | None = None
    """`temperature`: outputs are divided by a number before the softmax or sigmoid, so that probabilities
    say how often they are right; in evaluations, `predict` and exports. It is chosen on validation after
    each epoch, where it lowers the log loss of rows that did not choose it."""

    rivals: Rivals = "auto"
    """Simpler models of scikit-learn, trained on the very same rows while the network trains, and
    evaluated beside it: `[logistic, boosting]`; auto: both for tables of up to 1,000,000 rows and 1,000
    inputs, none otherwise; null: none. See [rivals.md](rivals.md)."""

    predictions: bool = True
    """Keep the class and the probabilities of every row in `predictions.npz`; with many rows and
    classes, this file is most of a run's size."""

    @property
    def number(self) -> float:
        """The threshold; if a rule chooses it, the default used until then."""
        return self.threshold if isinstance(self.threshold, float) else DEFAULT_THRESHOLD

    @property
    def rule(self) -> ThresholdRule | None:
        """How the threshold is chosen; None: a number is set."""
        if isinstance(self.threshold, float):
            return None
        if isinstance(self.threshold, str):
            return ThresholdRule(self.threshold)
        wanted = self.threshold
        if wanted.recall is not None:
            return ThresholdRule("recall", wanted.recall, wanted.confidence)
        return ThresholdRule("precision", wanted.precision, wanted.confidence)
