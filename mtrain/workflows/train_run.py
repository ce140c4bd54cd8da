"""A run from its opened resources to its report, whether it is trained alone or with others."""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

from mtrain.engine.build import make_trainer
from mtrain.errors import DivergedError, MtrainError, SettingError
from mtrain.inference.network import predict_split
from mtrain.loading import load_meanwhile
from mtrain.metrics.learning import class_learning
from mtrain.observer import TrainingFacts
from mtrain.records.training import ROWS
from mtrain.report.drawing import draw_here, history_charts
from mtrain.report.remarks import learning_lines
from mtrain.report.text import first_few
from mtrain.run.checkpoint import read_checkpoint_arrays
from mtrain.run.directory import OUTPUTS
from mtrain.run.evaluation import read_evaluation
from mtrain.trackers.of_config import make_trackers
from mtrain.training.learned import count_never_learned, keep_learned_rows
from mtrain.training.loop import UNREPORTED, failing, train
from mtrain.training.open import open_training
from mtrain.training.signals import InterruptedBySignal, handled_signals
from mtrain.workflows.evaluate import evaluate
from mtrain.workflows.gate import judge_report
from mtrain.workflows.plot import write_charts
from mtrain.workflows.report import report as write_page
from mtrain.workflows.run import Run
from mtrain.workflows.tracked import read_tracked

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from mtrain.config.experiment.schema import Config
    from mtrain.model.custom.code import ImportedCode
    from mtrain.observer import Observer, Observers
    from mtrain.records.dataset import Split
    from mtrain.records.gate import Gate
    from mtrain.records.report import Report
    from mtrain.records.run import Environment
    from mtrain.records.training import Predictions
    from mtrain.report.drawing import Draw
    from mtrain.run.checkpoint import Checkpoint
    from mtrain.run.find_checkpoint import CheckpointPlace
    from mtrain.training.open import MakeTrainer
    from mtrain.training.prepared import PreparedData
    from mtrain.training.rivals import RunRivals
    from mtrain.training.signals import Received
    from mtrain.training.target import RunTarget
    from mtrain.training.training import Training
    from mtrain.workflows.evaluate import PredictSplit


def train_run(
    config: Config,
    data: PreparedData,
    environment: Environment,
    target: RunTarget,
    code_folder: Path,
    observers: Observers,
    received: Received | None = None,
    *,
    make: MakeTrainer = make_trainer,
    evaluated: Sequence[str] = ("test",),
    draw: Draw | None = draw_here,
    until: int | None = None,
    rivals: RunRivals | None = None,
) -> Run:
    """Train in the device's scope, keep everything, and evaluate on the splits `evaluated`.

    The result's report is of the first of them. `draw` draws the charts; None: there are none. After
    epoch `until` training stops, to be resumed.

    `received` are the signals that others handle; None: they are handled here. `make` makes the
    trainer. `rivals` are those of the network, in training; None: it has none, or the run has
    them. Raises as `fit` does.
    """
    with (
        open_training(config, data, environment, target, code_folder, make) as training,
        handled_signals() if received is None else nullcontext(received) as signals,
        failing(training.recorder),
    ):
        for line in _notes(data, target, training):
            observers.note(line)
        run = training.run
        read = partial(read_tracked, run)
        observers.add(*make_trackers(config, run.path, run.tensorboard, read))
        if rivals is not None:
            observers.add(rivals.observer(training, data.dataset))
        observers.begin(_facts(data, training))
        if evaluated:  # what comes afterwards is loaded while the first steps are compiled
            load_meanwhile("scipy.special")
        if draw is not None:
            load_meanwhile("mtrain.report.page.run_page", then="load")
        if ROWS in config.diagnostics:
            load_meanwhile("pyarrow.parquet")
        stopped_by = _train(training, observers, signals, until)
        report, is_whole = None, False
        path, history = training.run.path, training.recorder.history
        if stopped_by is None and training.has_more:
            return Run(path, history, report, stopped_by)
        if evaluated:
            report, stopped_by, is_whole = _report(
                training, data, observers, signals, stopped_by, evaluated, draw, rivals
            )
        keep_learned_rows(training, data.dataset.classes)
        if is_whole and draw is not None and history.epoch:
            stopped_by = _write_page(path, data, observers, signals, stopped_by)
        if stopped_by is None:
            training.recorder.end("finished")
        return Run(path, history, report, stopped_by, _judged(config, path, report))


def finished_run(
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
    return Run(run.path, resumption.history, report, None, _judged(config, run.path, report))


def _judged(config: Config, run: Path, report: Report | None) -> Gate | None:
    """The result of the config's gates, if there is an evaluation to judge."""
    if report is None or not config.gates:
        return None
    return judge_report(report, config.rules, str(run))


def _train(
    training: Training, observer: Observer, received: Received, until: int | None
) -> signal.Signals | None:
    """Train, and report why it ended; returns the signal if there was one."""
    ended: str | None = "an error"
    try:
        ended, stopped_by = train(training, observer, received, until)
    except DivergedError:
        ended = "it diverged"
        raise
    except KeyboardInterrupt:
        ended = "stopped at once"
        raise
    finally:
        observer.trained(ended)
    return stopped_by


def _facts(data: PreparedData, training: Training) -> TrainingFacts:
    trainer, dataset = training.trainer, data.dataset
    return TrainingFacts(
        run=training.run.path,
        device=training.device,
        config=training.config,
        classes=dataset.classes,
        rows=data.rows,
        shape=dataset.encoding.shape,
        n_features=dataset.encoding.n_features,
        parameters=trainer.parameters,
        history=training.recorder.history,
        graph=trainer.graph,
        weights=trainer.weights,
    )


def note_lines(notes: Iterable[str]) -> list[str]:
    """The first few notes on data, as sentences, and how many more there are."""
    return first_few([note if note.endswith("?") else f"{note}." for note in notes])


def _notes(data: PreparedData, target: RunTarget, training: Training) -> Iterator[str]:
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
    yield from note_lines(data.notes)
    if (first := trainer.first_idle_step()) is not None:
        yield (
            f"The learning rate is 0 from step {first:,} of {trainer.all_steps:,} on: the schedule "
            "of optimizer.learning_rate is shorter than the training."
        )


def _report(
    training: Training,
    data: PreparedData,
    observer: Observer,
    received: Received,
    stopped_by: signal.Signals | None,
    evaluated: Sequence[str],
    draw: Draw | None,
    rivals: RunRivals | None,
) -> tuple[Report | None, signal.Signals | None, bool]:
    """Evaluate the run, and unless `draw` is None draw charts.

    A signal skips the rest. Returns the evaluation, the signal that stopped the training or its report, and
    whether nothing was skipped.
    """
    stage = "evaluating" if draw is None else "evaluating, and drawing charts"
    observer.stage(stage)
    run, history, report = training.run, training.recorder.history, None
    try:
        with received.interrupting():
            learning = class_learning(history, count_never_learned(training))
            of_history = draw(history_charts, history, learning) if draw and history.epoch else ()
            if stopped_by is None:
                received.check()  # a signal may have come since the end of training
                if rivals is not None:
                    observer.stage("waiting for the rivals")
                    rivals.wait(training, data.dataset, received.check)
                    observer.stage(stage)
                for split in evaluated:
                    evaluation = evaluate(
                        run.path,
                        split=split,
                        dataset=data.dataset,
                        code=training.code,
                        predict=_predict_with(training),
                        draw=draw,
                    )
                    if report is None:
                        report = evaluation.report
                        observer.evaluated(report)
                    if evaluation.problem is not None:
                        raise MtrainError(evaluation.problem)
            if of_history:
                for line in learning_lines(history, learning):
                    observer.note(f"{line}.")
                write_charts(of_history, run.charts)
    except InterruptedBySignal as interruption:
        return report, _interrupted(run.path, observer, stopped_by, interruption), False
    return report, stopped_by, True


def _write_page(
    run: Path,
    data: PreparedData,
    observer: Observer,
    received: Received,
    stopped_by: signal.Signals | None,
) -> signal.Signals | None:
    """Write the page of the run, unless a signal comes; returns the signal that stopped any of it."""
    state = "finished" if stopped_by is None else f"stopped by {stopped_by.name}"
    try:
        with received.interrupting():
            if stopped_by is None:
                received.check()
            write_page(run, rows=data.dataset.splits.get("test"), state=state)
    except InterruptedBySignal as interruption:
        return _interrupted(run, observer, stopped_by, interruption)
    return stopped_by


def _interrupted(
    run: Path,
    observer: Observer,
    stopped_by: signal.Signals | None,
    interruption: InterruptedBySignal,
) -> signal.Signals:
    """The signal that came first; one that interrupted the report alone is told."""
    if stopped_by is None:
        observer.note(f"Training {UNREPORTED.format(shlex.quote(str(run)))}.")
    return stopped_by or interruption.signal


def _predict_with(training: Training) -> PredictSplit:
    """A function that predicts by the trainer's network, which is built and compiled already."""

    def predict(
        saved: Checkpoint, rows: Split, place: CheckpointPlace, code: ImportedCode | None
    ) -> Predictions:
        trainer = training.trainer
        # A network of custom code may predict otherwise once it is trained.
        if saved.config.custom_code or saved.temperature != 1:
            return predict_split(saved, rows, place, code)
        shapes = trainer.prediction_shapes
        return trainer.predict(read_checkpoint_arrays(place.path, shapes, "model/", "loss/"), rows)

    return predict
