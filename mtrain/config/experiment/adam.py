"""Adam and the optimizers that, like it, keep running means of gradients and of their size."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Gt, Lt

from mtrain.config.experiment.optimizer import NotNegative, Optimizer, Share
from mtrain.config.experiment.schedules import LearningRate  # noqa: TC001 -- pydantic reads it
from mtrain.config.experiment.section import CountOrZero, Positive  # noqa: TC001 -- pydantic reads it


class _Moments(Optimizer):
    beta_1: Share = 0.9
    """Decay of the running mean of gradients."""

    beta_2: Share = 0.999
    """Decay of the running mean of squared gradients."""

    epsilon: Positive = 1e-7
    """Added to the denominator, against division by zero."""

    @property
    def slots(self) -> int:
        """Running means of gradients and of their squares."""
        return 2


class Adamax(_Moments):
    """Adam with a decaying maximum of the gradients instead of the mean of their squares."""

    name: Literal["adamax"] = "adamax"

    beta_2: Share = 0.999
    """Decay of the maximum of the gradients."""


class Nadam(_Moments):
    """Adam with Nesterov's momentum."""

    name: Literal["nadam"] = "nadam"


class Lamb(_Moments):
    """Adam with steps in proportion to each layer's weights, for large batches."""

    name: Literal["lamb"] = "lamb"


class _AmsgradMoments(_Moments):
    amsgrad: bool = False
    """Divide by the largest running mean so far."""

    @property
    def slots(self) -> int:
        """Running means of gradients and of their squares, and the largest of these."""
        return 2 + int(self.amsgrad)


class Adam(_AmsgradMoments):
    """Adaptive moment estimation."""

    name: Literal["adam"] = "adam"


class AdamW(_AmsgradMoments):
    """Adam with decoupled weight decay."""

    name: Literal["adamw"] = "adamw"

    weight_decay: NotNegative = 0.004
    """Each step shrinks every weight by this fraction times the learning rate."""


class ScheduleFreeAdamW(_Moments):
    """AdamW pulled towards the average of its weights; as in Keras, that average is not kept."""

    name: Literal["schedule_free_adamw"] = "schedule_free_adamw"

    learning_rate: LearningRate = 0.0025
    """Step size, or a schedule that sets it step by step."""

    beta_1: Annotated[float, Gt(0), Lt(1)] = 0.9
    """Share of the averaged weights in the trained weights."""

    epsilon: Positive = 1e-8
    """Added to the denominator, against division by zero."""

    warmup_steps: CountOrZero = 0
    """Steps in which the learning rate grows from 0."""
