"""Accuracy on tables: scikit-learn's MLPClassifier beside mtrain, trained from files alone.

Both train on the same ten stratified splits, with 30 % of the rows for the test. Both have networks
of the same size, Adam at the same rate, as many epochs of batches of the same size, and data scaled
as StandardScaler scales them. The difference has its standard error behind it.
"""

from __future__ import annotations

import csv
import math
import statistics
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.markdown import Table
from benchmarks.record import parser_of, record
from mtrain.config.loading.load import load_config
from mtrain.workflows.fit import fit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy as np

    from benchmarks.markdown import Row

DATA: dict[str, Callable[[], Any]] = {
    "iris": load_iris,
    "wine": load_wine,
    "breast cancer": load_breast_cancer,
}

KINDS = ("csv", "parquet")

SPLITS = 10

HIDDEN, EPOCHS, BATCH, RATE = 64, 200, 16, 0.001
"""As `mtrain init` proposes for tables of so few rows."""

T_95 = 1.833
"""Student's t that nine degrees of freedom exceed in 5 % of cases."""


@dataclass(frozen=True)
class Accuracies:
    """Accuracies on the same test rows, one a split."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def difference(self) -> float:
        """Mean over the splits; above 0 where mtrain is better."""
        return statistics.fmean(self.ours) - statistics.fmean(self.theirs)

    @property
    def standard_error(self) -> float:
        """Of the difference."""
        differences = [a - b for a, b in zip(self.ours, self.theirs, strict=True)]
        return statistics.stdev(differences) / math.sqrt(len(differences))

    @property
    def is_worse(self) -> bool:
        """Whether mtrain is worse, as the function `is_worse` says."""
        return is_worse(self.difference, self.standard_error)


TABLE = Table(
    {
        "data": "{data}",
        "file": "{file}",
        "mtrain": "{mtrain:.4f}",
        "`MLPClassifier`": "{sklearn:.4f}",
        "difference": "{difference:+.4f} ± {standard_error:.4f}",
    }
)


def main(arguments: list[str]) -> None:
    """Measure every data set and format; fail where mtrain is significantly worse."""
    options = parser_of("tables", __doc__).parse_args(arguments)
    rows = record(TABLE, measured(), options.out, SPLITS)
    assert not [row for row in rows if is_worse(row["difference"], row["standard_error"])]


def measured() -> Iterator[Row]:
    """The rows of the table."""
    with tempfile.TemporaryDirectory() as folder:
        for name in DATA:
            for kind in KINDS:
                found = compare(name, kind, Path(folder) / name / kind)
                yield {
                    "data": name,
                    "file": kind,
                    "mtrain": statistics.fmean(found.ours),
                    "sklearn": statistics.fmean(found.theirs),
                    "difference": found.difference,
                    "standard_error": found.standard_error,
                }


def is_worse(difference: float, standard_error: float) -> bool:
    """Whether mtrain is worse, by a one-sided paired t test of ten splits at 5 %."""
    return difference < -T_95 * standard_error


def compare(name: str, kind: str, folder: Path) -> Accuracies:
    """Train both on every split of the data set called so; mtrain from files in `folder`."""
    data = DATA[name]()
    labels = data.target_names[data.target]
    ours, theirs = [], []
    for split in range(SPLITS):
        rows, test_rows, names, test_names = train_test_split(
            data.data, labels, test_size=0.3, stratify=labels, random_state=split
        )
        place = folder / str(split)
        place.mkdir(parents=True)
        write_table(place / f"train.{kind}", data.feature_names, rows, names)
        write_table(place / f"test.{kind}", data.feature_names, test_rows, test_names)
        ours.append(mtrain_accuracy(place, kind, split))
        network = MLPClassifier(
            HIDDEN,
            alpha=0,
            batch_size=BATCH,
            learning_rate_init=RATE,
            max_iter=EPOCHS,
            n_iter_no_change=EPOCHS,
            random_state=split,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = make_pipeline(StandardScaler(), network).fit(rows, names)
        theirs.append(float(fitted.score(test_rows, test_names)))
    return Accuracies(tuple(ours), tuple(theirs))


def write_table(path: Path, names: Iterable[str], rows: np.ndarray, labels: np.ndarray) -> None:
    """These columns and `label`, as CSV or Parquet by the ending."""
    columns = dict(zip(names, rows.T, strict=True)) | {"label": labels}
    if path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path)
        return
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([list(columns), *zip(*columns.values(), strict=True)])


def mtrain_accuracy(folder: Path, kind: str, seed: int) -> float:
    """On the test file, of what was trained and evaluated from the files in `folder`."""
    files = {key: str(folder / f"{name}.{kind}") for key, name in PLACES.items()}
    settings = {
        "seed": seed,
        "dataset": {"name": kind, "target": "label", "validation": None, **files},
        "model": {"hidden": HIDDEN},
        "optimizer": {"name": "adam", "learning_rate": RATE},
        "training": {"epochs": EPOCHS, "batch_size": BATCH, "compile": "graph"},
    }
    report = fit(load_config(settings, {}), out=folder / "run").report
    assert report is not None
    assert report.accuracy is not None
    return report.accuracy


PLACES = {"path": "train", "test_path": "test"}
