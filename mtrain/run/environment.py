"""What a run ran on: enough to know why another run differs."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = ("mtrain", "tensorflow", "keras", "numpy", "scikit-learn")


def describe_environment(**facts: Any) -> dict[str, Any]:
    """Versions, machine, command and git commit, and the `facts` of the run itself."""
    return {
        "schema": 1,
        "command": sys.argv,
        "versions": {
            "python": platform.python_version(),
            **{package: _version(package) for package in PACKAGES},
        },
        "platform": platform.platform(),
        "machine": platform.machine(),
        "git_commit": _git_commit(),
        **facts,
    }


def _version(package: str) -> str | None:
    """The installed version; None where it goes by another name, as `tensorflow-cpu` does."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """The commit checked out in the current directory; None outside a checkout."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()
