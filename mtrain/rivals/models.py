"""Rivals by scikit-learn, with its defaults: what a person gets in one line."""

from __future__ import annotations

import time
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.records.rivals import TrainedRival

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from mtrain.records.arrays import Probabilities
    from mtrain.records.rivals import RivalName
    from mtrain.rivals.task import RivalTask

    Inputs = NDArray[Any]

MOST_ITERATIONS = 1000
"""Of logistic regression: scikit-learn's 100 often stop before its end on columns like ours."""

MOST_CATEGORIES = 255
"""Of a column that boosting takes as one; of more, each category stays an input."""


def train_rival(name: RivalName, task: RivalTask) -> TrainedRival:
    """Train a rival and predict the other splits; whatever goes wrong is the result's problem."""
    # First: several seconds on a busy machine, which are not those of the model that comes first.
    for module in ("sklearn.linear_model", "sklearn.ensemble"):
        import_module(module)
    began = time.perf_counter()
    if len(np.unique(task.labels)) < 2:
        return TrainedRival(name, 0.0, problem="all training rows are of one class")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            probabilities = _MODELS[name](task)
        except Exception as error:  # noqa: BLE001 -- nothing that a rival does ends a training
            problem = _first_line(error) or type(error).__name__
            return TrainedRival(name, time.perf_counter() - began, problem=problem)
    notes = dict.fromkeys(_first_line(warning.message) for warning in caught)
    return TrainedRival(name, time.perf_counter() - began, probabilities, tuple(notes))


def _logistic(task: RivalTask) -> dict[str, Probabilities]:
    from sklearn.linear_model import LogisticRegression

    def prepared(inputs: Inputs) -> Inputs:
        return inputs if task.divisor is None else inputs / np.float32(task.divisor)

    model = LogisticRegression(max_iter=MOST_ITERATIONS)
    return _predicted(model, task, prepared)


def _boosting(task: RivalTask) -> dict[str, Probabilities]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    columns = [one for one in task.categories if one.stop - one.start <= MOST_CATEGORIES]

    def prepared(inputs: Inputs) -> Inputs:
        return _with_categories(inputs, columns)

    n_inputs = task.inputs.shape[1] - sum(one.stop - one.start for one in columns)
    # It would part the rows by class, of which one may have a single row.
    can_stop_early = np.bincount(task.labels)[np.unique(task.labels)].min() > 1
    model = HistGradientBoostingClassifier(
        early_stopping="auto" if can_stop_early else False,
        categorical_features=list(range(n_inputs, n_inputs + len(columns))) or None,
        random_state=task.seed,
    )
    return _predicted(model, task, prepared)


_MODELS: dict[RivalName, Callable[[RivalTask], dict[str, Probabilities]]] = {
    "logistic": _logistic,
    "boosting": _boosting,
}


def _predicted(
    model: Any, task: RivalTask, prepared: Callable[[Inputs], Inputs]
) -> dict[str, Probabilities]:
    model.fit(prepared(task.inputs), task.labels, sample_weight=task.weights)
    found = {}
    for split, inputs in task.others.items():
        found[split] = np.zeros((len(inputs), task.n_classes), np.float32)
        if len(inputs):
            # Classes without training rows are not in the model.
            found[split][:, model.classes_] = model.predict_proba(prepared(inputs))
    return found


def _with_categories(inputs: Inputs, columns: Sequence[slice]) -> Inputs:
    """The inputs with those of each of these columns in one, last: the number of the category, or NaN."""
    if not columns:
        return inputs
    codes = np.full((len(inputs), len(columns)), np.nan, np.float32)
    rest = np.ones(inputs.shape[1], np.bool_)
    for place, column in enumerate(columns):
        rest[column] = False
        of_column = inputs[:, column]
        known = of_column.any(axis=1)
        codes[known, place] = of_column[known].argmax(axis=1)
    return np.hstack([inputs[:, rest], codes])


def _first_line(message: object) -> str:
    return str(message).strip().partition("\n")[0]
