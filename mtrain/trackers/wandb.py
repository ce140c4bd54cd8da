"""A run in W&B, on its server or in offline files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from mtrain.trackers.replay import attributing_errors
from mtrain.trackers.tracked import artifacts, content_digest, final_figures, verdicts

if TYPE_CHECKING:
    from collections.abc import Sequence
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
        with attributing_errors("W&B"):
            import wandb

            os.environ.setdefault("WANDB_SILENT", "true")  # it warns of each file that it links
            known = wandb.setup().settings
        project = project or known.project or PROJECT
        to = {"project": project, "entity": known.entity, "url": known.base_url, "mode": known.mode}
        facts = {"epochs": len(run.history.epoch), "state": run.state, **to}
        self.digest = content_digest(facts, run.path, files)
        self._run: Any = None
        self.where = f"project {project}"
        if self.digest in run.logged.values():
            return
        with attributing_errors("W&B"):
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

    def lacks(self, epoch: TrackedEpoch) -> bool:
        """Whether the run is given again, and a server that was asked for it has fewer epochs."""
        return self._run is not None and epoch.epoch >= self._run.step

    def log(self, epochs: Sequence[TrackedEpoch]) -> None:
        """Add epochs."""
        with attributing_errors("W&B"):
            for one in epochs:
                self._run.log(dict(one.figures), step=one.epoch)

    def finish(self, run: TrackedRun) -> bool:
        """Add the evaluation and the files; whether that is new."""
        if self._run is None:
            return False
        with attributing_errors("W&B"):
            if run.report is not None:
                self._run.summary.update({**final_figures(run.report), **verdicts(run.report)})
            for file in artifacts(run.path):
                self._run.save(run.path / file, base_path=run.path, policy="now")
        return True

    def say_state(self, state: str, ended: datetime) -> None:  # noqa: ARG002 -- of all trackers
        """Write or send all of it."""
        if self._run is not None:
            with attributing_errors("W&B"):
                self._run.finish(exit_code=0 if state in {"finished", "running"} else 1)
