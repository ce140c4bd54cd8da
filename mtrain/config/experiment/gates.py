"""Rules that a trained model must meet, as text: read by a grammar, never evaluated.

rule    = figure comparison limit
figure  = NAME | NAME "[" class "]" | "worst" "(" NAME ")"
limit   = NUMBER | ("baseline" | RIVAL) [ ("+" | "-") NUMBER ]
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from mtrain.config.catalog.metrics import METRIC_ALIASES
from mtrain.config.catalog.names import canonical, suggestion
from mtrain.config.experiment.rivals import ALIASES
from mtrain.config.experiment.section import ListOf
from mtrain.records.rivals import RIVALS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BY_CLASS = ("recall", "precision", "f1")
"""Figures of each class."""

BASELINE = "baseline"
"""What a rule compares with that names no rival: another run, or always predicting one class."""

OF_ALL = ("accuracy", "recall_macro", "precision_macro", "f1_macro", "calibration_error")
"""Figures of all rows; lower is better only for the last."""

_ALIASES = {
    "balanced_accuracy": "recall_macro",
    "f1-score": "f1",
    **{f"macro_{name}": f"{name}_macro" for name in BY_CLASS},
}

_COMPARISONS = (">=", ">", "<=", "<")

_RULE = re.compile(
    r"""\s*(?P<name>[^\W\d][\w-]*?)\s*
    (?: \[\s*(?P<class>.*\S)\s*\] | \(\s*(?P<argument>[^()]*?)\s*\) )?
    \s*(?P<comparison>[<>=!]+)\s*
    (?P<limit>\S.*?)\s*""",
    re.VERBOSE | re.DOTALL,
)
_OTHER = re.compile(
    rf"(?P<than>{'|'.join((BASELINE, *RIVALS, *ALIASES))})\s*(?:(?P<sign>[+-])\s*(?P<offset>\S.*))?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Rule:
    """A figure, and the limit that it must keep."""

    text: str
    """As it was written."""

    figure: str
    """One of `BY_CLASS` or of `OF_ALL`."""

    class_name: str | None
    """The class of a figure of `BY_CLASS`; None: every class."""

    at_least: bool
    """Whether the limit is the lowest value, or else the highest."""

    limit: float
    """Or, of a rule that compares, what is added to the other's value."""

    than: str | None
    """With which it compares: `BASELINE`, or one of `RIVALS`; None: with a number."""


def parse_rule(text: str) -> Rule:
    """The rule that `text` is; raises `ValueError`, which says what is wrong with it."""
    if (parts := _RULE.fullmatch(text)) is None:
        raise ValueError(f"{text!r:.60} is not a rule; one is FIGURE >= LIMIT, as in recall >= 0.8")
    if parts["comparison"] not in _COMPARISONS:
        known = ", ".join(_COMPARISONS)
        raise ValueError(f"unknown comparison {parts['comparison']!r}; choose one of {known}")
    at_least = parts["comparison"][0] == ">"
    figure, class_name = _figure(parts, at_least=at_least)
    limit, than = _limit(parts["limit"])
    if than is not None and figure == "calibration_error":
        raise ValueError(f"calibration_error has no {than}; its limit is a number")
    return Rule(text.strip(), figure, class_name, at_least, limit, than)


def conflicts_of_rules(rules: Sequence[Rule]) -> Iterator[tuple[int, str]]:
    """Rules that repeat an earlier one, or leave no value that keeps both limits, by their place."""
    said: dict[Rule, Rule] = {}
    alike: dict[tuple[str, str | None, bool], list[Rule]] = {}
    for place, rule in enumerate(rules):
        if (same := said.setdefault(replace(rule, text=""), rule)) is not rule:
            yield place, f"{rule.text} repeats {same.text}"
        alike.setdefault((rule.figure, rule.than, rule.at_least), []).append(rule)
        for other in alike.get((rule.figure, rule.than, not rule.at_least), ()):
            low, high = (other, rule) if other.at_least else (rule, other)
            classes = {low.class_name, high.class_name}
            if low.limit > high.limit and (len(classes) == 1 or None in classes):
                yield place, f"{rule.text} contradicts {other.text}"


def without_baseline(rules: Sequence[Rule]) -> Iterator[tuple[int, str]]:
    """Rules that need a run as their baseline, by their place in the list."""
    for place, rule in enumerate(rules):
        if rule.than == BASELINE and rule.figure.startswith("precision"):
            problem = "always predicting one class has no precision of the others"
            yield place, f"{rule.text}: {problem}; the baseline must be a run"


def unknown_classes(rules: Sequence[Rule], classes: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Rules about classes that there are not, by their place in the list."""
    for place, rule in enumerate(rules):
        if rule.class_name is not None and rule.class_name not in classes:
            meant = suggestion(rule.class_name, classes)
            yield place, f"{rule.text}: unknown class {rule.class_name!r:.60}; {meant}"


def _figure(parts: re.Match[str], *, at_least: bool) -> tuple[str, str | None]:
    name, class_name, argument = parts["name"], parts["class"], parts["argument"]
    if argument is not None:
        if name.lower() != "worst":
            raise ValueError(f"unknown function {name!r:.40}; the only one is worst, of a figure")
        if argument in OF_ALL:
            raise ValueError(
                f"{argument} is of all classes; of the worst are {', '.join(BY_CLASS)}"
            )
        if not at_least:
            raise ValueError("the worst class is the lowest: write worst(...) >= LIMIT")
        name = argument
    known = (*BY_CLASS, *OF_ALL)
    aliases = {alias: own for alias, own in METRIC_ALIASES.items() if own in known} | _ALIASES
    try:
        figure = canonical(name, known, aliases)
    except ValueError:
        raise ValueError(f"unknown figure {name!r:.40}; {suggestion(name, known)}") from None
    if figure not in BY_CLASS and (class_name is not None or argument is not None):
        raise ValueError(f"{figure} is of all classes; of one are {', '.join(BY_CLASS)}")
    if class_name is not None and class_name[0] == class_name[-1] and class_name[0] in "'\"":
        class_name = class_name[1:-1]
    return figure, class_name


def _limit(text: str) -> tuple[float, str | None]:
    """The limit, or what is added to the value of the other, and which other."""
    if (parts := _OTHER.fullmatch(text)) is None:
        return _plain_limit(text), None
    than = ALIASES.get(parts["than"], parts["than"])
    if parts["offset"] is None:
        return 0.0, than
    offset = _number(parts["offset"])
    if offset is None or not 0 <= offset < 1:
        raise ValueError(
            f"from {'the baseline' if than == BASELINE else than} it must be a number from 0 to 1, "
            f"got {parts['offset']:.40}"
        )
    return (-offset if parts["sign"] == "-" else offset), than


def _plain_limit(text: str) -> float:
    number = _number(text)
    if number is not None and 0 < number < 1:
        return number
    first_word = text.split(maxsplit=1)[0].lower()
    for near in difflib.get_close_matches(first_word, [BASELINE, *RIVALS], cutoff=0.7):
        raise ValueError(f"unknown limit {text!r:.40}; did you mean {near!r}?")
    meant = ""
    if number is not None and 2 <= number < 100:
        meant = f"; did you mean {number / 100:g}?"
    raise ValueError(
        f"the limit must be a number above 0 and below 1, or {', '.join((BASELINE, *RIVALS))}, got {text:.40}{meant}"
    )


def _number(text: str) -> float | None:
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text, re.IGNORECASE | re.ASCII):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def _readable(text: str) -> str:
    parse_rule(text)
    return text


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Gates = Annotated[
    tuple[Annotated[str, AfterValidator(_readable)], ...],
    ListOf,
    BeforeValidator(_as_list, json_schema_input_type=str | list[str]),
]
