"""Seconds and memory that reading and encoding a large CSV takes, in a process of its own.

    python benchmarks/reading.py [ROWS] [COLUMNS]

The file is written into a temporary folder: a column is text of five categories, one the label, all others are
numbers.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv


def main() -> None:
    """Print a row of what it took."""
    rows, columns = (int(a) for a in (*sys.argv[1:], "1000000", "50")[:2])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        write(path, rows, columns)
        size = path.stat().st_size / 1e6
        command = [sys.executable, __file__, "--read", str(path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    print("| rows | columns | file | seconds | peak memory |")
    print("|---|---|---|---|---|")
    print(f"| {rows:,} | {columns} | {size:,.0f} MB | {done.stdout.strip()} |")


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
    """Print how long it took to make a data set of the file, and the most memory that it had."""
    started = time.perf_counter()
    from mtrain.config.loading.load import load_config
    from mtrain.data.load import load_dataset

    config = load_config({"dataset": {"name": "csv", "path": path, "target": "label"}}, {})
    load_dataset(config.dataset, memory=config.training.memory_bytes)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{seconds:.1f} s | {peak:.1f} GB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        read(sys.argv[2])
    else:
        main()
