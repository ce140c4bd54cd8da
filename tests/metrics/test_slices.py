"""An evaluation by the values of a column: its figures, verdicts and comparisons."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest, fisher_exact
from sklearn.metrics import classification_report, log_loss

from mtrain.metrics.counts import class_counts
from mtrain.metrics.report import make_report
from mtrain.metrics.slices import make_slices
from mtrain.metrics.verdict import Judged, verdicts, verdicts_together
from mtrain.records.requirement import Requirement
from mtrain.records.slice_rows import SliceRows
from mtrain.records.training import Predictions


def predicted_rows(labels, predicted, n_classes, **others):
    """Predictions that are sure of these classes."""
    odds = np.full((len(labels), n_classes), 0.1) + np.eye(n_classes)[np.asarray(predicted)]
    probabilities = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    return Predictions(np.asarray(labels), np.asarray(predicted), probabilities, 0.5, **others)


def random_rows(n_classes, rows=400, seed=0, **others):
    """Two thirds of them right."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, n_classes, rows)
    guessed = draw.integers(0, n_classes, rows)
    return predicted_rows(
        labels, np.where(draw.random(rows) < 0.6, labels, guessed), n_classes, **others
    )


def parts_of(values):
    """The slices of these values."""
    values = np.asarray(values)
    return [SliceRows(str(value), np.flatnonzero(values == value)) for value in np.unique(values)]


def sliced(predictions, values, looks=1):
    """The slices of predictions by a value each."""
    classes = tuple("abcdefghij"[: predictions.probabilities.shape[1]])
    required = [Requirement()] * len(classes)
    report = make_report(
        predictions, classes, split="val", checkpoint="epoch-0001", required=required, looks=looks
    )
    parts = parts_of(values)
    return make_slices("region", parts, predictions, classes, required=required, of=report)


def table(*cells):
    """Predictions of two classes and a slice for each, from its confusion matrix."""
    labels, predicted, values = [], [], []
    for value, confusion in zip("xyz", cells, strict=False):
        for k, row in enumerate(confusion):
            for j, n in enumerate(row):
                labels += [k] * n
                predicted += [j] * n
                values += [value] * n
    return predicted_rows(labels, predicted, 2), values


def holm(p):
    """By hand: the i-th smallest of m times m - i, and no smaller than those before."""
    adjusted, largest = [0.0] * len(p), 0.0
    for i, at in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min((len(p) - i) * p[at], 1.0))
        adjusted[at] = largest
    return adjusted


def same(ours, theirs):
    """Equal to 1e-12; None is NaN."""
    return ours == pytest.approx(theirs, abs=1e-12) or (ours is None and math.isnan(theirs))


@pytest.mark.parametrize("n_classes", [2, 7])
@pytest.mark.parametrize("n_slices", [3, 40])
def test_the_figures_of_each_slice_are_those_of_scikit_learn(n_classes, n_slices):
    """Also where slices lack some of the classes."""
    predictions = random_rows(n_classes)
    values = np.random.default_rng(1).integers(0, n_slices, len(predictions.labels))
    result = sliced(predictions, values)

    assert len(result.slices) == n_slices
    for one in result.slices:
        rows = values == int(one.value)
        labels, predicted = predictions.labels[rows], predictions.predicted[rows]
        theirs = classification_report(
            labels, predicted, labels=range(n_classes), output_dict=True, zero_division=np.nan
        )
        assert one.n == rows.sum()
        assert one.accuracy == pytest.approx((labels == predicted).mean(), abs=1e-12)
        for k, each in enumerate(one.classes):
            its = theirs[str(k)]
            assert same(each.precision, its["precision"])
            assert same(each.recall, its["recall"])
            assert same(each.f1, its["f1-score"])
            assert each.support == its["support"]
        macro = theirs["macro avg"]
        assert same(one.averages.macro.precision, macro["precision"])
        assert same(one.averages.macro.recall, macro["recall"])
        assert same(one.averages.macro.f1, macro["f1-score"])
        probabilities = predictions.probabilities[rows].astype(np.float64)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        expected = log_loss(labels, probabilities, labels=range(n_classes))
        assert one.log_loss == pytest.approx(expected, abs=1e-6)
    assert sum(one.n for one in result.slices) == len(values)


def test_a_slice_has_the_intervals_of_a_report_on_its_rows_alone():
    """Only p-values and what follows from them differ: they allow for the other slices."""
    predictions = random_rows(3, rows=90)
    values = np.arange(90) % 3
    for one in sliced(predictions, values).slices:
        rows = np.flatnonzero(values == int(one.value))
        alone = make_report(
            predicted_rows(predictions.labels[rows], predictions.predicted[rows], 3),
            ("a", "b", "c"),
            split="val",
            checkpoint="epoch-0001",
        )
        assert one.averages == alone.averages
        assert one.baseline == alone.baseline
        for ours, theirs in zip(one.classes, alone.classes, strict=True):
            decided = {name: getattr(theirs, name) for name in ("verdict", "p", "rows_needed")}
            assert replace(ours, reason=theirs.reason, **decided) == theirs
            assert ours.p >= theirs.p


def test_the_interval_of_the_accuracy_is_wilsons():
    """Of 8 of 10 rows, by hand: 0.490 to 0.943."""
    one = sliced(predicted_rows([0] * 5 + [1] * 5, [0] * 4 + [1] * 5 + [0], 2), [0] * 10).slices[0]

    assert one.accuracy == 0.8
    assert one.accuracy_ci == pytest.approx((0.4901625, 0.9433178), abs=1e-6)


def test_verdicts_are_adjusted_for_all_classes_of_all_slices():
    """By SciPy's tests: of each class the largest of recall, precision and chance; Holm of six."""
    cells = ([[18, 2], [4, 16]], [[30, 1], [2, 40]], [[9, 3], [2, 10]])
    predictions, values = table(*cells)
    result = sliced(predictions, values)

    p = []
    for confusion in np.array(cells):
        for k in (0, 1):
            tp, support, called = confusion[k, k], confusion[k].sum(), confusion[:, k].sum()
            shares = [
                binomtest(tp, n, 0.5, alternative="greater").pvalue for n in (support, called)
            ]
            chance = fisher_exact(confusion, alternative="greater").pvalue
            p.append(max(*shares, chance))
    found = [each.p for one in result.slices for each in one.classes]
    assert found == pytest.approx(holm(p), rel=1e-9)
    decided = [each.verdict for one in result.slices for each in one.classes]
    assert decided == ["learned" if each <= 0.05 else "unproven" for each in holm(p)]
    assert set(decided) == {"learned", "unproven"}


def test_a_family_of_one_is_a_split():
    """The same verdicts, whichever function makes them; more of them are less sure."""
    counts = class_counts(np.array([[18, 2], [4, 16]]))
    required = [Requirement()] * 2
    alone = verdicts(counts, "ab", required, looks=3)

    assert verdicts_together([Judged(counts)], "ab", required, looks=3)[0] == alone
    first, second = verdicts_together([Judged(counts)] * 2, "ab", required, looks=3)
    assert first == second
    assert all(one.p > other.p for one, other in zip(first, alone, strict=True))


def test_a_class_that_a_slice_lacks_is_not_counted_in_the_family():
    """Its verdict says that the slice has no row of it."""
    predictions, values = table([[18, 2], [4, 16]], [[20, 0], [0, 0]])
    lacking = sliced(predictions, values).slices[1].classes[1]

    assert (lacking.verdict, lacking.p) == ("unproven", None)
    assert lacking.reason == "no row of this class in the slice"


def test_a_worse_slice_is_shown_by_fishers_exact_test():
    """By SciPy: each slice against all other rows, one-sided; Holm over slices, and over classes."""
    cells = np.array(([[40, 20], [20, 40]], [[95, 5], [3, 97]], [[47, 3], [6, 44]]))
    predictions, values = table(*cells)
    result = sliced(predictions, values)

    right, rows = cells[:, [0, 1], [0, 1]], cells.sum(axis=2)

    def lower(hits, n):
        others = hits.sum() - hits, n.sum() - n
        return [
            fisher_exact([[h, m - h], [g, o - g]], alternative="less").pvalue
            for h, m, g, o in zip(hits, n, *others, strict=True)
        ]

    expected = holm(lower(right.sum(axis=1), rows.sum(axis=1)))
    assert [one.p_lower for one in result.slices] == pytest.approx(expected, rel=1e-9)
    assert [one.p_lower <= 0.05 for one in result.slices] == [True, False, False]
    of_classes = np.array([lower(right[:, k], rows[:, k]) for k in (0, 1)]).T.ravel().tolist()
    assert sum(p <= 0.05 for p in holm(of_classes)) == 2
    assert [(one.kind, one.classes) for one in result.findings] == [
        ("lower-accuracy", ()),
        ("lower-recall", ("a",)),
        ("lower-recall", ("b",)),
    ]
    assert [one.text for one in result.findings] == [
        "region x: only 80 of 120 rows are right (0.667); of all other rows 0.943 are (p < 0.001)",
        "region x: only 40 of 60 rows of a are found (0.667); of its rows elsewhere 0.947 are "
        "(p < 0.001)",
        "region x: only 40 of 60 rows of b are found (0.667); of its rows elsewhere 0.940 are "
        "(p < 0.001)",
    ]


def test_slices_that_differ_by_chance_are_no_finding():
    """Of 200 evaluations whose slices are drawn at random, at most 5 % name one in either way."""
    named = 0
    for seed in range(200):
        predictions = random_rows(2, rows=150, seed=seed)
        values = np.random.default_rng(1000 + seed).integers(0, 5, 150)
        kinds = {one.kind for one in sliced(predictions, values).findings}
        named += "lower-accuracy" in kinds
    assert named <= 0.05 * 200


def test_a_slice_where_nothing_is_right_is_said_in_words():
    predictions, values = table([[0, 10], [0, 10]], [[50, 0], [0, 50]])

    assert "region x: none of 10 rows of a are found (0.000); of its rows elsewhere 1.000 are " in [
        one.text.partition("(p")[0] for one in sliced(predictions, values).findings
    ]


def test_looks_at_the_validation_count():
    """P-values of comparisons and of verdicts are multiplied by them."""
    predictions, values = table([[14, 6], [5, 15]], [[18, 2], [2, 18]])
    once, often = sliced(predictions, values), sliced(predictions, values, looks=3)

    for one, other in zip(once.slices, often.slices, strict=True):
        assert other.p_lower == pytest.approx(min(3 * one.p_lower, 1))
        for ours, theirs in zip(one.classes, other.classes, strict=True):
            assert theirs.p == pytest.approx(min(3 * ours.p, 1))


def test_of_rows_in_groups_intervals_count_groups_and_nothing_is_compared():
    """Ten groups of twelve rows, all right or all wrong; a slice of one group knows hardly anything."""
    groups = np.repeat(np.arange(10), 12)
    labels = np.arange(120) % 2
    predicted = np.where(groups % 5 == 0, 1 - labels, labels)
    values = np.where(groups == 9, "single", np.where(groups < 5, "first", "second"))
    rows = predicted_rows(labels, predicted, 2)
    by_rows, by_groups = sliced(rows, values), sliced(replace(rows, groups=groups), values)

    assert [one.groups for one in by_groups.slices] == [5, 4, 1]
    for one, other in zip(by_rows.slices, by_groups.slices, strict=True):
        assert (other.accuracy, other.p_lower) == (one.accuracy, None)
        assert other.accuracy_ci[0] < one.accuracy_ci[0]
    # Of one group, a Wilson interval of one row.
    assert by_groups.slices[2].accuracy_ci == pytest.approx((0.2065493, 1.0), abs=1e-6)
    assert [(one.kind, one.text) for one in by_groups.findings] == [
        (
            "slices-not-compared",
            "Rows come in groups, so whether a slice is worse than the others is not tested; its "
            "intervals and verdicts count groups",
        )
    ]


def test_a_column_of_one_value_has_nothing_to_compare():
    result = sliced(random_rows(2), ["north"] * 400)

    assert result.slices[0].p_lower is None
    assert [(one.kind, one.text) for one in result.findings] == [
        (
            "one-slice",
            "Every row has the value 'north' in column 'region': there is nothing to compare",
        )
    ]


def test_weights_change_nothing():
    """Counts are of rows, also where all rows of a slice weigh nothing."""
    predictions = random_rows(2)
    values = np.arange(400) % 4
    weighted = replace(predictions, weights=(values > 0).astype(np.float64))

    assert sliced(weighted, values) == sliced(predictions, values)
