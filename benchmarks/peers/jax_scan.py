"""JAX: a whole epoch as one compiled `lax.scan`, its weights given back in place.

Tried, two processes each: matrix products of one thread (`--xla_cpu_multi_thread_eigen=false`) are
no faster; bound to one CPU (`taskset`), W1 takes 0.93 and W2a 0.89 of the time, W3 1.06, and all
compile for 1.5 times as long.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.peers import Training, timed

if TYPE_CHECKING:
    from benchmarks.images import Images
    from benchmarks.workloads import Workload


def scan(workload: Workload, train: Images, seed: int) -> Training:
    """Gathers, trains and counts each batch within the scan."""
    optimizer = _optimizer(workload)
    size = workload.batch_size
    full = len(train.labels) // size * size

    def step(carried: Any, rows: Any, features: Any, labels: Any) -> tuple[Any, Any]:
        weights, state = carried
        wanted = labels[rows]

        def loss_of(weights: Any) -> tuple[Any, Any]:
            outputs = _outputs(weights, features[rows])
            losses = optax.softmax_cross_entropy_with_integer_labels(outputs, wanted)
            return losses.mean(), (losses.sum(), (outputs.argmax(1) == wanted).sum())

        gradients, sums = jax.grad(loss_of, has_aux=True)(weights)
        updates, state = optimizer.update(gradients, state, weights)
        return (optax.apply_updates(weights, updates), state), sums

    @partial(jax.jit, donate_argnums=0)
    def compiled(carried: Any, order: Any, features: Any, labels: Any) -> tuple[Any, Any, Any]:
        batches = order[:full].reshape(-1, size)
        carried, (losses, hits) = jax.lax.scan(
            lambda carried, rows: step(carried, rows, features, labels), carried, batches
        )
        loss_sum, hit_sum = losses.sum(), hits.sum()
        if full < len(labels):
            carried, (loss, hit) = step(carried, order[full:], features, labels)
            loss_sum, hit_sum = loss_sum + loss, hit_sum + hit
        return carried, loss_sum, hit_sum

    generator = np.random.default_rng(seed)
    weights = _weights(workload, jax.random.key(seed))
    carried = weights, optimizer.init(weights)
    features, labels = jnp.asarray(train.pixels), jnp.asarray(train.labels)

    def epoch() -> tuple[float, float]:
        nonlocal carried
        # NumPy's, which is faster than sorting random keys within the compiled epoch.
        order = jnp.asarray(generator.permutation(len(labels)).astype(np.int32))
        carried, loss_sum, hits = compiled(carried, order, features, labels)
        jax.block_until_ready(carried)
        return float(loss_sum) / len(labels), float(hits) / len(labels)

    return Training(timed(epoch), lambda pixels: jax.jit(_classes)(carried[0], pixels))


def _weights(workload: Workload, key: Any) -> list[Any]:
    glorot = jax.nn.initializers.glorot_uniform()
    keys = jax.random.split(key, len(workload.kernels))
    return [
        (glorot(k, shape), jnp.zeros(shape[1]))
        for k, shape in zip(keys, workload.kernels, strict=True)
    ]


def _outputs(weights: Any, features: Any) -> Any:
    for kernel, bias in weights[:-1]:
        features = jax.nn.relu(features @ kernel + bias)
    kernel, bias = weights[-1]
    return features @ kernel + bias


def _classes(weights: Any, features: Any) -> Any:
    return _outputs(weights, features).argmax(axis=1)


def _optimizer(workload: Workload) -> Any:
    rate = workload.learning_rate
    if workload.optimizer == "sgd":
        return optax.sgd(rate)
    if workload.optimizer == "adam":
        return optax.adam(rate, eps=1e-7)
    return optax.rmsprop(rate, decay=0.9, eps=1e-7)
