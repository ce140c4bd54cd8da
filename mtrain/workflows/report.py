"""Show a run or a sweep as one page; needs no TensorFlow, and the data only for images of mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.loading.load import load_config
from mtrain.errors import MtrainError, UsageError
from mtrain.keywords import option
from mtrain.metrics.learning import class_learning
from mtrain.metrics.mistakes import confident_mistakes
from mtrain.report.page.content import MOST_SUSPECTS, Mistakes, PageContent
from mtrain.report.pictures import is_image, pictures, png
from mtrain.run.checkpoint import read_checkpoint
from mtrain.run.directory import ENSEMBLE, RunDirectory, is_sweep
from mtrain.run.environment import read_environment
from mtrain.run.files import begins, check_replaced, read_bytes, write_bytes
from mtrain.run.find_checkpoint import find_checkpoint
from mtrain.run.history import read_history
from mtrain.run.predictions import read_predictions
from mtrain.run.saved_evaluation import read_saved_evaluation
from mtrain.run.suspects import count_suspects, read_first_suspects
from mtrain.workflows.checkpoint_data import load_checkpoint_data
from mtrain.workflows.report_sweep import report_sweep
from mtrain.workflows.run_state import run_state

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mtrain.records.dataset import Split
    from mtrain.records.ensemble import EnsembleMember
    from mtrain.records.evaluation import SavedEvaluation
    from mtrain.records.training import NeverLearned

HTML = b"<!DOCTYPE html>"
CARD = b"---\nlibrary_name: keras\ntags:\n- mtrain"

ENDINGS = {".html": HTML, ".md": CARD}
"""The formats of a page, and how mtrain begins them."""

LARGEST_CONFIG = 1_000_000
"""Bytes."""


def report(
    path: Path, out: Path | None = None, *, rows: Split | None = None, state: str | None = None
) -> Path:
    """Write the page of a run or a sweep; returns the file: `out`, or its own `report.html`.

    It is HTML, or of a run by the ending `.md` Markdown as a model card. `rows` are the test rows if they are
    read already; else images of mistakes are read from the run's data. `state` is what the page says of
    a run that is not over yet; None: how far it is. What is missing is named in the page. Raises
    `MtrainError` if it is neither, `UsageError` for another ending or a file that is no such page.
    """
    run = RunDirectory(path)
    file = run.page if out is None else out
    of_sweep = is_sweep(path)
    beginning = ENDINGS.get(file.suffix.lower())
    if beginning is None:
        raise UsageError(
            f"must end in {' or '.join(ENDINGS)}, got {file.name!r}", where=option("out")
        )
    if of_sweep and beginning != HTML:
        problem = f"the page of a sweep must end in .html, got {file.name!r}: a model card is of one model"
        raise UsageError(
            problem, where=option("out"), remedy="name a member of the sweep for its card"
        )
    if not of_sweep:
        run.check_is_run(writable=out is None, or_sweep=True)
        run.refuse_links()
    if out is not None:
        check_replaced(out, lambda file: begins(file, beginning), "a page of mtrain", option("out"))
    if of_sweep:
        return report_sweep(path, out)
    content = read_page_content(run, rows, state)

    from mtrain.report.page.run_page import html_page, model_card

    text = html_page(content) if beginning == HTML else model_card(content)
    write_bytes(file, text.encode())
    return file


def read_page_content(
    run: RunDirectory, rows: Split | None = None, state: str | None = None
) -> PageContent:
    """All that a page shows; `rows` and `state` are as for `report`.

    Raises `MtrainError` for damaged files.
    """
    config = load_config(run.config, {})
    missing: list[str] = []
    members: Sequence[EnsembleMember] = ()
    if run.is_ensemble:
        saved = read_checkpoint(run.checkpoints / ENSEMBLE)
        history, state = saved.history, "finished"
        members = () if saved.ensemble is None else saved.ensemble.members
        missing.append("Curves, and when rows were learned, are in the pages of its members")
    else:
        history = read_history(run.path)
    evaluation, mistakes, images = None, None, {}
    try:
        evaluation = read_saved_evaluation(run.path, "test", needs_predictions=False)
    except MtrainError as error:
        missing.append(f"There is no evaluation on test to show ({error})")
    if evaluation is not None and not len(evaluation.rows):
        missing.append("The predictions were not kept, so no mistakes are shown")
    elif evaluation is not None:
        try:
            rows = rows or _image_rows(run)
        except MtrainError as error:
            missing.append(f"Images of mistakes are not shown ({error})")
        mistakes = _mistakes(evaluation, rows)
        if rows is not None:
            images = _images(run, rows, mistakes)
    doubtful: Sequence[NeverLearned] = ()
    if run.suspects.exists():
        try:
            doubtful = read_first_suspects(run.suspects, MOST_SUSPECTS)
        except MtrainError as error:
            missing.append(f"Training rows that were never right are not shown ({error})")
    never = None
    try:
        never = count_suspects(run.suspects, history.classes)
    except MtrainError as error:
        missing.append(f"The training rows that were never right are not counted ({error})")
    return PageContent(
        run.path.absolute().name,
        state or run_state(run, config, history),
        config,
        read_bytes(run.config, LARGEST_CONFIG).decode(),
        read_environment(run.environment),
        history,
        None if evaluation is None else evaluation.report,
        mistakes,
        class_learning(history, never),
        doubtful,
        images,
        missing,
        members,
    )


def _image_rows(run: RunDirectory) -> Split | None:
    """The test rows, if they are images of bytes."""
    place = find_checkpoint(run.path)
    saved = read_checkpoint(place.path)
    if not (saved.encoding.is_bytes and is_image(saved.encoding.shape)):
        return None
    return load_checkpoint_data(saved, None, place).dataset.splits["test"]


def _mistakes(evaluation: SavedEvaluation, rows: Split | None) -> Mistakes:
    predictions, places = read_predictions(evaluation.report, evaluation.folder)
    files = None if rows is None or not np.array_equal(rows.rows, places) else rows.names
    order = confident_mistakes(predictions)
    return Mistakes(evaluation.classes, predictions, places, files, order)


def _images(run: RunDirectory, rows: Split, mistakes: Mistakes) -> dict[int, bytes]:
    """Of the most confident mistakes, where rows are images of bytes."""
    if not np.array_equal(rows.rows, mistakes.rows):
        return {}
    encoding = read_checkpoint(find_checkpoint(run.path).path).encoding
    images = pictures(rows, encoding, mistakes.order)
    places = mistakes.rows[mistakes.order].tolist()
    return {place: png(image) for place, image in zip(places, images, strict=False)}
