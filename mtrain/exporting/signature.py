"""The inputs and outputs of an exported model: rows as they were read, before any encoding."""

from __future__ import annotations

import re
from dataclasses import replace
from keyword import iskeyword
from typing import TYPE_CHECKING

from mtrain.records.export import ElementType, Tensor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mtrain.records.dataset import Encoding

LABEL, PROBABILITIES = "label", "probabilities"
"""The outputs, as skl2onnx names them."""

IMAGE, ARRAY = "image", "x"


def inputs_of(encoding: Encoding) -> tuple[Tensor, ...]:
    """One input a column of a table, or one of arrays."""
    if encoding.columns:
        names = input_names(encoding)
        return tuple(
            Tensor(names[one.name], "float32" if one.kind == "number" else "string", (1,))
            for one in encoding.columns
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
    """For each name one that a parameter of a Python function may have, as TensorFlow has them.

    All differ but for capitals, too: TensorFlow takes no others for different.
    """
    legal: dict[str, str] = {}
    taken = {"self"}
    for name in names:
        one = re.sub(r"[^A-Za-z0-9_]", "_", name)
        if not re.match("[A-Za-z]", one) or iskeyword(one):
            one = f"x_{one}"
        while one.lower() in taken:
            one += "_"
        taken.add(one.lower())
        legal[name] = one
    return legal


def input_names(encoding: Encoding) -> dict[str, str]:
    """By column its own name, unless an output has it."""
    columns = {column.name for column in encoding.columns}
    names = {name: name for name in columns}
    for name in columns & {LABEL, PROBABILITIES}:
        names[name] = f"{name}_input"
        while names[name] in columns:
            names[name] += "_"
    return names
