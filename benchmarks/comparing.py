"""Seconds of `mtrain compare` and `mtrain gate` as whole processes, and what verdicts cost.

Of two evaluations with random predictions, 90 % of them right. The figures of an evaluation are computed
with and without verdicts and intervals of averages, several times in turns; the table has the medians.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.markdown import Table
from benchmarks.processes import run
from benchmarks.record import parser_of, record
from mtrain.metrics.counts import class_counts, confusion_matrix
from mtrain.metrics.report import make_report
from mtrain.metrics.verdict import verdicts
from mtrain.records.dataset import Split
from mtrain.records.report import EvaluatedData
from mtrain.records.requirement import Requirement
from mtrain.records.training import Predictions
from mtrain.run.evaluation import write_evaluation
from mtrain.statistics.averages import macro_share
from mtrain.statistics.influence import FIGURES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.markdown import Row

COMMAND = str(Path(sys.executable).with_name("mtrain"))

SIZES = ((10_000, 10), (1_000_000, 10), (10_000, 1000))
"""Rows and classes."""

TABLE = Table(
    {
        "rows": "{rows:,}",
        "classes": "{classes:,}",
        "`mtrain compare`": "{compare:.2f} s",
        "`mtrain gate`": "{gate:.2f} s",
        "figures of an evaluation": "{figures:.3f} s",
        "of them verdicts and intervals": "{verdicts:.4f} s",
    }
)


def main(arguments: list[str]) -> None:
    """Measure every size."""
    parser = parser_of("comparing", __doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each command [5]")
    options = parser.parse_args(arguments)
    record(TABLE, measured(options.rounds), options.out, options.rounds)


def measured(rounds: int) -> Iterator[Row]:
    """The rows of the table, from so many runs each."""
    for n_rows, n_classes in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            runs = [Path(folder, name) for name in ("first", "second")]
            seconds = [
                _write_run(path, n_rows, n_classes, seed, rounds)
                for seed, path in enumerate(runs, 1)
            ]
            compare = [COMMAND, "compare", *map(str, runs)]
            gate = [COMMAND, "gate", str(runs[1]), "recall >= 0.5", "accuracy >= baseline - 0.01"]
            gate += ["--baseline", str(runs[0])]
            walls = {
                name: statistics.median(
                    run(command, exits=(0, 3, 5))[0]["wall"] for _ in range(rounds)
                )
                for name, command in (("compare", compare), ("gate", gate))
            }
        yield {
            "rows": n_rows,
            "classes": n_classes,
            **walls,
            "figures": seconds[0][0],
            "verdicts": seconds[0][1],
        }


def _write_run(
    path: Path, n_rows: int, n_classes: int, seed: int, rounds: int
) -> tuple[float, float]:
    """Write an evaluation; returns the seconds of its figures, and of its verdicts alone."""
    labels = np.random.default_rng(0).integers(0, n_classes, n_rows)
    generator = np.random.default_rng(seed)
    wrong = generator.random(n_rows) < 0.1
    predicted = np.where(wrong, generator.integers(0, n_classes, n_rows), labels)
    probabilities = generator.random((n_rows, n_classes), np.float32)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    predictions = Predictions(labels, predicted, probabilities, 0.0)
    names = tuple(f"class {k}" for k in range(n_classes))
    data = EvaluatedData("random", "0" * 64, as_trained_on=True, notes=())
    confusion = confusion_matrix(labels, predicted, n_classes)
    figures, decisions = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        report = make_report(predictions, names, split="test", checkpoint="random", data=data)
        figures.append(time.perf_counter() - began)
        began = time.perf_counter()
        verdicts(class_counts(confusion), names, [Requirement()] * n_classes)
        for figure in FIGURES:
            macro_share(confusion, figure).interval()
        decisions.append(time.perf_counter() - began)
    (path / "checkpoints").mkdir(parents=True)
    (path / "environment.json").write_text("{}")
    rows = Split(np.zeros((n_rows, 1), np.float32), labels.astype(np.int32), np.arange(n_rows))
    write_evaluation(path / "evaluation" / "test", report, predictions, rows, [])
    return statistics.median(figures), statistics.median(decisions)
