"""Whether a table's files were changed between two readings of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtrain.config.catalog.endings import ENDINGS
from mtrain.config.experiment.table import TableConfig
from mtrain.data.files import find_files
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mtrain.config.experiment.sources import SourceConfig


def states_of_files(config: SourceConfig) -> dict[str, tuple[int, ...]]:
    """What shows that a file of the table was changed, by its name; of other data nothing.

    It is not their content, which the hash of the rows has: a column that nothing is learned from is in no
    hash. Raises `MtrainError` for a missing file.
    """
    if not isinstance(config, TableConfig):
        return {}
    paths = [path for path in (config.path, config.val_path, config.test_path) if path is not None]
    files = [file for path in paths for file in find_files(path, ENDINGS[config.name], None)]
    states = {str(file): file.stat() for file in files}
    return {
        name: (state.st_ino, state.st_size, state.st_mtime_ns) for name, state in states.items()
    }


def check_unchanged(config: SourceConfig, before: Mapping[str, tuple[int, ...]]) -> None:
    """Raise `MtrainError` if the table's files are not as `states_of_files` found them `before`."""
    now = states_of_files(config)
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            problem = "was changed while its rows were read"
            raise MtrainError(problem, where=name, remedy="run the command again")
