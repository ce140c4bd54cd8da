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
    """Gradient descent, with momentum if it is set."""

    name: Literal["sgd"] = "sgd"

    learning_rate: LearningRate = 0.01
    """Step size, or a schedule that sets it step by step."""

    momentum: Share = 0.0
    """Share of the previous step that is added to the next."""

    nesterov: bool = False
    """Nesterov momentum: the gradient is taken at the point ahead."""

    @property
    def slots(self) -> int:
        """The running mean of steps, if momentum is set."""
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
    """Share of the previous step that is added to the next."""

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
    """Initial value of the sum of squared gradients."""

    epsilon: Positive = 1e-7
    """Added to the denominator, against division by zero."""

    @property
    def slots(self) -> int:
        """The sum."""
        return 1


class Adadelta(Optimizer):
    """Steps scaled by the ratio of a running mean of steps to a running mean of gradients."""

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
    """Adam that keeps only row and column sums of a kernel's squared gradients."""

    name: Literal["adafactor"] = "adafactor"

    beta_2_decay: Annotated[float, Lt(0)] = -0.8
    """Power of the step by which the running mean of squares approaches the mean over all steps."""

    epsilon_1: Positive = 1e-30
    """Added to squared gradients, against division by zero."""

    epsilon_2: Positive = 1e-3
    """Lower limit of the size of the weights, by which steps are scaled."""

    clip_threshold: Positive = 1.0
    """Largest root mean square of a step, before the learning rate."""

    relative_step: bool = True
    """Use 1 / sqrt(step) as the learning rate where that is smaller."""

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
    """Initial value of the sum of squared gradients."""

    l1_regularization_strength: NotNegative = 0.0
    """Weight of the sum of the absolute weights."""

    l2_regularization_strength: NotNegative = 0.0
    """Weight of the sum of the squared weights."""

    l2_shrinkage_regularization_strength: NotNegative = 0.0
    """Weight of the sum of the squared weights, in the gradient only."""

    beta: NotNegative = 0.0
    """Added to the root of the sum of squared gradients."""

    @property
    def slots(self) -> int:
        """The sum of squared gradients, and a linear term."""
        return 2


class Lion(Optimizer):
    """Steps of one size, in the direction of the sign of a running mean."""

    name: Literal["lion"] = "lion"

    beta_1: Annotated[float, Gt(0), Le(1)] = 0.9
    """Share of the running mean in a step's direction; the rest is the gradient."""

    beta_2: Share = 0.99
    """Decay of the running mean of gradients."""

    @property
    def slots(self) -> int:
        """The running mean."""
        return 1


class Muon(Optimizer):
    """Orthogonal steps for kernels; AdamW for biases and `exclude_layers`."""

    name: Literal["muon"] = "muon"

    adam_beta_1: Share = 0.9
    """AdamW's decay of the running mean of gradients."""

    adam_beta_2: Share = 0.999
    """AdamW's decay of the running mean of squared gradients."""

    adam_weight_decay: NotNegative = 0.004
    """Weight decay of the variables that AdamW trains."""

    epsilon: Positive = 1e-7
    """Added to AdamW's denominator, against division by zero."""

    weight_decay: NotNegative = 0.004
    """Each step shrinks every weight by this fraction times the learning rate."""

    exclude_layers: Annotated[tuple[_Expression, ...], ListOf] | None = None
    """Layers that AdamW trains, as `[output]`: regular expressions of their names; null: none."""

    muon_a: float = 3.4445
    """Coefficient of the matrix in the iteration that makes it orthogonal."""

    muon_b: float = -4.7750
    """Coefficient of the matrix's third power."""

    muon_c: float = 2.0315
    """Coefficient of the matrix's fifth power."""

    adam_lr_ratio: Positive = 1
    """AdamW's learning rate divided by Muon's."""

    momentum: Share = 0.95
    """Share of the previous step that is added to the next."""

    ns_steps: Count = 5
    """Iterations towards an orthogonal matrix."""

    nesterov: bool = True
    """Nesterov momentum: the gradient is taken at the point ahead."""

    rms_rate: Positive | None = 0.2
    """Root mean square of a kernel's step divided by the learning rate, so that Adam's learning
    rates fit; null: steps are not rescaled."""

    @property
    def slots(self) -> int:
        """A momentum of all, a running mean of squares of what AdamW trains."""
        return 2


_Known = (
    Adam  # the first is the default for parameters without a name
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
    """Parameters without a name belong to the default optimizer."""
    value = section_from_name(value, OPTIMIZERS)
    return {"name": "adam", **value} if isinstance(value, dict) else value


OptimizerConfig = Annotated[_Known, Field(discriminator="name"), BeforeValidator(_named_optimizer)]
