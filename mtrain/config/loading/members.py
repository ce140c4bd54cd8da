"""The members of a sweep: every config that its axes, seeds and folds make of one."""

from __future__ import annotations

import copy
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mtrain.config.experiment.halving import Halving
from mtrain.config.loading.axes import (
    Axis,
    Range,
    Values,
    axes_from_python,
    axis_labels,
    combinations,
    product_size,
    value_text,
)
from mtrain.config.loading.load import flat_settings, load_config, read_settings
from mtrain.config.loading.problems import describe
from mtrain.errors import MtrainError, Problem, UsageError, dotted
from mtrain.keywords import option

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from mtrain.config.experiment.schema import Config
    from mtrain.config.loading.load import Settings
    from mtrain.records.sweep import SweepDescription

UNASKED = 1000
"""Members that are trained without being asked for twice."""

MOST_PROBLEMS = 50

LONGEST_NAME = 70
"""Letters of a setting in the name of a folder; a number, a seed and a fold may follow."""


@dataclass(frozen=True)
class Member:
    """One training of a sweep."""

    name: str
    """Of its folder, by what differs."""

    setting: int
    """The place of its values among the settings."""

    seed: int | None
    """One of `--seeds`; None: seeds are not swept."""

    fold: int | None
    """From 1; None: folds are not swept."""

    config: Config
    setting_name: str = ""
    """Of its setting: the same for all its seeds and folds."""

    def __reduce__(self) -> tuple[Any, ...]:
        """As plain data: a config with sections of installed packages has a class made at run time."""
        rest = (self.name, self.setting, self.seed, self.fold, self.setting_name)
        return _member, (self.config.model_dump(mode="json"), *rest)


def _member(
    config: dict[str, Any],
    name: str,
    setting: int,
    seed: int | None,
    fold: int | None,
    setting_name: str,
) -> Member:
    return Member(name, setting, seed, fold, load_config(config, {}), setting_name)


@dataclass(frozen=True)
class SweepPlan:
    """What is trained: settings by seeds by folds."""

    name: str
    settings: Settings
    """Of one member, to say where a problem stands."""

    axes: tuple[Axis, ...]
    values: tuple[Values, ...]
    """The values of the axes of each setting."""

    members: tuple[Member, ...]
    seeds: int | None
    folds: int | None
    sample: int | None
    halving: Halving | None
    ensemble: bool = False
    """Whether the seeds of each setting become an ensemble; it does not change what is trained."""


def plan_sweep(
    source: Path | Mapping[str, Any],
    overrides: Mapping[str, Any],
    axes: Sequence[Axis],
    *,
    seeds: int | None = None,
    folds: int | None = None,
    sample: int | None = None,
    halving: Any = None,
    ensemble: bool = False,
    many: bool = False,
    function: str | None = None,
) -> SweepPlan:
    """Every member of a sweep of `source`, which is as for `read_settings`.

    `seeds` and `folds` are how many there are of each, `sample` how many settings are drawn,
    `halving` the settings of `Halving`, as plain data, `ensemble` as in the plan; `many` allows more than
    a thousand members.
    Raises `UsageError` with every problem of every member's config.
    """
    base = read_settings(source, overrides, function=function)
    if ensemble:
        _check_seeds(seeds, folds)
    _check_axes(base, [axis.key for axis in axes], seeds, folds, sample)
    n_settings = sample or product_size(axes)
    if not many and (n := n_settings * (seeds or 1) * (folds or 1)) > UNASKED:
        problem = f"{n:,} members; {option('sample')} draws some of their settings"
        raise UsageError(f"{problem}, {option('yes')} trains them all", where="sweep")
    seed = base.data.get("seed", 0)
    values = combinations(axes, sample, seed if type(seed) is int and seed >= 0 else 0, base.caller)
    problems = _problems_of_ranges(base, axes, values[0])
    members: list[Member] = []
    settings = base
    for setting, chosen in enumerate(values):
        for number in range(seeds) if seeds else [None]:
            for fold in range(1, folds + 1) if folds else [None]:
                varied = dict(chosen)
                varied |= {} if number is None else {"seed": number}
                varied |= {} if fold is None else {"dataset.fold": f"{fold}/{folds}"}
                settings = copy.deepcopy(base)
                try:
                    for key, value in varied.items():
                        settings.override(key, copy.deepcopy(value))
                    config = settings.validate()
                except MtrainError as error:
                    problems |= {str(problem): problem for problem in error.problems}
                    continue
                members.append(Member("", setting, number, fold, config))
    if problems:
        listed = list(problems.values())
        if (more := len(listed) - MOST_PROBLEMS) > 0:
            listed[MOST_PROBLEMS:] = [Problem(f"and {more:,} more problems")]
        raise UsageError(*listed)
    _check_differ(members, values)
    _check_in_ensemble(members if ensemble else ())
    named = _named(members, values, [axis.key for axis in axes])
    return SweepPlan(
        f"{members[0].config.name}-sweep",
        settings,
        tuple(axes),
        tuple(values),
        tuple(named),
        seeds,
        folds,
        sample,
        _halving(halving),
        ensemble,
    )


def _problems_of_ranges(base: Settings, axes: Sequence[Axis], values: Values) -> dict[str, Problem]:
    """Problems of the ends of ranges, which a sample may miss; `values` are those of a member."""
    problems: dict[str, Problem] = {}
    for axis in axes:
        for end in (axis.values.low, axis.values.high) if isinstance(axis.values, Range) else ():
            settings = copy.deepcopy(base)
            try:
                for key, value in (values | {axis.key: end}).items():
                    settings.override(key, copy.deepcopy(value))
                settings.validate()
            except MtrainError as error:
                problems |= {str(problem): problem for problem in error.problems}
    return problems


def _halving(settings: Any) -> Halving | None:
    if settings is None:
        return None
    if not isinstance(settings, dict):
        problem = f"must be settings, as {{keep: 0.5, every: 5}}, got {settings!r:.60}"
        raise UsageError(problem, where=option("halving"))
    try:
        return Halving.model_validate(settings)
    except ValidationError as error:
        described = (describe(one, settings, Halving) for one in error.errors())
        problems = [Problem(what, option("halving"), key=keys) for keys, what in described]
        raise UsageError(*problems) from error


def _check_axes(
    base: Settings, keys: list[str], seeds: int | None, folds: int | None, sample: int | None
) -> None:
    for name, number, least in (("seeds", seeds, 2), ("folds", folds, 2), ("sample", sample, 1)):
        if number is not None and not (type(number) is int and least <= number <= 10**6):
            raise UsageError(f"must be at least {least}, got {number!r:.60}", where=option(name))
    if not (keys or seeds or folds):
        base.validate()  # a mistake in what was meant as an axis says more
        problem = "nothing varies; name an axis, as optimizer.learning_rate=1e-3,1e-2, or "
        raise UsageError(f"{problem}{option('seeds')} or {option('folds')}", where="sweep")
    if sample and not keys:
        raise UsageError("needs an axis, from which it draws", where=option("sample"))
    for key, swept in (("seed", seeds), ("dataset.fold", folds)):
        name = option("seeds" if key == "seed" else "folds")
        if swept and (key in keys or tuple(key.split(".")) in base.overrides):
            raise UsageError(f"{key}: is what {name} sets", where="sweep")
    for key in keys:
        if key == "name":
            raise UsageError("name: members are named by what differs", where="sweep")


def _check_seeds(seeds: int | None, folds: int | None) -> None:
    """Raise `UsageError` for an ensemble of anything but seeds."""
    if folds is not None:
        problem = (
            f"is not for {option('folds')}: members of different folds learn from different rows"
        )
        raise UsageError(problem, where=option("ensemble"))
    if seeds is None:
        problem = f"needs {option('seeds')}: it is made of the seeds of each setting"
        raise UsageError(problem, where=option("ensemble"))


def _check_in_ensemble(members: Sequence[Member]) -> None:
    """Raise `UsageError` for members of which no ensemble can be made."""
    for config in (member.config for member in members):
        for keys, code in config.custom_code.items():
            problem = f"cannot hold custom code, and {dotted(keys)} is {code.name!r}"
            raise UsageError(problem, where=option("ensemble"))
        if not config.evaluation.predictions:
            problem = "needs the members' predictions, and evaluation.predictions is false"
            raise UsageError(problem, where=option("ensemble"))


def _check_differ(members: Sequence[Member], values: Sequence[Values]) -> None:
    """Raise `UsageError` for two members of one config, as of `500x2` and `[500, 500]`."""
    seen: dict[str, Member] = {}
    for member in members:
        other = seen.setdefault(member.config.model_dump_json(), member)
        if other is not member:
            told = [
                ", ".join(f"{key}={value_text(v)}" for key, v in values[m.setting].items())
                for m in (other, member)
            ]
            raise UsageError(f"{told[0]} and {told[1]} are the same experiment", where="sweep")


def _named(
    members: Sequence[Member], values: Sequence[Values], keys: Sequence[str]
) -> Iterator[Member]:
    """The members with names of folders, each another one, on every file system."""
    labels = axis_labels(keys)
    taken: Counter[str] = Counter()
    of_settings = []
    for chosen in values:
        text = "_".join(f"{labels[key]}-{value_text(value)}" for key, value in chosen.items())
        name = re.sub(r"[^\w.+-]+", "-", text)[:LONGEST_NAME].strip("-_. ")
        taken[name.lower()] += 1
        number = taken[name.lower()]
        of_settings.append(f"{name}--{number}" if number > 1 else name)
    for member in members:
        setting = of_settings[member.setting]
        parts = [setting] if setting else []
        parts += [] if member.seed is None else [f"seed-{member.seed}"]
        parts += [] if member.fold is None else [f"fold-{member.fold}"]
        name = "_".join(parts)
        config = member.config.model_copy(update={"name": name})
        yield replace(member, name=name, config=config, setting_name=setting or "all")


def describe_sweep(sweep: SweepPlan) -> dict[str, Any]:
    """The sweep as plain data, by which it is recognised when it is resumed."""
    flat = [flat_settings(member.config) for member in sweep.members]
    common = {
        key: value
        for key, value in flat[0].items()
        if key != "name" and all(key in other and other[key] == value for other in flat)
    }
    return {
        "name": sweep.name,
        "axes": {
            axis.key: str(axis.values) if isinstance(axis.values, Range) else list(axis.values)
            for axis in sweep.axes
        },
        "seeds": sweep.seeds,
        "folds": sweep.folds,
        "sample": sweep.sample,
        "halving": None if sweep.halving is None else sweep.halving.model_dump(),
        "config": common,
        "members": {
            member.name: {
                **copy.deepcopy(sweep.values[member.setting]),
                **({} if member.seed is None else {"seed": member.seed}),
                **({} if member.fold is None else {"fold": member.fold}),
            }
            for member in sweep.members
        },
    }


def restore_sweep(described: SweepDescription) -> SweepPlan:
    """The sweep of which `describe_sweep` made this.

    Raises `MtrainError` for settings that no sweep has.
    """
    axes = axes_from_python(described.axes, "axes")
    keys = [axis.key for axis in axes]
    places: dict[str, int] = {}
    values: list[Values] = []
    members = []
    settings = read_settings({}, {})
    for name, own in described.members.items():
        if missing := [key for key in keys if key not in own]:
            raise MtrainError(f"{name}: has no {missing[0]}", where="members")
        chosen = {key: own[key] for key in keys}
        if (place := places.setdefault(repr(chosen), len(values))) == len(values):
            values.append(chosen)
        seed = own.get("seed") if described.seeds else None
        fold = own.get("fold") if described.folds else None
        # Whole sections first: the others are what all members have within them.
        varied = {**chosen, **described.config}
        varied |= {} if seed is None else {"seed": seed}
        varied |= {} if fold is None else {"dataset.fold": f"{fold}/{described.folds}"}
        settings = read_settings({}, varied)
        end = "".join(
            [f"_seed-{seed}" if seed is not None else "", f"_fold-{fold}" if fold else ""]
        )
        setting_name = f"_{name}".removesuffix(end).removeprefix("_") or "all"
        members.append(Member(name, place, seed, fold, settings.validate(), setting_name))
    return SweepPlan(
        described.name,
        settings,
        tuple(axes),
        tuple(values),
        tuple(members),
        described.seeds,
        described.folds,
        described.sample,
        _halving(described.halving),
    )
