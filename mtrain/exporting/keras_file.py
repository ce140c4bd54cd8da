"""Files of Keras, for those who go on there: from raw rows, as far as Keras has layers for them."""

from __future__ import annotations

import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from mtrain.config.experiment.custom_code import CustomModel
from mtrain.data.scaling import FARTHEST, LIMIT, pieces_of
from mtrain.errors import MtrainError
from mtrain.exporting.facts import FACTS, facts_as_json
from mtrain.exporting.signature import input_names, inputs_of, legal_inputs_of, legal_names
from mtrain.records.training import ROWS_A_CALL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mtrain.config.experiment.model import ModelConfig
    from mtrain.engine.network import Network
    from mtrain.exporting.around import Around
    from mtrain.records.dataset import Column, Encoding

RUNTIME = f"Keras {keras.__version__}"
READ_BY = f"Keras 3, written by {keras.__version__}"


def write_keras(
    path: Path, network: Network, around: Around, config: ModelConfig | CustomModel
) -> None:
    """Write the network, after layers of what is around it; its outputs are the network's own.

    NaN is a missing number. A category must be written as in the vocabulary of its layer: Keras has no
    layers for that.
    """
    model = network.model
    # An ensemble has none.
    if not isinstance(config, CustomModel) and isinstance(model, keras.Sequential):
        model = _without_own_classes(model, config)
    inputs, features = _features(around)
    with warnings.catch_warnings():
        # Keras saves by an interface that NumPy 2 has deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        keras.Model(inputs, model(features), name="mtrain").save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(FACTS, facts_as_json(around.facts))


def run_keras(
    path: Path, inputs: Mapping[str, NDArray[Any]], around: Around
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """The labels (N,) and probabilities (N, K) that follow from the outputs of the model at `path`."""
    try:
        model = keras.saving.load_model(path)
    except (TypeError, ValueError) as error:
        raise MtrainError(f"Keras cannot load what it saved: {error}", where=path) from error
    written = _written(inputs, around)
    n = len(next(iter(written.values())))
    pieces = []
    for start in range(0, n, ROWS_A_CALL):
        part = {
            k: tf.constant(values[start : start + ROWS_A_CALL]) for k, values in written.items()
        }
        pieces.append(model(part if around.encoding.columns else next(iter(part.values()))).numpy())
    outputs = np.concatenate(pieces)
    if outputs.shape[1] < len(around.classes):
        outputs = np.concatenate([1 - outputs, outputs], axis=1)
    places = outputs.argmax(axis=1)
    if around.threshold is not None:
        places = (outputs[:, 1] > np.float32(around.threshold)).astype(int)
    return np.array(around.classes, object)[places], outputs


def _without_own_classes(model: keras.Model, config: ModelConfig) -> keras.Model:
    """The same perceptron of Keras' own layers alone, which load without mtrain."""
    layers: list[keras.layers.Layer] = [keras.Input(model.input_shape[1:])]
    l2 = keras.regularizers.L2(config.l2) if config.l2 else None
    activity = keras.regularizers.L1(config.activity) if config.activity else None
    for layer in model.layers:
        name = layer.name
        if isinstance(layer, keras.layers.Dense):
            own = None if config.batch_norm or name == "output" else activity
            copy: keras.layers.Layer = keras.layers.Dense(
                layer.units,
                layer.activation,
                kernel_regularizer=l2,
                activity_regularizer=own,
                name=name,
            )
        elif isinstance(layer, keras.layers.BatchNormalization):
            copy = keras.layers.BatchNormalization(name=name)
        elif isinstance(layer, keras.layers.Dropout):
            copy = keras.layers.Dropout(config.dropout, name=name)
        else:
            copy = keras.layers.Activation(
                config.activation, activity_regularizer=activity, name=name
            )
        layers.append(copy)
    plain = keras.Sequential(layers, name=model.name)
    for layer in plain.layers:
        weights = [weight.numpy() for weight in model.get_layer(layer.name).weights]
        layer.set_weights(weights)
    return plain


def _features(around: Around) -> tuple[Any, Any]:
    """The inputs, and the network's (N, D) that are made of them."""
    encoding = around.encoding
    tensors = {
        one.name: keras.Input(one.shape, name=legal.name, dtype=one.type)
        for one, legal in zip(inputs_of(encoding), legal_inputs_of(encoding), strict=True)
    }
    if not encoding.columns:
        (rows,) = tensors.values()
        flat = keras.layers.Reshape((encoding.n_features,))(rows)
        if encoding.mean:
            return rows, _normalised(flat, encoding.mean, encoding.deviation)
        divisor = 1.0 if encoding.divisor is None else encoding.divisor
        return rows, keras.layers.Rescaling(1 / divisor)(flat)
    numbers: list[tuple[Any, Column, int]] = []
    parts: list[Any] = []
    order: list[int] = []
    at, names = 0, input_names(encoding)
    for column in encoding.columns:
        tensor = tensors[names[column.name]]
        if column.kind == "number":
            numbers.append((tensor, column, at))
        else:
            parts.append(_one_hot(tensor, column))
            order += range(at, at + column.width)
        at += column.width
    if numbers:
        parts += _of_numbers(encoding, numbers)
        order += [at for _, _, at in numbers]
        order += [at + 1 for _, column, at in numbers if column.is_flagged]
    features = parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)
    if order != sorted(order):
        features = keras.ops.take(features, np.argsort(order), axis=1)
    return {tensor.name: tensor for tensor in tensors.values()}, features


def _of_numbers(encoding: Encoding, numbers: Sequence[tuple[Any, Column, int]]) -> list[Any]:
    """All columns of numbers as one tensor, and another of their flags, if there are any."""
    tensors = [tensor for tensor, _, _ in numbers]
    joined = tensors[0] if len(tensors) == 1 else keras.layers.Concatenate()(tensors)
    is_missing = keras.ops.isnan(joined)
    fills = [np.nan if column.fill is None else column.fill for _, column, _ in numbers]
    filled = keras.ops.where(is_missing, np.array(fills, np.float32), joined)
    if encoding.mean:
        places = [at for _, _, at in numbers]
        mean, deviation = (np.array(each)[places] for each in (encoding.mean, encoding.deviation))
        filled = _normalised(filled, mean, deviation)
    if encoding.is_robust:
        near = keras.ops.clip(filled, -FARTHEST, FARTHEST)
        filled = near / keras.ops.sqrt(1 + keras.ops.square(near / LIMIT))
    if encoding.is_quantile:
        mapped = [_mapped(filled[:, k : k + 1], column) for k, (_, column, _) in enumerate(numbers)]
        filled = mapped[0] if len(mapped) == 1 else keras.ops.concatenate(mapped, axis=1)
    flagged = [place for place, (_, column, _) in enumerate(numbers) if column.is_flagged]
    if not flagged:
        return [filled]
    flags = keras.ops.take(is_missing, np.array(flagged), axis=1)
    return [filled, keras.ops.cast(flags, "float32")]


def _mapped(tensor: Any, column: Column) -> Any:
    """Numbers (N, 1) by the knots of their column, as `scaling.pieces_of` has it."""
    starts, widths, rises = pieces_of(column)
    exact = keras.ops.cast(tensor, "float64")
    risen = keras.ops.clip((exact - starts) / widths, 0, 1) * rises
    above = keras.ops.sum(risen, axis=1, keepdims=True)
    return keras.ops.cast(column.levels[0] + above, "float32")


def _normalised(tensor: Any, mean: Any, deviation: Any) -> Any:
    return keras.layers.Normalization(mean=mean, variance=np.square(deviation))(tensor)


def _one_hot(tensor: Any, column: Column) -> Any:
    """Without the place of unknown categories, which Keras has first; rare ones have one place."""
    known = column.categories + column.rare
    unknown = "[UNK]"
    while unknown in known:
        unknown += "_"
    of_missing = [""] if column.is_flagged else []
    # Keras has no empty vocabulary.
    vocabulary = [*known, *of_missing] or [f"{unknown}_"]
    lookup = keras.layers.StringLookup(
        vocabulary=vocabulary, oov_token=unknown, output_mode="one_hot"
    )
    one_hot, first, end = lookup(tensor), 1 + len(column.categories), 1 + len(known)
    if column.rare:
        rare = keras.ops.sum(one_hot[:, first:end], axis=1, keepdims=True)
        one_hot = keras.ops.concatenate([one_hot[:, :first], rare, one_hot[:, end:]], axis=1)
    return one_hot[:, 1 : 1 + column.width]


def _written(inputs: Mapping[str, NDArray[Any]], around: Around) -> dict[str, NDArray[Any]]:
    """With each category as in its vocabulary, under names that Keras allows."""
    written = dict(inputs)
    names = input_names(around.encoding)
    for column in around.encoding.columns:
        name = names[column.name]
        if column.kind != "number":
            texts = around.texts[column.name]
            # The last are missing, or texts that have no class.
            vocabulary = [*column.categories, *column.rare[:1], ""]
            own = {text: vocabulary[place] for text, place in texts.items()}
            written[name] = np.array([[own.get(text, text)] for (text,) in inputs[name]], object)
    return {name: written[own] for own, name in legal_names(written).items()}
