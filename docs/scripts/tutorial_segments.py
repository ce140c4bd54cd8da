"""T2 as 1,000 trainings of one epoch, each continuing where the last one ended: the same history.

    python docs/scripts/tutorial_segments.py OUT [--epochs N] [--by-command] [--mnist FOLDER]

OUT is a folder to be made. A quarter of an hour. Compiled as graph: what XLA compiles stays as long
as the process, and some 900 of its programs are as many as Linux lets a process map. By command each
training is a process of its own, which XLA compiles, and takes some seconds: --epochs 20.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tutorial_charts import MTRAIN

import mtrain

CONFIG = Path(__file__).parents[2] / "configs" / "tutorials" / "t2_watching.yaml"


def main() -> None:
    """Train, compare, and say how long it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--epochs", type=int, default=1000, metavar="N")
    parser.add_argument("--by-command", action="store_true")
    parser.add_argument("--mnist", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    epochs, carried_on = arguments.epochs, arguments.out / "carried"
    settings = {} if arguments.by_command else {"training.compile": "graph"}
    if arguments.mnist is not None:
        settings["dataset.path"] = str(arguments.mnist)
    train = train_by_command if arguments.by_command else train_here
    train(arguments.out / "whole", settings | {"training.epochs": epochs})
    began = time.perf_counter()
    for epoch in range(1, epochs + 1):
        train(carried_on, settings | {"training.epochs": epoch})
    whole, carried = history(arguments.out / "whole"), history(carried_on)
    keys = ("epoch", "history", "counts", "per_class")
    same = all(carried[key] == whole[key] for key in keys)
    print(f"{epochs:,} trainings in {time.perf_counter() - began:.0f} s:", end=" ")
    print("the same history to the last bit" if same else "another history")
    sys.exit(not same)


def train_here(run: Path, settings: dict[str, Any]) -> None:
    """Start or resume the run in this process."""
    if run.exists():
        mtrain.resume(run, report=False, progress=False, **settings)
    else:
        mtrain.fit(CONFIG, out=run, report=False, progress=False, **settings)


def train_by_command(run: Path, settings: dict[str, Any]) -> None:
    """The same, in a new process."""
    where = ("resume", run) if run.exists() else ("fit", CONFIG, "--out", run)
    changes = (f"{key}={value}" for key, value in settings.items())
    command = [MTRAIN, *map(str, where), *changes, "--quiet"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def history(run: Path) -> dict[str, Any]:
    """The content of a run's history.json."""
    found: dict[str, Any] = json.loads((run / "history.json").read_text())
    return found


if __name__ == "__main__":
    main()
