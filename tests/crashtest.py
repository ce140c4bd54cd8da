"""Kill real trainings with SIGKILL at random moments, resume them, and compare with one never killed.

    python tests/crashtest.py --kills 50

A third of the runs have dropout, batch normalisation, a learning-rate schedule and early stopping, a
third dropout, a plateau and early stopping, and a third none of it. A checkpoint is written after every chunk of steps, so that runs go on
from the middle of epochs and from their ends. Every fifth run is killed three times more while it
resumes. Two runs are the same if all variables of their last and best checkpoints, their histories
(times and segments aside) and all that their evaluation wrote are, to the last bit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waiting import wait_until, watched

MTRAIN = str(Path(sys.executable).with_name("mtrain"))

CONFIGS = {
    "plain": """
dataset: {name: digits}
model: {hidden: 64}
optimizer: {name: sgd, learning_rate: 0.01}
training: {epochs: 50, batch_size: 2}
checkpoint: {every_seconds: 0}
""",
    "everything": """
dataset: {name: digits}
model: {hidden: 64x2, dropout: 0.2, batch_norm: true}
optimizer:
  learning_rate: {name: CosineDecay, initial_learning_rate: 0.001, decay_steps: 10000,
                  warmup_target: 0.004, warmup_steps: 500}
training: {epochs: 20, batch_size: 4, early_stopping: {patience: 9}, save_best: val_f1_macro}
checkpoint: {every_seconds: 0}
""",
    "plateau": """
dataset: {name: digits}
model: {hidden: 64, dropout: 0.2}
optimizer: {learning_rate: 0.003}
training:
  epochs: 20
  batch_size: 4
  reduce_on_plateau: {patience: 2, factor: 0.5}
  early_stopping: {patience: 8}
checkpoint: {every_seconds: 0}
""",
}


def main() -> None:
    """Kill so many runs, and say how many came out identical."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--kills", type=int, default=50, help="runs to kill [50]")
    arguments.add_argument("--seed", type=int, default=None, help="of the moments [by the clock]")
    options = arguments.parse_args()
    seed = time.time_ns() % 2**32 if options.seed is None else options.seed
    print(f"seed {seed}")
    with tempfile.TemporaryDirectory() as folder:
        trials = crash(Path(folder), options.kills, seed)
    moments = Counter(moment.partition(":")[0] for trial in trials for moment in trial.moments)
    for moment, times in sorted(moments.items()):
        print(f"killed {moment}: {times} times")
    same = sum(trial.identical for trial in trials)
    print(f"{same} of {len(trials)} runs identical after {sum(moments.values())} kills")
    sys.exit(same < len(trials))


@dataclass(frozen=True)
class Trial:
    """A run that was killed and resumed."""

    number: int
    config: str
    moments: tuple[str, ...]
    """What the newest checkpoint was at each kill."""

    identical: bool


@dataclass(frozen=True)
class Reference:
    """A run that was never killed."""

    config: Path
    digest: str
    seconds: tuple[float, float]
    """How long it took until the first checkpoint, and from there until training was done."""


def crash(folder: Path, kills: int, seed: int) -> list[Trial]:
    """Kill and resume so many runs, two at a time."""
    generator = random.Random(seed)
    names = list(CONFIGS)[:kills]
    references = {name: _reference(folder, name) for name in names}
    seeds = [generator.random() for _ in range(kills)]
    with ThreadPoolExecutor(2) as pool:
        return list(
            pool.map(
                lambda n: _trial(folder / f"{n}", n, references[names[n % len(names)]], seeds[n]),
                range(kills),
            )
        )


def digest(run: Path) -> str:
    """SHA-256 of everything in which two runs must not differ."""
    history = json.loads((run / "history.json").read_text())
    del history["seconds"], history["segments"], history["run"]
    found = hashlib.sha256(json.dumps(history).encode())
    for pointer in ("best", "last"):
        name = (run / "checkpoints" / pointer).read_text().strip()
        found.update(f"{pointer} {name}".encode())
        found.update((run / "checkpoints" / name / "arrays.npz").read_bytes())
    tables = ("metrics.json", "classification_report.json", "predictions.npz")
    for name in (*tables, "errors.csv", "suspects.csv"):
        found.update((run / "evaluation" / "test" / name).read_bytes())
    for name in ("learning.parquet", "suspects.csv"):
        found.update((run / name).read_bytes())
    return found.hexdigest()


def _reference(folder: Path, name: str) -> Reference:
    config, run = folder / f"{name}.yaml", folder / name
    config.write_text(CONFIGS[name])
    start = time.monotonic()
    process = _start("fit", config, "--out", run)
    with watched(process):
        wait_until(lambda: _written(run) != 0, process)
        began = time.monotonic()
        wait_until((run / "evaluation").exists, process)
        seconds = began - start, time.monotonic() - began
        status = process.wait()
    if status != 0:
        raise RuntimeError(f"the run of {config} that was not to be killed failed")
    return Reference(config, digest(run), seconds)


def _trial(run: Path, number: int, reference: Reference, seed: float) -> Trial:
    generator = random.Random(seed)
    preparing, training = reference.seconds
    moments = []
    again = 3 if number % 5 == 2 else 0
    for _ in range(1 + again):
        written = _written(run)
        process = _start("fit", reference.config, "--out", run, "--resume")
        with watched(process):
            if number % 10 == 9:
                time.sleep(generator.uniform(0, preparing))
            else:
                _wait_until_it_trains(process, run, written)
                # A little beyond its end: some are to be killed while they write their report.
                time.sleep(generator.uniform(0, 1.1 * training))
            process.send_signal(signal.SIGKILL)
            process.wait()
        moments.append(_moment(run))
    process = (
        _start("resume", run) if run.exists() else _start("fit", reference.config, "--out", run)
    )
    with watched(process):
        status = process.wait()
    identical = status == 0 and digest(run) == reference.digest
    name = reference.config.stem
    print(f"{number + 1}: {name}: {', '.join(moments)}: {'same' if identical else 'ANOTHER'}")
    if identical:
        shutil.rmtree(run)
    return Trial(number, name, tuple(moments), identical)


def _start(*arguments: object) -> subprocess.Popen[Any]:
    return subprocess.Popen(
        [MTRAIN, *map(str, arguments), "--quiet"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _wait_until_it_trains(process: subprocess.Popen[Any], run: Path, written: int) -> None:
    wait_until(lambda: _written(run) != written, process)


def _written(run: Path) -> int:
    """When a run's checkpoints changed last; 0 before the first of them."""
    path = run / "checkpoints"
    return path.stat().st_mtime_ns if path.exists() else 0


def _moment(run: Path) -> str:
    if (run / "evaluation").exists() or (run / "charts").exists():
        return "while reporting: -"
    names = sorted(path.name for path in run.glob("checkpoints/epoch-*"))
    if not names:
        return "before the first checkpoint: -"
    return f"{'within an epoch' if 'step' in names[-1] else 'between epochs'}: {names[-1]}"


if __name__ == "__main__":
    main()
