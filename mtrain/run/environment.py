"""What a run ran on: enough to know why another run differs."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGES = ("mtrain", "tensorflow", "keras", "numpy", "scikit-learn")

FLAGS = (
    *("XLA_FLAGS", "TF_XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA"),
    *("TF_DETERMINISTIC_OPS", "TF_CUDNN_DETERMINISTIC", "NVIDIA_TF32_OVERRIDE"),
    *("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"),
)
"""Variables of the environment that change what TensorFlow computes."""

VECTOR = ("avx", "fma", "amx")

IDENTITY = (
    "versions",
    "machine",
    "processor",
    "flags",
    "device",
    "threads",
    "compile",
    "data",
    "splits",
    "code",
)
"""What must be the same for a run to be the same to the last bit."""


def describe_environment(**facts: Any) -> dict[str, Any]:
    """Versions, machine, command and git commit, and the `facts` of the run itself."""
    return {
        "schema": 1,
        "command": sys.argv,
        "versions": {
            "python": platform.python_version(),
            **{package: package_version(package) for package in PACKAGES},
        },
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processor": processor(),
        "flags": {name: os.environ.get(name) for name in FLAGS},
        "git_commit": git_commit(),
        **facts,
    }


def identity(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Of an environment what a resumed run must share, by dotted key."""
    found: dict[str, Any] = {}
    for key in IDENTITY:
        value = environment.get(key)
        if isinstance(value, dict):
            found |= {f"{key}.{inner}": item for inner, item in value.items()}
        elif value is not None:
            found[key] = value
    found.pop("data.source", None)  # the same data may have moved
    return found


def package_version(package: str) -> str | None:
    """The installed version; None where it goes by another name, as `tensorflow-cpu` does."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def processor() -> str:
    """Its model, and the vector instructions by which libraries choose their arithmetic."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    facts = {
        key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)
    }
    vector = [flag for flag in facts.get("flags", "").split() if flag.startswith(VECTOR)]
    return " ".join([facts.get("model name", platform.processor()), *vector])


def git_commit() -> str | None:
    """The commit checked out in the current directory; None outside a checkout."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()
