"""The chart of what compare.py measured."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from benchmarks.compare import PEERS
from benchmarks.processes import MTRAIN
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from benchmarks.comparison import Comparison

NAMES = {
    MTRAIN: "mtrain",
    "keras_fit.accuracy": "`keras fit`",
    "keras_fit.per_class": "`keras fit`, 20 per-class metrics",
    "keras_fit.one_execution": "`keras fit`, one execution an epoch",
    "keras_fit.one_execution_xla": "`keras fit`, one execution, XLA",
    "pytorch.loop": "PyTorch loop",
    "jax_scan.scan": "JAX scan",
    "sklearn_mlp.partial_fit": "scikit-learn",
}


def draw(results: Comparison) -> Figure:
    """Seconds an epoch of every peer beside mtrain's, a panel a workload."""
    figure = Figure(figsize=(10, 2.1 * -(-len(results.workloads) // 2)), layout="constrained")
    panels = figure.subplots(-(-len(results.workloads) // 2), 2, squeeze=False).ravel()
    for axes in panels[len(results.workloads) :]:
        axes.remove()
    for axes, workload in zip(panels, results.workloads, strict=False):
        found = {peer: results.figures("later", workload, peer) for peer in PEERS}
        rows = sorted((statistics.median(v), peer, v) for peer, v in found.items() if v)
        at = range(len(rows))
        colours = ["#0072B2" if peer == MTRAIN else "#BBBBBB" for _, peer, _ in rows]
        axes.barh(at, [seconds for seconds, _, _ in rows], color=colours)
        for y, (_, _, values) in zip(at, rows, strict=True):
            axes.plot([min(values), max(values)], [y, y], color="#333333", linewidth=1)
            axes.text(max(values), y, f" {statistics.median(values):.3g}", va="center", fontsize=7)
        axes.set_yticks(at, [NAMES[peer].replace("`", "") for _, peer, _ in rows], fontsize=7)
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.tick_params(axis="x", labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(f"{workload}: {WORKLOADS[workload]}", loc="left", fontsize=9)
    figure.supxlabel(
        "seconds an epoch of 60,000 images; lines from the fastest to the slowest process",
        fontsize=8,
    )
    return figure
