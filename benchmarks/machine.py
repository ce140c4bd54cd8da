"""What is measured on: processor, versions, and how fast it multiplies matrices."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import time
from typing import Any

import numpy as np

from benchmarks import ROOT
from mtrain.engine.threads import cpu_count
from mtrain.run.environment import FLAGS, package_version, processor

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


def matrix_limit() -> float:
    """What `main` prints in a separate process, like everything that is compared with it."""
    command = [sys.executable, "-m", "benchmarks.machine"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=ROOT)
    return float(done.stdout)


def main() -> None:
    """Print the floating-point operations a second in the product of two matrices.

    They have `SIDE` rows and columns; the best of five.
    """
    a = np.random.default_rng(0).random((SIDE, SIDE), np.float32)
    best = np.inf
    for _ in range(5):
        began = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - began)
    print(2 * SIDE**3 / best)


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
