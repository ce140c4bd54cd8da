"""Reports on rows that belong together."""

from __future__ import annotations

import numpy as np
import pytest

from mtrain.metrics.report import make_report
from mtrain.records.training import Predictions


def report(groups, *, wrong=4):
    """Two classes of 12 groups of 20 rows each, of which `wrong` are taken for the other class."""
    truth = np.repeat([0, 1], 240)
    of = np.repeat(np.arange(24), 20)
    is_wrong = of % 12 < wrong
    predicted = np.where(is_wrong, 1 - truth, truth)
    probabilities = np.eye(2, dtype=np.float32)[predicted]
    given = None if groups is None else of if groups == "groups" else np.arange(480)
    predictions = Predictions(truth, predicted, probabilities, 0.1, groups=given)
    return make_report(predictions, ("a", "b"), split="test", checkpoint="epoch-0001")


def width(interval):
    return interval[1] - interval[0]


def test_verdicts_and_intervals_count_groups():
    """What 160 of 240 rows show, 8 of 12 patients do not; figures are those of rows."""
    by_rows, by_groups = report(None), report("groups")

    assert (by_rows.groups, by_groups.groups) == (None, 24)
    assert by_groups.rows == "480 rows of 24 groups"
    for one, other in zip(by_rows.classes, by_groups.classes, strict=True):
        assert (one.verdict, other.verdict) == ("learned", "unproven")
        assert (one.recall, one.precision, one.f1) == (other.recall, other.precision, other.f1)
        assert other.reason == f"{one.reason}; not shown to be better than chance"
        # Twenty rows that are all alike are one.
        for figure in ("precision_ci", "recall_ci", "f1_ci"):
            assert width(getattr(other, figure)) > 3 * width(getattr(one, figure))
        assert other.rows_needed > 20 * 20
    for figure in ("precision_ci", "recall_ci", "f1_ci"):
        assert width(getattr(by_groups.averages.macro, figure)) > 3 * width(
            getattr(by_rows.averages.macro, figure)
        )
    assert "480 rows of 24 groups" in by_groups._repr_html_()


def test_groups_of_one_row_change_little():
    """The verdict is the same, and so are intervals, to a hundredth."""
    by_rows, single = report(None), report("rows")
    for one, other in zip(by_rows.classes, single.classes, strict=True):
        assert one.verdict == other.verdict
        assert one.recall_ci == pytest.approx(other.recall_ci, abs=0.01)
        assert one.f1_ci == pytest.approx(other.f1_ci, abs=0.01)


def test_a_class_of_enough_groups_is_learned():
    """Where eleven of twelve groups are found, or all."""
    for wrong in (1, 0):
        found = report("groups", wrong=wrong)
        assert [one.verdict for one in found.classes] == ["learned", "learned"]
        assert all(one.p > report(None, wrong=wrong).classes[0].p for one in found.classes)


def test_hits_by_chance_are_of_groups():
    """Most rows of the rare class are found, but they are of two of twenty patients."""
    truth = np.repeat([1, 0], [40, 360])
    predicted = np.repeat([1, 0], [40, 360])
    given = {None: None, "groups": np.repeat(np.arange(20), 20)}
    p = {}
    for name, groups in given.items():
        predictions = Predictions(truth, predicted, np.eye(2, dtype=np.float32)[predicted], 0.1, groups=groups)  # fmt: skip
        p[name] = make_report(predictions, ("a", "b"), split="test", checkpoint="c").classes[1].p

    assert p[None] < 1e-9
    assert p["groups"] > 0.05
