"""A training for TensorBoard: scalars, the graph, weight histograms and first-layer weight images."""

from __future__ import annotations

import io
import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.escape import inert
from mtrain.observer import Observer
from mtrain.records.dataset import SPLITS
from mtrain.trackers.event_files import LAST, open_writer, split_tag, writing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mtrain.metrics.epoch import EpochFigures
    from mtrain.observer import TrainingFacts
    from mtrain.records.arrays import Floats

MOST_UNITS = 64
"""The most units of a first layer that are shown as images."""

WEIGHTS = "model/"


class TensorBoard(Observer):
    """Observes a training and writes event files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None

    def begin(self, facts: TrainingFacts) -> None:
        """Open a file; entries of other files for epochs beyond the history are discarded.

        A row is an image if it has height and width only, or one, three or four channels. Raises
        `MtrainError` if the file cannot be written.
        """
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        self._event = Event
        self._classes = [inert(name) for name in facts.classes]
        is_image = len(facts.shape) == 2 or facts.shape[2:] in {(1,), (3,), (4,)}
        self._image = facts.shape if is_image else ()
        self._weights = facts.weights
        self._chart_classes = True
        done = len(facts.history.epoch)
        with writing(self._folder):
            self._writer = open_writer(self._folder)
            self._add(done + 1, session_log=SessionLog(status=SessionLog.START))
            self._add(done, graph_def=facts.graph())
            self._writer.flush()

    def epoch(self, figures: EpochFigures, seconds: float) -> None:
        """Write the figures of an epoch; its number is TensorBoard's step.

        Raises `MtrainError` if it cannot be written.
        """
        with writing(self._folder):
            self._write(figures, seconds)
            self._writer.flush()

    def _write(self, figures: EpochFigures, seconds: float) -> None:
        from tensorboard.plugins.histogram.summary_v2 import histogram_pb
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb

        if self._chart_classes:
            self._add(figures.epoch, summary=_class_charts(figures))
            self._chart_classes = False
        for tag, value in self._scalars(figures, seconds):
            if math.isfinite(value) and tag != LAST:
                self._add(figures.epoch, summary=scalar_pb(tag, np.float32(value)))
        weights = {
            name.removeprefix(WEIGHTS): array
            for name, array in self._weights().items()
            if array.dtype.kind == "f"
        }
        for name, array in weights.items():
            self._add(figures.epoch, summary=histogram_pb(name, array))
        first = next((array for array in weights.values() if array.ndim == 2), None)
        if first is not None and self._image and len(first) == math.prod(self._image):
            self._add(figures.epoch, summary=_images("first_layer", first.T, self._image))
        self._add(figures.epoch, summary=scalar_pb(LAST, np.float32(figures.scalars[LAST])))

    def _scalars(self, figures: EpochFigures, seconds: float) -> Iterator[tuple[str, float]]:
        yield from figures.scalars.items()
        yield "seconds", seconds
        for split, by_metric in figures.per_class.items():
            for metric, values in by_metric.items():
                for name, value in zip(self._classes, values, strict=True):
                    yield f"{split_tag(split, metric)}/{name}", float(value)

    def _add(self, epoch: int, **content: object) -> None:
        self._writer.add_event(self._event(wall_time=time.time(), step=epoch, **content))


def _class_charts(figures: EpochFigures) -> object:
    """A chart a metric in which each class is a line, for the dashboard of custom scalars."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.custom_scalar import layout_pb2
    from tensorboard.plugins.custom_scalar.summary import pb

    charts = [
        layout_pb2.Chart(
            title=f"{SPLITS[split]}: {metric} by class",
            multiline=layout_pb2.MultilineChartContent(tag=[f"^{split_tag(split, metric)}/"]),
        )
        for split, by_metric in figures.per_class.items()
        for metric in by_metric
    ]
    layout = layout_pb2.Layout(category=[layout_pb2.Category(title="classes", chart=charts)])
    # With TensorFlow installed, this is a message of TensorFlow's.
    return Summary.FromString(pb(layout).SerializeToString())


def _images(tag: str, units: Floats, shape: tuple[int, ...]) -> object:
    """Each unit's weights (units, pixels) as an image of `shape`, all in one picture.

    Zero is grey, the largest weight of a unit, whichever its sign, black or white.
    """
    from tensorboard.compat.proto.summary_pb2 import Summary

    images = units[:MOST_UNITS].reshape(-1, *shape)
    height, width, *channels = shape
    columns = math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    # A pixel apart.
    picture = np.full((rows * (height + 1), columns * (width + 1), *channels), 128, np.uint8)
    for k, weights in enumerate(images):
        top, left = k // columns * (height + 1), k % columns * (width + 1)
        largest = np.abs(weights).max() or 1.0
        picture[top : top + height, left : left + width] = np.rint(
            127.5 + 127.5 * weights / largest
        )
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(picture.squeeze()).save(content, format="png")
    image = Summary.Image(
        height=picture.shape[0],
        width=picture.shape[1],
        colorspace=channels[0] if channels else 1,
        encoded_image_string=content.getvalue(),
    )
    return Summary(value=[Summary.Value(tag=tag, image=image)])
