"""Seconds and memory of whole commands, beside those of `import keras`, without which none trains.

    python benchmarks/startup.py [ROUNDS] [FOLDER_OF_FASHION_MNIST]

Each is a process of its own, all in turn; the least and the median of several are printed, and the
median of the ratios to the `import keras` of the same turn. Run with nothing else running.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from processes import run

COMMAND = str(Path(sys.executable).with_name("mtrain"))
CONFIGS = Path(__file__).parents[1] / "configs"
IMPORT = "`import keras`"
MISSPELT = "a misspelt key"


def main() -> None:
    """Print a row a command."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    smoke = str(CONFIGS / "smoke.yaml")
    with tempfile.TemporaryDirectory() as folder:
        run([COMMAND, "fit", smoke, "--out", f"{folder}/run"])
        commands = {
            IMPORT: [sys.executable, "-c", "import keras"],
            "`mtrain --help`": [COMMAND, "--help"],
            MISSPELT: [COMMAND, "fit", smoke, "training.epoch=3"],
            "`mtrain plot RUN`": [COMMAND, "plot", f"{folder}/run"],
            "`mtrain fit configs/smoke.yaml`": [COMMAND, "fit", smoke],
        }
        if len(sys.argv) > 2:
            settings = [f"dataset.path={sys.argv[2]}", "training.epochs=2"]
            config = str(CONFIGS / "fashion_mnist_500x2.yaml")
            name = "`mtrain fit configs/fashion_mnist_500x2.yaml`, two epochs"
            commands[name] = [COMMAND, "fit", config, *settings]
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        peaks: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(rounds):
            for place, (name, command) in enumerate(commands.items()):
                out = ["--out", f"{folder}/{place}-{number}"] if "fit" in command else []
                figures, _ = run([*command, *out], exits=(2,) if name == MISSPELT else (0,))
                seconds[name].append(figures["wall"])
                peaks[name].append(figures["peak_bytes"] / 1e6)
    print("| command | least | median | times `import keras` | peak memory, beyond that of it |")
    print("|---|---|---|---|---|")
    for name in commands:
        ratios = (a / b for a, b in zip(seconds[name], seconds[IMPORT], strict=True))
        peak = statistics.median(peaks[name])
        beyond = peak - statistics.median(peaks[IMPORT])
        print(
            f"| {name} | {min(seconds[name]):.2f} s | {statistics.median(seconds[name]):.2f} s "
            f"| {statistics.median(ratios):.2f} | {peak:.0f} MB, {beyond:+.0f} MB |"
        )


if __name__ == "__main__":
    main()
