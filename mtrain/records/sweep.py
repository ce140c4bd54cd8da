"""The results of a sweep: of each member, and of each setting over its seeds and folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

MemberState = Literal["finished", "stopped", "diverged", "failed", "waiting"]

Comparison = Literal["best", "not shown worse", "worse", "not compared"]


@dataclass(frozen=True)
class SweepDescription:
    """What a sweep trains, as its `sweep.yaml` has it."""

    name: str
    axes: Mapping[str, list[Any] | str]
    """By dotted key, the values, or a range as `LOW..HIGH`."""

    seeds: int | None
    folds: int | None
    sample: int | None
    """How many settings were drawn; None: there are all combinations."""

    halving: Mapping[str, Any] | None
    config: Mapping[str, Any]
    """By dotted key, the settings that all members share."""

    members: Mapping[str, Mapping[str, Any]]
    """By the name of its folder, what each member has of the axes, its `seed` and its `fold`."""


@dataclass(frozen=True)
class SplitFigures:
    """The figures of one evaluation."""

    n: int
    """Rows."""

    loss: float | None
    accuracy: float | None
    precision_macro: float | None
    recall_macro: float | None
    f1_macro: float | None


@dataclass(frozen=True)
class MemberResult:
    """The result of one training."""

    member: str
    """Its folder in that of the sweep."""

    setting: int
    """The place of its setting in `SweepResult.settings`."""

    seed: int | None
    """One of `--seeds`; None: seeds are not swept."""

    fold: int | None
    """From 1; None: folds are not swept."""

    state: MemberState
    """`stopped` by a signal or by halving, and resumable; `waiting`: not begun."""

    problem: str | None = None
    """Why it was stopped, diverged or failed."""

    epochs: int = 0
    checkpoint: str | None = None
    """The one evaluated: its best, or else its last."""

    trained_on: int | None = None
    """Rows of its training; None if an epoch is a part of them, or folds follow time."""

    value: float | None = None
    """The figure of `SweepResult.by` at that checkpoint."""

    val: SplitFigures | None = None
    test: SplitFigures | None = None


@dataclass(frozen=True)
class SweptFigure:
    """A figure on test rows, over seeds and folds."""

    mean: float
    """Of one member, its value."""

    low: float | None = None
    """The limits of the 95 % interval; None: not known."""

    high: float | None = None
    training: float | None = None
    """Its standard deviation from seed to seed; None without several seeds."""

    rows: float | None = None
    """Its standard deviation as other test rows are drawn; None without several seeds."""


@dataclass(frozen=True)
class ModelFigures:
    """Figures of a model on test rows, or the means of several models' figures; None: undefined."""

    accuracy: float | None
    recall_macro: float | None
    """The balanced accuracy."""

    log_loss: float | None
    lowest_recall: float | None
    """Of the class with the lowest."""

    learned: float
    """Classes with the verdict *learned*."""


@dataclass(frozen=True)
class EnsembleResult:
    """The ensemble of a setting's members beside these."""

    folder: str
    """Its run directory, in the folder of the sweep."""

    classes: int
    figures: ModelFigures
    best_member: str
    """The best by the figure of the ranking; without one, by accuracy on test."""

    best: ModelFigures
    """Of that member."""

    mean: ModelFigures
    """Of all members."""


@dataclass(frozen=True)
class SettingResult:
    """The result of one setting: of one member, or of its seeds and folds together."""

    name: str
    """As in the names of its members; with folds, of its folder in `evaluation`."""

    values: Mapping[str, Any]
    """The value of each axis, by dotted key."""

    members: tuple[str, ...]
    finished: int
    """How many of its members are finished; its figures are of these."""

    value: float | None
    """The mean of its members' values."""

    comparison: Comparison
    """With the best, on the same validation rows."""

    p: float | None
    """The p-value of no difference, adjusted for all pairs of settings; None: not compared."""

    accuracy: SweptFigure | None
    """On test rows; with folds, the mean of theirs."""

    f1_macro: SweptFigure | None
    ensemble: EnsembleResult | None = None
    """None: there is none."""


@dataclass(frozen=True)
class SweepResult:
    """The results of a sweep so far."""

    name: str
    by: str | None
    """The figure of validation by which settings are ranked; None: there is no validation."""

    higher_is_better: bool
    compared_by: str | None
    """What was compared row by row, in words; None: nothing."""

    axes: tuple[str, ...]
    """Dotted keys."""

    seeds: int | None
    folds: int | None
    members: tuple[MemberResult, ...]
    settings: tuple[SettingResult, ...]
    """In the order of the axes."""

    best: int | None
    """The place of the best setting; None without validation, and until a setting is finished."""

    notes: tuple[str, ...] = ()

    @property
    def ranking(self) -> tuple[int, ...]:
        """The places of the settings, the best first; unfinished ones last, by their epochs."""
        sign = -1 if self.higher_is_better else 1
        epochs: dict[int, int] = {}
        for member in self.members:  # once for all settings: there may be thousands of both
            before = epochs.get(member.setting, member.epochs)
            epochs[member.setting] = min(before, member.epochs)

        def place(k: int) -> tuple[bool, float, int, int]:
            value = self.settings[k].value
            return value is None, sign * (value or 0.0), -epochs.get(k, 0), k

        return tuple(sorted(range(len(self.settings)), key=place))

    def epochs(self, setting: int) -> int:
        """The epochs that every member of a setting has trained."""
        return min(member.epochs for member in self.members if member.setting == setting)
