"""The weight of each training row in the loss: its row weight times its class's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.errors import MtrainError, SettingError
from mtrain.records.dataset import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from mtrain.records.arrays import Floats
    from mtrain.records.dataset import Dataset


def weight_training(dataset: Dataset, class_weight: Mapping[str, float] | str | None) -> Dataset:
    """The data set with the training rows weighted by class as well; the other splits as they are.

    Raises `SettingError` if class weights, `MtrainError` if row weights leave no row with a weight
    above 0.
    """
    train = dataset.train
    weights = row_weights(train.labels, dataset.classes, class_weight, train.weights)
    if weights is not None and not weights.any():
        if class_weight is None:
            raise MtrainError("no training row has a weight above 0", where=dataset.source)
        problem = "no training row is left with a weight above 0"
        raise SettingError((("training", "class_weight"), problem))
    splits = {**dataset.splits, "train": replace(train, weights=weights)}
    return replace(dataset, splits=splits)


def zero_weights(dataset: Dataset) -> Iterator[Note]:
    """A note for each class that has training rows, but none with a weight above 0."""
    train = dataset.train
    if train.weights is None:
        return
    rows = np.bincount(train.labels, minlength=len(dataset.classes))
    sums = np.bincount(train.labels, train.weights, minlength=len(dataset.classes))
    for k in np.flatnonzero((rows > 0) & (sums == 0)):
        text = (
            f"class {dataset.classes[k]!r}: each of its {rows[k]:,} training rows has weight 0, so "
            "it is not learned"
        )
        yield Note("zero-weight", text)


def row_weights(
    labels: NDArray[np.int32],
    classes: tuple[str, ...],
    class_weight: Mapping[str, float] | str | None,
    weights: Floats | None = None,
) -> Floats | None:
    """Each row's weight times its class's, shape (N,), from 0; None: all rows weigh the same.

    `class_weight` is one weight a class name, 1 where it has none; or `balanced`.
    """
    if class_weight is None:
        return weights
    if isinstance(class_weight, str):
        by_class = balanced(labels, len(classes))
    else:
        by_class = np.array([class_weight.get(name, 1.0) for name in classes])
    # In float64: rounded once, by the engine, class weights alone are just what Keras takes.
    return by_class[labels] if weights is None else by_class[labels] * weights


def balanced(labels: NDArray[np.int32], n_classes: int) -> Floats:
    """Weights by which every class that is present counts the same, shape (`n_classes`,).

    n / (K * n_k) over the K classes present; 0 for one that is absent: scikit-learn's `balanced`,
    after King and Zeng, "Logistic regression in rare events data", Political Analysis 9 (2001).
    """
    counts = np.bincount(labels, minlength=n_classes)
    weights = np.zeros(n_classes)
    present = counts > 0
    weights[present] = len(labels) / (np.count_nonzero(present) * counts[present])
    return weights
