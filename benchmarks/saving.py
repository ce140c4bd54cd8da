"""What checkpoints and the history cost a training, as a share of its time.

The first run is of 60,000 images of 784 pixels through 500x2 hidden units for about a minute, at
default settings; PATH is a folder with Fashion-MNIST's four IDX files, without it the images are
random. The second has 1,000 epochs; it writes its history at most once a second, as every run does,
and the third after each epoch. Run with nothing else running:

    python benchmarks/saving.py [PATH]
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.config.loading.load import load_config
from mtrain.run import recorder
from mtrain.run.recorder import Recorder
from mtrain.workflows.fit import fit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EPOCHS = 24
"""Of two to four seconds each on two cores."""


def main() -> None:
    """Print what of each run's time went into saving."""
    with tempfile.TemporaryDirectory() as folder:
        data = sys.argv[1] if len(sys.argv) > 1 else random_images(Path(folder, "data"))
        dataset = {"name": "fashion_mnist", "path": data}
        minute = {"dataset": dataset, "model": {"hidden": "500x2"}, "training": {"epochs": EPOCHS}}
        print("| run | trained | saving | share |")
        print("|---|---|---|---|")
        row("500x2 for a minute, every 30 s", minute, Path(folder, "minute"))
        many = {"model": {"hidden": 8}, "training": {"epochs": 1000, "batch_size": 500}}
        row("history of 1,000 epochs", many, Path(folder, "many"), "_write_history")
        recorder.HISTORY_SECONDS = 0.0
        row("the same, after each epoch", many, Path(folder, "each"), "_write_history")


def row(name: str, settings: dict[str, Any], out: Path, *methods: str) -> None:
    """Train, and print the seconds spent in these methods of the recorder; else in all of them."""
    spent = [0.0]
    with timed(spent, methods or ("progress", "epoch", "finish")):
        run = fit(load_config(settings, {}), out=out)
    trained = sum(run.history.seconds)
    print(f"| {name} | {trained:.1f} s | {spent[0]:.2f} s | {spent[0] / trained:.2%} |")


@contextmanager
def timed(spent: list[float], methods: tuple[str, ...]) -> Iterator[None]:
    """Add the seconds that methods of the recorder take to `spent[0]`."""

    def wrapped(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return method(*arguments, **options)
            finally:
                spent[0] += time.perf_counter() - began

        return call

    originals = {name: getattr(Recorder, name) for name in methods}
    for name, method in originals.items():
        setattr(Recorder, name, wrapped(method))
    yield
    for name, method in originals.items():
        setattr(Recorder, name, method)


def random_images(folder: Path) -> str:
    """Four IDX files of the size of Fashion-MNIST."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    for name, rows in (("train", 60_000), ("t10k", 10_000)):
        labels = generator.integers(0, 10, rows, dtype=np.uint8)
        images = generator.integers(0, 256, (rows, 28, 28), dtype=np.uint8)
        for kind, values in (("images-idx3", images), ("labels-idx1", labels)):
            header = bytes([0, 0, 8, values.ndim])
            sizes = np.array(values.shape, ">u4").tobytes()
            (folder / f"{name}-{kind}-ubyte").write_bytes(header + sizes + values.tobytes())
    return str(folder)


if __name__ == "__main__":
    main()
