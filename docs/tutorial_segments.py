"""T2 as 1,000 trainings of one epoch, each going on where the last one ended: the same history.

    python docs/tutorial_segments.py WHOLE OUT [--mnist FOLDER]

WHOLE is a run of `configs/tutorials/t2_watching.yaml`, OUT a folder to be made. About half an hour.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import mtrain

CONFIG = Path(__file__).parents[1] / "configs" / "tutorials" / "t2_watching.yaml"


def main() -> None:
    """Train, compare, and say how long it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("whole", type=Path, metavar="WHOLE")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--mnist", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    settings: dict[str, Any] = {"training.epochs": 1}
    if arguments.mnist is not None:
        settings["dataset.path"] = str(arguments.mnist)
    whole = history(arguments.whole)
    epochs = len(whole["epoch"])
    began = time.perf_counter()
    mtrain.fit(CONFIG, out=arguments.out, report=False, **settings)
    for epoch in range(2, epochs + 1):
        longer: dict[str, Any] = {"training.epochs": epoch}
        mtrain.resume(arguments.out, report=False, **longer)
    carried = history(arguments.out)
    keys = ("epoch", "history", "counts", "per_class")
    same = all(carried[key] == whole[key] for key in keys)
    print(f"{epochs:,} trainings in {time.perf_counter() - began:.0f} s:", end=" ")
    print("the same history to the last bit" if same else "ANOTHER HISTORY")


def history(run: Path) -> dict[str, Any]:
    """The content of a run's history.json."""
    found: dict[str, Any] = json.loads((run / "history.json").read_text())
    return found


if __name__ == "__main__":
    main()
