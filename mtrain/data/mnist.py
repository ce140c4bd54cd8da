"""MNIST and Fashion-MNIST: found on this machine, or downloaded and checked."""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from mtrain.data.idx import read_idx
from mtrain.data.source import Source, checked_split
from mtrain.errors import MtrainError

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

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")

# Keras' own hash of its file, and the authors' of theirs.
MNIST_HASH = "sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
FASHION_HASHES = {
    "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
}
IDX_NAMES = tuple(name.removesuffix(".gz") for name in FASHION_HASHES)

Arrays = list[np.ndarray[Any, Any]]
"""Training images and labels, test images and labels."""


def read_mnist(name: str, path: str | None, *, progress: bool, download: bool) -> Source:
    """`mnist` or `fashion_mnist` from `path`, else found, else downloaded, where it may be.

    `progress` shows a bar meanwhile. Raises `MtrainError` if `path` holds no such data, or nothing
    is found and there is no network.
    """
    if path is not None:
        where = Path(path)
        arrays = read_folder(where)
    elif name == "mnist":
        where = keras_folder() / "mnist.npz"
        if not where.exists():
            hashes = {"mnist.npz": MNIST_HASH}
            _fetch(name, hashes, where.parent, progress=progress, download=download)
        arrays = _read_npz(where)
    else:
        where = keras_folder() / "fashion-mnist"
        if not _is_complete(where):
            where = DEBIAN_FOLDER if _is_complete(DEBIAN_FOLDER) else where
        if not _is_complete(where):
            _fetch(name, FASHION_HASHES, where, progress=progress, download=download)
        arrays = read_folder(where)
    train = checked_split(arrays[0], arrays[1], str(where), "training")
    test = checked_split(arrays[2], arrays[3], str(where), "test")
    if train.features.shape[1] != test.features.shape[1]:
        raise MtrainError(
            f"{where}: training images have {train.features.shape[1]:,} pixels, "
            f"test images {test.features.shape[1]:,}"
        )
    if train.features.dtype != test.features.dtype:
        raise MtrainError(
            f"{where}: training images are {train.features.dtype}, test images "
            f"{test.features.dtype}; both must be bytes, or neither"
        )
    return Source(train, test, CLASSES[name], largest=255.0, where=str(where))


def keras_folder() -> Path:
    """Where Keras keeps data sets it has downloaded."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "datasets"


def read_folder(folder: Path) -> Arrays:
    """The four IDX files of `folder`, each gzipped or not."""
    if not folder.is_dir():
        kind = "not a folder" if folder.exists() else "no such folder"
        raise MtrainError(f"{folder}: {kind}; the four IDX files of the data set are expected here")
    missing = [name for name in IDX_NAMES if _idx_file(folder, name) is None]
    if missing:
        raise MtrainError(f"{folder}: no data set: {', '.join(missing)} missing (or with .gz)")
    return [read_idx(file) for name in IDX_NAMES if (file := _idx_file(folder, name))]


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
    from mtrain.data.download import fetch  # its libraries take a third of a second to load

    try:
        for file, known_hash in hashes.items():
            fetch(file, known_hash, folder, progress=progress)
    except MtrainError as error:
        raise MtrainError(f"{missing}{error}; {remedy}") from error


def _is_complete(folder: Path) -> bool:
    return all(_idx_file(folder, name) for name in IDX_NAMES)


def _idx_file(folder: Path, name: str) -> Path | None:
    return next((p for p in (folder / f"{name}.gz", folder / name) if p.is_file()), None)


def _read_npz(path: Path) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as file:
            return [file[key] for key in ("x_train", "y_train", "x_test", "y_test")]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise MtrainError(
            f"{path}: not Keras' mnist.npz ({error}); delete it, and it is downloaded again"
        ) from error
