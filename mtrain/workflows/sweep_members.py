"""Train members of a sweep side by side in this process: TensorFlow, data and loops once."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from mtrain.config.experiment.custom_code import CustomModel
from mtrain.engine.threads import cpu_count
from mtrain.errors import DivergedError, MtrainError
from mtrain.escape import bytes_as_text
from mtrain.keywords import option
from mtrain.observer import Observer, Observers
from mtrain.records.sweep import MemberResult, SplitFigures
from mtrain.run.directory import RunDirectory
from mtrain.run.environment import describe_environment
from mtrain.run.history import read_history
from mtrain.run.metrics import METRICS, read_report
from mtrain.training.open import load_device, open_environment
from mtrain.training.pool import run_side_by_side
from mtrain.training.signals import Received
from mtrain.training.target import run_target
from mtrain.workflows.evaluate import evaluate
from mtrain.workflows.sweep_data import member_threads
from mtrain.workflows.train_run import note_lines, train_run

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from pathlib import Path

    from mtrain.config.experiment.schema import Config
    from mtrain.config.loading.members import Member
    from mtrain.engine.shared import SharedTrainer
    from mtrain.metrics.epoch import EpochFigures
    from mtrain.metrics.history import History
    from mtrain.observer import SweepObserver
    from mtrain.records.report import Report
    from mtrain.records.sweep import MemberState
    from mtrain.workflows.run import Run
    from mtrain.workflows.sweep_data import Options, SweepData

NOT_EVALUATED = "not evaluated"

BY_HALVING = "by halving"

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
        # Now that TensorFlow is loaded, and quiet.
        from mtrain.engine.backend import start_device
        from mtrain.engine.shared import SharedTrainer

        kinds = data.check_compilations(self._device.kind)
        with self._device.scope():
            data.prepare()
            for kind in kinds:  # here, as it redirects stderr, and not in a thread
                start_device(jit_compile=kind == "xla")
        self.jobs = self._choose_jobs()
        self._trainers = [SharedTrainer() for _ in range(self.jobs)]
        self._noted: set[str] = set()
        observer.stage("")

    def _choose_jobs(self) -> int:
        from mtrain.engine.device import thread_count

        if self._is_alone:
            return 1
        most = max(1, cpu_count() // thread_count())
        return min(most if self._options.jobs is None else self._options.jobs, len(self._members))

    @property
    def _is_alone(self) -> bool:
        """Whether only one member can train at a time: code may keep state in modules; a GPU is one."""
        return self._device.kind != "cpu" or any(m.config.custom_code for m in self._members)

    def describe(self) -> None:
        """Tell the device, how many members train at once, the memory they take, notes on the data."""
        n = len(self._members)
        members = f"{n:,} member{'s' if n > 1 else ''}"
        together = f"{self.jobs} side by side" if self.jobs > 1 else "one after the other"
        parts = [f"the data take {bytes_as_text(self._data.n_bytes)}"]
        if largest := max(map(self._member_bytes, self._members)):
            parts.append(f"a member in training {bytes_as_text(largest)}")
        self._observer.note(
            f"Device: {self._device.description} ({self._device.reason}); "
            f"{members}, {together}; {', '.join(parts)}."
        )
        if self._is_alone and (self._options.jobs or 1) > 1:
            name = option("jobs")
            self._observer.note(f"{name} has no effect on a GPU and with custom code.")
        for line in note_lines(self._data.notes):
            self._observer.note(line)

    def _member_bytes(self, member: Member) -> int:
        """Of the arrays of its state; 0 for a custom model, whose size is not known."""
        config, data = member.config, self._data.of(member).dataset
        if isinstance(config.model, CustomModel):
            return 0
        parameters = config.model.parameters(data.encoding.n_features, len(data.classes))
        return BYTES_A_PARAMETER * parameters

    def train(
        self, members: Sequence[Member], by: str | None, received: Received, until: int | None
    ) -> list[MemberResult]:
        """Train those of `members` that are not finished, to the end or that of epoch `until`.

        Returns their results; `by` is the figure of `MemberResult.value`. After a signal no other
        member begins.
        """
        results = {m.name: read_member(m, self._folder, by) for m in members}
        for member in members:
            if results[member.name].problem == NOT_EVALUATED:
                self._evaluate(member)
                results[member.name] = read_member(member, self._folder, by)
        trainers = iter(self._trainers)

        def make_worker() -> Callable[[Member], None]:
            trainer = next(trainers)

            def train(member: Member) -> None:
                result = self._train(member, trainer, by, received, until)
                results[member.name] = result
                self._observer.ended(result)

            return train

        run_side_by_side(
            [member for member in members if not has_trained(results[member.name], until)],
            self.jobs,
            self._shape,
            make_worker,
            lambda: bool(received.signals),
        )
        return [results[member.name] for member in members]

    def _shape(self, member: Member) -> Hashable:
        from mtrain.engine.compilation import choose_compilation
        from mtrain.engine.shared import loop_shape

        data, config = self._data.of(member), member.config
        xla = choose_compilation(config, self._device.kind) == "xla"
        return loop_shape(config, data.dataset, data.feed, jit_compile=xla)

    def _evaluate(self, member: Member) -> None:
        """Make the evaluations that a finished member lacks, as one that `mtrain resume` trained.

        Not in a thread: it loads the network as `evaluate` does, for which stderr is redirected.
        """
        run, data = RunDirectory(self._folder / member.name), self._data.of(member).dataset
        for split in ("test", "val"):
            if split in data.splits and not (run.evaluations / split / METRICS).is_file():
                evaluate(
                    run.path,
                    split=split,
                    dataset=data,
                    allow_code=True,  # it is that of the sweep's config
                    charts=self._options.charts,
                )

    def _train(
        self,
        member: Member,
        trainer: SharedTrainer,
        by: str | None,
        received: Received,
        until: int | None,
    ) -> MemberResult:
        """Train one member; whatever goes wrong with it is its result."""
        self._observer.began(member.name)
        observers = Observers(Told(member.name, by, self._observer, self._noted))
        outcome = "failed"
        try:
            run = self._fit(member, trainer, observers, received, until)
            outcome = "finished" if run.stopped_by is None else f"stopped by {run.stopped_by.name}"
        except DivergedError as error:
            outcome = "diverged"
            return read_member(member, self._folder, by, "diverged", str(error))
        except MtrainError as error:
            return read_member(member, self._folder, by, "failed", str(error))
        finally:
            observers.end(outcome)
        return read_member(member, self._folder, by)

    def _fit(
        self,
        member: Member,
        trainer: SharedTrainer,
        observers: Observers,
        received: Received,
        until: int | None,
    ) -> Run:
        config, data = member.config, self._data.of(member)
        of_data, of_splits = self._data.facts_of(member)
        environment = replace(self._environment, seed=config.seed, data=of_data, splits=of_splits)
        path = self._folder / member.name
        with run_target(config, path, resume=True, allow_differences=False) as target:
            if target.resumption is not None:
                target.resumption.check_classes(data.dataset.classes)
                target.resumption.check(config, environment)
            with open_environment(config, environment, self._device, target.resumption) as known:
                return train_run(
                    config,
                    data,
                    known,
                    target,
                    self._options.code_folder,
                    observers,
                    Received(received.signals),  # of its own: no signal interrupts this thread
                    make=trainer.make,
                    evaluated=("test",) if data.dataset.val is None else ("test", "val"),
                    charts=self._options.charts,
                    until=until,
                )


def has_trained(result: MemberResult, until: int | None) -> bool:
    """Whether a member is finished, or was stopped by halving after epoch `until` or later."""
    if result.state == "finished":
        return True
    return until is not None and result.problem == BY_HALVING and result.epochs >= until


class Told(Observer):
    """Tells the observer of the sweep what happens to a member."""

    def __init__(
        self, member: str, by: str | None, observer: SweepObserver, noted: set[str]
    ) -> None:
        """`noted` are the notes of all members so far; each text is passed on once."""
        self._member, self._by, self._observer, self._noted = member, by, observer, noted

    def note(self, text: str) -> None:
        """A note, with the member's name."""
        if text not in self._noted:
            self._noted.add(text)
            self._observer.note(f"{self._member}: {text}")

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
        return replace(result, state="stopped", problem=NOT_EVALUATED)
    return replace(
        result,
        checkpoint=test.checkpoint,
        trained_on=_trained_on(member.config, history),
        value=_value(history, test.checkpoint, by, val),
        test=_figures(test),
        val=None if val is None else _figures(val),
    )


def _ended(history: History) -> tuple[MemberState, str | None]:
    match history.segments[-1].ended if history.segments else None:
        case "finished" | "diverged" | "failed" as ended:
            return ended, None
        case None:
            return "stopped", "killed"
        case "halving":
            return "stopped", BY_HALVING
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


def _trained_on(config: Config, history: History) -> int | None:
    """Rows of the training; None if an epoch is a part of them, or folds follow time."""
    follows_time = getattr(config.dataset, "time", None) is not None
    if config.training.steps_per_epoch is not None or follows_time:
        return None
    return int(history.class_counts("train", 0).support.sum())


def _figures(report: Report) -> SplitFigures:
    macro = report.averages.macro
    return SplitFigures(
        report.n, report.loss, report.accuracy, macro.precision, macro.recall, macro.f1
    )
