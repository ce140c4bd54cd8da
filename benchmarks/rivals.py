"""Seconds of whole trainings of tables with their rivals, beside the same training without.

Each training is a process; the two of a table take turns. The table has medians, and the median of the
ratios within a turn.
"""

from __future__ import annotations

import csv
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn.datasets import load_breast_cancer, load_iris, load_wine, make_classification

from benchmarks.markdown import Table
from benchmarks.processes import run
from benchmarks.record import parser_of, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.markdown import Row

COMMAND = str(Path(sys.executable).with_name("mtrain"))

MADE = {"n_classes": 5, "random_state": 0}
"""Of tables that are made, where scikit-learn has none of their size."""

DATA: dict[str, Callable[[], Any]] = {
    "iris": lambda: load_iris(return_X_y=True),
    "wine": lambda: load_wine(return_X_y=True),
    "breast_cancer": lambda: load_breast_cancer(return_X_y=True),
    "5,000 made rows": lambda: make_classification(5_000, 20, n_informative=10, **MADE),
    "5,000 wide made rows": lambda: make_classification(5_000, 500, n_informative=50, **MADE),
    "50,000 made rows": lambda: make_classification(50_000, 30, n_informative=15, **MADE),
}

TABLE = Table(
    {
        "data": "{data}",
        "rows x columns": "{rows:,} x {columns}",
        "without": "{without:.1f} s",
        "with": "{with_them:.1f} s",
        "ratio": "{ratio:.2f}",
        "rivals alone": "{alone:.1f} s",
    }
)


def main(arguments: list[str]) -> None:
    """Measure every table."""
    parser = parser_of("rivals", __doc__)
    parser.add_argument("--rounds", type=int, default=5, help="trainings of each [5]")
    options = parser.parse_args(arguments)
    record(TABLE, measured(options.rounds), options.out, options.rounds)


def measured(rounds: int) -> Iterator[Row]:
    """The rows of the table, from so many trainings each."""
    for name, load in DATA.items():
        numbers, labels = load()
        with tempfile.TemporaryDirectory() as folder:
            config = _write(Path(folder), numbers, labels)
            seconds: dict[str, list[float]] = {"null": [], "auto": []}
            alone: list[float] = []
            for number in range(rounds):
                for rivals, each in seconds.items():
                    out = Path(folder, f"{rivals}{number}")
                    setting = f"evaluation.rivals={rivals}"
                    figures, _ = run([COMMAND, "fit", config, setting, "--out", str(out)])
                    each.append(figures["wall"])
                made = json.loads((out / "rivals" / "rivals.json").read_text())["rivals"]
                alone.append(sum(one["seconds"] for one in made))
        yield {
            "data": name,
            "rows": len(labels),
            "columns": numbers.shape[1],
            "without": statistics.median(seconds["null"]),
            "with_them": statistics.median(seconds["auto"]),
            "ratio": statistics.median(
                b / a for a, b in zip(seconds["null"], seconds["auto"], strict=True)
            ),
            "alone": statistics.median(alone),
        }


def _write(folder: Path, numbers: Any, labels: Any) -> str:
    """The config of a training with the defaults, beside its table."""
    with (folder / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"x{k}" for k in range(numbers.shape[1])), "label"])
        writer.writerows(
            [*row, f"class {k}"] for row, k in zip(numbers.tolist(), labels, strict=True)
        )
    config = folder / "table.yaml"
    config.write_text("dataset: {name: csv, path: table.csv, target: label}\n")
    return str(config)
