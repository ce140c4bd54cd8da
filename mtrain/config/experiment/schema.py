"""Every setting of an experiment: its type, its range, its default and what it means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from mtrain.config.catalog.metrics import AVERAGES, METRIC_ALIASES, METRICS, better_mode
from mtrain.config.catalog.names import canonical, suggestion
from mtrain.config.experiment.adam import Adam
from mtrain.config.experiment.custom_code import (
    CUSTOM,
    KNOWN,
    KNOWN_OR_CUSTOM,
    BareLoss,
    BareModel,
    CustomCode,
    CustomMetric,
)
from mtrain.config.experiment.dataset import with_size, with_size_or_none
from mtrain.config.experiment.evaluation import DEFAULT_THRESHOLD, EvaluationConfig
from mtrain.config.experiment.gates import (
    Gates,
    Rule,
    conflicts_of_rules,
    parse_rule,
    unknown_classes,
    without_baseline,
)
from mtrain.config.experiment.losses import Auto, LossConfig
from mtrain.config.experiment.metrics import MetricConfig, Metrics
from mtrain.config.experiment.model import ModelConfig
from mtrain.config.experiment.optimizers import OptimizerConfig  # noqa: TC001 -- pydantic reads it
from mtrain.config.experiment.section import Section, Seed
from mtrain.config.experiment.sources import DigitsConfig, SourceConfig
from mtrain.config.experiment.table import TableConfig, with_fill
from mtrain.config.experiment.training import (
    BestConfig,
    CheckpointConfig,
    Diagnostics,
    TrackingConfig,
    TrainingConfig,
    with_monitor,
    with_patience,
)
from mtrain.records.rivals import RIVALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mtrain.errors import Keys

SHORT_FORMS: dict[Keys, Callable[[Any], Any]] = {
    ("dataset", "validation"): with_size_or_none,
    ("dataset", "test"): with_size,
    ("dataset", "missing"): with_fill,
    ("training", "early_stopping"): with_patience,
    ("training", "reduce_on_plateau"): with_patience,
    ("training", "save_best"): with_monitor,
}
"""Sections that can be written as one value, and the function that turns it into settings."""

# JSON Schema's \w is ASCII alone: here all that is beyond ASCII is taken for a letter.
_RUN_NAME = r"^[^\x00-/:-@\[-`{-\x7f][^\x00-\x1f!-*,/:-@\[-^`{-\x7f]{0,99}$"


def _run_name(value: str) -> str:
    if not re.fullmatch(r"[^\W_][\w.+ -]{0,99}", value):
        raise ValueError(
            f"must be a folder's name: letters, digits and . _ + - , at most 100, got {value!r}"
        )
    return value


class Config(Section):
    """What is trained, on what, how, and what is kept of it."""

    name: Annotated[
        str,
        AfterValidator(_run_name),
        WithJsonSchema({"type": ["string", "null"], "pattern": _RUN_NAME, "default": None}),
    ]
    """The run's name; null: the name of the config file, without its ending."""

    seed: Seed = 0
    """Seed of the initial weights, the order of the rows and dropout."""

    dataset: SourceConfig = DigitsConfig()
    model: Annotated[
        Annotated[ModelConfig, KNOWN] | Annotated[BareModel, CUSTOM], KNOWN_OR_CUSTOM
    ] = ModelConfig()
    optimizer: OptimizerConfig = Adam()

    loss: Annotated[Annotated[LossConfig, KNOWN] | Annotated[BareLoss, CUSTOM], KNOWN_OR_CUSTOM] = (
        Auto()
    )

    metrics: Metrics = tuple(
        MetricConfig(name=name) for name in ("accuracy", "precision", "recall", "f1")
    )
    """Figures of each epoch in the history."""

    diagnostics: Diagnostics = ("rows",)
    """Further figures of each epoch: `rows` (when each training row was learned and forgotten; a list
    without it turns that off), `activations` (mean, standard deviation and share of dead units of each
    layer), `gradients` and `weights` (their norms)."""

    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    gates: Gates = ()
    """Rules that the trained model must be shown to meet on the test split, such as `recall >= 0.8`
    (every class), `recall[Shirt] >= 0.6` or `accuracy >= baseline - 0.01`: `fit` ends by them, with
    exit status 3 if one fails and 5 if one is inconclusive. See [verdicts.md](verdicts.md)."""

    checkpoint: CheckpointConfig = CheckpointConfig()
    tracking: TrackingConfig = TrackingConfig()

    @property
    def monitors(self) -> tuple[str, ...]:
        """The scalars this run's history will have, `loss` first."""
        keys = ("loss", *(key for m in self.metrics if not m.needs_scores for key in m.keys))
        if self.dataset.validation is None:
            return keys
        return (*keys, "val_loss", *(f"val_{key}" for m in self.metrics for key in m.keys))

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The gates, parsed."""
        return tuple(map(parse_rule, self.gates))

    @property
    def custom_code(self) -> dict[Keys, CustomCode]:
        """The custom code that the config names, by where it stands."""
        metrics: dict[Keys, Any] = {("metrics", n): m for n, m in enumerate(self.metrics)}
        settings = {("model",): self.model, ("loss",): self.loss, **metrics}
        return {keys: code for keys, code in settings.items() if isinstance(code, CustomCode)}

    @property
    def monitored(self) -> dict[Keys, tuple[str, str | None]]:
        """The scalars that steer training and the mode given, None: none; by the settings' keys."""
        monitored: dict[Keys, tuple[str, str | None]] = {}
        for key in ("early_stopping", "reduce_on_plateau"):
            if (section := getattr(self.training, key)) is not None:
                monitored["training", key, "monitor"] = section.monitor, section.mode
        if self.save_best is not None:
            monitored["training", "save_best"] = self.save_best, self.save_best_mode
        return monitored

    def conflicts(self) -> Iterator[tuple[Keys, str]]:
        """Settings that cannot work together: the place of each, and the problem."""
        yield from self._wrong_modes()
        yield from self._impossible_gates()
        for keys, (monitor, _) in self.monitored.items():
            if monitor not in self.monitors:
                why = self._monitor_meant(monitor)
                if monitor.startswith("val_") and self.dataset.validation is None:
                    why = f"dataset.validation is null; {why}"
                yield keys, f"{monitor!r} is not a figure of this run; {why}"
        yield from self._impossible_choices()
        if (plateau := self.training.reduce_on_plateau) is None:
            return
        rate = self.optimizer.learning_rate
        if isinstance(rate, Section):
            problem = f"optimizer.learning_rate is {rate.name}, which alone sets the rate"
            yield ("training", "reduce_on_plateau"), problem
        elif plateau.min_learning_rate >= rate:
            problem = f"must be below optimizer.learning_rate, {rate:g}, or nothing is reduced"
            yield ("training", "reduce_on_plateau", "min_learning_rate"), problem

    def _impossible_choices(self) -> Iterator[tuple[Keys, str]]:
        """What validation is to choose and cannot."""
        evaluation, validated = self.evaluation, self.dataset.validation is not None
        if evaluation.rule is not None and not validated:
            problem = "is chosen on validation, but dataset.validation is null; a number needs none"
            yield ("evaluation", "threshold"), problem
        if evaluation.calibrate is not None and not validated:
            problem = "is chosen on validation, but dataset.validation is null"
            yield ("evaluation", "calibrate"), problem
        if evaluation.calibrate is not None and ("model",) in self.custom_code:
            problem = (
                "divides outputs before the last activation, which a custom model may not have"
            )
            yield ("evaluation", "calibrate"), problem

    def _impossible_gates(self) -> Iterator[tuple[Keys, str]]:
        """Rules that contradict others, or that `fit` cannot judge."""
        for place, problem in (*conflicts_of_rules(self.rules), *without_baseline(self.rules)):
            yield ("gates", place), problem
        for place, rule in enumerate(self.rules):
            if rule.figure == "calibration_error" and not self.evaluation.predictions:
                yield ("gates", place), f"{rule.text}: needs evaluation.predictions, which is false"
            if rule.than in RIVALS:
                for problem in self._missing_for(rule.than):
                    yield ("gates", place), f"{rule.text}: {problem}"

    def _missing_for(self, rival: str) -> Iterator[str]:
        """What a rule that names a rival needs and the config does not have."""
        rivals = self.evaluation.rivals
        if not self.evaluation.predictions:
            yield "needs evaluation.predictions, which is false"
        if rivals == "auto" and not isinstance(self.dataset, TableConfig):
            yield f"evaluation.rivals is auto, which trains {rival} beside tables alone; list it there"
        elif rivals != "auto" and rival not in rivals:
            yield f"{rival} is not in evaluation.rivals"

    def _wrong_modes(self) -> Iterator[tuple[Keys, str]]:
        """Custom metrics as monitors without a mode; others with the wrong one."""
        custom = {metric.object for metric in self.metrics if isinstance(metric, CustomMetric)}
        for keys, (monitor, mode) in self.monitored.items():
            is_custom, better = monitor.removeprefix("val_") in custom, better_mode(monitor)
            if is_custom and mode is None:
                remedy = "add mode: min or mode: max"
                if keys[-1] == "save_best":
                    remedy = f"write {{monitor: {monitor}, mode: min}}, or mode: max"
                problem = f"whether lower or higher {monitor!r} is better is not known; {remedy}"
                yield keys, problem
            elif not is_custom and monitor in self.monitors and mode not in {None, better}:
                yield keys, f"the mode of {monitor!r} is {better}, got {mode}"

    def _monitor_meant(self, monitor: str) -> str:
        """The nearest figure of this run; of a metric's averages, the macro average."""
        figure = monitor.removeprefix("val_")
        base, _, average = figure.rpartition("_")
        if average not in AVERAGES:
            base, average = figure, "macro"
        try:
            name = canonical(base, METRICS, METRIC_ALIASES)
        except ValueError:
            return suggestion(monitor, self.monitors)
        keys = (name, f"{name}_{average}", f"{name}_macro")
        near = [key for key in (*keys, *(f"val_{key}" for key in keys)) if key in self.monitors]
        if not near and name not in {metric.name for metric in self.metrics}:
            return f"{name} is not in metrics"
        if not near:
            return suggestion(monitor, self.monitors)
        alike = [key for key in near if key.startswith("val_") == monitor.startswith("val_")]
        return f"did you mean {(alike or near)[0]!r}?"

    def class_conflicts(self, classes: tuple[str, ...]) -> Iterator[tuple[Keys, str]]:
        """Settings that cannot work with these classes, as `conflicts` gives them."""
        n_classes = len(classes)
        if n_classes > self.loss.most_classes:
            problem = f"{self.loss.name} is for two classes, there are {n_classes}"
            other = self.loss.name.replace("binary", "categorical")
            yield ("loss",), f"{problem}; {other} is for more"
        if n_classes < self.loss.least_classes:
            problem = f"{self.loss.name} is for more than two classes"
            yield ("loss",), f"{problem}; two have one output, binary_crossentropy"
        if self.evaluation.threshold != DEFAULT_THRESHOLD and n_classes != 2:
            yield ("evaluation", "threshold"), f"is for two classes, there are {n_classes}"
        for keys, names in (
            (("training", "class_weight"), self.training.weighted_classes),
            (("evaluation", "require"), self.evaluation.require.classes),
        ):
            for name in names:
                if name not in classes:
                    problem = f"unknown class {name!r:.60}; {suggestion(name, classes)}"
                    yield (*keys, name), problem
        for place, problem in unknown_classes(self.rules, classes):
            yield ("gates", place), problem
        for number, metric in enumerate(self.metrics):
            if (
                isinstance(metric, MetricConfig)
                and metric.name == "top_k"
                and metric.counted_k >= n_classes
            ):
                problem = (
                    f"must be below the number of classes, {n_classes}, got {metric.counted_k}"
                )
                yield ("metrics", number, "k"), problem

    @property
    def save_best(self) -> str | None:
        """`training.save_best` with `auto` resolved."""
        best = self.training.save_best
        if isinstance(best, BestConfig):
            return best.monitor
        if best != "auto":
            return best
        return None if self.dataset.validation is None else "val_loss"

    @property
    def save_best_mode(self) -> str | None:
        """`min` or `max`, if `training.save_best` sets it."""
        best = self.training.save_best
        return best.mode if isinstance(best, BestConfig) else None
