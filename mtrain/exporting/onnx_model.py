"""A perceptron with everything around it, from raw rows to class names, as a model of ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.exporting.onnx_activations import ACTIVATIONS
from mtrain.exporting.onnx_graph import Graph
from mtrain.exporting.onnx_inputs import first_sums
from mtrain.exporting.signature import LABEL, PROBABILITIES, input_names
from mtrain.model.plain_network import PlainLayer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import ModelProto

    from mtrain.exporting.around import Around


def onnx_model(around: Around, networks: Sequence[Sequence[PlainLayer]]) -> ModelProto:
    """From the inputs of `signature.py` to its outputs; a row without a class has an empty label.

    The probabilities are the mean of those of the networks, which have one shape.
    """
    graph = Graph(tuple(input_names(around.encoding).values()))
    classes = around.classes
    # One product for the first layers of all: what leads to it, from the raw rows, is there once.
    sums, refused = first_sums(graph, around, _side_by_side([layers[0] for layers in networks]))
    outputs = [
        _probabilities(graph, _outputs(graph, layers, of_first), len(classes))
        for layers, of_first in zip(networks, _parts(graph, sums, networks), strict=True)
    ]
    probabilities = outputs[0] if len(outputs) == 1 else graph.add("Mean", *outputs)
    for rows in refused:
        is_refused = graph.add("Unsqueeze", rows, graph.constant([1], np.int64))
        probabilities = graph.add("Where", is_refused, graph.number(np.nan), probabilities)
    predicted = _predicted(graph, probabilities, len(classes), around.threshold)
    names = graph.constant([*classes, ""])
    graph.output(LABEL, graph.add("Gather", names, predicted), str)
    graph.output(PROBABILITIES, probabilities, np.float32, len(classes))
    return graph.model(around.facts)


def _side_by_side(layers: Sequence[PlainLayer]) -> PlainLayer:
    """The sums of all of these layers of the same inputs as those of one."""
    kernel = np.concatenate([layer.kernel for layer in layers], axis=1)
    return PlainLayer(kernel, np.concatenate([layer.bias for layer in layers]), "linear")


def _parts(graph: Graph, sums: str, networks: Sequence[Sequence[PlainLayer]]) -> list[str]:
    """The sums of the first layer of each network, (N, U), of those of all side by side."""
    if len(networks) == 1:
        return [sums]
    sizes = graph.constant([len(layers[0].bias) for layers in networks], np.int64)
    return graph.add_with(len(networks), "Split", sums, sizes, axis=1)


def _outputs(graph: Graph, layers: Sequence[PlainLayer], sums: str) -> str:
    """The outputs of a network, from the sums of its first layer."""
    values = _activated(graph, layers[0], sums)
    for layer in layers[1:]:
        product = graph.add("MatMul", values, graph.constant(layer.kernel))
        values = _activated(graph, layer, graph.add("Add", product, graph.constant(layer.bias)))
    return values


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
