"""The data that a checkpoint was trained on, or others for it, encoded as its training encoded them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from mtrain.config.experiment.dataset import UserData
from mtrain.config.experiment.table import TableConfig
from mtrain.data.file_states import states_of_files
from mtrain.data.load import draw_splits, load_source, make_dataset
from mtrain.data.table_kind import table_kind
from mtrain.errors import MissingPathError, MtrainError, UsageError
from mtrain.keywords import option
from mtrain.run.environment import changed_versions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mtrain.config.experiment.sources import SourceConfig
    from mtrain.data.load import Drawn
    from mtrain.data.source import Source
    from mtrain.records.dataset import Dataset
    from mtrain.run.checkpoint import Checkpoint
    from mtrain.run.find_checkpoint import CheckpointPlace


@dataclass(frozen=True, eq=False)
class CheckpointData:
    """Data for a checkpoint."""

    dataset: Dataset
    """As the training encoded its own."""

    source: Source
    config: SourceConfig
    """The section by which they were read."""

    files: Mapping[str, tuple[int, ...]]
    """The states of a table's files before they were read."""

    draw: Callable[[], Drawn]
    """Draws the same splits of rows as they were read."""


def load_checkpoint_data(
    saved: Checkpoint, data: Path | None, place: CheckpointPlace
) -> CheckpointData:
    """The data of the training, or those at `data`.

    Raises `MtrainError` for data that are missing, damaged or do not fit the checkpoint, `UsageError`
    for a path of data that have none.
    """
    config = saved.config.dataset
    is_user_data = isinstance(config, UserData)
    changes: dict[str, Any] = {"classes": saved.classes} if is_user_data else {}
    if data is not None:
        if "path" not in type(config).model_fields:
            raise UsageError(f"{config.name} takes no path", where=option("data"))
        changes |= {"path": str(data), **({"test_path": None} if is_user_data else {})}
        if isinstance(config, TableConfig):
            config = config.of_kind(table_kind(data) or config.name)
            changes["val_path"] = None
    names_classes = is_user_data and config.classes is None
    config = config.model_copy(update=changes)
    memory, takes_others = saved.config.training.memory_bytes, data is not None
    drawn_from = saved.identity.get("data.sha256")
    try:
        files = states_of_files(config)
        source = load_source(
            config,
            memory=memory,
            encoding=saved.encoding,
            takes_others=takes_others,
            # If the config has no class names, the labels of the training were the names.
            names_classes=names_classes,
            # A stranger's run must not make this machine use the network.
            download=False,
        )
        dataset = make_dataset(
            source,
            config,
            memory=memory,
            encoding=saved.encoding,
            drawn_from=drawn_from,
            takes_others=takes_others,
        )
    except MissingPathError as error:
        if data is not None:
            raise
        raise error.with_remedy(f"{option('data')} says where the data are now") from error
    for name, rows in dataset.splits.items():
        was = saved.identity.get(f"splits.{name}")
        if dataset.sha256 == drawn_from and rows.rows_sha256 != was:
            changed = changed_versions(place.run.environment)
            raise MtrainError(
                f"the {name} split holds other rows than in the training of "
                f"{place.path}, so rows that were trained on may be among them",
                where=dataset.source,
                remedy=(
                    "take the versions of "
                    f"libraries that the run's environment.json names{changed and f': {changed}'}"
                ),
            )
    if dataset.classes != saved.classes:
        raise MtrainError(
            f"{_named(dataset.classes)}; {place.path} was trained on {_named(saved.classes)}",
            where=dataset.source,
        )
    draw = partial(draw_splits, source, config, drawn_from, takes_others=takes_others)
    return CheckpointData(dataset, source, config, files, draw)


def _named(classes: tuple[str, ...]) -> str:
    return f"{len(classes)} classes, {', '.join(classes):.60}"
