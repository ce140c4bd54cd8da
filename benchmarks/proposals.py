"""What `mtrain init` proposes for tables, beside simpler models and scikit-learn's network, on the same rows.

Of each split of each table, the proposal is trained with its rivals, which get the same training rows; eight
seeds of it make an ensemble; and MLPClassifier, with its defaults, is trained on the network's inputs. The table has
means over the splits, and last the mean ranks over all tables.
"""

from __future__ import annotations

import statistics
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.csv
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss, recall_score
from sklearn.neural_network import MLPClassifier

import mtrain
from benchmarks.markdown import Table
from benchmarks.public_tables import ASIDE, CHOSEN_ON, PublicTable
from benchmarks.record import parser_of, record
from mtrain.config.loading.load import load_config
from mtrain.data.load import load_dataset
from mtrain.run.rivals import read_rivals
from mtrain.workflows.fit import fit
from mtrain.workflows.init import init

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from benchmarks.markdown import Row

PROPOSAL, ENSEMBLE, NETWORK = "`mtrain init`", "ensemble of eight", "`MLPClassifier`"

SEEDS = 8

SIGNS = {"accuracy": -1, "balanced": -1, "log_loss": 1, "lowest": -1, "seconds": 1}
"""1 of figures whose lowest is the best."""

TABLE = Table(
    {
        "data": "{data}",
        "model": "{model}",
        "accuracy": "{accuracy:.3f}",
        "balanced accuracy": "{balanced:.3f}",
        "log loss": "{log_loss:.3f}",
        "lowest recall": "{lowest:.3f}",
        "seconds": "{seconds:.1f}",
    }
)


@dataclass(frozen=True)
class Figures:
    """Of a model on the test rows of a split."""

    accuracy: float
    balanced: float
    log_loss: float
    lowest: float
    seconds: float


def main(arguments: list[str]) -> None:
    """Measure the tables that proposals were chosen on, or those kept aside."""
    parser = parser_of("proposals", __doc__)
    parser.add_argument(
        "--splits", type=int, default=10, help="stratified splits of each table [10]"
    )
    parser.add_argument("--aside", action="store_true", help="the tables that were kept aside")
    parser.add_argument("--only", help="the one table called so")
    options = parser.parse_args(arguments)
    tables = [t for t in (ASIDE if options.aside else CHOSEN_ON) if options.only in {None, t.name}]
    record(TABLE, measured(tables, options.splits), options.out, options.splits)


def measured(tables: Sequence[PublicTable], splits: int) -> Iterator[Row]:
    """The rows of each table, and the mean ranks of all."""
    means = []
    for table in tables:
        with tempfile.TemporaryDirectory() as folder:
            config = _propose(table, Path(folder))
            each = [_split(config, number, Path(folder)) for number in range(splits)]
        for model in each[0]:
            of_model = [vars(one[model]) for one in each]
            mean = {name: statistics.fmean(one[name] for one in of_model) for name in of_model[0]}
            means.append({"data": table.name, "model": model, **mean})
            yield means[-1]
    yield from _mean_ranks(means)


def _propose(table: PublicTable, folder: Path) -> Path:
    """The config that is proposed, beside its table."""
    pyarrow.csv.write_csv(table.read(), folder / "table.csv")
    init(folder / "proposed.yaml", folder / "table.csv", target=table.target)
    return folder / "proposed.yaml"


def _split(config: Path, number: int, folder: Path) -> dict[str, Figures]:
    """Of each model; the split is that of `dataset.seed`."""
    out = folder / str(number)
    chosen = {"seed": number, "dataset.seed": number}
    began = time.perf_counter()
    report = fit(load_config(config, chosen), out=out).report
    seconds = time.perf_counter() - began
    assert report is not None
    figures = {PROPOSAL: _evaluated(out, seconds)}
    began = time.perf_counter()
    several = folder / f"{number}-sweep"
    mtrain.sweep(
        config,
        seeds=SEEDS,
        ensemble=True,
        out=several,
        dataset={"seed": number},
        evaluation={"rivals": None},
    )
    figures[ENSEMBLE] = _evaluated(several / "ensemble", time.perf_counter() - began)
    rows = np.load(_kept(out))["rows"]
    made = {
        one.name: one.seconds
        for one in read_rivals(out / "rivals", "test", rows, len(report.classes))
    }
    for rival in report.rivals or ():
        if rival.problem is None:
            assert rival.accuracy is not None
            assert rival.recall_macro is not None
            recalls = [one.recall for one in rival.classes if one.recall is not None]
            figures[rival.title] = Figures(
                _number(rival.accuracy.second),
                _number(rival.recall_macro.second),
                _number(rival.log_loss),
                min(recalls),
                made[rival.name],
            )
    return figures | {NETWORK: _network(config, chosen)}


def _kept(run: Path) -> Path:
    return run / "evaluation" / "test" / "predictions.npz"


def _evaluated(run: Path, seconds: float) -> Figures:
    """Of what a run's evaluation has kept."""
    kept = np.load(_kept(run))
    return _figures(kept["y_true"], kept["y_pred"], kept["probabilities"], seconds)


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _network(config: Path, chosen: dict[str, int]) -> Figures:
    """Scikit-learn's network on the inputs of ours."""
    data = load_dataset(load_config(config, chosen).dataset)
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = MLPClassifier(random_state=0).fit(data.train.features, data.train.labels)
    seconds = time.perf_counter() - began
    probabilities = model.predict_proba(data.test.features)
    return _figures(data.test.labels, probabilities.argmax(axis=1), probabilities, seconds)


def _figures(
    labels: NDArray[Any], predicted: NDArray[Any], probabilities: NDArray[Any], seconds: float
) -> Figures:
    known = np.arange(probabilities.shape[1])
    exact = probabilities / probabilities.sum(axis=1, keepdims=True, dtype=np.float64)
    return Figures(
        float(accuracy_score(labels, predicted)),
        float(balanced_accuracy_score(labels, predicted)),
        float(log_loss(labels, exact, labels=known)),
        float(recall_score(labels, predicted, average=None, labels=np.unique(labels)).min()),
        seconds,
    )


def _mean_ranks(rows: Sequence[Row]) -> Iterator[Row]:
    """Of each model by each figure over all tables, 1 the best; equal ones share their ranks' mean."""
    models, tables = (list(dict.fromkeys(row[key] for row in rows)) for key in ("model", "data"))
    by = {(row["data"], row["model"]): row for row in rows}
    ranks = {}
    for name, sign in SIGNS.items():
        values = [[sign * by[table, model][name] for model in models] for table in tables]
        ranks[name] = rankdata(values, axis=1).mean(axis=0).tolist()
    for k, model in enumerate(models):
        yield {
            "data": "mean rank",
            "model": model,
            **{name: each[k] for name, each in ranks.items()},
        }
