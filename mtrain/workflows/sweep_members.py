"""Train members of a sweep side by side in this process: TensorFlow, data and loops once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mtrain.config.experiment.custom_code import CustomModel
from mtrain.engine.threads import cpu_count
from mtrain.errors import DivergedError, MtrainError
from mtrain.escape import bytes_as_text
from mtrain.keywords import option
from mtrain.loading import load_matplotlib
from mtrain.observer import Observer, Observers
from mtrain.run.directory import RunDirectory
from mtrain.run.environment import describe_environment
from mtrain.run.metrics import METRICS
from mtrain.training.open import load_device, open_environment
from mtrain.training.pool import run_side_by_side
from mtrain.training.signals import Received
from mtrain.training.target import run_target
from mtrain.workflows.evaluate import evaluate
from mtrain.workflows.sweep_data import member_threads
from mtrain.workflows.sweep_result import NOT_EVALUATED, has_trained, read_member
from mtrain.workflows.sweep_rivals import SweepRivals
from mtrain.workflows.train_run import note_lines, train_run

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence
    from pathlib import Path

    from mtrain.config.loading.members import Member
    from mtrain.metrics.epoch import EpochFigures
    from mtrain.observer import SweepObserver
    from mtrain.records.sweep import MemberResult
    from mtrain.training.rivals import RunRivals
    from mtrain.workflows.run import Run
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
        if options.charts:
            load_matplotlib()  # here, as it changes the folder for a moment, and not in a thread
        observer.stage("loading TensorFlow")
        self._device = load_device(options.device, threads)
        # Now that TensorFlow is loaded, and quiet.
        from mtrain.engine.backend import start_device
        from mtrain.engine.shared import SharedTrainers

        kinds = data.check_compilations(self._device.kind)
        self._rivals = SweepRivals(members, data)
        with self._device.scope():
            data.prepare()
            for kind in kinds:  # here, as it redirects stderr, and not in a thread
                start_device(jit_compile=kind == "xla")
        self.jobs = self._choose_jobs()
        self._trainers = SharedTrainers(cpu_count() // self.jobs)
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

        waiting = [one for one in members if not has_trained(results[one.name], until)]
        # Of a rung only members that stop early end, and need them.
        with self._rivals.beside(waiting, at_once=until is None) as rivals_of:

            def train(member: Member) -> None:
                result = self._train(member, by, received, until, rivals_of(member))
                results[member.name] = result
                self._observer.ended(result)

            run_side_by_side(waiting, self.jobs, self._shape, train, lambda: bool(received.signals))
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
                    draw=self._options.draw,
                )

    def _train(
        self,
        member: Member,
        by: str | None,
        received: Received,
        until: int | None,
        rivals: RunRivals | None,
    ) -> MemberResult:
        """Train one member; whatever goes wrong with it is its result."""
        self._observer.began(member.name)
        observers = Observers(
            Told(member.name, by, self._observer), failed=self._options.failed_trackers
        )
        outcome = "failed"
        try:
            run = self._fit(member, observers, received, until, rivals)
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
        observers: Observers,
        received: Received,
        until: int | None,
        rivals: RunRivals | None,
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
                    make=self._trainers.make,
                    evaluated=("test",) if data.dataset.val is None else ("test", "val"),
                    draw=self._options.draw,
                    until=until,
                    rivals=rivals,
                )


class Told(Observer):
    """Tells the observer of the sweep what happens to a member."""

    def __init__(self, member: str, by: str | None, observer: SweepObserver) -> None:
        self._member, self._by, self._observer = member, by, observer

    def note(self, text: str) -> None:
        """A note, with the member's name."""
        self._observer.note(text, self._member)

    def epoch(self, figures: EpochFigures, seconds: float) -> None:  # noqa: ARG002 -- Observer's
        """An epoch, with the figure by which members are ranked."""
        value = None if self._by is None else figures.scalars.get(self._by)
        self._observer.epoch(self._member, figures.epoch, value)
