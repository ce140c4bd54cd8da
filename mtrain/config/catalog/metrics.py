"""Every metric of mtrain in one table: its names, its source, and which direction is better."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Source(Enum):
    """What a metric is computed from; its function has the metric's name."""

    COUNTS = auto()
    """From `metrics.counts.ClassCounts`: of training, validation and evaluation."""

    HITS = auto()
    """Rows whose class is among the most probable, counted batch by batch: of training and
    validation."""

    SCORES = auto()
    """From `metrics.scores.ThresholdCounts`: of validation and evaluation."""

    PROBABILITIES = auto()
    """From `metrics.probabilities`: of validation and evaluation."""

    BATCHES = auto()
    """From Keras' objects, batch by batch, in training; from `metrics.probabilities` elsewhere."""

    @property
    def is_of_training(self) -> bool:
        """Whether the training rows have it; validation and evaluation have every metric."""
        return self not in {Source.SCORES, Source.PROBABILITIES}


@dataclass(frozen=True)
class Metric:
    """A metric."""

    name: str
    source: Source
    aliases: tuple[str, ...] = ()
    """Other names of the metric: scikit-learn's, Keras', and those of two-class tests."""

    is_averaged: bool = False
    """Whether it has a value for each class, and macro, micro and weighted averages."""

    is_summed: bool = False
    """Whether it has a value for each class, and their sum."""

    lower_is_better: bool = False


AVERAGES = ("macro", "micro", "weighted")

CATALOG = (
    Metric(
        "accuracy",
        Source.COUNTS,
        (
            *("acc", "accuracy_score", "binary_accuracy", "categorical_accuracy"),
            "sparse_categorical_accuracy",
        ),
    ),
    Metric("balanced_accuracy", Source.COUNTS, ("balanced_accuracy_score",)),
    Metric("mcc", Source.COUNTS, ("matthews_corrcoef",)),
    Metric("cohen_kappa", Source.COUNTS, ("cohen_kappa_score", "kappa")),
    Metric("precision", Source.COUNTS, ("ppv", "precision_score"), is_averaged=True),
    Metric(
        "recall",
        Source.COUNTS,
        ("recall_score", "sensitivity", "tpr", "true_positive_rate"),
        is_averaged=True,
    ),
    Metric("f1", Source.COUNTS, ("f1_score",), is_averaged=True),
    Metric("specificity", Source.COUNTS, ("tnr", "true_negative_rate"), is_averaged=True),
    Metric("fpr", Source.COUNTS, ("false_positive_rate",), is_averaged=True, lower_is_better=True),
    Metric("true_positives", Source.COUNTS, is_summed=True),
    Metric(
        "top_k",
        Source.HITS,
        (
            *("sparse_top_k_categorical_accuracy", "top_k_accuracy_score"),
            "top_k_categorical_accuracy",
        ),
    ),
    Metric("roc_auc", Source.SCORES, ("auc", "auroc", "roc_auc_score"), is_averaged=True),
    Metric(
        "average_precision",
        Source.SCORES,
        ("auc_pr", "auprc", "average_precision_score", "pr_auc"),
        is_averaged=True,
    ),
    Metric(
        "log_loss",
        Source.PROBABILITIES,
        (
            *("binary_crossentropy", "categorical_crossentropy", "cross_entropy"),
            "sparse_categorical_crossentropy",
        ),
        lower_is_better=True,
    ),
    Metric(
        "brier", Source.PROBABILITIES, ("brier_score", "brier_score_loss"), lower_is_better=True
    ),
    Metric("mean_squared_error", Source.PROBABILITIES, ("mse",), lower_is_better=True),
    Metric(
        "kl_divergence",
        Source.PROBABILITIES,
        ("kl", "kld", "kullback_leibler_divergence"),
        lower_is_better=True,
    ),
    Metric("cosine_similarity", Source.PROBABILITIES, ("cosine",)),
    Metric("keras_precision", Source.BATCHES),
    Metric("keras_recall", Source.BATCHES),
)

BY_NAME = {metric.name: metric for metric in CATALOG}

METRICS = tuple(BY_NAME)

METRIC_ALIASES = {alias: metric.name for metric in CATALOG for alias in metric.aliases}


def averaged(source: Source) -> tuple[str, ...]:
    """The metrics of this source that have a value for each class."""
    return tuple(m.name for m in CATALOG if m.source is source and m.is_averaged)


def better_mode(monitor: str) -> str:
    """`min` or `max`, by which the scalar `monitor` improves; not for custom metrics."""
    name = monitor.removeprefix("val_")
    base, _, average = name.rpartition("_")
    metric = BY_NAME.get(base if average in AVERAGES else name)
    is_lower = name == "loss" or (metric is not None and metric.lower_is_better)
    return "min" if is_lower else "max"


_COUNTS = "is no metric of an epoch; history.json has tp, fp and fn of every class"
_DRAWN = "is not a metric of an epoch; every evaluation draws it"
NO_METRICS = {
    "confusion_matrix": _DRAWN,
    "classification_report": "is no metric of an epoch; every evaluation writes it",
    "roc": _DRAWN,
    "roc_curve": _DRAWN,
    "pr_curve": _DRAWN,
    "precision_recall_curve": _DRAWN,
    "calibration_curve": "is no metric of an epoch; brier and log_loss are near to it",
    "false_negatives": _COUNTS,
    "false_positives": _COUNTS,
    "true_negatives": _COUNTS,
    "support": "is no metric of an epoch; every evaluation has it",
    "loss": "is in every history already",
    "learning_rate": "is in every history already",
}
"""Names that users may list as metrics although no setting is needed for them, and why."""
