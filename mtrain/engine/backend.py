"""Loading TensorFlow and Keras: quietly, and always set up the same way."""

from __future__ import annotations

import gc
import os
import sys
from functools import cache

from mtrain.engine.compilation_cache import compiled_anew_if_refused
from mtrain.errors import MtrainError
from mtrain.loading import held_back_stderr, hidden_packages, load_matplotlib, owns_process

UNNEEDED = ("IPython", "jax", "matplotlib", "pandas", "scipy", "sklearn", "torch")
"""Packages that Keras and TensorFlow import if they are installed, for programs that pass their
objects to Keras: half the time of the import, and none of it is needed to train."""


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
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)


def _import_keras() -> None:
    if owns_process() and _imports_leanly():
        return
    load_matplotlib()  # Keras imports it
    import keras  # noqa: F401 -- imported for its side effect


def _imports_leanly() -> bool:
    """Import Keras without `UNNEEDED`; False if it needs one of them after all."""
    gc.disable()  # what is made now lives as long as the process
    try:
        with hidden_packages(UNNEEDED):
            import keras  # noqa: F401 -- imported for its side effect
    except ModuleNotFoundError as error:
        if error.name not in UNNEEDED:
            raise
        return False
    finally:
        gc.freeze()
        gc.enable()
    return True


@cache
def start_device(*, jit_compile: bool) -> None:
    """Compute something, once a process, on the device of the scope that this is called in.

    What TensorFlow prints when it first uses a device and first compiles with XLA is shown only if
    that fails; some versions print whatever TF_CPP_MIN_LOG_LEVEL says. Threads and the use of
    memory must be chosen before.
    """
    import tensorflow as tf

    def compute() -> None:
        add = tf.function(lambda x: x + x, jit_compile=jit_compile, autograph=False)
        add(tf.ones(())).numpy()

    with held_back_stderr() as printed:
        try:
            compiled_anew_if_refused(compute)
        except BaseException:
            sys.stderr.write(printed())
            raise
