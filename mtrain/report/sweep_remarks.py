"""What the console and the page of a sweep share: the table of settings, and what is shown, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtrain.config.loading.axes import axis_labels, value_text
from mtrain.report.text import figure, share

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from mtrain.records.sweep import SettingResult, SweepResult, SweptFigure


def setting_columns(
    sweep: SweepResult, places: Sequence[int], in_training: Collection[str] = ()
) -> dict[str, list[str]]:
    """The cells of the settings at these places, by the heading of their column.

    `in_training` are the members that train at the moment.
    """
    settings = [sweep.settings[place] for place in places]
    return {
        **({} if sweep.by is None else {sweep.by: [figure(one.value) for one in settings]}),
        "test accuracy": [_mean(one.accuracy) for one in settings],
        "macro F1": [_mean(one.f1_macro) for one in settings],
        "beside the best": [_comparison(place, sweep, in_training) for place in places],
        "95 % interval": [_interval(one.accuracy) for one in settings],
        **_deviations(settings),
        **_members(settings),
    }


def ensemble_columns(
    sweep: SweepResult, places: Sequence[int]
) -> tuple[list[str], dict[str, list[str]]]:
    """What stands beside each other of the ensembles of the settings at these places, and its figures on test.

    Of each the ensemble, its best member and the mean of its members.
    """
    names, rows = [], []
    for setting in (sweep.settings[place] for place in places):
        if (one := setting.ensemble) is None:
            continue
        of_it = f" of {setting_text(setting, sweep)}" if len(sweep.settings) > 1 else ""
        chosen = "on test" if sweep.by is None else f"by {sweep.by}"
        n = len(setting.members)
        for name, figures in (
            (f"ensemble{of_it}", one.figures),
            (f"best member {chosen}, {one.best_member}", one.best),
            (f"mean of its {n:,} members", one.mean),
        ):
            names.append(name)
            rows.append((figures, one.classes))
    shares = {
        "accuracy": "accuracy",
        "balanced accuracy": "recall_macro",
        "log loss": "log_loss",
        "lowest recall": "lowest_recall",
    }
    columns = {
        heading: [share(getattr(figures, name)) for figures, _ in rows]
        for heading, name in shares.items()
    }
    columns["classes learned"] = [f"{one.learned:.3g} of {n:,}" for one, n in rows]
    return names, columns


def _deviations(settings: Sequence[SettingResult]) -> dict[str, list[str]]:
    """Of the accuracy, where there are several seeds."""
    accuracies = [setting.accuracy for setting in settings]
    return {
        heading: [share(None if one is None else getattr(one, name)) for one in accuracies]
        for name, heading in (("training", "from training"), ("rows", "from rows"))
        if any(one is not None and getattr(one, name) is not None for one in accuracies)
    }


def _members(settings: Sequence[SettingResult]) -> dict[str, list[str]]:
    """How many are finished, where some are not."""
    if all(setting.finished == len(setting.members) for setting in settings):
        return {}
    return {"finished": [f"{one.finished}/{len(one.members)}" for one in settings]}


def _mean(swept: SweptFigure | None) -> str:
    return share(None if swept is None else swept.mean)


def _interval(swept: SweptFigure | None) -> str:
    if swept is None or swept.low is None or swept.high is None:
        return "-"
    return f"{share(swept.low)} to {share(swept.high)}"


def _comparison(place: int, sweep: SweepResult, in_training: Collection[str]) -> str:
    """With the best; of a setting that is not finished, how far it is."""
    setting = sweep.settings[place]
    if setting.finished < len(setting.members):
        own = [m for m in sweep.members if m.setting == place and m.state != "finished"]
        states = {"in training" if m.member in in_training else m.state for m in own}
        epochs = sweep.epochs(place)
        return f"{', '.join(sorted(states))} after epoch {epochs}"
    return "-" if setting.comparison == "not compared" else setting.comparison


def findings(sweep: SweepResult, in_training: Collection[str] = ()) -> Iterator[str]:
    """What is shown, in words; `in_training` are the members that train at the moment."""
    states = ["in training" if m.member in in_training else m.state for m in sweep.members]
    for state in ("diverged", "failed", "stopped", "in training", "waiting"):
        if n := states.count(state):
            are = "are " if state in {"in training", "waiting"} else ""
            yield f"{n:,} of {len(states):,} members {are}{state}"
    yield from sweep.notes
    if sweep.best is None:
        return
    best = sweep.settings[sweep.best]
    name = setting_text(best, sweep)
    yield f"best by {sweep.by}: {name}; on test: accuracy {_in_words(best.accuracy)}"
    compared = [s for s in sweep.settings if s.comparison in {"worse", "not shown worse"}]
    if not compared or sweep.compared_by is None:
        if len(sweep.settings) > 1:
            yield "no other setting could be compared with it"
        return
    alike = sum(setting.comparison == "not shown worse" for setting in compared)
    n = len(compared)
    if n == 1:
        found = f"the other setting is {'not ' if alike else ''}shown to be worse"
    elif alike in {0, n}:
        found = f"{'none' if alike else 'each'} of the other {n:,} settings is shown to be worse"
    else:
        are = "is" if alike == 1 else "are"
        found = f"{alike:,} of the other {n:,} settings {are} not shown to be worse"
    yield f"{found}: {sweep.compared_by}, at 5 % for all pairs together"
    if sweep.seeds is None:
        yield "this compares the trained networks: other seeds may rank otherwise, which --seeds shows"


def setting_text(setting: SettingResult, sweep: SweepResult) -> str:
    """`learning_rate 0.01, hidden 64`."""
    labels = axis_labels(sweep.axes)
    parts = [f"{labels[key]} {value_text(value)}" for key, value in setting.values.items()]
    return ", ".join(parts) or "the only setting"


def _in_words(swept: SweptFigure | None) -> str:
    """The mean, its interval, and its deviations."""
    if swept is None:
        return "undefined"
    text = share(swept.mean)
    if swept.low is not None and swept.high is not None:
        text += f" (95 % interval {share(swept.low)} to {share(swept.high)})"
    if swept.training is not None and swept.rows is not None:
        text += f", deviation {share(swept.training)} from training, {share(swept.rows)} from rows"
    return text
