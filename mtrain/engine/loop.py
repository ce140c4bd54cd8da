"""Many steps of training, compiled into one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:
    from mtrain.engine.feed import Rows
    from mtrain.engine.step import Carried, Step


class Loop:
    """Repeats a step on the batches of N rows."""

    def __init__(self, step: Step, rows: int, batch_size: int, *, jit_compile: bool) -> None:
        """`batch_size` is at most the number of `rows`; a ragged last step takes the others."""
        self.full = rows // batch_size
        """Steps of an epoch that have `batch_size` rows."""

        self._step = step
        self._batch_size = batch_size
        self._run = self._compiled(batch_size, jit_compile)
        self._run_ragged = self._compiled(rows % batch_size, jit_compile)

    def run(self, rows: Rows, order: tf.Tensor, start: int, stop: int, carried: Carried) -> Carried:
        """Steps `start` to `stop` of an epoch in which the `rows` come in `order`.

        A call has either full steps or the ragged one.
        """
        run = self._run_ragged if start == self.full else self._run
        carried = run(rows, order, tf.constant(start), tf.constant(stop), carried)
        carried[0].numpy()  # waits until the steps are done
        return carried

    def _compiled(
        self, batch_size: int, jit_compile: bool
    ) -> tf.types.experimental.GenericFunction:
        """A function of the arguments of `run`; its steps have `batch_size` rows."""

        def run(
            rows: Rows, order: tf.Tensor, start: tf.Tensor, stop: tf.Tensor, carried: Carried
        ) -> Carried:
            def body(step: tf.Tensor, carried: Carried) -> tuple[tf.Tensor, Carried]:
                positions = tf.slice(order, [step * self._batch_size], [batch_size])
                return step + 1, self._step(rows.at(positions), carried)

            _, carried = tf.while_loop(
                lambda step, _: step < stop, body, (start, carried), parallel_iterations=1
            )
            return carried

        return tf.function(run, jit_compile=jit_compile, autograph=False)
