"""Trains and evaluates classifiers, and shows precision and recall of every class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from mtrain.metrics.report import Report
    from mtrain.train import Run

__all__ = ["evaluate", "fit", "resume"]
__version__ = "0.1.0"


def fit(
    config: str | PathLike[str] | Mapping[str, Any],
    *,
    out: str | PathLike[str] | None = None,
    device: str = "auto",
    resume: bool = False,
    allow_differences: bool = False,
    report: bool = True,
    **overrides: Any,
) -> Run:
    """Train the experiment of a YAML file, or of a mapping like one, as `mtrain fit` does.

    `overrides` are settings by dotted path: `fit("digits.yaml", **{"training.epochs": 3})`.
    Without `report` nothing is evaluated and no chart drawn, as between many short trainings.
    Nothing is printed. Raises `mtrain.errors.MtrainError` for everything a user can mend.
    """
    from pathlib import Path

    from mtrain.config.load import read_settings

    source = Path(config) if isinstance(config, str) or hasattr(config, "__fspath__") else config
    settings = read_settings(source, overrides)
    checked = settings.validate()

    from mtrain.train import train

    with settings.located():
        run = train(
            checked,
            out=None if out is None else Path(out),
            device=device,
            resume=resume,
            allow_differences=allow_differences,
            code_folder=settings.folder,
            report=report,
        )
    return _or_stopped(run)


def resume(
    run: str | PathLike[str],
    *,
    device: str = "auto",
    allow_differences: bool = False,
    allow_code: bool = False,
    report: bool = True,
    **overrides: Any,
) -> Run:
    """Go on with a run, as `mtrain resume` does: `resume("run", **{"training.epochs": 30})`.

    `report` is as for `fit`. Raises `mtrain.errors.MtrainError` for everything a user can mend.
    """
    from pathlib import Path

    from mtrain.resumption import read_run_settings

    settings = read_run_settings(Path(run), overrides, allow_code=allow_code)
    checked = settings.validate()

    from mtrain.train import train

    with settings.located():
        done = train(
            checked,
            out=Path(run),
            device=device,
            resume=True,
            allow_differences=allow_differences,
            download=False,
            code_folder=settings.folder,
            report=report,
        )
    return _or_stopped(done)


def evaluate(
    checkpoint: str | PathLike[str],
    *,
    split: str = "test",
    data: str | PathLike[str] | None = None,
    threshold: float | None = None,
    out: str | PathLike[str] | None = None,
    allow_code: bool = False,
) -> Report:
    """Evaluate a run or a checkpoint, and keep what comes out, as `mtrain evaluate` does.

    In a run that cannot be written nothing is kept, unless `out` names a new folder for it. Raises `mtrain.errors.MtrainError` for everything a user can mend.
    """
    from pathlib import Path

    import mtrain.evaluation as use_case

    evaluation = use_case.evaluate(
        Path(checkpoint),
        split=split,
        data=None if data is None else Path(data),
        threshold=threshold,
        out=None if out is None else Path(out),
        allow_code=allow_code,
    )
    return evaluation.report


def _or_stopped(run: Run) -> Run:
    """The run; a signal that stopped it, saved, now does what it does to any program."""
    if run.stopped_by is not None:
        import signal

        signal.raise_signal(run.stopped_by)
    return run
