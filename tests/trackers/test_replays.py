"""What TensorBoard's, W&B's and Trackio's own stores have of a run that was logged afterwards."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mlflow_server import TRACKERS, needs_trackers

import mtrain
from mtrain.cli.main import run
from mtrain.trackers.names import original

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
        said = capsys.readouterr()
        assert new in said.out
        assert said.err == ""


def event_files(folder):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="the extra mtrain[tensorboard] is not installed",
    )
    return accumulator.EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()


def scalars(found, tag):
    from tensorboard.util.tensor_util import make_ndarray

    return [(one.step, float(make_ndarray(one.tensor_proto))) for one in found.Tensors(tag)]


def test_event_files_have_the_numbers_that_a_training_writes(trained, copied, tmp_path, capsys):
    folder = tmp_path / "events"

    log_twice(copied, f"tensorboard={folder}", capsys)

    (of_run,) = folder.iterdir()
    found, followed = event_files(of_run), event_files(trained / "tensorboard")
    tags = {tag for tag in found.Tags()["tensors"] if not tag.startswith("test/")}
    # Only a training has weights, and lays out the dashboard of classes.
    without = {"hidden_1", "output", "custom_scalars__config__"}
    assert tags == {tag for tag in followed.Tags()["tensors"] if tag.split("/")[0] not in without}
    for tag in tags:
        assert scalars(found, tag) == scalars(followed, tag)
    report = json.loads((copied / "evaluation" / "test" / "metrics.json").read_text())
    assert scalars(found, "test/accuracy") == [(EPOCHS, float(np.float32(report["accuracy"])))]
    assert "test/recall/a/b" in found.Tags()["tensors"]


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
    pytest.importorskip("wandb", reason="the extra mtrain[wandb] is not installed")
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


@needs_trackers
def test_trackios_database_has_every_figure_once(copied, tmp_path):
    program = (
        "import site, sys; site.addsitedir(sys.argv[1])\n"
        "from mtrain.cli.main import run; sys.exit(run(sys.argv[2:]))\n"
    )
    packages = next((TRACKERS.parent / "lib").glob("python*/site-packages"))
    said = []
    for _ in range(2):
        process = subprocess.run(
            [*(sys.executable, "-c", program, packages), "log", copied, "--to", "trackio=classes"],
            env={"PATH": "", "TRACKIO_DIR": str(tmp_path / "trackio"), "HOME": str(tmp_path)},
            check=False,
            capture_output=True,
            text=True,
        )
        assert process.returncode == 0, process.stderr
        said.append(process.stdout)
    assert [": 3 epochs and its outcome; " in said[0], ": nothing new; " in said[1]] == [True, True]

    # Trackio's own reader, in its own environment.
    name = f"run-{json.loads((copied / 'tracking.json').read_text())['id'][:8]}"
    reading = (
        "import json, sys\n"
        "from trackio.sqlite_storage import SQLiteStorage\n"
        "print(json.dumps(SQLiteStorage.get_logs('classes', sys.argv[1])))\n"
    )
    process = subprocess.run(
        [TRACKERS / "python", "-c", reading, name],
        env={"TRACKIO_DIR": str(tmp_path / "trackio"), "HOME": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
    )
    rows = [row for row in json.loads(process.stdout) if "seconds" in row]
    assert [row["step"] for row in rows] == [1, 2, 3]
    for name, values in figures(copied).items():
        assert {row["step"]: row[name] for row in rows if name in row} == values


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
        said = capsys.readouterr().err
        assert "must not have a user name or a password; MLflow takes them from" in said
        assert "secret" not in said
