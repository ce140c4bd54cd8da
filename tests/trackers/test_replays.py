"""What TensorBoard's, W&B's and Trackio's own stores have of a run that was logged afterwards."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from mlflow_server import TRACKERS, needs_trackers

import mtrain
from mtrain.cli.main import run
from mtrain.run.lock import locked
from mtrain.trackers.names import original
from mtrain.workflows.tracked import read_tracked_sweep

EPOCHS = 3


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run with event files of its own, of classes whose names trackers do not allow."""
    folder = tmp_path_factory.mktemp("replayed")
    rows = [f"{n % 9},{'a/b' if n % 9 < 4 else '100%'}" for n in range(120)]
    data = folder / "rows.csv"
    data.write_text("\n".join(["size,kind", *rows]))
    settings = {"dataset": {"name": "csv", "path": str(data), "target": "kind"}}
    settings |= {"training": {"epochs": EPOCHS}, "tracking": {"tensorboard": True}}
    return mtrain.fit(settings, out=folder / "run").path


@pytest.fixture
def copied(trained, tmp_path):
    """The same run, of which no tracker knows."""
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run"


def figures(path):
    """Defined figures by epoch of a class whose name is not allowed, and of all."""
    content = json.loads((path / "history.json").read_text())
    k = content["classes"].index("a/b")
    columns = {
        "val/loss": content["history"]["val_loss"],
        "train/accuracy": content["history"]["accuracy"],
        "val/recall/a_x2F_b": [row[k] for row in content["per_class"]["val"]["recall"]],
    }
    return {
        name: {n: v for n, v in zip(content["epoch"], values, strict=True) if v is not None}
        for name, values in columns.items()
    }


def log_twice(path, to, capsys):
    """Log it, and see that there is nothing left to log."""
    for new in (f"{EPOCHS} epochs and its outcome", "nothing new"):
        assert run(["log", str(path), "--to", to]) == 0
        printed = capsys.readouterr()
        assert new in printed.out
        assert printed.err == ""


def change(path, alter):
    content = json.loads(path.read_text())
    alter(content)
    path.write_text(json.dumps(content))


def event_files(folder):
    """As TensorBoard itself reads them: what a later session discards is not there."""
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.plugin_event_accumulator",
        reason="the extra mtrain[tensorboard] is not installed",
    )
    return accumulator.EventAccumulator(
        str(folder), tensor_size_guidance={"scalars": 0, "histograms": 1, "images": 1}
    ).Reload()


def scalars(board, tag):
    from tensorboard.util.tensor_util import make_ndarray

    return [(one.step, float(make_ndarray(one.tensor_proto))) for one in board.Tensors(tag)]


def test_event_files_have_the_numbers_that_a_training_writes(trained, copied, tmp_path, capsys):
    folder = tmp_path / "events"

    log_twice(copied, f"tensorboard={folder}", capsys)

    (of_run,) = folder.iterdir()
    board, followed = event_files(of_run), event_files(trained / "tensorboard")
    tags = {tag for tag in board.Tags()["tensors"] if not tag.startswith("test/")}
    # Only a training has weights, and lays out the dashboard of classes.
    without = {"hidden_1", "output", "custom_scalars__config__", "__run_graph__"}
    assert tags == {tag for tag in followed.Tags()["tensors"] if tag.split("/")[0] not in without}
    for tag in tags:
        assert scalars(board, tag) == scalars(followed, tag)
    report = json.loads((copied / "evaluation" / "test" / "metrics.json").read_text())
    assert scalars(board, "test/accuracy") == [(EPOCHS, float(np.float32(report["accuracy"])))]
    assert "test/recall/a/b" in board.Tags()["tensors"]


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.7, 0.9])
def test_event_files_that_a_kill_cut_short_are_completed(copied, tmp_path, kept, capsys):
    """Wherever in an epoch the kill was."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for folder in (whole, cut):
        assert run(["log", str(copied), "--to", f"tensorboard={folder}"]) == 0
    (file,) = cut.glob("*/*")
    file.write_bytes(file.read_bytes()[: int(kept * file.stat().st_size)])

    assert run(["log", str(copied), "--to", f"tensorboard={cut}"]) == 0

    board, expected = (event_files(next(folder.iterdir())) for folder in (cut, whole))
    assert sorted(board.Tags()["tensors"]) == sorted(expected.Tags()["tensors"])
    for tag in expected.Tags()["tensors"]:
        assert scalars(board, tag) == scalars(expected, tag)
    capsys.readouterr()
    assert run(["log", str(copied), "--to", f"tensorboard={cut}"]) == 0
    assert "nothing new" in capsys.readouterr().out


def test_a_training_that_was_killed_in_an_epoch_is_completed_in_its_event_files(copied, capsys):
    """Here while it wrote the figures of the last of three epochs, before their end: the loss."""
    (file,) = (copied / "tensorboard").glob("*")
    content = file.read_bytes()
    file.write_bytes(content[: content.rindex(b"val_recall")])

    assert run(["log", str(copied), "--to", "tensorboard"]) == 0

    assert ": 1 epoch and its outcome; " in capsys.readouterr().out
    board = event_files(copied / "tensorboard")
    for tag in ("loss", "val_recall/a/b", "seconds"):
        assert [step for step, _ in scalars(board, tag)] == [1, 2, 3]


@pytest.mark.parametrize("factor", [0.5, 2])
def test_epochs_that_a_resume_trained_otherwise_take_the_place_of_the_lost_ones(
    copied, tmp_path, factor, capsys
):
    to = f"tensorboard={tmp_path / 'events'}"
    assert run(["log", str(copied), "--to", to]) == 0

    def alter(content):
        content["history"]["loss"][1] *= factor

    change(copied / "history.json", alter)
    for new in (": 2 epochs and its outcome; ", "nothing new", "nothing new"):
        capsys.readouterr()
        assert run(["log", str(copied), "--to", to]) == 0
        assert new in capsys.readouterr().out

    losses = json.loads((copied / "history.json").read_text())["history"]["loss"]
    board = event_files(next((tmp_path / "events").iterdir()))
    assert scalars(board, "loss") == [(n, float(np.float32(v))) for n, v in enumerate(losses, 1)]
    assert [step for step, _ in scalars(board, "test/accuracy")] == [EPOCHS]


def test_a_changed_evaluation_of_the_same_epoch_is_the_last_in_event_files(
    copied, tmp_path, capsys
):
    to = f"tensorboard={tmp_path / 'events'}"
    assert run(["log", str(copied), "--to", to]) == 0
    report = copied / "evaluation" / "test" / "metrics.json"
    losses = [json.loads(report.read_text())["loss"]]
    for factor in (0.5, 2):  # the second is the first one again
        losses.append(losses[-1] * factor)
        change(report, lambda content: content.update(loss=losses[-1]))
        for new in (": its outcome; ", "nothing new"):
            capsys.readouterr()
            assert run(["log", str(copied), "--to", to]) == 0
            assert new in capsys.readouterr().out

    board = event_files(next((tmp_path / "events").iterdir()))
    assert scalars(board, "test/loss") == [(EPOCHS, float(np.float32(loss))) for loss in losses]
    assert len(scalars(board, "test/accuracy")) == 1


def test_an_evaluation_on_validation_is_none_of_the_epochs_figures(copied, tmp_path, capsys):
    """Of the best checkpoint, not of the last epoch."""
    shutil.rmtree(copied / "evaluation" / "test")
    assert run(["evaluate", str(copied), "--split", "val"]) == 0

    log_twice(copied, f"tensorboard={tmp_path / 'events'}", capsys)

    report = json.loads((copied / "evaluation" / "val" / "metrics.json").read_text())
    board = event_files(next((tmp_path / "events").iterdir()))
    assert scalars(board, "val/loss") == [(EPOCHS, float(np.float32(report["loss"])))]
    assert [step for step, _ in scalars(board, "val_loss")] == [1, 2, 3]


def test_a_damaged_model_is_nothing_to_a_tracker_that_keeps_none(copied, tmp_path, capsys):
    (copied / "model.onnx").write_bytes(b"damaged")

    log_twice(copied, f"tensorboard={tmp_path / 'events'}", capsys)


def test_a_run_with_event_files_lacks_only_its_evaluation_there(copied, capsys):
    assert run(["log", str(copied), "--to", "tensorboard"]) == 0
    assert ": its outcome; " in capsys.readouterr().out


def offline_records(folder):
    """The records of a W&B offline file: a header of seven bytes, then LevelDB's log format."""
    from wandb.proto.wandb_internal_pb2 import Record

    (file,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    content, place, whole = file.read_bytes(), 7, b""
    while place + 7 <= len(content):
        if 32_768 - place % 32_768 < 7:
            place += 32_768 - place % 32_768
            continue
        _, size, kind = struct.unpack_from("<IHB", content, place)
        whole += content[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in {1, 4}:  # the whole of a record, or its last part
            yield Record.FromString(whole)
            whole = b""


def test_wandb_offline_files_have_every_figure_once(copied, tmp_path, monkeypatch, capsys):
    wandb = pytest.importorskip("wandb", reason="the extra mtrain[wandb] is not installed")
    wandb.teardown()  # it asks the environment once a process
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))

    log_twice(copied, "wandb=classes", capsys)

    records = list(offline_records(tmp_path))
    (begun,) = (record.run for record in records if record.HasField("run"))
    assert begun.project == "classes"
    assert begun.run_id == json.loads((copied / "tracking.json").read_text())["id"]
    rows = {}
    for record in records:
        if record.HasField("history"):
            row = {
                "/".join(one.nested_key) or one.key: json.loads(one.value_json)
                for one in record.history.item
            }
            rows[row["_step"]] = row
    assert sorted(rows) == [1, 2, 3]
    for name, values in figures(copied).items():
        assert {step: row[name] for step, row in rows.items() if name in row} == values
    summary = {
        "/".join(one.nested_key) or one.key: json.loads(one.value_json)
        for record in records
        if record.HasField("summary")
        for one in record.summary.update
    }
    report = json.loads((copied / "evaluation" / "test" / "metrics.json").read_text())
    for one in report["classes"]:
        (key,) = (k for k in summary if k.startswith("verdict/") and original(k[8:]) == one["name"])
        assert summary[key] == one["verdict"]
    saved = {path.name for path in tmp_path.glob("wandb/offline-run-*/files/**/*")}
    assert {"config.yaml", "history.json", "recall_by_class.png"} <= saved


def log_to_trackio(path, home):
    """What `mtrain log` prints, with Trackio beside mtrain's own packages."""
    program = (
        "import site, sys; site.addsitedir(sys.argv[1])\n"
        "from mtrain.cli.main import run; sys.exit(run(sys.argv[2:]))\n"
    )
    packages = next((TRACKERS.parent / "lib").glob("python*/site-packages"))
    process = subprocess.run(
        [*(sys.executable, "-c", program, packages), "log", path, "--to", "trackio=classes"],
        env={"PATH": "", "TRACKIO_DIR": str(home / "trackio"), "HOME": str(home)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def trackios_rows(path, home):
    """Those of the epochs, by Trackio's own reader in its own environment, the oldest first."""
    name = f"run-{json.loads((path / 'tracking.json').read_text())['id'][:8]}"
    reading = (
        "import json, sys\n"
        "from trackio.sqlite_storage import SQLiteStorage\n"
        "print(json.dumps(SQLiteStorage.get_logs('classes', sys.argv[1])))\n"
    )
    process = subprocess.run(
        [TRACKERS / "python", "-c", reading, name],
        env={"TRACKIO_DIR": str(home / "trackio"), "HOME": str(home)},
        check=True,
        capture_output=True,
        text=True,
    )
    return [row for row in json.loads(process.stdout) if "seconds" in row]


@needs_trackers
def test_trackios_database_has_every_figure_once(copied, tmp_path):
    assert ": 3 epochs and its outcome; " in log_to_trackio(copied, tmp_path)
    assert ": nothing new; " in log_to_trackio(copied, tmp_path)

    rows = trackios_rows(copied, tmp_path)
    assert [row["step"] for row in rows] == [1, 2, 3]
    for name, values in figures(copied).items():
        assert {row["step"]: row[name] for row in rows if name in row} == values


@needs_trackers
def test_trackios_database_has_both_branches_of_an_epoch_that_a_resume_trained_otherwise(
    copied, tmp_path
):
    """As an evaluation that was changed, and changed back."""
    log_to_trackio(copied, tmp_path)
    losses = []

    def alter(content):
        losses.append(content["history"]["loss"][1])
        content["history"]["loss"][1] /= 2
        losses.append(content["history"]["loss"][1])

    change(copied / "history.json", alter)
    assert ": 1 epoch; " in log_to_trackio(copied, tmp_path)
    report = copied / "evaluation" / "test" / "metrics.json"
    first = json.loads(report.read_text())["loss"]
    for loss in (first / 2, first):
        change(report, lambda content, loss=loss: content.update(loss=loss))
        assert ": its outcome; " in log_to_trackio(copied, tmp_path)
        assert ": nothing new; " in log_to_trackio(copied, tmp_path)

    rows = trackios_rows(copied, tmp_path)
    assert [row["train/loss"] for row in rows if row["step"] == 2] == losses
    assert len(rows) == 4


def test_json_has_what_was_new(copied, tmp_path, capsys):
    assert run(["log", str(copied), "--to", f"tensorboard={tmp_path / 'events'}", "--json"]) == 0

    content = json.loads(capsys.readouterr().out)
    assert content["schema"] == 1
    assert content["logged"] == [
        {
            "run": str(copied),
            "state": "finished",
            "where": str(next((tmp_path / "events").iterdir())),
            "epochs": EPOCHS,
            "outcome": True,
        }
    ]


def test_a_folder_that_cannot_be_written_is_named(copied, capsys):
    full = Path("/dev/null/events")

    assert run(["log", str(copied), "--to", f"tensorboard={full}"]) == 1
    assert re.match(f"mtrain: {full}/run-[0-9a-f]+: cannot be written", capsys.readouterr().err)


def test_two_runs_in_one_folder_of_tensorboard_are_two(copied, tmp_path, capsys):
    """As are a run and a copy that has another id."""
    other = tmp_path / "other"
    shutil.copytree(copied, other)
    for path in (copied, other):
        assert run(["log", str(path), "--to", f"tensorboard={tmp_path / 'events'}"]) == 0
        assert f": {EPOCHS} epochs and its outcome; " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"started": ""}, "its history has times that there are not: Invalid isoformat string: ''"),
        ({"epochs": [2, 3]}, "the segments of its history do not fit its epochs"),
        ({"epochs": [1, 2]}, "the segments of its history do not fit its epochs"),
    ],
)
def test_a_damaged_history_is_refused(copied, change, message, capsys):
    path = copied / "history.json"
    content = json.loads(path.read_text())
    content["segments"][0] |= change
    path.write_text(json.dumps(content))

    assert run(["log", str(copied), "--to", "tensorboard"]) == 1
    assert message in capsys.readouterr().err


@pytest.fixture
def sweep(copied, tmp_path):
    """A folder of three runs, of which the second is damaged."""
    folder = tmp_path / "sweep"
    for name in ("first", "second", "third"):
        shutil.copytree(copied, folder / name)
    (folder / "sweep.yaml").touch()
    (folder / "second" / "history.json").write_text("{}")
    return folder


def test_a_damaged_member_of_a_sweep_is_named_and_the_others_are_logged(sweep, tmp_path, capsys):
    to = f"tensorboard={tmp_path / 'events'}"

    assert run(["log", str(sweep), "--to", to]) == 1

    printed = capsys.readouterr()
    names = [Path(line.partition(":")[0]).name for line in printed.out.splitlines()]
    assert names == ["first", "third"]
    (line,) = printed.err.splitlines()
    assert line.startswith(f"mtrain: {sweep / 'second' / 'history.json'}: ")


def test_a_sweep_without_a_result_lasted_from_its_first_epoch_to_its_last(sweep):
    """By the members that can be read."""
    for name, hour in (("first", 12), ("third", 11)):

        def alter(content, hour=hour):
            content["segments"][0]["started"] = f"2026-01-01T{hour}:00:00+00:00"
            content["seconds"] = [20.0] * EPOCHS

        change(sweep / name / "history.json", alter)

    tracked = read_tracked_sweep(sweep)

    assert tracked.state == "killed"
    assert tracked.started == datetime(2026, 1, 1, 11, tzinfo=UTC)
    assert tracked.ended == datetime(2026, 1, 1, 12, 1, tzinfo=UTC)


def test_a_member_in_training_is_named_and_the_others_are_in_the_json(sweep, capsys):
    shutil.copy(sweep / "first" / "history.json", sweep / "second")

    with locked(sweep / "second"):
        assert run(["log", str(sweep), "--to", "tensorboard", "--json"]) == 1

    printed = capsys.readouterr()
    logged = json.loads(printed.out)["logged"]
    assert [Path(one["run"]).name for one in logged] == ["first", "third"]
    assert printed.err == (
        f"mtrain: {sweep / 'second'}: is being trained; TensorBoard would get its epochs twice if its "
        "training logs them, too; log it when it has ended\n"
    )


def test_a_run_in_training_can_be_logged_to_other_event_files(copied, tmp_path, capsys):
    with locked(copied):
        assert run(["log", str(copied), "--to", f"tensorboard={tmp_path / 'events'}"]) == 0

    assert f"{copied} (running): {EPOCHS} epochs; " in capsys.readouterr().out


@pytest.mark.parametrize("name", ["charts/secret.png", "model.onnx", "tracking.json"])
def test_a_link_is_refused_also_in_a_member_of_a_sweep(copied, name, tmp_path, capsys):
    (tmp_path / "secret").touch()
    sweep = tmp_path / "sweep"
    sweep.mkdir()
    (sweep / "sweep.yaml").touch()
    copied.rename(sweep / "member")
    (sweep / "member" / name).symlink_to(tmp_path / "secret")

    for path in (sweep / "member", sweep):
        assert run(["log", str(path), "--to", f"tensorboard={tmp_path / 'events'}"]) == 1
        assert "is a symbolic link; a run must not have one" in capsys.readouterr().err
    assert not (tmp_path / "events").exists()


def test_a_password_in_an_address_is_refused(copied, tmp_path, capsys):
    """It would be kept in the run's files; the message does not repeat it."""
    address = "http://ada:secret@127.0.0.1:9"
    config = tmp_path / "c.yaml"
    config.write_text(f"dataset: digits\ntracking: {{mlflow: '{address}'}}\n")

    for command in (["log", str(copied), "--to", f"mlflow={address}"], ["fit", str(config)]):
        assert run(command) == 2
        err = capsys.readouterr().err
        assert "must not have a user name or a password; MLflow takes them from" in err
        assert "secret" not in err
