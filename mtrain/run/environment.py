"""`environment.json`: a run's environment, written and read back."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from mtrain.errors import MtrainError
from mtrain.records.run import Environment
from mtrain.run.files import json_text, read_json, write_text
from mtrain.run.reading import of_schema, reading, validated

SCHEMA = 1

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
"""The facts that must be the same for a run to be the same to the last bit."""


def describe_environment(
    seed: int, data: Mapping[str, str], splits: Mapping[str, str]
) -> Environment:
    """Versions, machine, command and git commit; the rest is as in the `Environment`."""
    return Environment(
        command=tuple(sys.argv),
        versions=current_versions(),
        platform=platform.platform(),
        machine=platform.machine(),
        processor=processor(),
        flags={name: os.environ.get(name) for name in FLAGS},
        git_commit=git_commit(),
        seed=seed,
        data=data,
        splits=splits,
    )


def write_environment(environment: Environment, path: Path) -> None:
    """Write `environment.json` at `path`."""
    data = {field.name: getattr(environment, field.name) for field in fields(environment)}
    known = {key: value for key, value in data.items() if key != "code" or value}
    write_text(path, json_text({"schema": SCHEMA, **known}))


def read_environment(path: Path) -> Environment:
    """Read the `environment.json` at `path`.

    Raises `MtrainError` if it is missing, or not as mtrain writes it.
    """
    data = read_json(path)
    with reading(path, "an environment"):
        return validated(TypeAdapter(Environment), of_schema(data, SCHEMA))


def changed_versions(path: Path) -> str:
    """`numpy was 1.26.4, is 2.3.5`: how versions differ from those of the `environment.json` at `path`.

    Empty if none differs, or the file cannot be read.
    """
    try:
        was = read_environment(path).versions
    except MtrainError:
        return ""
    now = current_versions()
    changed = [key for key in was if key in now and was[key] != now[key]]
    return ", ".join(f"{key} was {was[key]}, is {now[key]}" for key in changed)


def current_versions() -> dict[str, str | None]:
    """The versions of Python and of the packages that compute."""
    packages = {package: package_version(package) for package in PACKAGES}
    return {"python": platform.python_version(), **packages}


def identity(environment: Environment) -> dict[str, Any]:
    """The facts of an environment that a resumed run must share, by dotted key."""
    entries: dict[str, Any] = {}
    for key in IDENTITY:
        value = getattr(environment, key)
        if isinstance(value, Mapping):
            entries |= {f"{key}.{inner}": item for inner, item in value.items()}
        elif value:
            entries[key] = value
    entries.pop("data.source", None)  # the same data may have moved
    return entries


def package_version(package: str) -> str | None:
    """The installed version; None if the package has another name, as `tensorflow-cpu`."""
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
    return _git("rev-parse", "HEAD")


def checkout_commit(package: Path) -> str | None:
    """The commit of the checkout with the folder `package` at its top, `-dirty` after changes.

    None if there is no such checkout: an environment may be in the checkout of another program.
    """
    here = ("-C", str(package))
    if _git(*here, "rev-parse", "--show-prefix") != f"{package.name}/":
        return None
    return _git(*here, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def _git(*arguments: str) -> str | None:
    """What git prints; None if it fails, or is not installed."""
    try:
        result = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()
