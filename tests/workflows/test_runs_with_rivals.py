"""Networks of tables with their rivals, from `fit` to gates, and `check --rivals` before any."""

from __future__ import annotations

import csv
import json
import shutil
import time

import numpy as np
import pytest
from command_line import said
from sklearn.datasets import load_wine
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score

import mtrain
from mtrain.cli.main import run as command
from mtrain.config.loading.load import load_config
from mtrain.run.rivals import read_rivals
from mtrain.workflows.fit import fit

pytestmark = pytest.mark.rivals


def write_table(path, numbers, labels):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"x{k}" for k in range(numbers.shape[1])), "label"])
        writer.writerows([*row, label] for row, label in zip(numbers.tolist(), labels, strict=True))


@pytest.fixture(scope="module")
def wine(tmp_path_factory):
    """A config of a table, in the folder of the table."""
    folder = tmp_path_factory.mktemp("wine")
    numbers, labels = load_wine(return_X_y=True)
    write_table(folder / "wine.csv", numbers, [f"kind {k}" for k in labels])
    config = folder / "wine.yaml"
    config.write_text(
        json.dumps(
            {
                "dataset": {"name": "csv", "path": "wine.csv", "target": "label"},
                "model": {"hidden": 8},
                "training": {"epochs": 2},
            }
        )
    )
    return config


@pytest.fixture(scope="module")
def fitted(wine):
    """A finished run, which no test changes."""
    return mtrain.fit(wine, out=wine.parent / "run", progress=False)


def arrays_of(path):
    with np.load(path) as file:
        return dict(file)


def metrics_of(run):
    return json.loads((run / "evaluation/test/metrics.json").read_text())


def test_a_table_has_rivals_on_its_very_rows(wine, fitted):
    """They stand in the report, in `metrics.json` and on the page, and are scikit-learn's."""
    report = fitted.report
    assert [one.name for one in report.rivals] == ["logistic", "boosting"]
    numbers, labels = load_wine(return_X_y=True)
    rows = arrays_of(fitted.path / "evaluation/test/predictions.npz")["rows"]
    val = arrays_of(fitted.path / "rivals/val.npz")["rows"]
    train = np.setdiff1d(np.arange(len(labels)), np.concatenate([rows, val]))
    mean, deviation = numbers[train].mean(axis=0), numbers[train].std(axis=0)
    inputs = ((numbers - mean) / deviation).astype(np.float32)
    for rival, model in zip(
        report.rivals,
        (LogisticRegression(max_iter=1000), HistGradientBoostingClassifier(random_state=0)),
        strict=True,
    ):
        predicted = model.fit(inputs[train], labels[train]).predict(inputs[rows])
        assert rival.accuracy.second == accuracy_score(labels[rows], predicted)
        assert rival.accuracy.first == report.accuracy
    written = metrics_of(fitted.path)["rivals"]
    assert written[1]["accuracy"]["second"] == report.rivals[1].accuracy.second
    assert "Beside simpler models" in (fitted.path / "report.html").read_text()
    card = wine.parent / "card.md"
    assert command(["report", str(fitted.path), "--out", str(card)]) == 0
    assert "| gradient boosting |" in card.read_text()


def test_an_evaluation_made_again_has_the_same_rivals(fitted, tmp_path):
    """On validation as well; with other data and on training rows there are none."""
    again = mtrain.evaluate(fitted.path, out=tmp_path / "again")
    assert again.rivals == fitted.report.rivals
    val = mtrain.evaluate(fitted.path, split="val", out=tmp_path / "val")
    assert [one.problem for one in val.rivals] == [None, None]
    train = mtrain.evaluate(fitted.path, split="train", out=tmp_path / "train")
    assert train.rivals is None
    numbers, labels = load_wine(return_X_y=True)
    write_table(tmp_path / "other.csv", numbers[:90], [f"kind {k}" for k in labels[:90]])
    other = mtrain.evaluate(fitted.path, data=tmp_path / "other.csv", out=tmp_path / "other")
    assert other.rivals is None


def test_a_resumed_run_keeps_its_rivals_and_trains_them_no_more(
    wine, fitted, tmp_path, monkeypatch
):
    run = tmp_path / "run"
    shutil.copytree(fitted.path, run)
    before = {path.name: path.read_bytes() for path in (run / "rivals").iterdir()}
    monkeypatch.setattr("mtrain.rivals.process.start_beside", None)
    more = mtrain.resume(run, progress=False, training={"epochs": 3})
    assert {path.name: path.read_bytes() for path in (run / "rivals").iterdir()} == before
    assert [one.accuracy.second for one in more.report.rivals] == [
        one.accuracy.second for one in fitted.report.rivals
    ]


def test_rivals_of_other_rows_or_damaged_ones_are_trained_again(fitted, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(fitted.path, run)
    whole = (run / "rivals/test.npz").read_bytes()
    (run / "rivals/rivals.json").write_text("{}")
    mtrain.resume(run, progress=False, training={"epochs": 3})
    assert (run / "rivals/test.npz").read_bytes() == whole
    resumed = mtrain.resume(
        run,
        progress=False,
        allow_differences=True,
        training={"epochs": 4},
        dataset={"samples": 60},
    )
    assert (run / "rivals/test.npz").read_bytes() != whole
    assert [one.problem for one in resumed.report.rivals] == [None, None]


def test_members_of_a_sweep_have_the_rivals_of_the_same_run_alone(wine, tmp_path):
    """Those of equal data are trained once, to the same bits."""
    folder = tmp_path / "sweep"
    arguments = ["optimizer.learning_rate=0.01,0.02", "--folds", "2", "--out", str(folder)]
    assert command(["sweep", str(wine), *arguments, "--quiet"]) == 0
    members = sorted(path.parent for path in folder.glob("*/rivals"))
    assert len(members) == 4
    for setting in ("0.01", "0.02"):
        (pooled,) = folder.glob(f"evaluation/*{setting}*")
        of_folds = [metrics_of(one)["rivals"] for one in members if setting in one.name]
        all_rows = json.loads((pooled / "metrics.json").read_text())
        for place, rival in enumerate(all_rows["rivals"]):
            each = [(rivals[place]["accuracy"]["second"], 89) for rivals in of_folds]
            assert all_rows["n"] == 178
            assert rival["accuracy"]["second"] == pytest.approx(
                sum(accuracy * n for accuracy, n in each) / 178
            )
            assert rival["accuracy"]["first"] == all_rows["accuracy"]
        gate = mtrain.gate(pooled, "accuracy >= boosting - 0.9")
        assert gate.results[0].limit == pytest.approx(
            all_rows["rivals"][1]["accuracy"]["second"] - 0.9
        )
    same = [[(m / "rivals/test.npz").read_bytes() for m in members[k::2]] for k in range(2)]
    assert same[0][0] == same[0][1] != same[1][0] == same[1][1]
    alone = mtrain.fit(members[0] / "config.yaml", out=tmp_path / "alone", progress=False)
    assert metrics_of(members[0]) == metrics_of(alone.path)
    for name in ("test.npz", "val.npz"):
        assert (members[0] / "rivals" / name).read_bytes() == (
            alone.path / "rivals" / name
        ).read_bytes()


def test_a_threshold_that_is_chosen_is_chosen_for_each_rival(tmp_path):
    """By the same rule, on the rival's own predictions of the validation."""
    generator = np.random.default_rng(0)
    labels = generator.random(400) < 0.2
    numbers = generator.normal(size=(400, 3)) + labels[:, None]
    write_table(tmp_path / "rare.csv", numbers, np.where(labels, "yes", "no"))
    fitted = mtrain.fit(
        {
            "name": "rare",
            "dataset": {"name": "csv", "path": str(tmp_path / "rare.csv"), "target": "label"},
            "training": {"epochs": 2},
            "evaluation": {"threshold": {"recall": 0.9}},
        },
        out=tmp_path / "run",
        progress=False,
    )
    rows = arrays_of(tmp_path / "run/rivals/val.npz")
    for rival in fitted.report.rivals:
        scores = rows[rival.name][labels[rows["rows"]], 1]
        assert 0.9 <= (scores > np.float32(rival.threshold)).mean() < 1
    half = mtrain.evaluate(tmp_path / "run", threshold=0.5, out=tmp_path / "half")
    for rival, kept in zip(half.rivals, fitted.report.rivals, strict=True):
        assert rival.threshold == 0.5 != kept.threshold


def test_images_have_rivals_if_they_are_asked_for(tmp_path):
    fitted = mtrain.fit(
        {"name": "d", "dataset": {"name": "digits", "samples": 200}, "training": {"epochs": 1}},
        out=tmp_path / "without",
        progress=False,
    )
    assert fitted.report.rivals is None
    assert not (fitted.path / "rivals").exists()
    fitted = mtrain.fit(
        {
            "name": "d",
            "dataset": {"name": "digits", "samples": 200},
            "training": {"epochs": 1},
            "evaluation": {"rivals": ["logistic"]},
        },
        out=tmp_path / "with",
        progress=False,
    )
    (rival,) = fitted.report.rivals
    assert rival.accuracy.second > 0.85
    assert rival.accuracy.finding == "better"


def test_a_rival_that_fails_ends_nothing_else(wine, tmp_path, capsys):
    """Here for a class of which there are no rows to learn from but one class's."""
    numbers, _ = load_wine(return_X_y=True)
    labels = np.where(np.arange(len(numbers)) < 170, "a", "b")
    write_table(tmp_path / "t.csv", numbers, labels)
    write_table(tmp_path / "test.csv", numbers[160:], labels[160:])
    rows = (tmp_path / "t.csv").read_text().splitlines()
    (tmp_path / "t.csv").write_text("\n".join(rows[:160]) + "\n")
    config = tmp_path / "c.yaml"
    config.write_text(
        "dataset: {name: csv, path: t.csv, test_path: test.csv, target: label, validation: null,"
        " classes: [a, b]}\ntraining: {epochs: 1}\n"
    )
    status, _ = said(capsys, "fit", config, "--out", tmp_path / "run", "--quiet")
    assert status == 0
    logistic, boosting = metrics_of(tmp_path / "run")["rivals"]
    assert logistic["problem"] == "all training rows are of one class"
    assert "accuracy" not in logistic
    assert boosting["name"] == "boosting"


def test_gates_compare_with_a_rival(wine, fitted, tmp_path, capsys):
    """By the difference on the same rows, as with another run."""
    gate = mtrain.gate(fitted.path, "accuracy >= boosting - 0.01", "recall_macro <= logistic")
    failed, passed = gate.results
    boosting = fitted.report.rivals[1].accuracy.second
    assert (failed.outcome, passed.outcome) == ("failed", "passed")
    assert failed.limit == pytest.approx(boosting - 0.01)
    assert failed.reason == f"boosting's is {boosting:.3f}"
    assert failed.p_fail < 0.05
    status, _ = said(
        capsys,
        *("fit", wine, "gates=[accuracy >= boosting]", "--out", tmp_path / "run", "--quiet"),
    )
    assert status == 3


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"gates": ["accuracy >= boosting"], "evaluation": {"rivals": "logistic"}},
            "gates[0]: accuracy >= boosting: boosting is not in evaluation.rivals",
        ),
        (
            {"gates": ["accuracy >= boosting"], "dataset": {"name": "digits"}},
            "gates[0]: accuracy >= boosting: evaluation.rivals is auto, which trains boosting beside"
            " tables alone; list it there",
        ),
        (
            {"gates": ["accuracy >= logistic"], "evaluation": {"predictions": False}},
            "gates[0]: accuracy >= logistic: needs evaluation.predictions, which is false",
        ),
        (
            {"gates": ["accuracy >= bosting"]},
            "gates[0]: unknown limit 'bosting'; did you mean 'boosting'?",
        ),
        (
            {"gates": ["calibration_error <= boosting"]},
            "gates[0]: calibration_error has no boosting; its limit is a number",
        ),
        (
            {"evaluation": {"rivals": ["logistic", "boostin"]}},
            "evaluation.rivals[1]: unknown name 'boostin'; did you mean 'boosting'?",
        ),
        (
            {"evaluation": {"rivals": ["logistic", "LogisticRegression"]}},
            "evaluation.rivals: logistic is listed twice",
        ),
        ({"evaluation": {"rivals": 3}}, "evaluation.rivals: "),
    ],
)
def test_settings_that_cannot_work_are_said_before_anything_is_read(settings, problem, tmp_path):
    config = {"name": "x", "dataset": {"name": "csv", "path": "t.csv", "target": "y"}} | settings
    with pytest.raises(mtrain.MtrainError) as error:
        mtrain.check(config)
    assert problem in str(error.value)


def test_a_rule_about_a_rival_that_there_is_not_is_inconclusive(wine, tmp_path):
    """As in a run that has fewer; one that kept no predictions says so."""
    settings = {"rivals": ["logistic"], "predictions": True}
    mtrain.fit(wine, out=tmp_path / "run", progress=False, evaluation=settings)
    (result,) = mtrain.gate(tmp_path / "run", "accuracy >= gradient_boosting").results
    assert (result.outcome, result.reason) == ("inconclusive", "there is no boosting on these rows")
    mtrain.fit(
        wine, out=tmp_path / "none", progress=False, evaluation=settings | {"predictions": False}
    )
    with pytest.raises(mtrain.MtrainError, match="logistic needs its predictions, which were not"):
        mtrain.gate(tmp_path / "none", "accuracy >= logistic")


def test_a_resumed_run_has_the_rivals_that_its_config_names(fitted, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(fitted.path, run)
    more = mtrain.resume(run, progress=False, training={"epochs": 3}, evaluation={"rivals": None})
    assert more.report.rivals is None
    more = mtrain.resume(
        run, progress=False, training={"epochs": 4}, evaluation={"rivals": "boosting"}
    )
    assert [one.name for one in more.report.rivals] == ["boosting"]


def test_rivals_that_were_cut_are_trained_again(wine, tmp_path, monkeypatch):
    """Not so those that cannot be trained."""
    monkeypatch.setattr("mtrain.rivals.process.LEAST_SECONDS", 0.0)
    monkeypatch.setattr("mtrain.rivals.process.SHARE", 0.0)
    first = mtrain.fit(wine, out=tmp_path / "run", progress=False)
    assert first.report.rivals[0].problem == "not done 0 s after the network was trained"
    monkeypatch.undo()
    again = mtrain.resume(tmp_path / "run", progress=False, training={"epochs": 3})
    assert [one.problem for one in again.report.rivals] == [None, None]


def test_a_run_that_is_stopped_keeps_the_rivals_that_are_done(wine, tmp_path, monkeypatch):
    class Waits(mtrain.Observer):
        def epoch(self, figures, seconds):
            if figures.epoch == 2:  # the observer before has looked whether they are done
                raise KeyboardInterrupt
            time.sleep(5)

    monkeypatch.setattr("mtrain.rivals.process.LOOKING_SECONDS", 0.01)
    with pytest.raises(KeyboardInterrupt):
        fit(load_config(wine, {}), out=tmp_path / "run", observer=Waits())
    assert {path.name for path in (tmp_path / "run/rivals").iterdir()} == {
        *("rivals.json", "test.npz", "val.npz")
    }


def test_members_that_stop_early_within_a_rung_have_rivals(wine, tmp_path):
    folder = tmp_path / "sweep"
    arguments = [
        "optimizer.learning_rate=0.01,0.5",
        "training.early_stopping={patience: 1}",
        *("training.epochs=8", "--halving", "{by: val_loss, keep: 0.5, every: 6}"),
    ]
    assert command(["sweep", str(wine), *arguments, "--out", str(folder), "--quiet"]) == 0
    evaluated = list(folder.glob("learning*/evaluation/test"))
    assert evaluated
    for evaluation in evaluated:
        rivals = metrics_of(evaluation.parents[1])["rivals"]
        assert [one.get("problem") for one in rivals] == [None, None]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda one: one.pop("accuracy"), "logistic has neither all figures nor a problem"),
        (lambda one: one["classes"].pop(), "logistic has neither all figures nor a problem"),
        (lambda one: one.update(name="boosting"), "a rival is there twice"),
        (lambda one: one.update(name="oracle"), "rivals.0.name"),
    ],
)
def test_rivals_changed_by_hand_are_refused(change, problem, fitted, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(fitted.path, run)
    metrics = metrics_of(run)
    change(metrics["rivals"][0])
    (run / "evaluation/test/metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(mtrain.MtrainError, match=problem):
        mtrain.gate(run, "accuracy >= 0.5")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda one: one.update(threshold=-5), "rivals.0.threshold"),
        (lambda one: one.update(seconds=-1), "rivals.0.seconds"),
        (lambda one: one.update(name="boosting"), "a rival is there twice"),
    ],
)
def test_the_file_of_rivals_is_checked(change, problem, fitted, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(fitted.path, run)
    content = json.loads((run / "rivals/rivals.json").read_text())
    change(content["rivals"][0])
    (run / "rivals/rivals.json").write_text(json.dumps(content))
    with pytest.raises(mtrain.MtrainError, match=problem) as error:
        mtrain.evaluate(run, out=tmp_path / "out")
    assert str(error.value).endswith(f"; without {run / 'rivals'} there are no rivals")


def test_check_trains_them_before_any_training(wine, capsys):
    assert command(["check", str(wine), "--rivals"]) == 0
    out = capsys.readouterr().out
    assert "rivals on 36 test rows, beside always answering 'kind 1':" in out
    assert "gradient boosting" in out
    assert command(["check", str(wine), "--rivals", "--json"]) == 0
    rivals = json.loads(capsys.readouterr().out)["rivals"]
    trial = mtrain.check(wine, rivals=True).rivals
    assert rivals["rows"] == trial.rows == 36
    for document, one in zip(rivals["rivals"], trial.rivals, strict=True):
        assert document["accuracy"]["second"] == one.accuracy.second > 0.9
        assert one.accuracy.first == pytest.approx(14 / 36)
        assert one.accuracy.finding == "better"


def test_predictions_of_a_run_are_not_taken_for_those_of_other_rows(fitted):
    rows = arrays_of(fitted.path / "rivals/test.npz")["rows"]
    assert len(read_rivals(fitted.path / "rivals", "test", rows, 3)) == 2
    assert read_rivals(fitted.path / "rivals", "test", rows[::-1].copy(), 3) == []
    assert read_rivals(fitted.path / "rivals", "train", rows, 3) == []
    with pytest.raises(mtrain.MtrainError, match=r"test\.npz"):
        read_rivals(fitted.path / "rivals", "test", rows, 4)
