"""Where an evaluation is kept: the run's own question in one place, every other in another."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rights import without_roots_rights

import mtrain
from mtrain.cli.main import run as command
from mtrain.run.checkpoint import read_checkpoint
from mtrain.run.find_checkpoint import with_checkpoint
from mtrain.run.lock import locked

COMMAND = str(Path(sys.executable).with_name("mtrain"))


def table(path, rows=120, seed=0, shift=0.0):
    """A CSV of two numbers and whether their sum is above 0."""
    draws = np.random.default_rng(seed).normal(shift, 1, (rows, 2))
    lines = [f"{a:.4f},{b:.4f},{'yes' if a + b > 0 else 'no'}" for a, b in draws]
    path.write_text("a,b,label\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a table and a run of two classes on it."""
    folder = tmp_path_factory.mktemp("table")
    config = {
        "name": "two",
        "dataset": {"name": "csv", "path": str(table(folder / "rows.csv")), "target": "label"},
        "model": {"hidden": 8},
        "training": {"epochs": 2, "compile": "graph"},
        "checkpoint": {"every_seconds": 0},
    }
    mtrain.fit(config, out=folder / "run")
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    """A copy that a test may change; its config still names the first table."""
    return Path(shutil.copytree(trained, tmp_path / "copy"))


def test_a_validation_that_chose_the_checkpoint_counts_its_epochs(folder):
    """Two epochs were compared on it; the test was looked at once."""
    assert mtrain.evaluate(folder / "run", split="val").looks == 2
    assert mtrain.evaluate(folder / "run").looks == 1


def content(path):
    return {file.name: file.read_bytes() for file in path.iterdir()}


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["--threshold", "0.9"], "test-threshold-0.9"),
        (["--data", "OTHER"], "test-other_lab-"),
        (["--data", "OTHER", "--threshold", "0.25"], "test-other_lab-"),
        (["--split", "val", "--threshold", "0.9"], "val-threshold-0.9"),
        (["--split", "train"], "train"),
    ],
)
def test_another_question_leaves_the_runs_own_answer(folder, capsys, options, name):
    """`fit` wrote `evaluation/test`; what else is asked has a folder whose name says what."""
    run = folder / "run"
    other = table(folder / "other lab.csv", rows=50, seed=1)
    before = content(run / "evaluation" / "test")
    options = [str(other) if option == "OTHER" else option for option in options]
    assert command(["evaluate", str(run), *options]) == 0

    assert content(run / "evaluation" / "test") == before
    (made,) = {path.name for path in (run / "evaluation").iterdir()} - {"test"}
    assert made.startswith(name)
    assert made.endswith("threshold-0.25") == ("0.25" in options)
    assert f"evaluation: {run}/evaluation/{made}" in capsys.readouterr().out
    assert {"metrics.json", "predictions.npz", "roc.png"} <= set(content(run / "evaluation" / made))


def test_fit_resume_reports_the_runs_own_figures(folder, capsys):
    """Whatever was evaluated meanwhile."""
    run = folder / "run"
    own = json.loads((run / "evaluation" / "test" / "metrics.json").read_text())
    other = table(folder / "lab.csv", rows=50, seed=1, shift=2)
    assert command(["evaluate", str(run), "--data", str(other), "--threshold", "0.99"]) == 0
    capsys.readouterr()
    assert command(["resume", str(run), "--json", "--quiet"]) == 0

    assert json.loads(capsys.readouterr().out)["evaluation"] == own


def test_the_runs_own_threshold_and_data_are_its_own_question(folder):
    """0.5 is the threshold in force, and the same rows at another place are the same data."""
    run = folder / "run"
    moved = Path(shutil.copy(folder / "rows.csv", folder / "moved.csv"))
    assert command(["evaluate", str(run), "--threshold", "0.5", "--data", str(moved)]) == 0

    assert {path.name for path in (run / "evaluation").iterdir()} == {"test"}


@pytest.mark.parametrize("moved", [False, True])
def test_the_figures_of_the_validation_that_chose_the_checkpoint_are_optimistic(folder, moved):
    """By the data's hash: the same rows at another path chose it as well."""
    data = shutil.copy(folder / "rows.csv", folder / "moved.csv") if moved else None
    report = mtrain.evaluate(folder / "run", split="val", data=data)

    assert report.selected


@pytest.mark.parametrize(
    ("part", "says", "is_optimistic"),
    [
        ("train", "training", False),
        ("val", "validation", True),
        ("test", "test", False),
    ],
)
def test_a_split_of_the_training_is_known_by_its_rows(tmp_path, part, says, is_optimistic):
    """Wherever it lies, read alone, and though the other splits have other categories."""
    paths = {"train": "path", "val": "val_path", "test": "test_path"}
    for seed, name in enumerate(paths):
        path = table(tmp_path / f"{name}.csv", seed=seed)
        header, *rows = path.read_text().split()
        words = [f"w{k % (2 + seed)}" for k in range(len(rows))]
        lines = [f"{word},{row}" for word, row in zip(words, rows, strict=True)]
        path.write_text("\n".join([f"word,{header}", *lines, ""]))
    config = {
        "dataset": {"name": "csv", "target": "label"}
        | {key: str(tmp_path / f"{name}.csv") for name, key in paths.items()},
        "model": {"hidden": 4},
        "training": {"epochs": 1, "compile": "graph"},
    }
    run = mtrain.fit(config, out=tmp_path / "run")
    moved = shutil.copy(tmp_path / f"{part}.csv", tmp_path / "moved.csv")

    report = mtrain.evaluate(run, data=moved)
    assert f"{moved}: these rows are the run's {says} data" in report.data.notes
    assert (report.selected, report.data.as_trained_on) == (is_optimistic, True)
    suspects = list((tmp_path / "run" / "evaluation").glob("test-moved*/suspects.csv"))
    assert bool(suspects) == (part != "train")  # whose labels the network has learned
    (tmp_path / "other.csv").write_text("word,a,b,label\nw0,1,2,yes\nw1,-1,-2,no\n")
    others = mtrain.evaluate(run, data=tmp_path / "other.csv")
    assert not others.data.as_trained_on


def test_rows_say_where_each_prediction_stands_in_the_data(folder):
    """The labels of the table at `rows` are `y_true`."""
    labels = [line.rsplit(",", 1)[1] for line in (folder / "rows.csv").read_text().splitlines()[1:]]
    with np.load(folder / "run" / "evaluation" / "test" / "predictions.npz") as arrays:
        assert arrays["rows"].dtype == np.int64
        assert [labels[row] for row in arrays["rows"]] == [
            ["no", "yes"][k] for k in arrays["y_true"]
        ]


def test_what_a_killed_evaluation_left_is_removed_by_the_next(folder):
    """A half-written folder, and one half removed."""
    evaluations = folder / "run" / "evaluation"
    for name in (".test.tmp", ".val.old"):
        (evaluations / name).mkdir()
        (evaluations / name / "metrics.json").write_text("{")
    assert command(["evaluate", str(folder / "run")]) == 0

    assert {path.name for path in evaluations.iterdir()} == {"test"}


def test_out_names_a_new_folder_for_the_evaluation(folder, capsys):
    """The run is left as it was; a folder that holds something is refused."""
    before = content(folder / "run" / "evaluation" / "test")
    out = folder / "elsewhere"
    assert command(["evaluate", str(folder / "run"), "--threshold", "0.9", "--out", str(out)]) == 0
    assert set(content(out)) == {*before, "threshold.png"}
    assert [path.name for path in (folder / "run" / "evaluation").iterdir()] == ["test"]
    capsys.readouterr()

    assert command(["evaluate", str(folder / "run"), "--out", str(out)]) == 2
    message = (
        f"mtrain: {out}: is not empty; --out takes a new or an empty folder, and without --out the "
        "run's own evaluation folder is taken\n"
    )
    assert message in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux' capabilities")
@pytest.mark.parametrize("as_json", [False, True])
def test_a_run_that_cannot_be_written_gives_its_figures(folder, as_json):
    """Every figure on stdout; that nothing is kept, and what helps, on stderr."""
    run = folder / "run"
    for path in (run, *run.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    done = subprocess.run(
        [COMMAND, "evaluate", str(run), *(["--json"] if as_json else [])],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=without_roots_rights,
    )
    for path in (run, *run.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)

    assert done.returncode == 0, done.stderr
    assert done.stderr == (
        f"{run}: you may not write there, so the evaluation is not kept; "
        "--out DIR keeps the evaluation elsewhere\n"
    )
    if as_json:
        assert json.loads(done.stdout)["n"] == 24
    else:
        assert "macro average" in done.stdout


def test_a_checkpoint_that_training_replaces_is_followed(folder):
    """A better epoch comes while the one that was the best is read."""
    checkpoints = folder / "run" / "checkpoints"
    (checkpoints / "best").write_text("epoch-0001\n")
    seen = []

    def use(place, saved):
        seen.append(saved.name)
        if len(seen) == 1:
            (checkpoints / "best").write_text("epoch-0002\n")
            shutil.rmtree(place.path)
        return read_checkpoint(place.path).name

    assert with_checkpoint(folder / "run", use) == "epoch-0002"
    assert seen == ["epoch-0001", "epoch-0002"]


def test_a_pointer_to_a_checkpoint_that_is_not_there_is_an_error(folder, capsys):
    """Nobody replaced it: it is not looked for again."""
    checkpoints = folder / "run" / "checkpoints"
    (checkpoints / "best").write_text("epoch-0099\n")

    assert command(["evaluate", str(folder / "run")]) == 1
    assert "epoch-0099/state.json: cannot be read: No such file" in capsys.readouterr().err


def test_what_a_kill_left_between_two_names_has_its_own_again(folder):
    """The old evaluation was put aside, and the new one not yet in its place."""
    evaluations = folder / "run" / "evaluation"
    before = content(evaluations / "test")
    (evaluations / "test").rename(evaluations / ".test.replaced.old")
    assert command(["evaluate", str(folder / "run"), "--split", "val"]) == 0

    assert content(evaluations / "test") == before
    assert {path.name for path in evaluations.iterdir()} == {"test", "val"}


def test_out_takes_the_current_folder_and_no_link(folder, monkeypatch, capsys):
    """The first as its path says; of the second the folder itself is asked for."""
    (here := folder / "here").mkdir()
    (folder / "link").symlink_to(here)
    assert command(["evaluate", str(folder / "run"), "--out", str(folder / "link")]) == 1
    assert f"{folder}/link: a link; name the folder that it leads to" in capsys.readouterr().err
    monkeypatch.chdir(here)

    assert command(["evaluate", str(folder / "run"), "--out", "."]) == 0
    assert (here / "metrics.json").is_file()


def test_an_evaluation_of_an_earlier_checkpoint_is_named_by_it(folder, capsys):
    """Once the run is trained further and its best is another."""
    run = folder / "run"
    assert command(["evaluate", str(run), "--split", "val"]) == 0
    assert command(["evaluate", str(run), "--threshold", "0.9"]) == 0
    before = content(run / "evaluation" / "val")
    assert command(["resume", str(run), "training.epochs=4", "--quiet"]) == 0

    best = (run / "checkpoints" / "best").read_text().strip()
    assert best != "epoch-0002"
    assert {path.name for path in (run / "evaluation").iterdir()} == {
        *("test", "test-epoch-0002", "test-epoch-0002-threshold-0.9", "val-epoch-0002"),
    }
    assert content(run / "evaluation" / "val-epoch-0002") == before
    assert (
        json.loads((run / "evaluation" / "test" / "metrics.json").read_text())["checkpoint"] == best
    )


def test_a_strangers_evaluation_is_not_moved_out_of_its_run(folder):
    """Whatever its figures call their checkpoint."""
    evaluations = folder / "run" / "evaluation"
    path = evaluations / "test" / "metrics.json"
    metrics = json.loads(path.read_text()) | {"checkpoint": "../../../elsewhere"}
    path.write_text(json.dumps(metrics))
    (evaluations / "test-..").mkdir()
    assert command(["evaluate", str(folder / "run"), "--split", "val"]) == 0

    assert {each.name for each in evaluations.iterdir()} == {"test", "test-..", "val"}
    assert json.loads(path.read_text()) == metrics


def test_a_training_that_ended_before_its_time_is_said(folder):
    """It diverged, and its last good checkpoint has the weights that it began with."""
    config = {
        "dataset": {"name": "csv", "path": str(folder / "rows.csv"), "target": "label"},
        "optimizer": {"name": "sgd", "learning_rate": 1e30},
        "training": {"epochs": 2, "compile": "graph"},
    }
    with pytest.raises(mtrain.DivergedError):
        mtrain.fit(config, out=folder / "diverged")

    notes = mtrain.evaluate(folder / "diverged").data.notes
    checkpoint = folder / "diverged" / "checkpoints" / "epoch-0000"
    assert f"{checkpoint}: nothing was trained; these are the initial weights" in notes
    assert f"{folder / 'diverged'}: the training diverged" in notes
    assert mtrain.evaluate(folder / "run").data.notes == ()


def test_a_training_that_goes_on_or_was_killed_is_said(folder):
    """Its history does not say how it ended; whether it has ended, its lock does."""
    run = folder / "run"
    history = json.loads((run / "history.json").read_text())
    history["segments"][-1]["ended"] = None
    (run / "history.json").write_text(json.dumps(history))
    assert mtrain.evaluate(run).data.notes == ()  # trained to its last epoch
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("epochs: 2", "epochs: 3"))

    killed = f"{run}: the training was killed; `mtrain resume {run}` continues it"
    assert mtrain.evaluate(run).data.notes == (killed,)
    with locked(run):
        report = mtrain.evaluate(run, split="val", out=folder / "looked")
    assert report.data.notes == (f"{run}: the training is still running",)


def test_data_that_were_moved_can_be_named(folder, capsys):
    """The message says how; a config beside is not taken for them."""
    moved = folder / "moved.csv"
    run = folder / "other"
    (folder / "rows.yaml").touch()
    settings = {"dataset": {"name": "csv", "path": str(folder / "rows.csv"), "target": "label"}}
    mtrain.fit(settings, out=run, model={"hidden": 4}, training={"epochs": 1, "compile": "graph"})
    (folder / "rows.csv").rename(moved)
    missing = f"{folder / 'rows.csv'}: no such file"

    assert command(["evaluate", str(run)]) == 1
    says = f"mtrain: {missing}; --data says where the data are now\n"
    assert capsys.readouterr().err.endswith(says)
    assert command(["resume", str(run), "training.epochs=2"]) == 1
    assert f"{missing}; dataset.path=PATH says where the data are now" in capsys.readouterr().err
    assert command(["evaluate", str(run), "--data", str(moved)]) == 0
    assert command(["resume", str(run), "training.epochs=2", f"dataset.path={moved}"]) == 0
