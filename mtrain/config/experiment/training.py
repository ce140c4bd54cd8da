"""How a model is trained, and how the training is kept."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Lt, MinLen
from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from mtrain.config.catalog.meant import SWITCH
from mtrain.config.experiment.addresses import mlflow_address
from mtrain.config.experiment.section import (
    Count,
    CountOrZero,
    FitsFloat32,
    ListOf,
    NumberError,
    Section,
    as_written,
    known_spelling,
    none_twice,
)

UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}

_BYTES = r"^\s*([1-9][0-9]{0,5})\s*([KkMmGgTt][Bb])\s*$"


def read_bytes(text: str) -> int:
    """`4GB` as a number of bytes; raises `ValueError` for other text."""
    if not (match := re.fullmatch(_BYTES, text)):
        raise ValueError(f"must be a number of KB, MB, GB or TB, as in 4GB, got {text!r:.40}")
    return int(match[1]) * UNITS[match[2].upper()]


def _bytes_as_text(text: str) -> str:
    read_bytes(text)
    return text


Mode = Literal["min", "max"] | None


class EarlyStoppingConfig(Section):
    """Stop once a figure of the history no longer improves."""

    monitor: str = "val_loss"
    """A scalar of the history."""

    mode: Mode = None
    """Whether lower (`min`) or higher values (`max`) are better: required for a custom metric;
    other metrics have a fixed mode."""

    patience: Count = 5
    """Epochs without improvement after which training stops."""

    min_delta: Annotated[float, Ge(0)] = 0.0
    """Only a change larger than this is an improvement."""


def with_patience(value: Any) -> Any:
    """`5` as `{patience: 5}`, `true` as all defaults, `false` as none."""
    if isinstance(value, bool):
        return {} if value else None
    if isinstance(value, str | float):
        raise NumberError("must be true, false, a number of epochs or settings", SWITCH)
    return {"patience": value} if isinstance(value, int) else value


class PlateauConfig(Section):
    """Reduce the learning rate once a figure of the history no longer improves."""

    monitor: str = "val_loss"
    """A scalar of the history."""

    mode: Mode = None
    """As for early stopping."""

    factor: Annotated[float, Gt(0), Lt(1)] = 0.1
    """The learning rate is multiplied by this."""

    patience: Count = 10
    """Epochs without improvement after which the learning rate is reduced."""

    min_delta: Annotated[float, Ge(0)] = 0.0001
    """Only a change larger than this is an improvement."""

    cooldown: CountOrZero = 0
    """Epochs after a reduction that do not count as epochs without improvement."""

    min_learning_rate: Annotated[float, Ge(0)] = 0.0
    """The lower limit of the learning rate."""

    def reduced(self, rate: float) -> float:
        """The learning rate after `rate`."""
        return max(rate * self.factor, min(rate, self.min_learning_rate))


EarlyStopping = Annotated[
    EarlyStoppingConfig | None,
    BeforeValidator(
        with_patience, json_schema_input_type=bool | Count | EarlyStoppingConfig | None
    ),
]
ReduceOnPlateau = Annotated[
    PlateauConfig | None,
    BeforeValidator(with_patience, json_schema_input_type=bool | Count | PlateauConfig | None),
]


class BestConfig(Section):
    """The figure of the history that chooses the best epoch, with its mode."""

    monitor: str
    """A scalar of the history."""

    mode: Mode = None
    """As for early stopping."""


def with_monitor(value: Any) -> Any:
    """`val_loss` as `{monitor: val_loss}`."""
    return {"monitor": value} if isinstance(value, str) else value


def _name_or_section(value: Any) -> str:
    return "section" if isinstance(value, dict | BestConfig) else "name"


def _no_switch(value: Any) -> Any:
    if isinstance(value, bool):
        meant = "auto" if value else "null for none"
        problem = f"must be a figure of the history, got {as_written(value)}; write {meant}"
        raise ValueError(problem)  # noqa: TRY004 -- pydantic's
    return value


SaveBest = Annotated[
    Annotated[str | None, BeforeValidator(_no_switch), Tag("name")]
    | Annotated[BestConfig, Tag("section")],
    Discriminator(_name_or_section),
]


def _text_keys(value: Any) -> Any:
    """Class names as text, which keys of YAML are and those of Python, 0 and 1, need not be."""
    if not isinstance(value, dict):
        return value
    return {str(key) if type(key) is int else key: weight for key, weight in value.items()}


def _kind(value: Any) -> str:
    return "weights" if isinstance(value, dict) else "rule"


def _weights_or_rule(value: Any) -> Any:
    if value is None or isinstance(value, str | dict):
        return value
    raise ValueError(f"must be balanced, or weights by class name, got {as_written(value)}")


ClassWeight = Annotated[
    Annotated[
        dict[str, Annotated[float, Ge(0), FitsFloat32]],
        MinLen(1),
        BeforeValidator(_text_keys),
        Tag("weights"),
    ]
    | Annotated[Literal["balanced"] | None, Tag("rule")],
    Discriminator(_kind),
    BeforeValidator(_weights_or_rule),
]


class TrainingConfig(Section):
    """How long and in which steps the model is trained."""

    epochs: Count = 20
    """Passes over the training rows."""

    batch_size: Count = 32
    """Rows per step; the last step of an epoch takes the remaining rows."""

    steps_per_epoch: Count | None = None
    """Maximum number of steps per epoch, always the first ones in that epoch's order; null: all."""

    shuffle: bool = True
    """Take the rows in a new order each epoch; false: in the order of the data."""

    class_weight: ClassWeight = None
    """The weight of a class's rows in the training loss, by class name: with `{leave: 10}` all
    other classes have weight 1. `balanced` weights a class by rows / (classes * rows of the class);
    null: no class weights. The validation loss has no class weights and is often lowest after the
    first epoch; `save_best: val_recall_macro` chooses the best epoch by the recall of all
    classes."""

    early_stopping: EarlyStopping = None
    """When to stop before the last epoch: settings, just the patience, or true for all defaults;
    null: never."""

    reduce_on_plateau: ReduceOnPlateau = None
    """When to reduce the learning rate: settings, just the patience, or true for all defaults;
    null: never."""

    save_best: SaveBest = "auto"
    """The scalar of the history that chooses the best epoch, whose checkpoint is kept; auto:
    val_loss, or none without validation; null: none; for a custom metric `{monitor: val_fpr95,
    mode: min}`."""

    compile: Literal["auto", "graph", "xla"] = "auto"
    """How the training loop is compiled. graph: computes the same bits as stock Keras; xla: faster;
    auto: chosen by a fixed rule from the batch size, the device and whether the model is custom. On a CPU, `xla` is refused for
    batches of more than 8,192 rows, whose sums it rounds too much; auto takes `graph` from 4,096
    rows."""

    memory: Annotated[
        str, AfterValidator(_bytes_as_text), Field(json_schema_extra={"pattern": _BYTES})
    ] = "4GB"
    """Memory that the data may take, such as `500MB`; larger data is refused."""

    @property
    def memory_bytes(self) -> int:
        """`memory` as a number."""
        return read_bytes(self.memory)

    def rows_an_epoch(self, n_rows: int) -> int:
        """How many of `n_rows` training rows an epoch sees."""
        if self.steps_per_epoch is None:
            return n_rows
        return min(n_rows, self.steps_per_epoch * self.batch_size)

    @property
    def weighted_classes(self) -> tuple[str, ...]:
        """The class names that `class_weight` has weights for."""
        return tuple(self.class_weight) if isinstance(self.class_weight, dict) else ()


DIAGNOSTICS = ("rows", "activations", "gradients", "weights")
"""The diagnostics of a training."""

_Diagnostic = Annotated[str, known_spelling(DIAGNOSTICS)]
_ListOfDiagnostics = Annotated[tuple[_Diagnostic, ...], ListOf, AfterValidator(none_twice)]

Diagnostics = Annotated[
    _ListOfDiagnostics,
    BeforeValidator(
        lambda value: [value] if isinstance(value, str) else value,
        json_schema_input_type=_Diagnostic | _ListOfDiagnostics,
    ),
]


class TrackingConfig(Section):
    """Which other programs follow a training."""

    tensorboard: bool = False
    """Write files for TensorBoard into the run's folder `tensorboard`: every scalar of the history,
    every class's figures, the graph, the weights. Needs `mtrain[tensorboard]`."""

    mlflow: Annotated[str, MinLen(1), AfterValidator(mlflow_address)] | None = None
    """Log each epoch, the evaluation and the charts to the MLflow at this URI, as `http://localhost:5000`.
    Needs `mtrain[mlflow]`."""

    @property
    def installed(self) -> dict[str, Any]:
        """The settings of trackers that other packages bring, by name."""
        own = TrackingConfig.model_fields
        return {name: getattr(self, name) for name in type(self).model_fields if name not in own}


class CheckpointConfig(Section):
    """How often the state of training is saved, and how many checkpoints are kept."""

    every_seconds: Annotated[float, Ge(0)] = 30.0
    """A checkpoint is due after this many seconds, also within an epoch; a killed run loses about this
    much training. The end of training always saves one."""

    keep: Count = 2
    """How many of the newest checkpoints are kept, besides the best."""
