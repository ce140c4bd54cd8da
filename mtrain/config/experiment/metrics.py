"""The metrics section: the figures of each epoch in the history."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, model_serializer, model_validator

from mtrain.config.catalog.metrics import (
    AVERAGES,
    BY_NAME,
    METRIC_ALIASES,
    METRICS,
    NO_METRICS,
)
from mtrain.config.catalog.setting_names import letters
from mtrain.config.experiment.custom_code import (
    CUSTOM,
    KNOWN,
    KNOWN_OR_CUSTOM,
    BareMetric,
    CustomMetric,
)
from mtrain.config.experiment.section import (
    Count,
    InvalidSettingError,
    ListOf,
    Section,
    any_spelling_of,
    as_written,
    section_name,
)


def _metric_name(name: Any) -> Any:
    """The metric's name in mtrain; the names in scikit-learn and Keras are accepted, too."""
    if not isinstance(name, str):
        return name  # left to the type's check
    for known, why in NO_METRICS.items():
        if letters(name) == letters(known):
            raise ValueError(f"{known} {why}")
    return section_name(name, METRICS, METRIC_ALIASES)


_Spelling = any_spelling_of(METRICS, METRIC_ALIASES)


def _named_metric(value: Any) -> Any:
    return {"name": _metric_name(value)} if isinstance(value, str) else value


class MetricConfig(Section):
    """A metric of the history."""

    name: Annotated[str, BeforeValidator(_metric_name, json_schema_input_type=_Spelling)]
    """The metric's name."""

    k: Count | None = None
    """For `top_k` only: how many of the most probable classes may include the true one [5]."""

    @model_validator(mode="after")
    def _k_is_used(self) -> MetricConfig:
        if self.k is not None and self.name != "top_k":
            raise InvalidSettingError("k", f"{self.name} takes no k; only top_k does")
        return self

    @model_serializer
    def _short(self) -> str | dict[str, Any]:
        return self.name if self.k is None else {"name": self.name, "k": self.k}

    @property
    def keys(self) -> tuple[str, ...]:
        """Its scalars in the history: `recall_macro`, `recall_micro`, ...; or just its name."""
        if BY_NAME[self.name].is_averaged:
            return tuple(f"{self.name}_{average}" for average in AVERAGES)
        return (self.name,)

    @property
    def counted_k(self) -> int:
        """`k`, or its default."""
        return 5 if self.k is None else self.k

    @property
    def needs_scores(self) -> bool:
        """Whether it exists for validation and evaluation only."""
        return not BY_NAME[self.name].source.is_of_training


AnyMetric = MetricConfig | CustomMetric


def _no_metric_twice(metrics: tuple[AnyMetric, ...]) -> tuple[AnyMetric, ...]:
    by_key: dict[str, str] = {}
    for metric in metrics:
        if (other := by_key.get(metric.keys[0])) == metric.name:
            raise ValueError(f"{metric.name} is listed twice; its other names count as well")
        if other is not None:
            raise ValueError(f"{other} and {metric.name} would both be {metric.keys[0]}")
        by_key[metric.keys[0]] = metric.name
    return metrics


_Known = Annotated[
    MetricConfig, BeforeValidator(_named_metric, json_schema_input_type=_Spelling | MetricConfig)
]

_Metric = Annotated[Annotated[_Known, KNOWN] | Annotated[BareMetric, CUSTOM], KNOWN_OR_CUSTOM]
_Listed = Annotated[tuple[_Metric, ...], ListOf, AfterValidator(_no_metric_twice)]


def _as_list(value: Any) -> Any:
    """`accuracy` as `[accuracy]`."""
    if isinstance(value, str) and "," in value and "(" not in value:
        raise ValueError(f"must be a list, got {as_written(value)}; write [{value}]")
    return [value] if isinstance(value, str | dict) else value


Metrics = Annotated[_Listed, BeforeValidator(_as_list, json_schema_input_type=_Metric | _Listed)]
