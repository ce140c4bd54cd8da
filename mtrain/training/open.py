"""The resources of a training: a device, custom code, a locked run, a trainer."""

from __future__ import annotations

import hashlib
import platform
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mtrain.config.loading.load import config_to_yaml
from mtrain.engine.build import make_trainer
from mtrain.engine.compilation_cache import compiled_anew_if_refused, kept_compilations
from mtrain.errors import MtrainError
from mtrain.metrics.history import History
from mtrain.model.custom.code import imported
from mtrain.records.run import Segment
from mtrain.run.checkpoint import Checkpoint, check_state_size
from mtrain.run.environment import identity, write_environment
from mtrain.run.files import attributing_errors, write_bytes, write_text
from mtrain.run.recorder import Recorder
from mtrain.training.control import TrainingControl
from mtrain.training.target import run_directory
from mtrain.training.training import Training

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mtrain.config.experiment.schema import Config
    from mtrain.engine.device import Device
    from mtrain.engine.trainer import Trainer
    from mtrain.records.dataset import Dataset
    from mtrain.records.run import Environment
    from mtrain.records.training import TrainingState
    from mtrain.run.directory import RunDirectory
    from mtrain.training.prepared import PreparedData
    from mtrain.training.resume import Differences, Resumption
    from mtrain.training.target import RunTarget

    MakeTrainer = Callable[..., Trainer]
    """`make_trainer`, or a function that gives out what it would make."""


def data_facts(dataset: Dataset) -> tuple[dict[str, str], dict[str, str]]:
    """The `data` and the `splits` of an `Environment`."""
    return (
        {"sha256": dataset.sha256, "source": dataset.source, **dataset.parts},
        {name: rows.rows_sha256 for name, rows in dataset.splits.items()},
    )


@contextmanager
def open_device(
    device: str, threads: int | None, resumption: Resumption | None, *, keeps_compiled: bool
) -> Iterator[Device]:
    """The device of `load_device`; what is compiled for it in this context is kept, if it shall be.

    A resumed run has the threads that it began with.
    """
    reason = None
    if resumption is not None:
        threads = resumption.checkpoint.threads
        # A run keeps the threads it began with on any machine.
        if device == "auto" and resumption.checkpoint.device == "cpu":
            device, reason = "cpu", "as before"
    with kept_compilations(threads) if keeps_compiled else nullcontext():
        chosen = load_device(device, threads)
        yield chosen if reason is None else replace(chosen, reason=reason)


def load_device(device: str, threads: int | None) -> Device:
    """Load TensorFlow, and choose where to compute.

    `threads` are the threads of an operation on the CPU, None: all. Raises `MtrainError` for what
    this machine does not have.
    """
    # The data set must not be visible from here: a failed import within TensorFlow keeps
    # this frame, and all that it names, for as long as the process lives.
    from mtrain.engine.backend import load_tensorflow

    load_tensorflow()
    from mtrain.engine.device import choose_device

    return choose_device(device, threads)


@contextmanager
def open_environment(
    config: Config, environment: Environment, device: Device, resumption: Resumption | None
) -> Iterator[Environment]:
    """The environment with all that is known of `device`, which is set in the context.

    Raises `UsageError` for a resumed run in another environment, unless that is allowed.
    """
    from mtrain.engine.backend import start_device
    from mtrain.engine.compilation import choose_compilation
    from mtrain.engine.device import thread_count

    with device.scope():
        compilation = choose_compilation(config, device.kind)
        start_device(jit_compile=compilation == "xla")
        environment = replace(
            environment,
            device_kind=device.kind,
            device=device.description,
            device_reason=device.reason,
            threads=thread_count(),
            compile=compilation,
        )
        if resumption is not None:
            resumption.check(config, environment)
        yield environment


@contextmanager
def open_training(
    config: Config,
    data: PreparedData,
    environment: Environment,
    target: RunTarget,
    code_folder: Path,
    make: MakeTrainer = make_trainer,
) -> Iterator[Training]:
    """A training at the point where the run continues; the run is locked while the context lasts.

    `make` makes its trainer. Custom code is searched in `code_folder`, and kept in the run. Raises
    `MtrainError` for errors in it, and for files that cannot be written or restored, `SettingError`
    for batches whose sums the compiler would round too much.
    """
    from mtrain.engine.compilation import check_compilation

    resumption = target.resumption
    compilation, kind = environment.compile, environment.device_kind
    check_compilation(config, compilation, kind, data.rows["train"])
    with imported(config.custom_code.values(), code_folder) as code:
        trainer = compiled_anew_if_refused(
            lambda: make(config, data.dataset, data.feed, code, jit_compile=compilation == "xla")
        )
        files = code.files()  # now that all of it has run once
        hashes = {path: _sha256(file) for path, file in (files | code.installed()).items()}
        environment = replace(environment, code=hashes)
        if resumption is not None:
            resumption.check(config, environment)
        with run_directory(target, config.name) as run:
            differences = {} if resumption is None else resumption.differences(config, environment)
            start, state = _start(
                config, data.dataset, environment, trainer, run, resumption, differences
            )
            # First of all, because this file marks a run.
            write_environment(environment, run.environment)
            for path, file in files.items():
                with attributing_errors(run.code / path):
                    (run.code / path).parent.mkdir(parents=True, exist_ok=True)
                write_bytes(run.code / path, file)
            check_state_size(start)
            recorder = Recorder(run, start, state, is_written=resumption is not None)
            write_text(run.config, config_to_yaml(config))
            recorder.begin()
            control = TrainingControl(config.training, recorder.history)
            yield Training(config, run, trainer, recorder, control, code, environment, differences)


def _start(
    config: Config,
    dataset: Dataset,
    environment: Environment,
    trainer: Trainer,
    run: RunDirectory,
    resumption: Resumption | None,
    differences: Differences,
) -> tuple[Checkpoint, TrainingState]:
    """The state from which training continues, restored into the trainer if it is a checkpoint's."""
    if resumption is None:
        before = History(run.path.absolute().name, dataset.classes)
    else:
        _restore(trainer, config, resumption, differences)
        before = resumption.history
    state = trainer.state()
    checkpoint = Checkpoint(
        config=config,
        classes=dataset.classes,
        encoding=dataset.encoding,
        device=environment.device_kind,
        identity=identity(environment),
        cursor=state.cursor,
        seconds=0.0 if resumption is None else resumption.checkpoint.seconds,
        best=None if resumption is None else resumption.best,
        history=replace(
            before, segments=[*before.segments, _segment(before, resumption, differences)]
        ),
    )
    return checkpoint, state


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _restore(
    trainer: Trainer, config: Config, resumption: Resumption, differences: Differences
) -> None:
    """Put the trainer where the run continues."""
    changed = ", ".join(differences)
    why = f"; not every setting can differ in a resumed run: {changed}" if changed else ""
    try:
        shapes = trainer.shapes_at(resumption.checkpoint.cursor)
        state = resumption.state(shapes, differences)
    except MtrainError as error:
        raise MtrainError(f"{error}{why}") from error
    try:
        trainer.restore(state)
    except MtrainError as error:
        raise MtrainError(f"{error}{why}", where=resumption.path) from error
    rate = config.optimizer.learning_rate
    if "optimizer.learning_rate" in differences and isinstance(rate, float):
        trainer.learning_rate = rate


def _segment(before: History, resumption: Resumption | None, differences: Differences) -> Segment:
    """The history's segment for this process."""
    done = len(before.epoch)
    return Segment(
        epochs=(done + 1, done),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        resumed_from=None if resumption is None else resumption.path.name,
        host=platform.node(),
        differences=differences or None,
    )
