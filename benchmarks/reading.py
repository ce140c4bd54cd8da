"""Seconds and memory of whole processes that read or predict a large CSV file.

The file is written into a temporary folder. One column is text of five categories, one is the label,
and all others are numbers.
"""

from __future__ import annotations

import json
import sys
import tempfile
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv

from benchmarks.markdown import Table
from benchmarks.processes import run
from benchmarks.record import parser_of, record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.markdown import Row

COMMAND = str(Path(sys.executable).with_name("mtrain"))

TABLE = Table(
    {
        "work": "{work}",
        "rows": "{rows:,}",
        "columns": "{columns}",
        "file": "{file_mb:,.0f} MB",
        "seconds": "{seconds:.1f} s",
        "rows a second": "{speed:,.0f}",
        "peak memory": "{peak_mb:,.0f} MB",
        "of the file": "{share:.2f}",
    }
)

TRAINED = 10_000
"""Rows that the network that predicts is trained on."""


def main(arguments: list[str]) -> None:
    """Measure one file; with `--read`, which the measurement itself starts, read it."""
    parser = parser_of("reading", __doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="[1000000]")
    parser.add_argument("--columns", type=int, default=50, help="[50]")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each [5]")
    parser.add_argument("--read", metavar="CSV", help="only read this file, and end")
    options = parser.parse_args(arguments)
    if options.read:
        read(options.read)
    else:
        rows = measured(options.rows, options.columns, options.rounds)
        record(TABLE, rows, options.out, options.rounds)


def measured(rows: int, columns: int, rounds: int) -> Iterator[Row]:
    """The rows of the table: medians of so many processes, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        path, few, out = (f"{folder}/{name}" for name in ("rows.csv", "few.csv", "run"))
        write(Path(path), rows, columns)
        with Path(path).open() as lines:
            Path(few).write_text("".join(islice(lines, TRAINED + 1)))
        config = Path(folder, "table.yaml")
        dataset = {"name": "csv", "path": few, "target": "label"}
        config.write_text(json.dumps({"dataset": dataset, "training": {"epochs": 2}}))
        run([COMMAND, "fit", str(config), "--out", out])
        size = Path(path).stat().st_size / 1e6
        work = {
            "read, split and encode": [
                sys.executable,
                "-m",
                "benchmarks",
                "reading",
                "--read",
                path,
            ],
            "`mtrain predict`": [COMMAND, "predict", out, path, "--out", f"{folder}/out.csv"],
        }
        taken = {name: [run(command)[0] for _ in range(rounds)] for name, command in work.items()}
    for name, figures in taken.items():
        seconds = median(one["wall"] for one in figures)
        peak = median(one["peak_bytes"] for one in figures) / 1e6
        yield {
            "work": name,
            "rows": rows,
            "columns": columns,
            "file_mb": size,
            "seconds": seconds,
            "speed": rows / seconds,
            "peak_mb": peak,
            "share": peak / size,
        }


def write(path: Path, rows: int, columns: int) -> None:
    """A table of `columns` columns, written 100,000 rows at a time."""
    generator = np.random.default_rng(0)
    words = np.array(["red", "green", "blue", "black", "white"])
    writer = None
    for start in range(0, rows, 100_000):
        n = min(100_000, rows - start)
        content = {f"n{i}": generator.normal(size=n).round(6) for i in range(columns - 2)}
        content |= {"word": words[generator.integers(5, size=n)]}
        table = pa.table({**content, "label": generator.integers(3, size=n)})
        writer = writer or pyarrow.csv.CSVWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def read(path: str) -> None:
    """Make the file a data set."""
    from mtrain.config.loading.load import load_config
    from mtrain.data.load import load_dataset

    config = load_config({"dataset": {"name": "csv", "path": path, "target": "label"}}, {})
    load_dataset(config.dataset, memory=config.training.memory_bytes)
