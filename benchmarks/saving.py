"""What checkpoints and the history cost a training, as a share of its time.

The first run trains a network of 500x2 hidden units on 60,000 images of 784 pixels for about a
minute, at default settings. The second has 1,000 epochs and writes its history at most once a
second, as every run does; the third writes it after each epoch.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.markdown import Table
from benchmarks.record import parser_of, record
from mtrain.config.loading.load import load_config
from mtrain.run import recorder
from mtrain.run.recorder import Recorder
from mtrain.workflows.fit import fit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.markdown import Row

EPOCHS = 24
"""Of two to four seconds each on two cores."""


TABLE = Table(
    {
        "run": "{run}",
        "trained": "{trained:.1f} s",
        "saving": "{saving:.2f} s",
        "share": "{share:.2%}",
    }
)


def main(arguments: list[str]) -> None:
    """Measure what part of each run's time saving takes."""
    parser = parser_of("saving", __doc__)
    parser.add_argument("--data", help="Fashion-MNIST's four IDX files [random images]")
    options = parser.parse_args(arguments)
    record(TABLE, measured(options.data), options.out)


def measured(data: str | None) -> Iterator[Row]:
    """The rows of the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = data or random_images(Path(folder, "data"))
        dataset = {"name": "fashion_mnist", "path": path}
        minute = {"dataset": dataset, "model": {"hidden": "500x2"}, "training": {"epochs": EPOCHS}}
        yield row("500x2 for a minute, every 30 s", minute, Path(folder, "minute"))
        many = {"model": {"hidden": 8}, "training": {"epochs": 1000, "batch_size": 500}}
        yield row("history of 1,000 epochs", many, Path(folder, "many"), "_write_history")
        recorder.HISTORY_SECONDS = 0.0
        yield row("the same, after each epoch", many, Path(folder, "each"), "_write_history")


def row(name: str, settings: dict[str, Any], out: Path, *methods: str) -> Row:
    """Train; count the seconds spent in these methods of the recorder, or in all that save."""
    spent = [0.0]
    with timed(spent, methods or ("progress", "epoch", "finish")):
        run = fit(load_config(settings, {}), out=out)
    trained = sum(run.history.seconds)
    saving = spent[0]
    return {"run": name, "trained": trained, "saving": saving, "share": saving / trained}


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
