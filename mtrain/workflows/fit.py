"""Train an experiment: its data, its model, the engine, and what is kept of each record."""

from __future__ import annotations

import html
import shlex
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtrain.config.custom_code import CustomModel
from mtrain.config.sources import PATHS
from mtrain.data import load_dataset
from mtrain.data.class_weights import weight_training, zero_weights
from mtrain.data.files import large_files
from mtrain.engine.threads import choose_threads
from mtrain.errors import DivergedError, MtrainError, SettingError
from mtrain.escape import inert
from mtrain.keywords import naming_keywords
from mtrain.metrics.epoch import epoch_figures
from mtrain.metrics.monitor import Course, always_undefined, first_is_best
from mtrain.observer import Observer, Observers
from mtrain.records.report import report_as_html
from mtrain.records.training import Progress
from mtrain.report.text import first_few
from mtrain.run.directory import OUTPUTS
from mtrain.run.evaluation import read_evaluation
from mtrain.trackers.tensorboard import TensorBoard, check_tensorboard
from mtrain.training.open import choose_environment, find_target, prepare
from mtrain.training.signals import InterruptedBySignal, handled_signals
from mtrain.workflows.evaluate import evaluate
from mtrain.workflows.plot import draw

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

    import keras

    from mtrain.config.schema import Config
    from mtrain.engine.trainer import Trainer
    from mtrain.metrics.history import History
    from mtrain.records.dataset import Dataset
    from mtrain.records.report import Report
    from mtrain.run.recorder import Recorder
    from mtrain.training.open import Prepared, RunTarget
    from mtrain.training.signals import Received
    from mtrain.workflows.predict_rows import Predicted

UNREPORTED = "is finished and saved; the report is missing; `mtrain resume {}` makes it"


@dataclass(frozen=True, eq=False)
class Run:
    """What a training left behind."""

    path: Path
    history: History
    report: Report | None
    """The evaluation on the test split; None where training was stopped, or none was wanted."""

    stopped_by: signal.Signals | None
    """The signal that stopped it."""

    def __fspath__(self) -> str:
        """Its directory: a run is accepted wherever a path is."""
        return str(self.path)

    def __repr__(self) -> str:
        parts = [f"{len(self.history.epoch):,} epochs"]
        if self.stopped_by is not None:
            parts.append(f"stopped by {self.stopped_by.name}")
        if self.report is not None and self.report.accuracy is not None:
            parts.append(f"{self.report.split} accuracy {self.report.accuracy:z.3f}")
        return f"<mtrain.Run {self.path}: {', '.join(parts)}>"

    def _repr_html_(self) -> str:
        heading = f"<p>{html.escape(inert(repr(self)))}</p>"
        return heading if self.report is None else heading + report_as_html(self.report)

    def model(self, *, allow_code: bool = False) -> keras.Model:
        """The Keras model with the weights of the best checkpoint, or of the last without a best.

        Its inputs are of shape (N, D), encoded as in the training and divided by the largest value
        (255 for images); `predict` does that by itself. `allow_code` is as for `mtrain.evaluate`.
        """
        from mtrain.workflows.predict_rows import load_model

        with naming_keywords():
            return load_model(self.path, allow_code=allow_code)

    def predict(
        self, rows: Any, *, threshold: float | None = None, allow_code: bool = False
    ) -> Predicted:
        """The class and the probabilities of every row, by the checkpoint that `model` takes.

        `rows` are as the training read its own, without labels: an array of shape (N, ...); of a
        table columns (a dict or a data frame), rows (a list of dicts) or one row (a dict of single
        values); or a path, as for `mtrain.predict`, which has the other options.
        """
        from mtrain.workflows.predict_rows import predict

        with naming_keywords():
            return predict(self.path, rows, threshold=threshold, allow_code=allow_code)


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
    owns_process: bool = False,
) -> Run:
    """Train, keep everything in a run directory, and evaluate its best checkpoint on test.

    `out` is that directory, new or empty; None: a free one of `outputs/<name>`. With `resume`
    training continues with the run in `out`, or `outputs/<name>`, if there is one; `UsageError` lists
    what keeps it from becoming what an uninterrupted run would be, unless `allow_differences`.
    `download` lets data be fetched that is not on this machine. `code_folder` is where the config's
    custom code is looked for before what is installed; None: the current directory. Without `report`
    nothing is evaluated and no chart drawn, for those that are trained on at once. `observer` is told
    of everything as it happens; None: nobody is. In its `owns_process`, in which nothing else is
    computed, a training on the CPU has as few threads as serve it; TensorFlow has them for the whole
    process. Raises `MtrainError` for all that is wrong with the data, the device, the disk or own
    code, and `DivergedError` when the loss or a weight is no longer finite; what was learned until
    then is saved.
    """
    watched = observer is not None
    observers = Observers(*(() if observer is None else (observer,)))
    with ExitStack() as held:
        check_tensorboard(config)
        place = find_target(config, out, held, resume=resume, allow_differences=allow_differences)
        if (finished := _finished(place, config, observers)) is not None:
            return finished
        held.callback(observers.stage, "")  # wherever it ends
        dataset = _read(config, observers, progress=watched, download=download)
        ended: str | None = None
        try:
            observers.stage("loading TensorFlow")
            facts = {
                "data": {"sha256": dataset.sha256, "source": dataset.source, **dataset.parts},
                "splits": {name: rows.rows_sha256 for name, rows in dataset.splits.items()},
            }
            threads = _choose_threads(config, dataset) if owns_process else None
            environment = choose_environment(
                config, dataset.classes, facts, device, threads, place, held
            )
            prepared = prepare(config, dataset, environment, place, held, code_folder or Path())
            for line in _notes(config, dataset, place, prepared):
                observers.note(line)
            ended = "an error"
            received = held.enter_context(handled_signals())
            _begin(config, dataset, prepared, observers)
            with _failing(prepared.recorder):
                observers.add(*_boards(config, dataset, prepared))
                # The device has the training rows now; here they would be there twice.
                dataset = replace(dataset, splits={"test": dataset.test})
                ended, stopped_by = _train(config, prepared, observers, received)
        except DivergedError:
            ended = "it diverged"
            raise
        except KeyboardInterrupt:
            ended = "stopped at once"
            raise
        finally:
            observers.end(ended)
        found = None
        try:
            if report:
                observers.stage("evaluating, and drawing charts")
                with received.interrupting(), _failing(prepared.recorder):
                    if stopped_by is None:
                        received.check()  # one may have come since the training was over
                    found = _report(prepared, dataset, is_done=stopped_by is None)
        except InterruptedBySignal as interruption:
            if stopped_by is None:
                stopped_by = interruption.signal
                run = shlex.quote(str(prepared.run.path))
                observers.note(f"Training {UNREPORTED.format(run)}.")
        if stopped_by is None:
            prepared.recorder.end("finished")
        return Run(prepared.run.path, prepared.recorder.history, found, stopped_by)


def _read(config: Config, observer: Observer, *, progress: bool, download: bool) -> Dataset:
    """The data, with the weights of classes; what takes long is announced."""
    paths = (getattr(config.dataset, key, None) for key in PATHS)
    if (large := large_files(paths)) is not None:
        observer.note(f"Reading {large}.")
    observer.stage("reading the data")
    dataset = load_dataset(
        config.dataset,
        memory=config.training.memory_bytes,
        progress=progress,
        download=download,
    )
    if conflicts := list(config.class_conflicts(dataset.classes)):
        raise SettingError(*conflicts)
    return weight_training(dataset, config.training.class_weight)


def _begin(config: Config, dataset: Dataset, prepared: Prepared, observer: Observer) -> None:
    """Say what is trained, and what has been learned before."""
    if (history := prepared.recorder.history).epoch:
        observer.resume(history)
    observer.begin(prepared.device, config, dataset, prepared.trainer.parameters)


def _notes(config: Config, dataset: Dataset, place: RunTarget, prepared: Prepared) -> Iterator[str]:
    """What is worth a line before training starts."""
    yield from place.notes
    if place.out is None and (usual := OUTPUTS / config.name) != prepared.run.path:
        yield f"{usual} is there already; this run is {prepared.run.path}."
    if names := [code.name for code in config.custom_code.values()]:
        yield f"Custom code: {', '.join(names)}."
    notes = [*dataset.notes, *zero_weights(dataset)]
    yield from first_few([note if note.endswith("?") else f"{note}." for note in notes])
    trainer = prepared.trainer
    if (first := trainer.first_idle_step()) is not None:
        yield (
            f"The learning rate is 0 from step {first:,} of {trainer.all_steps:,} on: the schedule "
            "of optimizer.learning_rate is shorter than the training."
        )


def _advice(config: Config, history: History) -> Iterator[str]:
    """What is worth a line after training, by the scalar that chooses the best epoch."""
    if (monitor := config.save_best) is None:
        return
    if (why := always_undefined(history, monitor)) is not None:
        yield f"{why}; so no epoch is the best, and the last is kept."
    if (advice := first_is_best(history, monitor, config.save_best_mode)) is not None:
        yield advice


def _report(prepared: Prepared, dataset: Dataset, *, is_done: bool) -> Report | None:
    """Draw the charts of the history, and evaluate what is done."""
    report = None
    if is_done:
        evaluation = evaluate(prepared.run.path, dataset=dataset, code=prepared.code)
        report = evaluation.report
        if evaluation.problem is not None:
            raise MtrainError(evaluation.problem)
    if (history := prepared.recorder.history).epoch:
        draw(history, prepared.run.charts)
    return report


def _choose_threads(config: Config, dataset: Dataset) -> int | None:
    if isinstance(config.model, CustomModel):
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
    config: Config, prepared: Prepared, observer: Observer, received: Received
) -> tuple[str | None, signal.Signals | None]:
    """Train until it is done or to be stopped, and save.

    Returns why it ended before the last epoch, and the signal where it was one.
    """
    trainer, recorder = prepared.trainer, prepared.recorder
    signals = received.signals
    try:
        with prepared.code.attributing_errors():
            early = _consume(config, trainer, recorder, observer, signals)
        recorder.finish(trainer.state())
    except MtrainError as error:
        recorder.finish()
        kind = DivergedError if isinstance(error, DivergedError) else MtrainError
        kept = f"checkpoint {recorder.last_name} is the last good one"
        raise kind(f"{error}; {kept}") from error
    if not signals:
        for line in _advice(config, recorder.history):
            observer.note(line)
        return early, None
    name, run = signals[0].name, shlex.quote(str(prepared.run.path))
    recorder.end(name)
    if early or trainer.finished:
        why = f"{early}; then " if early else ""
        return f"{why}stopped by {name}: training {UNREPORTED.format(run)}", signals[0]
    return f"stopped by {name}, saved; `mtrain resume {run}` continues it", signals[0]


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
    observer: Observer,
    signals: list[signal.Signals],
) -> str | None:
    """Hand on each record until `signals` has one; returns why it ended early, if it did."""
    course = Course(config.training, recorder.history)
    if course.early_stop is not None and not trainer.is_within_epoch:
        return course.early_stop
    for record in trainer.records():
        if isinstance(record, Progress):
            observer.progress(record)
            recorder.progress(trainer.state)
        else:
            figures = epoch_figures(record, config.metrics, config.evaluation)
            seconds = recorder.append(figures)
            if (plateau := course.add()) is not None:
                trainer.learning_rate = plateau.reduced(trainer.learning_rate)
            recorder.epoch(trainer.state())
            observer.epoch(figures, seconds)
            if course.early_stop is not None:
                return course.early_stop
        if signals:
            break
    return None


def _finished(place: RunTarget, config: Config, observer: Observer) -> Run | None:
    """The run, if nothing is left to do, which is said.

    Raises `SettingError` where other `training.epochs` are asked for than the run has, and early
    stopping keeps the run from them.
    """
    resumption = place.resumption
    if resumption is None or not resumption.is_complete(config):
        return None
    run, done = resumption.run, resumption.checkpoint.cursor.epoch
    why, epochs = resumption.early_stop(config), config.training.epochs
    more = f"training.epochs={epochs if epochs > done else 2 * epochs}"
    if why is not None:  # more epochs alone would stop at once
        more += " training.early_stopping=null --allow-differences"
    if config.custom_code:
        more += " --allow-code"
    command = f"`mtrain resume {shlex.quote(str(run.path))} {more}`"
    if why is not None and epochs > done and "training.epochs" in resumption.differences:
        problem = f"{epochs:,} epochs cannot be had: early stopping ended {run.path} after {done:,}"
        raise SettingError((("training", "epochs"), f"{problem} ({why}); to train on: {command}"))
    if not resumption.is_reported:
        return None
    try:
        report = read_evaluation(run.evaluations / "test")
    except MtrainError:
        return None  # somebody removed or changed it; it is made again
    if report.checkpoint != (resumption.checkpoint.best or resumption.checkpoint.name):
        return None  # a kill came between the last evaluation and this one
    for problem in resumption.damaged:
        observer.note(f"{problem}.")
    because = "" if why is None else f" ({why})"
    done_with = f"{run.path} is finished{because}; there is nothing to do."
    observer.note(f"{done_with} To train on: {command}")
    return Run(run.path, resumption.history, report, None)
