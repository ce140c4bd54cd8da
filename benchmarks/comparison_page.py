"""What benchmarks.md says of the comparison with other programs."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scipy.stats import ttest_ind

from benchmarks.chart import NAMES
from benchmarks.compare import EPOCHS, PEERS, WHOLE
from benchmarks.processes import MTRAIN
from benchmarks.workloads import WORKLOADS, Workload

if TYPE_CHECKING:
    from benchmarks.comparison import Comparison, Ratio

TEMPLATES = Path(__file__).with_name("templates")

STOCK = "keras_fit.accuracy"

LEAST_AGAINST_FASTEST = 0.95

AIM = 1.5
"""Against the fastest, where overhead and not arithmetic decides."""

GIVEN_LIMIT = 340e9
"""Floating-point operations a second in the largest product where the targets come from."""

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
            machine=_machine(results.data),
            commit=(results.data["commit"] or "unknown")[:12],
            date=results.data["date"],
            folder=folder,
            networks=_networks(results),
            rounds=_processes(results.rounds),
            confidence=_confidence(results.rounds),
            later=EPOCHS - 1,
            keras=targets_table(results),
            missed=_missed(results),
            fastest=_fastest(results),
            aim=_aim(results),
            counting=counting,
            seconds=_seconds(results),
            startup=_startup(results),
            whole=_whole(results),
            whole_rounds=_processes(len(results.figures("wall", WHOLE[0], MTRAIN, WHOLE[1][0]))),
            memory=_memory(results),
            limit=_limit(results),
            accuracy=_accuracy(results),
            parity=_parity(results.data["parity"]),
        )
    )


def targets(workload: Workload) -> tuple[tuple[str, float], ...]:
    """How many times as fast as which peer mtrain should be."""
    return (STOCK, workload.target), ("keras_fit.per_class", workload.per_class_target)


def targets_table(results: Comparison) -> str:
    """How many times as fast as Keras mtrain is, and the targets: a row a network."""
    rows = []
    for name in results.workloads:
        workload = WORKLOADS[name]
        cells = []
        for peer, target in targets(workload):
            ratio = results.ratio(name, peer)
            of_fastest = results.ratio_of_fastest(name, peer)
            cells.append(f"{ratio} | {of_fastest:.2f} | {target:g}{_verdict(ratio, target)}")
        rows.append(f"| {name} {workload} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _missed(results: Comparison) -> str:
    """The section on missed targets: by how much, and how much faster the arithmetic allows."""
    limit = statistics.median(results.data["matrix_limit"])
    rows = []
    for name in results.workloads:
        workload = WORKLOADS[name]
        reached = [results.ratio(name, peer).median for peer, _ in targets(workload)]
        lacking = [
            f"{1 - ratio / target:.0%}" if ratio < target else "-"
            for ratio, (_, target) in zip(reached, targets(workload), strict=True)
        ]
        if set(lacking) != {"-"}:
            products = workload.flops / limit
            keras, ours = (results.median("later", name, p) for p in (STOCK, MTRAIN))
            assert keras is not None
            assert ours is not None
            cells = (*lacking, f"{ours:.3f}", f"{products:.3f}", f"{keras / products:.1f}")
            rows.append(f"| {name} | {' | '.join(cells)} |")
    text = (TEMPLATES / "missed.md").read_text(encoding="utf-8")
    return text.format(rows="\n".join(rows), factor=f"{GIVEN_LIMIT / limit:.1f}") if rows else ""


def _fastest(results: Comparison) -> str:
    rows = []
    for name in results.workloads:
        peer = results.fastest(name)
        ratio = results.ratio(name, peer)
        of_fastest = f"{results.ratio_of_fastest(name, peer):.2f}"
        verdict = _verdict(ratio, LEAST_AGAINST_FASTEST)
        rows.append(f"| {name} | {NAMES[peer]} | {ratio}{verdict} | {of_fastest} |")
    return "\n".join(rows)


def _verdict(ratio: Ratio, target: float) -> str:
    if ratio.median < target:
        return ", missed"
    return "" if min(ratio.values) >= target else ", not certain"


def _aim(results: Comparison) -> str:
    """The workloads at which the fastest peer takes `AIM` times as long."""
    ratios = {name: results.ratio(name, results.fastest(name)) for name in results.workloads}
    reached = [name for name, ratio in ratios.items() if ratio.median >= AIM]
    return f"at {', '.join(reached)}" if reached else "nowhere"


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
    limit = statistics.median(results.data["matrix_limit"])

    def cell(name: str, peer: str) -> str:
        seconds = results.median("later", name, peer)
        return _shown(
            None if seconds is None else WORKLOADS[name].flops / seconds / limit, "{:.0%}"
        )

    return _table(results, cell)


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


def _machine(data: dict[str, Any]) -> str:
    machine = data["machine"]
    versions = ", ".join(f"{name} {v}" for name, v in machine["versions"].items() if v)
    limit = statistics.median(data["matrix_limit"]) / 1e9
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}, Python {machine['python']}; {versions}. It multiplies two matrices of "
        f"4096 x 4096 float32 numbers at {limit:.0f} GFLOP/s."
    )
