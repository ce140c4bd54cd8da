"""Train an experiment: its data, its training, and the report on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mtrain.config.experiment.custom_code import CustomModel
from mtrain.config.experiment.sources import PATHS
from mtrain.data.class_weights import weight_training
from mtrain.data.files import large_files
from mtrain.data.load import load_dataset
from mtrain.engine.threads import choose_threads
from mtrain.errors import DivergedError, MissingPathError, SettingError
from mtrain.observer import Observer, Observers
from mtrain.report.drawing import draw_here
from mtrain.rivals.process import rivals_beside
from mtrain.run.environment import describe_environment
from mtrain.run.rivals import are_of
from mtrain.trackers.of_config import check_trackers
from mtrain.training.open import data_facts, open_device, open_environment
from mtrain.training.prepared import prepare_data
from mtrain.training.rivals import RunRivals, learned_from, rival_task
from mtrain.training.target import run_target
from mtrain.workflows.train_run import finished_run, train_run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mtrain.config.experiment.schema import Config
    from mtrain.records.dataset import Dataset
    from mtrain.records.run import Environment
    from mtrain.report.drawing import Draw
    from mtrain.rivals.task import RivalTask
    from mtrain.training.signals import Received
    from mtrain.training.target import RunTarget
    from mtrain.workflows.run import Run


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
    evaluated: Sequence[str] = ("test",),
    draw: Draw | None = draw_here,
    until: int | None = None,
    threads: int | None = None,
    observer: Observer | None = None,
    owns_process: bool = False,
    keeps_compiled: bool = False,
    alter: Callable[[Dataset], Dataset] | None = None,
    received: Received | None = None,
) -> Run:
    """Train, keep everything in a run directory, and evaluate its best checkpoint on test.

    `out` is that directory, new or empty; None: a free one of `outputs/<name>`. With `resume`, the
    run in `out`, or `outputs/<name>`, is continued if there is one; `UsageError` lists the
    differences that would change its result, unless `allow_differences`. `download` allows data
    that is not on this machine to be downloaded. `code_folder` is searched for custom code before
    installed packages; None: the current directory. Without `report` nothing is evaluated and no
    chart is drawn, for runs that are trained further at once. `evaluated`, `draw` and `until` are
    as for `train_run`. `observer` follows the training; None: no observer. If it `owns_process`, in
    which nothing else is computed, a training on the CPU has as few threads as serve it, or so many
    `threads`; TensorFlow keeps them for the whole process. If it `keeps_compiled`, as a process that
    trains once may, XLA's loops are kept for later processes. `alter` changes the data as they are read.
    `received` is as for `train_run`. Raises `MtrainError` for problems of the data, the device, the disk
    or custom code, and `DivergedError` if the loss or a weight is no longer finite; the state before is
    saved.
    """
    watched = observer is not None
    observers = Observers(*(() if observer is None else (observer,)))
    check_trackers(config)
    with run_target(config, out, resume=resume, allow_differences=allow_differences) as target:
        folder = code_folder or Path()
        if (finished := finished_run(target, config, folder, observers)) is not None:
            return finished
        outcome = "failed"
        try:
            try:
                dataset = _read(config, observers, progress=watched, download=download, alter=alter)
            except MissingPathError as error:
                if target.resumption is None:
                    raise
                raise error.with_remedy("dataset.path=PATH says where the data are now") from error
            environment = describe_environment(config.seed, *data_facts(dataset))
            if target.resumption is not None:
                target.resumption.check_classes(dataset.classes)
                target.resumption.check(config, environment)
            if owns_process and threads is None:
                threads = choose_run_threads(config, dataset)
            tasks = _rival_tasks(config, dataset, environment, target) if report else []
            observers.stage("loading TensorFlow")
            with (
                rivals_beside(tasks, at_once=until is None) as rivals,
                open_device(
                    device, threads, target.resumption, keeps_compiled=keeps_compiled
                ) as computes_on,
                open_environment(config, environment, computes_on, target.resumption) as known,
            ):
                data = prepare_data(dataset)
                # The device has the training rows, and the rivals; here they would be in memory twice.
                del dataset, tasks
                run = train_run(
                    config,
                    data,
                    known,
                    target,
                    folder,
                    observers,
                    received,
                    evaluated=evaluated if report else (),
                    draw=draw,
                    until=until,
                    rivals=None if rivals is None else RunRivals(rivals),
                )
            outcome = "finished" if run.stopped_by is None else f"stopped by {run.stopped_by.name}"
        except DivergedError:
            outcome = "diverged"
            raise
        except KeyboardInterrupt:
            outcome = "stopped by SIGINT"
            observers.stage("")
            if not observers.has_begun:
                observers.note("Stopped before training began.")
            raise
        else:
            return run
        finally:
            observers.stage("")
            observers.end(outcome)


def _rival_tasks(
    config: Config, dataset: Dataset, environment: Environment, target: RunTarget
) -> list[RivalTask]:
    """What rivals are to learn from, unless the run has learned it already."""
    if (task := rival_task(config, dataset)) is None:
        return []
    resumption = target.resumption
    known = resumption is not None and are_of(
        resumption.run.rivals, learned_from(config, environment)
    )
    return [] if known else [task]


def _read(
    config: Config,
    observer: Observer,
    *,
    progress: bool,
    download: bool,
    alter: Callable[[Dataset], Dataset] | None,
) -> Dataset:
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
    if alter is not None:
        dataset = alter(dataset)
    return weight_training(dataset, config.training.class_weight)


def choose_run_threads(config: Config, dataset: Dataset) -> int | None:
    """Threads of an operation on the CPU, by the rule; None for a custom model, which has all."""
    if isinstance(config.model, CustomModel):
        return None
    widths = config.model.sizes(dataset.encoding.n_features, len(dataset.classes))
    return choose_threads(widths, min(config.training.batch_size, len(dataset.train)))
