"""Keras' activations as operators of ONNX."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from mtrain.exporting.onnx_graph import Graph

    Activation = Callable[[Graph, str, int], str]
    """From the graph, the sums of N rows and their number of units, to the outputs."""


def _operator(name: str, **attributes: Any) -> Activation:
    return lambda graph, x, _: graph.add(name, x, **attributes)


def _clip(graph: Graph, x: str, low: float, high: float) -> str:
    return graph.add("Clip", x, graph.number(low), graph.number(high))


def _times(name: str, **attributes: Any) -> Activation:
    """Inputs times an activation of them."""
    return lambda graph, x, _: graph.add("Mul", x, graph.add(name, x, **attributes))


def _gelu(graph: Graph, x: str, _: int) -> str:
    erf = graph.add("Erf", graph.add("Div", x, graph.number(math.sqrt(2))))
    half = graph.add("Mul", x, graph.number(0.5))
    return graph.add("Mul", half, graph.add("Add", erf, graph.number(1)))


def _mish(graph: Graph, x: str, _: int) -> str:
    return graph.add("Mul", x, graph.add("Tanh", graph.add("Softplus", x)))


def _log_sigmoid(graph: Graph, x: str, _: int) -> str:
    return graph.add("Neg", graph.add("Softplus", graph.add("Neg", x)))


def _tanh_shrink(graph: Graph, x: str, _: int) -> str:
    return graph.add("Sub", x, graph.add("Tanh", x))


def _squareplus(graph: Graph, x: str, _: int) -> str:
    root = graph.add("Sqrt", graph.add("Add", graph.add("Mul", x, x), graph.number(4)))
    return graph.add("Div", graph.add("Add", x, root), graph.number(2))


def _sparse_sigmoid(graph: Graph, x: str, _: int) -> str:
    line = graph.add("Mul", graph.add("Add", x, graph.number(1)), graph.number(0.5))
    return _clip(graph, line, 0, 1)


def _sparse_plus(graph: Graph, x: str, _: int) -> str:
    above = graph.add("Add", _clip(graph, x, -1, 1), graph.number(1))
    parabola = graph.add("Mul", graph.add("Mul", above, above), graph.number(0.25))
    beyond = graph.add("Relu", graph.add("Sub", x, graph.number(1)))
    return graph.add("Add", parabola, beyond)


def _sparsemax(graph: Graph, x: str, units: int) -> str:
    """As Keras has it up to 3.15: no projection onto the simplex, as it adds up the partial sums.

    Keras issue 23425: a later version is another function.
    """
    falling, _ = graph.add_with(2, "TopK", x, graph.constant([units], np.int64), axis=-1)
    sums = graph.add("CumSum", falling, graph.constant(1, np.int64))
    less = graph.add("Sub", sums, graph.number(1))
    places = graph.constant(np.arange(1, units + 1), np.float32)
    is_in = graph.add("Greater", falling, graph.add("Div", less, places))
    support = graph.add("Cast", is_in, to=1)
    axis = graph.constant([1], np.int64)
    total = graph.add("ReduceSum", graph.add("Mul", sums, support), axis, keepdims=1)
    size = graph.add("ReduceSum", support, axis, keepdims=1)
    tau = graph.add("Div", graph.add("Sub", total, graph.number(1)), size)
    return graph.add("Relu", graph.add("Sub", x, tau))


ACTIVATIONS: dict[str, Activation] = {
    "celu": _operator("Elu", alpha=1.0),
    "elu": _operator("Elu", alpha=1.0),
    "exponential": _operator("Exp"),
    "gelu": _gelu,
    "hard_shrink": _operator("Shrink", lambd=0.5, bias=0.0),
    "hard_sigmoid": _operator("HardSigmoid", alpha=1 / 6, beta=0.5),
    "hard_silu": _times("HardSigmoid", alpha=1 / 6, beta=0.5),
    "hard_tanh": lambda graph, x, _: _clip(graph, x, -1, 1),
    "leaky_relu": _operator("LeakyRelu", alpha=0.2),
    "linear": lambda _, x, __: x,
    "log_sigmoid": _log_sigmoid,
    "log_softmax": _operator("LogSoftmax", axis=-1),
    "mish": _mish,
    "relu": _operator("Relu"),
    "relu6": lambda graph, x, _: _clip(graph, x, 0, 6),
    "selu": _operator("Selu"),
    "sigmoid": _operator("Sigmoid"),
    "silu": _times("Sigmoid"),
    "soft_shrink": _operator("Shrink", lambd=0.5, bias=0.5),
    "softmax": _operator("Softmax", axis=-1),
    "softplus": _operator("Softplus"),
    "softsign": _operator("Softsign"),
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": _sparse_sigmoid,
    "sparsemax": _sparsemax,
    "squareplus": _squareplus,
    "tanh": _operator("Tanh"),
    "tanh_shrink": _tanh_shrink,
}
"""By Keras' names."""
ACTIVATIONS |= {"swish": ACTIVATIONS["silu"], "hard_swish": ACTIVATIONS["hard_silu"]}
