"""Train every experiment of the tutorials with ten seeds, and write docs/reproduction.md from the runs.

    python docs/scripts/reproduction.py [RUNS] [--mnist FOLDER] [--fashion-mnist FOLDER]

RUNS keeps the run directories [outputs/tutorials]; what is there already is not trained again. The
whole takes about an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import t
from tutorial_charts import MTRAIN, batch_averages, write_pictures

from mtrain.config.experiment.model import ModelConfig
from mtrain.config.loading.load import load_config
from mtrain.metrics.counts import ClassCounts, class_counts, confusion_matrix
from mtrain.metrics.probabilities import mean_squared_error
from mtrain.metrics.scores import top_k_hits

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs" / "tutorials"
TEMPLATE = Path(__file__).with_name("reproduction.template.md")

SEEDS = range(10)
CONFIDENCE = 0.99


@dataclass(frozen=True)
class Run:
    """A run directory, read on demand."""

    path: Path

    @cached_property
    def record(self) -> dict[str, Any]:
        """The content of history.json."""
        found: dict[str, Any] = json.loads((self.path / "history.json").read_text())
        return found

    @property
    def history(self) -> dict[str, list[float]]:
        """The scalars, epoch by epoch."""
        scalars: dict[str, list[float]] = self.record["history"]
        return scalars

    @property
    def seconds(self) -> float:
        """The seconds of all epochs."""
        return float(sum(self.record["seconds"]))

    @cached_property
    def predictions(self) -> tuple[Any, Any]:
        """Labels and predicted classes of the test split, (N,)."""
        with np.load(self.path / "evaluation" / "test" / "predictions.npz") as arrays:
            return arrays["y_true"], arrays["y_pred"]

    @cached_property
    def test(self) -> dict[str, Any]:
        """The evaluation's figures."""
        found = (self.path / "evaluation" / "test" / "metrics.json").read_text()
        metrics: dict[str, Any] = json.loads(found)
        return metrics


@dataclass(frozen=True)
class Claim:
    """A figure of a tutorial's author, and how our run has it."""

    config: str
    what: str
    author: float
    ours: Callable[[Run], float]

    @property
    def lower_is_better(self) -> bool:
        """Whether lower is better: for losses only."""
        return "loss" in self.what


@dataclass(frozen=True)
class Outcome:
    """Our figures beside the author's, over the seeds."""

    claim: Claim
    values: list[float]

    @property
    def interval(self) -> tuple[float, float]:
        """The range of one more run with 99 % confidence: Student's t, normal figures."""
        n = len(self.values)
        spread = statistics.stdev(self.values) * (1 + 1 / n) ** 0.5
        reach = float(t.ppf((1 + CONFIDENCE) / 2, n - 1)) * spread
        mean = statistics.fmean(self.values)
        return mean - reach, mean + reach

    @property
    def verdict(self) -> str:
        """Whether the author's figure is in our range, or worse."""
        low, high = self.interval
        if low <= self.claim.author <= high:
            return "as the author"
        worse = self.claim.author > high if self.claim.lower_is_better else self.claim.author < low
        return "better" if worse else "missed"

    def __str__(self) -> str:
        """As a row of a table."""
        low, high = self.interval
        if not self.claim.lower_is_better:
            low, high = max(low, 0), min(high, 1)  # a share, whatever Student's t says
        mean, spread = statistics.fmean(self.values), statistics.stdev(self.values)
        return (
            f"| {self.claim.what} | {self.claim.author:g} | {mean:.3f} ± {spread:.3f} "
            f"| {low:.3f} to {high:.3f} | {self.verdict} |"
        )


def after(epoch: int, key: str) -> Callable[[Run], float]:
    """A scalar of the history."""
    return lambda run: run.history[key][epoch - 1]


def on_test(key: str) -> Callable[[Run], float]:
    """A figure of the test."""
    return lambda run: float((run.test | run.test["figures"])[key])


def trained(config: str, epochs: int, loss: float, accuracy: float) -> list[Claim]:
    """Loss and accuracy of the training's last epoch."""
    return [
        Claim(config, f"training loss, epoch {epochs}", loss, after(epochs, "loss")),
        Claim(config, f"training accuracy, epoch {epochs}", accuracy, after(epochs, "accuracy")),
    ]


def tested(config: str, loss: float, accuracy: float) -> list[Claim]:
    """Loss and accuracy on the test split."""
    return [
        Claim(config, "test loss", loss, on_test("loss")),
        Claim(config, "test accuracy", accuracy, on_test("accuracy")),
    ]


CLAIMS = (
    *trained("t1_mnist", 1, 0.664, 0.832),
    *trained("t1_mnist", 5, 0.250, 0.930),
    *tested("t1_mnist", 0.234, 0.936),
    *trained("t2_watching", 1000, 0.439, 0.849),
    Claim("t2_watching", "validation loss, epoch 1000", 2.58, after(1000, "val_loss")),
    Claim("t2_watching", "validation accuracy, epoch 1000", 0.487, after(1000, "val_accuracy")),
    *trained("t3_30_batch_1200", 20, 1.057, 0.598),
    *tested("t3_30_batch_1200", 1.096, 0.593),
    *trained("t3_500x2_batch_1200", 50, 0.104, 0.961),
    *tested("t3_500x2_batch_1200", 0.706, 0.862),
    *trained("t3_30_batch_32", 5, 0.731, 0.715),
    *tested("t3_30_batch_32", 0.800, 0.668),
    Claim("t3_30_batch_32", "training `keras_recall`, epoch 5", 0.595, after(5, "keras_recall")),
    Claim("t3_30_batch_32", "test `keras_recall`", 0.552, on_test("keras_recall")),
    *trained("t3_500x2_batch_32", 10, 0.396, 0.859),
    *trained("t3_500x5_batch_32", 10, 0.314, 0.888),
    *tested("t3_500x5_batch_32", 0.399, 0.860),
    Claim("t4_guide", "validation loss, epoch 3", 0.105, after(3, "val_loss")),
    Claim("t4_guide", "test loss", 0.0985, on_test("loss")),
    Claim("t4_guide_six", "validation loss, epoch 6", 0.105, after(6, "val_loss")),
    Claim("t4_guide_six", "test loss", 0.0985, on_test("loss")),
)


T3 = (
    ("t3_30_batch_1200", 23_860),
    ("t3_500x2_batch_1200", 648_010),
    ("t3_30_batch_32", 23_860),
    ("t3_500x2_batch_32", 648_010),
    ("t3_500x5_batch_32", 1_399_510),
)
"""The configs, and the author's numbers of parameters."""

TABLE = """\
| | author | mtrain, ten seeds | one more run (99 %) | |
|---|---|---|---|---|
"""


def main() -> None:
    """Train what is missing, and write the page and its pictures."""
    arguments = _arguments()
    runs = {
        config: [find_run(arguments, config, seed) for seed in SEEDS]
        for config in (
            *dict.fromkeys(claim.config for claim in CLAIMS),
            *("t4_custom_metric", "t4_activity", "t3_employees"),
        )
    }
    find_run(arguments, "t3_hundred_classes", 0)
    outcomes = [Outcome(claim, [claim.ours(run) for run in runs[claim.config]]) for claim in CLAIMS]
    page = TEMPLATE.read_text(encoding="utf-8").format(
        **{config: table(outcomes, config) for config in {claim.config for claim in CLAIMS}},
        **{key: str(value) for key, value in sentences(runs).items()},
        summary=summary(outcomes),
        t3="\n\n".join(network(outcomes, config, n) for config, n in T3),
    )
    (ROOT / "docs" / "reproduction.md").write_text(page, encoding="utf-8")
    write_pictures(
        arguments.runs,
        CONFIGS / "t3_500x2_batch_1200.yaml",
        ROOT / "docs" / "pictures" / "tutorials",
    )


def sentences(runs: dict[str, list[Run]]) -> dict[str, str]:
    """The text of the page besides its tables of claims."""

    def mean(config: str, key: str, epoch: int) -> float:
        return statistics.fmean(run.history[key][epoch - 1] for run in runs[config])

    def right(epoch: int) -> str:
        return f"{mean('t4_custom_metric', 'CategoricalTruePositives', epoch):,.0f}"

    tiny = runs["t2_watching"]
    lowest = [int(np.argmin(run.history["val_loss"])) + 1 for run in tiny]
    last = [run.history["val_loss"][-1] / min(run.history["val_loss"]) for run in tiny]
    return {
        "t1_parameters": f"{parameters('t1_mnist'):,}",
        "t1_batches": batches(runs["t1_mnist"][0]),
        "t2_seconds": f"in {statistics.median(run.seconds for run in tiny):.1f} s",
        "t2_turn": (
            f"Validation loss is lowest after epoch {statistics.median(lowest):.0f} (from "
            f"{min(lowest)} to {max(lowest)}), and ends {statistics.median(last):.2f} times as high."
        ),
        "t3_employees": employees(runs["t3_employees"][0]),
        "t3_conclusion": conclusion(runs["t3_employees"][0]),
        "t4_right": f"{right(1)} and {right(3)}",
        "t4_loss": f"{mean('t4_guide', 'loss', 1):.2f}",
        "t4_activity": f"{mean('t4_activity', 'loss', 1):.2f}",
        "t4_std": f"{mean('t4_custom_metric', 'hidden_1_std', 1):.2f}",
        "t5": survey(),
    }


def parameters(config: str) -> int:
    """The network's parameters, on images of 28 x 28 and ten classes."""
    model = load_config(CONFIGS / f"{config}.yaml", {}).model
    assert isinstance(model, ModelConfig)
    return model.parameters(784, 10)


def network(outcomes: list[Outcome], config: str, authors: int) -> str:
    """The heading and the table of one of T3's networks."""
    settings = load_config(CONFIGS / f"{config}.yaml", {})
    ours = parameters(config)
    as_authors = "as the author" if ours == authors else f"the author {authors:,}"
    training = settings.training
    return (
        f"{settings.model}, {training.epochs} epochs of batches of {training.batch_size} "
        f"(`{config}.yaml`), {ours:,} parameters, {as_authors}:\n\n{TABLE}{table(outcomes, config)}"
    )


def batches(run: Run) -> str:
    """The classes where averaging over batches misleads most."""
    labels, predicted = run.predictions
    exact = class_counts(confusion_matrix(labels, predicted, 10))
    found = []
    for name, averaged in zip(
        ("precision", "recall"), batch_averages(labels, predicted, 10), strict=True
    ):
        values = getattr(exact, name)
        k = int(np.abs(averaged - values).argmax())
        found.append(
            f"the {name} of {k} is {values[k]:.3f}, but {averaged[k]:.3f} when averaged over batches"
        )
    return f"The largest gaps: {'; '.join(found)}."


def employees(run: Run) -> str:
    """The lesson's two ways to name those who leave, and what a training learned of them."""
    labels, predicted = run.predictions
    named = {
        "nobody": np.array([[990, 0], [10, 0]]),
        "a hundred, all ten among them": np.array([[900, 90], [0, 10]]),
        f"whom a training names, of {len(labels)}": confusion_matrix(labels, predicted, 2),
    }
    rows = []
    for name, confusion in named.items():
        counts = class_counts(confusion)
        figures = ("recall", "precision", "f1", "specificity", "fpr")
        shares = [counts.accuracy, *(getattr(counts, figure)[1] for figure in figures)]
        shown = ("-" if np.isnan(value) else f"{value:.3f}" for value in shares)
        rows.append(f"| {' | '.join([name, *shown])} |")
    return "\n".join(rows)


def survey() -> str:
    """The last tutorial's computation by hand, and mtrain's."""

    def counts(true: list[int], predicted: list[int]) -> ClassCounts:
        return class_counts(confusion_matrix(np.array(true), np.array(predicted), 2))

    binary = counts([0, 1, 1, 0], [0, 1, 0, 0])
    above = (np.array([0.9, 0.4, 0.2, 0.8]) > 0.5).astype(int).tolist()
    scores = np.array([[0.2, 0.7, 0.1]], np.float32)
    # Of the probabilities of two classes the same differences: 0.2, 0.1 and 0.2.
    differing = np.array([[0.8, 0.2], [0.1, 0.9], [0.8, 0.2]], np.float32)
    figures = {
        ("accuracy of (1, 0, 1, 1), truth (1, 0, 0, 1)", 0.75): (
            counts([1, 0, 0, 1], [1, 0, 1, 1]).accuracy
        ),
        ("binary accuracy of (0, 1, 0, 0), truth (0, 1, 1, 0)", 0.75): binary.accuracy,
        ("its precision", 1): binary.precision[1],
        ("its recall", 0.5): binary.recall[1],
        ("categorical accuracy of (0.2, 0.7, 0.1), class 1", 1): (
            top_k_hits(np.array([1]), scores, 1)
        ),
        ("F1 of (0.9, 0.4, 0.2, 0.8) above 0.5, truth (1, 0, 1, 1)", 0.8): (
            counts([1, 0, 1, 1], above).f1[1]
        ),
        ("mean squared error of differences 0.2, 0.1, 0.2", 0.03): (
            mean_squared_error(np.array([0, 1, 0]), differing)
        ),
    }
    return "\n".join(f"| {what} | {hand:g} | {ours:g} |" for (what, hand), ours in figures.items())


def conclusion(run: Run) -> str:
    """The lines between the evaluation's table and its files."""
    command = (MTRAIN, "evaluate", str(run.path))
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("accuracy "))
    return "\n".join(lines[start : lines.index("Open first:")])


def find_run(arguments: Any, config: str, seed: int) -> Run:
    """Train it, if it is not finished yet."""
    out = arguments.runs / f"{config}-{seed}"
    settings = [f"seed={seed}", *_place(arguments, config)]
    command = (MTRAIN, "fit", str(CONFIGS / f"{config}.yaml"), *settings)
    subprocess.run([*command, "--out", str(out), "--resume", "--quiet"], check=True)
    return Run(out)


def table(outcomes: list[Outcome], config: str) -> str:
    """A row a claim of this experiment."""
    return "\n".join(str(outcome) for outcome in outcomes if outcome.claim.config == config)


def summary(outcomes: list[Outcome]) -> str:
    """How many claims are met, and how many would fail by chance."""
    missed = [outcome for outcome in outcomes if outcome.verdict == "missed"]
    expected = len(outcomes) * (1 - CONFIDENCE) / 2  # a better figure is none that is missed
    return (
        f"Of {len(outcomes)} figures {len(outcomes) - len(missed)} are met, {len(missed)} missed; "
        f"by chance alone {expected:.1f} would be missed, as a better figure is never one."
    )


def _place(arguments: Any, config: str) -> list[str]:
    name = load_config(CONFIGS / f"{config}.yaml", {}).dataset.name
    folder = {"mnist": arguments.mnist, "fashion_mnist": arguments.fashion_mnist}.get(name)
    return [] if folder is None else [f"dataset.path={folder}"]


def _arguments() -> Any:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    default = ROOT / "outputs" / "tutorials"
    parser.add_argument("runs", type=Path, nargs="?", metavar="RUNS", default=default)
    for name in ("mnist", "fashion-mnist"):
        parser.add_argument(f"--{name}", type=Path, help="four IDX files [found, or downloaded]")
    return parser.parse_args()


if __name__ == "__main__":
    main()
