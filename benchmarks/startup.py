"""Seconds and memory of whole commands, beside those of `import keras`, which every training needs.

Each command is a separate process; the commands take turns. The table has the least and the median
seconds, and the median of the ratios to the `import keras` of the same turn. Memory is that of one more
run, with all processes that the command starts.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import ROOT
from benchmarks.markdown import Table
from benchmarks.processes import peak_memory, run, without_kept_compilations
from benchmarks.record import parser_of, record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.markdown import Row

COMMAND = str(Path(sys.executable).with_name("mtrain"))
CONFIGS = ROOT / "configs"
IMPORT = "`import keras`"
MISSPELT = "a misspelt key"
FIT = "`mtrain fit configs/smoke.yaml`"
COMPILING = "the first time"

TABLE = Table(
    {
        "command": "{command}",
        "least": "{least:.2f} s",
        "median": "{median:.2f} s",
        "times `import keras`": "{ratio:.2f}",
        "peak memory, beyond `import keras`": "{peak_mb:.0f} MB, {beyond_mb:+.0f} MB",
    }
)


def main(arguments: list[str]) -> None:
    """Measure every command; those that train Fashion-MNIST only where its folder is given."""
    parser = parser_of("startup", __doc__)
    parser.add_argument("--rounds", type=int, default=10, help="runs of each command [10]")
    parser.add_argument("--data", type=Path, help="Fashion-MNIST's four IDX files [left out]")
    options = parser.parse_args(arguments)
    record(TABLE, measured(options.rounds, options.data), options.out, options.rounds)


def measured(rounds: int, data: Path | None) -> Iterator[Row]:
    """The rows of the table, from so many runs each."""
    smoke = str(CONFIGS / "smoke.yaml")
    with tempfile.TemporaryDirectory() as folder:
        run([COMMAND, "fit", smoke, "--out", f"{folder}/run"])
        table, ten = _write_table(Path(folder))
        run([COMMAND, "fit", table, "--out", f"{folder}/table"])
        commands = {
            IMPORT: [sys.executable, "-c", "import keras"],
            "`mtrain --help`": [COMMAND, "--help"],
            MISSPELT: [COMMAND, "fit", smoke, "training.epoch=3"],
            "`mtrain plot RUN`": [COMMAND, "plot", f"{folder}/run"],
            "`mtrain predict RUN ten-rows.csv`": [COMMAND, "predict", f"{folder}/table", ten],
            FIT: [COMMAND, "fit", smoke],
            f"{FIT}, {COMPILING}": [COMMAND, "fit", smoke],
        }
        if data is not None:
            settings = [f"dataset.path={data.resolve()}", "training.epochs=2"]
            config = str(CONFIGS / "fashion_mnist_500x2.yaml")
            images = f"{folder}/images"
            run([COMMAND, "fit", config, *settings, "--out", images])
            commands |= {
                "`mtrain fit configs/fashion_mnist_500x2.yaml`, two epochs": [
                    *(COMMAND, "fit", config),
                    *settings,
                ],
                "`mtrain evaluate RUN` of it": [COMMAND, "evaluate", images],
                "`mtrain evaluate RUN --fast` of it": [COMMAND, "evaluate", images, "--fast"],
            }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        peaks: dict[str, float] = {}
        for number in range(rounds + 1):
            for place, (name, command) in enumerate(commands.items()):
                out = ["--out", f"{folder}/{place}-{number}"] if "fit" in command else []
                variables = without_kept_compilations() if COMPILING in name else {}
                exits = (2,) if name == MISSPELT else (0,)
                if number == rounds:  # to look at its memory takes time
                    peaks[name] = peak_memory([*command, *out], variables, exits) / 1e6
                else:
                    figures, _ = run([*command, *out], variables=variables, exits=exits)
                    seconds[name].append(figures["wall"])
    for name in commands:
        ratios = (a / b for a, b in zip(seconds[name], seconds[IMPORT], strict=True))
        yield {
            "command": name,
            "least": min(seconds[name]),
            "median": statistics.median(seconds[name]),
            "ratio": statistics.median(ratios),
            "peak_mb": peaks[name],
            "beyond_mb": peaks[name] - peaks[IMPORT],
        }


def _write_table(folder: Path) -> tuple[str, str]:
    """The config of a training on a table of four numbers and a text, and a file with ten rows of it."""
    rows = [f"{n % 7},{n % 5},{n % 11},{n % 3},{'uv'[n % 2]},{'abc'[n % 3]}" for n in range(150)]
    for name, lines in (("rows.csv", rows), ("ten.csv", rows[:10])):
        (folder / name).write_text("\n".join(["a,b,c,d,e,label", *lines, ""]))
    config = folder / "table.yaml"
    dataset = {"name": "csv", "path": "rows.csv", "target": "label"}
    config.write_text(json.dumps({"dataset": dataset, "training": {"epochs": 2}}))
    return str(config), str(folder / "ten.csv")
