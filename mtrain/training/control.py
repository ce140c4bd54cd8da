"""When a training stops before its last epoch, and when its learning rate is reduced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtrain.metrics.monitor import Improvement, Plateau, always_undefined

if TYPE_CHECKING:
    from mtrain.config.experiment.training import PlateauConfig, TrainingConfig
    from mtrain.metrics.history import History


class TrainingControl:
    """What the history of a training decides for the rest of it."""

    def __init__(self, config: TrainingConfig, history: History) -> None:
        """Starts from the epochs that the history holds already."""
        self._stopping, self._reducing = config.early_stopping, config.reduce_on_plateau
        self._history = history
        if (stopping := self._stopping) is not None:
            self._improvement = Improvement(stopping.monitor, stopping.min_delta, stopping.mode)
        if (reducing := self._reducing) is not None:
            self._plateau = Plateau(
                reducing.monitor,
                reducing.patience,
                reducing.min_delta,
                reducing.cooldown,
                reducing.mode,
            )
        for index in range(len(history.epoch)):
            self.add(index)

    def add(self, index: int = -1) -> PlateauConfig | None:
        """Take an epoch of the history; returns how to reduce the learning rate, if it is time."""
        if (stopping := self._stopping) is not None:
            self._improvement.add(self._history.monitored(stopping.monitor, index))
        if (reducing := self._reducing) is None:
            return None
        reached = self._plateau.add(self._history.monitored(reducing.monitor, index))
        return reducing if reached else None

    @property
    def early_stop(self) -> str | None:
        """Why training shall stop before its last epoch; None if it shall not."""
        if (stopping := self._stopping) is None or self._improvement.waited < stopping.patience:
            return None
        if (undefined := always_undefined(self._history, stopping.monitor)) is not None:
            return undefined
        return f"{stopping.monitor} has not improved for {stopping.patience} epochs"
