"""What a training needs before its first step: a folder, a device, a trainer, a recorder."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mtrain.config.load import config_to_yaml
from mtrain.engine.build import make_trainer
from mtrain.errors import MtrainError
from mtrain.metrics.history import History
from mtrain.model.custom.code import imported
from mtrain.records.run import Segment
from mtrain.run.checkpoint import Checkpoint, check_state_size
from mtrain.run.directory import (
    OUTPUTS,
    RunDirectory,
    check_creatable,
    check_empty,
    choose_directory,
    make_directory,
)
from mtrain.run.environment import describe_environment, identity, write_environment
from mtrain.run.files import write_bytes, write_text
from mtrain.run.lock import locked, refuse_locked
from mtrain.run.recorder import Recorder
from mtrain.training.resume import Resumption, find_resumption

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack
    from pathlib import Path

    from mtrain.config.schema import Config
    from mtrain.engine.trainer import Trainer
    from mtrain.model.custom.code import ImportedCode
    from mtrain.records.dataset import Dataset
    from mtrain.records.run import Environment


@dataclass(frozen=True, eq=False)
class RunTarget:
    """Where a training writes, and from where it continues."""

    out: Path | None
    """The run directory to be made where none has begun; None: a free one of `outputs/<name>`."""

    may_be_begun: bool
    """Whether a run in `out` would be resumed."""

    begun: RunDirectory | None
    """The run that is there already, locked."""

    resumption: Resumption | None
    """None where training starts from the beginning."""

    @property
    def notes(self) -> Iterator[str]:
        """What is worth saying before training starts."""
        if self.begun is not None and self.resumption is None:
            yield f"{self.begun.path} has no checkpoint yet; training starts anew."
        if self.resumption is not None:
            yield from self.resumption.notes


@dataclass(frozen=True, eq=False)
class Prepared:
    """What trains, and what keeps it."""

    run: RunDirectory
    trainer: Trainer
    recorder: Recorder
    code: ImportedCode
    """The user's own, imported."""

    device: str
    """What it runs on, why, and how it is compiled."""


def find_target(
    config: Config, out: Path | None, held: ExitStack, *, resume: bool, allow_differences: bool
) -> RunTarget:
    """Where to train, before the data are read; a resumed run is locked as long as `held` is.

    Raises `MtrainError` for a folder that cannot be had, and as `find_resumption` does.
    """
    if resume:
        out = out or OUTPUTS / config.name
        begun = RunDirectory(out)
        if begun.is_begun:
            begun.check_is_run()
            begun.refuse_links()
            held.enter_context(locked(begun.path))
            resumption = find_resumption(begun, config, differences_allowed=allow_differences)
            return RunTarget(out, resume, begun, resumption)
        check_creatable(out)
    else:
        if out is not None:
            refuse_locked(out)  # who is at work there is worth more than that it is not empty
        choose_directory(config.name, out)
    return RunTarget(out, resume, None, None)


def choose_environment(
    config: Config,
    classes: tuple[str, ...],
    facts: dict[str, dict[str, str]],
    device: str,
    threads: int | None,
    place: RunTarget,
    held: ExitStack,
) -> Environment:
    """Load TensorFlow, and choose where and how to compute: the content of `environment.json`.

    `facts` is what that says of the data: its `data`, `sha256`, `source` and the SHA-256 of each split
    that they bring, and its `splits`, the SHA-256 of the rows of each; `threads` are those of an operation
    on the CPU, None: all, but a resumed run has those that it began with. Raises `MtrainError`
    for what cannot be had on this machine, `UsageError` for a resumed run under other
    circumstances, unless that is allowed.
    """
    # The data set itself is not to be seen from here: what TensorFlow tries in vain to import keeps
    # this frame, and all that it names, for as long as the process lives.
    resumption = place.resumption
    environment = describe_environment(seed=config.seed, **facts)
    if resumption is not None:
        resumption.check_classes(classes)
        resumption.compare_best()
        resumption.compare_environment(environment)
    # What a run began on is no whim of the machine on which it goes on.
    stays = resumption is not None and device == "auto" and resumption.checkpoint.device == "cpu"
    if resumption is not None:
        threads = resumption.checkpoint.threads
    facts_of_device = _device_facts(config, "cpu" if stays else device, threads, held)
    if stays:
        facts_of_device["device_reason"] = "as before"
    environment = replace(environment, **facts_of_device)
    if resumption is not None:
        resumption.compare_environment(environment)
    return environment


def prepare(
    config: Config,
    dataset: Dataset,
    environment: Environment,
    place: RunTarget,
    held: ExitStack,
    code_folder: Path,
) -> Prepared:
    """Make what trains, and put it where the run continues.

    Custom code is looked for in `code_folder`, and kept in the run. Raises `MtrainError` for what
    goes wrong in it, for what cannot be written, or restored, `SettingError` for batches that the
    compiler would add up too inexactly.
    """
    from mtrain.engine.device import check_compilation

    check_compilation(config, environment.compile, environment.device_kind, len(dataset.train))
    resumption = place.resumption
    code = held.enter_context(imported(config.custom_code.values(), code_folder))
    trainer = make_trainer(config, dataset, code, jit_compile=environment.compile == "xla")
    files = code.files()  # now that all of it has run once
    hashes = {path: _sha256(file) for path, file in (files | code.installed()).items()}
    if hashes:
        environment = replace(environment, code=hashes)
    if resumption is not None:
        resumption.compare_code(hashes)
    run = place.begun or _make_run(config.name, place, held)
    if resumption is None:
        before = History(run.path.absolute().name, dataset.classes)
        seconds, best = 0.0, None
    else:
        _restore(trainer, config, resumption)
        before = resumption.history
        seconds, best = resumption.checkpoint.seconds, resumption.checkpoint.best
    # First of all, as it is by this file that a run is known as one.
    write_environment(environment, run.environment)
    for path, file in files.items():
        (run.code / path).parent.mkdir(parents=True, exist_ok=True)
        write_bytes(run.code / path, file)
    state = trainer.state()
    start = Checkpoint(
        config=config,
        classes=dataset.classes,
        encoding=dataset.encoding,
        device=environment.device_kind,
        identity=identity(environment),
        cursor=state.cursor,
        seconds=seconds,
        best=best,
        history=replace(before, segments=[*before.segments, _segment(before, resumption)]),
    )
    check_state_size(start)
    recorder = Recorder(run, start, state, is_written=resumption is not None)
    write_text(run.config, config_to_yaml(config))
    recorder.begin()
    where = f"{environment.device} ({environment.device_reason}), compiled as {environment.compile}"
    return Prepared(run, trainer, recorder, code, where)


def _make_run(name: str, place: RunTarget, held: ExitStack) -> RunDirectory:
    run = make_directory(name, place.out)
    held.enter_context(locked(run.path))
    # Another process may have come and gone while the data were read.
    if place.may_be_begun and run.is_begun:
        raise MtrainError(f"{run.path}: another process has trained there meanwhile; start again")
    check_empty(run)
    run.remove_leftovers()
    return run


def _device_facts(
    config: Config, device: str, threads: int | None, held: ExitStack
) -> dict[str, Any]:
    """Load TensorFlow and choose where and how to compute; what of it the environment tells."""
    from mtrain.engine.backend import load_tensorflow, start_device

    load_tensorflow()
    from mtrain.engine.device import choose_compilation, choose_device, thread_count

    chosen = choose_device(device, threads)
    held.enter_context(chosen.scope())
    compilation = choose_compilation(config, chosen)
    start_device(jit_compile=compilation == "xla")
    return {
        "device_kind": chosen.kind,
        "device": chosen.description,
        "device_reason": chosen.reason,
        "threads": thread_count(),
        "compile": compilation,
    }


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _restore(trainer: Trainer, config: Config, resumption: Resumption) -> None:
    """Put the trainer where the run continues."""
    changed = ", ".join(resumption.differences)
    why = f"; not every setting can differ in a resumed run: {changed}" if changed else ""
    try:
        state = resumption.state(trainer.shapes_at(resumption.checkpoint.cursor.step))
    except MtrainError as error:
        raise MtrainError(f"{error}{why}") from error
    try:
        trainer.restore(state)
    except MtrainError as error:
        raise MtrainError(f"{resumption.path}: {error}{why}") from error
    rate = config.optimizer.learning_rate
    if "optimizer.learning_rate" in resumption.differences and isinstance(rate, float):
        trainer.learning_rate = rate


def _segment(before: History, resumption: Resumption | None) -> Segment:
    """What the history says of this process's share of the training."""
    done = len(before.epoch)
    return Segment(
        epochs=(done + 1, done),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        resumed_from=None if resumption is None else resumption.path.name,
        host=platform.node(),
        differences=None if resumption is None else resumption.differences or None,
    )
