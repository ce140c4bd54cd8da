"""Sweeps: members that are what `fit` makes of their configs, and the table of settings."""

from __future__ import annotations

import csv
import json
import math
import shutil
import subprocess
import threading
from itertools import pairwise

import numpy as np
import pytest
from crashtest import digest
from stopped_runs import COMMAND
from swept import digests, members, result, sweep, tables, written

import mtrain
from mtrain.cli.main import run
from mtrain.observer import Observer
from mtrain.run.lock import locked


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A sweep of two rates, two shapes and two seeds, with dropout and a penalty."""
    folder = tmp_path_factory.mktemp("sweep")
    config = written(folder)
    status = sweep(
        *(
            config,
            "optimizer.learning_rate=1e-3,1e-2",
            "model={hidden: 12, dropout: 0.3},{l2: 0.01}",
        ),
        *("--seeds", 2, "--out", folder / "sweep"),
    )
    assert status == 0
    return folder / "sweep"


def test_every_member_is_to_the_last_bit_what_fit_makes_of_its_config(swept, tmp_path):
    for member in members(swept):
        alone = tmp_path / member.name
        assert run(["fit", str(member / "config.yaml"), "--out", str(alone), "--quiet"]) == 0
        assert digest(member) == digest(alone)
    assert len(members(swept)) == 8


@pytest.mark.parametrize("jobs", [1, 3])
def test_how_many_train_side_by_side_changes_no_bit(swept, tmp_path, jobs):
    out = tmp_path / "sweep"
    arguments = ("optimizer.learning_rate=1e-3,1e-2", "model={hidden: 12, dropout: 0.3},{l2: 0.01}")
    config = written(tmp_path)

    assert sweep(config, *arguments, "--seeds", 2, "--jobs", jobs, "--out", out) == 0
    assert digests(out) == digests(swept)
    assert tables(out)[1:] == tables(swept)[1:]


def test_a_resumed_sweep_trains_what_is_missing(swept, tmp_path, capsys):
    """A member that was removed, one stopped within its training; the others stay as they are."""
    out = tmp_path / "sweep"
    shutil.copytree(swept, out)
    first, second, *others = members(out)
    shutil.rmtree(first)
    (second / "history.json").write_text(
        (second / "history.json").read_text().replace('"ended":"finished"', '"ended":null')
    )
    before = {path: path.stat().st_mtime_ns for each in others for path in each.rglob("*")}
    arguments = ("optimizer.learning_rate=1e-3,1e-2", "model={hidden: 12, dropout: 0.3},{l2: 0.01}")
    config = written(tmp_path)

    assert sweep(config, *arguments, "--seeds", 2, "--out", out, "--resume") == 0
    assert digests(out) == digests(swept)
    assert tables(out) == tables(swept)
    assert before == {path: path.stat().st_mtime_ns for each in others for path in each.rglob("*")}


def test_a_resumed_sweep_that_is_killed_has_no_result_of_an_earlier_session(
    swept, tmp_path, monkeypatch
):
    """Its page would show that; without it the members' files are read."""
    out = tmp_path / "sweep"
    shutil.copytree(swept, out)
    shutil.rmtree(members(out)[0])
    arguments = ("optimizer.learning_rate=1e-3,1e-2", "model={hidden: 12, dropout: 0.3},{l2: 0.01}")

    def killed(*_):
        raise SystemExit(137)

    monkeypatch.setattr("mtrain.workflows.sweep.summarize_settings", killed)
    assert sweep(written(tmp_path), *arguments, "--seeds", 2, "--out", out, "--resume") == 137
    assert not (out / "sweep.json").exists()
    assert run(["report", str(out)]) == 0
    assert "8: 7 finished, 1 waiting" in (out / "report.html").read_text()


def test_members_with_a_temperature_are_ranked_by_their_calibrated_loss(tmp_path):
    """By which their rows are compared; one without has that of its history."""
    out = tmp_path / "sweep"
    assert sweep(written(tmp_path), "evaluation.calibrate=temperature,null", "--out", out) == 0

    for one in result(out)["members"]:
        val = json.loads((out / one["member"] / "evaluation/val/metrics.json").read_text())
        assert one["value"] == pytest.approx(val["loss"], rel=1e-6)


def test_a_finished_sweep_is_resumed_without_tensorflow(swept, tmp_path):
    """There is nothing to train, and nothing changes."""
    out = tmp_path / "sweep"
    shutil.copytree(swept, out)
    program = (
        "import sys; from mtrain.cli.main import run; status = run(sys.argv[1:]); "
        "assert 'tensorflow' not in sys.modules; sys.exit(status)"
    )
    arguments = ("optimizer.learning_rate=1e-3,1e-2", "model={hidden: 12, dropout: 0.3},{l2: 0.01}")
    command = [COMMAND.replace("mtrain", "python"), "-c", program, "sweep", written(tmp_path)]
    subprocess.run(
        [*command, *arguments, "--seeds", "2", "--out", out, "--resume"],
        check=True,
        capture_output=True,
    )

    assert tables(out) == tables(swept)


def test_the_table_has_a_row_a_member_of_the_best_setting_first(swept):
    with (swept / "sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert list(rows[0])[:8] == [
        *("member", "optimizer.learning_rate", "model", "seed"),
        *("state", "epochs", "checkpoint", "comparison"),
    ]
    assert {row["state"] for row in rows} == {"finished"}
    assert len(rows) == 8
    means = [
        (float(a["val_accuracy"]) + float(b["val_accuracy"])) / 2
        for a, b in zip(rows[::2], rows[1::2], strict=True)
    ]
    assert all(first >= second for first, second in pairwise(means))
    for row in rows:
        report = json.loads((swept / row["member"] / "evaluation/test/metrics.json").read_text())
        assert float(row["test_accuracy"]) == report["accuracy"]
        assert float(row["test_f1_macro"]) == report["averages"]["macro avg"]["f1-score"]


def test_settings_with_other_penalties_are_ranked_by_accuracy(swept):
    """As a loss with penalties and one without are not the same figure."""
    content = result(swept)

    assert content["by"] == "val_accuracy"
    assert content["notes"] == [
        "losses and penalties differ, so val_loss does not compare settings: ranked by val_accuracy"
    ]


def test_the_accuracy_of_seeds_has_the_parts_of_training_and_of_rows(swept):
    """The mean is that of the members; the interval is of both parts."""
    content = result(swept)
    for setting in content["settings"]:
        accuracies = [
            one["test"]["accuracy"]
            for one in content["members"]
            if one["member"] in setting["members"]
        ]
        accuracy = setting["accuracy"]
        assert accuracy["mean"] == pytest.approx(np.mean(accuracies))
        assert accuracy["low"] < accuracy["mean"] < accuracy["high"]
        assert accuracy["rows"] > 0
        assert setting["f1_macro"]["training"] is not None


def test_a_member_that_diverges_or_fails_is_a_row_and_ends_nothing_else(tmp_path, capsys):
    config = written(tmp_path)
    rates = "optimizer={name: sgd, learning_rate: 1e30},{name: sgd, learning_rate: 0.1}"
    out = tmp_path / "sweep"
    status = run(["sweep", str(config), rates, "--out", str(out)])
    text = capsys.readouterr()

    assert status == 0
    states = {one["member"]: one["state"] for one in result(out)["members"]}
    assert states == {"optimizer-sgd-1e+30": "diverged", "optimizer-sgd-0.1": "finished"}
    assert "training diverged, likely because the learning rate, 1e+30, is too large" in text.err
    assert "1 of 2 members diverged" in text.out
    assert "best by val_loss: optimizer sgd-0.1" in text.out


def test_if_no_member_is_finished_the_status_is_that_of_a_training_that_diverged(tmp_path, capsys):
    config = written(tmp_path)
    rates = "optimizer={name: sgd, learning_rate: 1e30},{name: sgd, learning_rate: 1e31}"

    assert sweep(config, rates, "--out", tmp_path / "sweep") == 4
    assert "best by" not in capsys.readouterr().out


def test_problems_of_data_and_settings_are_all_said_before_anything_is_trained(tmp_path, capsys):
    config = written(tmp_path)
    out = tmp_path / "sweep"
    weights = "training.class_weight={x: 2},{y: 2}"

    assert sweep(config, weights, "loss=binary_crossentropy,auto", "--out", out) == 2
    known = "choose one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert sorted(capsys.readouterr().err.splitlines()) == [
        "mtrain: command line: loss: binary_crossentropy is for two classes, there are 10; "
        "categorical_crossentropy is for more",
        f"mtrain: command line: training.class_weight.x: unknown class 'x'; {known}",
        f"mtrain: command line: training.class_weight.y: unknown class 'y'; {known}",
    ]
    assert not out.exists()


def test_a_folder_of_another_sweep_is_refused_with_what_differs(swept, tmp_path, capsys):
    config = written(tmp_path)
    out = tmp_path / "sweep"
    shutil.copytree(swept, out)
    before = tables(out)

    assert sweep(config, "model.hidden=1,2", "--out", out) == 2
    assert f"mtrain: {out}: holds a sweep; --resume continues it" in capsys.readouterr().err
    assert sweep(config, "model.hidden=1,2", "--out", out, "--resume") == 2
    assert f"mtrain: {out}: is another sweep: axes.model.hidden was None, is [1, 2], and" in (
        capsys.readouterr().err
    )
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert sweep(config, "model.hidden=1,2", "--out", tmp_path / "full") == 2
    assert "is not empty" in capsys.readouterr().err
    assert tables(out) == before


def test_members_that_were_trained_on_other_data_are_not_mixed_with_new_ones(tmp_path, capsys):
    """The settings would be compared on other rows."""
    data, out = tmp_path / "rows.csv", tmp_path / "sweep"
    rows = [f"{k % 7},{'even' if k % 2 else 'odd'}" for k in range(60)]
    data.write_text("\n".join(["x,parity", *rows]))
    text = f"dataset: {{name: csv, path: {data}, target: parity}}\nmodel: {{hidden: 2}}\ntraining: {{epochs: 1}}\n"
    arguments = (written(tmp_path, text), "optimizer.learning_rate=0.01,0.02", "--out", out)
    assert sweep(*arguments) == 0
    shutil.rmtree(out / "learning_rate-0.02")
    data.write_text("\n".join(["x,parity", *reversed(rows)]))

    assert sweep(*arguments, "--resume") == 1
    assert capsys.readouterr().err == (
        f"mtrain: {data}: these are not the data that learning_rate-0.01 was trained on; restore them, "
        "or sweep into another folder\n"
    )


def test_a_member_that_was_trained_further_is_not_mixed_with_the_others(swept, tmp_path, capsys):
    out = tmp_path / "sweep"
    arguments = (written(tmp_path), "optimizer.learning_rate=1e-3,1e-2", "--out", out)
    assert sweep(*arguments) == 0
    member = out / "learning_rate-0.01"
    assert run(["resume", str(member), "training.epochs=4", "--quiet"]) == 0
    capsys.readouterr()

    assert sweep(*arguments, "--resume") == 1
    assert f"{member}: has 4 epochs, and this sweep trains 3; sweep into another folder" in (
        capsys.readouterr().err
    )


def test_a_finished_member_without_an_evaluation_is_evaluated(swept, tmp_path):
    """As one that halving had stopped and `mtrain resume` trained to its end."""
    out = tmp_path / "sweep"
    shutil.copytree(swept, out)
    first, second, *_ = members(out)
    shutil.rmtree(first / "evaluation" / "val")
    for path in (second / "evaluation" / "val").iterdir():
        path.unlink()
    arguments = ("optimizer.learning_rate=1e-3,1e-2", "model={hidden: 12, dropout: 0.3},{l2: 0.01}")

    assert sweep(written(tmp_path), *arguments, "--seeds", 2, "--out", out, "--resume") == 0
    assert tables(out) == tables(swept)


def test_settings_of_other_validation_rows_are_named(tmp_path):
    out = tmp_path / "sweep"

    assert sweep(written(tmp_path), "dataset.seed=1,2", "--out", out) == 0
    assert result(out)["notes"] == [
        "settings that were validated on other rows than the best are not compared: their val_loss is "
        "of those rows"
    ]


def test_members_with_custom_code_train_one_after_the_other(tmp_path, monkeypatch, capsys):
    """Each to the last bit as alone."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "theirs.py").write_text(
        "import keras\n\n\ndef build(n_features, n_classes):\n"
        "    return keras.Sequential([keras.Input((n_features,)),"
        " keras.layers.Dense(n_classes, 'softmax')])\n"
    )
    config = written(tmp_path, "dataset: digits\nmodel: theirs:build\ntraining: {epochs: 1}\n")
    out = tmp_path / "sweep"
    arguments = ["sweep", str(config), "optimizer.learning_rate=0.01,0.02", "--jobs", "2"]
    assert run([*arguments, "--out", str(out)]) == 0

    assert "--jobs has no effect on a GPU and with custom code." in capsys.readouterr().err
    for member in members(out):
        alone = tmp_path / member.name
        (tmp_path / "config.yaml").write_text((member / "config.yaml").read_text())
        assert run(["fit", "config.yaml", "--out", str(alone), "--quiet"]) == 0
        assert digest(member) == digest(alone)


def test_trackers_of_every_member_are_ended(tmp_path, monkeypatch):
    ended = []

    class Tracker(Observer):
        def end(self, outcome):
            ended.append(outcome)

    monkeypatch.setattr("mtrain.workflows.train_run.make_trackers", lambda *_: [Tracker()])
    rates = "optimizer={name: sgd, learning_rate: 1e30},{name: sgd, learning_rate: 0.1}"

    assert sweep(written(tmp_path), rates, "--out", tmp_path / "sweep") == 0
    assert sorted(ended) == ["diverged", "finished"]


@pytest.mark.renders
def test_charts_of_members_side_by_side_are_those_of_one_alone(tmp_path):
    """Matplotlib's settings are of the whole process."""
    out, alone = tmp_path / "sweep", tmp_path / "alone"
    arguments = (written(tmp_path), "model.hidden=4,5,6", "training.epochs=1", "--charts")
    assert sweep(*arguments, "--jobs", 3, "--out", out) == 0
    assert sweep(*arguments, "--jobs", 1, "--out", alone) == 0

    charts = sorted(path.relative_to(out) for path in out.rglob("*.png"))
    assert len(charts) == 3 * (4 + 2 * 6) + 1
    for chart in charts:
        assert (out / chart).read_bytes() == (alone / chart).read_bytes()


def test_a_sweep_is_no_run_and_says_so(swept, capsys):
    for command in ("resume", "plot", "evaluate"):
        assert run([command, str(swept)]) == 1
        assert "is a sweep, not a run; name one of its members" in capsys.readouterr().err


def test_a_strangers_sweep_names_nothing_outside_it(swept, tmp_path, capsys):
    out = tmp_path / "sweep"
    shutil.copytree(swept, out)
    content = result(out)
    for best, members_ in ((99, ["a"]), (0, []), (0, ["/etc"]), (0, ["../other"])):
        changed = content | {"best": best}
        changed["settings"] = [content["settings"][0] | {"members": members_}]
        (out / "sweep.json").write_text(json.dumps(changed))
        assert run(["gate", str(out), "recall >= 0.1"]) == 1
        assert "sweep.json: names a " in capsys.readouterr().err


def test_one_process_writes_into_a_sweep(swept, tmp_path, capsys):
    config = written(tmp_path)
    out = tmp_path / "sweep"
    shutil.copytree(swept, out)
    with locked(out):
        assert sweep(config, "model.hidden=1,2", "--out", out, "--resume") == 1
    assert "is in use: process" in capsys.readouterr().err


def test_members_of_other_data_settings_share_what_was_read(tmp_path, monkeypatch):
    """The source is read once; each member has its rows."""
    reads = []
    from mtrain.workflows import sweep_data

    read = sweep_data.read_source
    monkeypatch.setattr(sweep_data, "read_source", lambda *a, **k: reads.append(a) or read(*a, **k))
    out = tmp_path / "sweep"

    assert sweep(written(tmp_path), "dataset.samples=100,150,200", "--out", out) == 0
    assert len(reads) == 1
    assert [one["trained_on"] for one in result(out)["members"]] == [100, 150, 200]


def test_data_that_do_not_fit_into_memory_together_are_refused(tmp_path, capsys):
    config = written(tmp_path)
    memory = "training.memory=150kB"

    assert sweep(config, "dataset.seed=1,2,3,4", memory, "--out", tmp_path / "sweep") == 1
    assert "mtrain: sweep: the members' data take " in capsys.readouterr().err


def test_without_validation_no_setting_is_called_the_best(tmp_path, capsys):
    config = written(tmp_path)
    out = tmp_path / "sweep"

    assert sweep(config, "model.hidden=4,5", "dataset.validation=null", "--out", out) == 0
    assert "dataset.validation is null, so no setting is called the best" in capsys.readouterr().out
    assert result(out)["best"] is None
    with (out / "sweep.csv").open(newline="") as file:
        assert "comparison" not in next(csv.reader(file))


def test_predictions_that_are_not_kept_cannot_be_compared(tmp_path, capsys):
    out = tmp_path / "sweep"

    assert (
        sweep(written(tmp_path), "model.hidden=4,5", "evaluation.predictions=false", "--out", out)
        == 0
    )
    assert "no other setting could be compared with it" in capsys.readouterr().out


def test_from_python_axes_are_lists_and_the_result_is_that_of_the_files(tmp_path):
    swept = mtrain.sweep(
        {"dataset": {"name": "digits", "samples": 100}, "model": {"hidden": 4}},
        {"optimizer.learning_rate": [1e-3, 1e-2], "model.dropout": "0.1..0.2"},
        sample=2,
        training={"epochs": 1},
        out=tmp_path / "sweep",
    )

    assert swept.path == tmp_path / "sweep"
    assert [one.state for one in swept.result.members] == ["finished"] * 2
    assert repr(swept) == f"<mtrain.SweepRun '{tmp_path / 'sweep'}': 2 of 2 members finished>"
    best = swept.result.settings[swept.result.best]
    assert mtrain.gate(swept, "recall >= 0.9").outcome == "failed"
    assert (
        best.accuracy.mean == result(swept.path)["settings"][swept.result.best]["accuracy"]["mean"]
    )
    with pytest.raises(
        mtrain.UsageError, match=r"mtrain\.sweep: model\.l2: must be a list of values"
    ):
        mtrain.sweep("c.yaml", {"model.l2": 3})


def test_halving_stops_the_worse_half_at_each_rung_and_what_is_stopped_can_be_resumed(
    tmp_path, capsys
):
    config = written(tmp_path)
    out, whole = tmp_path / "sweep", tmp_path / "whole"
    arguments = (config, "optimizer.learning_rate=1e-5,1e-4,1e-3,1e-2", "training.epochs=5")
    halving = ("--halving", "{every: 2}")

    assert sweep(*arguments, *halving, "--out", out) == 0
    assert [one["epochs"] for one in result(out)["members"]] == [2, 2, 4, 5]
    assert "stopped after epoch 2" in capsys.readouterr().out
    assert run(["runs", str(out)]) == 0
    assert "stopped by halving" in capsys.readouterr().out
    before = tables(out)
    assert sweep(*arguments, *halving, "--out", out, "--resume") == 0
    assert tables(out) == before
    stopped = out / "learning_rate-0.001"
    assert run(["resume", str(stopped), "--quiet"]) == 0
    assert run(["fit", str(stopped / "config.yaml"), "--out", str(whole), "--quiet"]) == 0
    assert digest(stopped) == digest(whole)


def test_halving_by_what_is_no_figure_is_refused(tmp_path, capsys):
    arguments = (written(tmp_path), "model.hidden=4,5", "--halving", "{by: val_los}")

    assert sweep(*arguments, "--out", tmp_path / "sweep") == 2
    assert "mtrain: --halving: by: 'val_los' is not a figure of every member's history" in (
        capsys.readouterr().err
    )


def test_halving_by_a_figure_without_a_column_is_refused(tmp_path, capsys):
    """Settings with other penalties are ranked by accuracy, which is not among these metrics."""
    arguments = (written(tmp_path), "model.l2=0.1,0.2", "metrics=[f1]", "--halving", "{every: 1}")

    assert sweep(*arguments, "--out", tmp_path / "sweep") == 2
    assert "--halving: by: 'val_accuracy' is not a figure of every member's history" in (
        capsys.readouterr().err
    )


def test_threads_end_with_a_sweep(tmp_path):
    before = threading.active_count()

    assert sweep(written(tmp_path), "model.hidden=4,5,6", "--out", tmp_path / "sweep") == 0
    assert threading.active_count() == before


def test_no_figure_of_the_table_is_a_time_or_not_finite(swept):
    def numbers(value):
        if isinstance(value, dict):
            return [n for inner in value.values() for n in numbers(inner)]
        if isinstance(value, list):
            return [n for inner in value for n in numbers(inner)]
        return [value] if isinstance(value, float) else []

    assert all(map(math.isfinite, numbers(result(swept))))
