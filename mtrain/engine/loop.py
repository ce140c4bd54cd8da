"""Many steps of training, compiled into one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from mtrain.engine.compilation_cache import compiled_anew_if_refused
from mtrain.engine.shared_function import SharedFunction

if TYPE_CHECKING:
    from collections.abc import Callable

    from mtrain.engine.feed import Rows
    from mtrain.engine.network import Variables
    from mtrain.engine.step import Carried, Step


class Loop:
    """Repeats a step on the batches of N rows."""

    def __init__(
        self, step: Step, variables: Variables, rows: int, batch_size: int, *, jit_compile: bool
    ) -> None:
        """`batch_size` is at most the number of `rows`; a ragged last step takes the others.

        `variables` are all that a step uses.
        """
        self.full = rows // batch_size
        """Steps of an epoch that have `batch_size` rows."""

        self._ragged = rows % batch_size
        self._step = step
        self._variables = variables
        self._batch_size = batch_size
        self._jit_compile = jit_compile
        self._functions = self._uncompiled()
        self._on_variables: dict[int, Callable[..., Carried]] = {}
        self._compiled: set[int] = set()

    def share_functions_of(self, other: Loop) -> None:
        """Run what was compiled for `other`, whose step is of the same shape."""
        self._functions = other._functions

    def run(self, rows: Rows, order: tf.Tensor, start: int, stop: int, carried: Carried) -> Carried:
        """Steps `start` to `stop` of an epoch in which the `rows` come in `order`.

        A call has either full steps or the ragged one.
        """
        size = self._ragged if start == self.full else self._batch_size
        arguments = rows, order, tf.constant(start), tf.constant(stop), carried

        def call() -> Carried:
            if not self._on_variables:
                # All at once: their names, by which kept compilations are found, count the tensors made
                # before, and how many chunks come before the last step depends on time.
                self._on_variables = {
                    size: function.with_variables(self._variables, *arguments)
                    for size, function in self._functions.items()
                }
            carried = self._on_variables[size](*arguments)
            carried.loss.numpy()  # waits until the steps are done
            return carried

        def call_anew() -> Carried:
            self._functions, self._on_variables = self._uncompiled(), {}
            return call()

        if size in self._compiled:
            return call()
        # Nothing is computed before a function is compiled, or loaded: it can be called again.
        carried = compiled_anew_if_refused(call, call_anew)
        self._compiled.add(size)
        return carried

    def _uncompiled(self) -> dict[int, SharedFunction]:
        """The functions of this loop, by the rows of a batch."""
        sizes = filter(None, (self._batch_size, self._ragged))
        return {size: SharedFunction(self._function(size), self._variables) for size in sizes}

    def _function(self, batch_size: int) -> tf.types.experimental.GenericFunction:
        """A function of the arguments of `run`; its steps have `batch_size` rows."""

        def run(
            rows: Rows, order: tf.Tensor, start: tf.Tensor, stop: tf.Tensor, carried: Carried
        ) -> Carried:
            def body(step: tf.Tensor, carried: Carried) -> tuple[tf.Tensor, Carried]:
                positions = tf.slice(order, [step * self._batch_size], [batch_size])
                return step + 1, self._step(rows.at(positions, step), carried)

            _, carried = tf.while_loop(
                lambda step, _: step < stop, body, (start, carried), parallel_iterations=1
            )
            return carried

        return tf.function(run, jit_compile=self._jit_compile, autograph=False)
