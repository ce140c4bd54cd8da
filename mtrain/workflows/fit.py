"""Train an experiment: its data, its training, and the report on it."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mtrain.config.experiment.custom_code import CustomModel
from mtrain.config.experiment.sources import PATHS
from mtrain.data.class_weights import weight_training, zero_weights
from mtrain.data.files import large_files
from mtrain.data.load import load_dataset
from mtrain.engine.threads import choose_threads
from mtrain.errors import DivergedError, MissingPathError, MtrainError, SettingError
from mtrain.observer import Observer, Observers, TrainingFacts
from mtrain.report.text import first_few
from mtrain.run.directory import OUTPUTS
from mtrain.run.evaluation import read_evaluation
from mtrain.trackers.of_config import make_trackers
from mtrain.trackers.tensorboard import check_tensorboard
from mtrain.training.loop import UNREPORTED, failing, train
from mtrain.training.open import open_environment, open_training
from mtrain.training.signals import InterruptedBySignal, handled_signals
from mtrain.training.target import run_target
from mtrain.workflows.evaluate import evaluate
from mtrain.workflows.gate import judge_report
from mtrain.workflows.plot import draw
from mtrain.workflows.run import Run

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

    from mtrain.config.experiment.schema import Config
    from mtrain.records.dataset import Dataset
    from mtrain.records.gate import Gate
    from mtrain.records.report import Report
    from mtrain.training.signals import Received
    from mtrain.training.target import RunTarget
    from mtrain.training.training import Training


def fit(
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

    `out` is that directory, new or empty; None: a free one of `outputs/<name>`. With `resume`, the
    run in `out`, or `outputs/<name>`, is continued if there is one; `UsageError` lists the
    differences that would change its result, unless `allow_differences`. `download` allows data
    that is not on this machine to be downloaded. `code_folder` is searched for custom code before
    installed packages; None: the current directory. Without `report` nothing is evaluated and no
    chart is drawn, for runs that are trained further at once. `observer` follows the training;
    None: no observer. If it `owns_process`, in which nothing else is computed, a training on the
    CPU has as few threads as serve it; TensorFlow keeps them for the whole process. Raises
    `MtrainError` for problems of the data, the device, the disk or custom code, and `DivergedError`
    if the loss or a weight is no longer finite; the state before is saved.
    """
    watched = observer is not None
    observers = Observers(*(() if observer is None else (observer,)))
    check_tensorboard(config)
    with run_target(config, out, resume=resume, allow_differences=allow_differences) as target:
        folder = code_folder or Path()
        if (finished := _finished(target, config, folder, observers)) is not None:
            return finished
        outcome, has_begun = "failed", False
        try:
            try:
                dataset = _read(config, observers, progress=watched, download=download)
            except MissingPathError as error:
                if target.resumption is None:
                    raise
                raise error.with_remedy("dataset.path=PATH says where the data are now") from error
            observers.stage("loading TensorFlow")
            with (
                open_environment(
                    config,
                    dataset.classes,
                    {"sha256": dataset.sha256, "source": dataset.source, **dataset.parts},
                    {name: rows.rows_sha256 for name, rows in dataset.splits.items()},
                    device,
                    _choose_threads(config, dataset) if owns_process else None,
                    target.resumption,
                ) as environment,
                open_training(config, dataset, environment, target, folder) as training,
                handled_signals() as received,
                failing(training.recorder),
            ):
                for line in _notes(dataset, target, training):
                    observers.note(line)
                observers.add(*make_trackers(config, training.run))
                observers.begin(_facts(dataset, training))
                has_begun = True
                # The device has the training rows now; here they would be in memory twice.
                dataset = replace(dataset, splits={"test": dataset.test})
                stopped_by = _train(training, observers, received)
                evaluated = None
                if report:
                    evaluated, stopped_by = _report(
                        training, dataset, observers, received, stopped_by
                    )
                if stopped_by is None:
                    training.recorder.end("finished")
                outcome = "finished" if stopped_by is None else f"stopped by {stopped_by.name}"
                path, history = training.run.path, training.recorder.history
                return Run(path, history, evaluated, stopped_by, _gate(config, path, evaluated))
        except DivergedError:
            outcome = "diverged"
            raise
        except KeyboardInterrupt:
            outcome = "stopped by SIGINT"
            observers.stage("")
            if not has_begun:
                observers.note("Stopped before training began.")
            raise
        finally:
            observers.stage("")
            observers.end(outcome)


def _gate(config: Config, run: Path, report: Report | None) -> Gate | None:
    """The result of the config's gates, if there is an evaluation to judge."""
    if report is None or not config.gates:
        return None
    return judge_report(report, config.rules, str(run))


def _train(training: Training, observer: Observer, received: Received) -> signal.Signals | None:
    """Train, and report why it ended; returns the signal if there was one."""
    ended: str | None = "an error"
    try:
        ended, stopped_by = train(training, observer, received)
    except DivergedError:
        ended = "it diverged"
        raise
    except KeyboardInterrupt:
        ended = "stopped at once"
        raise
    finally:
        observer.trained(ended)
    return stopped_by


def _read(config: Config, observer: Observer, *, progress: bool, download: bool) -> Dataset:
    """The data, with the weights of classes; slow work is announced."""
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


def _facts(dataset: Dataset, training: Training) -> TrainingFacts:
    trainer = training.trainer
    return TrainingFacts(
        run=training.run.path,
        device=training.device,
        config=training.config,
        classes=dataset.classes,
        rows={name: len(rows) for name, rows in dataset.splits.items()},
        shape=dataset.encoding.shape,
        n_features=dataset.encoding.n_features,
        parameters=trainer.parameters,
        history=training.recorder.history,
        graph=trainer.graph,
        weights=trainer.weights,
    )


def _notes(dataset: Dataset, target: RunTarget, training: Training) -> Iterator[str]:
    """Notes before training starts."""
    config, trainer, path = training.config, training.trainer, training.run.path
    if target.resumption is not None:
        yield from target.resumption.notes(training.differences, training.environment)
    elif target.begun is not None:
        yield f"{path} has no checkpoint yet; training starts anew."
    if target.out is None and (usual := OUTPUTS / config.name) != path:
        yield f"{usual} is there already; this run is {path}."
    if names := [code.name for code in config.custom_code.values()]:
        yield f"Custom code: {', '.join(names)}."
    notes = [*dataset.notes, *zero_weights(dataset)]
    yield from first_few([note if note.endswith("?") else f"{note}." for note in notes])
    if (first := trainer.first_idle_step()) is not None:
        yield (
            f"The learning rate is 0 from step {first:,} of {trainer.all_steps:,} on: the schedule "
            "of optimizer.learning_rate is shorter than the training."
        )


def _report(
    training: Training,
    dataset: Dataset,
    observer: Observer,
    received: Received,
    stopped_by: signal.Signals | None,
) -> tuple[Report | None, signal.Signals | None]:
    """Draw the charts of the history, and evaluate the run; a signal skips the rest.

    Returns the evaluation, and the signal that stopped the training or its report.
    """
    observer.stage("evaluating, and drawing charts")
    run, report = training.run, None
    try:
        with received.interrupting():
            if stopped_by is None:
                received.check()  # a signal may have come since the end of training
                evaluation = evaluate(run.path, dataset=dataset, code=training.code)
                report = evaluation.report
                observer.evaluated(report)
                if evaluation.problem is not None:
                    raise MtrainError(evaluation.problem)
            if (history := training.recorder.history).epoch:
                draw(history, run.charts)
    except InterruptedBySignal as interruption:
        if stopped_by is None:
            observer.note(f"Training {UNREPORTED.format(shlex.quote(str(run.path)))}.")
        return report, stopped_by or interruption.signal
    return report, stopped_by


def _choose_threads(config: Config, dataset: Dataset) -> int | None:
    if isinstance(config.model, CustomModel):
        return None
    widths = config.model.sizes(dataset.encoding.n_features, len(dataset.classes))
    return choose_threads(widths, min(config.training.batch_size, len(dataset.train)))


def _finished(
    target: RunTarget, config: Config, code_folder: Path, observer: Observer
) -> Run | None:
    """The run, with a note, if nothing is left to do.

    Raises `SettingError` if other `training.epochs` are requested, but early stopping ended the
    run, `UsageError` if its custom code has changed.
    """
    resumption = target.resumption
    if resumption is None or not resumption.is_complete(config):
        return None
    resumption.check_code(code_folder)
    run, done = resumption.run, resumption.checkpoint.cursor.epoch
    why, epochs = resumption.early_stop(config), config.training.epochs
    more = f"training.epochs={epochs if epochs > done else 2 * epochs}"
    if why is not None:  # more epochs alone would stop at once
        more += " training.early_stopping=null --allow-differences"
    if config.custom_code:
        more += " --allow-code"
    command = f"`mtrain resume {shlex.quote(str(run.path))} {more}`"
    is_asked_for = epochs != resumption.checkpoint.config.training.epochs
    if why is not None and epochs > done and is_asked_for:
        problem = (
            f"{epochs:,} epochs are not possible: early stopping ended {run.path} after {done:,}"
        )
        raise SettingError((("training", "epochs"), f"{problem} ({why}); to train on: {command}"))
    if not resumption.is_reported:
        return None
    try:
        report = read_evaluation(run.evaluations / "test")
    except MtrainError:
        return None  # it was removed or changed; it is made again
    if report.checkpoint != (resumption.checkpoint.best or resumption.checkpoint.name):
        return None  # a kill came between the last evaluation and this one
    for problem in resumption.damaged:
        observer.note(f"{problem}.")
    because = "" if why is None else f" ({why})"
    done_with = f"{run.path} is finished{because}; there is nothing to do."
    observer.note(f"{done_with} To train on: {command}")
    return Run(run.path, resumption.history, report, None, _gate(config, run.path, report))
