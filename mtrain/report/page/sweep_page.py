"""The page of a sweep as HTML: what was swept, what is shown of it, and every figure behind it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mtrain.config.loading.axes import axis_labels, value_text
from mtrain.records.dataset import SPLITS
from mtrain.report.page.axis_chart import axis_charts
from mtrain.report.page.rendering import load_templates, render_html
from mtrain.report.page.run_page import MOST_CLASSES
from mtrain.report.sweep_remarks import ensemble_columns, findings, setting_columns, setting_text
from mtrain.report.text import MARKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtrain.records.sweep import MemberResult, SweepResult, SweptFigure
    from mtrain.report.page.content import SweepPageContent

MOST_ROWS = 1000
"""Members, and settings, in tables; of more, the best."""

TEMPLATE = "sweep.html"


@dataclass(frozen=True)
class MemberRow:
    """A member in the table of members."""

    member: MemberResult
    page: str | None
    """A link to its own page; None: it has none."""

    values: tuple[str, ...]
    """Of each axis."""

    state: str


def load() -> None:
    """Load what `html_page` needs, in advance."""
    load_templates(TEMPLATE)


def html_page(content: SweepPageContent) -> str:
    """One file of HTML without scripts, which loads nothing from anywhere."""
    result, report = content.result, content.pooled
    ranking = result.ranking[:MOST_ROWS]
    columns = setting_columns(result, ranking, content.in_training)
    members = list(_members(content))
    of_ensembles, ensemble_figures = ensemble_columns(result, ranking)
    entries = [] if report is None else report.lowest_f1(MOST_CLASSES)
    values: dict[str, Any] = {
        "content": content,
        "plan": content.plan,
        "config": content.plan.name.removesuffix("-sweep"),
        "result": result,
        "environment": content.environment,
        "axes": {key: _values_text(values) for key, values in content.plan.axes.items()},
        "halving": _halving_text(content),
        "states": ", ".join(f"{n:,} {state}" for state, n in _states(content).items()),
        "findings": list(findings(result, content.in_training)),
        "columns": list(columns),
        "settings": [
            (setting_text(result.settings[place], result), cells)
            for place, *cells in zip(ranking, *columns.values(), strict=True)
        ],
        "ensemble_columns": list(ensemble_figures),
        "ensembles": [
            (name, cells)
            for name, *cells in zip(of_ensembles, *ensemble_figures.values(), strict=True)
        ],
        "settings_left_out": len(result.settings) - len(ranking),
        "labels": list(axis_labels(result.axes).values()),
        "has_validation": any(member.val is not None for member in result.members),
        "members": members[:MOST_ROWS],
        "members_left_out": len(members[MOST_ROWS:]),
        "seeds": _of_seeds(result, ranking),
        "charts": list(axis_charts(result, content.axes)),
        "report": report,
        "split": None if report is None else SPLITS[report.split],
        "entries": entries,
        "left_out": 0 if report is None else len(report.classes) - len(entries),
        "marks": MARKS,
    }
    return render_html(TEMPLATE, values)


def _values_text(values: Any) -> str:
    return values if isinstance(values, str) else ", ".join(map(value_text, values))


def _halving_text(content: SweepPageContent) -> str | None:
    """`by val_loss, keep 0.5, every 5`; None without halving."""
    halving = content.plan.halving
    if halving is None:
        return None
    known = {"by": content.result.by or "loss"}
    known |= {key: value for key, value in halving.items() if value is not None}
    return ", ".join(f"{key} {value_text(value)}" for key, value in known.items())


def _state(content: SweepPageContent, member: MemberResult) -> str:
    return "in training" if member.member in content.in_training else member.state


def _states(content: SweepPageContent) -> Counter[str]:
    """How many members are finished, diverged, failed, stopped, in training, or wait."""
    found = Counter(_state(content, member) for member in content.result.members)
    order = ("finished", "diverged", "failed", "stopped", "in training", "waiting")
    return Counter({state: found[state] for state in order if found[state]})


def _members(content: SweepPageContent) -> Iterator[MemberRow]:
    """Those of the best setting first, as in `sweep.csv`."""
    result = content.result
    by_setting: dict[int, list[MemberResult]] = {}
    for member in result.members:
        by_setting.setdefault(member.setting, []).append(member)
    for place in result.ranking:
        values = tuple(value_text(result.settings[place].values[key]) for key in result.axes)
        for member in by_setting.get(place, []):
            is_linked = member.state == "finished" and member.member in content.with_page
            # After ./ and without a colon, no name is the scheme of an address.
            page = f"./{quote(member.member, safe='')}/report.html" if is_linked else None
            state = _state(content, member)
            yield MemberRow(
                member, page, values, f"{state}: {member.problem}" if member.problem else state
            )


def _of_seeds(
    result: SweepResult, ranking: tuple[int, ...]
) -> list[tuple[str, SweptFigure, SweptFigure | None]]:
    """Each setting that has an accuracy, with it and its macro F1, where seeds were swept."""
    settings = [result.settings[place] for place in ranking] if result.seeds else []
    return [
        (setting_text(one, result), one.accuracy, one.f1_macro)
        for one in settings
        if one.accuracy is not None
    ]
