"""What is measured on: processor, versions, and how fast it multiplies matrices."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import ROOT
from benchmarks.workloads import WORKLOADS
from mtrain.engine.threads import cpu_count
from mtrain.run.environment import FLAGS, package_version, processor

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACKAGES = (
    "mtrain",
    "tensorflow",
    "keras",
    "torch",
    "jax",
    "jaxlib",
    "optax",
    "scikit-learn",
    "numpy",
)

SIDE = 4096

TRAFFIC = 1 << 28
"""Bytes that a CPU moves to measure how fast it does."""

SHOWING = ("chart.py", "comparison.py", "comparison_page.py", "markdown.py", "page.py", "record.py")
"""Modules that neither measure nor are measured."""


def describe() -> dict[str, Any]:
    """Of this machine and environment: all that a figure may depend on."""
    return {
        "processor": processor(),
        "cores": cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": platform.platform(),
        "python": platform.python_version(),
        "code": _code(),
        "flags": {name: os.environ[name] for name in FLAGS if name in os.environ},
        "versions": {package: package_version(package) for package in PACKAGES},
    }


def limits() -> dict[str, Any]:
    """What `main` prints in a separate process, like everything that is compared with it."""
    command = [sys.executable, "-m", "benchmarks.machine"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=ROOT)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print `matrix`, floating-point operations a second, and `traffic`, bytes a second by workload."""
    traffic = {name: traffic_limit(workload.weights) for name, workload in WORKLOADS.items()}
    print(json.dumps({"matrix": matrix_limit(), "traffic": traffic}))


def matrix_limit() -> float:
    """Floating-point operations a second in the product of two matrices; the best of five.

    They have `SIDE` rows and columns.
    """
    a = np.random.default_rng(0).random((SIDE, SIDE), np.float32)
    best = np.inf
    for _ in range(5):
        began = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - began)
    return 2 * SIDE**3 / float(best)


def traffic_limit(weights: int) -> float:
    """Bytes a second that all CPUs read and write of four arrays with so many numbers; the best of five.

    As many as weights, gradients and two averages are, so that they lie in the same caches.
    """
    cpus = cpu_count()
    n = -(-weights // cpus)

    def move(arrays: NDArray[np.float32]) -> int:
        a, b, c, d = arrays
        for _ in range(times):
            np.add(a, b, out=c)
            np.subtract(c, b, out=d)
            np.add(d, b, out=c)
        return 9 * int(a.nbytes) * times

    times = max(1, TRAFFIC // (9 * 4 * n))
    best = 0.0
    arrays = np.ones((cpus, 4, n), np.float32)
    with ThreadPoolExecutor(cpus) as pool:
        for _ in range(5):
            began = time.perf_counter()
            moved = sum(pool.map(move, arrays))
            best = max(best, moved / (time.perf_counter() - began))
    return best


def _code() -> str:
    """The hash of all that is measured, and of what measures."""
    digest = hashlib.sha256()
    for folder in ("mtrain", "benchmarks"):
        for file in sorted(ROOT.glob(f"{folder}/**/*.py")):
            if ".venv" not in file.parts and file.name not in SHOWING:
                digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


if __name__ == "__main__":
    main()
