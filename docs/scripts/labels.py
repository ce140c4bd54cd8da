"""Measure what `learning.parquet` and both lists of suspects say, and write docs/labels.md.

    python docs/scripts/labels.py --data FOLDER [--runs RUNS] [--cleanlab PYTHON]

FOLDER has `mnist` and `fashion_mnist`, each with four IDX files; `make real-data` downloads them. RUNS
keeps the run directories [outputs/labels]; what is there already is not trained again. PYTHON has
cleanlab, which `make trackers` installs apart from mtrain [.venv/trackers/bin/python]. The figures are in
docs/results/labels.json as well. The whole takes about twenty minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from itertools import combinations, permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

import mtrain
from mtrain.config.loading.load import load_config
from mtrain.data.flips import flip_labels
from mtrain.data.sources.idx import read_split
from mtrain.data.sources.mnist import CLASSES
from mtrain.engine.threads import cpu_count
from mtrain.metrics.suspects import found_flips, suspects
from mtrain.records.training import Predictions
from mtrain.run.suspects import read_suspect_rows
from mtrain.workflows.fit import fit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from mtrain.records.suspects import Listed

    Array = NDArray[Any]

ROOT = Path(__file__).parents[2]
TEMPLATE = Path(__file__).with_name("labels.template.md")
PAGE = ROOT / "docs" / "labels.md"
RESULTS = ROOT / "docs" / "results" / "labels.json"
MTRAIN = str(Path(sys.executable).with_name("mtrain"))

SEEDS = range(1, 6)
SHARES = (0.01, 0.05, 0.1)
FIRST = 100
"""How far down a list of suspects people may read."""

DIGITS = ROOT / "configs" / "mnist_64.yaml"
EPOCHS = 50
AS_PUBLISHED = (
    "dataset.validation=null",
    "model.hidden=500x2",
    "optimizer.momentum=0.5",
    "training.batch_size=64",
    f"training.epochs={EPOCHS}",
)
"""Besides network and epochs the settings of run_mnist.py with --no_dropout, by which Toneva et al. trained.

https://github.com/mtoneva/example_forgetting; the config has the learning rate, 0.01.
"""

CLOTHES = ROOT / "configs" / "fashion_mnist_500x2.yaml"
SHORT = {"training.epochs": 10}


@dataclass(frozen=True)
class KnownError:
    """A row of MNIST's test split whose label is known to be wrong, by the votes of five people."""

    row: int
    label: int
    proposed: int
    """What confident learning proposed instead."""

    votes: tuple[int, int, int]
    """For the label, for what was proposed, for neither."""


KNOWN_ERRORS = (
    KnownError(947, 8, 9, (0, 5, 0)),
    KnownError(1621, 0, 6, (2, 3, 0)),
    KnownError(1901, 9, 4, (2, 3, 0)),
    KnownError(2130, 4, 9, (2, 2, 1)),
    KnownError(2462, 2, 0, (0, 4, 1)),
    KnownError(2597, 5, 3, (0, 4, 1)),
    KnownError(2654, 6, 1, (0, 2, 3)),
    KnownError(3520, 6, 4, (2, 0, 3)),
    KnownError(3558, 5, 0, (1, 4, 0)),
    KnownError(5937, 5, 3, (1, 3, 1)),
    KnownError(6651, 0, 6, (0, 5, 0)),
    KnownError(6783, 1, 6, (2, 3, 0)),
    KnownError(8527, 4, 9, (2, 2, 1)),
    KnownError(9679, 6, 3, (2, 0, 3)),
    KnownError(9729, 5, 6, (2, 3, 0)),
)
"""The 15 of Northcutt, Athalye and Mueller (2021), https://arxiv.org/abs/2103.14749.

Of the 100 rows in mturk/mnist_mturk.json of https://github.com/cleanlab/label-errors (commit 5457895)
those for whose label fewer than three of five people voted.
"""

CLEANLAB = """
import json, sys
import cleanlab
import numpy as np
from cleanlab.filter import find_label_issues

with np.load(sys.argv[1]) as arrays:
    labels, scores = arrays["labels"], arrays["scores"]
found = {
    by: find_label_issues(
        labels, scores, filter_by=by, return_indices_ranked_by="self_confidence", n_jobs=1
    ).tolist()
    for by in ("prune_by_noise_rate", "confident_learning")
}
print(json.dumps({"version": cleanlab.__version__, "found": found}))
"""
"""What cleanlab's Python runs; the first filter is its default."""

LISTS = {
    "mtrain": "`evaluation/test/suspects.csv`",
    "confident_learning": "cleanlab, `confident_learning`",
    "prune_by_noise_rate": "cleanlab, its default",
}


@dataclass(frozen=True)
class Run:
    """A run directory, read on demand."""

    path: Path

    @cached_property
    def history(self) -> dict[str, list[float]]:
        """The scalars, epoch by epoch."""
        scalars: dict[str, list[float]] = json.loads((self.path / "history.json").read_text())[
            "history"
        ]
        return scalars

    @cached_property
    def environment(self) -> dict[str, Any]:
        """What it was trained on."""
        found: dict[str, Any] = json.loads((self.path / "environment.json").read_text())
        return found

    @cached_property
    def accuracy(self) -> float:
        """On the test split."""
        found = (self.path / "evaluation" / "test" / "metrics.json").read_text()
        return float(json.loads(found)["accuracy"])

    @cached_property
    def learning(self) -> dict[str, Array]:
        """The columns of learning.parquet, in the order of the rows; classes as numbers."""
        table = pq.read_table(self.path / "learning.parquet").sort_by("row")
        return {
            "row": table["row"].to_numpy(),
            "class": np.array(table["class"].to_pylist()),
            "times_forgotten": table["times_forgotten"].to_numpy().astype(np.int64),
            "was_learned": ~np.asarray(table["learned_in"].is_null()),
        }

    @cached_property
    def predictions(self) -> Predictions:
        """Of the test split, in the order of its rows."""
        with np.load(self.path / "evaluation" / "test" / "predictions.npz") as arrays:
            assert (arrays["rows"] == np.arange(len(arrays["rows"]))).all()
            return Predictions(
                arrays["y_true"], arrays["y_pred"], arrays["probabilities"].astype(float), 0.0
            )

    @cached_property
    def suspects(self) -> dict[str, Array]:
        """The rows of both lists, the most suspicious first."""
        return {
            "train": read_suspect_rows(self.path / "suspects.csv"),
            "test": read_suspect_rows(self.path / "evaluation" / "test" / "suspects.csv"),
        }


def main() -> None:
    """Train what is missing, and write the figures and the page."""
    arguments = _arguments()
    mnist = [train_digits(arguments, seed) for seed in SEEDS]
    of_share = [
        (share, [train_flipped(arguments, share, seed) for seed in SEEDS]) for share in SHARES
    ]
    environment = mnist[0].environment
    version = _run_cleanlab(arguments.cleanlab, mnist[0].predictions)["version"]
    results = {
        "machine": {
            "processor": environment["processor"],
            "cores": cpu_count(),
            "platform": environment["platform"],
            "versions": environment["versions"] | {"cleanlab": version},
        },
        "commit": environment["git_commit"],
        "date": datetime.now(UTC).date().isoformat(),
        "forgetting": forgetting(mnist),
        "flips": [flips(arguments, share, runs) for share, runs in of_share],
        "known_errors": known_errors(arguments, mnist),
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(results), encoding="utf-8")


# Trainings


def train_digits(arguments: Any, seed: int) -> Run:
    """A run on MNIST."""
    out = arguments.runs / f"mnist-{seed}"
    settings = [f"seed={seed}", f"dataset.path={arguments.data / 'mnist'}", *AS_PUBLISHED]
    command = [MTRAIN, "fit", str(DIGITS), *settings, "--out", str(out)]
    subprocess.run([*command, "--resume", "--quiet"], check=True)
    return Run(out)


def train_flipped(arguments: Any, share: float, seed: int) -> Run:
    """A run on Fashion-MNIST with a share of its labels flipped, which `check` does not keep."""
    out = arguments.runs / f"flipped-{share:g}-{seed}"
    if not (out / "evaluation" / "test" / "suspects.csv").exists():
        shutil.rmtree(out, ignore_errors=True)
        config = load_config(CLOTHES, _settings(arguments, seed))
        fit(config, out=out, alter=partial(flip_labels, share=share, seed=seed), draw=None)
    return Run(out)


def _settings(arguments: Any, seed: int) -> dict[str, Any]:
    return {"seed": seed, "dataset.path": str(arguments.data / "fashion_mnist"), **SHORT}


# Figures


def _by_seed(runs: Sequence[Run]) -> Iterable[tuple[int, Run]]:
    return zip(SEEDS, runs, strict=True)


def forgetting(runs: Sequence[Run]) -> dict[str, Any]:
    """What each run has learned and forgotten, and how much any two agree."""
    each = []
    for seed, run in _by_seed(runs):
        was_learned, times = run.learning["was_learned"], run.learning["times_forgotten"]
        each.append(
            {
                "seed": seed,
                "rows": len(times),
                "never_forgotten": float((was_learned & (times == 0)).mean()),
                "never_learned": float((~was_learned).mean()),
                "forgotten": float((times > 0).mean()),
                "most_often": int(times.max()),
                "training_accuracy": run.history["accuracy"][-1],
                "accuracy": run.accuracy,
            }
        )
    times = np.array([run.learning["times_forgotten"] for run in runs])
    was_learned = np.array([run.learning["was_learned"] for run in runs])
    pairs = list(combinations(times, 2))
    return {
        "epochs": EPOCHS,
        "seeds": each,
        "never_forgotten_by_any": float((was_learned & (times == 0)).all(axis=0).mean()),
        "never_forgotten_after": {
            epochs: [
                run.history["learned"][epochs - 1] - run.history["forgotten"][epochs - 1]
                for run in runs
            ]
            for epochs in range(10, EPOCHS + 1, 10)
        },
        "correlations": [float(np.corrcoef(one, other)[0, 1]) for one, other in pairs],
        "forgotten_again": [
            float((other[one > 0] > 0).mean()) for one, other in permutations(times, 2)
        ],
    }


def flips(arguments: Any, share: float, runs: Sequence[Run]) -> dict[str, Any]:
    """Precision and recall of the lists of a share, by seed."""
    folder = arguments.data / "fashion_mnist"
    names = np.array(CLASSES["fashion_mnist"])
    of_train = names[read_split(folder, "train").labels]
    of_test = read_split(folder, "test").labels
    each, same = [], 0
    for seed, run in _by_seed(runs):
        found = _run_cleanlab(arguments.cleanlab, run.predictions)
        lists = {"mtrain": run.suspects["test"].tolist(), **found["found"]}
        same += lists["mtrain"] == lists["confident_learning"]
        rows = run.learning["row"]
        flipped = {
            "train": rows[run.learning["class"] != of_train[rows]],
            "test": np.flatnonzero(run.predictions.labels != of_test),
        }
        figures = {
            name: _found("test", named, flipped["test"], len(of_test))
            for name, named in lists.items()
        }
        figures["train"] = _found("train", run.suspects["train"], flipped["train"], len(rows))
        each.append({"seed": seed, **figures})
    checked = as_check(arguments, share, each[0])
    return {"share": share, "same_lists": same, "checked": checked, "seeds": each}


def _found(split: Listed, named: Any, flipped: Array, rows: int) -> dict[str, Any]:
    """The figures of `mtrain check`, and how many of the first are right, as many as are flipped."""
    is_flipped = np.isin(named, flipped)
    one = found_flips(split, is_flipped, rows=rows, flipped=len(flipped), unseen=0)
    return asdict(one) | {"of_first": float(is_flipped[: len(flipped)].sum() / len(flipped))}


def as_check(arguments: Any, share: float, kept: dict[str, Any]) -> bool:
    """Whether `mtrain check` has the figures of the run that is kept."""
    settings = _settings(arguments, kept["seed"])
    found = mtrain.check(CLOTHES, suspects=True, flip=share, progress=False, **settings).suspects
    assert found is not None
    names = {"train": "train", "test": "mtrain"}
    return all(asdict(one).items() <= kept[names[one.split]].items() for one in found.lists)


def _run_cleanlab(python: Path, predictions: Predictions) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        arrays = Path(folder, "predictions.npz")
        np.savez(arrays, labels=predictions.labels, scores=predictions.probabilities)
        command = [str(python), "-c", CLEANLAB, str(arrays)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def known_errors(arguments: Any, runs: Sequence[Run]) -> dict[str, Any]:
    """Where the 15 stand in the lists of each run, and in that of the mean of their probabilities."""
    labels = read_split(arguments.data / "mnist", "test").labels
    rows = np.array([one.row for one in KNOWN_ERRORS])
    assert (labels[rows] == [one.label for one in KNOWN_ERRORS]).all()
    mean = np.mean([run.predictions.probabilities for run in runs], axis=0)
    together = Predictions(labels.astype(np.int64), mean.argmax(axis=1), mean, 0.0)
    lists = [(str(seed), run.suspects["test"], run.predictions) for seed, run in _by_seed(runs)]
    return {
        "rows": rows.tolist(),
        "lists": [
            {
                "of": name,
                "named": len(named),
                "ranks": _ranks(named, rows),
                "mistakes": int((predictions.predicted != labels).sum()),
                "known_mistaken": int((predictions.predicted != labels)[rows].sum()),
                "thresholds": [
                    float(predictions.probabilities[labels == k, k].mean()) for k in range(10)
                ],
                "least_probable": int(np.isin(_least_probable(predictions), rows).sum()),
            }
            for name, named, predictions in [*lists, ("mean", suspects(together)[0], together)]
        ],
    }


def _ranks(named: Array, rows: Array) -> list[int | None]:
    """The place in the list of each of the rows, from 1; None: it is not there."""
    places = {int(row): place for place, row in enumerate(named, 1)}
    return [places.get(int(row)) for row in rows]


def _least_probable(predictions: Predictions) -> Array:
    """The first rows by how improbable their label is, whether they are suspects or not."""
    labels = predictions.labels
    of_label = predictions.probabilities[np.arange(len(labels)), labels]
    return np.argsort(of_label, kind="stable")[:FIRST]


# The page


def page(results: dict[str, Any]) -> str:
    """The page with these figures."""
    forgotten, known = results["forgetting"], results["known_errors"]
    seeds = forgotten["seeds"]
    correlations = forgotten["correlations"]
    return TEMPLATE.read_text(encoding="utf-8").format(
        trainings=len(seeds) + sum(1 + len(one["seeds"]) for one in results["flips"]),
        machine=_machine(results),
        epochs=forgotten["epochs"],
        rows=f"{seeds[0]['rows']:,}",
        forgetting=_forgetting_table(seeds),
        never_forgotten=_percent(_mean(seeds, "never_forgotten")),
        by_none=_percent(forgotten["never_forgotten_by_any"]),
        after="; ".join(
            f"{epochs} epochs {_percent(statistics.fmean(shares))}"
            for epochs, shares in forgotten["never_forgotten_after"].items()
        ),
        correlation=f"{statistics.fmean(correlations):.3f}",
        correlation_range=f"{min(correlations):.3f} to {max(correlations):.3f}",
        again=_percent(statistics.fmean(forgotten["forgotten_again"])),
        by_chance=_percent(_mean(seeds, "forgotten")),
        flips=_flips_table(results["flips"]),
        same=_same(results["flips"]),
        default=_default(results["flips"]),
        known=_known_table(known),
        each_known=_each_known_table(known),
        **_of_mean(known),
    )


def _machine(results: dict[str, Any]) -> str:
    machine = results["machine"]
    names = {"python": "Python", "tensorflow": "TensorFlow", "keras": "Keras", "numpy": "NumPy"}
    versions = ", ".join(
        f"{names.get(name, name)} {version}" for name, version in machine["versions"].items()
    )
    return (
        f"Measured on {results['date']} at commit {results['commit'][:12]}, on {machine['cores']} cores "
        f"of {machine['processor'].split(' fma')[0]}, {machine['platform']}; {versions}"
    )


def _forgetting_table(seeds: Sequence[dict[str, Any]]) -> str:
    keys = ("never_forgotten", "never_learned", "forgotten", "training_accuracy", "accuracy")
    rows = [[str(one["seed"]), *(_percent(one[key]) for key in keys)] for one in seeds]
    rows.append(["mean", *(_percent(_mean(seeds, key)) for key in keys)])
    return _table(
        (
            "seed",
            "learned, never forgotten",
            "never learned",
            "forgotten at least once",
            "right in the last epoch",
            "accuracy on test",
        ),
        rows,
    )


def _flips_table(flipped: Sequence[dict[str, Any]]) -> str:
    rows = []
    for one in flipped:
        for name, text in (LISTS | {"train": "`suspects.csv`, of training"}).items():
            figures = [seed[name] for seed in one["seeds"]]
            rows.append(
                [
                    f"{100 * one['share']:g} %",
                    text,
                    f"{figures[0]['flipped']:,}",
                    f"{_mean(figures, 'named'):,.0f}",
                    *(_spread(figures, key) for key in ("precision", "recall", "of_first")),
                ]
            )
    headings = ("flipped", "list", "labels", "named", "precision", "recall", "of the first")
    return _table(headings, rows)


def _same(flipped: Sequence[dict[str, Any]]) -> str:
    n = sum(len(one["seeds"]) for one in flipped)
    same = sum(one["same_lists"] for one in flipped)
    checked = sum(one["checked"] for one in flipped)
    return (
        f"mtrain's list of the test split is cleanlab's by its filter `confident_learning`, row by row "
        f"in the same order, in {same} of {n} runs. `mtrain check --suspects --flip` trains anew and "
        f"has the figures of the first seed's run in {checked} of {len(flipped)} cases."
    )


def _default(flipped: Sequence[dict[str, Any]]) -> str:
    """What cleanlab's default filter finds and costs, beside mtrain's list."""
    differences = {
        key: [
            _mean([seed["prune_by_noise_rate"] for seed in one["seeds"]], key)
            - _mean([seed["mtrain"] for seed in one["seeds"]], key)
            for one in flipped
        ]
        for key in ("recall", "precision", "of_first")
    }
    shown = {
        key: ", ".join(f"{difference:+.3f}" for difference in found)
        for key, found in differences.items()
    }
    shares = ", ".join(f"{100 * one['share']:g}" for one in flipped)
    return (
        f"cleanlab's default less mtrain's list, at {shares} %: recall {shown['recall']}; precision "
        f"{shown['precision']}; of the first {shown['of_first']}."
    )


def _known_table(known: dict[str, Any]) -> str:
    n = len(known["rows"])
    rows = [
        (
            one["of"] if one["of"] != "mean" else "mean of the five",
            str(one["mistakes"]),
            str(one["named"]),
            f"{_named(one)} of {n}",
            f"{_named(one, FIRST)} of {n}",
            f"{one['least_probable']} of {n}",
        )
        for one in known["lists"]
    ]
    headings = (
        "seed",
        "mistakes on test",
        "length of the list",
        "known errors in it",
        f"among its first {FIRST}",
        f"among the {FIRST} rows with the least probable label",
    )
    return _table(headings, rows)


def _each_known_table(known: dict[str, Any]) -> str:
    *runs, mean = known["lists"]
    rows = []
    for place, error in enumerate(KNOWN_ERRORS):
        of_label, of_proposed, of_neither = error.votes
        named = sum(run["ranks"][place] is not None for run in runs)
        rows.append(
            (
                str(error.row),
                str(error.label),
                f"{of_label} for {error.label}, {of_proposed} for {error.proposed}, {of_neither} for neither",
                f"{named} of {len(runs)}",
                str(mean["ranks"][place] or "-"),
            )
        )
    headings = ("row", "label", "votes", "lists that name it", "place in the list of the mean")
    return _table(headings, rows)


def _of_mean(known: dict[str, Any]) -> dict[str, str]:
    n = len(known["rows"])
    *runs, mean = known["lists"]
    counts = [_named(run) for run in runs]
    lengths = [run["named"] for run in runs]
    return {
        "named_by_runs": f"{min(counts)} to {max(counts)} of the {n}",
        "lengths": f"{min(lengths)} to {max(lengths)} rows",
        "named_by_mean": f"{_named(mean)} of the {n} among {mean['named']} rows",
        "lowest_threshold": f"{math.floor(1000 * min(min(run['thresholds']) for run in runs)) / 1000:.3f}",
        "missed": str(n - _named(mean)),
        "missed_right": str(n - mean["known_mistaken"]),
    }


def _named(one: dict[str, Any], first: float = float("inf")) -> int:
    return sum(place is not None and place <= first for place in one["ranks"])


def _mean(figures: Sequence[dict[str, Any]], key: str) -> float:
    return statistics.fmean(figure[key] for figure in figures)


def _spread(figures: Sequence[dict[str, Any]], key: str) -> str:
    values = [figure[key] for figure in figures]
    return f"{statistics.fmean(values):.3f} ± {statistics.stdev(values):.3f}"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ("---",) * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _arguments() -> Any:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--runs", type=Path, metavar="RUNS", default=ROOT / "outputs" / "labels")
    python = Path(sys.prefix, "trackers", "bin", "python")
    parser.add_argument("--cleanlab", type=Path, metavar="PYTHON", default=python)
    arguments = parser.parse_args()
    arguments.data = arguments.data.absolute()
    if not arguments.cleanlab.exists():
        parser.error(f"{arguments.cleanlab}: no such Python; `make trackers` makes it")
    return arguments


if __name__ == "__main__":
    main()
