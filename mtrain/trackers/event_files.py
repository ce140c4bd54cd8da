"""A run in TensorBoard's event files, from its history: without the weights, which only a training has."""

from __future__ import annotations

import io
import os
import socket
import sys
import time
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.errors import MtrainError
from mtrain.escape import inert
from mtrain.loading import held_back_stderr, owns_process
from mtrain.trackers.names import original
from mtrain.trackers.tracked import LOSS, final_figures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from mtrain.trackers.tracked import TrackedEpoch, TrackedRun

LAST = "loss"
"""The tag that is written last of an epoch: one without it was left incomplete by a kill."""


class TensorBoardRun:
    """A run in the event files of a folder."""

    digest = file = None

    def __init__(self, folder: Path, run: TrackedRun) -> None:
        """`folder` is that of the event files; raises `MtrainError`."""
        if owns_process() and "tensorflow" not in sys.modules:
            # By the presence of this module TensorBoard knows that it shall use its stand-in for
            # TensorFlow, which would take seconds to load.
            sys.modules.setdefault("tensorboard.compat.notf", ModuleType("notf"))
        with held_back_stderr():
            from tensorboard.compat import tf

            _ = tf.io
        self.where = str(folder)
        self._folder = folder
        self._numbers = _numbers(folder)
        losses = run.history.scalars.get("loss", ())
        others = (n for n, loss in enumerate(losses, 1) if not self._has(LAST, n, loss))
        self._last = next(others, len(losses) + 1) - 1
        self._writer: EventWriter | None = None

    def lacks(self, epoch: TrackedEpoch) -> bool:
        """Whether it is after the last epoch from the first on that the files have, whole and with its loss."""
        return epoch.epoch > self._last

    def log(self, epochs: Sequence[TrackedEpoch]) -> None:
        """Add epochs under the tags that a training writes; what the files have of later ones is discarded."""
        from tensorboard.compat.proto.event_pb2 import SessionLog

        with writing(self._folder):
            if self._writer is None:
                first = epochs[0].epoch
                self._add(first, epochs[0].at, session_log=SessionLog(status=SessionLog.START))
                _discard(self._numbers, first)
            for one in epochs:
                others = {name: value for name, value in one.figures.items() if name != LOSS}
                for name, value in (*others.items(), (LOSS, one.figures[LOSS])):
                    self._add_number(one.epoch, one.at, _tag_of(name), value)
            self._flush()
        self._last = epochs[-1].epoch

    def finish(self, run: TrackedRun) -> bool:
        """Add the evaluation, at the step of the last epoch; whether it is new.

        Another one of the same epoch stays beside it: event files can discard whole epochs only.
        """
        figures = {} if run.report is None else final_figures(run.report)
        step = len(run.history.epoch)
        tags = {_tag_of_evaluation(name): value for name, value in figures.items()}
        new = {tag: value for tag, value in tags.items() if not self._has(tag, step, value)}
        with writing(self._folder):
            for tag, value in new.items():
                self._add_number(step, run.ended, tag, value)
            self._flush()
        return bool(new)

    def say_state(self, state: str, ended: datetime) -> None:
        """TensorBoard has no state of a run."""

    def _flush(self) -> None:
        if self._writer is not None:
            self._writer.flush()

    def _has(self, tag: str, step: int, value: float) -> bool:
        return self._numbers.get(tag, {}).get(step) == np.float32(value)

    def _add_number(self, step: int, at: datetime, tag: str, value: float) -> None:
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb

        self._add(step, at, summary=scalar_pb(tag, np.float32(value)))

    def _add(self, step: int, at: datetime, **content: object) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        if self._writer is None:
            self._writer = open_writer(self._folder)
        self._writer.add_event(Event(wall_time=at.timestamp(), step=step, **content))


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Raise `MtrainError` if event files in the folder cannot be written or read."""
    from tensorboard.compat import tf  # TensorFlow's file system, or its stand-in

    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise MtrainError(f"cannot be written: {reason}", where=folder) from error


class EventWriter:
    """Writes events to a file, which is closed between calls of `flush`.

    TensorBoard's own writes in a thread, which prints a traceback if the disk is full.
    """

    def __init__(self, path: Path) -> None:
        """Makes the file and its folder, and writes the first event; raises `OSError`."""
        from tensorboard.compat.proto.event_pb2 import Event

        self._path = path
        self._records = io.BytesIO()
        path.parent.mkdir(parents=True, exist_ok=True)
        self.add_event(Event(wall_time=time.time(), file_version="brain.Event:2"))
        self.flush()

    def add_event(self, event: Any) -> None:
        """Keep it for the next `flush`."""
        from tensorboard.summary.writer.record_writer import RecordWriter

        RecordWriter(self._records).write(event.SerializeToString())

    def flush(self) -> None:
        """Write what was added since; raises `OSError`, and then does not try it again."""
        records, self._records = self._records, io.BytesIO()
        with self._path.open("ab") as file:
            file.write(records.getbuffer())


def open_writer(folder: Path) -> EventWriter:
    """A writer of a new file, which TensorBoard reads after all others of the folder."""
    # In the order of their names, which begin with the second: of one second the tenth file of a process
    # comes before the ninth.
    now = time.time()
    if any(folder.glob(f"*tfevents.{int(now):010d}.*")):
        time.sleep(1.01 - now % 1)
    name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.0"
    return EventWriter(folder / name)


Numbers = dict[str, dict[int, np.float32]]
"""By tag and step."""


def _numbers(folder: Path) -> Numbers:
    """What TensorBoard shows of losses and evaluations.

    The last value of a step, unless a session that began later at this step or before has discarded it.
    """
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.compat.proto.event_pb2 import SessionLog
    from tensorboard.util.tensor_util import make_ndarray

    numbers: Numbers = {}
    with writing(folder):
        for file in sorted(folder.glob("*tfevents*")):  # in TensorBoard's order
            for event in EventFileLoader(str(file)).Load():
                if event.session_log.status == SessionLog.START:
                    _discard(numbers, event.step)
                for one in event.summary.value:
                    if one.tag == LAST or one.tag.startswith(("test/", "val/")):
                        value = make_ndarray(one.tensor).item()
                        numbers.setdefault(one.tag, {})[event.step] = np.float32(value)
    return numbers


def _discard(numbers: Numbers, first: int) -> None:
    for values in numbers.values():
        for step in [step for step in values if step >= first]:
            del values[step]


def split_tag(split: str, metric: str) -> str:
    """The tag of a training's metric on `train` or `val`, as Keras has it."""
    return f"val_{metric}" if split == "val" else metric


def _tag_of(name: str) -> str:
    """The tag of an epoch's figure: `val_recall/<class>` for `val/recall/<class>`."""
    split, _, rest = name.partition("/")
    if not rest:
        return name
    metric, *of_class = rest.split("/")
    return "/".join([split_tag(split, metric), *_originals(of_class)])


def _tag_of_evaluation(name: str) -> str:
    """The tag of an evaluation's figure: also on `val` none that epochs have."""
    split, metric, *of_class = name.split("/")
    return "/".join([split, metric, *_originals(of_class)])


def _originals(parts: Sequence[str]) -> list[str]:
    return [inert(original(part)) for part in parts]
