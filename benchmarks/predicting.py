"""Rows a second that the programs predict which can run a trained network.

A network of 500x2 hidden units is trained on Fashion-MNIST for two epochs and exported. Each program
predicts the 10,000 test images from their raw pixels, loaded already, in one process; `mtrain.predict`
loads the run in every call, as the command does. The quantised file is onnxruntime's own dynamic
quantisation, with weights of eight bits. The predictions of training, by TensorFlow, are what the others
are compared with.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from typing import TYPE_CHECKING, Any

import numpy as np

import mtrain
from benchmarks.images import find_images, read_images
from benchmarks.markdown import Table
from benchmarks.record import parser_of, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.markdown import Row

TABLE = Table(
    {
        "program": "{program}",
        "file": "{megabytes:.2f} MB",
        "rows a second": "{speed:,.0f}",
        "other predictions": "{changed}",
        "largest difference of a probability": "{difference:.1e}",
    }
)


def main(arguments: list[str]) -> None:
    """Measure every program, in turn."""
    parser = parser_of("predicting", __doc__)
    parser.add_argument("--rounds", type=int, default=7, help="runs of each [7]")
    parser.add_argument("--data", help="Fashion-MNIST's four IDX files [found, or downloaded]")
    options = parser.parse_args(arguments)
    rows = measured(options.rounds, find_images(options.data))
    record(TABLE, rows, options.out, options.rounds)


def measured(rounds: int, data: str) -> Iterator[Row]:
    """The rows of the table: medians of so many runs each."""
    images = read_images(data, "t10k").pixels
    pixels = np.rint(images.reshape(-1, 28, 28) * 255).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        config = {"dataset": {"name": "fashion_mnist", "path": data}, "model": {"hidden": "500x2"}}
        run = mtrain.fit(config, out=f"{folder}/run", training={"epochs": 2}, progress=False).path
        programs = _programs(run, pixels)
        seconds: dict[str, list[float]] = {name: [] for name in programs}
        probabilities = {name: predict() for name, (_, predict) in programs.items()}  # and warm up
        for _ in range(rounds):
            for name, (_, predict) in programs.items():
                began = time.perf_counter()
                predict()
                seconds[name].append(time.perf_counter() - began)
        first = next(iter(probabilities.values()))
        for name, (file, _) in programs.items():
            yield {
                "program": name,
                "megabytes": _size(file) / 1e6,
                "speed": len(pixels) / statistics.median(seconds[name]),
                "changed": int((probabilities[name].argmax(1) != first.argmax(1)).sum()),
                "difference": float(np.abs(probabilities[name] - first).max()),
            }


def _programs(
    run: Path, pixels: NDArray[np.uint8]
) -> dict[str, tuple[Path, Callable[[], NDArray[Any]]]]:
    """By name the file that each runs, and how it predicts; the first is what the others are beside."""
    import keras
    import onnxruntime
    from onnxruntime.quantization import quantize_dynamic

    onnx = mtrain.export(run).path
    quantised = onnx.with_name("quantised.onnx")
    quantize_dynamic(onnx, quantised)
    of_keras = mtrain.export(run, file_format="keras").path
    model = keras.models.load_model(of_keras)

    def by_onnxruntime(file: Path) -> Callable[[], NDArray[Any]]:
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        return lambda: session.run(["probabilities"], {"image": pixels})[0]

    loaded = mtrain.load(run)
    checkpoints = run / "checkpoints"
    return {
        '`mtrain.predict`, `engine="tensorflow"`': (
            checkpoints,
            lambda: mtrain.predict(run, pixels, engine="tensorflow").probabilities,
        ),
        "`mtrain.predict`": (checkpoints, lambda: mtrain.predict(run, pixels).probabilities),
        "`mtrain.load`, then `predict`": (
            checkpoints,
            lambda: loaded.predict(pixels).probabilities,
        ),
        "onnxruntime": (onnx, by_onnxruntime(onnx)),
        "onnxruntime, quantised": (quantised, by_onnxruntime(quantised)),
        "Keras' `predict`, batches of 2,048": (
            of_keras,
            lambda: model.predict(pixels, batch_size=2048, verbose=0),
        ),
    }


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    last = path / (path / "last").read_text().strip()
    return (last / "arrays.npz").stat().st_size
