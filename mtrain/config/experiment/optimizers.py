"""The optimizers and their parameters: Keras' names, Keras' defaults."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

from annotated_types import Gt, Le, Lt
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from mtrain.config.experiment.adam import Adam, Adamax, AdamW, Lamb, Nadam, ScheduleFreeAdamW
from mtrain.config.experiment.optimizer import NotNegative, Optimizer, Share
from mtrain.config.experiment.schedules import LearningRate  # noqa: TC001 -- pydantic reads it
from mtrain.config.experiment.section import Count, ListOf, Positive, section_from_name


def _expression(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}, got {value!r}") from None
    return value


_Expression = Annotated[str, AfterValidator(_expression)]


class SGD(Optimizer):
    """Gradient descent, with momentum where it is set."""

    name: Literal["sgd"] = "sgd"

    learning_rate: LearningRate = 0.01
    """Step size, or a schedule that sets it step by step."""

    momentum: Share = 0.0
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


class RMSprop(Optimizer):
    """Steps divided by a running mean of the gradients' size."""

    name: Literal["rmsprop"] = "rmsprop"

    rho: Share = 0.9
    """Decay of the running mean of squared gradients."""

    momentum: Share = 0.0
    """Share of the previous step that is taken again."""

    epsilon: Positive = 1e-7
    """Added to the denominator, against division by zero."""

    centered: bool = False
    """Divide by the gradients' estimated variance instead of their uncentred second moment."""

    @property
    def slots(self) -> int:
        """Running means of squared gradients, of gradients, of steps."""
        return 1 + int(self.momentum > 0) + int(self.centered)


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients so far."""

    name: Literal["adagrad"] = "adagrad"

    initial_accumulator_value: NotNegative = 0.1
    """Where that sum begins."""

    epsilon: Positive = 1e-7
    """Added to the denominator, against division by zero."""

    @property
    def slots(self) -> int:
        """The sum."""
        return 1


class Adadelta(Optimizer):
    """Steps in the proportion of a running mean of steps to one of gradients."""

    name: Literal["adadelta"] = "adadelta"

    rho: Share = 0.95
    """Decay of the running means."""

    epsilon: Positive = 1e-7
    """Added to both means."""

    @property
    def slots(self) -> int:
        """Running means of squared gradients and of squared steps."""
        return 2


class Adafactor(Optimizer):
    """Adam that remembers of a kernel's squared gradients only sums of rows and columns."""

    name: Literal["adafactor"] = "adafactor"

    beta_2_decay: Annotated[float, Lt(0)] = -0.8
    """Power of the step by which the running mean of squares approaches that of all steps."""

    epsilon_1: Positive = 1e-30
    """Added to squared gradients, against division by zero."""

    epsilon_2: Positive = 1e-3
    """Least size of the weights in proportion to which steps are."""

    clip_threshold: Positive = 1.0
    """Largest root mean square of a step, before the learning rate."""

    relative_step: bool = True
    """The learning rate falls with the root of the step, where that is smaller."""

    @property
    def slots(self) -> int:
        """A running mean of squared gradients; those of rows and columns hardly count."""
        return 1


class Ftrl(Optimizer):
    """Follow the regularised leader, for sparse linear models."""

    name: Literal["ftrl"] = "ftrl"

    learning_rate_power: Annotated[float, Le(0)] = -0.5
    """How the learning rate falls with the sum of squared gradients; 0: not at all."""

    initial_accumulator_value: NotNegative = 0.1
    """Where that sum begins."""

    l1_regularization_strength: NotNegative = 0.0
    """Weight of the absolute weights' sum."""

    l2_regularization_strength: NotNegative = 0.0
    """Weight of the squared weights' sum."""

    l2_shrinkage_regularization_strength: NotNegative = 0.0
    """Weight of the squared weights' sum, in the gradient alone."""

    beta: NotNegative = 0.0
    """Added to the root of the sum of squared gradients."""

    @property
    def slots(self) -> int:
        """The sum of squared gradients, and a linear term."""
        return 2


class Lion(Optimizer):
    """Steps of one size, in the direction of a running mean's sign."""

    name: Literal["lion"] = "lion"

    beta_1: Annotated[float, Gt(0), Le(1)] = 0.9
    """Share of the running mean in the direction, beside the gradient."""

    beta_2: Share = 0.99
    """Decay of the running mean of gradients."""

    @property
    def slots(self) -> int:
        """The running mean."""
        return 1


class Muon(Optimizer):
    """Steps of kernels made orthogonal; of biases and `exclude_layers` AdamW's."""

    name: Literal["muon"] = "muon"

    adam_beta_1: Share = 0.9
    """AdamW's decay of the running mean of gradients."""

    adam_beta_2: Share = 0.999
    """AdamW's decay of the running mean of squared gradients."""

    adam_weight_decay: NotNegative = 0.004
    """Weight decay of what AdamW trains."""

    epsilon: Positive = 1e-7
    """Added to AdamW's denominator, against division by zero."""

    weight_decay: NotNegative = 0.004
    """Each step takes this times the learning rate off every weight."""

    exclude_layers: Annotated[tuple[_Expression, ...], ListOf] | None = None
    """Layers that AdamW trains, as `[output]`: regular expressions of their names; null: none."""

    muon_a: float = 3.4445
    """Coefficient of the matrix in an iteration towards an orthogonal one."""

    muon_b: float = -4.7750
    """Coefficient of its third power."""

    muon_c: float = 2.0315
    """Coefficient of its fifth power."""

    adam_lr_ratio: Positive = 1
    """AdamW's learning rate by the other."""

    momentum: Share = 0.95
    """Share of the previous step that is taken again."""

    ns_steps: Count = 5
    """Iterations towards an orthogonal matrix."""

    nesterov: bool = True
    """Nesterov's momentum: the gradient is that of the point ahead."""

    rms_rate: Positive | None = 0.2
    """Root mean square of a kernel's step by the learning rate, which then may be Adam's; null:
    as it comes."""

    @property
    def slots(self) -> int:
        """A momentum of all, a running mean of squares of what AdamW trains."""
        return 2


_Known = (
    Adam  # the first is that of parameters without a name
    | AdamW
    | SGD
    | RMSprop
    | Adagrad
    | Adadelta
    | Adamax
    | Nadam
    | Adafactor
    | Ftrl
    | Lamb
    | Lion
    | Muon
    | ScheduleFreeAdamW
)

OPTIMIZERS: dict[str, type[Optimizer]] = {
    optimizer.model_fields["name"].default: optimizer for optimizer in get_args(_Known)
}
"""By name."""


def _named_optimizer(value: Any) -> Any:
    """Parameters without a name are those of the default optimizer."""
    value = section_from_name(value, OPTIMIZERS)
    return {"name": "adam", **value} if isinstance(value, dict) else value


OptimizerConfig = Annotated[_Known, Field(discriminator="name"), BeforeValidator(_named_optimizer)]
