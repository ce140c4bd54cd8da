"""One training in a separate process, timed from outside; mtrain is started as its public command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from benchmarks import ROOT
from benchmarks.cell import BEGIN
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MTRAIN = "mtrain"
"""The peer that is not a module of `peers`."""

DEVICE = "Device:"
"""What mtrain's console says before the first epoch."""


@dataclass(frozen=True)
class Cell:
    """What one process trains."""

    round: int
    workload: str
    peer: str
    epochs: int

    def measure(self, folder: str) -> dict[str, Any]:
        """Train on the Fashion-MNIST in `folder`, from the seed `round`.

        `import`, None of mtrain; `startup`, from the process's start to the first epoch; `seconds`
        an epoch; `wall`, of the whole process; `peak_bytes`; `accuracy` on the test images.
        """
        if self.peer == MTRAIN:
            return self._measure_mtrain(folder)
        arguments = [self.peer, self.workload, str(self.epochs), str(self.round), folder]
        figures, lines = run([sys.executable, "-m", "benchmarks.cell", *arguments], BEGIN)
        printed = next(line for line in reversed(lines) if line.startswith("{"))
        return {**figures, **json.loads(printed)}  # a library's warning may stand behind it

    def _measure_mtrain(self, folder: str) -> dict[str, Any]:
        workload = WORKLOADS[self.workload]
        with tempfile.TemporaryDirectory() as place:
            config = Path(place, "config.yaml")
            # All else is as mtrain has it: exact metrics, history, checkpoints, plain console.
            config.write_text(
                json.dumps(
                    {
                        "seed": self.round,
                        "dataset": {"name": "fashion_mnist", "path": folder, "validation": None},
                        "model": {"hidden": list(workload.hidden)},
                        "optimizer": workload.optimizer,
                        "training": {"epochs": self.epochs, "batch_size": workload.batch_size},
                    }
                )
            )
            command = str(Path(sys.executable).with_name("mtrain"))
            out = Path(place, "run")
            compiling = without_kept_compilations()
            figures, _ = run([command, "fit", str(config), "--out", str(out)], DEVICE, compiling)
            history = json.loads((out / "history.json").read_text())
            metrics = json.loads((out / "evaluation" / "test" / "metrics.json").read_text())
        return {
            **figures,
            "import": None,
            "seconds": history["seconds"],
            "accuracy": metrics["accuracy"],
        }


def without_kept_compilations() -> dict[str, str]:
    """Variables with which mtrain compiles anew, as its peers do; matplotlib still finds its fonts."""
    import matplotlib as mpl

    return {"XDG_CACHE_HOME": os.devnull, "MPLCONFIGDIR": mpl.get_cachedir()}


def run(
    command: list[str],
    mark: str = "",
    variables: Mapping[str, str] = MappingProxyType({}),
    exits: tuple[int, ...] = (0,),
) -> tuple[dict[str, Any], list[str]]:
    """Run a process; what it took, and its lines. `startup` ends with the line beginning `mark`.

    Raises `SystemExit` where the process's status is not among `exits`.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=_environment(variables),
        cwd=ROOT,
    )
    lines, startup = [], None
    assert process.stdout is not None
    with process.stdout as stdout:
        for line in stdout:
            lines.append(line)
            if startup is None and line.startswith(mark):
                startup = time.perf_counter() - began
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)  # reaped here, for what it used
    if process.returncode not in exits:
        raise SystemExit(f"{' '.join(command)}\n{''.join(lines[-20:])}")
    unit = 1 if sys.platform == "darwin" else 1024
    return {"startup": startup, "wall": wall, "peak_bytes": usage.ru_maxrss * unit}, lines


def peak_memory(command: list[str], variables: Mapping[str, str], exits: tuple[int, ...]) -> int:
    """The most bytes that the process and all that it started have together, looked at every 20 ms.

    Pages that several of them share are counted once. Raises as `run` does.
    """
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_environment(variables),
        cwd=ROOT,
    ) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(_proportional(pid) for pid in _family(process.pid)))
            time.sleep(0.02)
    if process.returncode not in exits:
        raise SystemExit(" ".join(command))
    return peak


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    usual = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    return {**os.environ, **usual, **variables}


def _family(pid: int) -> Iterator[int]:
    """The process, and all that it and its own started, but for those that still have its memory."""
    yield pid
    with suppress(OSError):
        own = Path(f"/proc/{pid}/statm").read_text()
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, children.read_text().split()):
                # Until it runs its own program, a child may be the parent's memory by another name.
                if Path(f"/proc/{child}/statm").read_text() != own:
                    yield from _family(child)


def _proportional(pid: int) -> int:
    """Bytes of its memory, those that it shares divided by the processes that do; 0 once it has ended."""
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return 0
