"""A run in MLflow, on a server or in a database."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtrain.config.experiment.addresses import without_password
from mtrain.records.tracking import Logged
from mtrain.trackers.following import Following
from mtrain.trackers.mlflow_model import log_model
from mtrain.trackers.names import legal
from mtrain.trackers.replay import attributing_errors
from mtrain.trackers.tracked import (
    LOSS,
    artifacts,
    content_digest,
    final_figures,
    milliseconds,
    verdicts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from mtrain.trackers.tracked import Identity, TrackedEpoch, TrackedRun, TrackedSweep

NAME = "mlflow"

EXPERIMENT = "mtrain"
"""Where runs are, unless `MLFLOW_EXPERIMENT_NAME` names another experiment."""

CHANGED = "changed/"
"""Begins the tag of a setting that was changed since MLflow got it."""

ID, CONTENT, MODEL, BEST = "mtrain.id", "mtrain.content", "mtrain.model", "best"
"""Tags: by which a run is found again, the digest of its outcome and files, and of its model; of a
sweep, the name of its best setting."""

EPOCH = "epoch"
"""The last figure of an epoch: one that a kill left incomplete lacks it, and is logged again. All figures
of an epoch have one time; MLflow keeps equal figures of one time and step once."""

MOST_METRICS, MOST_OTHERS, LONGEST_PARAM = 1000, 100, 6000
"""MLflow's limits of a request, and of a parameter's value."""

DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""Environment variables, unless the user has set them. MLflow's own: a server that is gone is asked for
minutes, addresses are printed among results, and MLflow's makers are told of its use."""

STATES = {"finished": "FINISHED", "running": "RUNNING", "diverged": "FAILED", "failed": "FAILED"}
"""MLflow's state by a run's; of all others, which were stopped, `KILLED`."""


class MLflow(Following):
    """Follows a training into MLflow."""

    def __init__(self, uri: str, read: Callable[[str], TrackedRun]) -> None:
        """`uri` is as for `open_mlflow`, `read` as for `Following`."""
        super().__init__("MLflow", read, lambda run: open_mlflow(run, uri))


def open_mlflow(run: TrackedRun, uri: str | None) -> MLflowRun:
    """The run in the MLflow at `uri`, found or made; None: where MLflow's own settings say.

    Raises `MtrainError` if it does not answer, or refuses.
    """
    with attributing_errors("MLflow", uri or ""):
        place = _connect(uri)
        tags = {}
        if run.parent is not None:
            with run.parent.alone(NAME):
                tags["mlflow.parentRunId"] = place.find(run.parent, None, {}).info.run_id
        kept = MLflowRun(place, place.find(run.identity, run.started, tags))
        kept.params(run.settings)
        return kept


def replay_sweep(sweep: TrackedSweep, uri: str | None) -> Logged:
    """Give the run of a sweep its files and outcome, with the figures of its best setting.

    Raises `MtrainError` as `open_mlflow` does.
    """
    with attributing_errors("MLflow", uri or ""), sweep.identity.alone(NAME):
        place = _connect(uri)
        kept = MLflowRun(place, place.find(sweep.identity, sweep.started, {}))
        kept.params(sweep.settings)
        best = {BEST: sweep.best_setting} if sweep.best_setting else {}
        is_new = kept.content(sweep.best, best, sweep.path, sweep.files, 0, sweep.ended)
        kept.say_state(sweep.state, sweep.ended)
        return Logged(str(sweep.path), sweep.state, kept.where, 0, is_new)


@dataclass(frozen=True, eq=False)
class _Place:
    """An experiment in an MLflow."""

    client: Any
    address: str
    """Without a password."""

    experiment: str

    def find(self, identity: Identity, started: datetime | None, tags: Mapping[str, str]) -> Any:
        """The run of this identity, or a new one, which `started` then; None: now."""
        begun = self.client.search_runs(
            [self.experiment], f"tags.`{ID}` = '{identity.id}'", max_results=1
        )
        if begun:
            return begun[0]
        at = None if started is None else milliseconds(started)
        tags = {ID: identity.id, **tags}
        return self.client.create_run(self.experiment, at, tags, identity.name)


class MLflowRun:
    """A run that MLflow keeps."""

    digest = file = None

    def __init__(self, place: _Place, kept: Any) -> None:
        """`kept` is MLflow's own record of it."""
        self._place = place
        self._client = place.client
        self._id: str = kept.info.run_id
        self._state: tuple[str, int | None] = (kept.info.status, kept.info.end_time)
        self._tags: dict[str, str] = kept.data.tags
        self._params: dict[str, str] = kept.data.params
        self._latest: dict[str, float] = kept.data.metrics
        # Of a time and step there are several losses if the run's files were changed.
        whole = {(one.step, one.timestamp) for one in self._history(EPOCH)}
        self._epochs: set[tuple[int, float | None]] = {
            (one.step, one.value)
            for one in self._history(LOSS)
            if (one.step, one.timestamp) in whole
        }
        self.where = f"{place.address}, experiment {place.experiment}, run {self._id}"
        if place.address.startswith("http"):
            self.where = f"{place.address}/#/experiments/{place.experiment}/runs/{self._id}"

    def lacks(self, epoch: TrackedEpoch) -> bool:
        """Whether MLflow has not the whole of it.

        A run that was killed trains epochs again that MLflow has already, with the same bits.
        """
        return epoch.fingerprint not in self._epochs

    def log(self, epochs: Sequence[TrackedEpoch]) -> None:
        """Add epochs."""
        from mlflow.entities import Metric

        metrics = [
            Metric(name, value, milliseconds(one.at), one.epoch)
            for one in epochs
            for name, value in (*one.figures.items(), (EPOCH, one.epoch))
        ]
        with attributing_errors("MLflow", self._place.address):
            for piece in _pieces(metrics, MOST_METRICS):
                self._client.log_batch(self._id, metrics=piece)
        self._epochs |= {one.fingerprint for one in epochs}
        self._latest |= epochs[-1].figures

    def finish(self, run: TrackedRun) -> bool:
        """Add the settings, the evaluation, the files and an exported model; whether any is new."""
        figures = {} if run.report is None else final_figures(run.report)
        tags = {} if run.report is None else verdicts(run.report)
        epochs, files = len(run.history.epoch), artifacts(run.path)
        with attributing_errors("MLflow", self._place.address):
            is_new = self.content(figures, tags, run.path, files, epochs, run.ended)
            return self._model(run) or is_new

    def _model(self, run: TrackedRun) -> bool:
        """Add and register its exported model; whether that is new."""
        if (model := run.read_model()) is None:
            return False
        digest = content_digest({}, run.path, [model.path.relative_to(run.path)])
        if self._tags.get(MODEL) == digest:
            return False
        place = self._place.experiment
        log_model(self._client, place, self._id, run.identity.name, model, {MODEL: digest})
        self._client.set_tag(self._id, MODEL, digest)
        return True

    def params(self, settings: Mapping[str, Any]) -> None:
        """Add settings that it lacks. It keeps the first value: a changed one is a tag."""
        from mlflow.entities import Param, RunTag

        values = {legal(key): _text(value) for key, value in settings.items()}
        params = [Param(key, value) for key, value in values.items() if key not in self._params]
        changed = [
            RunTag(f"{CHANGED}{key}", value)
            for key, value in values.items()
            if self._params.get(key, value) != value
        ]
        for piece in _pieces(params, MOST_OTHERS):
            self._client.log_batch(self._id, params=piece)
        for piece in _pieces(changed, MOST_OTHERS):
            self._client.log_batch(self._id, tags=piece)
        for key, value in values.items():
            if self._params.get(key) == value and f"{CHANGED}{key}" in self._tags:
                self._client.delete_tag(self._id, f"{CHANGED}{key}")

    def content(
        self,
        figures: Mapping[str, float],
        tags: Mapping[str, str],
        folder: Path,
        files: Sequence[Path],
        step: int,
        ended: datetime | None,
    ) -> bool:
        """Add final figures, tags and files, which are below `folder`, unless it has just these.

        The figures are of `step`, and of when all of it `ended`; None: there are none yet.
        """
        from mlflow.entities import Metric, RunTag

        digest = content_digest({**figures, **tags}, folder, files)
        if self._tags.get(CONTENT) == digest:
            return False
        at = self._not_hidden(figures, 0 if ended is None else milliseconds(ended))
        metrics = [Metric(name, value, at, step) for name, value in figures.items()]
        texts = [RunTag(name, value) for name, value in tags.items()]
        for piece in _pieces(metrics, MOST_METRICS):
            self._client.log_batch(self._id, metrics=piece)
        for piece in _pieces(texts, MOST_OTHERS):
            self._client.log_batch(self._id, tags=piece)
        for file in files:
            below = file.parent.as_posix()
            self._client.log_artifact(self._id, folder / file, None if below == "." else below)
        # Last: after a kill all of it is given again.
        self._client.set_tag(self._id, CONTENT, digest)
        return True

    def _not_hidden(self, figures: Mapping[str, float], at: int) -> int:
        """`at`, or if figures were other ones, later than those: of one time MLflow shows the largest."""
        others = (key for key, value in figures.items() if self._latest.get(key, value) != value)
        if (changed := next(others, None)) is None:
            return at
        times: list[int] = [one.timestamp for one in self._history(changed)]
        return max(at, 1 + max(times))

    def say_state(self, state: str, ended: datetime | None) -> None:
        """Say how far the run is, and when it ended; None: MLflow keeps the end that it has, or takes now."""
        status = STATES.get(state, "KILLED")
        at = self._state[1]
        if status != "RUNNING" and ended is not None:
            at = milliseconds(ended)
        if (status, at) == self._state:
            return
        with attributing_errors("MLflow", self._place.address):
            if status == "RUNNING":
                self._client.update_run(self._id, status)
            else:
                self._client.set_terminated(self._id, status, at)
        self._state = status, at

    def _history(self, name: str) -> Any:
        """All values of a figure; MLflow raises where it has none."""
        return self._client.get_metric_history(self._id, name) if name in self._latest else ()


def _connect(uri: str | None) -> _Place:
    for variable, value in DEFAULTS.items():
        os.environ.setdefault(variable, value)
    import mlflow

    # It tells what it waits for, and which tables it makes; what goes wrong is raised.
    for package in ("mlflow", "alembic"):
        logging.getLogger(package).setLevel(logging.ERROR)
    client = mlflow.MlflowClient(uri)
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
    address = without_password(uri or mlflow.get_tracking_uri())
    return _Place(client, address, _experiment(client, name))


def _experiment(client: Any, name: str) -> str:
    """The id of the experiment with this name; creates the experiment if it is missing."""
    known = client.get_experiment_by_name(name)
    return str(client.create_experiment(name) if known is None else known.experiment_id)


def _pieces(whole: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (whole[start : start + size] for start in range(0, len(whole), size))


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST_PARAM else f"{text[: LONGEST_PARAM - 3]}..."
