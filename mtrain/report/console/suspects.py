"""How far the lists of suspects can be trusted, in the console."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from mtrain.records.dataset import SPLITS
from mtrain.report.console.output import inert_text, make_console
from mtrain.report.remarks import percent
from mtrain.report.text import share

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtrain.records.suspects import FoundFlips, SuspectTrial

FILES = {"train": "suspects.csv", "test": "evaluation/test/suspects.csv"}
"""Where a run has the list."""

LIMITS = """\
A label that was wrong before counts as wrongly named, so precision is a lower bound. It is that of data with as
many wrong labels as were flipped; the fewer there are, the lower it is. Real mistakes are harder to find than
random ones, so recall is rather an upper bound."""
"""What the figures do not say."""


def print_suspects(trial: SuspectTrial, stream: TextIO) -> None:
    """Each list with what it named and found, and how to read the figures."""
    console = make_console(stream)
    console.print("suspects: labels of each split were flipped, with 95 % intervals:")
    for one in trial.lists:
        for line in _lines(one):
            console.print(inert_text(line))
    if trial.problem is not None:
        console.print(
            inert_text(
                f"{trial.problem} on the test split: the network has learned nothing, so precision and recall "
                "mean nothing"
            )
        )
    console.print(LIMITS.replace("\n", " "))


def _lines(one: FoundFlips) -> Iterator[str]:
    yield (
        f"{SPLITS[one.split]} ({FILES[one.split]}): {one.flipped:,} of {one.rows:,} labels "
        f"({percent(one.share)}) flipped; {one.named:,} rows named, {one.found:,} of them flipped"
    )
    yield (
        f"  precision {share(one.precision)}{_interval(one.precision_ci)}, "
        f"recall {share(one.recall)}{_interval(one.recall_ci)}"
    )
    if one.half_right:
        yield f"  at least half of the first {one.half_right:,} named are flipped"
    elif one.named:
        yield "  however few are taken from its top, fewer than half are flipped"
    if one.unseen:
        yield (
            f"  {one.unseen:,} of the flipped rows were never learned from (training.steps_per_epoch), "
            "and cannot be named"
        )


def _interval(bounds: tuple[float, float] | None) -> str:
    return "" if bounds is None else f" ({share(bounds[0])} to {share(bounds[1])})"
