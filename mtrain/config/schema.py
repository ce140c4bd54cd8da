"""Every setting of an experiment: its type, its range, its default and what it means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Le, Lt, MaxLen
from pydantic import AfterValidator, BeforeValidator, Field, model_serializer, model_validator

from mtrain.config.names import (
    ACTIVATIONS,
    AVERAGES,
    LOSSES,
    METRICS,
    RANKING_METRICS,
    RATIO_METRICS,
    suggestion,
)
from mtrain.config.optimizers import Adam, OptimizerConfig
from mtrain.config.section import Section, SettingError, known_name, named, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtrain.config.reader import Keys

# Keys of a classification report; a class of that name could not be told from them.
RESERVED_CLASSES = {"accuracy", "macro avg", "weighted avg", "micro avg", "samples avg"}

MAX_UNITS = 100_000
MAX_LAYERS = 100

Seed = Annotated[int, Ge(0), Lt(2**32)]
Count = Annotated[int, Ge(1), Lt(2**31)]
Units = Annotated[int, Ge(1), Le(MAX_UNITS)]

# YAML has lists, pydantic's strict tuples take only tuples.
ListOf = Field(strict=False)


def _size(value: Any) -> int | float:
    if type(value) is int and 1 <= value < 2**31:
        return value
    if type(value) is float and 0 < value < 1:
        return value
    raise ValueError(f"must be rows (at least 1) or a fraction (above 0, below 1), got {shown(value)}")


def _run_name(value: str) -> str:
    if not re.fullmatch(r"[^\W_][\w.+ -]{0,99}", value):
        raise ValueError(
            f"must be a folder's name: letters, digits and . _ + - , at most 100, got {value!r}"
        )
    return value


def _class_names(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(value) < 2:
        raise ValueError(f"must be at least 2 names, got {len(value)}")
    for number, name in enumerate(value):
        if name in RESERVED_CLASSES:
            raise ValueError(f"{name!r} is a key of the classification report; rename the class")
        if not name.strip():
            raise ValueError(f"the name of class {number} is empty")
        if name in value[:number]:
            raise ValueError(f"{name!r} is there twice")
    return value


def _hidden(value: Any) -> Any:
    """`30` and `500x2` as lists of units."""
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    if isinstance(value, str):
        if not (match := re.fullmatch(r"\s*(\d{1,9})\s*[x×]\s*(\d{1,9})\s*", value)):
            raise ValueError(f"must be 30, 500x2 or a list of units, got {value!r}")
        units, layers = int(match[1]), int(match[2])
        if not 1 <= layers <= MAX_LAYERS:
            raise ValueError(f"must have 1 to {MAX_LAYERS} layers, got {layers}")
        return [units] * layers
    return value


Names = Annotated[tuple[str, ...], ListOf, AfterValidator(_class_names)]


class ValidationConfig(Section):
    """Rows of the training data set apart, to be looked at after each epoch."""

    size: Annotated[int | float, BeforeValidator(_size)] = 0.2
    """Rows, or a fraction of them."""

    how: Literal["tail", "random", "stratified"] = "stratified"
    """The last rows; rows drawn by `dataset.seed`; or so drawn, each class in its proportion."""

    samples: Count | None = None
    """Only so many of these rows, drawn without replacement; null: all."""


class TestConfig(Section):
    """Rows set apart for the test, where the data brings no test split of its own."""

    __test__ = False  # no test case, whatever pytest makes of the name

    size: Annotated[int | float, BeforeValidator(_size)] = 0.2
    """Rows, or a fraction of them."""

    how: Literal["tail", "random", "stratified"] = "stratified"
    """The last rows; rows drawn by `dataset.seed`; or so drawn, each class in its proportion."""


class DatasetConfig(Section):
    """Which data, and how it is split and scaled."""

    name: Literal["digits", "mnist", "fashion_mnist"] = "digits"
    """Which data set; `digits` comes with scikit-learn."""

    path: str | None = None
    """Folder of the four IDX files of `mnist` or `fashion_mnist`; null: found or downloaded."""

    seed: Seed = 0
    """Draws splits and subsets; apart from the run's seed, so that ten seeds share one split."""

    classes: Names | None = None
    """Class names in index order; null: the data set's own."""

    scale: Literal["auto", "none", "unit", "standard"] = "auto"
    """Pixels as they are; divided by their largest possible value (255, of digits 16); or each
    to mean 0 and standard deviation 1 on the training split. auto: unit."""

    samples: Count | None = None
    """Only so many training rows, drawn without replacement; null: all."""

    validation: ValidationConfig | None = ValidationConfig()
    """Rows for validation; null: none."""

    test: TestConfig = TestConfig()
    """Rows for the test, where the data brings none."""

    @model_validator(mode="after")
    def _path_is_used(self) -> DatasetConfig:
        if self.name == "digits" and self.path is not None:
            raise SettingError("path", "digits comes with scikit-learn and takes no path")
        return self


class ModelConfig(Section):
    """Shape of the multilayer perceptron."""

    hidden: Annotated[
        tuple[Units, ...], ListOf, MaxLen(MAX_LAYERS), BeforeValidator(_hidden)
    ] = (64,)
    """Units per hidden layer, input side first: `30`, `500x2` or a list; `[]` is multinomial
    logistic regression."""

    activation: Annotated[str, BeforeValidator(lambda name: known_name(name, ACTIVATIONS))] = "relu"
    """Activation of the hidden layers, by Keras' name."""

    dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Share of each hidden layer's outputs set to zero while training."""

    batch_norm: bool = False
    """Normalise each hidden layer's inputs to its activation over the batch."""

    l2: Annotated[float, Ge(0)] = 0.0
    """This times the sum of all squared kernel weights is added to the loss."""


class LossConfig(Section):
    """What training minimises."""

    name: Annotated[
        Literal[
            "auto",
            "categorical_crossentropy",
            "sparse_categorical_crossentropy",
            "binary_crossentropy",
        ],
        BeforeValidator(lambda name: known_name(name, LOSSES)),
    ] = "auto"
    """auto: binary cross-entropy for two classes, categorical for more."""

    label_smoothing: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Share of each target spread evenly over all classes."""

    @model_validator(mode="after")
    def _smoothing_is_used(self) -> LossConfig:
        if self.label_smoothing and self.name == "sparse_categorical_crossentropy":
            raise SettingError(
                "label_smoothing",
                "sparse_categorical_crossentropy takes none; categorical_crossentropy does, of "
                "the same labels",
            )
        return self


class MetricConfig(Section):
    """A metric of the history."""

    name: Annotated[str, BeforeValidator(lambda name: known_name(name, METRICS))]
    """Its name."""

    k: Count | None = None
    """Of `top_k` alone: how many of the likeliest classes may hold the true one [5]."""

    @model_validator(mode="after")
    def _k_is_used(self) -> MetricConfig:
        if self.k is not None and self.name != "top_k":
            raise SettingError("k", f"{self.name} takes none; top_k does")
        return self

    @model_serializer
    def _short(self) -> str | dict[str, Any]:
        return self.name if self.k is None else {"name": self.name, "k": self.k}

    @property
    def keys(self) -> tuple[str, ...]:
        """Its scalars in the history: `recall_macro`, `recall_micro`, ...; or just its name."""
        if self.name in RATIO_METRICS + RANKING_METRICS:
            return tuple(f"{self.name}_{average}" for average in AVERAGES)
        return (self.name,)

    @property
    def best_k(self) -> int:
        """`k`, or its default."""
        return 5 if self.k is None else self.k

    @property
    def needs_scores(self) -> bool:
        """Whether it exists for validation and evaluation only."""
        return self.name in {*RANKING_METRICS, "log_loss"}


def _no_metric_twice(metrics: tuple[MetricConfig, ...]) -> tuple[MetricConfig, ...]:
    names = [metric.name for metric in metrics]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name} is there twice")
    return metrics


class EarlyStoppingConfig(Section):
    """Stop once a figure of the history no longer improves."""

    monitor: str = "val_loss"
    """A scalar of the history."""

    patience: Count = 5
    """Epochs without improvement after which training stops."""

    min_delta: Annotated[float, Ge(0)] = 0.0
    """A change must be larger than this to be an improvement."""


class TrainingConfig(Section):
    """How long and in which steps the model is trained."""

    epochs: Count = 20
    """Passes over the training rows."""

    batch_size: Count = 32
    """Rows a step; the last step of an epoch takes what is left."""

    shuffle: bool = True
    """A new order of the rows each epoch; else the data's own order."""

    early_stopping: EarlyStoppingConfig | None = None
    """When to stop before the last epoch; null: never."""

    save_best: str | None = "auto"
    """The scalar of the history by which the best epoch's checkpoint is kept; auto: val_loss, and
    none without validation; null: none."""

    compile: Literal["auto", "graph", "xla"] = "auto"
    """How the training loop is compiled: as stock Keras computes, bit for bit; or by XLA, faster.
    auto: by a written rule from the model's shape, the batch size and the device."""


class Config(Section):
    """An experiment."""

    name: Annotated[str, AfterValidator(_run_name)]
    """The run's name; null: the config file's, without its ending."""

    seed: Seed = 0
    """Draws initial weights, the order of the rows and dropout."""

    dataset: DatasetConfig = DatasetConfig()
    model: ModelConfig = ModelConfig()
    optimizer: OptimizerConfig = Adam()

    loss: Annotated[LossConfig, BeforeValidator(lambda value: named(value, LOSSES))] = LossConfig()

    metrics: Annotated[
        tuple[Annotated[MetricConfig, BeforeValidator(lambda value: named(value, METRICS))], ...],
        ListOf,
        AfterValidator(_no_metric_twice),
    ] = tuple(MetricConfig(name=name) for name in ("accuracy", "precision", "recall", "f1"))
    """Figures of each epoch in the history."""

    training: TrainingConfig = TrainingConfig()

    @property
    def monitors(self) -> tuple[str, ...]:
        """The scalars this run's history will have, `loss` first."""
        keys = ("loss", *(key for m in self.metrics if not m.needs_scores for key in m.keys))
        if self.dataset.validation is None:
            return keys
        return (*keys, "val_loss", *(f"val_{key}" for m in self.metrics for key in m.keys))

    def conflicts(self) -> Iterator[tuple[Keys, str]]:
        """Settings that cannot work together: where each stands, and what is wrong."""
        stopping = self.training.early_stopping
        for keys, monitor in (
            (("training", "early_stopping", "monitor"), stopping and stopping.monitor),
            (("training", "save_best"), self.save_best),
        ):
            if monitor is not None and monitor not in self.monitors:
                why = suggestion(monitor, self.monitors)
                if monitor.startswith("val_") and self.dataset.validation is None:
                    why = f"dataset.validation is null; {why}"
                yield keys, f"{monitor!r} is no figure of this run; {why}"

    def class_conflicts(self, n_classes: int) -> Iterator[tuple[Keys, str]]:
        """Settings that cannot work with so many classes, as `conflicts` gives them."""
        if self.loss.name == "binary_crossentropy" and n_classes > 2:
            problem = f"binary_crossentropy is for two classes, there are {n_classes}"
            yield ("loss",), f"{problem}; categorical_crossentropy is for more"
        if self.loss.name.endswith("categorical_crossentropy") and n_classes == 2:
            problem = f"{self.loss.name} is for more than two classes"
            yield ("loss",), f"{problem}; two have one output, binary_crossentropy"
        for number, metric in enumerate(self.metrics):
            if metric.name == "top_k" and metric.best_k >= n_classes:
                problem = f"must be below the number of classes, {n_classes}, got {metric.best_k}"
                yield ("metrics", number, "k"), problem

    @property
    def save_best(self) -> str | None:
        """`training.save_best` with `auto` resolved."""
        if self.training.save_best != "auto":
            return self.training.save_best
        return None if self.dataset.validation is None else "val_loss"
