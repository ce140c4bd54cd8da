"""What `mtrain runs` lists, how it is sorted, and that looking disturbs nobody."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import CONFIGS
from rights import without_roots_rights

import mtrain
from mtrain.cli.main import run
from mtrain.records.run import RunOutcome
from mtrain.run.directory import LOCK, WRITER
from mtrain.run.lock import is_locked, locked
from mtrain.workflows.list_runs import differing_settings

COMMAND = str(Path(sys.executable).with_name("mtrain"))

HOLD = (
    "import pathlib, sys; from mtrain.run.lock import locked\n"
    "with locked(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
)
"""Holds the lock of a folder until its standard input ends."""


def table(path):
    """A CSV of two classes."""
    rows = "".join(f"{i % 7},{'ab'[i % 7 > 3]}\n" for i in range(80))
    path.write_text(f"x,y\n{rows}")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four runs, two of them in a subfolder: of digits three, which differ, and of a table."""
    folder = tmp_path_factory.mktemp("runs")
    short = {"model.hidden": 8, "training.compile": "graph"}
    digits = {"dataset": {"name": "digits", "samples": 200}}
    for name, settings in {
        "one": {"optimizer.learning_rate": 0.00025, "training.epochs": 2},
        "two": {"optimizer.learning_rate": 0.01, "training.epochs": 3},
        "more/three": {"seed": 43052, "training.epochs": 1},
    }.items():
        mtrain.fit(digits, out=folder / name, report=False, **short, **settings)
    data = {"name": "csv", "path": str(table(folder / "rows.csv")), "target": "y"}
    mtrain.fit({"dataset": data}, out=folder / "more" / "four", **short, **{"training.epochs": 1})
    return folder


@pytest.fixture(autouse=True)
def no_width(monkeypatch):
    """As in a pipe, whatever the terminal of whoever runs the tests."""
    monkeypatch.delenv("COLUMNS", raising=False)


def listed(capsys, folder, *options):
    """The rows of `mtrain runs --json`."""
    assert run(["runs", str(folder), "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)["runs"]


def names(rows):
    return [row["run"] for row in rows]


def test_runs_of_subfolders_are_listed_by_their_path(folder, capsys):
    """In the order in which they started; a table by its file's name."""
    rows = listed(capsys, folder)

    assert [row["started"] for row in rows] == sorted(row["started"] for row in rows)
    assert {row["run"]: row["data"] for row in rows} == {
        "one": "digits",
        "two": "digits",
        "more/three": "digits",
        "more/four": "rows.csv",
    }


def test_a_run_is_listed_by_its_name_from_within(folder, capsys, monkeypatch):
    """`mtrain runs .` as well as `mtrain runs outputs/one`."""
    assert names(listed(capsys, folder / "one")) == ["one"]
    monkeypatch.chdir(folder / "one")
    assert names(listed(capsys, Path())) == ["one"]


def test_what_is_within_a_run_is_no_other_run(folder, tmp_path, capsys):
    """A copy of a run in a run, and hidden folders, are passed over."""
    out = Path(shutil.copytree(folder / "one", tmp_path / "runs" / "one"))
    shutil.copytree(folder / "two", out / "backup")
    shutil.copytree(folder / "two", tmp_path / "runs" / ".trash")

    assert names(listed(capsys, tmp_path / "runs")) == ["one"]


def test_the_json_has_what_the_table_has_and_every_setting(folder, capsys):
    row = next(row for row in listed(capsys, folder) if row["run"] == "two")
    history = json.loads((folder / "two" / "history.json").read_text())
    losses = history["history"]["val_loss"]
    best = losses.index(min(losses))
    tp, fp, fn = (history["counts"]["val"][key][best] for key in ("tp", "fp", "fn"))
    f1 = [2 * a / (2 * a + b + c) for a, b, c in zip(tp, fp, fn, strict=True)]

    assert set(row) == {
        *("run", "data", "hidden", "epochs", "epochs_wanted", "best", "worst_class", "state"),
        *("started", "settings"),
    }
    assert (row["hidden"], row["epochs"], row["epochs_wanted"]) == ("8", 3, 3)
    assert row["best"] == {"monitor": "val_loss", "value": losses[best]}
    assert row["worst_class"]["split"] == "val"
    assert row["worst_class"]["name"] == history["classes"][f1.index(min(f1))]
    assert row["worst_class"]["f1-score"] == pytest.approx(min(f1), rel=1e-12)
    assert row["state"] == "finished"
    assert row["started"] == history["segments"][0]["started"]
    assert row["settings"]["optimizer.learning_rate"] == 0.01
    assert row["settings"]["seed"] == 0


def test_the_json_says_of_which_folder_it_is(folder, capsys):
    assert run(["runs", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)

    assert list(found) == ["schema", "folder", "runs"]
    assert (found["schema"], found["folder"]) == (1, str(folder))


def test_settings_that_differ_are_columns(folder, tmp_path, capsys):
    """The learning rate and the seed; those in which all are alike are not."""
    for name in ("one", "two", "more/three"):
        shutil.copytree(folder / name, tmp_path / "runs" / name)
    assert run(["runs", str(tmp_path / "runs")]) == 0
    heading, *rows = capsys.readouterr().out.splitlines()

    assert heading.split()[:5] == ["run", "data", "hidden", "seed", "learning_rate"]
    assert "batch_size" not in heading
    cells = {row.split()[0]: row.split()[:5] for row in rows}
    assert cells["one"] == ["one", "digits", "8", "0", "0.00025"]
    assert cells["two"] == ["two", "digits", "8", "0", "0.01"]
    assert cells["more/three"] == ["more/three", "digits", "8", "43052", "0.001"]


def test_of_runs_that_are_alike_no_setting_is_a_column(folder, tmp_path, capsys):
    for name in ("a", "b"):
        shutil.copytree(folder / "one", tmp_path / name)
    assert run(["runs", str(tmp_path)]) == 0
    heading = capsys.readouterr().out.splitlines()[0]

    assert heading.split() == [
        *("run", "data", "hidden", "epochs", "best", "worst", "F1", "state", "started")
    ]


@pytest.mark.parametrize("columns", [60, 80])
def test_numbers_are_never_cut(folder, capsys, monkeypatch, columns):
    """Where all does not fit, names continue in the next line."""
    monkeypatch.setenv("COLUMNS", str(columns))
    assert run(["runs", str(folder)]) == 0
    text = capsys.readouterr().out
    words = set(text.split())

    assert "…" not in text
    for row in listed(capsys, folder):
        assert f"{row['epochs']}/{row['epochs_wanted']}" in words
        assert f"{row['best']['value']:z.4g}" in words
        assert f"{row['worst_class']['f1-score']:z.3f}" in words


@pytest.mark.parametrize(
    "sort",
    [
        *("run", "data", "epochs", "state", "started", "best", "worst"),
        *("learning_rate", "optimizer.learning_rate", "seed"),
    ],
)
def test_runs_are_sorted_by_any_column(folder, tmp_path, capsys, sort):
    """The best first by `best` and `worst`; by all others the least."""
    for name in ("one", "two", "more/three"):
        shutil.copytree(folder / name, tmp_path / "runs" / name)
    rows = listed(capsys, tmp_path / "runs", "--sort", sort)
    values = {
        "best": lambda row: row["best"]["value"],  # a loss
        "worst": lambda row: -row["worst_class"]["f1-score"],
        "learning_rate": lambda row: row["settings"]["optimizer.learning_rate"],
        "optimizer.learning_rate": lambda row: row["settings"]["optimizer.learning_rate"],
        "seed": lambda row: row["settings"]["seed"],
    }
    value = values.get(sort, lambda row: row[sort])

    assert [value(row) for row in rows] == sorted(value(row) for row in rows)
    assert len(rows) == 3


def test_a_column_that_is_not_there_is_refused_with_those_that_are(folder, tmp_path, capsys):
    """A setting in which no two runs differ is none of them."""
    for name in ("one", "two"):
        shutil.copytree(folder / name, tmp_path / name)
    for sort in ("loss", "training.batch_size"):
        assert run(["runs", str(tmp_path), "--sort", sort]) == 2
        assert capsys.readouterr().err == (
            f"mtrain: --sort: no column '{sort}'; choose one of started, run, data, epochs, best, "
            "worst, state, learning_rate\n"
        )


def test_a_folder_without_runs_is_said(tmp_path, capsys):
    assert run(["runs", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"no run is in {tmp_path}\n")
    assert run(["runs", str(tmp_path / "nope")]) == 1
    assert capsys.readouterr().err == f"mtrain: {tmp_path / 'nope'}: no such folder\n"


def test_a_run_that_cannot_be_read_hides_no_other(folder, tmp_path, capsys):
    for name in ("one", "two"):
        shutil.copytree(folder / name, tmp_path / name)
    (tmp_path / "two" / "history.json").write_text("{")

    assert run(["runs", str(tmp_path), "--json"]) == 0
    out, err = capsys.readouterr()
    assert names(json.loads(out)["runs"]) == ["one"]
    assert err.startswith(f"{tmp_path}/two/history.json: not JSON as mtrain writes it")


def test_whoever_wants_a_lock_that_is_looked_at_gets_it(tmp_path):
    """Looking takes a shared lock for an instant, for which a training that starts waits."""
    with locked(tmp_path):
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)
    looking = os.open(tmp_path / LOCK, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH | fcntl.LOCK_NB)
    assert not is_locked(tmp_path)  # two may look at once
    done = threading.Timer(0.1, os.close, [looking])
    done.start()
    with locked(tmp_path):
        assert (tmp_path / WRITER).is_file()
    done.join(timeout=10)


def test_looking_writes_nothing(folder, tmp_path, capsys):
    """Not even where there is no lock file."""
    out = Path(shutil.copytree(folder / "one", tmp_path / "one"))
    (out / LOCK).unlink(missing_ok=True)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert listed(capsys, tmp_path)[0]["state"] == "finished"

    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux' capabilities")
@pytest.mark.parametrize("writable", [True, False])
def test_a_run_in_training_is_running_wherever_it_is(folder, tmp_path, writable):
    """In a folder of somebody else's as well, which one may only read."""
    out = Path(shutil.copytree(folder / "one", tmp_path / "runs" / "one"))
    command = [sys.executable, "-c", HOLD, str(out)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as training:
        assert training.stdout.readline() == "held\n"
        for path in (out, *out.rglob("*")):
            path.chmod((0o755 if path.is_dir() else 0o644) & (0o777 if writable else 0o555))
        done = subprocess.run(
            [COMMAND, "runs", str(tmp_path / "runs"), "--json"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            preexec_fn=without_roots_rights,
        )
        for path in (out, *out.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        training.stdin.close()
        assert training.wait(timeout=60) == 0

    assert (done.returncode, done.stderr) == (0, "")
    assert [row["state"] for row in json.loads(done.stdout)["runs"]] == ["running"]


def test_a_killed_run_is_called_that(folder, tmp_path, capsys):
    """Its lock was given back by the system, and its history does not say how it ended."""
    out = Path(shutil.copytree(folder / "two", tmp_path / "one"))
    history = json.loads((out / "history.json").read_text())
    history["segments"][-1]["ended"] = None
    (out / "history.json").write_text(json.dumps(history))
    assert listed(capsys, tmp_path)[0]["state"] == "finished, not reported"

    config = (out / "config.yaml").read_text()
    (out / "config.yaml").write_text(config.replace("epochs: 3", "epochs: 30"))
    assert listed(capsys, tmp_path)[0]["state"] == "killed"


def test_the_command_needs_neither_tensorflow_nor_the_data(folder, tmp_path):
    shutil.copytree(folder / "more" / "four", tmp_path / "four")
    code = (
        f"import sys; from mtrain.cli.main import run; status = run(['runs', {str(tmp_path)!r}]);"
        "assert not {'tensorflow', 'sklearn', 'matplotlib'} & set(sys.modules); sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "rows.csv" in done.stdout


def test_a_run_of_the_command_line_is_listed(tmp_path, capsys, monkeypatch):
    """Where `fit` puts it, `runs` looks."""
    monkeypatch.chdir(tmp_path)
    settings = ["training.epochs=1", "training.compile=graph", "--quiet"]
    assert run(["fit", str(CONFIGS / "smoke.yaml"), *settings]) == 0
    capsys.readouterr()

    assert run(["runs"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["smoke", "digits", "30"]


def run_with(name, dataset="digits", **settings):
    """Of a run with these settings and nothing else."""
    return RunOutcome(
        name=name,
        started="",
        dataset=dataset,
        network="8",
        epochs=1,
        epochs_wanted=1,
        best=None,
        higher_is_better=False,
        worst_class=None,
        state="finished",
        settings={key.replace("__", "."): value for key, value in settings.items()},
    )


@pytest.mark.parametrize(
    ("first", "second", "differing"),
    [
        (
            {"optimizer__learning_rate": 0.1},
            {"optimizer__learning_rate.name": "CosineDecay"},
            ["optimizer.learning_rate", "optimizer.learning_rate.name"],
        ),
        (
            {"training__early_stopping": None},
            {"training__early_stopping.patience": 3},
            ["training.early_stopping.patience"],
        ),
        ({"dataset__path": "/a/x.csv"}, {"dataset__path": "/b/x.csv"}, ["dataset.path"]),
        ({"seed": 1}, {"seed": 1}, []),
    ],
)
def test_runs_that_differ_do_not_look_the_same(first, second, differing):
    """A number beside a section, nothing beside one, two files of one name."""
    runs = [
        run_with(name, dataset__name="csv", **s)
        for name, s in zip("ab", (first, second), strict=True)
    ]

    assert differing_settings(runs) == differing


def test_splits_are_columns_whatever_the_data():
    """A run without validation lacks its size."""
    runs = [
        run_with("one", dataset__name="digits", dataset__validation=None),
        run_with("two", dataset__name="digits", **{"dataset__validation.size": 0.3}),
        run_with("three", "a.csv", dataset__name="csv", **{"dataset__validation.size": 0.2}),
    ]

    assert differing_settings(runs) == ["dataset.validation.size"]
    folds = [
        run_with("one", dataset__name="digits", dataset__fold="1/2"),
        run_with(
            "two", "a.csv", dataset__name="csv", dataset__fold="2/2", dataset__groups="patient"
        ),
    ]
    assert differing_settings(folds) == ["dataset.fold"]


@pytest.mark.parametrize(("others", "differing"), [("a.csv", ["dataset.classes"]), ("b.csv", [])])
def test_classes_are_a_column_for_runs_of_the_same_data(others, differing):
    """Other data have other classes: that tells nothing of a run."""
    runs = [
        run_with("one", "a.csv", dataset__name="csv", dataset__classes=["no", "yes"]),
        run_with("two", others, dataset__name="csv", dataset__classes=["yes", "no"]),
    ]

    assert differing_settings(runs) == differing


def test_runs_are_sorted_by_a_setting_as_it_is_headed(tmp_path, capsys):
    """A wanted recall is no recall: that is refused."""
    for name, wanted in (("one", 0.75), ("two", 0.5)):
        settings = {"training.epochs": 1, "model.hidden": 8, "training.compile": "graph"}
        data = {"name": "csv", "path": str(table(tmp_path / "rows.csv")), "target": "y"}
        threshold = {"evaluation.threshold": {"recall": wanted}}
        mtrain.fit({"dataset": data}, out=tmp_path / name, report=False, **settings, **threshold)

    assert names(listed(capsys, tmp_path, "--sort", "threshold.recall")) == ["two", "one"]
    assert run(["runs", str(tmp_path), "--sort", "recall"]) == 2
    assert run(["runs", str(tmp_path)]) == 0
    assert "threshold.recall" in capsys.readouterr().out.splitlines()[0].split()
