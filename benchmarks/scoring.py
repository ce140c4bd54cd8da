"""Predicting and scoring many rows: seconds, and rows a second beside the forward pass of training.

Each network runs in a separate process, with as many threads as mtrain's command has for it. Images
are random; 1,000,000 rows of 784 pixels take 0.8 GB.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.engine import in_processes, load_engine, network_of, random_images
from benchmarks.markdown import Table
from benchmarks.record import parser_of, record
from benchmarks.workloads import CLASSES, PIXELS, ROWS, WORKLOADS
from mtrain.metrics.report import make_report
from mtrain.report.charts.evaluation import evaluation_charts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.markdown import Row
    from mtrain.engine.network import Network
    from mtrain.records.dataset import Split
    from mtrain.records.training import Predictions

SIZES = (10_000, 100_000, 1_000_000)


TABLE = Table(
    {
        "network": "{workload}",
        "rows": "{rows:,}",
        "predict": "{predict:.2f} s",
        "rows a second": "{rows_a_second:,.0f}",
        "forward pass in training": "{forward:,.0f}",
        "figures": "{figures:.2f} s",
        "charts": "{charts:.2f} s",
    }
)


def main(arguments: list[str]) -> None:
    """Measure every workload and number of rows."""
    options = parser_of("scoring", __doc__).parse_args(arguments)
    record(TABLE, measured(), options.out)


def measured() -> Iterator[Row]:
    """The rows of the table."""
    for rows in in_processes(measure, ("W1", "W2b")):
        yield from rows


def measure(name: str) -> list[Row]:
    """A row of the table for each size of a workload's data."""
    load_engine(WORKLOADS[name])
    network = network_of(WORKLOADS[name])
    forward = forward_rate(network, WORKLOADS[name].batch_size)
    found: list[Row] = []
    for rows in SIZES:
        seconds, predictions = predict(network, random_images(rows))
        figures, charts = score(predictions)
        found.append(
            {
                "workload": name,
                "rows": rows,
                "predict": seconds,
                "rows_a_second": rows / seconds,
                "forward": forward,
                "figures": figures,
                "charts": charts,
            }
        )
    return found


def forward_rate(network: Network, batch_size: int) -> float:
    """Rows a second of a compiled loop like the training's that only goes forwards."""
    import tensorflow as tf

    features = tf.constant(random_images(ROWS).features)

    def loop() -> Any:
        def body(step: Any, total: Any) -> Any:
            rows = tf.slice(features, [step * batch_size, 0], [batch_size, PIXELS])
            outputs = network.model(network.inputs(rows), training=True)
            return step + 1, total + tf.reduce_sum(outputs)

        steps = ROWS // batch_size
        return tf.while_loop(lambda step, _: step < steps, body, (0, 0.0))[1]

    run = tf.function(loop, jit_compile=True, autograph=False)
    times = []
    for _ in range(6):
        began = time.perf_counter()
        run().numpy()
        times.append(time.perf_counter() - began)
    return ROWS / float(np.median(times[1:]))


def predict(network: Network, split: Split) -> tuple[float, Predictions]:
    """Seconds, and what came out; one whole piece went before, like a first loop of `forward_rate`."""
    from mtrain.engine.predictor import Predictor
    from mtrain.records.training import ROWS_A_CALL

    predictor = Predictor(network, split.features.dtype)
    predictor.predict(random_images(ROWS_A_CALL))
    began = time.perf_counter()
    predictions = predictor.predict(split)
    return time.perf_counter() - began, predictions


def score(predictions: Predictions) -> tuple[float, float]:
    """Seconds of every figure, ROC and precision-recall curves among them, and of the charts."""
    began = time.perf_counter()
    names = tuple(str(k) for k in range(CLASSES))
    report = make_report(predictions, names, split="test", checkpoint="epoch-0001")
    figures = time.perf_counter() - began
    for _ in evaluation_charts(report, predictions):
        pass
    return figures, time.perf_counter() - began - figures
