"""The charts of docs/reproduction.md, from the runs' own files."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from mtrain.metrics.counts import class_counts, confusion_matrix
from mtrain.report.charts.style import COLOURS, chart_files

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.arrays import Floats, Ints

MTRAIN = str(Path(sys.executable).with_name("mtrain"))

BATCH = 32

COPIED = {
    "t1_precision.png": "t1_mnist-0/charts/precision_by_class.png",
    "t1_recall.png": "t1_mnist-0/charts/recall_by_class.png",
    "t1_test.png": "t1_mnist-0/evaluation/test/precision_recall.png",
    "t2_curves.png": "t2_watching-0/charts/learning_curves.png",
    "t3_hundred.png": "t3_hundred_classes-0/charts/recall_by_class.png",
}
"""Pictures of the page, and their files in the folder of runs."""


def write_pictures(runs: Path, config: Path, pictures: Path) -> None:
    """All pictures of the page; `config` is the config of the network to draw."""
    pictures.mkdir(parents=True, exist_ok=True)
    for name, source in COPIED.items():
        shutil.copyfile(runs / source, pictures / name)
    command = (MTRAIN, "summary", str(config), "--graph", str(pictures / "t3_network.png"))
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with np.load(runs / "t1_mnist-0" / "evaluation" / "test" / "predictions.npz") as arrays:
        draw = partial(draw_batch_averages, arrays["y_true"], arrays["y_pred"])
    for name, content in chart_files({"t1_batch_averages": draw}, "png"):
        (pictures / name).write_bytes(content)


def batch_averages(labels: Ints, predicted: Ints, n_classes: int) -> tuple[Floats, Floats]:
    """Precision and recall of each class as means over batches, in which 0/0 counts as 0.

    So the functions that users wrote for Keras have them, which divide by a denominator plus an
    epsilon.
    """
    shares: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for start in range(0, len(labels), BATCH):
        rows = slice(start, start + BATCH)
        counts = class_counts(confusion_matrix(labels[rows], predicted[rows], n_classes))
        shares.append((np.nan_to_num(counts.precision), np.nan_to_num(counts.recall)))
    precision, recall = np.mean(shares, axis=0)
    return precision, recall


def draw_batch_averages(labels: Ints, predicted: Ints) -> Figure:
    """Each class's precision and recall: exact, and as means over batches."""
    n_classes = int(labels.max()) + 1
    counts = class_counts(confusion_matrix(labels, predicted, n_classes))
    averaged = batch_averages(labels, predicted, n_classes)
    figure = Figure(figsize=(9, 4))
    for axes, name, exact, mean in zip(
        figure.subplots(1, 2, sharey=True),
        ("precision", "recall"),
        (counts.precision, counts.recall),
        averaged,
        strict=True,
    ):
        classes = np.arange(n_classes)
        axes.bar(classes - 0.2, exact, 0.4, color=COLOURS[0], label="exact")
        axes.bar(classes + 0.2, mean, 0.4, color=COLOURS[1], label=f"mean over batches of {BATCH}")
        axes.set_title(f"{name} on test")
        axes.set_xticks(classes)
        axes.set_xlabel("class")
        axes.set_ylim(0, 1)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
