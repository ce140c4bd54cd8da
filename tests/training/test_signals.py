"""Signals that end a training, and what it leaves behind."""

from __future__ import annotations

import os
import pty
import signal
import subprocess

import pytest
from conftest import CONFIGS
from crashtest import digest
from stopped_runs import COMMAND, said, segments, stop_at
from waiting import cpu_of, cpu_of_children, killed_if_it_hangs, wait_until, watched

import mtrain
from mtrain.cli.main import run
from mtrain.engine.predictor import Predictor
from mtrain.run.directory import RunDirectory
from mtrain.run.find_checkpoint import list_checkpoints


def test_a_signal_during_validation_stops_after_it(config, whole, tmp_path, monkeypatch, capsys):
    """The epoch is whole then."""
    out = tmp_path / "run"
    original = Predictor.predict

    def predict(self, split):
        os.kill(os.getpid(), signal.SIGTERM)
        return original(self, split)

    with monkeypatch.context() as patch:
        patch.setattr(Predictor, "predict", predict)
        assert said(capsys, "fit", config, "--out", out, "--quiet")[0] == 143
    assert list_checkpoints(RunDirectory(out))[0].name == "epoch-0001"
    assert said(capsys, "resume", out, "--quiet") == (0, "")
    assert digest(out) == digest(whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_has_its_status(config, tmp_path, monkeypatch, number):
    """128 and its number, as of a shell."""
    stop_at(monkeypatch, 2, number)

    assert run(["fit", str(config), "--out", str(tmp_path / "run"), "--quiet"]) == 128 + number


def test_a_second_sigint_stops_at_once(config, whole, tmp_path, monkeypatch):
    """Nothing more is saved; what was saved is whole."""
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_at(patch, 3, signal.SIGINT, signal.SIGINT)
        assert run(["fit", str(config), "--out", str(out), "--quiet"]) == 130
    assert list_checkpoints(RunDirectory(out))[0].name == "epoch-0002"
    assert segments(out)[0]["ended"] is None

    assert run(["resume", str(out), "--quiet"]) == 0
    assert digest(out) == digest(whole)


def test_signals_that_come_in_twos_save_all_the_same(config, whole, tmp_path, monkeypatch):
    """A terminal that is closed may send SIGHUP twice; systemd sends SIGTERM and SIGHUP."""
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_at(patch, 3, signal.SIGTERM, signal.SIGHUP, signal.SIGTERM)
        assert run(["fit", str(config), "--out", str(out), "--quiet"]) == 143
    assert segments(out)[0]["ended"] == "SIGTERM"

    assert run(["resume", str(out), "--quiet"]) == 0
    assert digest(out) == digest(whole)


def test_a_signal_that_is_ignored_stays_ignored(config, tmp_path, monkeypatch):
    """As `nohup` has SIGHUP."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        stop_at(monkeypatch, 2, signal.SIGHUP)
        assert run(["fit", str(config), "--out", str(tmp_path / "run"), "--quiet"]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_ends_a_program_that_trains(config, whole, tmp_path, monkeypatch):
    """It is saved, and then does what it does to any program: Ctrl-C leaves a loop of trainings."""
    with monkeypatch.context() as patch:
        stop_at(patch, 2, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            mtrain.fit(config, out=tmp_path / "run")
    mtrain.resume(tmp_path / "run")

    assert digest(tmp_path / "run") == digest(whole)


def test_a_terminal_that_goes_away_is_a_hangup(config, whole, tmp_path):
    """SIGHUP, and nothing to write to any longer: saved, and resumed identical."""
    out = tmp_path / "run"
    pid, terminal = pty.fork()
    if pid == 0:
        arguments = ["fit", str(config), "training.epochs=1000", "--out", str(out)]
        os.execv(COMMAND, [COMMAND, *arguments])
    with killed_if_it_hangs(pid):
        drain(terminal, out)
        os.close(terminal)
        _, status = os.waitpid(pid, 0)

    assert os.waitstatus_to_exitcode(status) == 129
    assert segments(out)[0]["ended"] == "SIGHUP"
    assert run(["evaluate", str(out)]) == 0


def drain(terminal, out):
    """Read what is shown until an epoch is done, or the process ends."""
    while not has_finished_an_epoch(out):
        try:
            os.read(terminal, 65536)
        except OSError:
            return


def has_finished_an_epoch(out):
    """By any of its checkpoints: that of the first epoch may have been replaced by now."""
    names = (path.name for path in out.glob("checkpoints/epoch-*"))
    return any(name >= "epoch-0001" and "epoch-0001-step-" not in name for name in names)


@pytest.mark.slow
def test_a_long_epoch_is_left_in_its_middle(fashion_folder, tmp_path):
    """SIGTERM in one of Fashion-MNIST 500x5: saved in less than 10 s of CPU, resumed identical."""
    config = CONFIGS / "fashion_mnist_500x5.yaml"
    settings = [f"dataset.path={fashion_folder}", "training.epochs=1", "training.batch_size=64"]
    settings += ["dataset.samples=20000"]
    command = [COMMAND, "fit", str(config), *settings, "--quiet", "--out"]
    assert subprocess.run([*command, tmp_path / "whole"], check=False).returncode == 0
    before = cpu_of_children()
    process = subprocess.Popen([*command, tmp_path / "stopped", "checkpoint.every_seconds=1"])
    within = "stopped/checkpoints/epoch-0001-step-*"
    with watched(process):
        assert wait_until(lambda: any(tmp_path.glob(within)), process)
        training = cpu_of(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 143
    assert cpu_of_children() - before - training < 10
    newest = list_checkpoints(RunDirectory(tmp_path / "stopped"))[0]
    assert newest.name.startswith("epoch-0001-step-")

    subprocess.run([COMMAND, "resume", tmp_path / "stopped", "--quiet"], check=True)
    assert digest(tmp_path / "stopped") == digest(tmp_path / "whole")
