"""The loop from a training's first record to its last checkpoint, whatever ends it."""

from __future__ import annotations

import shlex
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from mtrain.errors import DivergedError, MtrainError
from mtrain.metrics.monitor import always_undefined, first_is_best

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

    from mtrain.config.experiment.schema import Config
    from mtrain.metrics.history import History
    from mtrain.observer import Observer
    from mtrain.run.recorder import Recorder
    from mtrain.training.signals import Received
    from mtrain.training.training import Training

PAUSED = "halving"
"""In the history, the end of a training that others were better than."""

UNREPORTED = "is finished and saved; the report is missing; `mtrain resume {}` makes it"


def train(
    training: Training, observer: Observer, received: Received, until: int | None = None
) -> tuple[str | None, signal.Signals | None]:
    """Train until the end of the training or of epoch `until`, or a stop, and save.

    Returns why it ended before the last epoch, and the signal if there was one.
    """
    trainer, recorder = training.trainer, training.recorder
    signals = received.signals
    try:
        with training.code.attributing_errors():
            if training.early_stop is None and not training.has_reached(until):
                for record in trainer.records():
                    training.take(record, observer)
                    if signals or training.early_stop is not None or training.has_reached(until):
                        break
        observer.saved(recorder.finish(trainer.state()))
    except MtrainError as error:
        last = recorder.finish()
        observer.saved(last)
        kind = DivergedError if isinstance(error, DivergedError) else MtrainError
        raise kind(f"{error}; checkpoint {last} is the last good one") from error
    if not signals and training.has_more:
        recorder.end(PAUSED)
        return f"stopped after epoch {until}", None
    if not signals:
        for line in _advice(training.config, recorder.history):
            observer.note(line)
        return training.early_stop, None
    name, run = signals[0].name, shlex.quote(str(training.run.path))
    recorder.end(name)
    early = training.early_stop
    if early or trainer.finished:
        why = f"{early}; then " if early else ""
        return f"{why}stopped by {name}: training {UNREPORTED.format(run)}", signals[0]
    return f"stopped by {name}, saved; `mtrain resume {run}` continues it", signals[0]


@contextmanager
def failing(recorder: Recorder) -> Iterator[None]:
    """Write into the history how the training ended if it fails."""
    try:
        yield
    except Exception as error:
        with suppress(MtrainError):  # the disk may have failed, which is being reported
            recorder.end("diverged" if isinstance(error, DivergedError) else "failed")
        raise


def _advice(config: Config, history: History) -> Iterator[str]:
    """Notes after training, by the scalar that chooses the best epoch."""
    if (monitor := config.save_best) is None:
        return
    if (why := always_undefined(history, monitor)) is not None:
        yield f"{why}; so there is no best epoch, and the last one is kept."
    if (advice := first_is_best(history, monitor, config.save_best_mode)) is not None:
        yield advice
