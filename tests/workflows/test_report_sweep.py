"""The page that a sweep leaves behind, and `mtrain report` of a sweep."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from command_line import mtrain_process, said
from swept import result, sweep, written

from mtrain.cli.main import run
from mtrain.config.loading.load import load_config
from mtrain.config.loading.members import restore_sweep
from mtrain.report.text import figure, share
from mtrain.run.lock import locked
from mtrain.run.sweep import read_plan, read_result
from mtrain.workflows.report_sweep import read_sweep_page_content

RATES = "optimizer.learning_rate=1e-3,1e-2"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A sweep of two rates and two folds, by the command."""
    folder = tmp_path_factory.mktemp("sweep")
    assert sweep(written(folder), RATES, "--folds", 2, "--out", folder / "sweep") == 0
    return folder / "sweep"


@pytest.fixture
def swept(trained, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(trained, tmp_path / "sweep")


def page_of(path, *options):
    """The text of the page that the command writes."""
    assert run(["report", str(path), *map(str, options)]) == 0
    return (path / "report.html").read_text()


def test_a_sweep_leaves_the_page_that_report_writes(trained, capsys):
    """To the last byte, with figures of `sweep.json` and of the folds together."""
    left = (trained / "report.html").read_text()
    assert page_of(trained) == left == page_of(trained)
    assert capsys.readouterr().out == f"report: {trained}/report.html\n" * 2

    content = result(trained)
    for setting in content["settings"]:
        assert f"<td>{figure(setting['value'])}</td>" in left
        assert f"<td>{share(setting['accuracy']['mean'])}</td>" in left
    best = content["settings"][content["best"]]["name"]
    together = json.loads((trained / "evaluation" / best / "metrics.json").read_text())
    for one in together["classes"]:
        assert share(one["recall"]) in left
        assert f"<td>{one['support']}</td>" in left
    assert share(together["calibration"]["error"]) in left.split("all folds together")[1]


def test_the_page_of_a_sweep_needs_no_tensorflow(swept, tmp_path):
    """Hidden by a package of its name that cannot be imported; also while nothing is compared yet."""
    for name in ("tensorflow", "keras"):
        (tmp_path / "hidden" / name).mkdir(parents=True)
        (tmp_path / "hidden" / name / "__init__.py").write_text("raise ImportError('not here')")
    path = os.pathsep.join(filter(None, [str(tmp_path / "hidden"), os.environ.get("PYTHONPATH")]))
    for gone in ("report.html", "sweep.json"):
        (swept / gone).unlink()
        done = mtrain_process("report", swept, PYTHONPATH=path)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_member_is_a_link_once_it_has_a_page(swept):
    member = result(swept)["members"][0]["member"]
    assert f'href="./{member}/report.html"' not in page_of(swept)
    page_of(swept / member)
    assert f'href="./{member}/report.html"' in page_of(swept)


def test_the_probabilities_of_the_best_setting_are_those_of_its_member(tmp_path):
    """Without folds; and an evaluation that cannot be read is named."""
    folder = tmp_path / "sweep"
    assert sweep(written(tmp_path), RATES, "--out", folder) == 0
    content = result(folder)
    (best,) = content["settings"][content["best"]]["members"]
    metrics = folder / best / "evaluation" / "test" / "metrics.json"
    calibration = json.loads(metrics.read_text())["calibration"]

    left = (folder / "report.html").read_text()
    row = left.split("How right the probabilities")[1].split("</table>")[0]
    assert row.count("<tr>") == 2
    assert best in row
    assert share(calibration["error"]) in row
    assert share(calibration["error_ci"][1]) in row

    metrics.write_text("{}")
    page = page_of(folder)
    assert f"How right the probabilities of {best} are is not shown (" in page


def test_a_resumed_sweep_writes_its_page_again(swept):
    left = (swept / "report.html").read_text()
    (swept / "report.html").unlink()
    config = written(swept.parent)
    assert sweep(config, RATES, "--folds", 2, "--out", swept, "--resume") == 0
    assert (swept / "report.html").read_text() == left


def test_what_sweep_yaml_describes_is_the_sweep_itself(trained):
    """Each member has the config that its run has, so that what is killed is read as what is done."""
    plan = restore_sweep(read_plan(trained))
    for member in plan.members:
        own = load_config(trained / member.name / "config.yaml", {})
        assert member.config.model_copy(update={"name": own.name}) == own
    assert [one.setting_name for one in plan.members[::2]] == [
        "learning_rate-0.001",
        "learning_rate-0.01",
    ]


def test_of_a_sweep_that_was_killed_the_members_files_are_shown(swept):
    """Without `sweep.json` they say the same as with it."""
    kept = read_result(swept)
    (swept / "sweep.json").unlink()
    assert read_sweep_page_content(swept, is_running=False).result == kept

    shutil.rmtree(swept / kept.members[0].member)
    page = page_of(swept)
    assert "The sweep was interrupted" in page
    assert "4: 3 finished, 1 waiting" in page


def test_of_a_sweep_that_runs_the_page_says_so(swept):
    """Its lock is held, and that of the member in training."""
    member = swept / result(swept)["members"][0]["member"]
    history = (member / "history.json").read_text()
    (member / "history.json").write_text(history.replace('"ended":"finished"', '"ended":null'))
    with locked(swept), locked(member):
        page = page_of(swept)
    assert "The sweep is not over" in page
    assert "4: 3 finished, 1 in training" in page


def test_a_page_goes_where_out_says(swept, tmp_path, capsys):
    out = tmp_path / "a.html"
    for _ in range(2):
        assert run(["report", str(swept), "--out", str(out)]) == 0
        assert out.read_bytes() == (swept / "report.html").read_bytes()
    out.write_text("My notes\n")
    capsys.readouterr()
    assert said(capsys, "report", swept, "--out", out) == (
        2,
        f"--out: {out} exists and does not hold a page of mtrain; name another file",
    )


def test_a_model_card_is_of_one_model(swept, tmp_path, capsys):
    assert said(capsys, "report", swept, "--out", tmp_path / "card.md") == (
        2,
        "--out: the page of a sweep must end in .html, got 'card.md': a model card is of one model; "
        "name a member of the sweep for its card",
    )


def test_what_is_damaged_is_named(swept, capsys):
    whole = (swept / "sweep.json").read_text()
    for text, problem in (
        (whole[:100], "sweep.json: not JSON as mtrain writes it: "),
        (
            whole.replace('"schema": 1', '"schema": 9'),
            "sweep.json: not a sweep as mtrain writes it: ",
        ),
        (
            whole.replace('"setting": 0', '"setting": 7'),
            "sweep.json: names a setting that is not in",
        ),
        (
            whole.replace('"learning_rate-0.001_fold-1"', '"../elsewhere"'),
            "sweep.json: names a folder outside the sweep",
        ),
    ):
        (swept / "sweep.json").write_text(text)
        status, message = said(capsys, "report", swept)
        assert (status, message.startswith(f"{swept}/{problem}")) == (1, True)
    (swept / "sweep.json").unlink()
    plan = (swept / "sweep.yaml").read_text()
    for text in (
        "a: [",
        "a: 1\n",
        plan.replace("folds: 2", "folds: two"),
        plan.replace("digits", "x"),
        plan.replace("learning_rate-0.01_fold-1", "x" * 300),
        plan.replace("learning_rate-0.01_fold-1", "../elsewhere"),
    ):
        (swept / "sweep.yaml").write_text(text)
        status, message = said(capsys, "report", swept)
        assert (status, message.startswith(f"{swept}/sweep.yaml:")) == (1, True)


def test_links_and_what_is_neither_a_run_nor_a_sweep_are_refused(swept, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert said(capsys, "report", tmp_path / "empty") == (
        1,
        f"{tmp_path}/empty: neither a run (no environment.json) nor a sweep (no sweep.yaml); "
        "`mtrain fit` makes one, `mtrain sweep` a sweep",
    )
    (swept / "report.html").unlink()
    (swept / "report.html").symlink_to("/etc/hostname")
    expected = f"{swept}/report.html: is a symbolic link; a run must not have one"
    assert said(capsys, "report", swept) == (1, expected)


def test_a_page_that_cannot_be_written_ends_no_sweep(swept, capsys):
    """It is said, and the sweep is finished."""
    (swept / "report.html").unlink()
    (swept / "report.html").mkdir()
    config = written(swept.parent)
    capsys.readouterr()
    arguments = ["sweep", config, RATES, "--folds", 2, "--out", swept, "--resume"]
    assert run([*map(str, arguments)]) == 0
    assert (
        f"{swept}/report.html: cannot be written: Is a directory; the sweep is done without its page: "
        f"`mtrain report {swept}` writes it." in capsys.readouterr().err
    )


def test_a_sweep_of_which_no_member_is_finished_has_a_page(tmp_path):
    out = tmp_path / "sweep"
    rates = "optimizer.learning_rate=1e30,1e35"
    assert sweep(written(tmp_path), rates, "--out", out) == 4
    page = (out / "report.html").read_text()
    assert "No member is finished" in page
    assert "2 of 2 members diverged." in page
    assert "<svg" not in page
