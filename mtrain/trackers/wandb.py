"""A run in W&B, on its server or in offline files."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtrain.errors import MtrainError
from mtrain.trackers.replay import attributing_errors
from mtrain.trackers.tracked import artifacts, content_digest, final_figures, verdicts
from mtrain.trackers.wandb_file import becomes_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from mtrain.trackers.tracked import TrackedEpoch, TrackedRun

PROJECT = "mtrain"


class WandbRun:
    """A run that W&B keeps: given whole, or not at all if it was given just so before.

    Offline files cannot be asked what they have, and of two with one id W&B's server takes the later
    in place of the earlier. So a run that has grown is given again from its first epoch; a server
    ignores the epochs that it has.
    """

    def __init__(self, run: TrackedRun, project: str | None) -> None:
        """`project` None: that of W&B's own settings, or `mtrain`; raises `MtrainError`."""
        files = artifacts(run.path)
        self._folder = ""
        with self._calling():
            import wandb

            os.environ.setdefault("WANDB_SILENT", "true")  # it warns of each file that it links
            known = wandb.setup().settings
        project = project or known.project or PROJECT
        to = {"project": project, "entity": known.entity, "url": known.base_url, "mode": known.mode}
        facts = {"epochs": len(run.history.epoch), "state": run.state, **to}
        digest = content_digest(facts, run.path, files)
        self.digest: str | None = None
        self.file: Path | None = None
        self._run: Any = None
        self.where = f"project {project}"
        if digest in run.logged:
            return
        self.digest = digest
        if known.mode == "offline":
            self._folder = known.wandb_dir
        with self._calling():
            self._begin(run, project)

    def _begin(self, run: TrackedRun, project: str) -> None:
        import wandb

        settings = wandb.Settings(
            silent=True,
            console="off",
            disable_git=True,
            disable_code=True,
            x_disable_stats=True,  # of the machine that replays the run, not of its training
            x_disable_machine_info=True,
        )
        self._run = wandb.init(
            project=project,
            id=run.identity.id,
            name=run.identity.name,
            group=None if run.parent is None else run.parent.name,
            config=dict(run.settings),
            resume="allow",
            settings=settings,
        )
        self.where = self._run.url or self._run.dir
        if self._run.offline:
            self.file = Path(self._run.settings.sync_file)

    def lacks(self, epoch: TrackedEpoch) -> bool:
        """Whether the run is given again, and a server that was asked for it has fewer epochs."""
        return self._run is not None and epoch.epoch >= self._run.step

    def log(self, epochs: Sequence[TrackedEpoch]) -> None:
        """Add epochs."""
        with self._calling():
            for one in epochs:
                self._run.log(dict(one.figures), step=one.epoch)

    def finish(self, run: TrackedRun) -> bool:
        """Add the evaluation and the files; whether that is new."""
        if self._run is None:
            return False
        with self._calling():
            if run.report is not None:
                self._run.summary.update({**final_figures(run.report), **verdicts(run.report)})
            for file in artifacts(run.path):
                self._run.save(run.path / file, base_path=run.path, policy="now")
        return True

    def say_state(self, state: str, ended: datetime) -> None:  # noqa: ARG002 -- of all trackers
        """Write or send all of it; raises `MtrainError` if the whole of it is not in an offline file.

        W&B writes files in a process of its own, and says nothing of a disk that is full.
        """
        if self._run is None:
            return
        with self._calling():
            self._run.finish(exit_code=0 if state in {"finished", "running"} else 1)
            if self.file is not None and not becomes_whole(self.file):
                raise MtrainError(
                    "W&B has not written the whole of it",
                    where=self.file,
                    remedy="log the run again when the disk has room",
                )

    @contextmanager
    def _calling(self) -> Iterator[None]:
        """Whatever W&B raises is a `MtrainError` of one line.

        Its log is in the folder of its files; on a full disk `logging` would print each line that fails.
        """
        raises = logging.raiseExceptions
        logging.raiseExceptions = False
        try:
            with attributing_errors("W&B", self._folder):
                yield
        finally:
            logging.raiseExceptions = raises
