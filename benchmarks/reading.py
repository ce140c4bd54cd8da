"""Seconds and memory of reading and encoding a large CSV file, in a separate process.

The file is written into a temporary folder. One column is text of five categories, one is the label,
and all others are numbers.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv

from benchmarks import ROOT
from benchmarks.markdown import Table
from benchmarks.record import parser_of, record

if TYPE_CHECKING:
    from benchmarks.markdown import Row

TABLE = Table(
    {
        "rows": "{rows:,}",
        "columns": "{columns}",
        "file": "{file_mb:,.0f} MB",
        "seconds": "{seconds:.1f} s",
        "peak memory": "{peak_gb:.1f} GB",
    }
)


def main(arguments: list[str]) -> None:
    """Measure one file; with `--read`, which the measurement itself starts, read it."""
    parser = parser_of("reading", __doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="[1000000]")
    parser.add_argument("--columns", type=int, default=50, help="[50]")
    parser.add_argument("--read", metavar="CSV", help="only read this file, print what it took")
    options = parser.parse_args(arguments)
    if options.read:
        print(json.dumps(read(options.read)))
    else:
        record(TABLE, [measure(options.rows, options.columns)], options.out)


def measure(rows: int, columns: int) -> Row:
    """The row of a file of this size."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        write(path, rows, columns)
        size = path.stat().st_size / 1e6
        command = [sys.executable, "-m", "benchmarks", "reading", "--read", str(path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return {"rows": rows, "columns": columns, "file_mb": size, **json.loads(done.stdout)}


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


def read(path: str) -> dict[str, float]:
    """Seconds until the file is a data set, and the peak memory of this process."""
    started = time.perf_counter()
    from mtrain.config.loading.load import load_config
    from mtrain.data.load import load_dataset

    config = load_config({"dataset": {"name": "csv", "path": path, "target": "label"}}, {})
    load_dataset(config.dataset, memory=config.training.memory_bytes)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"seconds": seconds, "peak_gb": peak}
