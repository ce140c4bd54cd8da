"""The model that a config or a checkpoint describes: its layers, and a drawing of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mtrain.config.experiment.custom_code import CustomModel, refuse_code
from mtrain.config.loading.load import read_settings
from mtrain.errors import UsageError
from mtrain.keywords import option
from mtrain.model.custom.code import imported
from mtrain.run.files import attributing_errors, write_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from mtrain.records.training import Layer


GRAPH_FORMATS = ("png", "svg", "pdf")


@dataclass(frozen=True)
class Summary:
    """A model's layers, input side first."""

    n_features: int
    layers: list[Layer]
    is_perceptron: bool
    """Whether it is a chain of fully connected layers, which can be drawn."""

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
    """Draw the network as the file's ending says, which `check_graph` has checked.

    Raises `UsageError` for a network that is not a chain of fully connected layers.
    """
    if not summary.is_perceptron:
        raise UsageError(
            "draws chains of fully connected layers; this model is another", where=option("graph")
        )
    from mtrain.report.charts.network import network_chart

    with attributing_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, network_chart(summary.sizes, _ending(path)))


def check_graph(path: Path) -> None:
    """Raise `UsageError` for what no network can be drawn into."""
    if _ending(path) not in GRAPH_FORMATS:
        raise UsageError(
            f"must end in .png, .svg or .pdf, got {str(path)!r}", where=option("graph")
        )
    if path.is_dir():
        raise UsageError(f"{path} is a folder; a file is needed", where=option("graph"))


def _ending(path: Path) -> str:
    return path.suffix[1:].lower()


def summarize(path: Path, overrides: Mapping[str, Any], *, allow_code: bool = False) -> Summary:
    """The summary of the model of a config file (with `overrides`), a run or a checkpoint.

    `allow_code` allows a custom model to be built.
    """
    if path.is_dir():
        from mtrain.run.find_checkpoint import with_checkpoint

        if overrides:
            raise UsageError(
                "the settings of a checkpoint are fixed; only a config takes KEY=VALUE", where=path
            )
        place, saved = with_checkpoint(path, lambda place, saved: (place, saved))
        model, folder = saved.config.model, place.run.path
        n_features, n_classes = saved.encoding.n_features, len(saved.classes)
        n_networks = saved.n_networks
    else:
        from mtrain.data.load import dataset_shape

        n_networks = 1
        settings = read_settings(path, overrides)
        config = settings.validate()
        model, folder = config.model, path.parent
        memory = config.training.memory_bytes
        with settings.located():
            n_features, n_classes = dataset_shape(config.dataset, memory=memory)
    custom = [model] if isinstance(model, CustomModel) else []
    refuse_code(custom, path, allowed=allow_code)

    from mtrain.engine.backend import load_tensorflow

    load_tensorflow()
    from mtrain.engine.device import choose_device
    from mtrain.model.perceptron import build_model, is_perceptron, list_layers

    with choose_device("cpu").scope(), imported(custom, folder) as code:
        built = build_model(model, n_features, n_classes, seed=0, code=code)
    layers = list_layers(built)
    if n_networks == 1:
        return Summary(n_features, layers, is_perceptron(built))
    of_all = [
        replace(layer, name=f"member_{number}/{layer.name}")
        for number in range(1, n_networks + 1)
        for layer in layers
    ]
    return Summary(n_features, of_all, is_perceptron=False)
