"""What training learned of the raw rows, as operators of ONNX, up to the sums of the first layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.data.scaling import FARTHEST, LIMIT, pieces_of
from mtrain.exporting.signature import input_names, inputs_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from mtrain.exporting.around import Around
    from mtrain.exporting.onnx_graph import Graph
    from mtrain.model.plain_network import PlainLayer
    from mtrain.records.dataset import Column, Encoding

FLOAT, DOUBLE = 1, 11
"""ONNX's numbers of these types."""


def first_sums(graph: Graph, around: Around, layer: PlainLayer) -> tuple[str, list[str]]:
    """The inputs, and the first layer's weighted sums with its bias, (N, U).

    Returns their name, and those of which rows have no class, each (N,) of true and false: for a
    missing value that training never had, or an infinite number. Not every activation hands on NaN.
    """
    encoding, bias = around.encoding, graph.constant(layer.bias)
    if not encoding.columns:
        product, refused = _of_array(graph, encoding, layer)
        return graph.add("Add", product, bias), refused
    at, numbers, sums, refused = 0, [], [], []
    names = input_names(encoding)
    for column in encoding.columns:
        name = names[column.name]
        rows = slice(at, at + column.width)
        if column.kind == "number":
            numbers.append((graph.input(name, np.float32, 1), column, at))
        else:
            codes = graph.input(name, str, 1)
            if column.width:
                product, is_refused = _of_category(
                    graph, codes, around.texts[column.name], layer.kernel[rows]
                )
                sums.append(product)
                refused.append(is_refused)
        at += column.width
    if numbers:
        product, is_refused = _of_numbers(graph, around, numbers, layer)
        sums.insert(0, product)
        refused.append(is_refused)
    whole = sums[0] if len(sums) == 1 else graph.add("Sum", *sums)
    return graph.add("Add", whole, bias), refused


def _of_array(graph: Graph, encoding: Encoding, layer: PlainLayer) -> tuple[str, list[str]]:
    (one,) = inputs_of(encoding)
    read = graph.input(one.name, np.dtype(one.type).type, *one.shape)
    shape = graph.constant([-1, encoding.n_features], np.int64)
    flat = graph.add("Reshape", read, shape)
    refused = [] if encoding.is_bytes else [_not_finite(graph, flat)]
    if encoding.mean:
        wide = graph.add("Cast", flat, to=DOUBLE)
        inputs = graph.add(
            "Cast", _scaled(graph, wide, encoding.mean, encoding.deviation), to=FLOAT
        )
    else:
        inputs = graph.add("Cast", flat, to=FLOAT) if encoding.is_bytes else flat
    if encoding.divisor is not None:
        inputs = graph.add("Div", inputs, graph.number(encoding.divisor))
    return graph.add("MatMul", inputs, graph.constant(layer.kernel)), refused


def _of_numbers(
    graph: Graph,
    around: Around,
    numbers: Sequence[tuple[str, Column, int]],
    layer: PlainLayer,
) -> tuple[str, str]:
    """All columns of numbers as one matrix: a node a column would cost far more than its values."""
    encoding, names = around.encoding, [name for name, _, _ in numbers]
    inputs = names[0] if len(names) == 1 else graph.add("Concat", *names, axis=1)
    for number in around.missing:
        is_missing = graph.add("Equal", inputs, graph.number(number))
        inputs = graph.add("Where", is_missing, graph.number(np.nan), inputs)
    is_scaled = bool(encoding.mean) or encoding.is_quantile
    if is_scaled:
        inputs = graph.add("Cast", inputs, to=DOUBLE)
    with_gaps = inputs
    fills = [column.fill for _, column, _ in numbers]
    if any(fill is not None for fill in fills):
        fill = graph.constant(
            [np.nan if fill is None else fill for fill in fills],
            np.float64 if is_scaled else np.float32,
        )
        inputs = graph.add("Where", graph.add("IsNaN", inputs), fill, inputs)
    is_refused = _not_finite(graph, inputs)
    places = [at for _, _, at in numbers]
    if encoding.mean:
        mean, deviation = np.array(encoding.mean)[places], np.array(encoding.deviation)[places]
        inputs = _scaled(graph, inputs, mean, deviation)
    if encoding.is_robust:
        inputs = _clipped(graph, inputs)
    if encoding.is_quantile:
        # One column after the other: all together would need N x D x 256 values.
        mapped = [_mapped(graph, inputs, k, column) for k, (_, column, _) in enumerate(numbers)]
        inputs = mapped[0] if len(mapped) == 1 else graph.add("Concat", *mapped, axis=1)
    if is_scaled:
        inputs = graph.add("Cast", inputs, to=FLOAT)
    product = graph.add("MatMul", inputs, graph.constant(layer.kernel[places]))
    if flagged := [k for k, (_, column, _) in enumerate(numbers) if column.is_flagged]:
        chosen = graph.add("Gather", with_gaps, graph.constant(flagged, np.int64), axis=1)
        flags = graph.add("Cast", graph.add("IsNaN", chosen), to=FLOAT)
        kernel = graph.constant(layer.kernel[[places[k] + 1 for k in flagged]])
        product = graph.add("Add", product, graph.add("MatMul", flags, kernel))
    return product, is_refused


def _not_finite(graph: Graph, values: str) -> str:
    """Which rows, (N,), of values (N, D) have one that is not finite: x - x is then NaN, and else 0."""
    nothing = graph.add("Sub", values, values)
    axis = graph.constant([1], np.int64)
    return graph.add("IsNaN", graph.add("ReduceSum", nothing, axis, keepdims=0))


def _scaled(graph: Graph, inputs: str, mean: ArrayLike, deviation: ArrayLike) -> str:
    """Of float64, as in training: a year has no digits to spare in float32."""
    centred = graph.add("Sub", inputs, graph.constant(mean, np.float64))
    return graph.add("Div", centred, graph.constant(deviation, np.float64))


def _clipped(graph: Graph, scaled: str) -> str:
    """As `scaling.clipped`, of float64."""
    bounds = (graph.constant(bound, np.float64) for bound in (-FARTHEST, FARTHEST))
    near = graph.add("Clip", scaled, *bounds)
    part = graph.add("Div", near, graph.constant(LIMIT, np.float64))
    square = graph.add("Mul", part, part)
    root = graph.add("Sqrt", graph.add("Add", square, graph.constant(1, np.float64)))
    return graph.add("Div", near, root)


def _mapped(graph: Graph, inputs: str, place: int, column: Column) -> str:
    """The column at this place, (N, 1), by its knots, as `scaling.pieces_of` has it, of float64."""
    starts, widths, rises = (graph.constant(each, np.float64) for each in pieces_of(column))
    number = graph.add("Gather", inputs, graph.constant([place], np.int64), axis=1)
    part = graph.add("Div", graph.add("Sub", number, starts), widths)
    bounds = (graph.constant(bound, np.float64) for bound in (0, 1))
    risen = graph.add("Mul", graph.add("Clip", part, *bounds), rises)
    above = graph.add("ReduceSum", risen, graph.constant([1], np.int64), keepdims=1)
    return graph.add("Add", above, graph.constant(column.levels[0], np.float64))


def _of_category(
    graph: Graph, codes: str, places: Mapping[str, int], kernel: NDArray[np.float32]
) -> tuple[str, str]:
    """A category's row of the kernel, and zeros of any other text: no row as wide as all categories."""
    width, units = kernel.shape
    rows = np.concatenate([kernel, np.zeros((2, units), np.float32)])
    place = graph.add(
        "LabelEncoder",
        codes,
        domain="ai.onnx.ml",
        keys_strings=[text.encode() for text in places],
        values_int64s=list(places.values()),
        default_int64=width + 1,
    )
    axis = graph.constant([1], np.int64)
    product = graph.add("Squeeze", graph.add("Gather", graph.constant(rows), place), axis)
    is_refused = graph.add("Equal", place, graph.constant(width, np.int64))
    return product, graph.add("Squeeze", is_refused, axis)
