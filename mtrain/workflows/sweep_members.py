"""Train members of a sweep side by side in this process: TensorFlow, data and loops once."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mtrain.config.experiment.custom_code import CustomModel
from mtrain.engine.threads import cpu_count
from mtrain.errors import DivergedError, MtrainError, SettingError
from mtrain.escape import bytes_as_text
from mtrain.observer import Observer, Observers
from mtrain.records.sweep import MemberResult, SplitFigures
from mtrain.run.directory import RunDirectory
from mtrain.run.environment import describe_environment
from mtrain.run.history import read_history
from mtrain.run.metrics import read_report
from mtrain.training.open import load_device, open_environment
from mtrain.training.pool import run_side_by_side
from mtrain.training.signals import Received
from mtrain.training.target import run_target
from mtrain.workflows.evaluate import evaluate
from mtrain.workflows.sweep_data import member_threads
from mtrain.workflows.train_run import finished_run, note_lines, train_run

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from pathlib import Path

    from mtrain.config.loading.members import Member
    from mtrain.engine.shared import SharedTrainer
    from mtrain.metrics.epoch import EpochFigures
    from mtrain.metrics.history import History
    from mtrain.observer import SweepObserver
    from mtrain.records.report import Report
    from mtrain.records.sweep import MemberState
    from mtrain.workflows.sweep_data import Options, SweepData

BYTES_A_PARAMETER = 36
"""Of a member in training: weights and two slots of the optimizer, float32, on the device, in the
last state and in the best."""


class MembersTrainer:
    """Trains members in this process; state that they share is made once."""

    def __init__(
        self,
        members: Sequence[Member],
        folder: Path,
        data: SweepData,
        options: Options,
        observer: SweepObserver,
    ) -> None:
        """Load TensorFlow and put the data of `members` on the device; they train in `folder`.

        All of them have the same number of threads. Raises `MtrainError` for a device that is not
        there, `UsageError` for batches that the compiler would round too much.
        """
        self._members, self._folder, self._data = members, folder, data
        self._options, self._observer = options, observer
        self._environment = describe_environment(0, {}, {})
        threads = member_threads(members[0], data) if options.owns_process else None
        observer.stage("loading TensorFlow")
        self._device = load_device(options.device, threads)
        with self._device.scope():
            data.prepare()
            self._start()
        self.jobs = self._choose_jobs()
        observer.stage("")

    def _start(self) -> None:
        """Check what only the device tells, and let TensorFlow print what it prints but once."""
        from mtrain.engine.backend import start_device
        from mtrain.engine.compilation import check_compilation, choose_compilation

        kinds = set()
        problems: dict[Any, None] = {}
        for member in self._members:
            config, rows = member.config, self._data.of(member).rows["train"]
            kinds.add(kind := choose_compilation(config, self._device.kind))
            try:
                check_compilation(config, kind, self._device.kind, rows)
            except SettingError as error:
                problems |= dict.fromkeys((one.key, one.what) for one in error.problems)
        if problems:
            raise SettingError(*problems)
        for kind in kinds:
            start_device(jit_compile=kind == "xla")

    def _choose_jobs(self) -> int:
        from mtrain.engine.device import thread_count

        # Custom code may keep state in its modules; a GPU is one.
        alone = any(m.config.custom_code for m in self._members) or self._device.kind != "cpu"
        most = 1 if alone else max(1, cpu_count() // thread_count())
        return min(
            most if self._options.jobs is None or alone else self._options.jobs, len(self._members)
        )

    def describe(self) -> None:
        """Tell the device, how many members train at once, the memory they take, notes on the data."""
        largest = max(map(self._member_bytes, self._members))
        device = f"Device: {self._device.description} ({self._device.reason})"
        together = f"{self.jobs} side by side" if self.jobs > 1 else "one after the other"
        self._observer.note(
            f"{device}; {len(self._members):,} members, {together}; the data take "
            f"{bytes_as_text(self._data.n_bytes)}, a member in training {bytes_as_text(largest)}."
        )
        for line in note_lines(self._data.notes):
            self._observer.note(line)

    def _member_bytes(self, member: Member) -> int:
        config, data = member.config, self._data.of(member).dataset
        if isinstance(config.model, CustomModel):
            return 0
        parameters = config.model.parameters(data.encoding.n_features, len(data.classes))
        return BYTES_A_PARAMETER * parameters

    def train(
        self, members: Sequence[Member], by: str | None, received: Received, until: int | None
    ) -> list[MemberResult]:
        """Train those of `members` that are not finished, to the end or that of epoch `until`.

        Returns their results; `by` is the figure of `MemberResult.value`.
        After a signal no other is begun.
        """
        results: dict[str, MemberResult] = {}
        mine = {member.name for member in self._members}  # others are finished

        def make_worker() -> Callable[[Member], None]:
            from mtrain.engine.shared import SharedTrainer

            trainer = SharedTrainer()

            def train(member: Member) -> None:
                result = self._train(member, trainer, by, received, until)
                results[member.name] = result
                self._observer.ended(result)

            return train

        run_side_by_side(
            [member for member in members if member.name in mine],
            self.jobs,
            self._shape,
            make_worker,
            lambda: bool(received.signals),
        )
        return [results.get(m.name) or read_member(m, self._folder, by) for m in members]

    def _shape(self, member: Member) -> Hashable:
        from mtrain.engine.compilation import choose_compilation
        from mtrain.engine.shared import loop_shape

        data, config = self._data.of(member), member.config
        xla = choose_compilation(config, self._device.kind) == "xla"
        return loop_shape(config, data.dataset, data.feed, jit_compile=xla)

    def _train(
        self,
        member: Member,
        trainer: SharedTrainer,
        by: str | None,
        received: Received,
        until: int | None,
    ) -> MemberResult:
        """Train one member; whatever goes wrong with it is its result."""
        before = read_member(member, self._folder, by)
        if until is not None and before.epochs >= until:
            return before  # it has been further than the others
        self._observer.began(member.name)
        try:
            self._fit(member, trainer, by, received, until)
        except DivergedError as error:
            return read_member(member, self._folder, by, "diverged", str(error))
        except MtrainError as error:
            return read_member(member, self._folder, by, "failed", str(error))
        return read_member(member, self._folder, by)

    def _fit(
        self,
        member: Member,
        trainer: SharedTrainer,
        by: str | None,
        received: Received,
        until: int | None,
    ) -> None:
        config, options, path = member.config, self._options, self._folder / member.name
        data = self._data.of(member)
        observers = Observers(Told(member.name, by, self._observer))
        splits = ("test",) if data.dataset.val is None else ("test", "val")
        with run_target(config, path, resume=True, allow_differences=False) as target:
            folder, resumption = options.code_folder, target.resumption
            if finished_run(target, config, folder, observers) is None:
                of_data, of_splits = self._data.facts_of(member)
                environment = replace(
                    self._environment, seed=config.seed, data=of_data, splits=of_splits
                )
                if resumption is not None:
                    resumption.check_classes(data.dataset.classes)
                    resumption.check(config, environment)
                with open_environment(config, environment, self._device, resumption) as known:
                    train_run(
                        config,
                        data,
                        known,
                        target,
                        folder,
                        observers,
                        # Its own: interrupting this thread is not what a signal can do.
                        Received(received.signals),
                        make=trainer.make,
                        evaluated=splits,
                        charts=options.charts,
                        until=until,
                    )
                    return
        if "val" in splits and not (RunDirectory(path).evaluations / "val").is_dir():
            # It was trained to its end alone, by `mtrain resume`.
            with self._device.scope():
                evaluate(path, split="val", dataset=data.dataset, charts=options.charts)


class Told(Observer):
    """Tells the observer of the sweep what happens to a member."""

    def __init__(self, member: str, by: str | None, observer: SweepObserver) -> None:
        self._member, self._by, self._observer = member, by, observer

    def epoch(self, figures: EpochFigures, seconds: float) -> None:  # noqa: ARG002 -- Observer's
        """An epoch, with the figure by which members are ranked."""
        value = None if self._by is None else figures.scalars.get(self._by)
        self._observer.epoch(self._member, figures.epoch, value)


def read_member(
    member: Member,
    folder: Path,
    by: str | None,
    state: MemberState | None = None,
    problem: str | None = None,
) -> MemberResult:
    """The result of a member by the files in its folder; `state` and `problem` if they are known."""
    result = MemberResult(
        member.name, member.setting, member.seed, member.fold, state or "waiting", problem
    )
    run = RunDirectory(folder / member.name)
    try:
        history = read_history(run.path)
    except MtrainError:
        return result
    if state is None:
        state, problem = _ended(history)
    result = replace(result, state=state, problem=problem, epochs=len(history.epoch))
    if state != "finished":
        return result
    val = None
    try:
        test = read_report(run.evaluations / "test")
        if member.config.dataset.validation is not None:
            val = read_report(run.evaluations / "val")
    except MtrainError:
        # Removed, or it was trained to its end alone, by `mtrain resume`.
        return replace(result, state="stopped", problem="not evaluated")
    return replace(
        result,
        checkpoint=test.checkpoint,
        trained_on=int(history.class_counts("train", 0).support.sum()),
        value=_value(history, test.checkpoint, by, val),
        test=_figures(test),
        val=None if val is None else _figures(val),
    )


def _ended(history: History) -> tuple[MemberState, str | None]:
    match history.segments[-1].ended:
        case "finished" | "diverged" | "failed" as ended:
            return ended, None
        case None:
            return "stopped", "killed"
        case ended:
            return "stopped", f"by {ended}"


def _value(history: History, checkpoint: str, by: str | None, val: Report | None) -> float | None:
    """The figure called `by` at a checkpoint; None if it is undefined there."""
    if by is None:
        return None
    if by == "val_accuracy" and val is not None:
        return val.accuracy  # whether or not accuracy is among the metrics
    epoch = int(checkpoint.removeprefix("epoch-"))
    value = history.monitored(by, epoch - 1)
    return value if math.isfinite(value) else None


def _figures(report: Report) -> SplitFigures:
    macro = report.averages.macro
    return SplitFigures(
        report.n, report.loss, report.accuracy, macro.precision, macro.recall, macro.f1
    )
