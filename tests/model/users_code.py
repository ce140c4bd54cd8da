"""A module of the user's own, an experiment with it, and what commands say of them."""

from __future__ import annotations

import json
import shutil

import pytest
from conftest import CONFIGS

from mtrain.cli.main import run

MODULE = """
import keras
import numpy as np
import tensorflow as tf
from keras import ops


def right(y_true, y_pred):
    return ops.cast(ops.argmax(y_true, -1) == ops.argmax(y_pred, -1), "float32")


def phi(y_true, y_pred, scale=1):
    from sklearn.metrics import matthews_corrcoef
    return scale * matthews_corrcoef(y_true.argmax(axis=1), y_pred.argmax(axis=1))


def numpy_right(y_true, y_pred):
    return np.equal(np.argmax(y_true, axis=1), np.argmax(y_pred, axis=1))


def build(n_features, n_classes, units=16):
    return keras.Sequential([
        keras.Input((n_features,)),
        keras.layers.Dense(units, "relu"),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(n_classes, "softmax"),
    ])


def one_argument(y_true):
    return y_true


def is_nan(y_true, y_pred):
    return ops.sum(y_pred, axis=1) * np.nan


def by_output(y_true, y_pred):
    return ops.square(y_true - y_pred)


def constant(y_true, y_pred):
    return ops.sum(y_true, axis=1)


def no_model(n_features, n_classes):
    return "a model"


def too_narrow(n_features, n_classes):
    return keras.Sequential([keras.Input((n_features,)), keras.layers.Dense(3, "softmax")])


def logits(n_features, n_classes):
    return keras.Sequential([keras.Input((n_features,)), keras.layers.Dense(n_classes)])


class Counts(keras.metrics.Metric):
    def update_state(self, y_true, y_pred, sample_weight=None):
        pass

    def result(self):
        return ops.zeros(3)


def in_place(y_true, y_pred):
    y_pred[:] = y_true
    return float(y_pred.sum())


class Unwritten(keras.losses.Loss):
    pass


class OfTwo(keras.metrics.Metric):
    def update_state(self, y_true, y_pred, sample_weight=None):
        pass

    def result(self):
        return {"one": 1.0, "two": 2.0}


class Sums(keras.losses.MeanSquaredError):
    def __init__(self):
        super().__init__(reduction="sum")


class Pythons(keras.losses.Loss):
    steps = 0

    def call(self, y_true, y_pred):
        self.steps += 1
        return self.steps * ops.mean(ops.square(y_true - y_pred), axis=1)


def of_known_rows(y_true, y_pred):
    return ops.sum(ops.reshape(y_pred, (y_pred.shape[0] * 2, -1)), axis=1)[::2]


def dreaming(n_features, n_classes):
    inputs = keras.Input((n_features,))
    outputs = keras.layers.Dense(n_classes, "softmax")(keras.layers.Dropout(0.5)(inputs, training=True))
    return keras.Model(inputs, outputs)


class InPythonAlone(keras.metrics.Mean):
    def update_state(self, y_true, y_pred, sample_weight=None):
        scores = tf.py_function(lambda scores: scores.numpy(), [y_pred], "float32")
        super().update_state(tf.ensure_shape(scores, y_pred.shape))


def nothing(y_true, y_pred):
    pass


def text(y_true, y_pred):
    return "text"


def unbuilt(n_features, n_classes):
    return keras.Sequential([keras.layers.Dense(n_classes, "softmax")])


def of_five(n_features, n_classes):
    return keras.Sequential([keras.Input((5,)), keras.layers.Dense(n_classes, "softmax")])


class Subclassed(keras.Model):
    pass


def batch_mean(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred))


def branching(y_true, y_pred):
    loss = ops.mean(ops.square(y_true - y_pred), axis=1)
    if ops.mean(loss) > 0:
        return loss
    return -loss


class Steps(keras.losses.Loss):
    # How often it was asked; the outputs do not matter, but have a gradient.
    def __init__(self):
        super().__init__()
        self.inner = {"steps": [keras.Variable(0.0)]}

    def call(self, y_true, y_pred):
        self.inner["steps"][0].assign_add(1.0)
        return self.inner["steps"][0] + 0 * ops.sum(y_pred, axis=1)


ASKED = keras.Variable(0, dtype="int64")


def steps(y_true, y_pred):
    ASKED.assign_add(1)
    return ops.cast(ASKED, "float32") + 0 * ops.sum(y_pred, axis=1)


class Many(keras.losses.Loss):
    def __init__(self):
        super().__init__()
        self.all = [keras.Variable(float(n)) for n in range(20)]

    def call(self, y_true, y_pred):
        return sum(self.all) + ops.sum(y_pred, axis=1)


class Noisy(keras.losses.Loss):
    def __init__(self):
        super().__init__()
        self.seed = keras.random.SeedGenerator(0)

    def call(self, y_true, y_pred):
        noise = keras.random.uniform(ops.shape(y_pred), seed=self.seed)
        return ops.mean(noise * ops.square(y_true - y_pred), axis=1)


class Lazily(keras.losses.Loss):
    steps = None

    def call(self, y_true, y_pred):
        if self.steps is None:
            self.steps = keras.Variable(0.0)
        self.steps.assign_add(1.0)
        return self.steps + 0 * ops.sum(y_pred, axis=1)


class InPython(keras.metrics.Metric):
    total = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total += 1.0

    def result(self):
        return ops.convert_to_tensor(float(self.total))

    def reset_state(self):
        self.total = 0.0


def shared(n_features, n_classes):
    layer = keras.layers.Dense(n_features)
    inputs = keras.Input((n_features,))
    outputs = keras.layers.Dense(n_classes, "softmax")(layer(layer(inputs)))
    model = keras.Model(inputs, outputs)
    model.add_weight(name="alone")
    return model


class loss:  # noqa: N801
    pass


A_NUMBER = 3
"""


@pytest.fixture
def folder(tmp_path):
    """One with the module `own` and the guide's."""
    (tmp_path / "own.py").write_text(MODULE)
    shutil.copy(CONFIGS / "tutorials" / "guide.py", tmp_path)
    return tmp_path


def experiment(folder, **settings):
    """A config of two epochs of digits; compiled as graph, which is done sooner."""
    path = folder / "experiment.yaml"
    lines = {"training": "{epochs: 2, compile: graph}", **settings}
    path.write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))
    return path


def history(path):
    """The scalars of a run."""
    return json.loads((path / "history.json").read_text())["history"]


def said(capsys, *arguments):
    """Exit status and what stderr says."""
    status = run(list(map(str, arguments)))
    return status, capsys.readouterr().err.removeprefix("mtrain: ").removesuffix("\n")
