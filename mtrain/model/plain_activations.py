"""Keras' activations in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Values = NDArray[np.float32]
    Activation = Callable[[Values], Values]
    """From the sums of N rows, (N, U), to the outputs; it may write into the sums."""

SELU = np.float32(1.0507009873554805), np.float32(1.6732632423543772)
"""Its scale and alpha: Klambauer et al. (2017)."""


def _elu(x: Values) -> Values:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _gelu(x: Values) -> Values:
    from scipy.special import erf  # here: no other activation needs it

    values: Values = x * np.float32(0.5) * (1 + erf(x / np.float32(np.sqrt(2))))
    return values


def _hard_sigmoid(x: Values) -> Values:
    values: Values = np.clip(x / 6 + np.float32(0.5), 0, 1)
    return values


def _sigmoid(x: Values) -> Values:
    small = np.exp(-np.abs(x))  # which never overflows
    values: Values = np.where(x >= 0, 1, small) / (1 + small)
    return values


def _selu(x: Values) -> Values:
    scale, alpha = SELU
    values: Values = scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))
    return values


def _softplus(x: Values) -> Values:
    values: Values = np.logaddexp(x, np.float32(0))
    return values


def _log_softmax(x: Values) -> Values:
    shifted = x - x.max(axis=-1, keepdims=True)
    values: Values = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return values


def _softmax(x: Values) -> Values:
    values: Values = np.exp(x - x.max(axis=-1, keepdims=True))
    values /= values.sum(axis=-1, keepdims=True)
    return values


def _soft_shrink(x: Values) -> Values:
    return x - np.clip(x, np.float32(-0.5), np.float32(0.5))


def _sparse_plus(x: Values) -> Values:
    return np.where(x < 1, np.square(np.maximum(x, -1) + 1) / 4, x)


ACTIVATIONS: dict[str, Activation] = {
    "celu": _elu,
    "elu": _elu,
    "exponential": np.exp,
    "gelu": _gelu,
    "hard_shrink": lambda x: np.where(np.abs(x) > np.float32(0.5), x, 0),
    "hard_sigmoid": _hard_sigmoid,
    "hard_silu": lambda x: x * _hard_sigmoid(x),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "leaky_relu": lambda x: np.where(x > 0, x, np.float32(0.2) * x),
    "linear": lambda x: x,
    "log_sigmoid": lambda x: -_softplus(-x),
    "log_softmax": _log_softmax,
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "relu": lambda x: np.maximum(x, 0, out=x),
    "relu6": lambda x: np.clip(x, 0, 6, out=x),
    "selu": _selu,
    "sigmoid": _sigmoid,
    "silu": lambda x: x * _sigmoid(x),
    "soft_shrink": _soft_shrink,
    "softmax": _softmax,
    "softplus": _softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1),
    "squareplus": lambda x: (x + np.sqrt(np.square(x) + 4)) / 2,
    "tanh": np.tanh,
    "tanh_shrink": lambda x: x - np.tanh(x),
}
"""By Keras' names. Without `sparsemax`: Keras' is no projection up to 3.15 (issue 23425), and another
function later."""
ACTIVATIONS |= {"swish": ACTIVATIONS["silu"], "hard_swish": ACTIVATIONS["hard_silu"]}
