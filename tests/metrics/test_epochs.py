"""Figures of epochs in the history, and what monitors follow from them."""

from __future__ import annotations

import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_predictions import nan, random_predictions
from sklearn import metrics as sklearn_metrics

from mtrain.config.experiment.metrics import MetricConfig
from mtrain.config.experiment.training import PlateauConfig
from mtrain.metrics.epoch import epoch_figures, tally
from mtrain.metrics.history import History
from mtrain.metrics.monitor import Improvement, Plateau, higher_is_better
from mtrain.records.training import EpochRecord, Predictions, Tally

METRICS = tuple(
    MetricConfig(name=name)
    for name in (
        *("accuracy", "precision", "recall", "f1", "specificity", "fpr"),
        *("top_k", "roc_auc", "average_precision", "log_loss"),
    )
)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
def test_averages_in_the_history_equal_scikit_learns(average):
    """Precision, recall, F1 and both areas of one epoch's validation."""
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 6, 300)
    probabilities = generator.dirichlet(np.ones(6), 300).astype(np.float32)
    predicted = probabilities.argmax(axis=1)
    record = EpochRecord(
        1,
        0.1,
        Tally(1.0, np.eye(6, dtype=np.int64), 6),
        Predictions(labels, predicted, probabilities, 1.0),
    )
    scalars = epoch_figures(record, METRICS).scalars

    precision, recall, f1, _ = sklearn_metrics.precision_recall_fscore_support(
        labels, predicted, average=average
    )
    one_hot = np.eye(6)[labels]
    expected = {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "roc_auc": sklearn_metrics.roc_auc_score(one_hot, probabilities, average=average),
        "average_precision": sklearn_metrics.average_precision_score(
            one_hot, probabilities, average=average
        ),
    }
    for name, value in expected.items():
        assert scalars[f"val_{name}_{average}"] == pytest.approx(value, abs=1e-12)


def test_the_history_has_the_scalars_that_the_config_promises():
    """`Config.monitors` is what a monitor is checked against before training."""
    from mtrain.config.loading.load import load_config

    config = load_config({"metrics": [m.name for m in METRICS]}, {})
    predictions = random_predictions(0)
    record = EpochRecord(1, 0.1, tally(predictions, config.metrics), predictions)

    scalars = epoch_figures(record, config.metrics).scalars
    assert set(scalars) - {"learning_rate"} == set(config.monitors)


def test_average_precision_is_no_monitor_while_a_class_is_never_predicted():
    """Macro precision rises when a class stops being predicted."""
    history = History("x", ("a", "b"), epoch=[1, 2])
    history.scalars["val_precision_macro"] = [0.7, 1.0]
    history.counts["val"] = {
        "tp": np.array([[7, 7], [10, 0]]),
        "fp": np.array([[3, 3], [0, 0]]),
        "fn": np.array([[3, 3], [0, 10]]),
    }

    assert history.monitored("val_precision_macro", 0) == 0.7
    assert math.isnan(history.monitored("val_precision_macro", 1))


@pytest.mark.parametrize(
    ("monitor", "values", "improvements"),
    [
        ("val_loss", [nan, 3.0, 1.0, 1.0, -math.inf], [1, 2]),
        ("val_accuracy", [0.1, math.inf, 0.5, 0.5], [0, 2]),
        ("accuracy", [nan, nan], []),
    ],
)
def test_the_best_epoch_is_the_first_best_finite_one(monitor, values, improvements):
    """NaN and infinity are never best, nor is a value that is no better."""
    improvement = Improvement(monitor)

    assert [index for index, value in enumerate(values) if improvement.add(value)] == improvements
    assert not higher_is_better("val_loss")
    assert not higher_is_better("fpr_macro")
    assert higher_is_better("val_recall_macro")


EPOCHS = st.lists(st.integers(0, 6).map(lambda n: n / 4), min_size=1, max_size=14)
MIN_DELTA = st.sampled_from([0.0, 0.25, 0.3])


@settings(max_examples=200)
@given(EPOCHS, st.integers(1, 4), MIN_DELTA, st.sampled_from(["accuracy", "loss"]))
def test_early_stopping_stops_where_keras_does(values, patience, min_delta, monitor):
    """The epoch at which its callback stops a training of these figures."""
    mode = "max" if monitor == "accuracy" else "min"
    callback = keras.callbacks.EarlyStopping(monitor, min_delta, patience, mode=mode)
    model = SimpleNamespace(stop_training=False, metrics=[])
    callback.set_model(model)
    callback.on_train_begin()
    improvement = Improvement(monitor, min_delta)
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {monitor: value})
        improvement.add(value)
        assert (improvement.waited >= patience) == model.stop_training
        if model.stop_training:
            break


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # Keras' own
@settings(max_examples=300)
@given(
    EPOCHS,
    st.integers(1, 3),
    MIN_DELTA,
    st.integers(0, 3),
    st.sampled_from(["accuracy", "loss"]),
)
def test_the_learning_rate_is_reduced_where_keras_reduces_it(
    values, patience, min_delta, cooldown, monitor
):
    """Epoch by epoch the rate of its callback, down to the smallest."""
    optimizer = keras.optimizers.SGD(0.1)
    mode = "max" if monitor == "accuracy" else "min"
    callback = keras.callbacks.ReduceLROnPlateau(
        monitor, 0.3, patience, mode=mode, min_delta=min_delta, cooldown=cooldown, min_lr=0.002
    )
    callback.set_model(SimpleNamespace(optimizer=optimizer, metrics=[]))
    callback.on_train_begin()
    config = PlateauConfig(factor=0.3, min_learning_rate=0.002)
    plateau = Plateau(monitor, patience, min_delta, cooldown)
    rate = np.float32(0.1)
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {monitor: value})
        if plateau.add(value):
            rate = np.float32(config.reduced(float(rate)))
        assert rate == optimizer.learning_rate.numpy()
