"""`mtrain check --suspects`: what the lists of suspects are worth on data with flipped labels."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from checked_tables import numbers, plain, two_classes
from conftest import CONFIGS, ROOT
from jsonschema import Draft202012Validator
from sklearn.datasets import load_digits

import mtrain
from mtrain.cli.main import run
from mtrain.config.loading.load import load_config
from mtrain.data.flips import flip_labels
from mtrain.data.load import load_dataset
from mtrain.engine.trainer import Trainer

QUICK = {"hidden": 30}
TRAINING = {"epochs": 6, "batch_size": 16}


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """An empty folder for temporary files, in which nothing may be left; and so where it is called."""
    folder, here = tmp_path / "temporary", tmp_path / "here"
    folder.mkdir()
    here.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.chdir(here)
    yield folder
    assert list(folder.iterdir()) == []
    assert list(here.iterdir()) == []


def write_digits(path, labels=None, features=None):
    """Digits as three splits; `labels` by split, and `features`, take the place of their own."""
    images, target = load_digits(return_X_y=True)
    features = images if features is None else features
    splits = {"train": slice(900), "val": slice(900, 1200), "test": slice(1200, None)}
    arrays = {f"x_{name}": features[rows].astype(np.float32) for name, rows in splits.items()}
    arrays |= {f"y_{name}": target[rows] for name, rows in splits.items()}
    arrays |= {f"y_{name}": one for name, one in (labels or {}).items()}
    np.savez(path, **arrays)


def write_config(folder, data, **settings):
    settings = {
        "seed": 5,
        "dataset": {"name": "npz", "path": str(data)},
        "model": QUICK,
        "training": TRAINING,
    } | settings
    path = folder / f"{data.stem}.yaml"
    path.write_text(json.dumps(settings))
    return path


def listed(path):
    with path.open(newline="") as file:
        return np.array([int(line["row"]) for line in csv.DictReader(file)])


def test_the_figures_are_those_of_a_fit_on_the_flipped_labels(tmp_path, capsys):
    """The lists of an ordinary run on a file with these labels, recounted."""
    write_digits(tmp_path / "clean.npz")
    config = write_config(tmp_path, tmp_path / "clean.npz")
    arguments = ["check", str(config), "--suspects", "--flip", "0.1", "--json"]
    assert run(arguments) == 0
    first = capsys.readouterr().out
    assert run(arguments) == 0
    assert capsys.readouterr().out == first  # whatever the time, and the name of the folder
    document = json.loads(first)
    schema = json.loads((ROOT / "docs" / "schemas" / "check.schema.json").read_text())
    Draft202012Validator(schema).validate(document)

    settings = load_config(config, {})
    clean = load_dataset(settings.dataset, memory=10**9, progress=False)
    flipped = flip_labels(clean, 0.1, settings.seed)
    write_digits(
        tmp_path / "flipped.npz", {name: rows.labels for name, rows in flipped.splits.items()}
    )
    out = tmp_path / "run"
    by_hand = write_config(tmp_path, tmp_path / "flipped.npz")
    assert run(["fit", str(by_hand), "--out", str(out), "--quiet"]) == 0

    trial = document["suspects"]
    assert trial["share"] == 0.1
    assert trial["problem"] is None
    lists = {"train": out / "suspects.csv", "test": out / "evaluation" / "test" / "suspects.csv"}
    assert [one["split"] for one in trial["lists"]] == list(lists)
    for one in trial["lists"]:
        was, now = clean.splits[one["split"]].labels, flipped.splits[one["split"]].labels
        hits = (was != now)[listed(lists[one["split"]])]
        assert one["rows"] == len(was)
        assert one["flipped"] == (was != now).sum() == round(0.1 * len(was))
        assert one["share"] == one["flipped"] / one["rows"]
        assert one["unseen"] == 0
        assert one["named"] == len(hits)
        assert one["found"] == hits.sum()
        assert one["precision"] == hits.mean()
        assert one["recall"] == hits.sum() / (was != now).sum()
        right = [n for n in range(1, len(hits) + 1) if hits[:n].mean() >= 0.5]
        assert one["half_right"] == max(right, default=0)
        assert one["precision"] > 0.5  # ten times what a list at random would have
        assert one["recall"] > 0.4


def test_what_is_printed(tmp_path, capsys):
    """The summary first, then each list; the training on stderr."""
    write_digits(tmp_path / "clean.npz")
    config = write_config(tmp_path, tmp_path / "clean.npz")
    assert run(["check", str(config)]) == 0
    alone = capsys.readouterr()
    assert run(["check", str(config), "--suspects"]) == 0
    out, err = capsys.readouterr()

    assert alone.err == ""
    assert out.startswith(alone.out)
    lines = out.removeprefix(alone.out).splitlines()
    assert lines[0] == "suspects: labels of each split were flipped, with 95 % intervals:"
    assert lines[1].startswith("training (suspects.csv): 45 of 900 labels (5 %) flipped; ")
    assert "  precision 0." in lines[2]
    assert ", recall 0." in lines[2]
    assert lines[3].startswith("  at least half of the first ")
    assert lines[4].startswith(
        "test (evaluation/test/suspects.csv): 30 of 597 labels (5.03 %) flipped; "
    )
    assert "so precision is a lower bound" in lines[-1]
    assert "so recall is rather an upper bound" in lines[-1]
    assert (
        "a training with 5 % of the labels of each split flipped, at least one, which is not kept"
        in err
    )
    assert "epoch 6/6" in err


def test_a_network_that_learned_nothing_is_named(tmp_path, capsys):
    """All rows are alike, so one class is predicted for all. Of each split at least one label is flipped, which is another share."""
    write_digits(tmp_path / "clean.npz", features=np.zeros((1797, 64)))
    config = write_config(tmp_path, tmp_path / "clean.npz", training={"epochs": 1})
    still = ["--suspects", "--flip", "0.0001"]
    assert run(["check", str(config), *still]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert "training (suspects.csv): 1 of 900 labels (0.111 %) flipped; " in "\n".join(lines)
    assert lines[-2].startswith("Accuracy is ")
    assert lines[-2].endswith(
        "' on the test split: the network has learned nothing, so precision and recall mean nothing"
    )
    assert run(["check", str(config), *still, "--json"]) == 0
    trial = json.loads(capsys.readouterr().out)["suspects"]
    assert trial["share"] == 0.0001
    assert [one["share"] for one in trial["lists"]] == [1 / 900, 1 / 597]
    assert lines[-2].startswith(trial["problem"])


def test_from_python_it_is_a_part_of_the_inspection(capsys):
    """None if it is not asked for; the share is that of the command."""
    config, settings = CONFIGS / "smoke.yaml", {"training": {"epochs": 2}}
    assert mtrain.check(config, **settings).suspects is None
    trial = mtrain.check(config, suspects=True, flip=0.2, progress=False, **settings).suspects

    assert trial.share == 0.2
    assert [(one.split, one.rows, one.flipped) for one in trial.lists] == [
        ("train", 500, 100),
        ("test", 359, 72),
    ]
    assert capsys.readouterr() == ("", "")
    with pytest.raises(
        mtrain.UsageError, match=r"^flip: must be above 0 and below 0\.5, got 0\.5$"
    ):
        mtrain.check(config, suspects=True, flip=0.5)


def test_a_table_with_weights_groups_and_two_classes(tmp_path, capsys):
    """Gates, trackers and missing diagnostics do not matter, nor a threshold or balanced classes."""
    rows = [[a, b, k % 3, k // 4, y] for k, (a, b, y) in enumerate(two_classes(400))]
    (tmp_path / "data.csv").write_text(plain(rows, "a,b,w,p,y"))
    config = write_config(
        tmp_path,
        tmp_path / "data.csv",
        dataset={"name": "csv", "path": "data.csv", "target": "y", "weights": "w", "groups": "p"},
        training={"epochs": 2, "class_weight": "balanced"},
        evaluation={"threshold": "f1", "predictions": False},
        diagnostics=[],
        gates=["accuracy >= 0.999"],
        tracking={"tensorboard": True},
    )
    assert run(["check", str(config), "--suspects", "--strict", "--json"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["warnings"] == []
    for one in document["suspects"]["lists"]:
        assert one["rows"] == sum(document["rows"][one["split"]])
        assert one["flipped"] == round(0.05 * one["rows"])
        assert 0 < one["named"] < one["rows"]


def test_rows_that_were_never_learned_from_cannot_be_named(tmp_path, capsys):
    """Three batches of four of 900 rows, always the first ones."""
    write_digits(tmp_path / "clean.npz")
    training = {"epochs": 2, "batch_size": 4, "steps_per_epoch": 3, "shuffle": False}
    config = write_config(tmp_path, tmp_path / "clean.npz", training=training)
    assert run(["check", str(config), "--suspects", "--json"]) == 0
    one = json.loads(capsys.readouterr().out)["suspects"]["lists"][0]

    clean = load_dataset(load_config(config, {}).dataset, memory=10**9, progress=False)
    is_flipped = flip_labels(clean, 0.05, seed=5).train.labels != clean.train.labels
    assert one["unseen"] == is_flipped[12:].sum() > 40
    assert one["found"] <= is_flipped[:12].sum()

    assert run(["check", str(config), "--suspects"]) == 0
    said = (
        f"  {one['unseen']} of the flipped rows were never learned from (training.steps_per_epoch)"
    )
    assert said in capsys.readouterr().out


def test_a_training_that_diverges_has_its_status(capsys):
    """No checkpoint is named, as none is left."""
    diverging = ["optimizer={name: sgd, learning_rate: 1e30}", "training.epochs=2"]
    arguments = ["check", str(CONFIGS / "smoke.yaml"), *diverging, "--suspects"]

    assert run(arguments) == 4
    out, err = capsys.readouterr()
    assert "suspects" not in out
    assert err.splitlines()[-1].endswith("a smaller one or optimizer.clipnorm may help")
    assert run([*arguments, "--json"]) == 4
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_it_at_once(number):
    """The folder is removed; the process ends as by the signal."""
    code = (
        "import os, sys, tempfile; from mtrain.cli.main import main;"
        "from mtrain.engine.trainer import Trainer; chunk = Trainer._run_chunk\n"
        "def stop(self):\n"
        "    chunk(self); assert os.listdir(tempfile.gettempdir());"
        f"    os.kill(os.getpid(), {number.value})\n"
        f"Trainer._run_chunk = stop; tempfile.tempdir = {tempfile.gettempdir()!r}\n"
        f"sys.argv[1:] = ['check', {str(CONFIGS / 'smoke.yaml')!r}, '--suspects']; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode in {-number, 128 + number}, done.stderr
    assert done.stderr.splitlines()[-1] == "Training ended: stopped at once."
    assert "suspects:" not in done.stdout


def test_ctrl_c_in_a_program_is_one(monkeypatch):
    """It may be caught, and the handler is that of before."""
    chunk = Trainer._run_chunk

    def stop(self):
        chunk(self)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Trainer, "_run_chunk", stop)
    with pytest.raises(KeyboardInterrupt):
        mtrain.check(CONFIGS / "smoke.yaml", suspects=True, progress=False)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("as_json", [False, True])
def test_nothing_is_trained_if_a_warning_is_an_error(tmp_path, capsys, as_json):
    """All warnings are in the document; allowed ones let it train."""
    rows = [[a, 1, "z" if k < 3 else y] for k, (a, _, y) in enumerate(two_classes())]
    (tmp_path / "data.csv").write_text(plain(rows))
    config = write_config(
        tmp_path,
        tmp_path / "data.csv",
        dataset={"name": "csv", "path": "data.csv", "target": "y", "test": {"how": "tail"}},
        training={"epochs": 1},
    )
    arguments = ["check", str(config), "--suspects", "--strict", *(["--json"] if as_json else [])]
    allowed = ["--allow", "constant-column", "--allow", "rare-class"]

    assert run([*arguments, *allowed]) == 1
    out, err = capsys.readouterr()
    assert "[absent-class]" in err
    assert "epoch" not in err
    if as_json:
        document = json.loads(out)
        assert document["suspects"] is None
        kinds = {warning["kind"] for warning in document["warnings"]}
        assert kinds == {"constant-column", "rare-class", "absent-class"}
    else:
        assert "suspects" not in out
    assert run([*arguments, *allowed, "--allow", "absent-class"]) == 0
    assert "suspects" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--flip", "0.1"], "--flip: needs --suspects"),
        (["--suspects", "--flip", "0.5"], "--flip: must be above 0 and below 0.5, got 0.5"),
        (["--suspects", "--flip", "nan"], "--flip: must be above 0 and below 0.5, got nan"),
    ],
)
def test_shares_that_are_refused(capsys, arguments, said):
    """Before the config is read."""
    assert run(["check", "nowhere.yaml", *arguments]) == 2
    assert capsys.readouterr().err == f"mtrain: {said}\n"


def test_data_that_cannot_be_flipped_are_refused(tmp_path, capsys):
    """In one line; two rows to train on are left with one class."""
    (tmp_path / "data.csv").write_text(plain([[1, 2, "x"], [3, 1, "y"], [2, 2, "x"]]))
    apart = {"size": 1, "how": "tail"}
    config = write_config(
        tmp_path,
        tmp_path / "data.csv",
        dataset={
            "name": "csv",
            "path": "data.csv",
            "target": "y",
            "validation": None,
            "test": apart,
        },
    )
    assert run(["check", str(config), "--suspects"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"mtrain: --suspects: {tmp_path / 'data.csv'}: 2 training rows are too few: flipped, all are of "
        "one class"
    )


def test_custom_code_is_imported_as_by_fit(tmp_path, capsys):
    """Beside the config; `check` alone imports nothing."""
    (tmp_path / "data.csv").write_text(
        plain([[*row, "xyz"[k % 3]] for k, row in enumerate(numbers(90, 2))])
    )
    (tmp_path / "widths.py").write_text(
        "import keras\n"
        "def network(n_features, n_classes):\n"
        "    output = keras.layers.Dense(n_classes, 'softmax')\n"
        "    return keras.Sequential([keras.Input((n_features,)), output])\n"
    )
    config = write_config(
        tmp_path,
        tmp_path / "data.csv",
        dataset={"name": "csv", "path": "data.csv", "target": "y"},
        model="widths:network",
        training={"epochs": 1},
    )
    assert run(["check", str(config)]) == 0
    assert "widths" not in sys.modules
    assert run(["check", str(config), "--suspects"]) == 0
    out, err = capsys.readouterr()
    assert "Custom code: widths:network." in err
    assert "training (suspects.csv): " in out


def test_checking_alone_loads_no_tensorflow():
    """Nor anything else of a training."""
    code = (
        f"import sys; from mtrain.cli.main import run; status = run(['check', {str(CONFIGS / 'smoke.yaml')!r}, '--json']);"
        "assert not {'tensorflow', 'keras', 'mtrain.workflows.fit'} & set(sys.modules); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["suspects"] is None
