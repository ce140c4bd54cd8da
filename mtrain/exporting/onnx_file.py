"""Models of ONNX: written by `onnx`, run by `onnxruntime`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.config.experiment.custom_code import CustomModel
from mtrain.errors import MtrainError, UsageError
from mtrain.exporting.signature import LABEL, PROBABILITIES
from mtrain.records.export import Tensor
from mtrain.records.training import ROWS_A_CALL
from mtrain.run.plain_network import read_plain_networks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from mtrain.exporting.around import Around
    from mtrain.records.export import ElementType
    from mtrain.run.checkpoint import Checkpoint
    from mtrain.run.find_checkpoint import CheckpointPlace

READ_BY = "ONNX with opset 13 and IR 7, which onnxruntime reads from 1.7 on"

MOST_PARAMETERS = 500_000_000
"""A file of protobuf holds 2 GiB."""


def check_onnx(where: str) -> None:
    """Raise `UsageError` if ONNX cannot be written here, or not be run."""
    for package in ("onnx", "onnxruntime"):
        if find_spec(package) is None:
            remedy = "`pip install 'mtrain[onnx]'` installs it"
            raise UsageError(f"{package} is not installed", where=where, remedy=remedy)


def check_is_plain(saved: Checkpoint, path: Path, remedy: str) -> None:
    """Raise `UsageError` for a model that ONNX cannot hold, `MtrainError` for one too large."""
    if isinstance(saved.config.model, CustomModel):
        raise UsageError("a custom model cannot be written as ONNX", where=path, remedy=remedy)
    model = saved.config.model
    one = model.parameters(saved.encoding.n_features, len(saved.classes))
    parameters = saved.n_networks * one
    if parameters > MOST_PARAMETERS:
        raise MtrainError(
            f"its {parameters:,} parameters take more than the 2 GiB of an ONNX file", where=path
        )


def write_onnx(path: Path, saved: Checkpoint, place: CheckpointPlace, around: Around) -> None:
    """Write the checkpoint's network, with what is around it."""
    from mtrain.exporting.onnx_model import onnx_model

    model = onnx_model(around, read_plain_networks(saved, place.path))
    path.write_bytes(model.SerializeToString())


def run_onnx(
    path: Path, inputs: Mapping[str, NDArray[Any]]
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """The labels (N,) and probabilities (N, K) of the model at `path`, by onnxruntime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    n = len(next(iter(inputs.values())))
    pieces = [
        session.run(
            [LABEL, PROBABILITIES],
            {name: values[start : start + ROWS_A_CALL] for name, values in inputs.items()},
        )
        for start in range(0, n, ROWS_A_CALL)
    ]
    labels, probabilities = zip(*pieces, strict=True)
    return np.concatenate(labels), np.concatenate(probabilities)


def read_signature(path: Path) -> tuple[dict[str, str], tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The metadata, the inputs and the outputs of the model that `write_onnx` wrote at `path`.

    Raises `MtrainError` if it cannot be read.
    """
    import onnx

    types: dict[int, ElementType] = {
        onnx.TensorProto.FLOAT: "float32",
        onnx.TensorProto.STRING: "string",
        onnx.TensorProto.UINT8: "uint8",
    }
    try:
        model = onnx.load(str(path), load_external_data=False)
        facts = {entry.key: entry.value for entry in model.metadata_props}
        inputs, outputs = (
            tuple(
                Tensor(
                    one.name,
                    types[one.type.tensor_type.elem_type],
                    tuple(size.dim_value for size in one.type.tensor_type.shape.dim[1:]),
                )
                for one in values
            )
            for values in (model.graph.input, model.graph.output)
        )
    except Exception as error:
        raise MtrainError(f"not a model as mtrain writes it: {error!s:.200}", where=path) from error
    return facts, inputs, outputs


def onnx_runtime() -> str:
    """What `run_onnx` runs, with its version."""
    import onnxruntime

    return f"onnxruntime {onnxruntime.__version__}"
