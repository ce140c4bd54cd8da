"""A checkpoint that predicts, loaded once, as a program has it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.config.experiment.custom_code import refuse_code
from mtrain.inference.network import loaded_network
from mtrain.inference.threshold import check_threshold
from mtrain.keywords import naming_keywords
from mtrain.records.predicted import Predicted
from mtrain.run.find_checkpoint import with_checkpoint
from mtrain.workflows.loaded_checkpoint import check_engine, check_set_level, make_loaded

if TYPE_CHECKING:
    from os import PathLike

    import keras

    from mtrain.data.inputs.piece import Piece
    from mtrain.records.training import Predictions
    from mtrain.run.checkpoint import Checkpoint
    from mtrain.run.find_checkpoint import CheckpointPlace
    from mtrain.workflows.loaded_checkpoint import Engine, LoadedCheckpoint


def load_model(checkpoint: Path, *, engine: Engine = "auto", allow_code: bool = False) -> Model:
    """The model of a run's best checkpoint, or of the one checkpoint named.

    The `engine` `tensorflow` gives the bits of `evaluate`; `auto` needs TensorFlow only for what NumPy
    cannot run, and its probabilities differ from those by about 1e-6. Raises `MtrainError` for a
    checkpoint that is damaged, `UsageError` for an unknown engine and for custom code unless
    `allow_code`.
    """
    check_engine(engine)

    def use(place: CheckpointPlace, saved: Checkpoint) -> Model:
        refuse_code(saved.config.custom_code.values(), place.path, allowed=allow_code)
        return Model(make_loaded(place, saved, engine))

    return with_checkpoint(checkpoint, use)


def keras_model(checkpoint: Path, *, allow_code: bool) -> keras.Model:
    """The Keras model of a run's best checkpoint, or its last, or of the one checkpoint named.

    It takes inputs of shape (N, D) that are encoded and scaled already; `Model` takes raw rows.
    Raises `MtrainError` for damaged files, `UsageError` for custom code unless `allow_code`.
    """

    def use(place: CheckpointPlace, saved: Checkpoint) -> keras.Model:
        refuse_code(saved.config.custom_code.values(), place.path, allowed=allow_code)
        with loaded_network(saved, place) as (network, _):
            return network.model

    return with_checkpoint(checkpoint, use)


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A checkpoint that predicts rows as they were read; `mtrain.load` makes one."""

    _loaded: LoadedCheckpoint

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the probabilities."""
        return self._loaded.saved.classes

    def __repr__(self) -> str:
        return f"<mtrain.Model {str(self._loaded.place.path)!r}: {len(self.classes):,} classes>"

    def predict(
        self,
        rows: Any,
        *,
        threshold: float | None = None,
        set_level: float | None = None,
        data: str | PathLike[str] | None = None,
    ) -> Predicted:
        """The class and the probabilities of every row.

        The arguments are as for `mtrain.predict`. Raises `mtrain.MtrainError` as it does.
        """
        pieces: list[tuple[Piece, Predictions]] = []
        with naming_keywords():
            check_threshold(threshold)
            where = None if data is None else Path(data)
            check_set_level(set_level, where)
            rule = None if set_level is None else self._loaded.choose_sets(set_level, where)
            notes = self._loaded.predict_each(
                rows, lambda *piece: pieces.append(piece), threshold, rule=rule
            )
        sets = [predictions.sets for _, predictions in pieces if predictions.sets is not None]
        names = [piece.split.names for piece, _ in pieces if piece.split.names is not None]
        places = np.concatenate([predictions.predicted for _, predictions in pieces])
        return Predicted(
            classes=self.classes,
            rows=np.concatenate([piece.split.rows for piece, _ in pieces]),
            predicted=np.array(self.classes)[places],
            probabilities=np.concatenate([predictions.probabilities for _, predictions in pieces]),
            sets=np.concatenate(sets) if sets else None,
            files=np.concatenate(names) if names else None,
            notes=notes,
        )
