"""What is trained: eight networks on the 60,000 images of Fashion-MNIST."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

ROWS, PIXELS, CLASSES = 60_000, 784, 10

LEARNING_RATES = {"adam": 0.001, "rmsprop": 0.001, "sgd": 0.01}
"""Keras' own."""

UPDATE_MOVES = {"sgd": 3, "rmsprop": 5, "adam": 7}
"""Numbers that an optimizer's step reads and writes for each weight: its gradient, the weight before and
after, and each of its averages before and after."""


@dataclass(frozen=True)
class Workload:
    """A network, and how it is trained."""

    hidden: tuple[int, ...]
    optimizer: str
    batch_size: int

    @property
    def widths(self) -> tuple[int, ...]:
        """Of every layer, input and output too."""
        return PIXELS, *self.hidden, CLASSES

    @property
    def kernels(self) -> list[tuple[int, int]]:
        """The shape of every layer's kernel."""
        return list(pairwise(self.widths))

    @property
    def learning_rate(self) -> float:
        """Of its optimizer, constant."""
        return LEARNING_RATES[self.optimizer]

    @property
    def flops(self) -> int:
        """Floating-point operations of an epoch's matrix products.

        A layer's product costs 2 * rows * in * out, forward, for the gradient of its kernel and for
        that of its inputs, which the first layer does not need.
        """
        first = self.widths[0] * self.widths[1]
        return 2 * ROWS * (3 * self.weights - first)

    @property
    def weights(self) -> int:
        """In all kernels."""
        return sum(a * b for a, b in self.kernels)

    @property
    def bytes_moved(self) -> int:
        """Bytes of kernels, gradients and the optimizer's averages that an epoch reads and writes.

        A step reads each kernel forward, and again for the gradient of its inputs, which the first layer
        does not need; it writes the gradient, and updates.
        """
        first = self.widths[0] * self.widths[1]
        a_step = (3 + UPDATE_MOVES[self.optimizer]) * self.weights - first
        return 4 * a_step * -(-ROWS // self.batch_size)

    def __str__(self) -> str:
        """As the tables name it."""
        widths = "-".join(map(str, self.widths))
        if len(self.hidden) > 1:
            widths = f"{PIXELS}-{self.hidden[0]}x{len(self.hidden)}-{CLASSES}"
        names = {"adam": "Adam", "rmsprop": "RMSprop", "sgd": "SGD"}
        return f"{widths}, {names[self.optimizer]}, {self.batch_size}"


WORKLOADS = {
    "W1": Workload((64,), "sgd", 32),
    "W2a": Workload((30,), "adam", 32),
    "W3": Workload((64,) * 2, "rmsprop", 64),
    "W2b": Workload((500,) * 2, "adam", 32),
    "W2c": Workload((500,) * 5, "adam", 32),
    "W2a-1200": Workload((30,), "adam", 1200),
    "W2b-1200": Workload((500,) * 2, "adam", 1200),
    "W2c-1200": Workload((500,) * 5, "adam", 1200),
}
