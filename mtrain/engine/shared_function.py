"""A function that is traced and compiled once, for all networks of one shape."""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf

    from mtrain.engine.network import Variables


class SharedFunction:
    """A function of TensorFlow on variables that it has captured, or on others of the same shapes."""

    def __init__(self, function: tf.types.experimental.GenericFunction, own: Variables) -> None:
        """`own` are all variables that tracing the function may capture."""
        self._function = function
        self._own = own
        self._traced: Any = None
        self._lock = threading.Lock()

    def traced(self, *arguments: Any) -> Any:
        """The function as it was traced with the first arguments; on its own variables."""
        with self._lock:
            if self._traced is None:
                self._traced = self._function.get_concrete_function(*arguments)
        return self._traced

    def on(self, variables: Variables, *arguments: Any) -> Any:
        """The traced function on `variables`, which have the names and shapes of its own.

        XLA keeps what it has compiled by the name of the traced function, so that nothing is compiled
        anew. Raises `KeyError` if the function has captured a variable that is not its own.
        """
        traced = self.traced(*arguments)
        if variables is self._own:
            return traced
        places = {id(variable.handle): name for name, variable in self._own.items()}
        other = copy.copy(traced)
        other.set_external_captures(
            [
                variables[places[id(captured)]].handle
                if captured.dtype.name == "resource"
                else captured
                for captured in traced.captured_inputs
            ]
        )
        return other
