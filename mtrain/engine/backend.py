"""Loading TensorFlow and Keras: quietly, and always set up the same way."""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import TYPE_CHECKING

from mtrain.errors import MtrainError
from mtrain.loading import held_back_stderr, load_matplotlib

if TYPE_CHECKING:
    import logging

LOOP = "<function Loop._compiled"
"""TensorFlow's name for the compiled loop of a training."""


def load_tensorflow() -> None:
    """Import TensorFlow and Keras; what they print meanwhile is shown only if they fail.

    Raises `MtrainError` if they cannot be loaded. The user's `keras.json` has no effect: the
    backend is TensorFlow, floats are float32, and the epsilon of losses is 1e-7.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with held_back_stderr() as printed:
        try:
            load_matplotlib()  # Keras imports it
            import keras
            import tensorflow as tf

            # Looking for devices prints, too, and is done only once.
            tf.config.list_physical_devices()
        except Exception as error:
            sys.stderr.write(printed())
            raise MtrainError(f"TensorFlow cannot be loaded: {error}") from error
    if keras.backend.backend() != "tensorflow":
        raise MtrainError(
            f"Keras was imported before mtrain with the backend {keras.backend.backend()!r}; "
            "mtrain needs TensorFlow"
        )
    tf.get_logger().addFilter(_is_not_about_retracing)
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)


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
