"""An exported model in the console: its inputs, its outputs and the proof."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from mtrain.escape import bytes_as_text
from mtrain.records.dataset import SPLITS
from mtrain.report.console.output import inert_text, make_console
from mtrain.report.text import first_few

if TYPE_CHECKING:
    from pathlib import Path

    from mtrain.records.export import Export, Proof, Tensor


def print_export(exported: Export, stream: TextIO) -> None:
    """What it takes and gives, how well it was repeated, and where it is."""
    console = make_console(stream)
    for kind, tensors in (("input", exported.inputs), ("output", exported.outputs)):
        for line in first_few([f"{kind}: {_tensor(one)}" for one in tensors]):
            console.print(inert_text(line))
    console.print(inert_text(_proof(exported.proof)))
    size = bytes_as_text(_size(exported.path))
    console.print(inert_text(f"export: {exported.path} ({size}; {exported.read_by})"))


def _tensor(tensor: Tensor) -> str:
    shape = ", ".join(["N", *map(str, tensor.shape)])
    return f"{tensor.name}: {tensor.type} ({shape}{',' * (not tensor.shape)})"


def _proof(proof: Proof) -> str:
    split = SPLITS[proof.split]
    ties = f" and {proof.ties:,} of equal probability" if proof.ties else ""
    return (
        f"proof: {proof.runtime} predicted the {proof.rows:,} {split} rows from raw values: "
        f"{proof.changed:,} predictions changed{ties}, largest difference of a probability "
        f"{proof.largest_difference:.1e}"
    )


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
