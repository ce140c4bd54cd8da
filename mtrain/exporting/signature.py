"""The inputs and outputs of an exported model: rows as they were read, before any encoding."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from mtrain.records.export import ElementType, Tensor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mtrain.records.dataset import Column, Encoding

LABEL, PROBABILITIES = "label", "probabilities"
"""The outputs, as skl2onnx names them."""

IMAGE, ARRAY = "image", "x"


def inputs_of(encoding: Encoding) -> tuple[Tensor, ...]:
    """One input a column of a table, or one of arrays."""
    if encoding.columns:
        return tuple(
            Tensor(input_name(column), "float32" if column.kind == "number" else "string", (1,))
            for column in encoding.columns
        )
    is_image = encoding.is_bytes and (
        len(encoding.shape) == 2 or (len(encoding.shape) == 3 and encoding.shape[2] == 3)
    )
    kind: ElementType = "uint8" if encoding.is_bytes else "float32"
    return (Tensor(IMAGE if is_image else ARRAY, kind, encoding.shape),)


def legal_inputs_of(encoding: Encoding) -> tuple[Tensor, ...]:
    """As `inputs_of`, with names as TensorFlow and Keras allow them."""
    inputs = inputs_of(encoding)
    names = legal_names(one.name for one in inputs)
    return tuple(replace(one, name=names[one.name]) for one in inputs)


def outputs_of(n_classes: int) -> tuple[Tensor, ...]:
    """The name of the predicted class, and the probability of each."""
    return Tensor(LABEL, "string", ()), Tensor(PROBABILITIES, "float32", (n_classes,))


def legal_names(names: Iterable[str]) -> dict[str, str]:
    """For each name one of letters, digits, `_`, `.` and `-`, as TensorFlow has them; all different."""
    legal: dict[str, str] = {}
    for name in names:
        made = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
        made = made if re.match("[A-Za-z0-9]", made) else f"x{made}"
        while made in legal.values():
            made += "_"
        legal[name] = made
    return legal


def input_name(column: Column) -> str:
    """The column's own, unless an output has it."""
    return f"{column.name}_input" if column.name in {LABEL, PROBABILITIES} else column.name
