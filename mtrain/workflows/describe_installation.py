"""Describe an installation for a bug report; needs no TensorFlow."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

import mtrain
from mtrain.engine.threads import cpu_count
from mtrain.records.installation import Installation
from mtrain.run.environment import FLAGS, checkout_commit, package_version, processor

if TYPE_CHECKING:
    from mtrain.records.installation import Origin

PACKAGES = (
    *("tensorflow", "keras", "numpy", "scipy", "scikit-learn", "pyarrow", "pillow", "matplotlib"),
    *("pydantic", "orjson", "typer", "rich"),
)

EXTRAS = {
    "mlflow": ("mlflow-skinny",),
    "onnx": ("onnx", "onnxruntime"),
    "ray": ("ray",),
    "tensorboard": ("tensorboard",),
    "trackio": ("trackio",),
    "wandb": ("wandb",),
}
"""Packages of each extra; those of `gpu` are what TensorFlow needs for CUDA."""

MEMORY_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Where Linux says how much memory a container has."""


def describe_installation() -> Installation:
    """mtrain, Python, this machine, and the packages that compute."""
    folder = Path(mtrain.__file__).parent
    extras = {"gpu": cuda_packages(), **EXTRAS}
    return Installation(
        version=mtrain.__version__,
        folder=folder,
        origin=origin(folder),
        commit=checkout_commit(folder),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        executable=sys.executable,
        platform=platform.platform(),
        processor=processor(),
        cpus=cpu_count(),
        memory=memory(),
        versions={package: package_version(package) for package in PACKAGES},
        extras={
            extra: {package: package_version(package) for package in packages}
            for extra, packages in extras.items()
        },
        flags={name: os.environ[name] for name in FLAGS if name in os.environ},
    )


def origin(folder: Path) -> Origin:
    """How Python finds the package mtrain in `folder`.

    It is `not installed` as well if another mtrain is installed, and the path has this one before.
    """
    try:
        installed = distribution("mtrain")
    except PackageNotFoundError:
        return "not installed"
    source = json.loads(installed.read_text("direct_url.json") or "{}")
    if source.get("dir_info", {}).get("editable"):
        checkout = Path(url2pathname(urlsplit(source["url"]).path))
        return "editable" if folder.parent == checkout else "not installed"
    return "installed" if Path(str(installed.locate_file("mtrain"))) == folder else "not installed"


def cuda_packages() -> tuple[str, ...]:
    """The packages that the installed TensorFlow needs to compute on a GPU; empty without it."""
    try:
        requirements = requires("tensorflow") or []
    except PackageNotFoundError:
        return ()
    pattern = re.compile(r"""([\w.-]+).*extra == ['"]and-cuda['"]""")
    return tuple(found[1] for one in requirements if (found := pattern.match(one)))


def memory() -> int:
    """Bytes of this machine, or of its container if they are fewer."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in MEMORY_LIMITS:
        with suppress(OSError, ValueError):  # no such file, or `max`
            limits.append(int(path.read_text(encoding="ascii")))
    return min(limits)
