"""A run in Trackio, in its database on this machine."""

from __future__ import annotations

import json
import sqlite3
import warnings
from contextlib import closing, redirect_stdout
from os import devnull
from pathlib import Path
from typing import TYPE_CHECKING

from mtrain.errors import MtrainError
from mtrain.trackers.replay import attributing_errors
from mtrain.trackers.tracked import LOSS, final_figures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mtrain.trackers.tracked import TrackedEpoch, TrackedRun

PROJECT = "mtrain"


class TrackioRun:
    """A run that Trackio keeps."""

    digest = file = None

    def __init__(self, run: TrackedRun, project: str | None) -> None:
        """`project` None: `mtrain`; raises `MtrainError`."""
        self._project = project or PROJECT
        # Trackio knows a run by its name alone.
        self._name = f"{run.identity.name}-{run.identity.id[:8]}"
        self._group = None if run.parent is None else run.parent.name
        self._settings = dict(run.settings)
        self.where = f"project {self._project}, run {self._name}"
        with attributing_errors("Trackio"):
            from trackio.sqlite_storage import SQLiteStorage

            self._path = Path(SQLiteStorage.get_project_db_path(self._project))
        self._folder = str(self._path.parent)
        with attributing_errors("Trackio", self._folder):
            rows = self._rows()
        # A row is an epoch, which has a time in seconds, or an evaluation, which has none.
        self._epochs = {(step, row.get(LOSS)) for step, row in rows if "seconds" in row}
        self._outcome = next((row for row in reversed(rows) if "seconds" not in row[1]), None)

    def lacks(self, epoch: TrackedEpoch) -> bool:
        """Whether no row has its number and its loss."""
        return epoch.fingerprint not in self._epochs

    def log(self, epochs: Sequence[TrackedEpoch]) -> None:
        """Add epochs; a row that another branch has of one stays, for Trackio removes whole runs only."""
        self._add([(one.epoch, dict(one.figures)) for one in epochs])

    def finish(self, run: TrackedRun) -> bool:
        """Add the evaluation, at the step of the last epoch; whether it is new."""
        figures = {} if run.report is None else final_figures(run.report)
        row = (len(run.history.epoch), figures)
        if not figures or row == self._outcome:
            return False
        self._add([row])
        return True

    def say_state(self, state: str, ended: datetime) -> None:
        """Trackio has no state of a run."""

    def _rows(self) -> list[tuple[int, dict[str, float]]]:
        """The step and the figures of all that it has of the run, the oldest first."""
        if not self._path.is_file():
            return []
        # Its documented schema; its own functions read a whole project.
        query = "SELECT step, metrics FROM metrics WHERE run_name = ? ORDER BY id"
        with closing(sqlite3.connect(self._path)) as database:
            has_table = "SELECT 1 FROM sqlite_master WHERE name = 'metrics'"
            if database.execute(has_table).fetchone() is None:
                return []  # a full disk has left an empty file
            return [(step, json.loads(row)) for step, row in database.execute(query, [self._name])]

    def _add(self, rows: Sequence[tuple[int, dict[str, float]]]) -> None:
        # It prints to stdout, which is for results, and warns of what is looked for below.
        with (
            attributing_errors("Trackio", self._folder),
            Path(devnull).open("w") as nowhere,
            redirect_stdout(nowhere),
            warnings.catch_warnings(action="ignore"),
        ):
            import trackio

            before = len(self._rows())
            opened = trackio.init(
                project=self._project,
                name=self._name,
                group=self._group,
                config=self._settings,
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )
            for step, figures in rows:
                opened.log(figures, step=step)
            trackio.finish()
            if len(self._rows()) < before + len(rows):  # it warns of what fails, and goes on
                raise MtrainError(
                    "Trackio's database has not kept what it was given",
                    where=self._folder,
                    remedy="log the run again when the disk has room",
                )
