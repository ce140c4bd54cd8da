"""Measure one thing, or write the page of everything that was measured."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MEASUREMENTS = {
    "compare": "mtrain's command beside Keras, PyTorch, JAX and scikit-learn; hours",
    "parity": "whether mtrain computes what stock Keras computes",
    "metrics_cost": "what exact metrics of every class cost an epoch",
    "diagnostics": "what diagnostics and Keras' metrics cost an epoch",
    "dropout": "an epoch without and with dropout, by mtrain's layer and by Keras'",
    "compilation": "an epoch compiled as graph and by XLA",
    "threads": "an epoch with one thread and with all",
    "scoring": "predicting and scoring many rows",
    "comparing": "comparing runs, gates and verdicts",
    "sweeping": "sweeps beside Keras, JAX, scikit-learn, Optuna and Ray Tune",
    "startup": "seconds and memory of whole commands",
    "saving": "what checkpoints and the history cost a training",
    "predicting": "rows a second of mtrain, onnxruntime and Keras",
    "reading": "seconds and memory of reading a large CSV file",
    "rivals": "trainings of tables with and without their rivals",
    "proposals": "what init proposes for tables, beside simpler models",
    "tables": "accuracy on tables, beside scikit-learn's MLPClassifier",
    "page": "write docs/benchmarks.md from the results files",
}
"""Each name is a module of this package; its function `main` takes the options."""


def main() -> None:
    """Call the measurement that was chosen."""
    lines = (f"  {name:<14}{line}" for name, line in MEASUREMENTS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"{__doc__}\n\n" + "\n".join(lines),
        epilog="Measure with nothing else running. `python -m benchmarks NAME --help` shows the options.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", choices=MEASUREMENTS, help="see above")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="of the measurement")
    chosen = parser.parse_args(sys.argv[1:])
    function_of(chosen.name)(chosen.options)


def function_of(name: str) -> Callable[[list[str]], None]:
    """What measures it.

    Only its own module is imported: the peak memory of a child process is never below that of the
    process that started it.
    """
    function: Callable[[list[str]], None] = import_module(f"benchmarks.{name}").main
    return function


if __name__ == "__main__":
    main()
