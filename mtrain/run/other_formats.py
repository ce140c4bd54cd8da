"""Files that are not runs: configs, parts of a run, and models that can run code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from pathlib import Path

LOOKED_AT = 65536
"""Bytes at either end of a file."""

POINTERS = ("best", "last")
"""Files of a run that name one of its checkpoints."""

_FILES = {
    "saved_model.pb": "a TensorFlow SavedModel",
    "keras_metadata.pb": "a TensorFlow SavedModel",
    "checkpoint": "a TensorFlow checkpoint",
    "pytorch_model.bin": "a PyTorch model",
    "model.safetensors": "a safetensors model",
}


def refuse_foreign(path: Path) -> None:
    """Raise `MtrainError` for a file, naming its kind, and for another program's model."""
    if path.is_dir():
        kind = next((kind for name, kind in _FILES.items() if (path / name).is_file()), None)
        if kind is None:
            return
    elif path.is_file():
        if path.suffix.lower() in {".yaml", ".yml"}:
            raise MtrainError(
                "a config, not a run", where=path, remedy="`mtrain fit` trains it and makes a run"
            )
        if path.parent.name == "checkpoints" and path.name in POINTERS:
            raise MtrainError(
                f"says which checkpoint is the {path.name}",
                where=path,
                remedy=f"name that folder, or the run {path.parent.parent}",
            )
        kind = _kind(path)
    else:
        raise MtrainError("neither a folder nor a file", where=path)
    raise MtrainError(
        f"{kind}, not a checkpoint of mtrain; name a run directory or a folder in its "
        "checkpoints/. mtrain does not load formats that can run code",
        where=path,
    )


def _kind(path: Path) -> str:
    try:
        with path.open("rb") as file:
            start = file.read(LOOKED_AT)
            file.seek(max(0, path.stat().st_size - LOOKED_AT))
            ends = start + file.read(LOOKED_AT)
    except OSError as error:
        raise MtrainError(f"cannot be read: {error.strerror}", where=path) from error
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return "an HDF5 file, as Keras' .h5"
    if start.startswith(b"PK"):
        if b"model.weights.h5" in ends:
            return "a Keras model file (.keras)"
        if b"data.pkl" in ends:
            return "a PyTorch file with a pickle"
        if b".npy" in ends:
            return "a NumPy archive (.npz)"
        return "a zip archive"
    # Protocols 2 to 5 begin with their number; all end with STOP.
    if len(start) > 1 and start[0] == 0x80 and start[1] in range(2, 6):
        return "a pickle"
    return "a file"
