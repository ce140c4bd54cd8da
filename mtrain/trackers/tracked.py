"""What a tracker is told of a run: figures and names, from the run's own files."""

from __future__ import annotations

import hashlib
import json
import math
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mtrain.trackers.names import legal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from mtrain.metrics.history import History
    from mtrain.records.export import Tensor
    from mtrain.records.report import Report
    from mtrain.records.sweep import SweepResult

SCORES = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Identity:
    """The id and the name under which trackers keep a run or a sweep."""

    id: str
    """32 hexadecimal digits; they stay the same wherever the folder is."""

    name: str

    alone: Callable[[str], AbstractContextManager[None]]
    """Waits until nothing else logs it to a tracker, as `mlflow`; raises `MtrainError` after a minute."""


@dataclass(frozen=True)
class TrackedModel:
    """A model that `mtrain export` proved to predict as the run does."""

    path: Path
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


@dataclass(frozen=True, eq=False)
class TrackedRun:
    """A run as its files have it."""

    identity: Identity
    parent: Identity | None
    """The sweep of which it is a member."""

    path: Path
    settings: Mapping[str, Any]
    """All by dotted key."""

    history: History
    state: str
    """`finished`, `running`, `killed`, ... as `run_state` has it."""

    report: Report | None
    """Its evaluation on test, or else on validation; None: it has none."""

    logged: Collection[str]
    """Digests of what trackers have been given that cannot be asked, unless it was in a file that is gone."""

    read_model: Callable[[], TrackedModel | None]
    """Reads its exported model; None without one, or without the package `onnx`. A tracker that keeps no
    models does not call it. Raises `MtrainError` for a file that is damaged."""

    @property
    def started(self) -> datetime:
        """When its training began."""
        return began(self.history)

    @property
    def ended(self) -> datetime:
        """When its last epoch was done; without one, when its training began."""
        return last_done(self.history)

    @property
    def is_over(self) -> bool:
        """Whether it is trained to its end, and reported."""
        return self.state == "finished"


@dataclass(frozen=True, eq=False)
class TrackedSweep:
    """A sweep as its files have it."""

    identity: Identity
    path: Path
    settings: Mapping[str, Any]
    """The keys of its axes, and the numbers of seeds and folds."""

    state: str
    """`finished`, `running` or `killed`."""

    started: datetime | None
    """When its first member began; None: none has."""

    ended: datetime | None
    """When its result was written, or else when the last epoch of a member was done; None: no member has
    begun."""

    best: Mapping[str, float]
    """Figures of its best setting, the mean over seeds and folds: `best/val/loss`, `best/test/accuracy`."""

    best_setting: str
    """The name of that setting; empty without one."""

    files: Sequence[Path]
    """Its tables and charts, by paths below `path`."""


LOSS = "train/loss"


@dataclass(frozen=True)
class TrackedEpoch:
    """The figures of an epoch, which is the tracker's step."""

    epoch: int
    at: datetime
    """When it was done. The same whenever it is logged."""

    figures: Mapping[str, float]
    """Finite ones, by legal names: `val/loss`, `val/recall/<class>`."""

    @property
    def fingerprint(self) -> tuple[int, float | None]:
        """Its number and its training loss: another loss is of an epoch that a resume trained otherwise."""
        return self.epoch, self.figures.get(LOSS)


def tracked_epochs(history: History) -> Iterator[TrackedEpoch]:
    """The epochs of a history, which may grow meanwhile."""
    for epoch, at in epoch_times(history):
        yield TrackedEpoch(epoch, at, dict(_finite(_of_epoch(history, epoch - 1))))


def epoch_times(history: History) -> Iterator[tuple[int, datetime]]:
    """Each epoch, and when it was done: the start of its segment, and the seconds of its epochs so far.

    Raises `ValueError` or `OverflowError` for times that there are not.
    """
    for k, segment in enumerate(history.segments):
        at = datetime.fromisoformat(segment.started)
        epoch, _ = segment.epochs
        while epoch <= history.segments[k].epochs[1]:  # a later one than at first, if it has grown
            at += timedelta(seconds=history.seconds[epoch - 1])
            yield epoch, at
            epoch += 1


def began(history: History) -> datetime:
    """When the training of its first segment began."""
    return datetime.fromisoformat(history.segments[0].started)


def last_done(history: History) -> datetime:
    """When its last epoch was done; without one, when its training began."""
    last = deque(epoch_times(history), maxlen=1)
    return last[0][1] if last else began(history)


def _of_epoch(history: History, k: int) -> Iterator[tuple[str, float | None]]:
    for key, column in history.scalars.items():
        yield scalar_name(key), column[k]
    yield "seconds", history.seconds[k]
    for split, metrics in history.per_class.items():
        for metric, values in metrics.items():
            for name, value in zip(history.classes, values[k], strict=True):
                yield f"{split}/{metric}/{legal(name)}", value


def scalar_name(key: str) -> str:
    """`val/loss` for `val_loss`, `train/loss` for `loss`; the learning rate is of no split."""
    if key == "learning_rate":
        return key
    return f"val/{legal(key[4:])}" if key.startswith("val_") else f"train/{legal(key)}"


def final_figures(report: Report) -> dict[str, float]:
    """The figures of an evaluation with the limits of their intervals, by legal names."""
    return dict(_finite(_of_report(report)))


def _of_report(report: Report) -> Iterator[tuple[str, float | None]]:
    split = report.split
    for key in ("accuracy", "loss", "log_loss"):
        yield f"{split}/{key}", getattr(report, key)
    yield f"{split}/baseline_accuracy", report.baseline.accuracy
    for key, value in (report.figures or {}).items():
        yield f"{split}/{legal(key)}", value
    for metric in SCORES:
        yield f"{split}/{metric}_macro", getattr(report.averages.macro, metric)
        yield from _limits(f"{split}/{metric}_macro", report.averages.macro, metric)
    for one in report.classes:
        for metric in SCORES:
            name = f"{split}/{metric}/{legal(one.name)}"
            yield name, getattr(one, metric)
            yield from _limits(name, one, metric)


def _limits(name: str, scores: Any, metric: str) -> Iterator[tuple[str, float | None]]:
    if (interval := getattr(scores, f"{metric}_ci")) is not None:
        yield f"{name}/low", interval[0]
        yield f"{name}/high", interval[1]


def _finite(figures: Iterable[tuple[str, float | None]]) -> Iterator[tuple[str, float]]:
    """Without undefined figures: no tracker has a value for them."""
    for name, value in figures:
        if value is not None and math.isfinite(value):
            yield name, float(value)


def best_figures(result: SweepResult) -> dict[str, float]:
    """The figure by which the settings of a sweep are ranked, and those on test, of the best of them."""
    if result.best is None or result.by is None:
        return {}
    best = result.settings[result.best]
    tested = {"accuracy": best.accuracy, "f1_macro": best.f1_macro}
    figures: dict[str, float | None] = {f"best/{scalar_name(result.by)}": best.value}
    for name, figure in tested.items():
        figures[f"best/test/{name}"] = None if figure is None else figure.mean
    return dict(_finite(figures.items()))


def verdicts(report: Report) -> dict[str, str]:
    """`learned`, `not learned` or `unproven` by `verdict/<class>`."""
    return {f"verdict/{legal(one.name)}": one.verdict for one in report.classes}


def artifacts(folder: Path) -> list[Path]:
    """The files of a run that explain it, by paths below `folder`: no arrays."""
    names = [folder / name for name in ("config.yaml", "environment.json", "history.json")]
    rooms = [*folder.glob("charts/*"), *folder.glob("evaluation/*/*")]
    files = [path.relative_to(folder) for path in (*names, *sorted(rooms)) if path.is_file()]
    # What is being written has a name with a dot, and so has its folder.
    return [
        file
        for file in files
        if file.suffix != ".npz" and not any(part.startswith(".") for part in file.parts)
    ]


def content_digest(facts: Mapping[str, Any], folder: Path, files: Sequence[Path]) -> str:
    """The SHA-256 of facts and of files below `folder`, by which a tracker knows what it has."""
    hashes = {str(file): hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in files}
    return hashlib.sha256(json.dumps([dict(facts), hashes], sort_keys=True).encode()).hexdigest()


def milliseconds(time: datetime) -> int:
    """Since 1970."""
    return round(time.timestamp() * 1000)
