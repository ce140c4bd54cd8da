"""Findings from the numbers of an evaluation: a line each, which every report of it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.records.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mtrain.records.arrays import Ints
    from mtrain.records.figure_comparison import FigureComparison
    from mtrain.records.report import ClassReport, Report

MOST_NAMED = 8
"""The most classes that one sentence names."""

NOTABLE_ERROR = 0.02
"""A calibration error that is worth a line if it is shown to be larger."""

MOST_EXPLAINED = 5
"""The most classes of a verdict with a line each."""


UNLEARNED = {"no-better-than-baseline", "worse-than-baseline"}
"""The kinds of findings by which a network has learned nothing."""


def find(report: Report) -> Iterator[Finding]:
    """The findings of a report, in the order in which they are shown."""
    yield from _against_baseline(report)
    yield from _against_rivals(report)
    yield from _verdicts(report.classes)
    yield from _undefined(report)
    if report.data is not None and not report.data.as_trained_on:
        yield Finding(
            "other-data",
            "These are not the files of the training, though they may hold some of its rows: "
            f"{report.data.source}",
        )
    if report.selected:
        choice = report.threshold_chosen
        chosen = "checkpoint" if choice is None or choice.failed is not None else "threshold"
        allowed = ""
        if report.looks > 1:
            allowed = f"; its verdicts allow for the choice among {report.looks:,}"
        if chosen == "threshold":
            allowed += (
                ", not for the threshold" if allowed else "; its verdicts do not allow for that"
            )
        yield Finding(
            "selected",
            f"The {chosen} was chosen on this split: its figures are optimistic{allowed}",
        )
    found = report.calibration
    if report.split == "val" and found is not None and found.temperature not in {None, 1.0}:
        text = "The temperature was chosen on this split: its probabilities look better than on new rows"
        yield Finding("temperature-selected", text)
    yield from _calibration(report)
    yield from _least_learned(report.classes, report.confusion_matrix)


def _against_baseline(report: Report) -> Iterator[Finding]:
    name, baseline = report.baseline.class_name, report.baseline.accuracy
    if baseline == 1:
        yield Finding("one-class", f"Every row is of '{name}': accuracy says little here", (name,))
    elif report.accuracy is not None and report.accuracy <= baseline:
        is_equal = report.accuracy == baseline
        yield Finding(
            "no-better-than-baseline" if is_equal else "worse-than-baseline",
            f"Accuracy is {'no better' if is_equal else 'worse'} than that of always answering "
            f"'{name}'",
        )


def _against_rivals(report: Report) -> Iterator[Finding]:
    """The rivals that are shown to be better, and by which figure; else that none is."""
    better, accuracies = [], []
    for one in report.rivals or ():
        if one.problem is not None or one.accuracy is None or one.recall_macro is None:
            yield Finding("rival-missing", f"No {one.title} beside the network: {one.problem}")
            continue
        for note in one.notes:
            yield Finding("rival-note", f"{one.title}: {note}")
        figures = {"accuracy": one.accuracy, "balanced accuracy": one.recall_macro}
        if "better" in {of.finding for of in figures.values()}:
            told = [text for name, of in figures.items() if (text := _difference(name, of))]
            is_lower = any((of.difference or 0) < 0 for of in figures.values())
            better.append((f"{one.title}: {'; '.join(told)}", not is_lower))
        accuracies.append(f"{one.title} {one.accuracy.second:.3f}")
    for place, (text, in_all) in enumerate(better, 1):
        conclusion = ""
        if place == len(better) and any(is_better for _, is_better in better):
            conclusion = ": a network of this kind is not the best tool for these data"
        yield Finding("rival-better" if in_all else "rival-mixed", f"{text}{conclusion}")
    if accuracies and not better:
        chosen = "; the network was chosen on these rows, the rivals were not"
        text = f"No rival is shown to be better: accuracy of {', of '.join(accuracies)}"
        yield Finding("no-rival-better", f"{text}{chosen if report.selected else ''}")


def _difference(name: str, of: FigureComparison) -> str:
    """How much more a rival's figure is shown to be, or how much less it is; else nothing."""
    is_shown = of.finding in {"better", "worse"}
    if of.second is None or of.difference is None or (of.difference >= 0 and not is_shown):
        return ""
    how = "less" if of.difference < 0 else "more"
    sure = p_in_words(of.p_adjusted) if is_shown else "not shown"
    return f"{name} {of.second:.3f}, {abs(of.difference):.3f} {how} ({sure})"


def p_in_words(p: float | None) -> str:
    """A p-value in a sentence."""
    return "p undefined" if p is None else "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _verdicts(classes: Sequence[ClassReport]) -> Iterator[Finding]:
    """The classes not learned, the worst first; those unproven; how many were learned."""
    of = {
        verdict: sorted(
            (one for one in classes if one.verdict == verdict and one.support),
            key=lambda one: (one.f1 or 0, one.id),
        )
        for verdict in ("not learned", "unproven", "learned")
    }
    for verdict in ("not learned", "unproven"):
        kind = verdict.replace(" ", "-")
        for one in of[verdict][:MOST_EXPLAINED]:
            text = f"{one.name}: {verdict}: {one.reason}{_needed(one)}"
            yield Finding(kind, text, (one.name,))
        if more := of[verdict][MOST_EXPLAINED:]:
            names = tuple(one.name for one in more)
            text = f"{verdict}: {len(of[verdict]):,} classes in all, also {_listed(names)}"
            yield Finding(kind, text, names)
    n, known = len(of["learned"]), sum(map(len, of.values()))
    if n:
        every = "both classes" if n == 2 else f"all {n:,} classes"
        all_of = every if n == known else f"{n:,} of {known:,} classes"
        names = tuple(one.name for one in of["learned"])
        yield Finding("learned", f"learned: {all_of}", names)


def _needed(one: ClassReport) -> str:
    if one.verdict != "unproven":
        return ""
    if one.rows_needed is None:
        return "; more rows would not decide it"
    return f"; about {one.rows_needed:,} rows of it in all would decide"


def _undefined(report: Report) -> Iterator[Finding]:
    by_reason: dict[tuple[str, str], list[str]] = {}
    for one in report.undefined:
        by_reason.setdefault((one.metric, one.reason), []).append(one.class_name)
    for (metric, reason), names in by_reason.items():
        text = f"Undefined: {metric} of {_listed(names)}, {reason}; not in the macro average"
        yield Finding("undefined", text, tuple(names))


def _calibration(report: Report) -> Iterator[Finding]:
    """Probabilities that are shown to be wrong by more than `NOTABLE_ERROR`."""
    if (found := report.calibration) is None:
        return
    if found.error_ci[0] > NOTABLE_ERROR and report.accuracy is not None:
        difference = found.probability - report.accuracy
        how = "high" if difference > 0 else "low"
        text = (
            f"Probabilities are too {how}: {found.probability:.3f} on average where {report.accuracy:.3f} "
            "are right"
        )
        if abs(difference) < found.error_ci[0] / 2:
            text = "Probabilities are too high for some rows and too low for others"
        low, high = found.error_ci
        error = f"calibration error {found.error:.3f}, 95 % interval {low:.3f} to {high:.3f}"
        yield Finding("miscalibrated", f"{text} ({error})")


def _least_learned(classes: Sequence[ClassReport], confusion: Ints) -> Iterator[Finding]:
    """The class of the lowest F1, and the confusion that costs it most."""
    f1, k = min((one.f1, one.id) for one in classes if one.support and one.f1 is not None)
    if f1 == 1:
        return
    least = classes[k]
    if least.fp > least.fn > 0:
        wrongly = np.where(np.arange(len(classes)) == k, 0, confusion[:, k])
        true, n = classes[int(wrongly.argmax())], int(wrongly.max())
        rows = "row" if n == 1 else "rows"
        text = f"for which {n:,} {rows} of {true.name} {'is' if n == 1 else 'are'} taken"
        named = [least.name, true.name]
    elif least.confused_with:
        other = least.confused_with[0]
        text = f"most often taken for {other.name} ({other.n:,} of {least.support:,})"
        named = [least.name, other.name]
    else:
        others = "row of another class is" if least.fp == 1 else "rows of other classes are"
        text = f"all of its rows are found, but {least.fp:,} {others} taken for it"
        named = [least.name]
    yield Finding(
        "least-learned", f"Least learned: {least.name} (F1 {f1:.2f}), {text}", tuple(named)
    )


def _listed(names: Sequence[str]) -> str:
    """The names; of many, the first ones."""
    parts = [f"'{name}'" for name in names[:MOST_NAMED]]
    if len(names) > len(parts):
        parts.append(f"{len(names) - len(parts)} more")
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
