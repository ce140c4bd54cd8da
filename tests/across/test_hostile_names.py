"""Names of classes that do something where they are shown."""

from __future__ import annotations

import csv
import json
import re
from xml.etree import ElementTree as ET

import pytest

from mtrain.cli.main import run as mtrain
from mtrain.run.history import read_history

# --- Names of classes


HOSTILE_NAMES = (
    *(
        "\x1b[2J\x1b]0;title\x07clear",
        "[/x]",
        "[bold red]x[/]",
        r"$\frac$",
        "_x",
        "{0}%s",
        "a,b\n=c",
    ),
    *("=cmd()", "+cmd()", "-cmd()", "@cmd()", "\t=cmd()", "\r=cmd()"),
    *(
        "\u202eright to left",
        "שלום",
        "مرحبا",
        "मराठी",
        "中文",
        "<script>alert(1)</script>",
        "x" * 255,
    ),
)


@pytest.fixture
def run_of_hostile_names(idx_folder, tmp_path, capsys):
    """A short training on classes that a stranger named, and what it printed."""
    folder = idx_folder(classes=len(HOSTILE_NAMES), train=200, test=100)
    config = tmp_path / "hostile.yaml"
    # JSON is YAML, and has an escape for each of these characters.
    dataset = {"name": "mnist", "path": str(folder), "classes": HOSTILE_NAMES}
    settings = {
        "dataset": dataset,
        "model": {"hidden": 4},
        "optimizer": {"name": "sgd", "learning_rate": 1e-6},
    }
    config.write_text(json.dumps({**settings, "training": {"epochs": 2}}))
    out = tmp_path / "run"
    assert mtrain(["fit", str(config), "--out", str(out)]) == 0
    return out, "".join(capsys.readouterr())


@pytest.mark.renders
def test_names_of_classes_are_inert_wherever_they_are_shown(run_of_hostile_names, tmp_path, capsys):
    """In a terminal, a spreadsheet, JSON and charts; no warning either."""
    run, printed = run_of_hostile_names
    assert mtrain(["evaluate", str(run)]) == 0
    assert mtrain(["plot", str(run), "--format", "svg", "--out", str(tmp_path / "svg")]) == 0
    printed += "".join(capsys.readouterr())
    with (run / "evaluation/test/errors.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    metrics = json.loads((run / "evaluation/test/metrics.json").read_text())
    report = json.loads((run / "evaluation/test/classification_report.json").read_text())
    history = read_history(run)

    assert "[/x]" in printed
    assert [c for c in printed if not (c.isprintable() or c == "\n")] == []
    assert {"true", "predicted"} <= set(rows[0])
    cells = {cell for row in rows for cell in row}
    assert {f"'{name}" for name in HOSTILE_NAMES if re.match("[-=+@]", name)} <= cells
    assert {r"\r=cmd()", r"\t=cmd()"} <= cells
    assert [cell for cell in cells if re.match(r"[-=+@\t\r]", cell) and not is_number(cell)] == []
    assert tuple(entry["name"] for entry in metrics["classes"]) == HOSTILE_NAMES
    assert report.keys() == {*HOSTILE_NAMES, "accuracy", "macro avg", "weighted avg"}
    assert history.classes == HOSTILE_NAMES
    for chart in [*run.rglob("charts/*.png"), *run.rglob("evaluation/test/*.png")]:
        assert chart.read_bytes().startswith(b"\x89PNG")
        assert len(chart.read_bytes()) > 5000
    for chart in (tmp_path / "svg").iterdir():
        tags = {element.tag.rpartition("}")[2] for element in ET.parse(chart).iter()}
        assert "script" not in tags
    assert len(list(run.rglob("*.png"))) == 10
    assert len(list((tmp_path / "svg").iterdir())) == 4


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
