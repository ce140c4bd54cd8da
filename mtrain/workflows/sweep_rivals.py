"""The rivals of a sweep's members: those of the same data are trained once."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from mtrain.rivals.process import rivals_beside
from mtrain.training.rivals import RunRivals, rival_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mtrain.config.loading.members import Member
    from mtrain.rivals.task import RivalTask
    from mtrain.workflows.sweep_data import SweepData

    RivalsOf = Callable[[Member], RunRivals | None]


class SweepRivals:
    """What the rivals of each member learn from."""

    def __init__(self, members: Sequence[Member], data: SweepData) -> None:
        """Before the data are prepared, which frees their training rows elsewhere."""
        self._keys = {
            member.name: f"{data.key(member)}{member.config.evaluation.rivals}"
            for member in members
        }
        self._made: dict[str, RunRivals] = {}
        self._tasks: dict[str, RivalTask] = {}
        for member in members:
            if (key := self._keys[member.name]) not in self._tasks:
                task = rival_task(member.config, data.dataset(member))
                if task is not None:
                    self._tasks[key] = task

    @contextmanager
    def beside(self, members: Sequence[Member], *, at_once: bool) -> Iterator[RivalsOf]:
        """Train the rivals of these members while the context lasts; those of a member, None: it has none.

        If not `at_once`, only once a member has ended that needs them.
        """
        needed = dict.fromkeys(self._keys[member.name] for member in members)
        keys = [key for key in needed if key in self._tasks]
        tasks = {key: self._tasks.pop(key) for key in keys}
        with rivals_beside(list(tasks.values()), at_once=at_once) as training:
            if at_once:
                tasks.clear()  # so that arrays need not stay once they are sent
            if training is not None:
                self._made |= {key: RunRivals(training, place) for place, key in enumerate(keys)}
            yield lambda member: self._made.get(self._keys[member.name])
            # Those that no member asked for may be needed when the members are trained further.
            for place in training.left() if training is not None else ():
                if (key := keys[place]) in tasks:
                    self._tasks[key] = tasks[key]
                    del self._made[key]
