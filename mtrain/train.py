"""Train an experiment: its data, its model, the engine, and what is kept of each record."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtrain.config.own_code import OwnModel
from mtrain.data import load_dataset
from mtrain.engine.threads import choose_threads
from mtrain.errors import DivergedError, MtrainError, SettingError
from mtrain.evaluation import evaluate
from mtrain.metrics.epoch import epoch_figures
from mtrain.metrics.monitor import Course
from mtrain.observer import Observer
from mtrain.plot import draw
from mtrain.preparation import choose_environment, find_place, prepare
from mtrain.records import Progress
from mtrain.report.tensorboard import TensorBoard, check_tensorboard
from mtrain.run.evaluation import METRICS
from mtrain.run.files import read_json
from mtrain.signals import stop_signals
from mtrain.weighting import weight_training, zero_weights

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

    from mtrain.config.schema import Config
    from mtrain.engine.training import Trainer
    from mtrain.metrics.history import History
    from mtrain.metrics.report import Report
    from mtrain.preparation import Place, Prepared
    from mtrain.records import Dataset
    from mtrain.run.recorder import Recorder


@dataclass(frozen=True, eq=False)
class Run:
    """What a training left behind."""

    path: Path
    history: History
    report: Report | None
    """The evaluation on the test split; None where training was stopped, or was finished before."""

    metrics: dict[str, Any] | None
    """The content of the evaluation's `metrics.json`; None where training was stopped."""

    stopped_by: signal.Signals | None
    """The signal that stopped it."""


def train(
    config: Config,
    *,
    out: Path | None = None,
    device: str = "auto",
    resume: bool = False,
    allow_differences: bool = False,
    download: bool = True,
    code_folder: Path | None = None,
    report: bool = True,
    observer: Observer | None = None,
    own_process: bool = False,
) -> Run:
    """Train, keep everything in a run directory, and evaluate its best checkpoint on test.

    `out` is that directory, new or empty; None: a free one of `outputs/<name>`. With `resume`
    training goes on with the run in `out`, or `outputs/<name>`, if there is one; `UsageError` lists
    what keeps it from becoming what an uninterrupted run would be, unless `allow_differences`.
    `download` lets data be fetched that is not on this machine. `code_folder` is where the config's
    own code is looked for before what is installed; None: the current directory. Without `report`
    nothing is evaluated and no chart drawn, for those that are trained on at once. `observer` is told
    of everything as it happens; None: nobody is. In its `own_process`, in which nothing else is
    computed, a training on the CPU has as few threads as serve it; TensorFlow has them for the whole
    process. Raises `MtrainError` for all that is wrong with the data, the device, the disk or own
    code, and `DivergedError` when the loss or a weight is no longer finite; what was learned until
    then is saved.
    """
    watched, observer = observer is not None, observer or Observer()
    with ExitStack() as held:
        check_tensorboard(config)
        place = find_place(config, out, held, resume=resume, allow_differences=allow_differences)
        if (finished := _finished(place, config, observer)) is not None:
            return finished
        dataset = load_dataset(
            config.dataset,
            memory=config.training.memory_bytes,
            progress=watched,
            download=download,
        )
        if conflicts := list(config.class_conflicts(dataset.classes)):
            raise SettingError(*conflicts)
        dataset = weight_training(dataset, config.training.class_weight)
        watchers: tuple[Observer, ...] = (observer,)
        ended: str | None = None
        try:
            observer.prepare()
            data = {"sha256": dataset.sha256, "source": dataset.source}
            threads = _choose_threads(config, dataset) if own_process else None
            environment = choose_environment(
                config, dataset.classes, data, device, threads, place, held
            )
            prepared = prepare(config, dataset, environment, place, held, code_folder or Path())
            for line in _notes(config, dataset, place):
                observer.note(line)
            ended = "an error"
            observer.begin(prepared.device, config, dataset, prepared.trainer.parameters)
            with _failing(prepared.recorder):
                watchers += _boards(config, dataset, prepared)
                # The device has the training rows now; here they would be there twice.
                dataset = replace(dataset, splits={"test": dataset.test})
                ended, stopped_by = _train(config, prepared, watchers)
        except DivergedError:
            ended = "it diverged"
            raise
        except KeyboardInterrupt:
            ended = "stopped at once"
            raise
        finally:
            for watcher in watchers:
                watcher.end(ended)
        history = prepared.recorder.history
        found = None
        if report:
            with _failing(prepared.recorder):
                found = _report(prepared, dataset, is_done=stopped_by is None)
        if stopped_by is None:
            prepared.recorder.end("finished")
        metrics = None if found is None else found.metrics
        return Run(prepared.run.path, history, found, metrics, stopped_by)


def _notes(config: Config, dataset: Dataset, place: Place) -> Iterator[str]:
    """What is worth a line before training starts."""
    yield from place.notes
    if names := [code.name for code in config.own_code.values()]:
        yield f"Own code: {', '.join(names)}."
    yield from (f"{note}." for note in (*dataset.notes, *zero_weights(dataset)))


def _report(prepared: Prepared, dataset: Dataset, *, is_done: bool) -> Report | None:
    """Draw the charts of the history, and evaluate what is done."""
    report = None
    if is_done:
        report, _ = evaluate(prepared.run.path, dataset=dataset, code=prepared.code)
    if (history := prepared.recorder.history).epoch:
        draw(history, prepared.run.charts)
    return report


def _choose_threads(config: Config, dataset: Dataset) -> int | None:
    if isinstance(config.model, OwnModel):
        return None
    widths = config.model.sizes(dataset.encoding.n_features, len(dataset.classes))
    return choose_threads(widths, min(config.training.batch_size, len(dataset.train)))


def _boards(config: Config, dataset: Dataset, prepared: Prepared) -> tuple[Observer, ...]:
    """The TensorBoard that is to be written, if one is."""
    if not config.tracking.tensorboard:
        return ()
    trainer = prepared.trainer
    board = TensorBoard(
        prepared.run.tensorboard,
        done=len(prepared.recorder.history.epoch),
        classes=dataset.classes,
        image=dataset.encoding.shape,
        graph=trainer.graph(),
        weights=trainer.weights,
    )
    return (board,)


def _train(
    config: Config, prepared: Prepared, watchers: tuple[Observer, ...]
) -> tuple[str | None, signal.Signals | None]:
    """Train until it is done or to be stopped, and save.

    Returns why it ended before the last epoch, and the signal where it was one.
    """
    trainer, recorder = prepared.trainer, prepared.recorder
    with stop_signals() as signals:
        try:
            with prepared.code.blaming():
                early = _consume(config, trainer, recorder, watchers, signals)
            recorder.finish(trainer.state())
        except MtrainError as error:
            recorder.finish()
            kind = DivergedError if isinstance(error, DivergedError) else MtrainError
            kept = f"checkpoint {recorder.last_name} is the last good one"
            raise kind(f"{error}; {kept}") from error
    if signals and not (early or trainer.finished):
        name = signals[0].name
        recorder.end(name)
        return f"stopped by {name}, saved; `mtrain resume` goes on", signals[0]
    return early, None


@contextmanager
def _failing(recorder: Recorder) -> Iterator[None]:
    """Say in the history how it ended where something goes wrong."""
    try:
        yield
    except Exception as error:
        with suppress(MtrainError):  # the disk may be what failed, and that is being said
            recorder.end("diverged" if isinstance(error, DivergedError) else "failed")
        raise


def _consume(
    config: Config,
    trainer: Trainer,
    recorder: Recorder,
    watchers: tuple[Observer, ...],
    signals: list[signal.Signals],
) -> str | None:
    """Hand on each record until `signals` has one; returns why it ended early, if it did."""
    course = Course(config.training, recorder.history)
    if course.early_stop is not None and not trainer.is_within_epoch:
        return course.early_stop
    for record in trainer.records():
        if isinstance(record, Progress):
            for watcher in watchers:
                watcher.progress(record)
            recorder.progress(trainer.state)
        else:
            figures = epoch_figures(record, config.metrics, config.evaluation)
            seconds = recorder.append(figures)
            if (plateau := course.add()) is not None:
                trainer.learning_rate = plateau.reduced(trainer.learning_rate)
            recorder.epoch(trainer.state())
            for watcher in watchers:
                watcher.epoch(figures, seconds)
            if course.early_stop is not None:
                return course.early_stop
        if signals:
            break
    return None


def _finished(place: Place, config: Config, observer: Observer) -> Run | None:
    """The run, if nothing is left to do, which is said."""
    going_on = place.going_on
    if going_on is None or not (going_on.is_complete(config) and going_on.is_reported):
        return None
    run = going_on.run
    try:
        metrics = read_json(run.evaluation("test") / METRICS)
    except MtrainError:
        return None  # somebody removed it; it is made again
    for problem in going_on.damaged:
        observer.note(f"{problem}.")
    why = going_on.early_stop(config)
    because = "" if why is None else f" ({why})"
    observer.note(f"{run.path} is finished{because}; there is nothing to do.")
    return Run(run.path, going_on.history, None, metrics, None)
