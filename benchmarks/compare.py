"""Measure mtrain's command beside what else one could take, each training in a fresh process.

    python benchmarks/compare.py RESULTS [--data FOLDER] [--rounds N] [--workloads W1,W2b] [--short]

The peers take turns, all within a round, so that a machine that is slower for a while is so for all
of them. What was measured is kept in RESULTS, a JSON file: a run that was stopped goes on where it
was. Run with nothing else running; parity with Keras is checked first. `page.py` shows what came
out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import machine
from processes import MTRAIN, Cell
from workloads import WORKLOADS

from mtrain.config.experiment.sources import FashionMnistConfig
from mtrain.data.reading import read_source
from mtrain.run.environment import git_commit

if TYPE_CHECKING:
    from collections.abc import Iterator

PEERS = (
    "keras_fit.accuracy",
    MTRAIN,
    "keras_fit.per_class",
    "jax_scan.scan",
    "keras_fit.one_execution",
    "keras_fit.one_execution_xla",
    "pytorch.loop",
    "sklearn_mlp.partial_fit",
)

EPOCHS = 4
"""The first, which compiles, and three that count."""

WHOLE = ("W1", (1, 5, 20))
"""The workload of which whole processes are timed, and of how many epochs."""


def main() -> None:
    """Measure what RESULTS lacks."""
    arguments = _arguments()
    found = (
        arguments.data
        or read_source(
            FashionMnistConfig(), memory=4_000_000_000, progress=True, download=True
        ).where
    )
    folder = str(Path(found).resolve())
    path: Path = arguments.results
    results: dict[str, Any] = {"machine": machine.describe(), "commit": git_commit()}
    if path.exists():
        results = json.loads(path.read_text())
    if results["machine"] != machine.describe():
        raise SystemExit(
            f"{path}: measured on another machine, with other versions or other code; remove it"
        )
    if "parity" not in results:
        command = [sys.executable, str(Path(__file__).with_name("parity.py")), folder]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        results |= {"parity": json.loads(done.stdout), "matrix_limit": [], "cells": []}
    measured = [Cell(*(cell[key] for key in Cell.__annotations__)) for cell in results["cells"]]
    path.parent.mkdir(exist_ok=True)
    for cell in plan(arguments.workloads, arguments.rounds, whole=not arguments.short):
        if cell in measured:
            continue
        if len(results["matrix_limit"]) <= cell.round:
            results["matrix_limit"].append(machine.matrix_limit())
        figures = cell.measure(folder)
        results["cells"].append({**vars(cell), **figures})
        beside = path.with_suffix(".tmp")
        beside.write_text(json.dumps(results))
        beside.replace(path)
        shown = " ".join(f"{value:.3f}" for value in figures["seconds"])
        print(f"{cell.round} {cell.workload} {cell.peer}: {shown}", file=sys.stderr, flush=True)


def plan(workloads: list[str], rounds: int, *, whole: bool) -> Iterator[Cell]:
    """Every process there is to start, in order."""
    for number in range(rounds):
        # Another one first in each round: what a process leaves behind it is not always one peer's.
        peers = PEERS[number % len(PEERS) :] + PEERS[: number % len(PEERS)]
        for workload in workloads:
            for peer in peers:
                if can_do(peer, workload):
                    yield Cell(number, workload, peer, EPOCHS)
    workload, lengths = WHOLE
    for number in range(rounds if whole else 0):
        for epochs in lengths:
            for peer in PEERS:
                if can_do(peer, workload):
                    yield Cell(number, workload, peer, epochs)


def can_do(peer: str, workload: str) -> bool:
    """Whether the peer has the workload's optimizer."""
    return not (peer.startswith("sklearn") and WORKLOADS[workload].optimizer == "rmsprop")


def _arguments() -> Any:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("results", type=Path, metavar="RESULTS", help="a JSON file")
    parser.add_argument("--data", help="Fashion-MNIST's four IDX files [found, or downloaded]")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each cell [5]")
    parser.add_argument(
        "--workloads",
        type=lambda names: names.split(","),
        default=list(WORKLOADS),
        help=f"of {','.join(WORKLOADS)} [all]",
    )
    parser.add_argument(
        "--short", action="store_true", help="no whole processes of 1, 5, 20 epochs"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
