"""The model that a config or a checkpoint describes: its layers, and a drawing of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtrain.config.load import load_config
from mtrain.errors import UsageError
from mtrain.run.files import write_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from mtrain.records import Layer


GRAPH_FORMATS = ("png", "svg", "pdf")


@dataclass(frozen=True)
class Summary:
    """A model's layers, input side first."""

    n_features: int
    layers: list[Layer]

    @property
    def sizes(self) -> list[tuple[str, int]]:
        """Name and number of nodes of the inputs and of each layer of units."""
        units = (
            (layer.name.replace("_", " "), layer.output_shape[-1] or 0)
            for layer in self.layers
            if layer.kind == "Dense"
        )
        return [("input", self.n_features), *units]


def draw_graph(summary: Summary, path: Path) -> None:
    """Draw the network as the file's ending says, which `check_graph` has checked."""
    from mtrain.report.network_chart import network_chart

    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, network_chart(summary.sizes, _ending(path)))


def check_graph(path: Path) -> None:
    """Raise `UsageError` for what no network can be drawn into."""
    if _ending(path) not in GRAPH_FORMATS:
        raise UsageError(f"--graph: must end in .png, .svg or .pdf, got {str(path)!r}")
    if path.is_dir():
        raise UsageError(f"--graph: {path} is a folder; a file is wanted")


def _ending(path: Path) -> str:
    return path.suffix[1:].lower()


def summarize(path: Path, overrides: Mapping[str, Any]) -> Summary:
    """That of the model of a config file (with `overrides`), a run or a checkpoint."""
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
        layers = list_layers(build_model(model, n_features, n_classes, seed=0))
    return Summary(n_features, layers)
