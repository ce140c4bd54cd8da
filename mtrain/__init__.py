"""Trains and evaluates classifiers, and shows precision and recall of every class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike
    from pathlib import Path
    from typing import TypeVar

    from mtrain.config.loading.load import Settings
    from mtrain.data.inspect import Inspection
    from mtrain.errors import DivergedError, MtrainError, UsageError
    from mtrain.observer import Observer
    from mtrain.records.comparison import Comparison
    from mtrain.records.export import Export, Format
    from mtrain.records.gate import Gate
    from mtrain.records.predicted import Predicted
    from mtrain.records.report import Report
    from mtrain.records.reproduction import Reproduction
    from mtrain.workflows.loaded_checkpoint import Engine
    from mtrain.workflows.model import Model
    from mtrain.workflows.reproduce import ReproductionRun
    from mtrain.workflows.run import Run
    from mtrain.workflows.sweep import SweepRun

    Stoppable = TypeVar("Stoppable", Run, SweepRun, ReproductionRun)

__all__ = [
    "Comparison",
    "DivergedError",
    "Export",
    "Gate",
    "Model",
    "MtrainError",
    "Observer",
    "Predicted",
    "Report",
    "Reproduction",
    "Run",
    "SweepRun",
    "UsageError",
    "check",
    "compare",
    "evaluate",
    "export",
    "fit",
    "gate",
    "load",
    "plot",
    "predict",
    "reproduce",
    "resume",
    "sweep",
]
__version__ = "0.1.0"

_TYPES = {
    "Comparison": "mtrain.records.comparison",
    "DivergedError": "mtrain.errors",
    "Export": "mtrain.records.export",
    "Gate": "mtrain.records.gate",
    "MtrainError": "mtrain.errors",
    "Observer": "mtrain.observer",
    "Model": "mtrain.workflows.model",
    "Predicted": "mtrain.records.predicted",
    "Report": "mtrain.records.report",
    "Reproduction": "mtrain.records.reproduction",
    "Run": "mtrain.workflows.run",
    "SweepRun": "mtrain.workflows.sweep",
    "UsageError": "mtrain.errors",
}
"""Types that are imported on first use, and the module of each."""


def fit(
    config: str | PathLike[str] | Mapping[str, Any],
    *,
    out: str | PathLike[str] | None = None,
    device: str = "auto",
    resume: bool = False,
    allow_differences: bool = False,
    report: bool = True,
    progress: bool | None = None,
    observer: Observer | None = None,
    **overrides: Any,
) -> Run:
    """Train the experiment of a YAML file, or of a mapping like one, as `mtrain fit` does.

    `overrides` are settings: a section is merged into that of the config, as in `fit("digits.yaml",
    training={"epochs": 3})`, and a dotted path sets one setting, as in `**{"training.epochs": 3}`.
    Without `report` nothing is evaluated and no chart drawn, as between many short trainings.
    `progress` shows the training, by default only on a terminal and in a notebook; an `observer`
    follows it instead. Raises `mtrain.MtrainError` for everything a user can mend, and
    `KeyboardInterrupt` after Ctrl-C, when the run is saved.
    """
    from pathlib import Path

    from mtrain.config.loading.load import read_settings
    from mtrain.keywords import naming_keywords

    source = Path(config) if isinstance(config, str) or hasattr(config, "__fspath__") else config
    with naming_keywords():
        return _train(
            read_settings(source, overrides, function="mtrain.fit"),
            progress,
            observer,
            out=None if out is None else Path(out),
            device=device,
            resume=resume,
            allow_differences=allow_differences,
            report=report,
        )


def resume(
    run: str | PathLike[str],
    *,
    device: str = "auto",
    allow_differences: bool = False,
    allow_code: bool = False,
    report: bool = True,
    progress: bool | None = None,
    observer: Observer | None = None,
    **overrides: Any,
) -> Run:
    """Resume a run, as `mtrain resume` does: `resume("run", training={"epochs": 30})`.

    `run` is a `Run` or its directory; everything else is as for `fit`.
    """
    from pathlib import Path

    from mtrain.keywords import naming_keywords
    from mtrain.training.resume import read_run_settings

    with naming_keywords():
        return _train(
            read_run_settings(
                Path(run), overrides, allow_code=allow_code, function="mtrain.resume"
            ),
            progress,
            observer,
            out=Path(run),
            device=device,
            resume=True,
            allow_differences=allow_differences,
            download=False,
            report=report,
        )


def sweep(
    config: str | PathLike[str] | Mapping[str, Any],
    axes: Mapping[str, Sequence[Any] | str] | None = None,
    *,
    seeds: int | None = None,
    folds: int | None = None,
    sample: int | None = None,
    halving: Mapping[str, Any] | None = None,
    ensemble: bool = False,
    jobs: int | None = None,
    ray: str | None = None,
    charts: bool = False,
    yes: bool = False,
    out: str | PathLike[str] | None = None,
    resume: bool = False,
    device: str = "auto",
    progress: bool | None = None,
    **overrides: Any,
) -> SweepRun:
    """Train every combination of settings, and compare them with the best, as `mtrain sweep` does.

    `axes` are lists of values by dotted path, as `{"optimizer.learning_rate": [0.001, 0.01]}`, or
    ranges for `sample`, as `"1e-4..1e-2"`. `config` and `overrides` are as for `fit`, and so is what
    is raised. The `result` of what is returned has every member and every setting, and its `path`
    the files.
    """
    from pathlib import Path

    from mtrain.config.loading.axes import axes_from_python
    from mtrain.config.loading.members import plan_sweep
    from mtrain.keywords import naming_keywords

    source = Path(config) if isinstance(config, str) or hasattr(config, "__fspath__") else config
    with naming_keywords():
        plan = plan_sweep(
            source,
            overrides,
            axes_from_python(axes or {}, "mtrain.sweep"),
            seeds=seeds,
            folds=folds,
            sample=sample,
            halving=None if halving is None else dict(halving),
            ensemble=ensemble,
            many=yes,
            function="mtrain.sweep",
        )

        from mtrain.report.console.sweep import watch_sweep_from_python
        from mtrain.workflows.sweep import sweep as use_case
        from mtrain.workflows.sweep_data import Options

        watcher = watch_sweep_from_python(progress)
        options = Options(
            device=device,
            jobs=jobs,
            charts=charts,
            progress=watcher is not None,
            code_folder=plan.settings.folder or Path(),
            owns_process=False,
            ray=ray,
        )
        with plan.settings.located():
            run = use_case(
                plan,
                out=None if out is None else Path(out),
                resume=resume,
                options=options,
                observer=watcher,
            )
    return _or_stopped(run, "mtrain.sweep(..., resume=True) does the rest")


def evaluate(
    checkpoint: str | PathLike[str],
    *,
    split: str = "test",
    data: str | PathLike[str] | None = None,
    threshold: float | None = None,
    by: str | None = None,
    out: str | PathLike[str] | None = None,
    fast: bool = False,
    allow_code: bool = False,
) -> Report:
    """Evaluate a run or a checkpoint and keep the results, as `mtrain evaluate` does.

    `checkpoint` is a `Run`, its directory or that of one checkpoint. If the run cannot be written,
    nothing is kept unless `out` names a new folder. If it is `fast`, NumPy predicts: probabilities
    differ by about 1e-6, and there is no loss. `by` is a column of a table, for each value of which
    `report.slices` has the same figures. Raises `mtrain.MtrainError` for everything a user can mend.
    """
    from pathlib import Path

    import mtrain.workflows.evaluate as use_case
    from mtrain.keywords import naming_keywords

    with naming_keywords():
        evaluation = use_case.evaluate(
            Path(checkpoint),
            split=split,
            data=None if data is None else Path(data),
            threshold=threshold,
            by=by,
            out=None if out is None else Path(out),
            fast=fast,
            allow_code=allow_code,
        )
    return evaluation.report


@overload
def compare(
    first: str | PathLike[str],
    second: str | PathLike[str],
    /,
    *,
    split: str | None = None,
    margin: float | None = None,
    out: str | PathLike[str] | None = None,
) -> Comparison: ...


@overload
def compare(
    first: str | PathLike[str],
    second: str | PathLike[str],
    /,
    *more: str | PathLike[str],
    split: str | None = None,
    margin: float | None = None,
    out: str | PathLike[str] | None = None,
) -> list[Comparison]: ...


def compare(
    first: str | PathLike[str],
    second: str | PathLike[str],
    /,
    *more: str | PathLike[str],
    split: str | None = None,
    margin: float | None = None,
    out: str | PathLike[str] | None = None,
) -> Comparison | list[Comparison]:
    """Compare runs with the first on the same rows, class by class, as `mtrain compare` does.

    Of two runs one `Comparison`, of more a list of them. A run is a `Run`, its directory, or the
    folder of one of its evaluations. Raises `mtrain.MtrainError` for everything a user can mend.
    """
    from pathlib import Path

    from mtrain.keywords import naming_keywords
    from mtrain.workflows.compare import compare as use_case

    with naming_keywords():
        comparisons = use_case(
            [Path(run) for run in (first, second, *more)],
            split=split,
            margin=margin,
            out=None if out is None else Path(out),
        )
    return comparisons if more else comparisons[0]


def gate(
    run: str | PathLike[str],
    /,
    *rules: str,
    baseline: str | PathLike[str] | None = None,
    inconclusive: Literal["pass", "fail"] | None = None,
    junit: str | PathLike[str] | None = None,
) -> Gate:
    """Judge a run by rules, or by the gates of its config, as `mtrain gate` does.

    `run` is a `Run`, its directory, or the folder of one of its evaluations. The result has an
    `outcome`, `passed`, `failed` or `inconclusive`, and the `results` of the rules. Raises
    `mtrain.MtrainError` for everything a user can mend.
    """
    from pathlib import Path

    from mtrain.keywords import naming_keywords
    from mtrain.workflows.gate import gate as use_case

    with naming_keywords():
        return use_case(
            Path(run),
            rules,
            baseline=None if baseline is None else Path(baseline),
            inconclusive=inconclusive,
            junit=None if junit is None else Path(junit),
        )


def predict(
    checkpoint: str | PathLike[str],
    inputs: Any,
    *,
    threshold: float | None = None,
    engine: Engine = "auto",
    set_level: float | None = None,
    data: str | PathLike[str] | None = None,
    allow_code: bool = False,
) -> Predicted:
    """Predict rows without labels with a run or a checkpoint, as `mtrain predict` does.

    `inputs` are a path, or an array of shape (N, ...). For a model of a table they are columns (a
    dict or a data frame), rows (a list of dicts) or one row (a dict of single values). The `engine`
    `tensorflow` gives the bits of `evaluate`, from which the probabilities of `auto` differ by about
    1e-6. With a `set_level` in [0.5, 1), such as 0.95, `sets` says which classes each row may have, so that of
    every class this share has its own in it: by the run's validation rows, whose data are read where they
    were, or at `data`. Raises `mtrain.MtrainError` for everything a user can mend.
    """
    from pathlib import Path

    from mtrain.keywords import naming_keywords
    from mtrain.workflows.model import load_model

    with naming_keywords():
        model = load_model(Path(checkpoint), engine=engine, allow_code=allow_code)
        return model.predict(inputs, threshold=threshold, set_level=set_level, data=data)


def load(
    checkpoint: str | PathLike[str], *, engine: Engine = "auto", allow_code: bool = False
) -> Model:
    """A run or a checkpoint that predicts, loaded once: for a program that predicts again and again.

    `model.predict(rows)` is `mtrain.predict(checkpoint, rows)`, and `engine` is as there. Raises
    `mtrain.MtrainError` for everything a user can mend.
    """
    from pathlib import Path

    from mtrain.keywords import naming_keywords
    from mtrain.workflows.model import load_model

    with naming_keywords():
        return load_model(Path(checkpoint), engine=engine, allow_code=allow_code)


def export(
    checkpoint: str | PathLike[str],
    *,
    file_format: Format = "onnx",
    out: str | PathLike[str] | None = None,
    data: str | PathLike[str] | None = None,
    allow_code: bool = False,
) -> Export:
    """Export a run or a checkpoint, as `mtrain export` does, and prove that it predicts the same.

    `file_format` is `onnx`, `saved_model` or `keras`. Raises `mtrain.MtrainError` for everything a
    user can mend, and for a model that predicts otherwise, of which nothing is left.
    """
    from pathlib import Path

    from mtrain.keywords import naming_keywords
    from mtrain.workflows.export import export as use_case

    with naming_keywords():
        return use_case(
            Path(checkpoint),
            file_format=file_format,
            out=None if out is None else Path(out),
            data=None if data is None else Path(data),
            allow_code=allow_code,
        )


def reproduce(
    run: str | PathLike[str],
    *,
    out: str | PathLike[str] | None = None,
    resume: bool = False,
    seeds: int = 0,
    device: str = "auto",
    allow_code: bool = False,
    progress: bool | None = None,
    **overrides: Any,
) -> Reproduction:
    """Train a finished run again and compare both to the last bit, as `mtrain reproduce` does.

    `run` is a `Run` or its directory, which is only read; the new run is in `runs[1]` of what is
    returned. `overrides` are settings that change no figure, as `dataset={"path": "rows.csv"}`.
    `progress` is as for `fit`, and so is what is raised.
    """
    from pathlib import Path

    from mtrain.keywords import naming_keywords
    from mtrain.workflows.run_to_reproduce import read_settings_again

    with naming_keywords():
        settings = read_settings_again(
            Path(run), overrides, allow_code=allow_code, function="mtrain.reproduce"
        )
        config = settings.validate()

        from mtrain.report.console.sweep import watch_sweep_from_python
        from mtrain.report.console.watch import watch_from_python
        from mtrain.workflows.reproduce import reproduce as use_case

        with settings.located():
            done = use_case(
                Path(run),
                config,
                out=None if out is None else Path(out),
                resume=resume,
                seeds=seeds,
                device=device,
                observer=watch_from_python(progress),
                seeds_observer=watch_sweep_from_python(progress),
            )
    _or_stopped(done, "mtrain.reproduce(..., resume=True) does the rest")
    if done.reproduction is None:
        from mtrain.errors import MtrainError as Stopped

        raise Stopped("was stopped, so nothing was compared", where=done.path)
    return done.reproduction


def check(
    config: str | PathLike[str] | Mapping[str, Any],
    *,
    suspects: bool = False,
    flip: float | None = None,
    rivals: bool = False,
    progress: bool | None = None,
    **overrides: Any,
) -> Inspection:
    """Check an experiment's settings and summarise its data, as `mtrain check` does.

    With `suspects` it also trains with some labels flipped, and the result's `suspects` have how many of
    these the lists of suspects name; `flip` is the share of labels, in (0, 0.5), by default 0.05. With
    `rivals` simpler models are trained, and the result's `rivals` have what they reach on the test rows.
    `config`, `progress` and `overrides` are as for `fit`. Raises `mtrain.MtrainError` for everything a
    user can mend.
    """
    from dataclasses import replace
    from pathlib import Path

    from mtrain.config.loading.load import read_settings
    from mtrain.data.flips import share_to_flip
    from mtrain.keywords import naming_keywords
    from mtrain.workflows.check import check as use_case

    source = Path(config) if isinstance(config, str) or hasattr(config, "__fspath__") else config
    with naming_keywords():
        share = share_to_flip(flip, suspects=suspects)
        settings = read_settings(source, overrides, function="mtrain.check")
        checked = settings.validate()
        with settings.located():
            inspection = use_case(checked)
            if share is not None:
                from mtrain.report.console.watch import watch_from_python
                from mtrain.workflows.try_suspects import try_suspects

                trial = try_suspects(
                    checked,
                    share,
                    code_folder=settings.folder,
                    observer=watch_from_python(progress),
                )
                inspection = replace(inspection, suspects=trial)
            if rivals:
                from mtrain.workflows.try_rivals import try_rivals

                inspection = replace(inspection, rivals=try_rivals(checked))
        return inspection


def plot(
    history: str | PathLike[str],
    *,
    out: str | PathLike[str] | None = None,
    file_format: str = "png",
) -> list[Path]:
    """Draw the learning curves of a run or a `history.json`, as `mtrain plot` does.

    Returns the files, which go to `out`, by default `charts` beside the history. `file_format` is
    png, svg or pdf. Raises `mtrain.MtrainError` for everything a user can mend.
    """
    from pathlib import Path

    import mtrain.workflows.plot as use_case
    from mtrain.keywords import naming_keywords

    with naming_keywords():
        folder = None if out is None else Path(out)
        files, _ = use_case.plot(Path(history), folder, file_format)
    return files


def __getattr__(name: str) -> Any:
    if name not in _TYPES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_TYPES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def _train(settings: Settings, progress: bool | None, observer: Observer | None, **how: Any) -> Run:
    checked = settings.validate()

    from mtrain.report.console.watch import watch_from_python
    from mtrain.workflows.fit import fit

    watcher = watch_from_python(progress) if observer is None else observer
    with settings.located():
        run = fit(checked, code_folder=settings.folder, observer=watcher, **how)
    return _or_stopped(run, f"mtrain.resume({str(run.path)!r}) does the rest")


def _or_stopped(run: Stoppable, remedy: str) -> Stoppable:
    """The run; a signal that stopped and saved it is now raised as in any program."""
    if run.stopped_by is None:
        return run
    import signal

    is_default = signal.getsignal(run.stopped_by) is signal.default_int_handler
    if run.stopped_by is signal.SIGINT and is_default:
        raise KeyboardInterrupt(f"{run.path}: stopped and saved; {remedy}")
    signal.raise_signal(run.stopped_by)
    return run
