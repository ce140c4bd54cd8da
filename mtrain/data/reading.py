"""From a config's dataset section to the rows of its source."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.data.notes import kind_of
from mtrain.data.source import Request
from mtrain.errors import MtrainError, SettingError
from mtrain.records.dataset import SPLITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from mtrain.config.experiment.sources import SourceConfig
    from mtrain.data.source import Source
    from mtrain.records.dataset import Encoding

MODULES = {
    "digits": "mtrain.data.sources.digits",
    "synthetic": "mtrain.data.sources.synthetic",
    "mnist": "mtrain.data.sources.mnist",
    "fashion_mnist": "mtrain.data.sources.mnist",
    "csv": "mtrain.data.sources.tables",
    "parquet": "mtrain.data.sources.tables",
    "npz": "mtrain.data.sources.npz",
    "idx": "mtrain.data.sources.idx",
    "images": "mtrain.data.sources.images",
}
"""By `dataset.name`, the module whose `read(config, request)` gives the `Source`."""


LEFT_OUT = {"unlabelled-rows", "incomplete-rows"}
"""Kinds of notes on rows that are left out."""


def read_source(
    config: SourceConfig,
    *,
    memory: int,
    encoding: Encoding | None = None,
    takes_others: bool = False,
    progress: bool = False,
    download: bool = False,
) -> Source:
    """The data set that `config` names, as it is; columns of a table as `encoding` has them.

    If it `takes_others`, arrays may be of a test split only. `memory`, `progress` and `download`
    are as for `load_dataset`, and so are the errors.
    """
    request = Request(memory, encoding, takes_others, progress, download)
    source = reader_of(config)(config, request)
    _check_labels(source, config, len(config.classes or source.classes))
    return source


def reader_of(config: SourceConfig) -> Callable[[Any, Request], Source]:
    """The function that reads the data of this section."""
    if (module := MODULES.get(config.name)) is not None:
        reader: Callable[[Any, Request], Source] = import_module(module).read
        return reader
    return _read_plugin


def _read_plugin(section: Any, request: Request) -> Source:
    """The data of an installed package, whose section reads itself; any error names the package."""
    try:
        source: Source = section.read(request.memory)
    except MtrainError:
        raise
    except Exception as error:  # whatever a package may raise
        text = " ".join(str(error).split())
        where = f"dataset.name: {section.name} ({type(section).__module__})"
        raise MtrainError(f"{type(error).__name__}: {text:.200}", where=where) from error
    return source


def _check_labels(source: Source, config: SourceConfig, n_classes: int) -> None:
    for split, rows in source.splits.items():
        name = SPLITS[split]
        if (largest := int(rows.labels.max())) < n_classes:
            continue
        if config.classes is not None:
            problem = f"{n_classes} names, but a {name} label of {source.where} is {largest}"
            raise SettingError((("dataset", "classes"), problem))
        raise MtrainError(
            f"a {name} label is {largest}, but {config.name} has {n_classes} classes",
            where=source.where,
        )
    labels = np.unique(np.concatenate([rows.labels for rows in source.splits.values()]))
    if config.classes is None and len(labels) == 1:
        left_out = "".join(f"; {note}" for note in source.notes if kind_of(note) in LEFT_OUT)
        raise MtrainError(
            f"every label is {source.classes[labels[0]]}; a classifier needs two classes{left_out}",
            where=source.where,
        )
