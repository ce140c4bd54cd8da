"""An exported model of a run as a model of MLflow, registered with its signature."""

from __future__ import annotations

import json
import platform
import shutil
import tempfile
from datetime import UTC, datetime
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

    `tags` tell it from other models of the run: what has them was logged or registered before, and is
    completed after a kill.
    """
    versions = client.search_model_versions(f"run_id = '{run_id}'")
    if any(tags.items() <= one.tags.items() for one in versions):
        return
    same = [f"source_run_id = '{run_id}'"]
    same += [f"tags.`{key}` = '{value}'" for key, value in tags.items()]
    begun = client.search_logged_models([experiment], " AND ".join(same))
    model = (
        begun[0]
        if begun
        else client.create_logged_model(experiment, "model", source_run_id=run_id, tags=tags)
    )
    if model.status != "READY":
        with tempfile.TemporaryDirectory() as folder:
            _write(exported, model.model_id, run_id, Path(folder))
            client.log_model_artifacts(model.model_id, folder)
        client.finalize_logged_model(model.model_id, "READY")
    registered = legal(name)
    if not client.search_registered_models(f"name = '{registered}'"):
        client.create_registered_model(registered)
    source = f"models:/{model.model_id}"
    client.create_model_version(
        registered, source, run_id=run_id, tags=tags, model_id=model.model_id
    )


def _write(exported: TrackedModel, model_id: str, run_id: str, folder: Path) -> None:
    """The model as MLflow's ONNX flavor loads it."""
    import numpy as np
    import onnx
    import onnxruntime

    shutil.copy(exported.path, folder)
    # JSON is YAML, too.
    description = json.dumps(_description(exported, model_id, run_id), indent=1)
    (folder / "MLmodel").write_text(description, encoding="utf-8")
    # The modules', for the package of onnxruntime has other names as well: onnxruntime-gpu.
    versions = {module.__name__: module.__version__ for module in (onnx, onnxruntime, np)}
    lines = [f"{package}=={version}\n" for package, version in versions.items()]
    (folder / "requirements.txt").write_text("".join(lines), encoding="utf-8")


def _description(exported: TrackedModel, model_id: str, run_id: str) -> dict[str, Any]:
    """What MLflow's `MLmodel` says of a model that its ONNX flavor loads."""
    import mlflow
    import onnx

    flavor = {
        "data": exported.path.name,
        "onnx_version": onnx.__version__,
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
        "flavors": {"onnx": flavor, "python_function": function},
        "signature": {
            "inputs": json.dumps([_tensor(tensor) for tensor in exported.inputs]),
            "outputs": json.dumps([_tensor(tensor) for tensor in exported.outputs]),
            "params": None,
        },
        "model_id": model_id,
        "model_uuid": model_id,
        "run_id": run_id,
        "mlflow_version": mlflow.__version__,
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
