"""What every optimizer has: a learning rate, and limits on weights and gradients."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Lt
from pydantic import model_validator

from mtrain.config.experiment.schedules import LearningRate  # noqa: TC001 -- pydantic reads it
from mtrain.config.experiment.section import Positive, Section

Share = Annotated[float, Ge(0), Lt(1)]
NotNegative = Annotated[float, Ge(0)]


class Optimizer(Section):
    """An optimizer; its subclasses have Keras' names and parameters."""

    name: str
    """The optimizer's name."""

    learning_rate: LearningRate = 0.001
    """Step size, or a schedule that sets it step by step."""

    weight_decay: NotNegative | None = None
    """Each step shrinks every weight by this fraction times the learning rate; null: none."""

    clipnorm: Positive | None = None
    """Largest norm of each variable's gradient; null: no limit."""

    clipvalue: Positive | None = None
    """Largest absolute value of any gradient; null: no limit."""

    global_clipnorm: Positive | None = None
    """Largest norm of all gradients together; null: no limit."""

    @property
    def slots(self) -> int:
        """How many numbers the optimizer keeps per parameter."""
        return 0

    @model_validator(mode="after")
    def _one_clipping(self) -> Optimizer:
        chosen = [
            name
            for name in ("clipnorm", "clipvalue", "global_clipnorm")
            if getattr(self, name) is not None
        ]
        if len(chosen) > 1:
            raise ValueError(f"{' and '.join(chosen)} exclude each other; keep one")
        return self
