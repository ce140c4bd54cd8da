"""A function that is traced and compiled once, for all networks of one shape."""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import tensorflow as tf

    from mtrain.engine.network import Variables

_TRACING = threading.Lock()
"""One function at a time: several of them may trace the same Keras model, which keeps the penalties of
its last call. Python's threads would take turns anyway."""


class SharedFunction:
    """A function of TensorFlow on the variables that it captures, or on others of the same shapes."""

    def __init__(self, function: tf.types.experimental.GenericFunction, own: Variables) -> None:
        """`own` are all variables that the function may capture; they live as long as it does."""
        self._function = function
        self._own = own
        self._traced: Any = None

    def traced(self, *arguments: Any) -> Any:
        """The function as it was traced with the first arguments; on its own variables."""
        with _TRACING:
            if self._traced is None:
                self._traced = self._function.get_concrete_function(*arguments)
        return self._traced

    def with_variables(self, variables: Variables, *arguments: Any) -> Callable[..., Any]:
        """The traced function on `variables`, which have the names and shapes of its own.

        XLA finds what it has compiled by the name of the traced function, which the copy has, too.
        Raises `KeyError` if the function has captured a variable that is not its own.
        """
        traced = self.traced(*arguments)
        if variables is self._own:
            return traced  # type: ignore[no-any-return]
        names = {id(variable.handle): name for name, variable in self._own.items()}
        # As of TensorFlow 2.21 a shallow copy shares the graph, and has captures of its own.
        function = copy.copy(traced)
        function.set_external_captures(
            [
                variables[names[id(value)]].handle if value.dtype.name == "resource" else value
                for value in traced.captured_inputs
            ]
        )
        return function  # type: ignore[no-any-return]
