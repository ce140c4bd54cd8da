"""Train every experiment of the tutorials with ten seeds, and write docs/tutorials.md from the runs.

    python docs/tutorials.py [RUNS] [--mnist FOLDER] [--fashion-mnist FOLDER]

RUNS keeps the run directories [outputs/tutorials]; what is there already is not trained again. The
whole takes about an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import t

from mtrain.metrics.probabilities import keras_recall

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs" / "tutorials"
TEMPLATE = Path(__file__).with_name("tutorials.template.md")

SEEDS = range(10)
CONFIDENCE = 0.99


@dataclass(frozen=True)
class Run:
    """A run directory, read as it is asked for."""

    path: Path

    @cached_property
    def history(self) -> dict[str, list[float]]:
        """The scalars, epoch by epoch."""
        scalars: dict[str, list[float]] = json.loads((self.path / "history.json").read_text())[
            "history"
        ]
        return scalars

    @cached_property
    def test(self) -> dict[str, Any]:
        """The evaluation's figures."""
        metrics = json.loads((self.path / "evaluation" / "test" / "metrics.json").read_text())
        with np.load(self.path / "evaluation" / "test" / "predictions.npz") as arrays:
            metrics["keras_recall"] = keras_recall(arrays["y_true"], arrays["probabilities"])
        return metrics


@dataclass(frozen=True)
class Claim:
    """A figure that a tutorial's author got, and how a run of ours has it."""

    config: str
    what: str
    author: float
    ours: Callable[[Run], float]

    @property
    def lower_is_better(self) -> bool:
        """Of losses; all else is to be high."""
        return "loss" in self.what


@dataclass(frozen=True)
class Outcome:
    """Our figures beside the author's, over the seeds."""

    claim: Claim
    values: list[float]

    @property
    def interval(self) -> tuple[float, float]:
        """In which one more run is with 99 % confidence: Student's t, normal figures."""
        n = len(self.values)
        spread = statistics.stdev(self.values) * (1 + 1 / n) ** 0.5
        reach = float(t.ppf((1 + CONFIDENCE) / 2, n - 1)) * spread
        mean = statistics.fmean(self.values)
        return mean - reach, mean + reach

    @property
    def verdict(self) -> str:
        """Whether the author's figure is one that ours might have been, or a worse one."""
        low, high = self.interval
        if low <= self.claim.author <= high:
            return "as the author"
        worse = self.claim.author > high if self.claim.lower_is_better else self.claim.author < low
        return "better" if worse else "missed"

    def __str__(self) -> str:
        """As a row of a table."""
        low, high = self.interval
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
    return lambda run: float(run.test[key])


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
    Claim("t3_30_batch_32", "test `keras_recall`", 0.552, on_test("keras_recall")),
    *trained("t3_500x2_batch_32", 10, 0.396, 0.859),
    *trained("t3_500x5_batch_32", 10, 0.314, 0.888),
    *tested("t3_500x5_batch_32", 0.399, 0.860),
    Claim("t4_guide", "validation loss, epoch 3", 0.105, after(3, "val_loss")),
    Claim("t4_guide", "test loss", 0.0985, on_test("loss")),
    Claim("t4_guide_six", "validation loss, epoch 6", 0.105, after(6, "val_loss")),
    Claim("t4_guide_six", "test loss", 0.0985, on_test("loss")),
)


def main() -> None:
    """Train what is missing, and write the page."""
    arguments = _arguments()
    outcomes = []
    for config in dict.fromkeys(claim.config for claim in CLAIMS):
        runs = [find_run(arguments, config, seed) for seed in SEEDS]
        claims = (claim for claim in CLAIMS if claim.config == config)
        outcomes += [Outcome(claim, [claim.ours(run) for run in runs]) for claim in claims]
    page = TEMPLATE.read_text(encoding="utf-8").format(
        **{config: table(outcomes, config) for config in {o.claim.config for o in outcomes}},
        summary=summary(outcomes),
    )
    (ROOT / "docs" / "tutorials.md").write_text(page, encoding="utf-8")


def find_run(arguments: Any, config: str, seed: int) -> Run:
    """Train it, where it is not finished yet."""
    out = arguments.runs / f"{config}-{seed}"
    command = [Path(sys.executable).with_name("mtrain"), "fit", CONFIGS / f"{config}.yaml"]
    settings = [f"seed={seed}", *_place(arguments, config)]
    subprocess.run([*command, *settings, "--out", out, "--resume", "--quiet"], check=True)
    return Run(out)


def table(outcomes: list[Outcome], config: str) -> str:
    """A row a claim of this experiment."""
    return "\n".join(str(outcome) for outcome in outcomes if outcome.claim.config == config)


def summary(outcomes: list[Outcome]) -> str:
    """How many are met, and how many would not be by chance."""
    missed = [outcome for outcome in outcomes if outcome.verdict == "missed"]
    expected = len(outcomes) * (1 - CONFIDENCE)
    return (
        f"Of {len(outcomes)} figures {len(outcomes) - len(missed)} are met, {len(missed)} missed; "
        f"by chance alone {expected:.1f} would lie outside of such intervals."
    )


def _place(arguments: Any, config: str) -> list[str]:
    text = (CONFIGS / f"{config}.yaml").read_text()
    folder = arguments.fashion_mnist if "fashion_mnist" in text else arguments.mnist
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
