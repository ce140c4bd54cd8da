"""Seconds of sweeps as whole processes, beside what a user could start instead.

Sixteen trainings of the first workload, five epochs each, with other learning rates; what trains one
network a process runs two processes at a time. Then ten seeds of configs/digits.yaml beside one
`mtrain fit` of it. The rows take turns; the table has medians.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import ROOT
from benchmarks.images import find_images
from benchmarks.markdown import Table
from benchmarks.processes import run
from benchmarks.record import parser_of, record
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.markdown import Row

COMMAND = str(Path(sys.executable).with_name("mtrain"))
MEMBERS, EPOCHS, AT_ONCE, SEEDS = 16, 5, 2, 10
RATES = tuple(f"{0.0005 * 1.25**n:.4g}" for n in range(MEMBERS))

SWEEP = "`mtrain sweep`"
SEEDS_OF_DIGITS = "`mtrain sweep configs/digits.yaml --seeds 10`"

NEEDED = {"jax_scan": "jax", "optuna": "optuna", "ray": "ray"}
"""Peers that are left out where this package is not installed."""

ONCE = ("16 processes of stock Keras", "Optuna", "Ray")
"""Run once: each takes as long as ten sweeps."""

TABLE = Table(
    {
        "trainings": "{trainings}",
        "as": "{name}",
        "seconds": "{seconds:.1f}",
        "times those of the first row": "{ratio:.2f}",
    }
)


def main(arguments: list[str]) -> None:
    """Measure everything whose library is there."""
    parser = parser_of("sweeping", __doc__)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each [3]")
    parser.add_argument("--data", help="Fashion-MNIST's four IDX files [found, or downloaded]")
    parser.add_argument("--without", default="", help="leave out rows with one of A,B,... in them")
    options = parser.parse_args(arguments)
    rows = measured(options.rounds, find_images(options.data), options.without)
    record(TABLE, rows, options.out, options.rounds)


def measured(rounds: int, data: str, without: str) -> Iterator[Row]:
    """The rows of the table, from so many runs each."""
    with tempfile.TemporaryDirectory() as folder:
        sixteen = _sixteen(data, Path(folder))
        digits = _digits(Path(folder))
        for trainings, ways in ((f"{MEMBERS} x {WORKLOADS['W1']}", sixteen), ("digits", digits)):
            chosen = {
                name: way
                for place, (name, way) in enumerate(ways.items())
                if place == 0 or not any(text in name for text in without.split(",") if text)
            }
            seconds: dict[str, list[float]] = {name: [] for name in chosen}
            for number in range(rounds):
                for name, way in chosen.items():
                    if number and name.startswith(ONCE):
                        continue
                    began = time.perf_counter()
                    way(number)
                    seconds[name].append(time.perf_counter() - began)
            first = next(iter(chosen))
            for name, each in seconds.items():
                ratios = (a / b for a, b in zip(each, seconds[first], strict=False))
                yield {
                    "trainings": trainings,
                    "name": name,
                    "seconds": statistics.median(each),
                    "ratio": statistics.median(ratios),
                }


def _sixteen(data: str, folder: Path) -> dict[str, Callable[[int], None]]:
    workload = WORKLOADS["W1"]
    config = folder / "w1.yaml"
    config.write_text(
        json.dumps(
            {
                "dataset": {"name": "fashion_mnist", "path": data, "validation": None},
                "model": {"hidden": list(workload.hidden)},
                "optimizer": workload.optimizer,
                "training": {"epochs": EPOCHS, "batch_size": workload.batch_size},
            }
        )
    )
    axis = f"optimizer.learning_rate={','.join(RATES)}"

    def sweep(*options: str) -> Callable[[int], None]:
        def start(number: int) -> None:
            out = folder / f"sweep{number}{'-'.join(options)}"
            run([COMMAND, "sweep", str(config), axis, "--out", str(out), *options])

        return start

    def fits(number: int) -> None:
        program = (
            "import sys, mtrain\n"
            "config, out, *rates = sys.argv[1:]\n"
            "for rate in rates:\n"
            "    mtrain.fit(config, out=f'{out}-{rate}', optimizer={'learning_rate': float(rate)})\n"
        )
        run([sys.executable, "-c", program, str(config), str(folder / f"fits{number}"), *RATES])

    ways: dict[str, Callable[[int], None]] = {
        SWEEP: sweep(),
        "`mtrain sweep --jobs 1`": sweep("--jobs", "1"),
        "16 times `mtrain.fit`, in one process": fits,
        "16 processes of stock Keras, 2 at once": _processes("keras_fit.accuracy", data),
        "16 processes of a JAX scan, 2 at once": _processes("jax_scan.scan", data),
        "scikit-learn's `GridSearchCV(MLPClassifier, n_jobs=2)`": _search("grid_search", data),
        "Optuna with Keras, `n_jobs=2`": _search("optuna", data),
        "Ray Tune with Keras, 2 CPUs": _search("ray", data),
    }
    missing = {peer for peer, package in NEEDED.items() if find_spec(package) is None}
    words = {"jax_scan": "JAX", "optuna": "Optuna", "ray": "Ray"}
    return {
        name: way for name, way in ways.items() if not any(words[peer] in name for peer in missing)
    }


def _processes(peer: str, data: str) -> Callable[[int], None]:
    """A process a training, two at a time."""

    def start(number: int) -> None:
        cell = [sys.executable, "-m", "benchmarks.cell", peer, "W1", str(EPOCHS)]
        commands = [[*cell, str(number * MEMBERS + n), data] for n in range(MEMBERS)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(run, commands))

    return start


def _search(name: str, data: str) -> Callable[[int], None]:
    """A library's own search, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.searches", name, str(EPOCHS), data, *RATES]

    def start(_: int) -> None:
        run(command)

    return start


def _digits(folder: Path) -> dict[str, Callable[[int], None]]:
    config = str(ROOT / "configs" / "digits.yaml")

    def one(number: int) -> None:
        run([COMMAND, "fit", config, "--out", str(folder / f"fit{number}")])

    def ten(*options: str) -> Callable[[int], None]:
        def start(number: int) -> None:
            out = str(folder / f"seeds{number}{'-'.join(options)}")
            run([COMMAND, "sweep", config, "--seeds", str(SEEDS), "--out", out, *options])

        return start

    ways = {"`mtrain fit configs/digits.yaml`": one, SEEDS_OF_DIGITS: ten()}
    if find_spec("ray") is not None:
        ways["the same sweep with `--ray local`"] = ten("--ray", "local")
    return ways
