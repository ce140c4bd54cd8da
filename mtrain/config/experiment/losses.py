"""The losses and their parameters: Keras' names, Keras' defaults."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, get_args

from annotated_types import Ge, Gt, Lt
from pydantic import BeforeValidator, Field

from mtrain.config.catalog.names import LOSS_ALIASES
from mtrain.config.experiment.section import Positive, Section, section_from_name


class Loss(Section):
    """What training minimises; subclasses have Keras' names and parameters."""

    least_classes: ClassVar[int] = 2
    most_classes: ClassVar[float] = float("inf")

    name: str
    """The loss's name."""


class _Smoothing(Loss):
    label_smoothing: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Share of each target spread evenly over all classes."""


class Auto(_Smoothing):
    """Binary cross-entropy for two classes, categorical for more."""

    name: Literal["auto"] = "auto"


class CategoricalCrossentropy(_Smoothing):
    """Minus the logarithm of the true class's probability."""

    least_classes = 3

    name: Literal["categorical_crossentropy"] = "categorical_crossentropy"


class SparseCategoricalCrossentropy(Loss):
    """The same loss. Keras has two because labels may be one-hot or not; here they never are."""

    least_classes = 3

    name: Literal["sparse_categorical_crossentropy"] = "sparse_categorical_crossentropy"


class BinaryCrossentropy(_Smoothing):
    """Minus the logarithm of the true class's probability, for two classes."""

    most_classes = 2

    name: Literal["binary_crossentropy"] = "binary_crossentropy"


class CategoricalFocalCrossentropy(_Smoothing):
    """Cross-entropy that gives less weight to rows that are predicted well."""

    least_classes = 3

    name: Literal["categorical_focal_crossentropy"] = "categorical_focal_crossentropy"

    alpha: Positive = 0.25
    """Weight of all rows."""

    gamma: Annotated[float, Ge(0)] = 2.0
    """A row's weight is (1 - p) ** gamma, p the probability of its true class; 0: cross-entropy."""


class BinaryFocalCrossentropy(_Smoothing):
    """Focal cross-entropy for two classes."""

    most_classes = 2

    name: Literal["binary_focal_crossentropy"] = "binary_focal_crossentropy"

    apply_class_balancing: bool = False
    """Weight rows of the second class by `alpha`, rows of the first by 1 - `alpha`."""

    alpha: Annotated[float, Gt(0), Lt(1)] = 0.25
    """Weight of the second class, if `apply_class_balancing` is true."""

    gamma: Annotated[float, Ge(0)] = 2.0
    """A row's weight is (1 - p) ** gamma, p the probability of its true class; 0: cross-entropy."""


class CategoricalGeneralizedCrossEntropy(Loss):
    """Between cross-entropy and the absolute error, which is less sensitive to wrong labels."""

    least_classes = 3

    name: Literal["categorical_generalized_cross_entropy"] = "categorical_generalized_cross_entropy"

    q: Annotated[float, Gt(0), Lt(1)] = 0.5
    """Near 0: cross-entropy; near 1: absolute error."""


class MeanSquaredError(Loss):
    """Mean squared difference of probabilities and one-hot labels: the Brier score by class."""

    name: Literal["mean_squared_error"] = "mean_squared_error"


class MeanAbsoluteError(Loss):
    """Mean absolute difference of probabilities and one-hot labels."""

    name: Literal["mean_absolute_error"] = "mean_absolute_error"


class MeanSquaredLogarithmicError(Loss):
    """Mean squared difference of the logarithms of 1 + probabilities and 1 + one-hot labels."""

    name: Literal["mean_squared_logarithmic_error"] = "mean_squared_logarithmic_error"


class Huber(Loss):
    """Half the squared error up to `delta`, linear beyond it."""

    name: Literal["huber"] = "huber"

    delta: Positive = 1.0
    """The error from which the loss is linear."""


class LogCosh(Loss):
    """Logarithm of the hyperbolic cosine of the error."""

    name: Literal["log_cosh"] = "log_cosh"


class KLDivergence(Loss):
    """Kullback-Leibler divergence of the probabilities from one-hot labels: cross-entropy again."""

    least_classes = 3

    name: Literal["kl_divergence"] = "kl_divergence"


class Poisson(Loss):
    """Mean of p - y log p, of probabilities p and one-hot labels y."""

    name: Literal["poisson"] = "poisson"


class CosineSimilarity(Loss):
    """Minus the cosine of the angle between probabilities and one-hot labels."""

    least_classes = 3

    name: Literal["cosine_similarity"] = "cosine_similarity"


class Hinge(Loss):
    """Mean of max(0, 1 - y p), of probabilities p and labels y, 1 or -1."""

    name: Literal["hinge"] = "hinge"


class SquaredHinge(Loss):
    """Mean of max(0, 1 - y p) squared, of probabilities p and labels y, 1 or -1."""

    name: Literal["squared_hinge"] = "squared_hinge"


class CategoricalHinge(Loss):
    """Mean of max(0, 1 + q - p), of the true class's probability p and the largest other one, q."""

    least_classes = 3

    name: Literal["categorical_hinge"] = "categorical_hinge"


_Known = (
    Auto  # the first is the default for parameters without a name
    | CategoricalCrossentropy
    | SparseCategoricalCrossentropy
    | BinaryCrossentropy
    | CategoricalFocalCrossentropy
    | BinaryFocalCrossentropy
    | CategoricalGeneralizedCrossEntropy
    | MeanSquaredError
    | MeanAbsoluteError
    | MeanSquaredLogarithmicError
    | Huber
    | LogCosh
    | KLDivergence
    | Poisson
    | CosineSimilarity
    | Hinge
    | SquaredHinge
    | CategoricalHinge
)

LOSSES: dict[str, type[Loss]] = {
    loss.model_fields["name"].default: loss for loss in get_args(_Known)
}
"""By name."""


def _named_loss(value: Any) -> Any:
    """Parameters without a name belong to `auto`."""
    value = section_from_name(value, LOSSES, LOSS_ALIASES)
    return {"name": "auto", **value} if isinstance(value, dict) else value


LossConfig = Annotated[_Known, Field(discriminator="name"), BeforeValidator(_named_loss)]
"""The loss section."""
