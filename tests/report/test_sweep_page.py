"""The page of a sweep: what it shows, that nothing in it runs or is loaded, and its charts."""

from __future__ import annotations

import re
from dataclasses import replace
from statistics import median

import pytest
from epochs_and_reports import HOSTILE, names_of, predictions_of, report_of
from pages import ENVIRONMENT, WEB, Page

from mtrain.config.loading.axes import Axis, Range
from mtrain.escape import inert
from mtrain.metrics.calibration import calibration_report
from mtrain.records.sweep import (
    MemberResult,
    SettingResult,
    SplitFigures,
    SweepDescription,
    SweepResult,
    SweptFigure,
)
from mtrain.report.page.axis_chart import axis_charts
from mtrain.report.page.content import SweepPageContent
from mtrain.report.page.sweep_page import MOST_ROWS, html_page, load
from mtrain.report.sweep_remarks import findings
from mtrain.report.text import figure, share

RATE, ACTIVATION = "optimizer.learning_rate", "model.activation"
DASH = "\N{EN DASH}"


def sweep_of(rates=(1e-1, 1e-2, 1e-3), seeds=2, activation="relu", **changes):
    """Settings of these rates, each of some seeds; the lower the rate, the better."""
    members, settings = [], []
    for place, rate in enumerate(rates):
        values = [rate + seed / 1000 for seed in range(seeds)]
        names = [f"rate-{place}_seed-{seed}" for seed in range(seeds)]
        for seed, (name, value) in enumerate(zip(names, values, strict=True)):
            figures = SplitFigures(100, value, *(0.9 - place / 50 - seed / 90 for _ in range(4)))
            member = MemberResult(name, place, seed, None, "finished", None, 5, "epoch-0004", 80)
            members.append(replace(member, value=value, val=figures, test=figures))
        swept = SweptFigure(0.9 - place / 50, 0.7, 0.95, 0.011 + place / 100, 0.005)
        found = "best" if place == len(rates) - 1 else "not shown worse" if place % 2 else "worse"
        chosen = {RATE: rate, ACTIVATION: activation}
        mean = sum(values) / len(values)
        f1_macro = SweptFigure(0.8, training=0.02)
        judged = (mean, found, 0.2, swept, f1_macro)
        settings.append(SettingResult(f"rate-{place}", chosen, tuple(names), len(names), *judged))
    sweep = SweepResult(
        name="digits-sweep",
        by="val_loss",
        higher_is_better=False,
        compared_by="log loss of 100 validation rows",
        axes=(RATE, ACTIVATION),
        seeds=seeds,
        folds=None,
        members=tuple(members),
        settings=tuple(settings),
        best=len(rates) - 1,
    )
    return replace(sweep, **changes)


def content_of(result=None, **changes):
    result = result or sweep_of()
    own = {member.member: {} for member in result.members}
    rates = [setting.values[RATE] for setting in result.settings]
    axes = {RATE: rates, ACTIVATION: [result.settings[0].values[ACTIVATION]]}
    plan = SweepDescription(result.name, axes, result.seeds, result.folds, None, None, {}, own)
    content = SweepPageContent(
        name="a sweep",
        state="finished",
        plan=plan,
        axes=[Axis(key, tuple(values)) for key, values in axes.items()],
        settings="name: a sweep\n",
        result=result,
        in_training=frozenset(),
        with_page=frozenset(),
        environment=ENVIRONMENT,
        pooled=None,
        judged={},
        missing=(),
    )
    return replace(content, **changes)


def table_of(page, heading):
    """The lines of the first table whose first heading it is."""
    return next(table for table in page.tables if table[0][0] == heading)


def test_every_number_of_the_tables_is_that_of_the_result():
    """Settings and members the best first, the parts of the mean, and the two are not mixed up."""
    result = sweep_of()
    page = Page(html_page(content_of(result)))
    swept, settings, members, seeds, *_ = page.tables
    best_first = result.settings[::-1]

    assert [row[0] for row in swept[1:]] == [RATE, ACTIVATION]
    assert settings[0][:4] == ["setting", "val_loss", "test accuracy", "macro F1"]
    for one, cells in zip(best_first, settings[1:], strict=True):
        accuracy = one.accuracy
        assert cells[1:4] == [figure(one.value), share(accuracy.mean), share(one.f1_macro.mean)]
        assert cells[4] == one.comparison
        assert cells[5] == f"{share(accuracy.low)} to {share(accuracy.high)}"
        assert cells[6:] == [share(accuracy.training), share(accuracy.rows)]
    by_name = {member.member: member for member in result.members}
    assert [row[0] for row in members[2:]] == [n for one in best_first for n in one.members]
    for cells in members[2:]:
        one = by_name[cells[0]]
        setting = result.settings[one.setting]
        assert cells[1:4] == [f"{setting.values[RATE]:g}", "relu", str(one.seed)]
        assert cells[4:8] == ["finished", "5", "epoch-0004", figure(one.value)]
        for found, own in ((one.val, cells[8:13]), (one.test, cells[13:])):
            macro = (found.precision_macro, found.recall_macro, found.f1_macro)
            assert own == [figure(found.loss), share(found.accuracy), *map(share, macro)]
    for one, cells in zip(best_first, seeds[2:], strict=True):
        assert cells[3:5] == [share(one.accuracy.training), share(one.accuracy.rows)]
        assert cells[5:] == [share(one.f1_macro.mean), share(one.f1_macro.training)]


def test_the_page_says_what_the_console_says():
    result = sweep_of()
    text = Page(html_page(content_of(result))).text

    assert len(list(findings(result))) == 2
    assert all(f"{line}." in text for line in findings(result))


def test_what_was_swept_stands_first():
    """Also how halving chooses, where its figure is that of the ranking."""
    content = content_of()
    plan = replace(
        content.plan,
        config={"dataset.name": "digits"},
        halving={"by": None, "keep": 0.5, "every": 5},
    )
    page = Page(html_page(replace(content, plan=plan)))

    assert page.tables[0][1:] == [[RATE, "0.1, 0.01, 0.001"], [ACTIVATION, "relu"]]
    for text in (
        "digits, data set digits; what all members share",
        "2 of each setting, from 0 to 1",
        "by val_loss, keep 0.5, every 5",
        "6: 6 finished",
    ):
        assert text in page.text
    assert page.text.index("What was swept") < page.text.index("by val_loss: learning_rate 0.001")


def test_the_folds_of_the_best_setting_stand_class_by_class():
    report = report_of(names_of(3))
    result = sweep_of(folds=4)
    page = Page(html_page(content_of(result, pooled=report)))
    classes = table_of(page, "class")

    for one, cells in zip(report.classes, classes[1:-1], strict=True):
        low, high = map(share, one.recall_ci)
        assert (cells[0], cells[1]) == (one.name, str(one.support))
        assert cells[3] == f"{share(one.recall)} ({low}{DASH}{high})"
    missing = Page(html_page(content_of(result))).text
    assert "There is no evaluation of all folds together" in missing


def test_how_right_the_probabilities_of_the_best_setting_are():
    """Of each member, beside its accuracy; of many of the first alone; nothing where they are not judged."""
    names, result = names_of(3), sweep_of()
    report = report_of(names, calibration=calibration_report(predictions_of(3), None))
    found, judged = report.calibration, {"rate-2_seed-1": report}
    page = Page(html_page(content_of(result, judged=judged)))
    (table,) = [table for table in page.tables if table[0][-1] == "calibration error"]

    low, high = found.error_ci
    assert table[1:] == [
        [
            *("rate-2_seed-1", share(report.accuracy), share(found.probability)),
            f"{share(found.error)} ({share(low)}{DASH}{share(high)})",
        ]
    ]
    assert "How right the probabilities of the best setting are, of 1 of its 2 members" in page.text
    judged["rate-2_seed-0"] = report
    assert "of its 2" not in Page(html_page(content_of(result, judged=judged))).text
    assert "How right" not in Page(html_page(content_of(result))).text


def test_only_finished_members_with_a_page_of_their_own_are_links():
    result = sweep_of()
    stopped = replace(
        result.members[0], state="stopped", problem="by SIGINT", value=None, test=None
    )
    result = replace(result, members=(stopped, *result.members[1:]))
    names = frozenset({stopped.member, result.members[-1].member})
    page = Page(html_page(content_of(result, with_page=names)))

    own = [href for href in page.all("href") if not href.startswith("#")]
    assert own == [f"./{result.members[-1].member}/report.html"]
    assert "6: 5 finished, 1 stopped" in page.text
    assert "stopped: by SIGINT" in page.text


def named(result, names):
    """The same sweep with these names of members, and values of an axis."""
    members = [
        replace(one, member=f"{name}{k}", problem=name)
        for k, (one, name) in enumerate(zip(result.members, names, strict=True))
    ]
    settings = [
        replace(
            setting,
            values=setting.values | {ACTIVATION: name},
            members=tuple(one.member for one in members if one.setting == k),
        )
        for k, (setting, name) in enumerate(zip(result.settings, names, strict=False))
    ]
    return replace(result, members=tuple(members), settings=tuple(settings))


@pytest.mark.parametrize("names", [HOSTILE[:6], WEB[:6]])
def test_names_are_text_and_nothing_runs_or_is_loaded(names):
    """No element or attribute comes from a name, and a link leads into a folder of the sweep."""

    def page_of(names):
        result = named(sweep_of(), names)
        every = frozenset(one.member for one in result.members)
        more = {"name": names[0], "missing": names, "settings": f"name: {names[0]}\n"}
        return html_page(content_of(result, with_page=every, **more))

    text = page_of(names)
    page, expected = Page(text), Page(page_of(names_of(len(names))))

    assert [tag for tag, _ in page.elements] == [tag for tag, _ in expected.elements]
    assert {name for _, one in page.elements for name in one} == {
        name for _, one in expected.elements for name in one
    }
    assert not {"script", "link", "iframe", "object", "form"} & {tag for tag, _ in page.elements}
    assert not page.all("src")
    assert "style" not in {name for _, one in page.elements for name in one}
    own = [href for href in page.all("href") if not href.startswith("#")]
    assert len(own) == len(names)
    assert all(re.fullmatch(r"\./[\w%.~-]+/report\.html", href) for href in own)
    assert re.fullmatch(
        r"default-src 'none'; img-src data:; style-src 'sha256-[\w+/]{43}='", page.all("content")[0]
    )
    for name in names:
        assert inert(name) in page.text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", text)


def test_a_page_is_the_same_each_time_and_ids_stand_once():
    text = html_page(content_of())
    page = Page(text)

    assert text == html_page(content_of())
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in page.all("href")} <= set(ids)


def test_of_more_than_a_thousand_members_the_best_stand_there():
    """1,200 of 600 settings: the last ones are the best."""
    result = sweep_of([0.1 - k / 10_000 for k in range(600)])
    text = html_page(content_of(result))
    page = Page(text)
    members = table_of(page, "member")

    assert len(members) == 2 + MOST_ROWS
    assert members[2][0] == "rate-599_seed-0"
    assert "The best 1,000 members; 200 are left out." in page.text
    assert len(text) < 1_500_000


def test_a_sweep_without_a_finished_member_says_so():
    result = sweep_of()
    failed = [
        replace(one, state="failed", problem="no memory", value=None, val=None, test=None)
        for one in result.members
    ]
    empty = {"finished": 0, "value": None, "accuracy": None, "f1_macro": None}
    settings = [replace(one, **empty, comparison="not compared") for one in result.settings]
    result = replace(result, members=tuple(failed), settings=tuple(settings), best=None)
    page = Page(html_page(content_of(result, environment=None)))

    assert "No member is finished, so nothing is shown of the settings." in page.text
    assert "6 of 6 members failed." in page.text
    assert "svg" not in {tag for tag, _ in page.elements}


def test_of_a_sweep_that_runs_the_page_says_until_where():
    result = sweep_of()
    waiting = [
        replace(one, state="waiting", epochs=epochs, value=None, val=None, test=None)
        for one, epochs in zip(result.members[:2], (3, 0), strict=True)
    ]
    result = replace(result, members=(*waiting, *result.members[2:]))
    content = content_of(result, state="running", in_training=frozenset({waiting[0].member}))
    page = Page(html_page(content))

    assert "The sweep is not over" in page.text
    assert "6: 4 finished, 1 in training, 1 waiting" in page.text
    assert "1 of 6 members are in training." in page.text
    rows = {row[0]: row for row in table_of(page, "member")[2:]}
    assert rows[waiting[0].member][4:6] == ["in training", "3"]


def places_of(chart):
    """Where the points are, and the medians: from, height, to."""
    points = re.findall(r"M([\d.]+) ([\d.]+)h0", chart.points)
    medians = re.findall(r"M([\d.]+) ([\d.]+)H([\d.]+)", chart.medians)
    return [tuple(map(float, one)) for one in points], [tuple(map(float, one)) for one in medians]


def test_numbers_stand_on_a_scale_that_is_logarithmic_from_a_factor_of_ten_on():
    """Each point at its value and figure, each median between those of its value."""
    result = sweep_of(rates=(0.1, 0.01, 0.001), seeds=3)
    chart = next(axis_charts(result, content_of(result).axes))
    points, medians = places_of(chart)

    assert chart.note == "on a logarithmic scale"
    assert [text for _, text in chart.x_ticks] == ["0.001", "0.01", "0.1"]
    left, middle, right = (place for place, _ in chart.x_ticks)
    assert middle - left == pytest.approx(right - middle)
    assert len(points) == 9
    top, bottom = chart.y_ticks[-1], chart.y_ticks[0]
    per_unit = (bottom[0] - top[0]) / (float(top[1]) - float(bottom[1]))
    for (x, y), one in zip(points, result.members, strict=True):
        assert y == pytest.approx(bottom[0] - (one.value - float(bottom[1])) * per_unit, abs=0.06)
        assert x == pytest.approx({0: right, 1: middle, 2: left}[one.setting], abs=0.06)
    for (start, y, stop), group, place in zip(
        medians, chart.groups, (left, middle, right), strict=True
    ):
        own = [
            m.value
            for m in result.members
            if result.settings[m.setting].values[RATE] == float(group.value)
        ]
        assert (group.n, group.median) == (3, figure(median(own)))
        assert (group.lowest, group.highest) == (figure(min(own)), figure(max(own)))
        assert start < place < stop
        assert y == pytest.approx(bottom[0] - (median(own) - float(bottom[1])) * per_unit, abs=0.06)


def test_many_numbers_have_medians_of_parts_and_every_member_is_in_one():
    rates = [0.002 + k / 1000 for k in range(40)]
    result = sweep_of(rates, seeds=1)
    chart = next(axis_charts(result, [Axis(RATE, Range(0.0001, 0.1))]))

    assert chart.note == "on a logarithmic scale"
    assert sum(group.n for group in chart.groups) == 40
    assert chart.groups[0].value.split(" to ")[1] == chart.groups[1].value.split(" to ")[0]
    assert [text for _, text in chart.x_ticks] == ["0.0001", "0.001", "0.01", "0.1"]


@pytest.mark.parametrize("rates", [(0.0, 1e-4, 1e-2), ("cosine", "step", "none"), (1, True, "x")])
def test_what_no_scale_holds_stands_side_by_side_in_the_order_of_the_axis(rates):
    """Texts, and zero beside numbers of which two would be at one place."""
    result = sweep_of()
    settings = [
        replace(one, values=one.values | {RATE: rate})
        for one, rate in zip(result.settings, rates, strict=True)
    ]
    result = replace(result, settings=tuple(settings))
    chart = next(axis_charts(result, [Axis(RATE, rates)]))
    places = [place for place, _ in chart.x_ticks]

    assert chart.note == ""
    assert len(chart.groups) == 3
    assert places[1] - places[0] == pytest.approx(places[2] - places[1])


def test_without_a_figure_of_validation_there_is_no_chart():
    result = sweep_of(by=None, best=None)
    result = replace(result, members=tuple(replace(one, val=None) for one in result.members))
    assert not list(axis_charts(result, []))
    page = Page(html_page(content_of(result)))
    assert "over each axis" not in page.text
    assert "the best first" not in page.text
    assert "validation" not in table_of(page, "member")[0]
    own = {member.member: share(member.test.accuracy) for member in result.members}
    assert {row[0]: row[8] for row in table_of(page, "member")[2:]} == own


def test_templates_can_be_loaded_before_they_are_needed(monkeypatch):
    load()
    monkeypatch.setattr("jinja2.Environment.compile", None)
    assert html_page(content_of()).startswith("<!DOCTYPE html>")
