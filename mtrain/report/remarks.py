"""Lines on an evaluation that the console and a run's page share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mtrain.metrics.learning import FORGOTTEN, LEARNED, class_learning
from mtrain.report.text import share

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtrain.metrics.history import History
    from mtrain.records.report import Report


def learning_lines(history: History) -> Iterator[str]:
    """How much of the training rows was learned and forgotten, and of which class most was not."""
    if not (learning := class_learning(history)):
        return
    learned, forgotten = (share(history.scalars[name][-1]) for name in (LEARNED, FORGOTTEN))
    yield (
        f"Of the training rows {learned} were right at least once, {forgotten} were wrong again after "
        "they had been right"
    )
    known = [one for one in learning if not math.isnan(one.kept)]
    if len(known) > 1:
        worst = min(known, key=lambda one: one.kept)
        yield (
            f"Of '{worst.name}', which was kept least, {share(worst.learned)} were right at least once, "
            f"{share(worst.forgotten)} wrong again"
        )


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
