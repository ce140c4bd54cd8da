"""MNIST and Fashion-MNIST: found on this machine, or downloaded and checked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mtrain.data.source import Rows, Source, check_alike, checked_rows
from mtrain.data.sources.idx import FILES, idx_file, read_split
from mtrain.data.sources.npz import read_members
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from mtrain.config.experiment.sources import KnownData
    from mtrain.data.source import Request

CLASSES = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
}

TEST_COUNTS = {
    "mnist": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    "fashion_mnist": (1000,) * 10,
}
"""Rows of each class in the test split."""

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")

# Keras' own hash of its file, and the authors' of theirs.
MNIST_HASH = "sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
FASHION_HASHES = {
    "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
}


def read(config: KnownData, request: Request) -> Source:
    """`mnist` or `fashion_mnist` from its path, else this machine, else downloaded, if allowed.

    Raises `MtrainError` if `path` holds no such data, or nothing
    is found and there is no network.
    """
    name, path = config.name, config.path
    how = {"progress": request.progress, "download": request.download}
    if path is not None:
        where = Path(path)
    elif name == "mnist":
        where = keras_folder() / "mnist.npz"
        if not where.exists():
            hashes = {"mnist.npz": MNIST_HASH}
            _fetch(name, hashes, where.parent, **how)
    else:
        where = keras_folder() / "fashion-mnist"
        if not _is_complete(where):
            where = DEBIAN_FOLDER if _is_complete(DEBIAN_FOLDER) else where
        if not _is_complete(where):
            _fetch(name, FASHION_HASHES, where, **how)
    if where.suffix == ".npz" and path is None:
        splits = _read_npz(where, request.memory)
    else:
        splits = {split: read_split(where, split, request.memory) for split in FILES}
    check_alike(splits, str(where))
    return Source(
        splits["train"],
        None,
        splits["test"],
        CLASSES[name],
        largest=255.0,
        where=str(where),
        notes=_other_notes(name, splits["test"], str(where)),
    )


def _other_notes(name: str, test: Rows, where: str) -> tuple[str, ...]:
    """A note if the test labels are those of the other data set, whose files have the same names."""
    counts = tuple(np.bincount(test.labels, minlength=10).tolist())
    return tuple(
        f"{where}: has the test labels of {other}; dataset.name: {other} names its classes"
        for other, known in TEST_COUNTS.items()
        if other != name and counts == known
    )


def keras_folder() -> Path:
    """Where Keras keeps data sets it has downloaded."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "datasets"


def _fetch(
    name: str, hashes: dict[str, str], folder: Path, *, progress: bool, download: bool
) -> None:
    remedies = [
        "set dataset.path to a folder with its four IDX files",
        f"put {' and '.join(hashes)} into {folder}",
    ]
    if name == "fashion_mnist":
        remedies.append("install Debian's package dataset-fashion-mnist")
    missing = f"dataset.name: {name} is not on this machine and "
    remedy = "; or ".join(remedies)
    if not download:
        raise MtrainError(f"{missing}only `mtrain fit CONFIG` downloads; {remedy}")
    from mtrain.data.sources.download import fetch  # its libraries take a third of a second to load

    try:
        for file, known_hash in hashes.items():
            fetch(file, known_hash, folder, progress=progress)
    except MtrainError as error:
        raise MtrainError(f"{missing}{error}; {remedy}") from error


def _is_complete(folder: Path) -> bool:
    return all(idx_file(folder, name) for names in FILES.values() for name in names)


def _read_npz(path: Path, memory: int) -> dict[str, Rows]:
    try:
        arrays = read_members(path, ("x_train", "y_train", "x_test", "y_test"), memory)
        return {
            "train": checked_rows(arrays["x_train"], arrays["y_train"], str(path), "train"),
            "test": checked_rows(arrays["x_test"], arrays["y_test"], str(path), "test"),
        }
    except MtrainError as error:
        raise MtrainError(str(error), remedy="delete it, and it is downloaded again") from error
