"""From rows as read to the inputs of a model, by what was learned from the training split."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.data.encoding_columns import encode_columns, learn_columns
from mtrain.data.table import Table
from mtrain.data.unlike import UNKNOWN, count_unlike
from mtrain.errors import MtrainError
from mtrain.records.dataset import Encoding, Split

if TYPE_CHECKING:
    from collections import Counter

    from numpy.typing import NDArray

    from mtrain.config.experiment.table import MissingConfig
    from mtrain.data.source import Rows
    from mtrain.data.unlike import Unlike

ROWS_AT_ONCE = 10_000


def learn_encoding(
    train: Rows,
    *,
    divisor: float | None,
    scale: str,
    missing: MissingConfig | None = None,
    rare: int = 0,
) -> Encoding:
    """Learn the encoding from the training rows.

    `scale` is `none`, `standard`, which gives each number mean 0 and deviation 1, or, of a table, `robust` or
    `quantile`; `missing` is what missing values of a table become, or None if there are none; categories of fewer
    rows than `rare` share an input. Categories are not scaled.
    """
    if isinstance(train.features, Table):
        return learn_columns(train.features, missing, scale=scale, rare=rare)
    is_bytes = train.features.dtype == np.uint8
    encoding = Encoding(
        shape=train.features.shape[1:],
        is_bytes=is_bytes,
        divisor=divisor,
        largest=None if is_bytes else float(np.abs(train.features).max()),
    )
    if scale == "none":
        return encoding
    flat = train.features.reshape(len(train), -1)
    mean, deviation = flat.mean(axis=0, dtype=np.float64), _deviation(flat)
    return replace(encoding, mean=tuple(mean.tolist()), deviation=tuple(deviation.tolist()))


TOO_FAR = "a value is too far from those of the training"


def encode(
    rows: Rows, encoding: Encoding, where: str, *, allow_far: bool = False
) -> tuple[Split, Counter[Unlike]]:
    """The rows as inputs of shape (N, `encoding.n_features`), and how they are unlike training.

    That is the number of rows by how and column. Raises `MtrainError` naming `where` for rows of
    another shape, and for values so far from those of the training that no float32 can say it; if they
    are allowed, inputs are infinite.
    """
    unknown: dict[str, int] = {}
    with np.errstate(over="ignore"):
        if isinstance(rows.features, Table):
            features = encode_columns(rows.features, encoding, unknown)
        else:
            features = _encode_arrays(rows.features, encoding, where)
    if features.dtype == np.float32 and not allow_far:
        finite = np.isfinite(features).all(axis=1)
        if not finite.all():
            row = int(rows.rows[finite.argmin()])
            at = f"{where}: row {row:,}" if rows.place is None else rows.place(row)
            raise MtrainError(TOO_FAR, where=at)
    unlike = count_unlike(rows, encoding, features)
    unlike.update({(UNKNOWN, name): n for name, n in unknown.items()})
    split = Split(features, rows.labels, rows.rows, rows.weights, rows.names, rows.groups)
    return split, unlike


def _encode_arrays(arrays: NDArray[Any], encoding: Encoding, where: str) -> NDArray[Any]:
    if arrays.shape[1:] not in {encoding.shape, (encoding.n_features,)} or encoding.columns:
        had = "columns" if encoding.columns else encoding.shape
        raise MtrainError(f"rows of the shape {arrays.shape[1:]}; training had {had}", where=where)
    if encoding.is_bytes and arrays.dtype != np.uint8:
        with np.errstate(invalid="ignore"):
            whole = arrays.astype(np.uint8)
        if np.array_equal(whole, arrays):
            if arrays.dtype.kind in "fb" and arrays.max(initial=0) == 1:
                problem = "from 0 to 1; training had bytes, as a rule from 0 to 255"
                raise MtrainError(
                    f"rows are {arrays.dtype} {problem}", where=where, remedy="write them as bytes"
                )
            arrays = whole
    if (arrays.dtype == np.uint8) != encoding.is_bytes:
        if encoding.is_bytes:
            rows = f"rows are {arrays.dtype}, not all whole numbers from 0 to 255"
            raise MtrainError(f"{rows}; training had bytes", where=where)
        raise MtrainError(f"rows are {arrays.dtype}; training had other numbers", where=where)
    flat = arrays.reshape(len(arrays), encoding.n_features)
    if not encoding.mean:
        return flat if encoding.is_bytes else flat.astype(np.float32, copy=False)
    features = np.empty(flat.shape, np.float32)
    mean, deviation = np.array(encoding.mean), np.array(encoding.deviation)
    # In float64, as columns are, but not all rows at once.
    for start in range(0, len(flat), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        features[part] = (flat[part] - mean) / deviation
    return features


def _deviation(features: NDArray[Any]) -> Any:
    """Standard deviation of each feature.

    1 for a constant feature, as in scikit-learn's StandardScaler: it becomes 0.
    """
    deviation = features.std(axis=0, dtype=np.float64)
    # The deviation of a constant 0.1 is not quite 0.
    constant = features.min(axis=0) == features.max(axis=0)
    return np.where(constant | (deviation == 0), 1.0, deviation)
