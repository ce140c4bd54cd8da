"""Evaluate a checkpoint on a split: predictions, every figure of them, and the charts."""

from __future__ import annotations

import hashlib
import math
import re
import shlex
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mtrain.config.experiment.custom_code import refuse_code
from mtrain.config.experiment.evaluation import DEFAULT_THRESHOLD
from mtrain.config.experiment.rivals import AUTO
from mtrain.config.loading.load import load_config
from mtrain.data.file_states import check_unchanged
from mtrain.errors import MtrainError, UsageError
from mtrain.inference.network import predict_split
from mtrain.inference.plain import check_fast, predict_plainly
from mtrain.inference.threshold import check_threshold, check_two_classes, chosen_threshold
from mtrain.keywords import option
from mtrain.metrics.calibration import calibration_report
from mtrain.metrics.epoch import single_figures
from mtrain.metrics.mistakes import confident_mistakes
from mtrain.metrics.report import make_report
from mtrain.metrics.rivals import with_rivals
from mtrain.metrics.slices import make_slices
from mtrain.metrics.thresholds import predict_above
from mtrain.records.dataset import SPLITS
from mtrain.records.report import EvaluatedData
from mtrain.report.drawing import draw_here, evaluation_charts
from mtrain.report.pictures import pictures
from mtrain.run.directory import RunDirectory, check_creatable, check_empty
from mtrain.run.evaluation import keep_evaluation, write_evaluation
from mtrain.run.files import is_denied
from mtrain.run.find_checkpoint import changed_code, with_checkpoint
from mtrain.run.history import read_history
from mtrain.run.rivals import read_rivals
from mtrain.workflows.checkpoint_data import load_checkpoint_data
from mtrain.workflows.run_state import run_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from mtrain.model.custom.code import ImportedCode
    from mtrain.records.dataset import Dataset, Encoding, Split
    from mtrain.records.report import Report
    from mtrain.records.rivals import TrainedRival
    from mtrain.records.slice_rows import SliceRows
    from mtrain.records.training import Predictions
    from mtrain.report.drawing import Draw
    from mtrain.run.checkpoint import Checkpoint
    from mtrain.run.find_checkpoint import CheckpointPlace
    from mtrain.workflows.checkpoint_data import CheckpointData

    PredictSplit = Callable[[Checkpoint, Split, CheckpointPlace, ImportedCode | None], Predictions]


MOST_LOOKS = 2**53
"""With more choices nothing is shown of any class, either."""

FAST = (
    "predicted by NumPy, which rounds otherwise: probabilities differ from those of `mtrain evaluate` by "
    "about 1e-6, and by more where outputs before the softmax are large"
)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result of an evaluation, and the folder of its files."""

    report: Report
    folder: Path
    problem: str | None = None
    """Why the folder has no files: the user may not write there. None: it has them."""


def evaluate(
    checkpoint: Path,
    *,
    split: str = "test",
    data: Path | None = None,
    threshold: float | None = None,
    by: str | None = None,
    out: Path | None = None,
    dataset: Dataset | None = None,
    code: ImportedCode | None = None,
    allow_code: bool = False,
    fast: bool = False,
    predict: PredictSplit = predict_split,
    draw: Draw | None = draw_here,
) -> Evaluation:
    """Evaluate a run's best checkpoint, or the one checkpoint named.

    `data` is another `dataset.path`; if these data are not the training's and have no test split,
    all their rows are the test split. `threshold`, for two classes, is the probability of class 1
    above which it is predicted, in [0, 1]; None: the run's `evaluation.threshold`, or the one
    chosen in the checkpoint's last whole epoch. `by` is a column of a table, for each value of which
    the report has the same figures, in `Report.by`. `dataset` is the run's data set if it is loaded
    already, and `code` its custom code if it is imported; `allow_code` allows that import. If it is
    `fast`, NumPy predicts, as `FAST` says, and there is no loss. `predict` predicts as
    `predict_split` does; `draw` draws the charts, None: there are none. Writes into `out`, a new
    folder, or else the run's `evaluation/<split>`; with another checkpoint, data or threshold than
    the run's own, or by a column, into a folder whose name says which. Raises `MtrainError` for a
    checkpoint or data that are damaged or do not fit, `UsageError` for an impossible split, threshold
    or column, and for a network that NumPy cannot run.
    """
    if split not in SPLITS:
        raise UsageError(f"must be test, val or train, got {split!r}", where=option("split"))
    check_threshold(threshold)
    if out is not None:
        out = out.absolute()
        if out.is_symlink():
            raise MtrainError("a link", where=out, remedy="name the folder that it leads to")
        check_creatable(out)
        check_empty(
            RunDirectory(out),
            f"and without {option('out')} the run's own evaluation folder is taken",
        )
    if fast:
        predict = predict_plainly
    question = _Question(split, data, threshold, by, allow_code, dataset, code, predict, fast)
    answer = with_checkpoint(checkpoint, question.answer)

    report, run = answer.report, answer.place.run
    keeps, learned = answer.keeps_predictions, answer.learned_from
    drawn = () if draw is None else draw(evaluation_charts, *answer.drawn)
    content = report, answer.predictions, answer.rows, drawn
    if out is not None:
        write_evaluation(out, *content, keeps_predictions=keeps, learned_from=learned)
        return Evaluation(report, out)
    folder = run.evaluations / answer.name
    try:
        keep_evaluation(run, answer.name, *content, keeps_predictions=keeps, learned_from=learned)
    except MtrainError as error:
        if not is_denied(error):
            raise
        problem = f"{run.path}: you may not write there, so the evaluation is not kept"
        return Evaluation(report, folder, problem)
    return Evaluation(report, folder)


@dataclass(frozen=True, eq=False)
class _Answer:
    """A report, with everything needed to write it."""

    report: Report
    predictions: Predictions
    rows: Split
    place: CheckpointPlace
    name: str
    """The evaluation's name in its run."""

    keeps_predictions: bool
    learned_from: bool
    """Whether the network has learned from these rows."""

    encoding: Encoding

    @property
    def drawn(self) -> tuple[Report, Predictions, list[NDArray[np.uint8]]]:
        """What charts are drawn of."""
        mistakes = confident_mistakes(self.predictions)
        return self.report, self.predictions, pictures(self.rows, self.encoding, mistakes)


@dataclass(eq=False)
class _Question:
    """The arguments of `evaluate`; the data are read only once."""

    split: str
    data: Path | None
    threshold: float | None
    by: str | None
    allow_code: bool
    dataset: Dataset | None
    code: ImportedCode | None
    predict: PredictSplit
    fast: bool
    read: CheckpointData | None = None
    """The data, if they were read here."""

    def answer(self, place: CheckpointPlace, saved: Checkpoint) -> _Answer:
        """The report on the checkpoint, with everything needed to write it."""
        self._check(place, saved)
        codes = saved.config.custom_code.values()
        code = self.code
        if code is None or any(one.name not in code.objects for one in codes):
            code = None  # this checkpoint's config names other code
            refuse_code(codes, place.path, allowed=self.allow_code)
        if self.dataset is None:
            self.read = load_checkpoint_data(saved, self.data, place)
            self.dataset = self.read.dataset
        dataset = self.dataset
        rows = _rows(dataset, self.split)
        parts = None if self.by is None else self._slice(self.by, rows, saved)
        predictions = replace(self.predict(saved, rows, place, code), groups=rows.groups)
        threshold, choice = chosen_threshold(saved, place.path)
        is_default_threshold = self.threshold in {
            None,
            DEFAULT_THRESHOLD if threshold is None else threshold,
        }
        if not is_default_threshold:
            threshold, choice = self.threshold, None
        if threshold is not None:
            predictions = predict_above(predictions, threshold)
        is_training_data = dataset.sha256 == saved.identity.get("data.sha256")
        trained = self._rivals(place, rows, saved) if is_training_data else []
        predictions, rivals = with_rivals(predictions, trained, self.split, saved.classes)
        part = None if is_training_data else _part_of_training(dataset, saved)
        is_validation = part == "val" or (is_training_data and self.split == "val")
        best_by_validation = place.is_best and (saved.config.save_best or "").startswith("val_")
        chosen_by_validation = best_by_validation or (choice is not None and choice.failed is None)
        required = [saved.config.evaluation.require.of(name) for name in saved.classes]
        is_calibrated = saved.config.evaluation.calibrate is not None and saved.history.epoch
        temperature = saved.temperature if is_calibrated else None
        report = make_report(
            predictions,
            saved.classes,
            split=self.split,
            checkpoint=place.path.name,
            selected=is_validation and chosen_by_validation,
            threshold=threshold,
            threshold_chosen=choice,
            figures=single_figures(predictions, saved.config.metrics),
            required=required,
            calibration=calibration_report(predictions, temperature),
            rivals=rivals or None,
            looks=_looks(place, saved) if is_validation and best_by_validation else 1,
            data=EvaluatedData(
                source=dataset.source,
                sha256=dataset.sha256,
                as_trained_on=is_training_data or (part is not None and len(dataset.parts) == 1),
                notes=(
                    *dataset.notes,
                    *([FAST] if self.fast else ()),
                    *_known_rows(dataset, saved, part),
                    *changed_code(place, saved),
                    # The training itself asks with its code imported, and is not over.
                    *(_unfinished(place, saved) if self.code is None else ()),
                ),
            ),
        )
        if self.by is not None and parts is not None:
            slices = make_slices(
                self.by, parts, predictions, saved.classes, required=required, of=report
            )
            report = replace(report, by=slices)
        return _Answer(
            report,
            predictions,
            rows,
            place,
            self._name(
                place,
                dataset,
                is_training_data=is_training_data,
                is_default_threshold=is_default_threshold,
            ),
            saved.config.evaluation.predictions,
            part == "train" or (is_training_data and self.split == "train"),
            saved.encoding,
        )

    def _rivals(self, place: CheckpointPlace, rows: Split, saved: Checkpoint) -> list[TrainedRival]:
        """The run's rivals that its config has, with what they predict of these rows; none of other rows."""
        try:
            rivals = read_rivals(place.run.rivals, self.split, rows.rows, len(saved.classes))
        except MtrainError as error:
            remedy = f"without {shlex.quote(str(place.run.rivals))} there are no rivals"
            problems = (replace(one, remedy=remedy) for one in error.problems)
            raise MtrainError(*problems) from error
        wanted = saved.config.evaluation.rivals
        if self.threshold is not None:
            rivals = [replace(one, threshold=self.threshold) for one in rivals]
        return [one for one in rivals if wanted == AUTO or one.name in wanted]

    def _check(self, place: CheckpointPlace, saved: Checkpoint) -> None:
        """Raise `MtrainError` or `UsageError` for what does not fit the checkpoint, or is not there."""
        if place.is_default and not place.is_best and saved.best not in {None, saved.name}:
            raise MtrainError(
                f"is missing, and {saved.best} is the best; name one",
                where=place.run.checkpoints / "best",
            )
        if self.fast:
            check_fast(saved)
        check_two_classes(self.threshold, saved)
        if self.by is not None:
            from mtrain.data.slicing import check_by

            check_by(saved.config.dataset, self.by)

    def _name(
        self,
        place: CheckpointPlace,
        dataset: Dataset,
        *,
        is_training_data: bool,
        is_default_threshold: bool,
    ) -> str:
        """The evaluation's name in its run: the split, and in what it is not the run's own."""
        parts = [self.split]
        if not place.is_default:
            parts.append(place.path.name)
        if not is_training_data:
            parts.append(f"{_plain(Path(dataset.source).stem)}-{dataset.sha256[:8]}")
        if not is_default_threshold:
            parts.append(f"threshold-{self.threshold}")
        if self.fast:
            parts.append("fast")
        if self.by is not None:
            parts.append(f"by-{_distinct(self.by)}")
        return "-".join(parts)

    def _slice(self, by: str, rows: Split, saved: Checkpoint) -> list[SliceRows]:
        """The rows of the split by the values of a column."""
        from mtrain.data.slicing import slice_rows  # pyarrow, which images and digits do not need

        config = saved.config.dataset if self.read is None else self.read.config
        parts = {} if self.dataset is None else self.dataset.parts
        sliced = slice_rows(
            config,
            by,
            rows.rows,
            # A split that is not in the data was drawn from their training split.
            split=self.split if self.split in parts else "train",
            encoding=saved.encoding,
            n_classes=len(saved.classes),
            memory=saved.config.training.memory_bytes,
        )
        if self.read is not None:
            check_unchanged(config, self.read.files)
        return sliced


def _looks(place: CheckpointPlace, saved: Checkpoint) -> int:
    """Epochs whose figures on the validation were compared to find the best checkpoint.

    Of an ensemble, the choices of an epoch for each member.
    """
    if saved.ensemble is not None:
        return min(math.prod(one.epochs for one in saved.ensemble.members), MOST_LOOKS)
    with suppress(MtrainError):  # without a history the checkpoint's own will do
        return len(read_history(place.run.path).epoch)
    return len(saved.history.epoch)


def _part_of_training(dataset: Dataset, saved: Checkpoint) -> str | None:
    """The split of the training's data that these rows are; None: other rows."""
    rows = dataset.parts.get("test", dataset.parts["train"])
    return next((part for part in SPLITS if saved.identity.get(f"data.{part}") == rows), None)


def _known_rows(dataset: Dataset, saved: Checkpoint, part: str | None) -> list[str]:
    """Notes on rows that are a split of the training's data under another name."""
    if part is None:
        return []
    drawn = [
        split
        for split in ("val", "test")
        if f"splits.{split}" in saved.identity and f"data.{split}" not in saved.identity
    ]
    of = ""
    if part == "train" and drawn:
        of = f", from which it drew its {' and '.join(SPLITS[split] for split in drawn)} rows"
    return [f"{dataset.source}: these rows are the run's {SPLITS[part]} data{of}"]


def _unfinished(place: CheckpointPlace, saved: Checkpoint) -> Iterator[str]:
    """Notes on a training that has not begun, is still running, or ended early."""
    if saved.ensemble is not None:
        return
    if not (saved.cursor.epoch or saved.cursor.step):
        yield f"{place.path}: nothing was trained; these are the initial weights"
    run = place.run
    with suppress(MtrainError, IndexError):  # without a history the checkpoint is as good
        state = run_state(run, load_config(run.config, {}), read_history(run.path))
        if state in {"diverged", "failed"}:
            yield f"{run.path}: the training {state}"
        elif state == "running":
            yield f"{run.path}: the training is still running"
        elif not state.startswith("finished"):
            remedy = f"`mtrain resume {shlex.quote(str(run.path))}` continues it"
            yield f"{run.path}: the training was {state}; {remedy}"


def _plain(name: str) -> str:
    """A name as a part of a folder's name."""
    return re.sub(r"[^\w.]+", "_", name, flags=re.ASCII)[:40]


def _distinct(name: str) -> str:
    """A name as a part of a folder's name, in which no two names are alike."""
    plain = _plain(name)
    if plain == name:
        return name
    return f"{plain}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def _rows(dataset: Dataset, split: str) -> Split:
    if (rows := dataset.splits.get(split)) is None:
        if "train" not in dataset.splits:
            raise UsageError(
                f"{dataset.source}: these are not the data of the training", where=option("split")
            )
        raise UsageError(
            f"this run has no split {split!r}: dataset.validation is null", where=option("split")
        )
    return rows
