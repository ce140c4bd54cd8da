"""Everything an evaluation says of a split: overall, and of every class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.config.names import RATIO_METRICS
from mtrain.metrics.as_html import metrics_as_html
from mtrain.metrics.counts import (
    ClassCounts,
    averages,
    class_counts,
    confusion_matrix,
)
from mtrain.metrics.epoch import ranking_figures
from mtrain.metrics.intervals import wilson
from mtrain.metrics.probabilities import log_loss

if TYPE_CHECKING:
    from mtrain.records.arrays import Counts, Floats, Ints
    from mtrain.records.training import Predictions

SCHEMA = 1

_ABSENT = "no row of this class in the split"
_ALONE = "no row of another class in the split"
_REASONS = {
    "precision": "never predicted",
    "recall": _ABSENT,
    "f1-score": "neither present nor predicted",
    "specificity": _ALONE,
    "fpr": _ALONE,
    "average_precision": _ABSENT,
}


@dataclass(frozen=True, eq=False)
class Report:
    """An evaluation: what was predicted, and every figure of it."""

    predictions: Predictions
    metrics: dict[str, Any]
    """The content of `metrics.json`; None for what is undefined."""

    classification_report: dict[str, Any]
    """As scikit-learn's, with None for NaN."""

    def __repr__(self) -> str:
        metrics = self.metrics
        f1 = metrics["averages"]["macro avg"]["f1-score"]
        shares = [
            f"{name} {'undefined' if value is None else f'{value:z.3f}'}"
            for name, value in (("accuracy", metrics["accuracy"]), ("macro F1", f1))
        ]
        return (
            f"<mtrain.Report of {metrics['checkpoint']} on {metrics['split']}: "
            f"{metrics['n']:,} rows, {', '.join(shares)}>"
        )

    def _repr_html_(self) -> str:
        return metrics_as_html(self.metrics)


def make_report(
    predictions: Predictions,
    classes: tuple[str, ...],
    *,
    split: str,
    checkpoint: str,
    selected: bool = False,
    threshold: float | None = None,
    threshold_chosen: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
    figures: dict[str, float] | None = None,
) -> Report:
    """Work out every figure of `predictions` on the split called `split`.

    `selected` says that the checkpoint or the threshold was chosen for its figures on this split,
    so that they, and their intervals, are optimistic; `threshold`, of two classes, that it is not
    simply 0.5 above which the second was predicted; `threshold_chosen` and `data` are kept as they
    are, to say how it was chosen and what was evaluated; `figures` are others that the run has.
    """
    confusion = confusion_matrix(predictions.labels, predictions.predicted, len(classes))
    counts = class_counts(confusion)
    by_class, micro = _figures(predictions, counts)
    most_frequent = int(counts.support.argmax())
    metrics = {
        "schema": SCHEMA,
        "split": split,
        "checkpoint": checkpoint,
        "selected": selected,
        **({} if threshold is None else {"threshold": threshold}),
        **({} if threshold_chosen is None else {"threshold_chosen": threshold_chosen}),
        **({} if data is None else {"data": data}),
        "n": len(predictions.labels),
        "loss": _number(predictions.loss),
        "accuracy": _number(counts.accuracy),
        "log_loss": _number(log_loss(predictions.labels, predictions.probabilities)),
        **({"figures": {key: _number(value) for key, value in figures.items()}} if figures else {}),
        "baseline": {
            "class": classes[most_frequent],
            "accuracy": int(counts.support[most_frequent]) / len(predictions.labels),
        },
        "confusion_matrix": confusion.tolist(),
        "classes": _class_entries(classes, counts, by_class, confusion),
        "averages": _averages(by_class, micro, counts),
        "undefined": [
            {"class": classes[k], "metric": name, "reason": _reason(name, counts, k)}
            for name, values in by_class.items()
            for k in np.flatnonzero(np.isnan(values))
        ],
        **(
            {}
            if predictions.weights is None
            else {"sample_weighted": _weighted(predictions, classes)}
        ),
    }
    return Report(predictions, metrics, _classification_report(metrics))


def _weighted(predictions: Predictions, classes: tuple[str, ...]) -> dict[str, Any]:
    """The same figures, with each row counted as its weight says."""
    weights = predictions.weights
    confusion = confusion_matrix(predictions.labels, predictions.predicted, len(classes), weights)
    counts = class_counts(confusion)
    figures, micro = _figures(predictions, counts, weights)
    return {
        "accuracy": _number(counts.accuracy),
        "log_loss": _number(log_loss(predictions.labels, predictions.probabilities, weights)),
        "confusion_matrix": confusion.tolist(),
        "classes": [
            {
                "id": k,
                "name": name,
                **{key: _number(values[k]) for key, values in figures.items()},
                "support": float(counts.support[k]),
            }
            for k, name in enumerate(classes)
        ],
        "averages": _averages(figures, micro, counts),
    }


def _figures(
    predictions: Predictions, counts: ClassCounts, weights: Floats | None = None
) -> tuple[dict[str, Floats], dict[str, float]]:
    """Each figure of every class, and its micro average."""
    figures = {}
    micro = {}
    pooled = counts.pooled()
    for name in RATIO_METRICS:
        key = "f1-score" if name == "f1" else name
        figures[key] = getattr(counts, name)
        micro[key] = float(getattr(pooled, name)[0])
    for name, (values, together) in ranking_figures(predictions, weights).items():
        figures[name], micro[name] = values, together
    return figures, micro


def _averages(
    figures: dict[str, Floats], micro: dict[str, float], counts: ClassCounts
) -> dict[str, dict[str, Any]]:
    means = {name: averages(figures[name], counts.support, micro[name]) for name in figures}
    return {
        f"{kind} avg": {
            **{name: _number(means[name][kind]) for name in figures},
            "support": counts.support.sum().item(),
            **_number_of_classes(figures, kind),
        }
        for kind in ("macro", "weighted", "micro")
    }


def _class_entries(
    classes: tuple[str, ...], counts: ClassCounts, figures: dict[str, Floats], confusion: Counts
) -> list[dict[str, Any]]:
    precision_ci = wilson(counts.tp, counts.predicted)
    recall_ci = wilson(counts.tp, counts.support)
    whole = ("support", "predicted", "tp", "fp", "fn", "tn")
    return [
        {
            "id": k,
            "name": name,
            **{key: _number(values[k]) for key, values in figures.items()},
            **{key: int(getattr(counts, key)[k]) for key in whole},
            "precision_ci": _interval(precision_ci[k]),
            "recall_ci": _interval(recall_ci[k]),
            "confused_with": [
                {"id": int(j), "name": classes[j], "n": int(confusion[k, j])}
                for j in _confused_with(confusion[k], k)
            ],
        }
        for k, name in enumerate(classes)
    ]


def _confused_with(row: Counts, k: int) -> Ints:
    """The up to three other classes that class k is most often taken for, most often first."""
    others = np.flatnonzero(row)
    others = others[others != k]
    found: Ints = others[np.argsort(-row[others], kind="stable")[:3]]
    return found


def _number_of_classes(figures: dict[str, Floats], kind: str) -> dict[str, Any]:
    """Over how many classes an average ran: by figure, and the smallest of these numbers.

    The micro average pools all of them.
    """
    by_figure = {
        name: values.size if kind == "micro" else int(np.count_nonzero(~np.isnan(values)))
        for name, values in figures.items()
    }
    return {"classes": min(by_figure.values()), "classes_by_figure": by_figure}


def _reason(name: str, counts: ClassCounts, k: np.intp) -> str:
    if name == "roc_auc":
        return _ABSENT if counts.support[k] == 0 else _ALONE
    return _REASONS[name]


def _classification_report(metrics: dict[str, Any]) -> dict[str, Any]:
    keys = ("precision", "recall", "f1-score", "support")
    return {
        **{entry["name"]: {key: entry[key] for key in keys} for entry in metrics["classes"]},
        "accuracy": metrics["accuracy"],
        **{
            kind: {key: metrics["averages"][kind][key] for key in keys}
            for kind in ("macro avg", "weighted avg")
        },
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _interval(bounds: Floats) -> list[float] | None:
    return None if np.isnan(bounds).any() else [float(bound) for bound in bounds]
