"""From a config's dataset section to the rows of its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.experiment.sources import (
    DigitsConfig,
    IdxConfig,
    ImagesConfig,
    NpzConfig,
    ParquetConfig,
    SyntheticConfig,
    TableConfig,
)
from mtrain.errors import MtrainError, SettingError

if TYPE_CHECKING:
    from mtrain.config.experiment.sources import SourceConfig
    from mtrain.data.source import Source
    from mtrain.records.dataset import Encoding


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

    If it `takes_others`, arrays may be those of a test split alone. `memory`, `progress` and
    `download` are as for `load_dataset`, and so is what is raised.
    """
    how = {"takes_others": takes_others, "progress": progress, "download": download}
    source = _read(config, memory, encoding, **how)
    _check_labels(source, config, len(config.classes or source.classes))
    return source


def index_columns(config: SourceConfig) -> list[str]:
    """The columns that are the index of the pandas table that a Parquet file was written from."""
    if not isinstance(config, ParquetConfig):
        return []
    from mtrain.data.sources.parquet import pandas_index

    return pandas_index(config.path)


def _read(
    config: SourceConfig,
    memory: int,
    encoding: Encoding | None,
    *,
    takes_others: bool,
    progress: bool,
    download: bool,
) -> Source:
    if isinstance(config, DigitsConfig):
        from mtrain.data.sources.digits import read_digits

        return read_digits()
    if isinstance(config, SyntheticConfig):
        from mtrain.data.sources.synthetic import make_synthetic

        return make_synthetic(config, memory=memory)
    if isinstance(config, TableConfig):
        from mtrain.data.sources.tables import read_table

        return read_table(config, memory=memory, encoding=encoding)
    if isinstance(config, ImagesConfig):
        from mtrain.data.sources.images import read_images

        return read_images(config, memory=memory, encoding=encoding)
    if isinstance(config, NpzConfig):
        from mtrain.data.sources.npz import read_npz_source

        return read_npz_source(config, memory=memory, takes_test=takes_others)
    if isinstance(config, IdxConfig):
        from mtrain.data.sources.idx import read_idx_source

        return read_idx_source(config, memory=memory, takes_test=takes_others)
    from mtrain.data.sources.mnist import read_mnist

    return read_mnist(config.name, config.path, progress=progress, download=download)


def _check_labels(source: Source, config: SourceConfig, n_classes: int) -> None:
    for name, rows in source.splits.items():
        if (largest := int(rows.labels.max())) < n_classes:
            continue
        if config.classes is not None:
            problem = f"{n_classes} names, but a {name} label of {source.where} is {largest}"
            raise SettingError((("dataset", "classes"), problem))
        raise MtrainError(
            f"a {name} label is {largest}, but {config.name} has {n_classes} classes",
            where=source.where,
        )
    found = np.unique(np.concatenate([rows.labels for rows in source.splits.values()]))
    if config.classes is None and len(found) == 1:
        left_out = "".join(f"; {note}" for note in source.notes if "left out" in note)
        raise MtrainError(
            (
                f"every label is {source.classes[found[0]]}; a classifier needs two "
                f"classes{left_out}"
            ),
            where=source.where,
        )
