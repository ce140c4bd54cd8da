"""The optimizers and their parameters: Keras' names, Keras' defaults."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Lt
from pydantic import BeforeValidator, Field, model_validator

from mtrain.config.schedules import LearningRate  # noqa: TC001 -- pydantic reads it
from mtrain.config.section import Positive, Section, named

Share = Annotated[float, Ge(0), Lt(1)]


class _Optimizer(Section):
    name: str
    """The optimizer's name."""

    learning_rate: LearningRate = 0.001
    """Step size, or a schedule that sets it step by step."""

    weight_decay: Annotated[float, Ge(0)] | None = None
    """Each step takes this times the learning rate off every weight; null: none."""

    clipnorm: Positive | None = None
    """Largest norm of each variable's gradient; null: no limit."""

    clipvalue: Positive | None = None
    """Largest absolute value of any gradient; null: no limit."""

    global_clipnorm: Positive | None = None
    """Largest norm of all gradients together; null: no limit."""

    @property
    def slots(self) -> int:
        """How many numbers it remembers of each parameter."""
        return 0

    @model_validator(mode="after")
    def _one_clipping(self) -> _Optimizer:
        chosen = [
            name
            for name in ("clipnorm", "clipvalue", "global_clipnorm")
            if getattr(self, name) is not None
        ]
        if len(chosen) > 1:
            raise ValueError(f"{' and '.join(chosen)} exclude each other; keep one")
        return self


class SGD(_Optimizer):
    """Gradient descent, with momentum where it is set."""

    name: Literal["sgd"] = "sgd"

    learning_rate: LearningRate = 0.01
    """Step size, or a schedule that sets it step by step."""

    momentum: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Share of the previous step that is taken again."""

    nesterov: bool = False
    """Nesterov's momentum: the gradient is that of the point ahead."""

    @property
    def slots(self) -> int:
        """The running mean of steps, where there is momentum."""
        return int(self.momentum > 0)

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> SGD:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0, got momentum 0")
        return self


class RMSprop(_Optimizer):
    """Steps divided by a running mean of the gradients' size."""

    name: Literal["rmsprop"] = "rmsprop"

    rho: Share = 0.9
    """Decay of the running mean of squared gradients."""

    momentum: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Share of the previous step that is taken again."""

    epsilon: Positive = 1e-7
    """Added to the denominator, against division by zero."""

    centered: bool = False
    """Divide by the gradients' estimated variance instead of their uncentred second moment."""

    @property
    def slots(self) -> int:
        """Running means of squared gradients, of gradients, of steps."""
        return 1 + int(self.momentum > 0) + int(self.centered)


class _AdaptiveMoments(_Optimizer):
    beta_1: Share = 0.9
    """Decay of the running mean of gradients."""

    beta_2: Share = 0.999
    """Decay of the running mean of squared gradients."""

    epsilon: Positive = 1e-7
    """Added to the denominator, against division by zero."""

    amsgrad: bool = False
    """Divide by the largest running mean so far."""

    @property
    def slots(self) -> int:
        """Running means of gradients and of their squares, and the largest of these."""
        return 2 + int(self.amsgrad)


class Adam(_AdaptiveMoments):
    """Adaptive moment estimation."""

    name: Literal["adam"] = "adam"


class AdamW(_AdaptiveMoments):
    """Adam with decoupled weight decay."""

    name: Literal["adamw"] = "adamw"

    weight_decay: Annotated[float, Ge(0)] = 0.004
    """Each step takes this times the learning rate off every weight."""


OPTIMIZERS = {"sgd": SGD, "rmsprop": RMSprop, "adam": Adam, "adamw": AdamW}


def _named_optimizer(value: Any) -> Any:
    """Parameters without a name are those of the default optimizer."""
    value = named(value, OPTIMIZERS)
    return {"name": "adam", **value} if isinstance(value, dict) else value


OptimizerConfig = Annotated[
    Adam | AdamW | SGD | RMSprop,  # the first is that of parameters without a name
    Field(discriminator="name"),
    BeforeValidator(_named_optimizer),
]
