"""Make the run that tests/run/test_stored_run.py reads: once for each schema of a run's files.

    python tests/make_stored_run.py

Nothing in it tells of the machine that it was made on. Its charts are left out.
"""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path
from unittest import mock

import mtrain

FOLDER = Path(__file__).with_name("stored_run")

CONFIG = {
    "name": "stored",
    "dataset": {"name": "digits", "samples": 100, "validation": {"size": 50, "samples": 40}},
    "model": {"hidden": 4, "dropout": 0.1},
    "metrics": ["accuracy", "precision", "recall", "f1", "roc_auc"],
    "training": {"epochs": 3, "batch_size": 10, "compile": "graph"},
    "checkpoint": {"every_seconds": 0, "keep": 1},
}


def main() -> None:
    """Train it, and take out what is not read."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    sys.argv = ["mtrain", "fit", "stored.yaml"]
    with (
        mock.patch.object(platform, "node", return_value="host"),
        mock.patch.object(platform, "platform", return_value="Linux"),
        mock.patch("mtrain.run.environment.processor", return_value="processor"),
        mock.patch("mtrain.run.environment.git_commit", return_value=None),
    ):
        mtrain.fit(CONFIG, out=FOLDER, progress=False)
    for path in (*FOLDER.rglob("*.png"), *FOLDER.glob(".*")):
        path.unlink()
    (FOLDER / "charts").rmdir()


if __name__ == "__main__":
    main()
