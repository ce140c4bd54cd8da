"""What benchmarks.md says of the comparison with other programs."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scipy.stats import ttest_ind

from benchmarks.chart import NAMES
from benchmarks.compare import EPOCHS, PEERS, WHOLE
from benchmarks.processes import MTRAIN
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from benchmarks.comparison import Comparison

TEMPLATES = Path(__file__).with_name("templates")

STOCK = "keras_fit.accuracy"

LEAST_AGAINST_FASTEST = 1.0
"""By the fastest epochs, which other work on the machine slowed least."""

NO_NOISE = 0.001
"""Accuracies differ where noise makes such a difference as rarely as this."""


def comparison_text(results: Comparison, folder: str = "results", counting: str = "") -> str:
    """All sections.

    `folder` is where the page finds compare.json, `counting` where it says what counting costs.
    """
    return (
        (TEMPLATES / "compare.md")
        .read_text(encoding="utf-8")
        .format(
            machine=_machine(results),
            commit=(results.data["commit"] or "unknown")[:12],
            date=results.data["date"],
            folder=folder,
            networks=_networks(results),
            rounds=_processes(results.rounds),
            confidence=_confidence(results.rounds),
            later=EPOCHS - 1,
            keras=ratios_table(results),
            fastest=_fastest(results),
            counting=counting,
            seconds=_seconds(results),
            startup=_startup(results),
            whole=_whole(results),
            whole_rounds=_processes(len(results.figures("wall", WHOLE[0], MTRAIN, WHOLE[1][0]))),
            memory=_memory(results),
            limit=_limit(results),
            products=_products(results),
            accuracy=_accuracy(results),
            parity=_parity(results.data["parity"]),
        )
    )


def ratios_table(results: Comparison) -> str:
    """How many times as fast as Keras mtrain is: a row a network."""
    rows = []
    for name in results.workloads:
        cells = [
            f"{results.ratio(name, peer)} | {results.ratio_of_fastest(name, peer):.2f}"
            for peer in (STOCK, "keras_fit.per_class")
        ]
        rows.append(f"| {name} {WORKLOADS[name]} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _fastest(results: Comparison) -> str:
    rows = []
    for name in results.workloads:
        peer = results.fastest(name)
        of_fastest = results.ratio_of_fastest(name, peer)
        verdict = "" if of_fastest >= LEAST_AGAINST_FASTEST else ", missed"
        rows.append(
            f"| {name} | {NAMES[peer]} | {results.ratio(name, peer)} | {of_fastest:.2f}{verdict} |"
        )
    return "\n".join(rows)


def _seconds(results: Comparison) -> str:
    return _table(results, lambda name, peer: _shown(results.median("later", name, peer), "{:.3f}"))


def _startup(results: Comparison) -> str:
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


def _whole(results: Comparison) -> str:
    name, lengths = WHOLE
    rows = []
    for peer in PEERS:
        walls = [_shown(results.median("wall", name, peer, n), "{:.1f}") for n in lengths]
        if any(results.figures("wall", name, peer, n) for n in lengths):
            rows.append(f"| {NAMES[peer]} | {' | '.join(walls)} |")
    return "\n".join(rows or ["| not measured | - | - | - |"])


def _memory(results: Comparison) -> str:
    def cell(name: str, peer: str) -> str:
        peak = results.median("peak_bytes", name, peer)
        return _shown(None if peak is None else peak / 1e6, "{:.0f}")

    return _table(results, cell)


def _limit(results: Comparison) -> str:
    """A row a network: what an epoch would take at least, and mtrain's share of it."""
    rows = []
    for name in results.workloads:
        workload = WORKLOADS[name]
        ours = min(results.figures("fastest", name, MTRAIN))
        products = workload.flops / _matrix_limit(results)
        traffic = _traffic_limit(results, name)
        moving = None if traffic is None else workload.bytes_moved / traffic
        share = max(products, moving or 0.0) / ours
        cells = (
            f"{ours:.3f}",
            f"{products:.3f}",
            f"{workload.bytes_moved / 1e9:.1f} GB",
            _shown(moving, "{:.3f}"),
            f"{share:.0%}",
        )
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _products(results: Comparison) -> str:
    def cell(name: str, peer: str) -> str:
        seconds = results.median("later", name, peer)
        if seconds is None:
            return "-"
        return f"{WORKLOADS[name].flops / seconds / _matrix_limit(results):.0%}"

    return _table(results, cell)


def _matrix_limit(results: Comparison) -> float:
    return float(statistics.median(found["matrix"] for found in results.data["limits"]))


def _traffic_limit(results: Comparison, name: str) -> float | None:
    """Bytes a second; None: not measured."""
    found = [limit["traffic"][name] for limit in results.data["limits"] if name in limit["traffic"]]
    return statistics.median(found) if found else None


def _accuracy(results: Comparison) -> str:
    def cell(name: str, peer: str) -> str:
        values = results.figures("accuracy", name, peer)
        if not values:
            return "-"
        mean = f"{statistics.fmean(values):.4f}"
        if len(values) == 1:
            return mean
        differs = ", differs" if accuracy_differs(results, name, peer) else ""
        return f"{mean} ± {statistics.stdev(values):.4f}{differs}"

    return _table(results, cell)


def accuracy_differs(results: Comparison, workload: str, peer: str) -> bool:
    """Whether from that of `keras fit` by more than the noise of seeds: Welch's t-test."""
    theirs, stock = (results.figures("accuracy", workload, p) for p in (peer, STOCK))
    return bool(ttest_ind(theirs, stock, equal_var=False).pvalue < NO_NOISE)


def _parity(drifts: dict[str, dict[str, float]]) -> str:
    rows = (
        f"| {name} | {found['graph']:g} | {found['xla, one step']:.0e} | {found['xla']:.0e} |"
        for name, found in drifts.items()
    )
    return "\n".join(rows)


def _processes(count: int) -> str:
    return "one process" if count == 1 else f"{count} processes"


def _networks(results: Comparison) -> str:
    if len(results.workloads) == len(WORKLOADS):
        return "Eight networks are"
    return f"Of eight networks, only {', '.join(results.workloads)} have been measured. They are"


def _confidence(rounds: int) -> str:
    """A sentence on the range from the lowest to the highest of so many values."""
    if rounds < 2:
        return ""
    return f" This range contains the true median with {1 - 2 ** (1 - rounds):.0%} confidence."


def _table(results: Comparison, cell: Any) -> str:
    """A row a workload, a column a peer."""
    head = "| | " + " | ".join(NAMES[peer] for peer in PEERS) + " |"
    rows = (
        f"| {name} | {' | '.join(cell(name, peer) for peer in PEERS)} |"
        for name in results.workloads
    )
    return "\n".join([head, "|---" * (len(PEERS) + 1) + "|", *rows])


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _machine(results: Comparison) -> str:
    machine = results.data["machine"]
    versions = ", ".join(f"{name} {v}" for name, v in machine["versions"].items() if v)
    limit = _matrix_limit(results) / 1e9
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}, Python {machine['python']}; {versions}. It multiplies two matrices of "
        f"4096 x 4096 float32 numbers at {limit:.0f} GFLOP/s."
    )
