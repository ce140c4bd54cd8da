"""The result of rules that a trained model must meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["passed", "failed", "inconclusive"]


@dataclass(frozen=True)
class RuleResult:
    """A rule, and what the evaluation shows of it."""

    rule: str
    """As it was written."""

    outcome: Outcome
    """*passed* if it is shown to hold, *failed* if the contrary is shown, at 5 % over all rules."""

    value: float | None
    """The figure; of a rule about every class, that of the class that decides. None: undefined."""

    limit: float | None
    """The value that it must keep; of a rule about the baseline, the baseline's and the margin, None
    if the baseline's is undefined."""

    class_name: str | None
    """The class of the value."""

    p_pass: float | None
    """The p-value of the contrary, adjusted for all rules; None: undefined."""

    p_fail: float | None
    """The p-value of the rule itself, adjusted for all rules and classes."""

    reason: str
    """What was counted."""

    rows_needed: int | None
    """Of *inconclusive*: rows of the split after which, at the value seen, 80 % of evaluations would
    decide. None: it is decided, or no number of rows would do."""


@dataclass(frozen=True)
class Gate:
    """All rules of an evaluation."""

    run: str
    checkpoint: str
    split: str
    n: int
    """Rows."""

    looks: int
    """Epochs of which the checkpoint was the best on this split; the p-values allow for them."""

    baseline: str
    """What `baseline` in a rule means: a run, or always predicting a class."""

    inconclusive: Literal["pass", "fail"] | None
    """How an inconclusive rule counts; None: as neither."""

    results: tuple[RuleResult, ...]
    groups: int | None = None
    """Groups of rows that belong together, which are counted; None: rows have none."""

    def __repr__(self) -> str:
        return f"<mtrain.Gate of {self.run}: {self.summary}>"

    @property
    def summary(self) -> str:
        """How many rules passed, failed and are inconclusive, in a line."""
        outcomes = [result.outcome for result in self.results]
        counts = {one: outcomes.count(one) for one in ("failed", "inconclusive", "passed")}
        parts = [f"{n:,} {outcome}" for outcome, n in counts.items() if n]
        rules = "1 rule" if len(outcomes) == 1 else f"{len(outcomes):,} rules"
        return f"{self.outcome}: {', '.join(parts)} of {rules}"

    @property
    def outcome(self) -> Outcome:
        """Of all rules: *failed* if one is, else *inconclusive* if one is."""
        outcomes = {result.outcome for result in self.results}
        if "inconclusive" in outcomes and self.inconclusive is not None:
            outcomes.add("passed" if self.inconclusive == "pass" else "failed")
            outcomes.remove("inconclusive")
        return next((one for one in ("failed", "inconclusive") if one in outcomes), "passed")

    @property
    def exit_status(self) -> int:
        """0 passed, 3 failed, 5 inconclusive."""
        return {"passed": 0, "failed": 3, "inconclusive": 5}[self.outcome]

    @property
    def worst_first(self) -> tuple[RuleResult, ...]:
        """The rules that failed, then the inconclusive ones, each in their order."""
        order = ("failed", "inconclusive", "passed")
        return tuple(sorted(self.results, key=lambda result: order.index(result.outcome)))
