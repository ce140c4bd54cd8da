"""A run in MLflow, on a server or in a database."""

from __future__ import annotations

import json
import logging
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtrain.trackers.following import Following
from mtrain.trackers.mlflow_model import log_model
from mtrain.trackers.names import legal
from mtrain.trackers.replay import Replay, attributing_errors
from mtrain.trackers.tracked import (
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

EXPERIMENT = "mtrain"
"""Where runs are, unless `MLFLOW_EXPERIMENT_NAME` names another experiment."""

CHANGED = "changed/"
"""Begins the tag of a setting that was changed since MLflow got it."""

ID, CONTENT, MODEL, BEST = "mtrain.id", "mtrain.content", "mtrain.model", "best"
"""Tags: by which a run is found again, the digest of its outcome and files, and of its model; of a
sweep, the name of its best setting."""

LOSS, EPOCH = "train/loss", "epoch"
"""By the loss an epoch is recognised as one of this training. `epoch` is its last figure: an epoch that
a kill left incomplete lacks it and is logged again; MLflow keeps equal figures of one time and step
once."""

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

_FINDING = threading.Lock()
"""Members of a sweep look for its run at once, and one of them makes it."""


class MLflow(Following):
    """Follows a training into MLflow."""

    def __init__(self, uri: str, read: Callable[[str], TrackedRun]) -> None:
        """`uri` is as for `open_mlflow`, `read` as for `Following`."""
        super().__init__("MLflow", read, lambda run: open_mlflow(run, uri))


def open_mlflow(run: TrackedRun, uri: str | None) -> MLflowRun:
    """The run in the MLflow at `uri`, found or made; None: where MLflow's own settings say.

    Raises `MtrainError` if it does not answer, or refuses.
    """
    with _connected(uri) as place:
        tags = {}
        if run.parent is not None:
            tags["mlflow.parentRunId"] = place.find(run.parent, None, {}).info.run_id
        found = place.find(run.identity, milliseconds(run.started), tags)
        kept = MLflowRun(place, found.info.run_id, run.history.scalars.get("loss", ()))
        kept.params(run.settings)
        return kept


def replay_sweep(sweep: TrackedSweep, uri: str | None) -> Replay:
    """Give the run of a sweep its files and outcome, with the figures of its best setting.

    Raises `MtrainError` as `open_mlflow` does.
    """
    with _connected(uri) as place:
        found = place.find(sweep.identity, None, {})
        run = MLflowRun(place, found.info.run_id, ())
        run.params(sweep.settings)
        best = {BEST: sweep.best_setting} if sweep.best_setting else {}
        is_new = run.content(sweep.best, best, sweep.path, sweep.files, sweep.ended)
        run.say_state(sweep.state)
        return Replay(run.where, 0, is_new, None)


@dataclass(frozen=True, eq=False)
class _Place:
    """An experiment in an MLflow."""

    client: Any
    uri: str
    experiment: str

    def find(self, identity: Identity, started: int | None, tags: Mapping[str, str]) -> Any:
        """The run of this identity, or a new one; `started` is in milliseconds, None: now."""
        with _FINDING:
            found = self.client.search_runs(
                [self.experiment], f"tags.`{ID}` = '{identity.id}'", max_results=1
            )
            if found:
                return found[0]
            return self.client.create_run(
                self.experiment, started, {ID: identity.id, **tags}, identity.name
            )


class MLflowRun:
    """A run that MLflow keeps."""

    digest = None

    def __init__(self, place: _Place, run_id: str, losses: Sequence[float]) -> None:
        """`losses` are those of its epochs: where MLflow has others, they are of a lost branch."""
        self._place = place
        self._client = place.client
        self._id = run_id
        kept = self._client.get_run(run_id)
        self._tags: dict[str, str] = kept.data.tags
        self._params: dict[str, str] = kept.data.params
        whole = {one.step for one in self._history(EPOCH, kept)}
        losses_kept = {one.step: one.value for one in self._history(LOSS, kept)}
        self._kept = {n: loss for n, loss in losses_kept.items() if n in whole}
        others = (n for n, loss in enumerate(losses, 1) if self._kept.get(n) != loss)
        self.last_epoch = next(others, len(losses) + 1) - 1
        self._ended: int | None = None
        self.where = f"{place.uri}, experiment {place.experiment}, run {run_id}"
        if place.uri.startswith("http"):
            self.where = f"{place.uri}/#/experiments/{place.experiment}/runs/{run_id}"

    def log(self, epochs: Sequence[TrackedEpoch]) -> None:
        """Add epochs after the last one.

        A run that was killed trains epochs again that MLflow has already, with the same bits.
        """
        from mlflow.entities import Metric

        new = [one for one in epochs if self._kept.get(one.epoch) != one.figures.get(LOSS)]
        metrics = [
            Metric(name, value, milliseconds(one.at), one.epoch)
            for one in new
            for name, value in (*one.figures.items(), (EPOCH, one.epoch))
        ]
        with attributing_errors("MLflow", self._place.uri):
            for some in _pieces(metrics, MOST_METRICS):
                self._client.log_batch(self._id, metrics=some)
        if epochs:
            self.last_epoch, self._ended = epochs[-1].epoch, milliseconds(epochs[-1].at)

    def finish(self, run: TrackedRun) -> bool:
        """Add the settings, the evaluation, the files and an exported model; whether any is new."""
        figures = {} if run.report is None else final_figures(run.report)
        tags = {} if run.report is None else verdicts(run.report)
        is_new = self.content(figures, tags, run.path, artifacts(run.path), run.ended)
        return self._model(run) or is_new

    def _model(self, run: TrackedRun) -> bool:
        """Add and register its exported model; whether that is new."""
        if run.model is None:
            return False
        digest = content_digest({}, run.path, [run.model.path.relative_to(run.path)])
        if self._tags.get(MODEL) == digest:
            return False
        with attributing_errors("MLflow", self._place.uri):
            place = self._place.experiment
            log_model(self._client, place, self._id, run.identity.name, run.model, {MODEL: digest})
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
        with attributing_errors("MLflow", self._place.uri):
            for some in _pieces(params, MOST_OTHERS):
                self._client.log_batch(self._id, params=some)
            for some in _pieces(changed, MOST_OTHERS):
                self._client.log_batch(self._id, tags=some)
            for key, value in values.items():
                if self._params.get(key) == value and f"{CHANGED}{key}" in self._tags:
                    self._client.delete_tag(self._id, f"{CHANGED}{key}")

    def content(
        self,
        figures: Mapping[str, float],
        tags: Mapping[str, str],
        folder: Path,
        files: Sequence[Path],
        ended: datetime | None,
    ) -> bool:
        """Add final figures, tags and files, which are below `folder`, unless it has just these.

        The figures are of when all of it `ended`; None: it has none yet.
        """
        from mlflow.entities import Metric, RunTag

        self._ended = None if ended is None else milliseconds(ended)
        digest = content_digest({**figures, **tags}, folder, files)
        if self._tags.get(CONTENT) == digest:
            return False
        at, step = self._ended or 0, self.last_epoch
        metrics = [Metric(name, value, at, step) for name, value in figures.items()]
        texts = [RunTag(name, value) for name, value in tags.items()]
        with attributing_errors("MLflow", self._place.uri):
            for some in _pieces(metrics, MOST_METRICS):
                self._client.log_batch(self._id, metrics=some)
            for some in _pieces(texts, MOST_OTHERS):
                self._client.log_batch(self._id, tags=some)
            for file in files:
                below = file.parent.as_posix()
                self._client.log_artifact(self._id, folder / file, None if below == "." else below)
            # Last: after a kill all of it is given again.
            self._client.set_tag(self._id, CONTENT, digest)
        return True

    def say_state(self, state: str) -> None:
        """Say how far the run is."""
        status = STATES.get(state, "KILLED")
        with attributing_errors("MLflow", self._place.uri):
            if self._client.get_run(self._id).info.status == status:
                return
            if status == "RUNNING":
                self._client.update_run(self._id, status)
            else:
                self._client.set_terminated(self._id, status, self._ended)

    def _history(self, name: str, kept: Any) -> Any:
        """All values of a figure; MLflow raises where it has none."""
        return self._client.get_metric_history(self._id, name) if name in kept.data.metrics else ()


@contextmanager
def _connected(uri: str | None) -> Iterator[_Place]:
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    with attributing_errors("MLflow", uri or ""):
        import mlflow

        # It tells what it waits for, and which tables it makes; what goes wrong is raised.
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        client = mlflow.MlflowClient(uri)
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
        place = _Place(client, uri or mlflow.get_tracking_uri(), _experiment(client, name))
        yield place


def _experiment(client: Any, name: str) -> str:
    """The id of the experiment with this name; creates the experiment if it is missing."""
    found = client.get_experiment_by_name(name)
    return str(client.create_experiment(name) if found is None else found.experiment_id)


def _pieces(whole: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (whole[start : start + size] for start in range(0, len(whole), size))


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST_PARAM else f"{text[: LONGEST_PARAM - 3]}..."
