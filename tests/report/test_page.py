"""The page of a run: what it shows, that nothing in it runs or is loaded, and how it is read."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from epochs_and_reports import HOSTILE, history_of, names_of, predictions_of, report_of
from markdown_it import MarkdownIt
from pages import ENVIRONMENT, WEB, Page
from PIL import Image

from mtrain.config.loading.load import load_config
from mtrain.errors import MtrainError
from mtrain.escape import inert
from mtrain.metrics.calibration import calibration_report
from mtrain.metrics.history import History
from mtrain.metrics.learning import class_learning
from mtrain.metrics.mistakes import confident_mistakes
from mtrain.metrics.selective import answered
from mtrain.metrics.suspects import suspects
from mtrain.records.dataset import Encoding, Split
from mtrain.records.training import NeverLearned
from mtrain.report.page.chart import MOST_EPOCHS, coverage_charts, history_charts
from mtrain.report.page.confusion import SHADES, confused_pairs
from mtrain.report.page.content import Mistakes, PageContent
from mtrain.report.page.run_page import html_page, load, model_card
from mtrain.report.pictures import pictures, png
from mtrain.report.text import share
from mtrain.run.suspects import read_first_suspects

STYLE = Path(__file__).parents[2] / "mtrain" / "report" / "page" / "templates" / "style.css"


def content_of(names, history=None, **changes):
    report = report_of(names)
    predictions = predictions_of(len(names))
    rows = np.arange(len(predictions.labels)) * 2
    order = confident_mistakes(predictions)
    history = history or history_of(names, learns=True)
    content = PageContent(
        name="a run",
        state="finished",
        config=load_config({}, {}),
        settings="name: a run\nseed: 7\n",
        environment=ENVIRONMENT,
        history=history,
        report=report,
        mistakes=Mistakes(names, predictions, rows, None, order),
        learning=class_learning(history),
        never_learned=(),
        pictures={},
        missing=(),
    )
    return replace(content, **changes)


def test_every_number_of_the_tables_is_that_of_the_report():
    """Classes with their intervals, the confusion matrix, and the rows of each split."""
    names = names_of(4)
    content = content_of(names)
    page = Page(html_page(content))
    classes, matrix, *_, data = page.tables

    for one, cells in zip(content.report.classes, classes[1:-1], strict=True):
        for cell, figure, bounds in zip(
            cells[2:5],
            (one.precision, one.recall, one.f1),
            (one.precision_ci, one.recall_ci, one.f1_ci),
            strict=True,
        ):
            low, high = map(share, bounds)
            assert cell == f"{share(figure)} ({low}\N{EN DASH}{high})"
        assert cells[0] == one.name
        assert cells[1] == str(one.support)
        assert cells[5].endswith(one.verdict)
    counts = [[int(cell.split()[0]) for cell in cells[1:]] for cells in matrix[1:]]
    assert counts == content.report.confusion_matrix.tolist()
    assert [int(row[3]) for row in data[1:-1]] == [one.support for one in content.report.classes]


def test_a_cell_leads_to_its_rows_the_most_confident_first():
    content = content_of(names_of(3))
    page = Page(html_page(content))
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    assert {href.removeprefix("#") for href in page.all("href")} <= set(ids)

    predictions, mistakes = content.mistakes.predictions, content.mistakes
    pairs = next(table for table in page.tables if table[0][-1] == "row (probability)")
    true, predicted, n, _, rows = pairs[1]
    is_pair = (predictions.labels == int(true[-1])) & (predictions.predicted == int(predicted[-1]))
    assert int(n) == is_pair.sum()
    shown = [int(row) for row in re.findall(r"(\d+) \(", rows)]
    p = predictions.probabilities[is_pair].max(axis=1)
    assert shown == mistakes.rows[is_pair][np.argsort(-p, kind="stable")][:5].tolist()


def test_the_figures_behind_the_curves_are_those_of_the_history():
    history = history_of(names_of(3), epochs=7)
    loss, accuracy, precision, recall = history_charts(history)

    assert [float(t) for t in loss.curves[0].texts] == pytest.approx(
        history.scalars["loss"], rel=1e-3
    )
    texts = [float(t) for t in accuracy.curves[1].texts]
    assert texts == pytest.approx(history.accuracy("val"), rel=1e-3)
    for chart, metric in ((precision, "precision"), (recall, "recall")):
        values = history.by_class("val", metric)
        for k, curve in enumerate(chart.curves):
            assert [float(t) for t in curve.texts] == pytest.approx(values[:, k], rel=1e-3)
            (points,) = curve.pieces
            y = [float(point.split(",")[1]) for point in points.split()]
            up = (chart.bottom - np.array(y)) / (chart.bottom - chart.y_ticks[-1][0])
            assert up == pytest.approx(values[:, k], abs=1e-3)


def test_an_undefined_figure_parts_a_curve():
    history = history_of(names_of(3), epochs=5)
    history.scalars["loss"][2] = np.nan
    curve = next(history_charts(history)).curves[0]

    assert [len(piece.split()) for piece in curve.pieces] == [2, 2]
    assert curve.texts[2] == "-"


def test_long_histories_and_many_classes_are_thinned_and_say_so():
    names = names_of(12)
    loss, _, _, recall = history_charts(history_of(names, epochs=250))

    assert len(loss.places) == MOST_EPOCHS
    assert (loss.places[0], loss.places[-1]) == ("1", "250")
    assert loss.note == "100 of 250 epochs"
    assert recall.note == "the 10 classes with the lowest last value of 12; 100 of 250 epochs"
    assert len(recall.curves) == 10


@pytest.mark.parametrize("names", [HOSTILE, WEB])
def test_names_are_text_and_nothing_runs_or_is_loaded(names):
    """No element or attribute comes from a name, and the policy allows this style and pictures alone."""
    text = html_page(
        content_of(names, name=names[0], missing=names, settings=f"name: {names[0]}\n")
    )
    plain = html_page(content_of(names_of(len(names)), missing=names_of(len(names))))
    page, expected = Page(text), Page(plain)

    assert [tag for tag, _ in page.elements] == [tag for tag, _ in expected.elements]
    assert {name for _, one in page.elements for name in one} == {
        name for _, one in expected.elements for name in one
    }
    assert not {"script", "link", "iframe", "object", "form"} & {tag for tag, _ in page.elements}
    assert not [name for _, one in page.elements for name in one if name.startswith("on")]
    assert all(source.startswith("data:image/png") for source in page.all("src"))
    assert all(href.startswith("#") for href in page.all("href"))
    assert "style" not in {
        name for _, one in page.elements for name in one
    }  # the policy forbids it
    policy = page.all("content")[0]
    assert re.fullmatch(
        r"default-src 'none'; img-src data:; style-src 'sha256-[\w+/]{43}='", policy
    )
    for name in names:
        assert inert(name) in page.text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", text)


def test_a_page_is_the_same_each_time_and_small():
    """300 kB at ten classes without images, 1 MB at 1,000."""
    for n, most in ((10, 300_000), (1000, 1_000_000)):
        names = names_of(n)
        text = html_page(content_of(names, history=history_of(names, 40)))
        assert text == html_page(content_of(names, history=history_of(names, 40)))
        assert len(text.encode()) <= most


def test_text_on_every_shade_can_be_read():
    """A contrast of 4.5 at least, as WCAG 2.2 (1.4.3) computes it."""
    style = STYLE.read_text()

    def luminance(colour):
        parts = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    backs = dict(re.findall(r"\.(s\d) \{ background: (#\w{6})", style))
    assert len(backs) == SHADES
    groups = re.findall(r"((?:\.s\d,? ?)+)\{ color: (#\w{3}) ", style)
    fronts = {one: colour for names, colour in groups for one in re.findall(r"s\d", names)}
    for shade, back in backs.items():
        front = fronts[shade] + fronts[shade][1:]
        low, high = sorted((luminance(back), luminance(front)))
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_what_is_missing_is_said():
    """A run without an epoch and without an evaluation."""
    names = names_of(2)
    content = content_of(
        names,
        state="running",
        config=load_config({"training": {"epochs": 10}}, {}),
        history=History("a run", names),
        report=None,
        mistakes=None,
        missing=("There is no evaluation on test to show",),
    )
    page = Page(html_page(content))

    assert "0 of 10 epochs; running" in page.text
    assert "There is no evaluation on test to show." in page.text
    assert "svg" not in {tag for tag, _ in page.elements}
    assert "There is no evaluation on test to show." in model_card(content)


def test_what_the_console_says_of_figures_stands_there():
    """The threshold, other metrics, findings: each with a full stop, and as it is."""
    names = ("no", "yes")
    report = report_of(names, threshold=0.7, figures={"auc": 0.25})
    content = content_of(names, report=report)
    lines = ["'yes' predicted above 0.7", "auc 0.25", *(one.text for one in report.findings)]
    for text in (Page(html_page(content)).text, model_card(content)):
        assert all(f"{line}." in text for line in lines)


def test_when_classes_were_learned():
    """A line a class, a chart of them, and what the console says."""
    names = names_of(4)
    content = content_of(names)
    page = Page(html_page(content))
    (table,) = [t for t in page.tables if "half learned in epoch" in t[0]]

    assert table[1:] == [
        ["class 0", "-", "0.0 %", "100.0 %"],
        ["class 1", "-", "5.5 %", "78.1 %"],
        ["class 2", "-", "10.9 %", "56.2 %"],
        ["class 3", "2", "16.4 %", "34.4 %"],
    ]
    assert "Training rows that were right at least once" in page.text
    for text in (page.text, model_card(content)):
        assert "67.2 % of the training rows were never learned, 8.2 % were forgotten" in text
        assert (
            "Least of all classes 'class 0' was learned for good: half learned in no epoch; "
            in text
        )
    counts = [
        replace(one, never_right=n)
        for n, one in zip((64, 50, 36, 2200), content.learning, strict=True)
    ]
    counted = replace(content, learning=counts)
    (table,) = [t for t in Page(html_page(counted)).tables if "half learned in epoch" in t[0]]
    assert [line[-1] for line in table[1:]] == [
        "64 (100.0 %)",
        "50 (78.1 %)",
        "36 (56.2 %)",
        "2,200 (34.4 %)",
    ]
    for text in (Page(html_page(counted)).text, model_card(counted)):
        assert "67.2 % of the training rows were never learned (2,350 rows), 8.2 % were" in text
        assert "half learned in no epoch; 0 % forgotten since; 64 rows never learned" in text
    plain = Page(html_page(content_of(names, history=history_of(names))))
    assert "learned in epoch" not in plain.text


def test_labels_that_are_likely_wrong():
    """In the order of confident learning."""
    content = content_of(names_of(3))
    rows, like = suspects(content.mistakes.predictions)
    (table,) = [t for t in Page(html_page(content)).tables if "looks like" in t[0]]

    assert len(rows) > 1
    assert [line[0] for line in table[1:]] == [str(r) for r in content.mistakes.rows[rows[:30]]]
    assert [line[2] for line in table[1:]] == [f"class {k}" for k in like[:30]]


def test_without_styles_pictures_of_curves_keep_their_size():
    """Jenkins strips styles: a line of a key would be as wide as the page, and a chart as well."""
    for picture in re.findall(r"<svg [^>]*>", html_page(content_of(names_of(3)))):
        width, height = re.search(r'viewBox="0 0 (\d+) (\d+)"', picture).groups()
        assert f'width="{width}" height="{height}"' in picture


def test_images_of_mistakes_stand_beside_their_rows():
    content = content_of(names_of(3))
    row = content.mistakes.first(1)[0].row
    picture = png(np.array([[0, 8], [16, 4]], np.uint8))
    page = Page(html_page(replace(content, pictures={row: picture})))

    ((_, image),) = [one for one in page.elements if one[0] == "img"]
    assert image["alt"] == f"Row {row}"


def test_images_are_as_bright_as_their_data_can_be():
    """Digits go to 16; a large image becomes 64 pixels wide."""
    gray = np.array([[0, 8], [16, 4]], np.uint8)
    assert shown(gray, 16).tolist() == [[0, 127], [255, 63]]
    colour = np.random.default_rng(0).integers(0, 256, (3, 5, 3), np.uint8)
    assert np.array_equal(shown(colour, None), colour)
    assert shown(np.zeros((200, 100, 1), np.uint8), None).shape == (64, 32)


def shown(image, divisor):
    """An image as its file has it, of the second of three rows."""
    features = np.zeros((3, image.size), np.uint8)
    features[1] = image.ravel()
    rows = Split(features, np.zeros(3, np.int32), np.arange(3))
    (picture,) = pictures(rows, Encoding(shape=image.shape, divisor=divisor), np.array([1]))
    return np.array(Image.open(io.BytesIO(png(picture))))


@pytest.mark.parametrize("names", [HOSTILE, WEB])
def test_a_model_card_shows_names_as_they_are(names):
    """Rendered by markdown-it, with its tables and raw HTML allowed."""
    text = model_card(content_of(names, name=names[0]))
    _, _, body = text.split("---\n", 2)
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(body)
    page = Page(html)

    allowed = {
        "h1",
        "h2",
        "p",
        "ul",
        "li",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "pre",
        "code",
    }
    assert {tag for tag, _ in page.elements} <= allowed
    (table,) = page.tables
    assert [row[0] for row in table[1:-1]] == [inert(name).strip() for name in names]
    content = content_of(names)
    worst = confused_pairs(content.report, content.mistakes)[0]
    assert f"{inert(worst.true)} is taken for {inert(worst.predicted)} in " in page.text


def test_a_class_has_the_precision_of_its_surest_predictions():
    """Of very many classes those of the lowest precision; the last point is that of all predictions."""
    report = report_of(names_of(12))
    (chart,) = coverage_charts(report.predictions, names_of(12))

    assert (chart.places[0], chart.places[-1]) == ("0.05", "1")
    assert chart.along == "share of its predictions"
    assert chart.note == "the 10 classes with the lowest last value of 12"
    by_name = {one.name: one.precision for one in report.classes}
    for curve in chart.curves:
        assert float(curve.texts[-1]) == pytest.approx(by_name[curve.name], abs=1e-3)


def test_the_page_shows_how_right_probabilities_are():
    """The bins with their exact intervals, the error of every class, and what sure predictions are worth."""
    names = names_of(3)
    report = report_of(names)
    found = calibration_report(report.predictions, None)
    page = Page(html_page(content_of(names, report=replace(report, calibration=found))))
    of_bins, of_classes, of_levels = (
        next(table for table in page.tables if table[0][0] == heading)
        for heading in ("mean probability", "predicted class", "above")
    )

    for one, (probability, right, rows) in zip(found.bins, of_bins[1:], strict=True):
        low, high = map(share, one.right_ci)
        assert (probability, rows) == (share(one.probability), str(one.rows))
        assert right == f"{share(one.right)} ({low}\N{EN DASH}{high})"
    for one, cells in zip(report.classes, of_classes[1:], strict=True):
        assert cells == [one.name, str(one.predicted), share(one.calibration_error)]
    for one, cells in zip(answered(report.predictions), of_levels[1:], strict=True):
        assert (float(cells[0]), int(cells[1])) == (one.above, one.rows)
    assert len([tag for tag, _ in page.elements if tag == "circle"]) == len(found.bins)
    card = model_card(content_of(names, report=replace(report, calibration=found)))
    assert f"Calibration error: {share(found.error)} (" in card


def test_training_rows_that_were_never_right_stand_before_those_of_the_test():
    names = names_of(3)
    doubtful = [
        NeverLearned(7, None, names[1], names[0], -0.9876),
        NeverLearned(9, "a<b>.png", names[2], names[1], -0.5),
    ]
    page = Page(html_page(content_of(names, never_learned=doubtful)))
    table = next(table for table in page.tables if table[0][-1] == "mean margin")

    assert table[1] == ["7", names[1], names[0], "-0.9876"]
    assert table[2][0] == "a<b>.png"


def test_only_the_beginning_of_a_list_of_suspects_is_read(tmp_path):
    """Of a file of training; another one is refused."""
    path = tmp_path / "suspects.csv"
    lines = [f"{row},a,b,-0.{row + 1}" for row in range(50)]
    path.write_text("\n".join(["row,true,like,margin", *lines]))

    found = read_first_suspects(path, 30)
    assert [one.row for one in found] == list(range(30))
    assert found[0] == NeverLearned(0, None, "a", "b", -0.1)
    path.write_text("row,true\n1,a\n")
    with pytest.raises(MtrainError, match="not a list of suspects as mtrain writes it: no 'like'"):
        read_first_suspects(path, 30)


def test_templates_can_be_loaded_before_they_are_needed(monkeypatch):
    load()
    monkeypatch.setattr("jinja2.Environment.compile", None)
    assert html_page(content_of(names_of(3))).startswith("<!DOCTYPE html>")
