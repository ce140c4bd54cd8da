"""The rivals of a sweep's members: those of the same data are trained once."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from mtrain.rivals.training import rivals_beside
from mtrain.training.rivals import rival_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mtrain.config.loading.members import Member
    from mtrain.rivals.task import RivalTask
    from mtrain.workflows.sweep_data import SweepData
    from mtrain.workflows.train_run import MadeRivals

    RivalsOf = Callable[[Member], MadeRivals | None]


class SweepRivals:
    """What the rivals of each member learn from."""

    def __init__(self, members: Sequence[Member], data: SweepData) -> None:
        """Before the data are prepared, which frees their training rows elsewhere."""
        self._keys = {
            member.name: f"{data.key(member)}{member.config.evaluation.rivals}"
            for member in members
        }
        self._tasks: dict[str, RivalTask] = {}
        for member in members:
            if (key := self._keys[member.name]) not in self._tasks:
                task = rival_task(member.config, data.dataset(member))
                if task is not None:
                    self._tasks[key] = task

    @contextmanager
    def beside(self, members: Sequence[Member]) -> Iterator[RivalsOf]:
        """Train the rivals of these members while the context lasts; what waits for those of a member.

        None: it has none.
        """
        needed = dict.fromkeys(self._keys[member.name] for member in members)
        keys = [key for key in needed if key in self._tasks]
        with rivals_beside([self._tasks[key] for key in keys]) as training:

            def rivals_of(member: Member) -> MadeRivals | None:
                key = self._keys[member.name]
                if training is None or key not in keys:
                    return None
                return partial(training.results, keys.index(key))

            yield rivals_of
