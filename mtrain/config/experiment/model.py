"""The settings of the multilayer perceptron."""

from __future__ import annotations

import itertools
import re
from typing import Annotated, Any

from annotated_types import Ge, Le, Lt, MaxLen
from pydantic import BeforeValidator, WithJsonSchema, model_validator

from mtrain.config.catalog.meant import layers_meant
from mtrain.config.catalog.names import ACTIVATIONS
from mtrain.config.experiment.section import (
    InvalidSettingError,
    ListOf,
    NumberError,
    Section,
    as_written,
    known_spelling,
)

MAX_UNITS = 100_000
MAX_LAYERS = 100

Units = Annotated[int, Ge(1), Le(MAX_UNITS)]

_UNITS_BY_LAYERS = r"^\s*0*([1-9][0-9]{0,4}|100000)\s*x\s*0*([1-9][0-9]?|100)\s*$"
_UNITS_AND_LAYERS = r"\s*(\d{1,9})\s*x\s*(\d{1,9})\s*"

_EXPECTED = "must be 30, 500x2 or a list of units"


def _hidden(value: Any) -> Any:
    """`30` and `500x2` as lists of units."""
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    if isinstance(value, str) and (match := re.fullmatch(_UNITS_AND_LAYERS, value)):
        units, layers = int(match[1]), int(match[2])
        if not 1 <= layers <= MAX_LAYERS:
            turned = f"; write {layers}x{units}" if 1 <= units <= MAX_LAYERS < layers else ""
            raise ValueError(f"must have 1 to {MAX_LAYERS} layers, got {layers}{turned}")
        return [units] * layers
    if value is None or str(value).lower() == "none":
        raise ValueError(f"{_EXPECTED}, got {as_written(value)}; write [] for none")
    if not isinstance(value, str | list | tuple | dict):
        raise NumberError(_EXPECTED, "int_type")
    given = value if isinstance(value, list | tuple) else [value]
    if any(isinstance(units, str) for units in given):
        if (meant := layers_meant(value)) in {None, value if isinstance(value, str) else None}:
            raise NumberError(_EXPECTED)
        raise ValueError(f"{_EXPECTED}, got {as_written(value)}; write {meant}")
    return value


_HiddenInput = (
    Units
    | Annotated[str, WithJsonSchema({"type": "string", "pattern": _UNITS_BY_LAYERS})]
    | Annotated[tuple[Units, ...], MaxLen(MAX_LAYERS)]
)

HiddenLayers = Annotated[
    tuple[Units, ...],
    ListOf,
    MaxLen(MAX_LAYERS),
    BeforeValidator(_hidden, json_schema_input_type=_HiddenInput),
]


class ModelConfig(Section):
    """Shape of the multilayer perceptron."""

    hidden: HiddenLayers = (64,)
    """Units per hidden layer, input side first: `30`, `500x2` or a list; `[]` is multinomial
    logistic regression."""

    activation: Annotated[str, known_spelling(ACTIVATIONS)] = "relu"
    """Activation of the hidden layers, by Keras' name."""

    dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Share of each hidden layer's outputs set to zero while training."""

    batch_norm: bool = False
    """Batch normalisation before the activation of each hidden layer."""

    l2: Annotated[float, Ge(0)] = 0.0
    """Factor of the sum of all squared kernel weights, which is added to the loss."""

    activity: Annotated[float, Ge(0)] = 0.0
    """Factor of the sum of a row's absolute hidden outputs, averaged over the batch, which is added
    to the loss: Keras' L1 activity regularizer of every hidden layer."""

    def sizes(self, n_features: int, n_classes: int) -> tuple[int, ...]:
        """Units of each layer, the inputs first."""
        return (n_features, *self.hidden, 1 if n_classes == 2 else n_classes)

    def parameters(self, n_features: int, n_classes: int) -> int:
        """How many weights a model of this shape has, as Keras counts them."""
        sizes = self.sizes(n_features, n_classes)
        dense = sum((inputs + 1) * units for inputs, units in itertools.pairwise(sizes))
        return dense + (4 * sum(self.hidden) if self.batch_norm else 0)

    def __str__(self) -> str:
        """The hidden layers as a config may have them: `30`, `500x2`, `500,250`."""
        if len(self.hidden) > 1 and len(set(self.hidden)) == 1:
            return f"{self.hidden[0]}x{len(self.hidden)}"
        return ",".join(map(str, self.hidden)) or "none"

    @model_validator(mode="before")
    @classmethod
    def _is_no_bare_shape(cls, value: Any) -> Any:
        if isinstance(value, str | int | list) and (meant := layers_meant(value)) is not None:
            raise ValueError(
                f"must be a mapping of settings, got {as_written(value)}; write {{hidden: {meant}}}"
            )
        hidden = value.get("hidden") if isinstance(value, dict) else None
        if isinstance(hidden, str) and hidden.startswith("(") and ")" not in hidden:
            # Within {} the comma ended the value: what follows it is no setting of the user's.
            raise InvalidSettingError(
                "hidden",
                f"{_EXPECTED}, got {as_written(hidden)}; write a list in square brackets",
            )
        return value

    @model_validator(mode="after")
    def _nothing_is_ignored(self) -> ModelConfig:
        if not self.hidden:
            for key in ("activation", "dropout", "batch_norm", "activity"):
                if getattr(self, key) != type(self).model_fields[key].default:
                    raise InvalidSettingError(key, "needs a hidden layer; model.hidden is empty")
        return self
