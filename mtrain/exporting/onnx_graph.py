"""A graph of ONNX operators, built a node at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike
    from onnx import ModelProto, ValueInfoProto

    Kind = type[np.generic | str]

OPSET, ML_OPSET, IR = 13, 2, 7
"""Of ONNX 1.8: onnxruntime serves them from 1.7 on, of February 2021. No operator here needs later ones."""


class Graph:
    """Nodes and constants; a value is known by its name."""

    def __init__(self, inputs: Iterable[str] = ()) -> None:
        """`inputs` are names of inputs to come: no other value begins as one of them."""
        self._own = "/"
        while any(name.startswith(self._own) for name in inputs):
            self._own += "/"
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._inputs: list[ValueInfoProto] = []
        self._outputs: list[ValueInfoProto] = []

    def input(self, name: str, kind: Kind, *shape: int) -> str:
        """An input of N rows of a shape; `str` for text."""
        self._inputs.append(_value(name, kind, shape))
        return name

    def output(self, name: str, value: str, kind: Kind, *shape: int) -> None:
        """Give out a value, of N rows of a shape, under a name."""
        self._nodes.append(helper.make_node("Identity", [value], [name], name=f"/{name}"))
        self._outputs.append(_value(name, kind, shape))

    def constant(self, values: ArrayLike, dtype: Any = None) -> str:
        """A constant tensor; an array of text is one of strings."""
        array = np.array(values, dtype, order="C")
        name = f"{self._own}constant_{len(self._constants)}"
        if array.dtype.kind in "OU":
            texts: Any = [str(text).encode() for text in array.ravel()]
            tensor = helper.make_tensor(name, TensorProto.STRING, array.shape, texts)
        else:
            tensor = numpy_helper.from_array(array, name)
        self._constants[name] = tensor
        return name

    def number(self, value: float) -> str:
        """A constant float32."""
        return self.constant(value, np.float32)

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """The first output of a node."""
        return self.add_with(1, operator, *inputs, domain=domain, **attributes)[0]

    def add_with(
        self, n_outputs: int, operator: str, *inputs: str, domain: str = "", **attributes: Any
    ) -> list[str]:
        """All outputs of a node that has so many."""
        name = f"{self._own}{operator}_{len(self._nodes)}"
        outputs = [name if n_outputs == 1 else f"{name}_{n}" for n in range(n_outputs)]
        self._nodes.append(
            helper.make_node(
                operator, list(inputs), outputs, name=name, domain=domain, **attributes
            )
        )
        return outputs

    def model(self, facts: Mapping[str, str]) -> ModelProto:
        """The whole; `facts` are its metadata."""
        graph = helper.make_graph(
            self._nodes, "mtrain", self._inputs, self._outputs, list(self._constants.values())
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=IR,
            producer_name="mtrain",
            producer_version=facts.get("mtrain.version", ""),
        )
        helper.set_model_props(model, dict(facts))
        return model


def _value(name: str, kind: Kind, shape: tuple[int, ...]) -> ValueInfoProto:
    element = TensorProto.STRING if kind is str else helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    return helper.make_tensor_value_info(name, element, ["N", *shape])
