"""Write benchmarks.md, its chart and its data into a folder, from what compare.py measured.

python benchmarks/page.py RESULTS FOLDER
"""

from __future__ import annotations

import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compare import EPOCHS, PEERS, WHOLE
from matplotlib.figure import Figure
from processes import MTRAIN
from workloads import WORKLOADS

NAMES = {
    MTRAIN: "mtrain",
    "keras_fit.accuracy": "`keras fit`",
    "keras_fit.per_class": "`keras fit`, 20 per-class metrics",
    "keras_fit.one_execution": "`keras fit`, one execution an epoch",
    "pytorch.loop": "PyTorch loop",
    "jax_scan.scan": "JAX scan",
    "sklearn_mlp.partial_fit": "scikit-learn",
}

LEAST_AGAINST_FASTEST = 0.95


@dataclass(frozen=True)
class Ratio:
    """A peer's seconds by mtrain's, one a round."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """Over the rounds."""
        return statistics.median(self.values)

    def __str__(self) -> str:
        """The median, and all of them from the lowest to the highest."""
        return f"{self.median:.2f} ({min(self.values):.2f} to {max(self.values):.2f})"


class Results:
    """What was measured, by what is asked of it."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.workloads = [name for name in WORKLOADS if self._cells(name, MTRAIN, EPOCHS)]
        self.rounds = min(len(self._cells(name, MTRAIN, EPOCHS)) for name in self.workloads)

    def figures(self, key: str, workload: str, peer: str, epochs: int = EPOCHS) -> list[float]:
        """One figure of each process: a key of `Cell.measure`, `first` or `later` (its median)."""
        return [_figure(cell, key) for cell in self._cells(workload, peer, epochs)]

    def median(self, key: str, workload: str, peer: str, epochs: int = EPOCHS) -> float | None:
        """Over the processes; None where there are none."""
        values = self.figures(key, workload, peer, epochs)
        return statistics.median(values) if values else None

    def ratio(self, workload: str, peer: str) -> Ratio:
        """How many times as long as mtrain the peer takes, round by round."""
        theirs, ours = (
            {cell["round"]: _figure(cell, "later") for cell in self._cells(workload, p, EPOCHS)}
            for p in (peer, MTRAIN)
        )
        return Ratio(tuple(theirs[number] / ours[number] for number in theirs if number in ours))

    def fastest(self, workload: str) -> str:
        """The fastest peer at this workload."""
        found = {peer: self.median("later", workload, peer) for peer in PEERS if peer != MTRAIN}
        return min((seconds, peer) for peer, seconds in found.items() if seconds is not None)[1]

    def _cells(self, workload: str, peer: str, epochs: int) -> list[dict[str, Any]]:
        wanted = (workload, peer, epochs)
        cells = self.data["cells"]
        return [c for c in cells if (c["workload"], c["peer"], c["epochs"]) == wanted]


def main() -> None:
    """Write the page, the chart and the data; print the page's first table."""
    results, folder = Results(json.loads(Path(sys.argv[1]).read_text())), Path(sys.argv[2])
    (folder / "pictures").mkdir(exist_ok=True)
    (folder / "benchmarks.md").write_text(page(results), encoding="utf-8")
    (folder / "benchmarks.json").write_text(json.dumps(results.data) + "\n")
    draw(results).savefig(folder / "pictures" / "benchmarks.png", dpi=120)
    print(_targets(results))
    print(f"all of it: {folder / 'benchmarks.md'}")


def page(results: Results) -> str:
    """All of docs/benchmarks.md."""
    return TEMPLATE.format(
        machine=_machine(results.data),
        networks=_networks(results),
        rounds="one process" if results.rounds == 1 else f"{results.rounds} processes",
        confidence=_confidence(results.rounds),
        later=EPOCHS - 1,
        keras=_targets(results),
        fastest=_fastest(results),
        seconds=_seconds(results),
        startup=_startup(results),
        whole=_whole(results),
        memory=_memory(results),
        limit=_limit(results),
        accuracy=_accuracy(results),
        parity=_parity(results.data["parity"]),
    )


def draw(results: Results) -> Figure:
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


def _targets(results: Results) -> str:
    rows = []
    for name in results.workloads:
        workload = WORKLOADS[name]
        cells = []
        for peer, target in (
            ("keras_fit.accuracy", workload.target),
            ("keras_fit.per_class", workload.per_class_target),
        ):
            ratio = results.ratio(name, peer)
            missed = "" if ratio.median >= target else ", missed"
            cells.append(f"{ratio} | {target:g}{missed}")
        rows.append(f"| {name} {workload} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _fastest(results: Results) -> str:
    rows = []
    for name in results.workloads:
        peer = results.fastest(name)
        ratio = results.ratio(name, peer)
        missed = "" if ratio.median >= LEAST_AGAINST_FASTEST else ", missed"
        rows.append(f"| {name} | {NAMES[peer]} | {ratio}{missed} |")
    return "\n".join(rows)


def _seconds(results: Results) -> str:
    return _table(results, lambda name, peer: _shown(results.median("later", name, peer), "{:.3f}"))


def _startup(results: Results) -> str:
    rows = []
    for peer in PEERS:
        name = WHOLE[0]
        if results.figures("startup", name, peer):
            imported = None if peer == MTRAIN else results.median("import", name, peer)
            cells = (
                _shown(imported, "{:.2f}"),
                _shown(results.median("startup", name, peer), "{:.2f}"),
                _shown(results.median("first", name, peer), "{:.2f}"),
                _shown(results.median("later", name, peer), "{:.3f}"),
            )
            rows.append(f"| {NAMES[peer]} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _whole(results: Results) -> str:
    name, lengths = WHOLE
    rows = []
    for peer in PEERS:
        walls = [_shown(results.median("wall", name, peer, n), "{:.1f}") for n in lengths]
        if any(results.figures("wall", name, peer, n) for n in lengths):
            rows.append(f"| {NAMES[peer]} | {' | '.join(walls)} |")
    return "\n".join(rows or ["| not measured | - | - | - |"])


def _memory(results: Results) -> str:
    def cell(name: str, peer: str) -> str:
        peak = results.median("peak_bytes", name, peer)
        return _shown(None if peak is None else peak / 1e6, "{:.0f}")

    return _table(results, cell)


def _limit(results: Results) -> str:
    limit = statistics.median(results.data["matrix_limit"])

    def cell(name: str, peer: str) -> str:
        seconds = results.median("later", name, peer)
        return _shown(
            None if seconds is None else WORKLOADS[name].flops / seconds / limit, "{:.0%}"
        )

    return _table(results, cell)


def _accuracy(results: Results) -> str:
    def cell(name: str, peer: str) -> str:
        values = results.figures("accuracy", name, peer)
        if not values:
            return "-"
        return f"{statistics.fmean(values):.4f}" + (
            f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
        )

    return _table(results, cell)


def _parity(drifts: dict[str, dict[str, float]]) -> str:
    rows = (
        f"| {name} | {found['graph']:g} | {found['xla, one step']:.0e} | {found['xla']:.0e} |"
        for name, found in drifts.items()
    )
    return "\n".join(rows)


def _networks(results: Results) -> str:
    if len(results.workloads) == len(WORKLOADS):
        return "Eight networks are"
    return f"Of eight networks only {', '.join(results.workloads)} were measured yet,"


def _confidence(rounds: int) -> str:
    """Of the range from the lowest to the highest of so many values: that it holds the median."""
    if rounds < 2:
        return ""
    return f" (which hold the true median with {1 - 2 ** (1 - rounds):.0%} confidence)"


def _table(results: Results, cell: Any) -> str:
    """A row a workload, a column a peer."""
    head = "| | " + " | ".join(NAMES[peer] for peer in PEERS) + " |"
    rows = (
        f"| {name} | {' | '.join(cell(name, peer) for peer in PEERS)} |"
        for name in results.workloads
    )
    return "\n".join([head, "|---" * (len(PEERS) + 1) + "|", *rows])


def _figure(cell: dict[str, Any], key: str) -> float:
    if key == "first":
        return float(cell["seconds"][0])
    if key == "later":
        return float(statistics.median(cell["seconds"][1:]))
    return float(cell[key])


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _machine(data: dict[str, Any]) -> str:
    machine = data["machine"]
    versions = ", ".join(f"{name} {v}" for name, v in machine["versions"].items() if v)
    limit = statistics.median(data["matrix_limit"]) / 1e9
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}, Python {machine['python']}; {versions}. The product of two matrices "
        f"of 4096 x 4096 float32 runs at {limit:.0f} GFLOP/s."
    )


TEMPLATE = """# Benchmarks

Written by `make bench` (`benchmarks/compare.py`, `benchmarks/page.py`), from
[benchmarks.json](benchmarks.json); anyone can run it, and a machine of one's own gives other
figures. `make bench-quick` does three workloads in a few minutes.

{machine}

{networks} trained on the 60,000 images of Fashion-MNIST. Each figure is the median of
{rounds}, one after the other in turn with the other peers; of a process counts the median of the
{later} epochs after the first. A ratio is taken round by round; behind its median stand the lowest
and the highest{confidence}.

mtrain is its public command as a user has it, with exact metrics of every class, history,
checkpoints when they are due, and the plain console, but without validation, which no peer has; its
seconds are those of the history. Each peer is written as its own users would, in
`benchmarks/peers/`, with the same mathematics, and reports loss and accuracy alone, but for the
column with Keras' own twenty `Precision` and `Recall` metrics, and scikit-learn, which reports the
loss alone.

![Seconds an epoch](pictures/benchmarks.png)

## How many times as fast as `keras fit`

| | accuracy only | wanted | 20 per-class metrics | wanted |
|---|---|---|---|---|
{keras}

## Against the fastest peer

At least 0.95 is wanted, and more than 1 on most.

| | fastest | its time / mtrain's |
|---|---|---|
{fastest}

## Seconds an epoch

{seconds}

## Where a short process spends its time

Of W1, in seconds. The start-up holds the import of the peer's library, of mtrain that of Keras, and the
reading of the data.

| | import | start-up, all in all | first epoch, which compiles | later epoch |
|---|---|---|---|---|
{startup}

Whole processes of W1 of 1, 5 and 20 epochs, in seconds; mtrain's draw charts and evaluate, too:

| | 1 | 5 | 20 |
|---|---|---|---|
{whole}

## Peak memory

In MB, of the whole process:

{memory}

## Share of the matrix-product limit

Of the floating-point operations in an epoch's matrix products, at the speed of the largest product:

{limit}

## Parity

The same initial weights, the same order: how far the weights are from stock Keras' after 20 steps
(`graph`), after one and after 20 (`xla`), as a share of the way that Keras' weights have gone. What
rounding leaves after one step grows in any training, most in deep networks.

| | graph, 20 steps | xla, 1 step | xla, 20 steps |
|---|---|---|---|
{parity}

Accuracy on the test images after four epochs, mean and standard deviation over the processes, each
of another seed:

{accuracy}
"""


if __name__ == "__main__":
    main()
