"""Seconds until `mtrain` answers: help, a misspelt key, and the charts of a finished run.

Each is a process of its own; the least and the median of several are printed. Run with nothing else running:

    python benchmarks/startup.py [ROUNDS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = str(Path(sys.executable).with_name("mtrain"))
CONFIG = str(Path(__file__).parents[1] / "configs" / "smoke.yaml")


def main() -> None:
    """Print a row a command."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with tempfile.TemporaryDirectory() as folder:
        run = f"{folder}/run"
        fit = [COMMAND, "fit", CONFIG, "--out", run, "--quiet"]
        subprocess.run(fit, check=True, stdout=subprocess.DEVNULL)
        commands = {
            "`mtrain --help`": ["--help"],
            "a misspelt key": ["fit", CONFIG, "training.epoch=3"],
            "`mtrain plot RUN`": ["plot", run],
        }
        print("| command | least | median |")
        print("|---|---|---|")
        for name, arguments in commands.items():
            times = [seconds_of(arguments) for _ in range(rounds)]
            print(f"| {name} | {min(times):.2f} s | {statistics.median(times):.2f} s |")


def seconds_of(arguments: list[str]) -> float:
    """Wall time of one process."""
    started = time.perf_counter()
    subprocess.run([COMMAND, *arguments], capture_output=True, check=False)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
