"""Where to compute, and how to compile for it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tensorflow as tf

from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from mtrain.config.schema import Config


LARGE_BATCH = 1024


@dataclass(frozen=True)
class Device:
    """A device and why it is the one."""

    name: str
    """TensorFlow's: `/CPU:0`, `/GPU:0`."""

    description: str
    """`CPU, 2 threads`, or the GPU's own name."""

    reason: str


def choose_device(wanted: str) -> Device:
    """`auto` takes the first GPU that TensorFlow sees, else the CPU; `cpu` and `gpu` as they say.

    GPU memory is taken as it is needed. Raises `MtrainError` where `gpu` is wanted and none is.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if wanted == "cpu":
        tf.config.set_visible_devices([], "GPU")
        return _cpu("as asked")
    if not gpus:
        why = (
            "TensorFlow sees no GPU"
            if tf.test.is_built_with_cuda()
            else ("this TensorFlow is built without GPU support")
        )
        if wanted == "gpu":
            raise MtrainError(
                f"--device gpu: {why}; install the driver and `mtrain[gpu]`, or take --device cpu"
            )
        return _cpu(why)
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, enable=True)
    details = tf.config.experimental.get_device_details(gpus[0])
    others = f", the first of {len(gpus)}" if len(gpus) > 1 else ""
    reason = "as asked" if wanted == "gpu" else "TensorFlow sees it"
    return Device("/GPU:0", details.get("device_name", "GPU"), reason + others)


def thread_count() -> int:
    """Threads that one operation may use on the CPU."""
    return tf.config.threading.get_intra_op_parallelism_threads() or len(os.sched_getaffinity(0))


def choose_compilation(config: Config, device: Device) -> str:
    """`graph` or `xla`: as the config says; `auto` by a rule from the batch size and the device.

    A rule and no race, so that a resumed run computes what the first one did. On a CPU, XLA saves
    what a step costs outside the arithmetic; in large batches that no longer shows
    (`benchmarks/epoch_time.py`), while graph compiles faster and computes as Keras does.
    """
    if config.training.compile != "auto":
        return config.training.compile
    large = config.training.batch_size >= LARGE_BATCH
    return "graph" if large and device.name == "/CPU:0" else "xla"


def _cpu(reason: str) -> Device:
    threads = thread_count()
    return Device("/CPU:0", f"CPU, {threads} thread{'s' if threads > 1 else ''}", reason)
