from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, fisher_exact

from mtrain.metrics.counts import class_counts
from mtrain.metrics.verdict import verdicts
from mtrain.records.requirement import Requirement

NAMES = ("Shirt", "Coat", "Bag")


def judged(confusion, names=NAMES, *, recall=0.5, precision=0.5, looks=1):
    confusion = np.array(confusion)
    names = names[: len(confusion)]
    required = [Requirement(recall, precision)] * len(names)
    return verdicts(class_counts(confusion), names, required, looks)


def test_a_class_found_often_but_called_wrongly_is_not_learned():
    """The case of Fashion-MNIST's shirts: by hand, the binomial tail, doubled, first of two."""
    shirt, other = judged([[702, 298], [565, 8435]], recall=0.6, precision=0.6)
    tail = binomtest(702, 1267, 0.6, alternative="less").pvalue

    assert shirt.verdict == "not learned"
    assert shirt.p == pytest.approx(2 * tail * 2, rel=1e-9)
    assert shirt.rows_needed is None
    assert shirt.reason == (
        "702 of 1,000 found, but of 1,267 called Shirt, only 702 are (0.554; 0.6 was required)"
    )
    assert other.verdict == "learned"
    assert other.reason == "8,435 of 9,000 found, and of 8,733 called Coat, 8,435 are"


def test_the_p_value_of_a_learned_class_is_the_largest_of_three():
    """Recall, precision and chance, by SciPy's tests; the larger one of two classes, by Holm."""
    a, b = judged([[18, 2], [4, 16]])
    by_scipy = [
        max(
            binomtest(tp, 20, 0.5, alternative="greater").pvalue,
            binomtest(tp, called, 0.5, alternative="greater").pvalue,
            fisher_exact([[18, 2], [4, 16]], alternative="greater").pvalue,
        )
        for tp, called in ((18, 22), (16, 18))
    ]

    assert a.verdict == b.verdict == "learned"
    smaller, larger = sorted(by_scipy)
    assert sorted([a.p, b.p]) == pytest.approx([max(2 * smaller, 0), max(larger, 2 * smaller)])


def test_always_answering_one_class_is_no_better_than_chance():
    """198 of 200 stay and all are called so: the tutorials' employees, accuracy 0.99."""
    stays, leaves = judged([[198, 0], [2, 0]], ("stays", "leaves"))

    assert stays.verdict == "unproven"
    assert stays.rows_needed is None
    assert stays.reason == (
        "198 of 198 found, and of 200 called stays, 198 are; not shown to be better than chance"
    )
    assert leaves.verdict == "unproven"
    assert leaves.reason == "none of 2 found (0.5 was required): never predicted"
    # Of rows that are never found, 0.5 to the 7 is the first below 0.05, halved for two sides and
    # again for two classes.
    assert leaves.rows_needed == 7


def test_the_rows_needed_of_the_worse_share_count():
    """Recall is clear; precision, 11 of 16, takes 61 predictions, of which 42 are its rows.

    (2.128 x 0.5 + 0.842 x 0.464)^2 / 0.1875^2 = 60.1, at the first step of Holm's three.
    """
    shirt, _, _ = judged([[11, 0, 0], [3, 40, 0], [2, 0, 40]])

    assert shirt.verdict == "unproven"
    assert shirt.rows_needed == 42


def test_a_share_equal_to_the_requirement_is_never_decided():
    """However many rows there are."""
    shirt, _ = judged([[50, 50], [20, 80]])

    assert (shirt.verdict, shirt.rows_needed) == ("unproven", None)


def test_a_class_without_rows_is_unproven_and_burdens_no_other():
    """Holm is over the two that are present."""
    shirt, coat, bag = judged([[9, 1, 0], [1, 9, 0], [0, 0, 0]])

    assert (bag.verdict, bag.p, bag.rows_needed) == ("unproven", None, None)
    assert bag.reason == "no row of this class in the split"
    assert shirt.p == coat.p == judged([[9, 1], [1, 9]])[0].p


def test_every_look_at_the_rows_is_paid_for():
    """Of twenty epochs the best: twenty times the p-value."""
    once, often = (judged([[75, 25], [25, 75]], looks=looks)[0] for looks in (1, 20))

    assert often.p == pytest.approx(20 * once.p)
    assert (once.verdict, often.verdict) == ("learned", "learned")
    assert judged([[62, 38], [38, 62]], looks=20)[0].verdict == "unproven"


def test_nothing_is_required_where_the_requirement_is_0():
    """Only better than chance: one row of ten found, of ninety others none called so."""
    shirt, _ = judged([[5, 5], [0, 90]], recall=0, precision=0)

    assert shirt.verdict == "learned"


def confusions(share, n_classes, rows, at_limit, repetitions, generator):
    """Tables of classes with this recall or precision; an extra class takes the other mistakes."""
    cells = np.zeros((n_classes + 1, n_classes + 1))
    np.fill_diagonal(cells, rows * share if at_limit == "recall" else rows)
    cells[:-1, -1] = rows * (1 - share) / (1 if at_limit == "recall" else share)
    cells[-1, -1] = 10 * rows
    if at_limit == "precision":
        cells = cells.T
    n, each = cells.sum(axis=1).astype(int), cells / cells.sum(axis=1, keepdims=True)
    return generator.multinomial(n, each, size=(repetitions, n_classes + 1))


@pytest.mark.parametrize("at_limit", ["recall", "precision"])
@pytest.mark.parametrize(("n_classes", "rows"), [(2, 30), (10, 100), (10, 1000)])
def test_at_the_requirement_any_class_is_decided_in_one_evaluation_of_twenty(
    n_classes, rows, at_limit
):
    """Learned, and not learned: at most 5 %, two standard errors aside; without Holm 40 % of ten."""
    repetitions, share = 600, 0.7
    tables = confusions(share, n_classes, rows, at_limit, repetitions, np.random.default_rng(0))
    names = tuple(map(str, range(n_classes + 1)))
    required = [Requirement(share, share)] * n_classes + [Requirement(0, 0)]
    found = []
    for table in tables:
        decided = verdicts(class_counts(table), names, required)[:n_classes]
        found.append({one.verdict for one in decided})
    most = 0.05 + 2 * np.sqrt(0.05 * 0.95 / repetitions)

    learned, not_learned = (
        np.mean([verdict in each for each in found]) for verdict in ("learned", "not learned")
    )
    assert max(learned, not_learned) <= most
    assert learned > 0 or (n_classes, rows) == (2, 30)
