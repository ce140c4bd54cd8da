"""What is trained: eight networks on the 60,000 images of Fashion-MNIST, and how fast is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

ROWS, PIXELS, CLASSES = 60_000, 784, 10

LEARNING_RATES = {"adam": 0.001, "rmsprop": 0.001, "sgd": 0.01}
"""Keras' own."""


@dataclass(frozen=True)
class Workload:
    """A network, how it is trained, and how much faster than stock Keras it must be."""

    hidden: tuple[int, ...]
    optimizer: str
    batch_size: int

    target: float
    """Times as fast as `keras fit` with accuracy alone."""

    per_class_target: float
    """Times as fast as `keras fit` with precision and recall of ten classes."""

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
        products = [a * b for a, b in self.kernels]
        return 2 * ROWS * (3 * sum(products) - products[0])

    def __str__(self) -> str:
        """As the tables name it."""
        widths = "-".join(map(str, self.widths))
        if len(self.hidden) > 1:
            widths = f"{PIXELS}-{self.hidden[0]}x{len(self.hidden)}-{CLASSES}"
        names = {"adam": "Adam", "rmsprop": "RMSprop", "sgd": "SGD"}
        return f"{widths}, {names[self.optimizer]}, {self.batch_size}"


WORKLOADS = {
    "W1": Workload((64,), "sgd", 32, 15, 20),
    "W2a": Workload((30,), "adam", 32, 10, 14),
    "W3": Workload((64,) * 2, "rmsprop", 64, 8, 10),
    "W2b": Workload((500,) * 2, "adam", 32, 6, 7),
    "W2c": Workload((500,) * 5, "adam", 32, 4, 4),
    "W2a-1200": Workload((30,), "adam", 1200, 3, 3.5),
    "W2b-1200": Workload((500,) * 2, "adam", 1200, 1.4, 1.5),
    "W2c-1200": Workload((500,) * 5, "adam", 1200, 1.25, 1.3),
}
