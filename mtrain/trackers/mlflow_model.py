"""An exported model of a run as a model of MLflow, registered with its signature."""

from __future__ import annotations

import json
import platform
import shutil
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtrain.trackers.names import legal

if TYPE_CHECKING:
    from mtrain.records.export import Tensor
    from mtrain.trackers.tracked import TrackedModel


def log_model(
    client: Any,
    experiment: str,
    run_id: str,
    name: str,
    exported: TrackedModel,
    tags: dict[str, str],
) -> None:
    """Log an exported model of a run, and register it under this name as the newest version.

    `tags` are given to that version; if a version of the run has them, the model is there already.
    """
    known = client.search_model_versions(f"run_id = '{run_id}'")
    if any(tags.items() <= version.tags.items() for version in known):
        return
    model = client.create_logged_model(experiment, name="model", source_run_id=run_id)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(exported.path, folder)
        description = _description(exported, model.model_id, run_id)
        # JSON is YAML, too.
        Path(folder, "MLmodel").write_text(json.dumps(description, indent=1), encoding="utf-8")
        packages = "".join(
            f"{name}=={version(name)}\n" for name in ("onnx", "onnxruntime", "numpy")
        )
        Path(folder, "requirements.txt").write_text(packages, encoding="utf-8")
        client.log_model_artifacts(model.model_id, folder)
    client.finalize_logged_model(model.model_id, "READY")
    name = legal(name)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    client.create_model_version(
        name, f"models:/{model.model_id}", run_id=run_id, tags=tags, model_id=model.model_id
    )


def _description(exported: TrackedModel, model_id: str, run_id: str) -> dict[str, Any]:
    """What MLflow's `MLmodel` says of a model that its ONNX flavor loads."""
    onnx = {
        "data": exported.path.name,
        "onnx_version": version("onnx"),
        "providers": ["CPUExecutionProvider"],
        "onnx_session_options": None,
        "code": None,
    }
    function = {
        "data": exported.path.name,
        "loader_module": "mlflow.onnx",
        "env": {"virtualenv": "requirements.txt"},
        "python_version": platform.python_version(),
    }
    return {
        "flavors": {"onnx": onnx, "python_function": function},
        "signature": {
            "inputs": json.dumps([_tensor(tensor) for tensor in exported.inputs]),
            "outputs": json.dumps([_tensor(tensor) for tensor in exported.outputs]),
            "params": None,
        },
        "model_id": model_id,
        "model_uuid": model_id,
        "run_id": run_id,
        "mlflow_version": version("mlflow-skinny"),
        "utc_time_created": str(datetime.now(UTC).replace(tzinfo=None)),
    }


def _tensor(tensor: Tensor) -> dict[str, Any]:
    """A column of a table, too: of a data frame MLflow would make inputs of one dimension."""
    kind = "str" if tensor.type == "string" else tensor.type
    return {
        "type": "tensor",
        "tensor-spec": {"dtype": kind, "shape": [-1, *tensor.shape]},
        "name": tensor.name,
    }
