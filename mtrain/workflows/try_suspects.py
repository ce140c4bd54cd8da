"""Try the lists of suspects on data of which it is known which labels are wrong."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from mtrain.data.flips import flip_labels
from mtrain.errors import MtrainError
from mtrain.metrics.findings import UNLEARNED
from mtrain.metrics.suspects import found_flips
from mtrain.records.suspects import SuspectTrial
from mtrain.records.training import ROWS
from mtrain.run.directory import SUSPECTS, RunDirectory
from mtrain.run.learning import read_unseen
from mtrain.run.suspects import read_suspect_rows
from mtrain.training.signals import Received, raising_at_once
from mtrain.workflows.fit import fit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from mtrain.config.experiment.schema import Config
    from mtrain.observer import Observer
    from mtrain.records.arrays import Ints
    from mtrain.records.dataset import Dataset
    from mtrain.records.report import Report
    from mtrain.records.suspects import FoundFlips, Listed


def try_suspects(
    config: Config,
    share: float,
    *,
    code_folder: Path | None = None,
    observer: Observer | None = None,
    owns_process: bool = False,
) -> SuspectTrial:
    """Flip a `share` of the labels, train as `fit` does, and count the flipped ones in its lists.

    The run is in a temporary folder, which is removed whatever happens; no tracker follows it, and no
    gate judges it. Arguments are as for `fit`, and so is what is raised; `UsageError` for labels that
    cannot be flipped. A signal stops it at once, and is raised again.
    """
    kept: dict[str, tuple[Ints, NDArray[np.bool_]]] = {}

    def flip(dataset: Dataset) -> Dataset:
        changed = flip_labels(dataset, share, config.seed)
        for name, rows in dataset.splits.items():
            kept[name] = rows.rows, rows.labels != changed.splits[name].labels
        return changed

    if observer is not None:
        observer.note(
            f"Trying the lists of suspects: a training with {100 * share:.3g} % of the labels of each "
            "split flipped, at least one, which is not kept."
        )
    with raising_at_once(), TemporaryDirectory(prefix="mtrain-") as folder:
        try:
            run = fit(
                _without_others(config),
                out=Path(folder, "run"),
                code_folder=code_folder,
                alter=flip,
                received=Received(),
                draw=None,
                observer=observer,
                owns_process=owns_process,
            )
        except MtrainError as error:
            cause = error.__cause__
            if isinstance(cause, MtrainError) and str(error).startswith(str(cause)):
                raise cause from None  # the checkpoint that is named after it is removed
            raise
        lists = tuple(_found(RunDirectory(run.path), kept))
        return SuspectTrial(share, lists, None if run.report is None else _problem(run.report))


def _without_others(config: Config) -> Config:
    """The config with the diagnostics of rows, and without rivals, trackers and gates."""
    diagnostics = dict.fromkeys((*config.diagnostics, ROWS))
    nobody = type(config.tracking)()
    evaluation = config.evaluation.model_copy(update={"rivals": ()})
    return config.model_copy(
        update={
            "diagnostics": tuple(diagnostics),
            "evaluation": evaluation,
            "tracking": nobody,
            "gates": (),
        }
    )


def _problem(report: Report) -> str | None:
    """What shows that the network has learned nothing, which the test split can tell."""
    found = (one.text for one in report.findings if one.kind in UNLEARNED)
    return next(found, None)


def _found(
    run: RunDirectory, kept: Mapping[str, tuple[Ints, NDArray[np.bool_]]]
) -> Iterator[FoundFlips]:
    """Of each list of the run; `kept` has the rows of each split, and which of them are flipped."""
    unseen = read_unseen(run.learning)
    lists: dict[Listed, Path] = {
        "train": run.suspects,
        "test": run.evaluations / "test" / SUSPECTS,
    }
    for split, path in lists.items():
        rows, is_flipped = kept[split]
        flipped = rows[is_flipped]
        yield found_flips(
            split,
            np.isin(read_suspect_rows(path), flipped),
            rows=len(rows),
            flipped=len(flipped),
            unseen=int(np.isin(flipped, unseen).sum()) if split == "train" else 0,
        )
