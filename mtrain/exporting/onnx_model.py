"""A perceptron with everything around it, from raw rows to class names, as a model of ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.exporting.onnx_activations import ACTIVATIONS
from mtrain.exporting.onnx_graph import Graph
from mtrain.exporting.onnx_inputs import first_sums
from mtrain.exporting.signature import LABEL, PROBABILITIES, input_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import ModelProto

    from mtrain.exporting.around import Around
    from mtrain.model.plain_network import PlainLayer


def onnx_model(around: Around, layers: Sequence[PlainLayer]) -> ModelProto:
    """From the inputs of `signature.py` to its outputs; a row without a class has an empty label."""
    graph = Graph(tuple(input_names(around.encoding).values()))
    classes = around.classes
    sums, refused = first_sums(graph, around, layers[0])
    values = _activated(graph, layers[0], sums)
    for layer in layers[1:]:
        product = graph.add("MatMul", values, graph.constant(layer.kernel))
        values = _activated(graph, layer, graph.add("Add", product, graph.constant(layer.bias)))
    probabilities = _probabilities(graph, values, len(classes))
    for rows in refused:
        is_refused = graph.add("Unsqueeze", rows, graph.constant([1], np.int64))
        probabilities = graph.add("Where", is_refused, graph.number(np.nan), probabilities)
    predicted = _predicted(graph, probabilities, len(classes), around.threshold)
    names = graph.constant([*classes, ""])
    graph.output(LABEL, graph.add("Gather", names, predicted), str)
    graph.output(PROBABILITIES, probabilities, np.float32, len(classes))
    return graph.model(around.facts)


def _activated(graph: Graph, layer: PlainLayer, sums: str) -> str:
    if layer.scaling is not None:
        factor, offset = layer.scaling
        scaled = graph.add("Mul", sums, graph.constant(factor))
        sums = graph.add("Add", scaled, graph.constant(offset))
    return ACTIVATIONS[layer.activation](graph, sums, len(layer.bias))


def _probabilities(graph: Graph, outputs: str, n_classes: int) -> str:
    """One a class; of two classes the network has only that of the second."""
    if n_classes != 2:
        return outputs
    return graph.add("Concat", graph.add("Sub", graph.number(1), outputs), outputs, axis=1)


def _predicted(graph: Graph, probabilities: str, n_classes: int, threshold: float | None) -> str:
    """The place of the class of each row, (N,) int64; `n_classes` where probabilities are NaN."""
    axis = graph.constant([1], np.int64)
    if threshold is None:
        predicted = graph.add("ArgMax", probabilities, axis=1, keepdims=0)  # the lowest of equals
    else:
        second = graph.add("Gather", probabilities, graph.constant(1, np.int64), axis=1)
        above = graph.add("Greater", second, graph.number(threshold))
        predicted = graph.add("Cast", above, to=7)
    total = graph.add("ReduceSum", probabilities, axis, keepdims=0)
    nothing = graph.constant(n_classes, np.int64)
    return graph.add("Where", graph.add("IsNaN", total), nothing, predicted)
