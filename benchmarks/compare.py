"""Measure mtrain's command beside its peers, each training in a separate process.

The peers take turns, all of them within a round, so that a machine that is slower for a while is
slower for all of them. Parity with Keras is checked first. A measurement that was stopped continues
where it stopped: until it is complete, its results are in a file whose name ends in
`.unfinished.json`. Complete results of the same machine and code are kept; remove the file to
measure anew.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from benchmarks import ROOT, machine
from benchmarks.images import find_images
from benchmarks.processes import MTRAIN, Cell
from benchmarks.record import parser_of, today
from benchmarks.workloads import WORKLOADS
from mtrain.run.environment import git_commit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


def main(arguments: list[str]) -> None:
    """Measure what the results file lacks."""
    options = _options(arguments)
    folder = find_images(options.data)
    results = begun(options.out)
    if results["parity"] is None:
        command = [sys.executable, "-m", "benchmarks", "parity", folder]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=ROOT)
        results["parity"] = json.loads(done.stdout)
    measured = [Cell(*(row[key] for key in Cell.__annotations__)) for row in results["rows"]]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for cell in plan(options.workloads, options.rounds, whole=not options.short):
        if cell in measured:
            continue
        if len(results["limits"]) <= cell.round:
            results["limits"].append(machine.limits())
        figures = cell.measure(folder)
        results["rows"].append({**vars(cell), **figures})
        _write(results, unfinished(options.out))
        shown = " ".join(f"{value:.3f}" for value in figures["seconds"])
        print(f"{cell.round} {cell.workload} {cell.peer}: {shown}", file=sys.stderr, flush=True)
    _write(results, options.out)
    unfinished(options.out).unlink(missing_ok=True)


def begun(path: Path) -> dict[str, Any]:
    """What this machine has measured of this code already; else results without rows.

    Raises `SystemExit` where another machine or code began a measurement: it may have taken hours.
    """
    here = machine.describe()
    if unfinished(path).exists():
        results: dict[str, Any] = json.loads(unfinished(path).read_text(encoding="utf-8"))
        if results["machine"] != here:
            raise SystemExit(
                f"{unfinished(path)}: begun on another machine, with other versions or other code; "
                f"remove it to begin anew"
            )
        return results
    if path.exists():
        results = json.loads(path.read_text(encoding="utf-8"))
        if results["machine"] == here:
            return results
    return {
        "machine": here,
        "commit": git_commit(),
        "date": today(),
        "parity": None,
        "limits": [],
        "rows": [],
    }


def unfinished(path: Path) -> Path:
    """Where the results are until they are complete."""
    return path.with_suffix(".unfinished.json")


def _write(results: dict[str, Any], path: Path) -> None:
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps(results) + "\n", encoding="utf-8")
    beside.replace(path)


def plan(workloads: list[str], rounds: int, *, whole: bool) -> Iterator[Cell]:
    """Every process to start, in order."""
    for number in range(rounds):
        # Each round begins with another peer, so that a place in the round favours none of them.
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


def _options(arguments: list[str]) -> Any:
    parser = parser_of("compare", __doc__)
    parser.add_argument("--data", help="Fashion-MNIST's four IDX files [found, or downloaded]")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each cell [5]")
    parser.add_argument(
        "--workloads",
        type=lambda names: names.split(","),
        default=list(WORKLOADS),
        help=f"some of {','.join(WORKLOADS)} [all]",
    )
    text = "do not time whole processes of 1, 5 and 20 epochs"
    parser.add_argument("--short", action="store_true", help=text)
    return parser.parse_args(arguments)
