"""Lines on an evaluation that the console and a run's page share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mtrain.metrics.learning import FORGOTTEN, LEARNED
from mtrain.records.dataset import SPLITS
from mtrain.report.text import share

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mtrain.metrics.history import History
    from mtrain.metrics.learning import ClassLearning
    from mtrain.records.report import Report


def learning_lines(history: History, learning: Sequence[ClassLearning]) -> Iterator[str]:
    """The training rows that were never learned, and forgotten, and of the worst class.

    `learning` is that of each class of the history, in which they are shares; they are counted where it knows how
    many rows there are.
    """
    if not learning:
        return
    never, forgotten = 1 - history.scalars[LEARNED][-1], history.scalars[FORGOTTEN][-1]
    counts = [one.never_right for one in learning if one.never_right is not None]
    yield (
        f"{percent(never)} of the training rows were never learned"
        f"{f' ({_rows(sum(counts))})' if counts else ''}, {percent(forgotten)} were forgotten at least once"
    )
    known = [one for one in learning if not math.isnan(one.kept)]
    if len(known) > 1:
        worst = min(known, key=lambda one: one.kept)
        yield f"Least of all classes '{worst.name}' was learned for good: {learning_line(worst)}"


def learning_line(one: ClassLearning) -> str:
    """When a class with rows was learned, and how much of it was forgotten since, and never learned."""
    when = "half learned in no epoch"
    if one.half_learned_in is not None:
        when = f"half learned in epoch {one.half_learned_in:,}"
    never = percent(1 - one.learned) if one.never_right is None else _rows(one.never_right)
    return f"{when}; {percent(one.forgotten)} forgotten since; {never} never learned"


def _rows(n: int) -> str:
    return f"{n:,} row{'s' * (n != 1)}"


def percent(value: float) -> str:
    """With three digits: of many rows a few are a small share."""
    return f"{100 * value:.3g} %"


def figure_lines(report: Report) -> Iterator[str]:
    """The run's other metrics that are one number."""
    for name, value in (report.figures or {}).items():
        yield f"{name} {'undefined' if value is None else f'{value:zg}'}"


def weighted_lines(report: Report) -> Iterator[str]:
    """Accuracy and averages by the weights of rows, if they have any."""
    if (weighted := report.sample_weighted) is not None:
        macro = weighted.averages.macro
        yield (
            f"By sample weight: accuracy {share(weighted.accuracy)}; on average precision "
            f"{share(macro.precision)}, recall {share(macro.recall)}, F1 {share(macro.f1)}"
        )


def temperature_lines(report: Report) -> Iterator[str]:
    """The temperature, if one was asked for, and what it does to the log loss."""
    found = report.calibration
    if found is None or found.temperature is None:
        return
    if found.temperature == 1:
        yield "Not calibrated: no temperature is shown to lower the log loss on the validation split"
    elif found.log_loss_without is not None and report.log_loss is not None:
        yield (
            f"Calibrated by a temperature of {found.temperature:.3g}, which the validation split has chosen: "
            f"on the {SPLITS[report.split]} split log loss {report.log_loss:.4f}, without it "
            f"{found.log_loss_without:.4f}"
        )


def threshold_lines(report: Report) -> Iterator[str]:
    """The threshold of the second class, if it is another than 0.5, and how it was chosen."""
    if report.threshold is None:
        return
    line = f"'{report.classes[1].name}' predicted above {report.threshold:g}"
    if (choice := report.threshold_chosen) is None:
        yield line
        return
    reaches, sure = "reaches", ""
    if choice.confidence is not None:
        reaches, sure = "promises", f" with confidence {choice.confidence}"
    how = {
        "f1": "the threshold of the best F1",
        "recall": f"the highest threshold that {reaches} recall {choice.at_least}{sure}",
        "precision": f"the lowest threshold that {reaches} precision {choice.at_least}{sure}",
    }[choice.by]
    epoch = "" if choice.epoch is None else f" after epoch {choice.epoch}"
    where = f"on the validation split{epoch}"
    if choice.failed is None:
        yield f"{line}, {how} {where}"
    else:
        yield f"{line}, not at {how} {where}: {choice.failed}"
