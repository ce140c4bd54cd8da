"""Folders in which a training began and left nothing to resume from, and trainings at once."""

from __future__ import annotations

import errno
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import CONFIGS
from crashtest import digest

from mtrain.cli.main import run
from mtrain.data.load import load_dataset
from mtrain.errors import MtrainError
from mtrain.run.checkpoint import save_checkpoint
from mtrain.run.history import HistoryFile

COMMAND = str(Path(sys.executable).with_name("mtrain"))
SMOKE = CONFIGS / "smoke.yaml"
NO_SPACE = OSError(errno.ENOSPC, "No space left on device")


def said(capsys, *arguments):
    """Exit status and what stderr says, of a command run in this process."""
    status = run(list(map(str, arguments)))
    return status, capsys.readouterr().err


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The digest of a run that nothing happened to."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert run(["fit", str(SMOKE), "--out", str(out), "--quiet"]) == 0
    return digest(out)


def no_checkpoint_fits(run, checkpoint, arrays):
    """As `save_checkpoint` where the disk is full."""
    path = run.checkpoints / checkpoint.name
    run.checkpoints.mkdir(exist_ok=True)
    raise MtrainError(f"{path}: cannot be written: {NO_SPACE.strerror}") from NO_SPACE


@pytest.mark.parametrize("history_fits", [True, False])
@pytest.mark.parametrize("command", ["fit", "resume"])
def test_a_disk_that_was_full_at_the_first_checkpoint_lets_the_training_start_anew(
    whole, tmp_path, monkeypatch, capsys, history_fits, command
):
    """Once there is room; whether or not the history could say how it ended."""
    out = tmp_path / "run"
    write, calls = HistoryFile.write, []

    def write_once(self, *, flush=True):
        calls.append(1)
        if len(calls) > 1 and not history_fits:
            raise MtrainError(f"{out}/history.json: cannot be written: {NO_SPACE.strerror}")
        write(self, flush=flush)

    with monkeypatch.context() as patch:
        patch.setattr("mtrain.run.recorder.save_checkpoint", no_checkpoint_fits)
        patch.setattr(HistoryFile, "write", write_once)
        arguments = ["--out", out, "--resume", "--quiet"]
        status, text = said(capsys, "fit", SMOKE, "checkpoint.every_seconds=0", *arguments)
    assert status == 1
    assert text.startswith(f"mtrain: {out}/checkpoints/epoch-0001")
    assert text.endswith(": cannot be written: No space left on device\n")
    ended = json.loads((out / "history.json").read_text())["segments"][-1]["ended"]
    assert ended == ("failed" if history_fits else None)

    arguments = ["resume", out] if command == "resume" else ["fit", SMOKE, "--out", out, "--resume"]
    status, text = said(capsys, *arguments)
    assert status == 0
    assert f"{out} has no checkpoint yet; training starts anew.\n" in text
    assert digest(out) == whole


def test_what_was_half_written_by_then_goes_away(whole, tmp_path, monkeypatch, capsys):
    """The folder of the checkpoint that did not fit, beside."""
    out = tmp_path / "run"

    def half(run, checkpoint, arrays):
        beside = run.checkpoints / f".{checkpoint.name}.tmp"
        beside.mkdir(parents=True, exist_ok=True)
        (beside / "arrays.npz").write_bytes(b"PK")
        no_checkpoint_fits(run, checkpoint, arrays)

    with monkeypatch.context() as patch:
        patch.setattr("mtrain.run.recorder.save_checkpoint", half)
        assert said(capsys, "fit", SMOKE, "--out", out, "--quiet")[0] == 1
    assert said(capsys, "fit", SMOKE, "--out", out, "--resume", "--quiet") == (0, "")

    assert not list(out.rglob("*.tmp"))
    assert digest(out) == whole


def test_a_disk_that_is_full_later_leaves_a_checkpoint_to_go_on_from(
    whole, tmp_path, monkeypatch, capsys
):
    """A resumed run continues from it, and is not started anew."""
    out, calls = tmp_path / "run", []

    def full_from_the_third_on(run, checkpoint, arrays):
        calls.append(1)
        if len(calls) > 2:
            no_checkpoint_fits(run, checkpoint, arrays)
        return save_checkpoint(run, checkpoint, arrays)

    with monkeypatch.context() as patch:
        patch.setattr("mtrain.run.recorder.save_checkpoint", full_from_the_third_on)
        arguments = ["checkpoint.every_seconds=0", "--out", out, "--quiet"]
        assert said(capsys, "fit", SMOKE, *arguments)[0] == 1
    status, text = said(capsys, "fit", SMOKE, "--out", out, "--resume")

    assert status == 0
    assert f"Resuming from {out}/checkpoints/epoch-" in text
    assert "anew" not in text
    assert digest(out) == whole


def test_a_run_that_trained_and_lost_its_checkpoints_is_not_overwritten(
    finished_run, tmp_path, capsys
):
    """Diverged, stopped or finished: there is something to lose."""
    for ended in ("finished", "diverged", "SIGTERM"):
        out = Path(shutil.copytree(finished_run, tmp_path / ended))
        shutil.rmtree(out / "checkpoints")
        history = json.loads((out / "history.json").read_text())
        history["segments"][-1]["ended"] = ended
        (out / "history.json").write_text(json.dumps(history))

        message = "was trained, but its checkpoints are gone; train into another folder"
        assert said(capsys, "resume", out) == (1, f"mtrain: {out}: {message}\n")


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--resume"], 1, "another process has trained there meanwhile; start again"),
        (
            [],
            2,
            "is not empty; --out takes a new or an empty folder, --resume resumes a run, and without --out "
            "the next free name in outputs is taken",
        ),
    ],
)
def test_a_run_that_came_and_went_while_the_data_were_read_is_left_alone(
    finished_run, tmp_path, monkeypatch, capsys, options, status, message
):
    """`--resume` is advised to those alone who did not give it."""
    out = tmp_path / "run"

    def load(*arguments, **how):
        shutil.copytree(finished_run, out)
        return load_dataset(*arguments, **how)

    monkeypatch.setattr("mtrain.workflows.fit.load_dataset", load)
    before = (finished_run / "history.json").read_bytes()

    assert said(capsys, "fit", SMOKE, "--out", out, *options, "--quiet") == (
        status,
        f"mtrain: {out}: {message}\n",
    )
    assert (out / "history.json").read_bytes() == before


ENDLESS = """
dataset: {name: digits, samples: 200}
model: {hidden: 4}
metrics: [accuracy]
training: {epochs: 1000000, compile: graph, save_best: null}
"""


@pytest.mark.slow
def test_of_several_that_start_a_run_at_once_one_trains(tmp_path):
    """The others say who does, with status 1; a scheduler that requeues them needs no other config."""
    config, out = tmp_path / "endless.yaml", tmp_path / "run"
    config.write_text(ENDLESS)
    command = [COMMAND, "fit", str(config), "--out", str(out), "--resume", "--quiet"]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    try:
        deadline = time.monotonic() + 240
        while sum(process.poll() is None for process in processes) > 1:
            assert time.monotonic() < deadline, "the others did not end"
            time.sleep(0.05)
        (winner,) = [process for process in processes if process.poll() is None]
        others = [process for process in processes if process is not winner]
        messages = [process.communicate(timeout=60)[1] for process in others]
        winner.send_signal(signal.SIGTERM)
        _, said_by_winner = winner.communicate(timeout=120)
    finally:
        for process in processes:
            process.kill()
            process.wait(timeout=60)

    assert [process.returncode for process in others] == [1, 1], messages
    for message in messages:
        assert message.startswith(f"mtrain: {out}: is in use: process {winner.pid} on ")
        assert len(message.splitlines()) == 1
    assert (winner.returncode, said_by_winner) == (143, "")
    history = json.loads((out / "history.json").read_text())
    assert [segment["ended"] for segment in history["segments"]] == ["SIGTERM"]
