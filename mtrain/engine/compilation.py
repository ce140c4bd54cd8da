"""Whether a training loop is compiled as graph or by XLA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtrain.config.experiment.custom_code import CustomModel
from mtrain.errors import SettingError

if TYPE_CHECKING:
    from mtrain.config.experiment.schema import Config

LARGE_BATCH = 4096

LARGEST_XLA_BATCH = 8192
"""Rows of a batch on a CPU: XLA adds them up there one after the other, in float32."""


def choose_compilation(config: Config, device_kind: str) -> str:
    """`graph` or `xla`: as the config says; `auto` by a rule from the batch size and the device.

    A rule, not a measurement, so that a resumed run computes the same. On a CPU, XLA saves what a
    step costs outside the arithmetic; in large batches that is negligible
    (`benchmarks/compilation.py`), while graph compiles in half the time and computes as Keras does.
    `graph` also compiles any layer of a custom model.
    """
    if config.training.compile != "auto":
        return config.training.compile
    if isinstance(config.model, CustomModel):
        return "graph"
    large = config.training.batch_size >= LARGE_BATCH
    return "graph" if large and device_kind == "cpu" else "xla"


def check_compilation(config: Config, compilation: str, device_kind: str, n_rows: int) -> None:
    """Raise `SettingError` if XLA on a CPU would round sums over a batch too much.

    `n_rows` is the number of training rows. The loss, the gradients of biases and the means of batch
    normalisation are such sums: of a million equal values the last digits of each are lost, and the
    sum is wrong by 1 %. `graph` adds them up in parts.
    """
    batch = min(config.training.batch_size, n_rows)
    if compilation == "xla" and device_kind == "cpu" and batch > LARGEST_XLA_BATCH:
        problem = (
            f"xla on a CPU is too inexact for batches of more than {LARGEST_XLA_BATCH:,} rows, got "
            f"{batch:,}; take graph, as auto does from {LARGE_BATCH:,} rows, or a smaller "
            "training.batch_size"
        )
        raise SettingError((("training", "compile"), problem))
