"""The runs of a folder, and the outcome of each so far."""

from __future__ import annotations

import math
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.catalog.metrics import METRICS
from mtrain.config.experiment.dataset import UserData
from mtrain.config.loading.load import flat_settings, load_config
from mtrain.errors import MtrainError, UsageError
from mtrain.keywords import option
from mtrain.metrics.monitor import Improvement, higher_is_better
from mtrain.records.run import RunOutcome
from mtrain.run.directory import RunDirectory
from mtrain.run.history import read_history
from mtrain.workflows.run_state import run_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mtrain.config.experiment.schema import Config
    from mtrain.metrics.history import History

NO_COLUMN = (
    *("name", "dataset.name", "dataset.path", "model.hidden", "training.epochs"),
    *("checkpoint.", "tracking.", "training.memory"),
)
"""Settings and sections without a column of differences: another column shows them, or they change
no figure."""

OF_THE_DATA = {
    f"dataset.{key}"
    for key in (
        *("target", "classes", "features", "exclude", "categorical", "size", "weights"),
        *("groups", "time"),
    )
}
"""Settings that differ because the data do: they get a column only among runs of the same data."""

SPLITS = ("dataset.validation", "dataset.test.", "dataset.fold")
"""Settings that data of every kind have."""

SORTED_BY = ("started", "run", "data", "epochs", "best", "worst", "state")
"""Columns by which runs are sorted, besides the settings in which they differ."""

TAKEN = frozenset({*SORTED_BY, *METRICS, "hidden", "loss", "name", "support"})
"""Names of other columns, or figures."""


def list_runs(folder: Path, sort: str = "started") -> tuple[list[RunOutcome], list[str]]:
    """The runs in `folder` and its subfolders, and the problems of runs that cannot be read.

    Sorted by a column: the latest last, `best` and `worst` the best first, all others ascending.
    Raises `MtrainError` if there is no such folder, `UsageError` for an unknown column.
    """
    if not folder.is_dir():
        problem = "not a folder; name one with runs in it" if folder.exists() else "no such folder"
        raise MtrainError(problem, where=folder)
    outcomes: list[RunOutcome] = []
    problems: list[str] = []
    for path in _find(folder):
        try:
            outcomes.append(_outcome(RunDirectory(path), str(path.relative_to(folder))))
        except MtrainError as error:
            problems += map(str, error.problems)
        except (LookupError, ValueError) as error:
            problems.append(f"{path}: its history and its config do not fit: {error!r:.80}")
    if not outcomes and not problems:
        problems.append(f"no run is in {folder}")
    return _sorted(outcomes, sort), problems


def differing_settings(outcomes: Sequence[RunOutcome]) -> list[str]:
    """The settings by dotted key in which some of these runs differ; a run may lack some of them.

    Without those of `NO_COLUMN`, and those that another kind of data does not have.
    """
    keys = dict.fromkeys(key for outcome in outcomes for key in outcome.settings)
    paths = {outcome.dataset: outcome.settings.get("dataset.path") for outcome in outcomes}
    same_names = any(paths[o.dataset] != o.settings.get("dataset.path") for o in outcomes)
    kinds = len({outcome.settings["dataset.name"] for outcome in outcomes})

    by_data: dict[str, list[RunOutcome]] = {}
    for outcome in outcomes:
        by_data.setdefault(outcome.dataset, []).append(outcome)

    def differs(key: str, those: Sequence[RunOutcome]) -> bool:
        return len({str(outcome.settings.get(key)) for outcome in those}) > 1

    def is_shown(key: str) -> bool:
        if key == "dataset.path":
            return same_names
        if key.startswith(NO_COLUMN):
            return False
        if key in OF_THE_DATA:
            return any(differs(key, those) for those in by_data.values())
        of_all = kinds == 1 or not key.startswith("dataset.") or key.startswith(SPLITS)
        return of_all or all(key in outcome.settings for outcome in outcomes)

    return [key for key in keys if is_shown(key) and differs(key, outcomes)]


def setting_headings(settings: Sequence[str]) -> dict[str, str]:
    """The heading of each: the last part of its key, if it is unique.

    For a setting in a nested section the last two parts: `threshold.recall` is not a recall that
    was reached. If that is the name of a figure or another column, the whole key.
    """
    headings = {}
    for key in settings:
        section, _, last = key.rpartition(".")
        inner = section.rpartition(".")[2] if "." in section else ""
        headings[key] = f"{inner}.{last}" if inner else last
    count = Counter(headings.values())
    return {
        key: key if count[heading] > 1 or heading in TAKEN else heading
        for key, heading in headings.items()
    }


def _find(folder: Path) -> Iterator[Path]:
    """Every folder with a run's config, but for ensembles; folders within a run are not searched."""
    for place, folders, files in os.walk(folder):
        if "config.yaml" in files and ("environment.json" in files or "history.json" in files):
            folders.clear()
            if not RunDirectory(Path(place)).is_ensemble:
                yield Path(place)
        else:
            folders[:] = sorted(name for name in folders if not name.startswith("."))


def _sorted(outcomes: list[RunOutcome], sort: str) -> list[RunOutcome]:
    differing = differing_settings(outcomes)
    keys = {heading: key for key, heading in setting_headings(differing).items()}
    keys |= {key: key for key in differing}

    def value(outcome: RunOutcome) -> float | str | None:
        if sort in keys:
            setting = outcome.settings.get(keys[sort])
            is_plain = setting is None or isinstance(setting, int | float)
            return setting if is_plain else str(setting)
        if sort == "best":
            _, best = outcome.best or ("", math.nan)
            return None if math.isnan(best) else -best if outcome.higher_is_better else best
        if sort == "worst":
            f1 = math.nan if outcome.worst_class is None else outcome.worst_class[1]
            return None if math.isnan(f1) else -f1
        attribute: float | str = getattr(
            outcome, {"run": "name", "data": "dataset"}.get(sort, sort)
        )
        return attribute

    def place(outcome: RunOutcome) -> tuple[bool, bool, float, str]:
        """Numbers before text before undefined values."""
        sort_value = value(outcome)
        if isinstance(sort_value, str):
            return False, True, 0.0, sort_value
        return sort_value is None, False, sort_value or 0.0, ""

    if sort not in (*SORTED_BY, *keys):
        known = ", ".join([*SORTED_BY, *setting_headings(differing).values()])
        raise UsageError(
            f"no column {sort!r}", where=option("sort"), remedy=f"choose one of {known}"
        )
    return sorted(sorted(outcomes, key=lambda outcome: outcome.started), key=place)


def _outcome(run: RunDirectory, name: str) -> RunOutcome:
    run.refuse_links()
    config = load_config(run.config, {})
    history = read_history(run.path)
    index = len(history.epoch) - 1
    best = None
    if config.save_best is not None and history.epoch:
        improvement = Improvement(config.save_best, mode=config.save_best_mode)
        for k in range(len(history.epoch)):
            if improvement.add(history.monitored(config.save_best, k)):
                index = k
        best = config.save_best, history.scalars[config.save_best][index]
    return RunOutcome(
        name=run.path.absolute().name if name == "." else name,
        started=history.segments[0].started,
        dataset=_data(config),
        network=str(config.model),
        epochs=len(history.epoch),
        epochs_wanted=config.training.epochs,
        best=best,
        higher_is_better=higher_is_better(config.save_best or "", config.save_best_mode),
        worst_class=_worst_class(history, index) if history.epoch else None,
        state=run_state(run, config, history),
        settings=flat_settings(config),
    )


def _data(config: Config) -> str:
    """The data set's name; for the user's data the name of the file or folder."""
    dataset = config.dataset
    return Path(dataset.path).name if isinstance(dataset, UserData) else dataset.name


def _worst_class(history: History, index: int) -> tuple[str, float, str]:
    """The class of the lowest F1 in an epoch's validation, or training without validation."""
    split = "val" if "val" in history.counts else "train"
    f1 = history.class_counts(split, index).f1
    k = int(np.nan_to_num(f1, nan=math.inf).argmin())  # undefined: neither there nor predicted
    return history.classes[k], float(f1[k]), split
