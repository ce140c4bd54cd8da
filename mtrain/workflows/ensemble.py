"""Several trained runs as one model: a run directory that holds all of their networks."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.experiment.custom_code import CustomModel
from mtrain.config.experiment.evaluation import DEFAULT_THRESHOLD
from mtrain.config.loading.load import config_to_yaml, flat_settings
from mtrain.errors import MtrainError
from mtrain.inference.predicted import most_probable
from mtrain.inference.threshold import why_none
from mtrain.metrics.history import History
from mtrain.metrics.thresholds import choose_threshold
from mtrain.model.plain_network import TRAINING_ONLY, at_temperature, plain_shapes
from mtrain.records.ensemble import Ensemble, EnsembleMember
from mtrain.records.training import Cursor
from mtrain.run.checkpoint import (
    MEMBER,
    arrays_sha256,
    read_checkpoint,
    read_checkpoint_arrays,
    save_each,
)
from mtrain.run.directory import ENSEMBLE, RunDirectory
from mtrain.run.environment import read_environment, write_environment
from mtrain.run.files import attributing_errors, remove_leftovers, whole_folder, write_text
from mtrain.run.find_checkpoint import find_checkpoint, point_to
from mtrain.run.history import read_history
from mtrain.run.metrics import METRICS, read_report
from mtrain.run.predictions import read_predictions
from mtrain.statistics.means import mean_of
from mtrain.workflows.checkpoint_data import load_checkpoint_data
from mtrain.workflows.evaluate import evaluate
from mtrain.workflows.report import report

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mtrain.model.custom.code import ImportedCode
    from mtrain.records.arrays import Ints
    from mtrain.records.dataset import Split
    from mtrain.records.training import Predictions
    from mtrain.report.drawing import Draw
    from mtrain.run.checkpoint import Checkpoint
    from mtrain.run.find_checkpoint import CheckpointPlace
    from mtrain.workflows.evaluate import PredictSplit

MAY_DIFFER = {"name", "seed"}
"""Settings in which the members of an ensemble may differ."""

BEGINNING = Cursor(epoch=0, step=0, loss_sum=0.0, top_k_hits=0)
"""An ensemble has no epochs."""


@dataclass(frozen=True, eq=False)
class _Source:
    """A run that becomes a member."""

    run: RunDirectory
    checkpoint: Path
    temperature: float
    member: EnsembleMember


def make_ensemble(path: Path, runs: Sequence[Path], draw: Draw | None) -> None:
    """Make the ensemble of finished runs, which differ only in their seeds, as a run directory at `path`.

    It is evaluated on the splits that all of them are, from the probabilities that they kept: without
    TensorFlow, whose threads are set once a process. One of the same checkpoints that is there already stays.
    `draw` draws its charts, and it has a page then; None: it has neither. Raises `MtrainError` for runs that
    differ, that kept no predictions, or that are evaluated with another checkpoint than their own.
    """
    first, sources = _read(runs)
    with attributing_errors(path.parent):
        path.parent.mkdir(exist_ok=True)
    remove_leftovers(path.parent)
    ensemble = RunDirectory(path)
    if not _is_of(ensemble, sources):
        _write(ensemble, first, sources)
    _evaluate(ensemble, sources, draw)


def _read(runs: Sequence[Path]) -> tuple[Checkpoint, list[_Source]]:
    """The state of the first run's checkpoint, and all runs, which are compared with it."""
    first: Checkpoint | None = None
    sources = []
    for path in runs:
        place = find_checkpoint(path)
        saved = read_checkpoint(place.path)
        first = first or saved
        if (difference := _difference(saved, first)) is not None:
            remedy = f"an ensemble needs members that differ only in their seeds; remove {path}, and resume the sweep"
            raise MtrainError(
                f"differs from {runs[0].name}: {difference}", where=path, remedy=remedy
            )
        member = EnsembleMember(
            name=path.name,
            seed=saved.config.seed,
            checkpoint=place.path.name,
            sha256=arrays_sha256(place.path),
            epoch=saved.cursor.epoch,
            epochs=len(read_history(path).epoch),
        )
        sources.append(_Source(place.run, place.path, saved.temperature, member))
    if first is None:
        raise TypeError("an ensemble has members")
    return first, sources


def _difference(saved: Checkpoint, first: Checkpoint) -> str | None:
    """What a member must share with the first and does not; None: it shares everything."""
    if saved.classes != first.classes:
        return f"{len(saved.classes):,} classes, {', '.join(saved.classes):.60}"
    if saved.encoding != first.encoding:
        return "its rows are encoded otherwise"
    facts = [
        {**flat_settings(one.config), **one.identity, "device": one.device}
        for one in (saved, first)
    ]
    for key in dict.fromkeys([*facts[0], *facts[1]]):
        own, others = (one.get(key) for one in facts)
        if key not in MAY_DIFFER and own != others:
            return f"{key} is {own!r:.60}, not {others!r:.60}"
    return None


def _is_of(ensemble: RunDirectory, sources: Sequence[_Source]) -> bool:
    """Whether it is there, whole, and of these checkpoints."""
    try:
        saved = read_checkpoint(ensemble.checkpoints / ENSEMBLE)
    except MtrainError:
        return False  # it is made, or made again
    members = () if saved.ensemble is None else saved.ensemble.members
    return members == tuple(source.member for source in sources)


def _write(ensemble: RunDirectory, first: Checkpoint, sources: Sequence[_Source]) -> None:
    """Write the run directory, but for its evaluations, in place of any that is there."""
    environment = read_environment(sources[0].run.environment)
    config = first.config.model_copy(update={"name": ensemble.path.name})
    saved = replace(
        first,
        config=config,
        cursor=BEGINNING,
        seconds=0.0,
        best=None,
        history=History("", first.classes),
        ensemble=_described(first, sources),
    )
    with whole_folder(ensemble.path) as beside:
        run = RunDirectory(beside)
        write_text(run.config, config_to_yaml(config))
        write_environment(environment, run.environment)
        if (rivals := sources[0].run.rivals).is_dir():
            shutil.copytree(rivals, run.rivals)
        save_each(run, saved, _arrays(first, sources))
        # Of members that are best by validation, it is as well.
        point_to(run, None if first.config.save_best is None else ENSEMBLE, ENSEMBLE)


def _described(first: Checkpoint, sources: Sequence[_Source]) -> Ensemble:
    """The members, and the threshold that the config's rule chooses by the mean of their probabilities."""
    ensemble = Ensemble(tuple(source.member for source in sources))
    rule = first.config.evaluation.rule
    if rule is None or len(first.classes) != 2:
        return ensemble
    labels, scores = _labels(sources, "val"), _mean(sources, "val")[:, 1]
    level = rule.level(*(source.member.epoch for source in sources))
    threshold = choose_threshold(labels == 1, scores, rule.by, rule.at_least, level)
    if not np.isnan(threshold):
        return replace(ensemble, threshold=threshold)
    above = scores > np.float32(DEFAULT_THRESHOLD)
    tp, fp, fn = (
        int(np.count_nonzero(rows))
        for rows in (above & (labels == 1), above & (labels == 0), ~above & (labels == 1))
    )
    return replace(ensemble, failed=why_none(rule, level, tp, fp, fn))


def _arrays(
    first: Checkpoint, sources: Sequence[_Source]
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """What predictions need of each member, a temperature included; one member after the other."""
    if isinstance(first.config.model, CustomModel):
        raise TypeError("an ensemble has no custom models")
    shapes = plain_shapes(first.config.model, first.encoding.n_features, len(first.classes))
    for number, source in enumerate(sources, 1):
        arrays = read_checkpoint_arrays(source.checkpoint, shapes, "model/", without=TRAINING_ONLY)
        for name, array in at_temperature(arrays, source.temperature).items():
            yield f"{MEMBER.format(number)}{name}", array


def _evaluate(ensemble: RunDirectory, sources: Sequence[_Source], draw: Draw | None) -> None:
    """Make the evaluations that its members have and it lacks, and its page."""
    place = find_checkpoint(ensemble.path)
    saved = read_checkpoint(place.path)
    splits = ["test"] if saved.config.dataset.validation is None else ["test", "val"]
    lacking = [split for split in splits if not (ensemble.evaluations / split / METRICS).is_file()]
    if not lacking:
        return
    dataset = load_checkpoint_data(saved, None, place).dataset
    for split in lacking:
        evaluation = evaluate(
            ensemble.path,
            split=split,
            dataset=dataset,
            predict=_predict_by_members(sources, split),
            draw=draw,
        )
        if evaluation.problem is not None:
            raise MtrainError(evaluation.problem)
    if draw is not None:
        report(ensemble.path, rows=dataset.test)


def _predict_by_members(sources: Sequence[_Source], split: str) -> PredictSplit:
    """A function that predicts by what the members have predicted: the bits of what TensorFlow would."""

    def predict(
        _saved: Checkpoint, rows: Split, _place: CheckpointPlace, _code: ImportedCode | None
    ) -> Predictions:
        return most_probable(rows, _mean(sources, split, rows.rows))

    return predict


def _mean(sources: Sequence[_Source], split: str, rows: Ints | None = None) -> NDArray[np.float32]:
    """The mean of the members' probabilities of a split, (N, K); `rows` are its places in the data, if known."""

    def each() -> Iterator[NDArray[np.float32]]:
        expected = rows
        for source in sources:
            predictions, places = _kept(source, split)
            expected = places if expected is None else expected
            if not np.array_equal(places, expected):
                raise MtrainError(
                    f"its {split} rows are not those of the other members", where=source.run.path
                )
            yield predictions.probabilities

    return mean_of(each())


def _labels(sources: Sequence[_Source], split: str) -> Ints:
    """The true classes of the rows of a split, (N,)."""
    return _kept(sources[0], split)[0].labels


def _kept(source: _Source, split: str) -> tuple[Predictions, Ints]:
    """What a member's own evaluation has kept, and the places of the rows."""
    folder = source.run.evaluations / split
    found = read_report(folder)
    if found.checkpoint != source.member.checkpoint:
        raise MtrainError(
            f"is an evaluation of {found.checkpoint}, and the run's checkpoint is {source.member.checkpoint}",
            where=folder,
            remedy=f"`mtrain evaluate {shlex.quote(str(source.run.path))} --split {split}` makes one",
        )
    return read_predictions(found, folder)
