"""A checkpoint whose network is loaded once, to predict rows some at a time."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from mtrain.data.inputs.in_memory import WHERE, pieces_in_memory
from mtrain.data.inputs.piece import Seen
from mtrain.data.inputs.read import read_pieces
from mtrain.errors import MtrainError, UsageError
from mtrain.inference.network import open_predictor
from mtrain.inference.plain import PlainPredictor
from mtrain.inference.threshold import check_two_classes, chosen_threshold
from mtrain.keywords import option
from mtrain.metrics.prediction_sets import choose_sets, fewest_rows
from mtrain.metrics.thresholds import predict_above
from mtrain.records.training import Predictions
from mtrain.run.find_checkpoint import changed_code
from mtrain.run.plain_network import runs_plainly
from mtrain.workflows.checkpoint_data import load_checkpoint_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mtrain.data.inputs.piece import Piece
    from mtrain.inference.network import LoadedPredictor
    from mtrain.metrics.prediction_sets import SetRule
    from mtrain.run.checkpoint import Checkpoint
    from mtrain.run.find_checkpoint import CheckpointPlace

    Take = Callable[[Piece, Predictions], None]

Engine = Literal["auto", "tensorflow"]


def make_loaded(place: CheckpointPlace, saved: Checkpoint, engine: Engine) -> LoadedCheckpoint:
    """The checkpoint at `place`, whose state is `saved`; a plain network is loaded here."""
    is_plain = engine == "auto" and runs_plainly(saved)
    return LoadedCheckpoint(place, saved, PlainPredictor(saved, place.path) if is_plain else None)


def check_engine(engine: str) -> None:
    """Raise `UsageError` for what is no engine."""
    if engine not in get_args(Engine):
        expected = f"choose one of {', '.join(get_args(Engine))}"
        raise UsageError(f"{expected}, got {engine!r}", where=option("engine"))


@dataclass(frozen=True, eq=False)
class LoadedCheckpoint:
    """A checkpoint that predicts rows as they were read."""

    place: CheckpointPlace
    saved: Checkpoint
    plain: PlainPredictor | None
    """None: TensorFlow predicts."""

    _rules: dict[tuple[float, Path | None], SetRule] = field(default_factory=dict)
    """Of prediction sets, by level and place of the data: for each of them the data are read once."""

    def predict_each(
        self,
        rows: Any,
        take: Take,
        threshold: float | None,
        keep: Sequence[str] = (),
        *,
        sets_aside: bool = False,
        rule: SetRule | None = None,
    ) -> tuple[str, ...]:
        """Read and predict some rows at a time, and give each piece to `take`.

        `keep` and `sets_aside` are for a file of a table, as for `table_pieces`; `rule` makes prediction
        sets, of which the notes say what they promise. Returns notes on the rows. Raises `UsageError` for a
        threshold if there are not two classes.
        """
        saved = self.saved
        check_two_classes(threshold, saved)
        notes: tuple[str, ...] = ()
        if threshold is None:
            threshold, choice = chosen_threshold(saved, self.place.path)
            if threshold is not None:
                why = "by the run's evaluation.threshold"
                if choice is not None and choice.failed is not None:
                    why = f"because no other could be chosen: {choice.failed}"
                notes = (f"{saved.classes[1]!r} is predicted above {threshold:g}, {why}",)
        seen, pieces = Seen(), self._pieces(rows, keep, sets_aside=sets_aside)
        # Before TensorFlow is loaded: an error in the rows is reported at once.
        first = next(pieces)
        code = changed_code(self.place, saved)
        with ExitStack() as held:
            predictor: PlainPredictor | LoadedPredictor | None = self.plain
            for piece in chain([first], pieces):
                if not piece.split:  # without rows TensorFlow need not be loaded
                    predictions = _no_predictions(len(saved.classes))
                else:
                    if predictor is None:
                        predictor = held.enter_context(
                            open_predictor(saved, piece.split, self.place)
                        )
                    predictions = predictor.predict(piece.split)
                if threshold is not None:
                    predictions = predict_above(predictions, threshold)
                if rule is not None:
                    predictions = replace(predictions, sets=rule.sets(predictions.probabilities))
                take(piece, predictions)
                seen.add(piece)
        if saved.cursor.step:
            within = f"saved within epoch {saved.cursor.epoch + 1}, not at its end"
            notes = (*notes, f"{self.place.path}: {within}")
        where = str(rows) if _is_path(rows) else WHERE
        promise = () if rule is None else (_promise(rule, saved),)
        return *notes, *promise, *seen.notes(where, saved.encoding), *code

    def choose_sets(self, level: float, data: Path | None) -> SetRule:
        """The rule of prediction sets, by the validation rows of the training, of which the data are read.

        `data` is where they are now; None: where they were. Raises `UsageError` for a run without
        validation or with too few rows of a class in it, `MtrainError` for other data.
        """
        if (level, data) in self._rules:
            return self._rules[level, data]
        saved = self.saved
        dataset = load_checkpoint_data(saved, data, self.place).dataset
        if dataset.sha256 != saved.identity.get("data.sha256"):
            problem = "not the data of the training, whose validation rows choose the sets"
            raise MtrainError(problem, where=dataset.source)
        if (rows := dataset.val) is None:
            problem = "is chosen on validation, and this run has none: dataset.validation is null"
            raise UsageError(problem, where=option("set"))
        fewest, labels = fewest_rows(level), rows.labels
        n = np.bincount(labels, minlength=len(saved.classes))
        if n.min() < fewest:
            raise UsageError(
                f"{level:g} needs {fewest:,} validation rows of each class, there are "
                f"{n.min():,} of {saved.classes[int(n.argmin())]!r}",
                where=option("set"),
            )
        if self.plain is not None:
            predictions = self.plain.predict(rows)
        else:
            with open_predictor(saved, rows, self.place) as predictor:
                predictions = predictor.predict(rows)
        rule = choose_sets(replace(predictions, groups=rows.groups), level)
        self._rules[level, data] = rule
        return rule

    def _pieces(self, rows: Any, keep: Sequence[str], *, sets_aside: bool) -> Iterator[Piece]:
        config, encoding = self.saved.config, self.saved.encoding
        if _is_path(rows):
            memory = config.training.memory_bytes
            return read_pieces(
                Path(rows), config.dataset, encoding, memory, keep, sets_aside=sets_aside
            )
        return pieces_in_memory(rows, config.dataset, encoding)


def check_set_level(level: float | None, data: Path | None) -> None:
    """Raise `UsageError` for a level that no prediction sets can have, and for `data` without a level."""
    if data is not None and level is None:
        raise UsageError(f"is for {option('set')}", where=option("data"))
    if level is not None and not (isinstance(level, int | float) and 0.5 <= level < 1):
        raise UsageError(f"must be from 0.5 to below 1, got {level!r:.40}", where=option("set"))


def _promise(rule: SetRule, saved: Checkpoint) -> str:
    """What prediction sets promise, in the words of the notes."""
    text = (
        f"sets by {rule.rows.sum():,} validation rows: on average over such validations, at least {rule.level:g} "
        "of new rows of each class have it in their set"
    )
    if rule.has_groups:
        text += "; rows come in groups, and it is about rows of the same groups"
    else:
        surely = rule.surely()
        k = int(surely.argmin())
        text += f"; in 95 of 100 of them at least {surely[k]:.3f} of '{saved.classes[k]}', the lowest of all"
    is_calibrated = saved.temperature != 1
    if saved.ensemble is not None:  # those of its members are in their weights
        is_calibrated = saved.config.evaluation.calibrate is not None
    chosen = [
        *(["epoch"] if (saved.config.save_best or "").startswith("val_") else []),
        *(["temperature"] if is_calibrated else []),
    ]
    if chosen:
        text += f"; these rows have chosen the {' and the '.join(chosen)} as well, which takes a little of it"
    return text


def _is_path(rows: Any) -> bool:
    return isinstance(rows, str | PathLike)


def _no_predictions(n_classes: int) -> Predictions:
    nothing = np.zeros(0, np.int64)
    return Predictions(nothing, nothing, np.zeros((0, n_classes), np.float32), np.nan)
