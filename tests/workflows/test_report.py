"""The page that a run leaves behind, and `mtrain report`."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from command_line import mtrain_process, said
from strangers import sign

from mtrain.cli.main import run
from mtrain.run.find_checkpoint import find_checkpoint
from mtrain.workflows.report import CARD, HTML


def page_of(path, *options):
    """The text of the page that the command writes."""
    assert run(["report", str(path), *map(str, options)]) == 0
    return (path / "report.html").read_text()


def test_fit_leaves_the_page_that_report_writes(finished_run, capsys):
    """To the last byte, with an image for each of the most confident mistakes."""
    left = (finished_run / "report.html").read_text()
    assert page_of(finished_run) == left
    assert capsys.readouterr().out == f"report: {finished_run}/report.html\n"

    metrics = json.loads((finished_run / "evaluation/test/metrics.json").read_text())
    mistakes = metrics["n"] - sum(one["tp"] for one in metrics["classes"])
    assert left.count("<img ") == min(mistakes, 64) > 0


def test_a_page_needs_no_tensorflow(finished_run):
    """Hidden by a package of its name that cannot be imported."""
    hidden = finished_run.parent / "hidden"
    for name in ("tensorflow", "keras"):
        (hidden / name).mkdir(parents=True)
        (hidden / name / "__init__.py").write_text("raise ImportError('not here')")
    done = mtrain_process("report", finished_run, PYTHONPATH=str(hidden))
    assert (done.returncode, done.stderr) == (0, "")


def test_data_that_are_gone_leave_out_images_alone(finished_run, tmp_path):
    """The page says why; mistakes are listed by their rows."""
    checkpoint = find_checkpoint(finished_run).path
    state = json.loads((checkpoint / "state.json").read_text())
    state["config"]["dataset"] |= {"name": "mnist", "path": str(tmp_path / "nowhere")}
    (checkpoint / "state.json").write_text(json.dumps(state))
    sign(checkpoint)

    page = page_of(finished_run)
    assert "Images of mistakes are not shown (" in page
    assert "<img " not in page
    assert "most confident mistakes.</caption>" in page


def test_a_run_without_predictions_or_an_evaluation_says_so(finished_run):
    (finished_run / "evaluation" / "test" / "predictions.npz").unlink()
    assert "The predictions were not kept, so no mistakes are shown." in page_of(finished_run)
    shutil.rmtree(finished_run / "evaluation")
    assert "There is no evaluation on test to show (" in page_of(finished_run)


@pytest.mark.parametrize(
    ("name", "beginning"), [("a.html", HTML), ("A.HTML", HTML), ("card.md", CARD)]
)
def test_a_page_goes_where_out_says_and_replaces_only_its_kind(
    finished_run, tmp_path, capsys, name, beginning
):
    out = tmp_path / name
    for _ in range(2):
        assert run(["report", str(finished_run), "--out", str(out)]) == 0
        assert out.read_bytes().startswith(beginning)
    out.write_text("# My notes\n")
    assert said(capsys, "report", finished_run, "--out", out) == (
        2,
        f"--out: {out} exists and does not hold a page of mtrain; name another file",
    )
    assert out.read_text() == "# My notes\n"


def test_what_is_no_page_or_no_run_is_refused(finished_run, tmp_path, capsys):
    refused = said(capsys, "report", finished_run, "--out", tmp_path / "a.pdf")
    assert refused == (2, "--out: must end in .html or .md, got 'a.pdf'")
    status, message = said(capsys, "report", tmp_path)
    assert (status, message.split(";")[0]) == (
        1,
        f"{tmp_path}: neither a run (no environment.json) nor a sweep (no sweep.yaml)",
    )
    (finished_run / "report.html").unlink()
    (finished_run / "report.html").symlink_to("/etc/hostname")
    expected = f"{finished_run}/report.html: is a symbolic link; a run must not have one"
    assert said(capsys, "report", finished_run) == (1, expected)


def test_a_file_that_cannot_be_written_is_named(finished_run, tmp_path, capsys):
    out = tmp_path / "missing" / "a.html"
    assert said(capsys, "report", finished_run, "--out", out) == (
        1,
        f"{out}: cannot be written: No such file or directory",
    )


def test_rows_of_a_table_are_listed_without_the_data(tmp_path):
    """Of a run whose rows are no images, the data are not read."""
    rows = "".join(f"{k % 7},{'ab'[k % 7 > 3 or k % 11 == 0]}\n" for k in range(200))
    (tmp_path / "rows.csv").write_text(f"x,y\n{rows}")
    config = tmp_path / "c.yaml"
    dataset = {"name": "csv", "path": "rows.csv", "target": "y"}
    config.write_text(json.dumps({"dataset": dataset, "training": {"epochs": 2}}))
    out = tmp_path / "run"
    assert run(["fit", str(config), "--out", str(out), "--quiet"]) == 0
    (tmp_path / "rows.csv").unlink()

    left = (out / "report.html").read_text()
    assert page_of(out) == left
    predictions = np.load(out / "evaluation/test/predictions.npz")
    wrong = predictions["rows"][predictions["y_true"] != predictions["y_pred"]]
    assert all(f'<th scope="row">{row}</th>' in left for row in wrong[:64])
    assert len(wrong)
