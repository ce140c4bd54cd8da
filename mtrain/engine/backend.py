"""Loading TensorFlow and Keras: quietly, and always set up the same way."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from mtrain.errors import MtrainError
from mtrain.loading import (
    held_back_stderr,
    left_out,
    load_matplotlib,
    owns_process,
    without_collection,
)

if TYPE_CHECKING:
    import logging

UNNEEDED = ("IPython", "jax", "matplotlib", "pandas", "scipy", "sklearn", "torch")
"""Packages that Keras and TensorFlow import if they are installed, for programs that pass their
objects to Keras: half the time of the import, and none of it is needed to train."""

LOOP = "<function Loop._compiled"
"""TensorFlow's name for the compiled loop of a training."""


def load_tensorflow() -> None:
    """Import TensorFlow and Keras; what they print meanwhile is shown only if they fail.

    Raises `MtrainError` if they cannot be loaded. The user's `keras.json` has no effect: the
    backend is TensorFlow, floats are float32, and the epsilon of losses is 1e-7. In a process of
    mtrain's own Keras is loaded without `UNNEEDED`, which anybody can import afterwards.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with held_back_stderr() as printed:
        try:
            with without_collection():
                _import_keras()
            import tensorflow as tf

            # Looking for devices prints, too, and is done only once.
            tf.config.list_physical_devices()
        except Exception as error:
            sys.stderr.write(printed())
            raise MtrainError(f"TensorFlow cannot be loaded: {error}") from error
    import keras

    if keras.backend.backend() != "tensorflow":
        raise MtrainError(
            f"Keras was imported before mtrain with the backend {keras.backend.backend()!r}; "
            "mtrain needs TensorFlow"
        )
    tf.get_logger().addFilter(_is_not_about_retracing)
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)


def _import_keras() -> None:
    if owns_process():
        with suppress(ImportError), left_out(UNNEEDED):
            import keras

            return
    load_matplotlib()  # Keras imports it
    import keras  # noqa: F401 -- for those who come after


def _is_not_about_retracing(record: logging.LogRecord) -> bool:
    """False for the warning about several compiled loops in a program with several trainings."""
    message = record.getMessage()
    return not ("tf.function retracing" in message and LOOP in message)


@cache
def start_device(*, jit_compile: bool) -> None:
    """Compute something, once a process, on the device of the scope that this is called in.

    What TensorFlow prints when it first uses a device and first compiles with XLA is shown only if
    that fails; some versions print whatever TF_CPP_MIN_LOG_LEVEL says. Threads and the use of
    memory must be chosen before.
    """
    import tensorflow as tf

    add = tf.function(lambda x: x + x, jit_compile=jit_compile, autograph=False)
    with held_back_stderr() as printed:
        try:
            add(tf.ones(())).numpy()
        except BaseException:
            sys.stderr.write(printed())
            raise
