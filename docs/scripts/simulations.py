"""Simulate how often verdicts, intervals, comparisons, gates and promised thresholds are wrong.

    python docs/scripts/simulations.py

Writes docs/simulations.md, whose tables are all from here. Takes over twenty minutes on two cores.
`python docs/scripts/simulations.py sweeps` prints one table, by its name in the template.
"""

from __future__ import annotations

import math
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import softmax
from scipy.stats import binom, binomtest, norm

from mtrain.config.experiment.gates import BASELINE, parse_rule
from mtrain.metrics.counts import ClassCounts, class_counts
from mtrain.metrics.gates import judge, majority_pairs
from mtrain.metrics.prediction_sets import choose_sets
from mtrain.metrics.report import make_report
from mtrain.metrics.thresholds import choose_threshold
from mtrain.metrics.verdict import verdicts
from mtrain.records.requirement import Requirement
from mtrain.records.training import Predictions
from mtrain.statistics.averages import f1_interval, macro_share
from mtrain.statistics.best import pairs_with_best
from mtrain.statistics.binomial import wilson
from mtrain.statistics.calibration import calibration
from mtrain.statistics.crossed import crossed_mean
from mtrain.statistics.influence import FIGURES, influence
from mtrain.statistics.paired import accuracy_difference, class_differences, macro_difference
from mtrain.statistics.pairs import Pairs, pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    Array = NDArray[Any]

ROOT = Path(__file__).parents[2]
TEMPLATE = Path(__file__).with_name("simulations.template.md")

SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
ROWS = (20, 100, 1000, 10_000)
LEVEL = 0.05


def main(names: list[str]) -> None:
    """Run all simulations and write the page, or print the tables of these names."""
    with ProcessPoolExecutor(2) as pool:
        tables = {name: TABLES[name](pool) for name in names or TABLES}
    if names:
        print("\n\n".join(tables.values()))
        return
    page = TEMPLATE.read_text(encoding="utf-8").format(**tables)
    (ROOT / "docs" / "simulations.md").write_text(page, encoding="utf-8")


def _table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    headings = tuple(headings)
    lines = [headings, ("---",) * len(headings), *(tuple(map(_cell, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    if isinstance(value, float | np.floating):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _cells(rows: Array, share: float) -> Array:
    """Cells of a confusion matrix in which `share` of each class is found, as shares of all."""
    k = len(rows)
    cells = np.full((k, k), (1 - share) / (k - 1))
    np.fill_diagonal(cells, share)
    cells = cells * rows[:, None]
    normalised: Array = cells / cells.sum()
    return normalised


# Verdicts

VERDICTS = list(product((2, 10, 100), (30, 100, 1000), ("recall", "precision", "both")))
LIMIT = 0.7


def _verdicts(k: int, rows: int, at_limit: str) -> tuple[object, ...]:
    """Classes of which the recall, the precision or both are exactly what is required.

    Where it is one of the two, an extra class takes the other mistakes, of which nothing is required.
    """
    repetitions = 10_000 if k < 100 else 1000
    generator = np.random.default_rng(0)
    share = LIMIT
    if at_limit == "both":
        cells = _cells(np.ones(k), share) * k * rows
    else:
        cells = np.zeros((k + 1, k + 1))
        wrong = rows * (1 - share) / (1 if at_limit == "recall" else share)
        np.fill_diagonal(cells, rows * share if at_limit == "recall" else rows)
        cells[:-1, -1] = wrong
        cells[-1, -1] = 10 * rows
        if at_limit == "precision":
            cells = cells.T
    required = [Requirement(share, share)] * k + [Requirement(0, 0)] * (len(cells) - k)
    names = tuple(map(str, range(len(cells))))
    found = {"learned": 0, "not learned": 0}
    n = cells.sum(axis=1).astype(int)
    each = cells / cells.sum(axis=1, keepdims=True)
    for _ in range(repetitions):
        decided = {
            one.verdict for one in verdicts(_drawn_counts(n, each, generator), names, required)[:k]
        }
        for decision in found:
            found[decision] += decision in decided
    return k, rows, at_limit, *(number / repetitions for number in found.values())


def _drawn_counts(n: Array, cells: Array, generator: np.random.Generator) -> ClassCounts:
    return class_counts(generator.multinomial(n, cells))


# Intervals of a class: exact, from the binomial distribution

TRUE = np.linspace(0.5, 0.995, 496)


def _coverage(hits: Array, intervals: Array, true: Array, of_share: Array) -> Array:
    """The probability that the interval holds each true value."""
    n = len(hits) - 1
    inside = (intervals[:, :1] <= true) & (true <= intervals[:, 1:])
    probabilities = binom.pmf(hits[:, None], n, of_share)
    covered: Array = (probabilities * inside).sum(axis=0)
    return covered


def _share_coverage(n: int) -> tuple[object, ...]:
    hits = np.arange(n + 1)
    covered = _coverage(hits, wilson(hits, np.full(n + 1, n)), TRUE, TRUE)
    return _summary("recall, precision", n, covered)


def _f1_coverage(n: int) -> tuple[object, ...]:
    hits = np.arange(n + 1)
    covered = _coverage(hits, f1_interval(hits, n - hits), TRUE, TRUE / (2 - TRUE))
    return _summary("F1", n, covered)


def _summary(name: str, n: int, covered: Array) -> tuple[object, ...]:
    lowest = int(covered.argmin())
    return name, n, float(covered.mean()), float(covered[lowest]), float(TRUE[lowest])


# Macro averages

MACRO = list(product((2, 10, 100), (False, True), ROWS))


def _macro_coverage(k: int, skewed: bool, rows: int) -> tuple[object, ...]:
    repetitions = 2000 if k < 100 else 300
    generator = np.random.default_rng(0)
    of_class = np.full(k, float(rows))
    if skewed:
        of_class[: k // 2] *= 100
    covered: dict[str, list[float]] = {figure: [] for figure in FIGURES}
    for share in SHARES:
        cells = _cells(of_class, share)
        true = {figure: _mean(cells, figure) for figure in FIGURES}
        hits = dict.fromkeys(FIGURES, 0)
        for _ in range(repetitions):
            table = generator.multinomial(int(of_class.sum()), cells.ravel()).reshape(k, k)
            for figure in FIGURES:
                low, high = macro_share(table, figure).interval()
                hits[figure] += low <= true[figure] <= high
        for figure in FIGURES:
            covered[figure].append(hits[figure] / repetitions)
    sizes = "1:100" if skewed else "equal"
    means = [float(np.mean(covered[figure])) for figure in FIGURES]
    return k, sizes, rows, *means, float(min(covered["f1"]))


def _mean(cells: Array, figure: str) -> float:
    right = cells.diagonal()
    of = influence(figure, right, cells.sum(axis=0) - right, cells.sum(axis=1) - right)
    return float(np.nanmean(of.value))


def _macro_table(rows: Iterable[tuple[object, ...]]) -> str:
    headings = ("classes", "sizes", "rows of the rare", "precision", "recall", "F1", "F1, lowest")
    rows = list(rows)
    means = [float(np.mean([float(str(row[place])) for row in rows])) for place in (3, 4, 5)]
    return _table(headings, [*rows, ("all", "", "", *means, "")])


# Comparisons

_COMPARED = (*FIGURES, *(f"macro {figure}" for figure in FIGURES), "all")
SIZES = [
    (200, 2, 0.9, 0.7),
    (1000, 2, 0.9, 0.8),
    (1000, 10, 0.9, 0.5),
    (1000, 10, 0.98, 0.9),
    (10_000, 10, 0.9, 0.8),
    (2000, 4, 0.7, 0.5),
]
POWERS = [(500, 0.9, 0.92), (500, 0.9, 0.94), (2000, 0.9, 0.92), (10_000, 0.95, 0.955)]


def _drawn(
    n: int,
    k: int,
    accuracies: tuple[float, float],
    agreement: float,
    generator: np.random.Generator,
) -> Pairs:
    """Two classifiers that are of one mind on a share of rows, else each right as often as given."""
    truth = generator.integers(0, k, n)

    def predict(accuracy: float) -> Array:
        other = (truth + generator.integers(1, k, n)) % k
        return np.where(generator.random(n) < accuracy, truth, other)

    agree, shared = generator.random(n) < agreement, predict(accuracies[0])
    first, second = (np.where(agree, shared, predict(accuracy)) for accuracy in accuracies)
    return pair(truth, first, second, k)


def _sizes(n: int, k: int, accuracy: float, agreement: float) -> tuple[object, ...]:
    repetitions, generator = 4000, np.random.default_rng(0)
    shown = np.zeros(7)
    for _ in range(repetitions):
        pairs = _drawn(n, k, (accuracy, accuracy), agreement, generator)
        p = [
            *(float(class_differences(pairs, figure).p[0]) for figure in FIGURES),
            *(float(macro_difference(pairs, figure).p) for figure in FIGURES),
            float(accuracy_difference(pairs).p),
        ]
        shown += np.array(p) <= LEVEL
    return n, k, str(accuracy), str(agreement), *(shown / repetitions)


NESTED = [
    (0.95, 90, 10, 0),
    (0.95, 980, 20, 0),
    (0.95, 900, 10, 40),
    (0.06, 17, 17, 0),
    (0.7, 300, 60, 20),
    (0.9, 500, 150, 20),
]


def _nested(precision: float, *sizes: int) -> tuple[object, ...]:
    """A class that one predicts more often, with the same true precision."""
    repetitions, generator = 4000, np.random.default_rng(0)
    shown = 0
    for _ in range(repetitions):
        right = generator.binomial(sizes, precision)
        n = [*right, 50, *(np.array(sizes) - right), 300]
        truth = np.repeat([0, 0, 0, 0, 1, 1, 1, 1], n)
        first, second = np.repeat([0, 0, 1, 1] * 2, n), np.repeat([0, 1, 0, 1] * 2, n)
        p = class_differences(pair(truth, first, second, 2), "precision").p[0]
        shown += bool(p <= LEVEL)
    return str(precision), *sizes, shown / repetitions


def _power(n: int, first: float, second: float) -> tuple[object, ...]:
    repetitions, generator = 4000, np.random.default_rng(0)
    ours = exact = 0
    agreement = 0.5
    better = first + (second - first) / (1 - agreement)
    for _ in range(repetitions):
        pairs = _drawn(n, 4, (first, better), agreement, generator)
        _, only_first, only_second, _ = pairs.right()
        ours += bool(accuracy_difference(pairs).p <= LEVEL)
        exact += binomtest(only_first, only_first + only_second).pvalue <= LEVEL
    return n, f"{first} and {second}", ours / repetitions, exact / repetitions


# Gates

GATES = [
    *((rule, n) for rule in ("recall[a] >= 0.8", "f1[a] >= 0.8") for n in (100, 1000)),
    *((rule, n) for rule in ("f1_macro >= 0.8", "accuracy >= 0.8") for n in (100, 1000)),
    *(("accuracy >= baseline - 0.02", n) for n in (200, 2000)),
    *(("calibration_error <= 0.1", n) for n in (200, 2000)),
]


def _gate(text: str, n: int) -> tuple[object, ...]:
    """A model whose true figure is exactly the limit."""
    repetitions, generator = 2000, np.random.default_rng(0)
    rule, gate, point = parse_rule(text), 0, 0
    for _ in range(repetitions):
        truth = np.repeat([0, 1], n // 2)
        share = 0.78 if rule.than is not None else 0.8
        predicted = np.where(generator.random(n) < share, truth, 1 - truth)
        sure = np.full(n, 0.9)
        probabilities = np.where(np.eye(2)[predicted] == 1, sure[:, None], 1 - sure[:, None])
        report = make_report(
            Predictions(truth, predicted, probabilities.astype(np.float32), 0.0),
            ("a", "b"),
            split="test",
            checkpoint="simulated",
        )
        pairs = majority_pairs(report)
        if rule.than is not None:
            other = np.where(generator.random(n) < 0.8, truth, 1 - truth)
            pairs = pair(truth, other, predicted, 2)
        (result,) = judge(report, [rule], {BASELINE: pairs})
        gate += result.outcome == "failed"
        value = math.nan if result.value is None else result.value
        limit = math.nan if result.limit is None else result.limit
        point += value < limit if rule.at_least else value > limit
    return f"`{text}`", n, gate / repetitions, point / repetitions


# Thresholds

PROMISES = list(product(("recall", "precision"), (200, 2000), (0.5, 0.2)))
APART = 3.0


def _promise(by: str, n: int, prevalence: float) -> tuple[object, ...]:
    """Of scores of two classes that are three standard deviations apart."""
    repetitions, generator = 4000, np.random.default_rng(0)
    broken = none = 0
    for _ in range(repetitions):
        truths = generator.random(n) < prevalence
        signal = generator.normal(size=n) + APART * truths
        scores = (1 / (1 + np.exp(-signal))).astype(np.float32)
        threshold = choose_threshold(truths, scores, by, 0.9, LEVEL)
        if math.isnan(threshold):
            none += 1
            continue
        cut = math.log(threshold / (1 - threshold)) if threshold else -math.inf
        recall, false_alarms = norm.sf(cut - APART), norm.sf(cut)
        hits = prevalence * recall
        precision = hits / (hits + (1 - prevalence) * false_alarms)
        broken += (recall if by == "recall" else precision) < 0.9
    return f"{by} 0.9", n, str(prevalence), broken / repetitions, none / repetitions


# Probabilities

CALIBRATIONS = [
    *product((0.0,), ("too high",), (200, 1000, 5000)),
    *product((0.05, 0.15), ("too high", "both"), (200, 1000, 5000)),
]


def _calibration(gap: float, which: str, n: int) -> tuple[object, ...]:
    """Probabilities from 0.6 to 1 that are too high by the gap, or those below 0.75 too low by it.

    A probability is rounded to hundredths, so that there are ties.
    """
    repetitions, generator = 1000, np.random.default_rng(0)
    plain, ours, covered = [], [], 0
    for _ in range(repetitions):
        probabilities = generator.uniform(0.6, 1, n).round(2).astype(np.float32)
        sign = np.where((probabilities < 0.75) & (which == "both"), -1, 1)
        bins = calibration(probabilities, generator.random(n) < probabilities - gap * sign)
        plain.append(math.sqrt((bins.confidence - bins.right / bins.rows) ** 2 @ bins.weights))
        ours.append(bins.error)
        low, high = bins.interval()
        covered += low <= gap <= high
    return str(gap), which, n, np.mean(plain), np.mean(ours), covered / repetitions


SETS = list(product((0.8, 0.9, 0.95), (200, 1000, 5000)))
RARE = 0.2


def _sets(level: float, n: int) -> tuple[object, ...]:
    """Of three classes, one of them a fifth of the rows and hard to tell from the others."""
    repetitions, generator = 1000, np.random.default_rng(0)

    def drawn(rows: int) -> Predictions:
        labels = generator.choice(3, rows, p=[0.5, 0.3, RARE])
        outputs = generator.normal(size=(rows, 3))
        outputs[np.arange(rows), labels] += np.array([2.0, 1.5, 0.5])[labels]
        probabilities = softmax(outputs, axis=1).astype(np.float32)
        return Predictions(labels, probabilities.argmax(axis=1), probabilities, 0.0)

    shares, surely, sizes = [], [], []
    for _ in range(repetitions):
        rule, new = choose_sets(drawn(n), level), drawn(20_000)
        sets = rule.sets(new.probabilities)
        shares.append(sets[new.labels == 2, 2].mean())
        surely.append(rule.surely()[2])
        sizes.append(sets.sum(axis=1).mean())
    missed = np.mean(np.array(shares) < surely)
    return str(level), n, np.mean(shares), np.mean(surely), missed, np.mean(sizes)


# Seeds and rows

CROSSED = [(3, 500), (3, 5000), (10, 500), (10, 5000)]


def _crossed(n_seeds: int, n_rows: int) -> tuple[object, ...]:
    """A recipe that is right on 0.8 of all rows; its seeds' deviation is 0.01."""
    repetitions, generator = 2000, np.random.default_rng(0)
    holds: dict[str, Callable[[Array], tuple[float, float]]] = {
        "mtrain": lambda table: crossed_mean(table).interval(),
        "seeds": lambda table: _normal(table.mean(axis=1)),
        "rows": lambda table: _share(table[0]),
    }
    covered = dict.fromkeys(holds, 0)
    for _ in range(repetitions):
        easy = generator.beta(0.8 * 1.5, 0.2 * 1.5, n_rows)
        shares = np.clip(easy + generator.normal(0, 0.01, (n_seeds, 1)), 0, 1)
        table = generator.random((n_seeds, n_rows)) < shares
        for name, interval in holds.items():
            low, high = interval(table)
            covered[name] += low <= 0.8 <= high
    return n_seeds, n_rows, *(n / repetitions for n in covered.values())


def _normal(values: Array) -> tuple[float, float]:
    reach = 1.96 * values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean() - reach), float(values.mean() + reach)


def _share(right: Array) -> tuple[float, float]:
    low, high = wilson(int(right.sum()), len(right))
    return float(low), float(high)


# Members of a sweep and its best one

SWEEPS = list(product((4, 24, 100), (100, 1000), (1, 5)))
BETTER = list(product((4, 24), (1000, 10_000), (1, 5, 10)))


def _sweeps(n_members: int, n_rows: int, n_seeds: int) -> tuple[object, ...]:
    """Members that are all equal: how often any is shown to be worse than the best one."""
    repetitions = 1000 if n_members < 100 else 300
    equal, deviations = np.zeros(n_members), np.where(np.arange(n_members) % 2, 0.003, 0.015)
    wrong = []
    for draw, alike in product((_rightly, _losses), (True, False)):
        generator = np.random.default_rng(0)
        of_seeds = deviations * (n_seeds > 1)
        shown = 0
        for _ in range(repetitions):
            seeds = of_seeds[:, None, None] * generator.normal(size=(n_members, n_seeds, 1))
            shown += bool(_shown_worse(draw(equal, seeds, n_rows, alike, generator)).any())
        wrong.append(shown / repetitions)
    return n_members, n_rows, n_seeds, *wrong


def _better(n_members: int, n_rows: int, n_seeds: int) -> tuple[object, ...]:
    """One member is right on 0.03 more of the rows: how many of the others are shown to be worse."""
    repetitions, generator = 300 if n_rows < 10_000 else 100, np.random.default_rng(0)
    better = np.where(np.arange(n_members) == 0, 0.03, 0.0)
    shown = []
    for _ in range(repetitions):
        seeds = 0.003 * (n_seeds > 1) * generator.normal(size=(n_members, n_seeds, 1))
        scores = _rightly(better, seeds, n_rows, alike=True, generator=generator)
        shown.append(_shown_worse(scores)[1:].mean())
    return n_members, n_rows, n_seeds, float(np.mean(shown))


def _shown_worse(scores: Array) -> Array:
    p = pairs_with_best(scores, int(scores.mean(axis=(1, 2)).argmax()))
    shown: Array = p < LEVEL
    return shown


def _rightly(
    better: Array, seeds: Array, n_rows: int, alike: bool, generator: np.random.Generator
) -> Array:
    """Right or wrong predictions, 0.8 of them right; two seeds share half of what chance decides."""
    n_members, n_seeds, _ = seeds.shape
    easy = 0.05 + 0.85 * generator.beta(1.5 * 15 / 17, 1.5 * 2 / 17, n_rows) if alike else 0.8
    chance = generator.random((n_members, n_seeds, n_rows))
    if n_seeds > 1:
        shared = generator.random((n_members, 1, n_rows)) < 0.5
        chance = np.where(shared, chance[:, :1], chance)
    return (chance < easy + better[:, None, None] + seeds).astype(np.float64)


def _losses(
    better: Array, seeds: Array, n_rows: int, alike: bool, generator: np.random.Generator
) -> Array:
    """Minus log losses, of the log odds of the true class."""
    n_members, n_seeds, _ = seeds.shape
    log_odds = generator.normal(2, 1.5, n_rows if alike else (n_members, 1, n_rows))
    log_odds = log_odds + generator.normal(0, 0.4, (n_members, 1, n_rows))
    log_odds = log_odds + generator.normal(0, 0.4, (n_members, n_seeds, n_rows))
    scores: Array = better[:, None, None] + 5 * seeds - np.logaddexp(0, -log_odds)
    return scores


TABLES: dict[str, Callable[[Executor], str]] = {
    "verdicts": lambda pool: _table(
        ("classes", "rows a class", "at its limit", "any learned", "any not learned"),
        pool.map(_verdicts, *zip(*VERDICTS, strict=True)),
    ),
    "intervals": lambda _: _table(
        ("interval of", "rows", "mean coverage", "lowest", "at"),
        [row for n in ROWS for row in (_share_coverage(n), _f1_coverage(n))],
    ),
    "macro": lambda pool: _macro_table(pool.map(_macro_coverage, *zip(*MACRO, strict=True))),
    "sizes": lambda pool: _table(
        ("rows", "classes", "accuracy", "agree on", *_COMPARED),
        pool.map(_sizes, *zip(*SIZES, strict=True)),
    ),
    "nested": lambda pool: _table(
        ("precision", "predicted by both", "by one", "by the other", "shown"),
        pool.map(_nested, *zip(*NESTED, strict=True)),
    ),
    "power": lambda pool: _table(
        ("rows", "accuracies", "mtrain", "exact McNemar"),
        pool.map(_power, *zip(*POWERS, strict=True)),
    ),
    "gates": lambda pool: _table(
        ("rule", "rows", "the gate fails it", "a rule about the point fails it"),
        pool.map(_gate, *zip(*GATES, strict=True)),
    ),
    "promises": lambda pool: _table(
        ("promised", "rows", "share of the class", "broken", "none could be made"),
        pool.map(_promise, *zip(*PROMISES, strict=True)),
    ),
    "calibration": lambda pool: _table(
        (
            "true error",
            "probabilities",
            "rows",
            "mean uncorrected",
            "mean error",
            "the interval holds",
        ),
        pool.map(_calibration, *zip(*CALIBRATIONS, strict=True)),
    ),
    "sets": lambda pool: _table(
        ("level", "validation rows", "in the set", "said to be reached", "not reached", "classes"),
        pool.map(_sets, *zip(*SETS, strict=True)),
    ),
    "crossed": lambda pool: _table(
        ("seeds", "rows", "mtrain", "over seeds alone", "over rows of one seed"),
        pool.map(_crossed, *zip(*CROSSED, strict=True)),
    ),
    "sweeps": lambda pool: _table(
        ("members", "rows", "seeds", "accuracy", "independent", "log loss", "independent"),
        pool.map(_sweeps, *zip(*SWEEPS, strict=True)),
    ),
    "better": lambda pool: _table(
        ("members", "rows", "seeds", "shown worse"),
        pool.map(_better, *zip(*BETTER, strict=True)),
    ),
}

if __name__ == "__main__":
    main(sys.argv[1:])
