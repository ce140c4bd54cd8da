from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest

from mtrain.metrics.report import make_report
from mtrain.records.training import Predictions
from mtrain.report import fonts
from mtrain.report.charts.evaluation import evaluation_charts
from mtrain.report.console.results import print_report
from mtrain.report.fonts import font_families, missing_letters

pytestmark = pytest.mark.renders

CAT, DOG, GRIN = "\u732b", "\u72ac", "\U0001f600"
"""Two Chinese characters, which matplotlib's own font lacks, and a symbol."""

THAI = "\u0e41\u0e21\u0e27"


@pytest.fixture
def installed(monkeypatch):
    """Pretends that these fonts are installed: family, the letters that it has."""
    from matplotlib import font_manager

    letters_of = fonts._letters_of.__wrapped__

    def install(*families):
        known = {f"/fonts/{name}.ttf": frozenset(map(ord, has)) for name, has in families}
        entries = [
            SimpleNamespace(name=name, fname=f"/fonts/{name}.ttf", style="normal", weight=400)
            for name, _ in families
        ]
        monkeypatch.setattr(font_manager.fontManager, "ttflist", entries)
        monkeypatch.setattr(
            fonts, "_letters_of", lambda path: known[path] if path in known else letters_of(path)
        )
        monkeypatch.setattr(fonts, "_installed", fonts._installed.__wrapped__)

    own = font_manager.findfont(fonts.MATPLOTLIB_FONT)
    monkeypatch.setattr(font_manager, "findfont", lambda _: own)
    return install


@pytest.mark.parametrize("names", [("cat",), ("Kätzchen", "Жук", "γάτα"), ("a\x1b[31m",), ()])
def test_what_matplotlibs_font_has_needs_no_other(names):
    """Latin, Cyrillic and Greek; what cannot be printed is escaped."""
    assert font_families(names) == [fonts.MATPLOTLIB_FONT]
    assert missing_letters(names) is None


def test_fonts_are_added_until_every_letter_has_one(installed):
    """Those that have nothing to add are left out; those without serifs come first."""
    installed(("Serif A", CAT + DOG), ("B Sans", CAT), ("C Sans", "xyz"), ("Thai Sans", THAI))

    assert font_families([CAT]) == [fonts.MATPLOTLIB_FONT, "B Sans"]
    assert font_families([CAT, f"{DOG} x"]) == [fonts.MATPLOTLIB_FONT, "B Sans", "Serif A"]
    assert font_families([THAI, "x"]) == [fonts.MATPLOTLIB_FONT, "Thai Sans"]
    assert missing_letters([CAT, DOG, THAI]) is None


def test_the_font_of_boxes_is_none(installed):
    """It has every character, and a picture of none."""
    installed(("Last Resort High-Efficiency", CAT))

    assert font_families([CAT]) == [fonts.MATPLOTLIB_FONT]
    assert missing_letters([CAT]) is not None


@pytest.mark.parametrize(
    ("name", "package"),
    [
        (CAT, "fonts-noto-cjk"),
        ("\u306d\u3053", "fonts-noto-cjk"),
        ("\uac1c", "fonts-noto-cjk"),
        (THAI, "fonts-noto-core"),
        (GRIN + "\U0001faac", "fonts-symbola"),
    ],
)
def test_letters_that_no_font_has_are_said_with_a_package(installed, name, package):
    """One line, with a name that has them."""
    installed(("B Sans", "abc"))
    text = missing_letters(["plain", f"the {name}"])

    assert text == (
        f"No installed font has all letters of 'the {name}', which charts show as boxes; Debian's "
        f"package {package} brings one."
    )


def test_results_say_what_charts_cannot_show(installed):
    """Among the last lines; the charts are drawn all the same."""
    installed(("B Sans", "abc"))
    labels = np.array([0, 1, 1])
    predictions = Predictions(labels, labels, np.eye(2, dtype=np.float32)[labels], 0.1)
    report = make_report(predictions, (CAT, "dog"), split="test", checkpoint="epoch-0001")
    print_report(report, stream := io.StringIO())

    assert f"No installed font has all letters of '{CAT}'" in stream.getvalue()


def test_charts_of_names_that_no_font_has_are_drawn():
    """With boxes, and without a warning."""
    labels = np.array([0, 1, 1])
    predictions = Predictions(labels, labels, np.eye(2, dtype=np.float32)[labels], 0.1)
    names = ("\U0001faac", CAT)
    report = make_report(predictions, names, split="test", checkpoint="epoch-0001")

    assert all(
        content.startswith(b"\x89PNG") for _, content in evaluation_charts(report, predictions)
    )
