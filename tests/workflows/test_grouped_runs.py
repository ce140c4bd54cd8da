"""Runs of data whose rows belong together, from the config to the files of an evaluation."""

from __future__ import annotations

import json

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from mtrain.cli.main import run
from mtrain.run.evaluation import read_evaluation
from mtrain.run.json_schemas import file_schemas

PATIENTS = 30


def visits(path, seed, first=0):
    """Four visits of each patient; each has the label of its patient."""
    generator = np.random.default_rng(seed)
    patients = np.repeat(np.arange(first, first + PATIENTS), 4)
    sick = patients % 2
    x = sick + generator.normal(0, 0.4, PATIENTS)[patients - first]
    lines = [
        f"{value:.3f},{'yes' if ill else 'no'},p{patient},2024-01-{1 + 7 * k % 28:02}"
        for k, (value, ill, patient) in enumerate(zip(x, sick, patients, strict=True))
    ]
    path.write_text("\n".join(["x,sick,patient,date", *lines]))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the data, and a run of them."""
    folder = tmp_path_factory.mktemp("visits")
    visits(folder / "visits.csv", 0)
    dataset = {"name": "csv", "path": "visits.csv", "target": "sick", "groups": "patient"}
    config = {
        "dataset": {**dataset, "exclude": ["date"]},
        "model": {"hidden": 4},
        "optimizer": {"name": "adam", "learning_rate": 0.1},
        "training": {"epochs": 3},
        "gates": ["accuracy >= 0.1"],
    }
    (folder / "c.yaml").write_text(json.dumps(config))
    assert run(["fit", str(folder / "c.yaml"), "--out", str(folder / "run"), "--quiet"]) == 0
    return folder


def test_an_evaluation_keeps_the_groups_of_its_rows(folder):
    """In numbers; `metrics.json` has how many there are."""
    place = folder / "run" / "evaluation" / "test"
    metrics = json.loads((place / "metrics.json").read_text())
    kept = np.load(place / "predictions.npz")

    Draft202012Validator(file_schemas()["metrics.json"]).validate(metrics)
    assert kept["groups"].shape == kept["y_true"].shape == (metrics["n"],)
    assert metrics["groups"] == len(np.unique(kept["groups"])) == 6
    assert (np.bincount(kept["groups"])[np.unique(kept["groups"])] == 4).all()
    report = read_evaluation(place)
    assert np.array_equal(report.predictions.groups, kept["groups"])


def test_the_console_says_how_many_groups_there_are(folder, capsys):
    """Of the run's own test split, and of other data, whose groups are counted as well."""
    assert run(["evaluate", str(folder / "run")]) == 0
    assert "test split, 24 rows of 6 groups, with 95 % intervals" in capsys.readouterr().out
    other = visits(folder / "other.csv", 1, first=100)
    assert run(["evaluate", str(folder / "run"), "--data", str(other)]) == 0
    assert "test split, 120 rows of 30 groups" in capsys.readouterr().out


def test_other_data_need_groups(folder, capsys):
    """A table without the column is refused, with the name."""
    bare = folder / "bare.csv"
    bare.write_text("x,sick\n1,yes\n0,no\n")

    assert run(["evaluate", str(folder / "run"), "--data", str(bare)]) == 1
    assert capsys.readouterr().err == (
        f"mtrain: {bare}: no column 'patient'; choose one of x, sick\n"
    )


def test_prediction_needs_no_groups(folder, capsys):
    """Rows to predict are not split."""
    new = folder / "new.csv"
    new.write_text("x\n1.0\n0.0\n")

    assert run(["predict", str(folder / "run"), str(new)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_folds_test_every_patient_once(folder, capsys):
    """By the command line, as a sweep sets them; later ones by time."""
    tested = []
    for fold in ("1/3", "2/3", "3/3"):
        out = folder / f"fold-{fold[0]}"
        arguments = ["fit", str(folder / "c.yaml"), f"dataset.fold={fold}", "training.epochs=1"]
        status = run([*arguments, "gates=[]", "--out", str(out), "--quiet"])
        assert status == 0, capsys.readouterr().err
        tested.append(np.load(out / "evaluation" / "test" / "predictions.npz")["groups"])
        assert f"\n  fold: {fold}\n" in (out / "config.yaml").read_text()

    assert sorted(np.concatenate([np.unique(groups) for groups in tested])) == list(range(PATIENTS))


@pytest.mark.parametrize("settings", [
    ["dataset.test={how: time}", "dataset.validation={how: time}", "dataset.exclude=[]"],
    ["dataset.fold=2/4", "dataset.groups=null", "dataset.exclude=[patient]"],
])  # fmt: skip
def test_a_split_by_time_is_drawn_again(folder, tmp_path, capsys, settings):
    """An evaluation takes the same rows; of other data it needs no times."""
    arguments = ["fit", str(folder / "c.yaml"), "dataset.time=date", *settings]
    lines = (folder / "visits.csv").read_text().splitlines()
    ordered = [line.rsplit(",", 1)[0] + f",{k // 4}" for k, line in enumerate(lines[1:])]
    (tmp_path / "visits.csv").write_text("\n".join([lines[0], *ordered]))
    where = [f"dataset.path={tmp_path / 'visits.csv'}", "training.epochs=1", "gates=[]"]
    assert run([*arguments, *where, "--out", str(tmp_path / "run"), "--quiet"]) == 0, capsys.readouterr().err  # fmt: skip
    place = tmp_path / "run" / "evaluation" / "test" / "predictions.npz"
    rows = np.load(place)["rows"]

    assert run(["evaluate", str(tmp_path / "run")]) == 0
    assert np.array_equal(np.load(place)["rows"], rows)
    assert (np.diff(rows) == 1).all()
    timeless = tmp_path / "other.csv"
    timeless.write_text("\n".join(line.rsplit(",", 1)[0] for line in lines))
    assert run(["evaluate", str(tmp_path / "run"), "--data", str(timeless)]) == 0
