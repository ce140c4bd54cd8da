"""Train an experiment: its data, its model, the engine, and what is kept of each record."""

from __future__ import annotations

import platform
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mtrain.config.load import config_to_yaml
from mtrain.data import load_dataset
from mtrain.errors import DivergedError, SettingError
from mtrain.evaluation import evaluate
from mtrain.metrics.epoch import counted_k, epoch_figures
from mtrain.metrics.history import History
from mtrain.metrics.monitor import higher_is_better, should_stop
from mtrain.observer import Observer
from mtrain.plot import draw
from mtrain.records import Progress
from mtrain.run.checkpoint import Checkpoint
from mtrain.run.directory import choose_directory, make_directory
from mtrain.run.environment import describe_environment
from mtrain.run.files import write_json, write_text
from mtrain.run.history import history_as_json
from mtrain.run.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mtrain.config.schema import Config
    from mtrain.engine.device import Device
    from mtrain.engine.training import Trainer
    from mtrain.metrics.report import Report
    from mtrain.records import Dataset
    from mtrain.run.directory import RunDirectory


@dataclass(frozen=True, eq=False)
class Run:
    """What a training left behind."""

    path: Path
    history: History
    report: Report | None
    """The evaluation on the test split; None where training was stopped."""

    stopped_by: signal.Signals | None
    """The signal that stopped it."""


def train(
    config: Config,
    *,
    out: Path | None = None,
    device: str = "auto",
    observer: Observer | None = None,
) -> Run:
    """Train, keep everything in a run directory, and evaluate its best checkpoint on test.

    `out` is that directory, new or empty; None: a free one of `outputs/<name>`. `observer` is told
    of everything as it happens; None: nobody is. Raises `MtrainError` for all that is wrong with
    the data, the device or the disk, and `DivergedError` when the loss or a weight is no longer
    finite; what was learned until then is saved.
    """
    choose_directory(config.name, out)  # what is wrong with it is said before the data are read
    dataset = load_dataset(config.dataset, progress=observer is not None)
    if conflicts := list(config.class_conflicts(len(dataset.classes))):
        raise SettingError(*conflicts)
    observer = observer or Observer()
    ended: str | None = None
    try:
        observer.prepare()
        from mtrain.engine.backend import load_tensorflow

        load_tensorflow()
        from mtrain.engine.device import choose_compilation, choose_device

        chosen = choose_device(device)
        compilation = choose_compilation(config, chosen)
        with chosen.scope():
            trainer = _make_trainer(config, dataset, jit_compile=compilation == "xla")
            run = make_directory(config.name, out)
            _write_circumstances(run, config, dataset, chosen, compilation)
            recorder = _make_recorder(config, dataset, run, trainer, chosen.kind)
            ended = "an error"
            where = f"{chosen.description} ({chosen.reason}), compiled as {compilation}"
            observer.begin(where, config, dataset, trainer.parameters)
            ended, stopped_by = _train(config, trainer, recorder, observer)
    except DivergedError:
        ended = "it diverged"
        raise
    except KeyboardInterrupt:
        ended = "stopped at once"
        raise
    finally:
        observer.end(ended)
    report = None
    if stopped_by is None:
        report, _ = evaluate(run.path, dataset=dataset)
    if recorder.history.epoch:
        draw(recorder.history, run.charts)
    return Run(run.path, recorder.history, report, stopped_by)


def _train(
    config: Config, trainer: Trainer, recorder: Recorder, observer: Observer
) -> tuple[str | None, signal.Signals | None]:
    """Train until it is done or to be stopped, and save.

    Returns why it ended before the last epoch, and the signal where it was one.
    """
    try:
        with _interruptible() as signals:
            early = _consume(config, trainer, recorder, observer, signals)
    except DivergedError:
        recorder.finish()
        raise
    recorder.finish(trainer.state())
    if signals and not (early or trainer.finished):
        return f"stopped by {signals[0].name}, saved; `mtrain evaluate` works on it", signals[0]
    return early, None


def _consume(
    config: Config,
    trainer: Trainer,
    recorder: Recorder,
    observer: Observer,
    signals: list[signal.Signals],
) -> str | None:
    """Hand on each record until `signals` has one; returns why it ended early, if it did."""
    began = time.perf_counter()
    for record in trainer.records():
        if isinstance(record, Progress):
            observer.progress(record)
        else:
            figures = epoch_figures(record, config.metrics)
            now = time.perf_counter()
            seconds, began = now - began, now
            recorder.epoch(figures, seconds, trainer.state())
            observer.epoch(figures, seconds)
            if (early := _stops_early(config, recorder.history)) is not None:
                return early
        if signals:
            break
    return None


@contextmanager
def _interruptible() -> Iterator[list[signal.Signals]]:
    """Yields a list that the first SIGINT is put into; the second stops at once."""
    received: list[signal.Signals] = []
    if threading.current_thread() is not threading.main_thread():
        yield received  # only the main thread may handle signals
        return

    def receive(number: int, _frame: object) -> None:
        received.append(signal.Signals(number))
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, receive)
    try:
        yield received
    finally:
        signal.signal(signal.SIGINT, before)


def _stops_early(config: Config, history: History) -> str | None:
    """Why training is to stop after this epoch; None if it is not."""
    if (stopping := config.training.early_stopping) is None:
        return None
    stop = should_stop(
        history.monitored(stopping.monitor),
        higher=higher_is_better(stopping.monitor),
        patience=stopping.patience,
        min_delta=stopping.min_delta,
    )
    return f"{stopping.monitor} has not improved for {stopping.patience} epochs" if stop else None


def _make_trainer(config: Config, dataset: Dataset, *, jit_compile: bool) -> Trainer:
    from mtrain.engine.network import make_network
    from mtrain.engine.training import Trainer
    from mtrain.model import build_loss, build_model, build_optimizer

    n_classes = len(dataset.classes)
    model = build_model(config.model, dataset.train.features.shape[1], n_classes, config.seed)
    network = make_network(model, build_loss(config.loss, n_classes), n_classes, dataset.divisor)
    return Trainer(
        network,
        build_optimizer(config.optimizer),
        dataset.train,
        dataset.val,
        epochs=config.training.epochs,
        batch_size=config.training.batch_size,
        shuffle=config.training.shuffle,
        seed=config.seed,
        jit_compile=jit_compile,
        top_k=counted_k(config.metrics),
    )


def _write_circumstances(
    run: RunDirectory, config: Config, dataset: Dataset, device: Device, compilation: str
) -> None:
    """Write what is known before training: every setting, and what it runs on."""
    from mtrain.engine.device import thread_count

    write_text(run.config, config_to_yaml(config))
    facts = describe_environment(
        device=device.description,
        device_reason=device.reason,
        threads=thread_count(),
        compile=compilation,
        seed=config.seed,
        data={"sha256": dataset.sha256, "source": dataset.source},
    )
    write_json(run.environment, facts)


def _make_recorder(
    config: Config, dataset: Dataset, run: RunDirectory, trainer: Trainer, device: str
) -> Recorder:
    segment = {
        "epochs": [1, 0],
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "resumed_from": None,
        "host": platform.node(),
    }
    history = History(run.path.absolute().name, dataset.classes, segments=[segment])
    untrained = Checkpoint(
        config=config,
        classes=dataset.classes,
        n_features=dataset.train.features.shape[1],
        device=device,
        scaler=dataset.scaler,
        training=trainer.state(),
        history=history_as_json(history),
    )
    return Recorder(run, history, untrained)
