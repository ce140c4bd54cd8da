"""Where to compute."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tensorflow as tf

from mtrain.engine.threads import cpu_count, threads_asked
from mtrain.errors import MtrainError, UsageError
from mtrain.keywords import option

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Device:
    """A device and the reason for choosing it."""

    kind: str
    """`cpu` or `gpu`."""

    description: str
    """`CPU, 2 threads`, or the GPU's name."""

    reason: str

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Operations in this context run on the device.

        Raises `MtrainError` if its memory does not suffice.
        """
        try:
            with tf.device(f"/{self.kind.upper()}:0"):
                yield
        except (tf.errors.ResourceExhaustedError, MemoryError) as error:
            raise MtrainError(
                "out of memory; a smaller model.hidden, training.batch_size "
                "or dataset.samples needs less",
                where=self.description,
            ) from error


def choose_device(wanted: str, threads: int | None = None) -> Device:
    """`auto` takes the first GPU that TensorFlow sees, else the CPU.

    An operation on the CPU may use so many `threads`; None: as many as `TF_NUM_INTRAOP_THREADS`
    says, or as TensorFlow has already in this process, or as there are CPUs. GPU memory is
    allocated as needed. Raises `MtrainError` if `gpu` is requested and there is no GPU,
    `UsageError` for any other value, of threads too.
    """
    if wanted not in {"auto", "cpu", "gpu"}:
        raise UsageError(f"must be auto, cpu or gpu, got {wanted!r}", where=option("device"))
    threads_asked()  # before TensorFlow looks
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        # On the CPU, too: TensorFlow would take all the memory of a GPU that it does not use.
        if not tf.config.experimental.get_memory_growth(gpu):
            with suppress(RuntimeError, ValueError):  # this process has used it, so it is set
                tf.config.experimental.set_memory_growth(gpu, enable=True)
    if wanted == "cpu":
        return _cpu("as asked", threads)
    if not gpus:
        built = tf.test.is_built_with_cuda()
        why = "TensorFlow sees no GPU" if built else "this TensorFlow has no GPU support"
        if wanted == "gpu":
            raise MtrainError(
                why,
                where=option("device", "gpu"),
                remedy=f"install the driver and `mtrain[gpu]`, or take {option('device', 'cpu')}",
            )
        return _cpu(why, threads)
    details = tf.config.experimental.get_device_details(gpus[0])
    others = f", the first of {len(gpus)}" if len(gpus) > 1 else ""
    reason = "as asked" if wanted == "gpu" else "TensorFlow sees it"
    return Device("gpu", details.get("device_name", "GPU"), reason + others)


def thread_count() -> int:
    """Threads that one operation may use on the CPU."""
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    return int(threads) or threads_asked() or cpu_count()


def leaves_cpus_idle() -> bool:
    """Whether this program chose fewer threads for an operation than there are CPUs.

    `TF_NUM_INTRAOP_THREADS` means that others shall have the rest.
    """
    return bool(0 < tf.config.threading.get_intra_op_parallelism_threads() < cpu_count())


def _cpu(reason: str, threads: int | None) -> Device:
    if threads is not None and threads_asked() is None:
        with suppress(RuntimeError):  # TensorFlow is at work already
            tf.config.threading.set_intra_op_parallelism_threads(threads)
    threads = thread_count()
    return Device("cpu", f"CPU, {threads} thread{'s' if threads > 1 else ''}", reason)
