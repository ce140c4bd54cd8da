"""SavedModels of TensorFlow: from raw rows to class names, for TensorFlow Serving and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from mtrain.data.scaling import FARTHEST, LIMIT, pieces_of
from mtrain.exporting.facts import FACTS, facts_as_json
from mtrain.exporting.signature import LABEL, PROBABILITIES, legal_inputs_of, legal_names
from mtrain.records.training import ROWS_A_CALL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from mtrain.engine.network import Network
    from mtrain.exporting.around import Around
    from mtrain.records.dataset import Column

READ_BY = f"a SavedModel, written by TensorFlow {tf.__version__}; its signature is serving_default"

RUNTIME = f"TensorFlow {tf.__version__}"

TYPES = {"uint8": tf.uint8, "float32": tf.float32, "string": tf.string}


def write_saved_model(path: Path, network: Network, around: Around) -> None:
    """Write the network, with what is around it, as the folder `path`."""
    served = _Served(network, around)
    inputs = [
        tf.TensorSpec([None, *one.shape], TYPES[one.type], one.name)
        for one in legal_inputs_of(around.encoding)
    ]
    serve = tf.function(served.serve, autograph=False).get_concrete_function(inputs)
    tf.saved_model.save(served, str(path), signatures={"serving_default": serve})
    # The place that TensorFlow leaves to others.
    (path / "assets.extra").mkdir()
    (path / "assets.extra" / FACTS).write_text(facts_as_json(around.facts))


def run_saved_model(
    path: Path, inputs: Mapping[str, NDArray[Any]]
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """The labels (N,) and probabilities (N, K) of the model at `path`."""
    serve = tf.saved_model.load(str(path)).signatures["serving_default"]
    named = {name: inputs[own] for own, name in legal_names(inputs).items()}
    n = len(next(iter(inputs.values())))
    labels, probabilities = [], []
    for start in range(0, n, ROWS_A_CALL):
        part = {k: tf.constant(values[start : start + ROWS_A_CALL]) for k, values in named.items()}
        outputs = serve(**part)
        labels.append([text.decode() for text in outputs[LABEL].numpy().tolist()])
        probabilities.append(outputs[PROBABILITIES].numpy())
    return np.concatenate(labels), np.concatenate(probabilities)


class _Served(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
    """The function of a SavedModel, and all variables and tables that it needs."""

    def __init__(self, network: Network, around: Around) -> None:
        super().__init__()
        self._around = around
        self._network = network
        self.model = network.model
        self.numbers = list(network.numbers.values())
        self.tables = {
            str(n): _table(around.texts[column.name])
            for n, column in enumerate(around.encoding.columns)
            if column.kind != "number"
        }

    def serve(self, inputs: list[tf.Tensor]) -> dict[str, tf.Tensor]:
        """The outputs of `signature.py` from its inputs."""
        features, refused = self._features(inputs)
        network, classes = self._network, self._around.classes
        outputs = network.model(network.inputs(features), training=False)
        probabilities = network.probabilities(outputs)
        threshold = self._around.threshold
        if threshold is None:
            places = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
        else:
            places = tf.cast(probabilities[:, 1] > np.float32(threshold), tf.int32)
        for is_refused in refused:  # not every activation hands on NaN
            nothing = tf.constant(np.nan, tf.float32)
            probabilities = tf.where(is_refused[:, None], nothing, probabilities)
        is_nothing = tf.math.is_nan(tf.reduce_sum(probabilities, axis=1))
        places = tf.where(is_nothing, len(classes), places)
        return {LABEL: tf.gather([*classes, ""], places), PROBABILITIES: probabilities}

    def _features(self, inputs: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """The network's inputs, (N, D), and which rows have no class, each (N,) of true and false.

        They have a missing value that training never had, or an infinite number.
        """
        encoding = self._around.encoding
        if not encoding.columns:
            (rows,) = inputs
            flat = tf.reshape(rows, [-1, encoding.n_features])
            refused = [] if encoding.is_bytes else [_not_finite(flat)]
            return self._scaled(flat, slice(None)), refused
        at, parts, refused = 0, [], []
        for number, column in enumerate(encoding.columns):
            values = inputs[number]
            if column.kind == "number":
                is_missing = tf.math.is_nan(values)
                for marker in self._around.missing:
                    is_missing |= values == np.float32(marker)
                fill = np.float64(np.nan if column.fill is None else column.fill)
                filled = tf.where(is_missing, fill, tf.cast(values, tf.float64))
                if column.knots:
                    parts.append(_mapped(filled, column))
                else:
                    parts.append(self._scaled(filled, slice(at, at + 1)))
                if column.is_flagged:
                    parts.append(tf.cast(is_missing, tf.float32))
                refused.append(_not_finite(filled))
            else:
                place = self.tables[str(number)].lookup(values)[:, 0]
                parts.append(tf.one_hot(place, column.width))
                refused.append(place == column.width)
            at += column.width
        return tf.concat(parts, axis=1), refused

    def _scaled(self, values: tf.Tensor, place: slice) -> tf.Tensor:
        """As in training: in float64, and then float32; bytes that are not scaled stay bytes."""
        encoding = self._around.encoding
        if not encoding.mean:
            return values if values.dtype == tf.uint8 else tf.cast(values, tf.float32)
        mean, deviation = (np.array(each)[place] for each in (encoding.mean, encoding.deviation))
        scaled = (tf.cast(values, tf.float64) - mean) / deviation
        if encoding.is_robust:
            near = tf.clip_by_value(scaled, -FARTHEST, FARTHEST)
            scaled = near / tf.sqrt(1 + tf.square(near / LIMIT))
        return tf.cast(scaled, tf.float32)


def _mapped(values: tf.Tensor, column: Column) -> tf.Tensor:
    """Numbers (N, 1) by the knots of their column, as `scaling.pieces_of` has it."""
    starts, widths, rises = pieces_of(column)
    risen = rises * tf.clip_by_value((values - starts) / widths, 0.0, 1.0)
    above = tf.reduce_sum(risen, axis=1, keepdims=True)
    return tf.cast(column.levels[0] + above, tf.float32)


def _not_finite(values: tf.Tensor) -> tf.Tensor:
    """Which rows, (N,), of values (N, D) have one that is not finite."""
    return tf.reduce_any(~tf.math.is_finite(values), axis=1)


def _table(places: Mapping[str, int]) -> tf.lookup.StaticHashTable:
    """The place of each text as `Around.texts` has it; -1 of no category."""
    places = places or {"": -1}  # TensorFlow has no empty table
    content = tf.lookup.KeyValueTensorInitializer(
        list(places), list(places.values()), tf.string, tf.int64
    )
    return tf.lookup.StaticHashTable(content, default_value=-1)
