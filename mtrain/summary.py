"""The layers of the model that a config or a checkpoint describes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtrain.config.load import load_config
from mtrain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from mtrain.records import Layer


def summarize(path: Path, overrides: Mapping[str, Any]) -> list[Layer]:
    """The layers of the model of a config file (with `overrides`), a run or a checkpoint."""
    if path.is_dir():
        from mtrain.run.checkpoint import read_checkpoint
        from mtrain.run.selection import find_checkpoint

        if overrides:
            raise UsageError(f"{path}: a checkpoint is as it is; only a config takes KEY=VALUE")
        saved = read_checkpoint(find_checkpoint(path).path)
        model, n_features, n_classes = (
            saved.config.model,
            saved.encoding.n_features,
            len(saved.classes),
        )
    else:
        from mtrain.data import dataset_shape

        config = load_config(path, overrides)
        model, (n_features, n_classes) = (
            config.model,
            dataset_shape(config.dataset, memory=config.training.memory_bytes),
        )

    from mtrain.engine.backend import load_tensorflow

    load_tensorflow()
    from mtrain.engine.device import choose_device
    from mtrain.model import build_model, list_layers

    with choose_device("cpu").scope():
        return list_layers(build_model(model, n_features, n_classes, seed=0))
