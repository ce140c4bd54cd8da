"""Runs that are stopped, and go on as if they never had been."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import CONFIGS
from crashtest import digest
from stopped_runs import COMMAND, said, segments, stop_at
from waiting import watched

import mtrain
from mtrain.cli.main import run
from mtrain.errors import DivergedError
from mtrain.run.directory import LOCK, RunDirectory
from mtrain.run.find_checkpoint import list_checkpoints
from mtrain.run.lock import locked
from mtrain.run.recorder import Recorder


@pytest.mark.parametrize("epoch", [1, 2, 5, 6])
def test_a_stopped_run_ends_as_if_it_never_had_been(
    config, whole, tmp_path, monkeypatch, capsys, epoch
):
    """With dropout, batch normalisation, a schedule, Adam and early stopping."""
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_at(patch, epoch, signal.SIGTERM)
        status, text = said(capsys, "fit", config, "--out", out)
    assert status == 143
    assert f"Training ended: stopped by SIGTERM, saved; `mtrain resume {out}` continues it." in text
    assert segments(out)[0]["ended"] == "SIGTERM"
    checkpoint = list_checkpoints(RunDirectory(out))[0]
    status, text = said(capsys, "resume", out)

    assert status == 0
    assert f"Resuming from {checkpoint}." in text
    assert digest(out) == digest(whole)
    assert segments(out)[1]["resumed_from"] == checkpoint.name
    assert segments(out)[1]["ended"] == "finished"


def test_a_chosen_threshold_is_as_if_training_had_never_stopped(
    idx_folder, tmp_path, monkeypatch, capsys
):
    """Of a checkpoint within the first epoch there is none yet, which is said."""
    config = tmp_path / "two.yaml"
    config.write_text(
        f"dataset: {{name: mnist, path: {idx_folder(classes=2)}, classes: [stay, leave]}}\n"
        "training: {epochs: 3, batch_size: 8, class_weight: balanced}\n"
        "evaluation: {threshold: f1}\n"
    )
    whole, out = tmp_path / "whole", tmp_path / "run"
    assert said(capsys, "fit", config, "--out", whole, "--quiet") == (0, "")
    with monkeypatch.context() as patch:
        stop_at(patch, 1, signal.SIGTERM)
        assert said(capsys, "fit", config, "--out", out, "--quiet")[0] == 143
    assert run(["evaluate", str(out)]) == 0
    assert (
        "'leave' predicted above 0.5, not at the threshold of the best F1 on the validation split: "
        "no epoch is done yet"
    ) in capsys.readouterr().out
    assert said(capsys, "resume", out, "--quiet") == (0, "")

    assert digest(out) == digest(whole)


def test_fit_resume_starts_a_run_and_goes_on_with_it(config, whole, tmp_path, monkeypatch, capsys):
    """What a requeued job types, whatever happened to the one before."""
    arguments = ["fit", config, "--out", tmp_path / "run", "--resume", "--quiet", "--json"]
    with monkeypatch.context() as patch:
        stop_at(patch, 4, signal.SIGTERM)
        assert said(capsys, *arguments)[0] == 143
    assert said(capsys, *arguments) == (0, "")
    assert digest(tmp_path / "run") == digest(whole)

    assert run(list(map(str, arguments))) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["evaluation"] == json.loads((whole / "evaluation/test/metrics.json").read_text())


def finished(path, epochs):
    """What is said of a run in which all epochs are done."""
    return (
        f"{path} is finished; there is nothing to do. To train on: "
        f"`mtrain resume {path} training.epochs={2 * epochs}`\n"
    )


def test_fit_resume_without_out_means_the_run_of_that_name(tmp_path, monkeypatch, capsys):
    """`outputs/<name>`, never `<name>-2`."""
    monkeypatch.chdir(tmp_path)
    arguments = ["fit", CONFIGS / "smoke.yaml", "--resume"]
    assert said(capsys, *arguments)[0] == 0
    status, text = said(capsys, *arguments)

    assert (status, text) == (0, finished("outputs/smoke", 3))
    assert [path.name for path in Path("outputs").iterdir()] == ["smoke"]


def test_nothing_is_written_into_a_finished_run(whole, tmp_path, capsys):
    """Not even TensorFlow is loaded."""
    out = Path(shutil.copytree(whole, tmp_path / "run"))
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    code = (
        f"import sys; from mtrain.cli.main import run; status = run(['resume', {str(out)!r}]);"
        "assert 'tensorflow' not in sys.modules; sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0
    assert done.stderr == finished(out, 6)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_more_epochs_give_what_so_many_would_have_given(config, tmp_path, capsys):
    """Only when asked; recorded in the segments and in the saved config."""
    short, long = tmp_path / "short", tmp_path / "long"
    assert said(capsys, "fit", config, "training.epochs=3", "--out", short, "--quiet")[0] == 0
    assert said(capsys, "fit", config, "training.epochs=5", "--out", long, "--quiet")[0] == 0
    assert said(capsys, "resume", short)[1] == finished(short, 3)
    status, text = said(capsys, "resume", short, "training.epochs=5")

    assert status == 0
    assert "training.epochs was 3, is 5." in text
    assert digest(short) == digest(long)
    assert segments(short)[1]["epochs"] == [4, 5]
    assert segments(short)[1]["differences"] == {"training.epochs": [3, 5]}
    assert [segment["ended"] for segment in segments(short)] == ["finished", "finished"]
    assert (short / "config.yaml").read_text() == (long / "config.yaml").read_text()
    assert said(capsys, "resume", short)[1] == finished(short, 5)


def test_fewer_epochs_than_have_begun_are_refused(run_to_resume, capsys):
    """Two are done, the third is under way."""
    assert said(capsys, "resume", run_to_resume, "training.epochs=2") == (
        2,
        "mtrain: command line: training.epochs: must be at least 3 (epoch 3 has begun), got 2\n",
    )


def test_early_stopping_is_not_undone_by_more_epochs(tmp_path, capsys):
    """What it stopped stays stopped; the command that trains on is named, and works."""
    out = tmp_path / "run"
    arguments = ["training.early_stopping={patience: 1, min_delta: 9}", "--out", out]
    status, text = said(capsys, "fit", CONFIGS / "smoke.yaml", "training.epochs=9", *arguments)
    assert status == 0
    assert "Training ended: val_loss has not improved for 1 epochs." in text
    before = (out / "history.json").read_bytes()
    status, text = said(capsys, "resume", out, "training.epochs=12")

    why = "(val_loss has not improved for 1 epochs)"
    settings = "training.epochs=12 training.early_stopping=null"
    how = f"`mtrain resume {out} {settings} --allow-differences`"
    problem = f"12 epochs are not possible: early stopping ended {out} after 2 {why}"
    message = f"mtrain: command line: training.epochs: {problem}; to train on: {how}\n"
    assert (status, text) == (2, message)
    assert (out / "history.json").read_bytes() == before
    command = how.strip("`").split()[1:]
    status, text = said(capsys, *command)
    assert status == 0
    assert "epoch 12/12" in text


def test_a_run_without_a_checkpoint_starts_anew_and_says_so(config, whole, run_to_resume, capsys):
    """It was killed before the first one."""
    shutil.rmtree(run_to_resume / "checkpoints")
    history = json.loads((run_to_resume / "history.json").read_text())
    history["segments"][0]["ended"] = None
    (run_to_resume / "history.json").write_text(json.dumps(history))
    status, text = said(capsys, "resume", run_to_resume)

    assert status == 0
    assert text.startswith(f"{run_to_resume} has no checkpoint yet; training starts anew.\n")
    assert digest(run_to_resume) == digest(whole)


def test_a_result_without_checkpoints_is_not_overwritten(whole, tmp_path, capsys):
    """Somebody removed them; there is nothing to resume from, and something to lose."""
    out = Path(shutil.copytree(whole, tmp_path / "run"))
    shutil.rmtree(out / "checkpoints")
    message = "was trained, but its checkpoints are gone; train into another folder"

    assert said(capsys, "resume", out) == (1, f"mtrain: {out}: {message}\n")
    assert (out / "history.json").read_bytes() == (whole / "history.json").read_bytes()


def test_after_the_last_epoch_only_the_report_is_made(whole, tmp_path, capsys):
    """It was killed while it evaluated."""
    out = Path(shutil.copytree(whole, tmp_path / "run"))
    shutil.rmtree(out / "charts")
    (out / "evaluation/test/metrics.json").unlink()
    history = json.loads((out / "history.json").read_text())
    history["segments"][-1]["ended"] = None
    (out / "history.json").write_text(json.dumps(history))
    checkpoints = {path: path.stat().st_mtime_ns for path in out.glob("checkpoints/*/*")}
    status, text = said(capsys, "resume", out)

    assert status == 0
    assert "epoch 6/6" not in text
    assert digest(out) == digest(whole)
    assert len(list((out / "charts").iterdir())) == 4
    assert {path: path.stat().st_mtime_ns for path in out.glob("checkpoints/*/*")} == checkpoints


@pytest.mark.parametrize("file", ["arrays.npz", "state.json", "SHA256SUMS"])
def test_a_damaged_checkpoint_is_passed_over_and_named(whole, run_to_resume, capsys, file):
    """The one before it leads to the same end."""
    newest, before, *_ = list_checkpoints(RunDirectory(run_to_resume))
    content = bytearray((newest / file).read_bytes())
    content[len(content) // 2] ^= 4
    (newest / file).write_bytes(content)
    status, text = said(capsys, "resume", run_to_resume)

    assert status == 0
    assert text.startswith(f"{newest}")
    assert "; an older checkpoint is used.\n" in text
    assert f"Resuming from {before}." in text
    assert digest(run_to_resume) == digest(whole)


def test_a_lost_best_checkpoint_is_a_difference(run_to_resume, capsys):
    """No older checkpoint has its own best whole, either."""
    best = run_to_resume / "checkpoints" / "epoch-0002"
    for path in list_checkpoints(RunDirectory(run_to_resume)):
        if "step" not in path.name and path != best:
            shutil.rmtree(path)
    (best / "arrays.npz").write_bytes(b"")
    status, text = said(capsys, "resume", run_to_resume)
    assert status == 2
    assert "best checkpoint: was epoch-0002, is damaged" in text
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 3, signal.SIGTERM)
        assert said(capsys, "resume", run_to_resume, "--allow-differences", "--quiet")[0] == 143
    assert not (run_to_resume / "checkpoints" / "best").exists()
    assert said(capsys, "evaluate", run_to_resume)[0] == 0
    assert said(capsys, "resume", run_to_resume, "--quiet") == (0, "")

    kept = (run_to_resume / "checkpoints" / "best").read_text().strip()
    assert kept in {f"epoch-{epoch:04}" for epoch in (3, 4, 5, 6)}
    assert segments(run_to_resume)[1]["differences"] == {
        "best checkpoint": ["epoch-0002", "damaged"]
    }


def test_runs_are_listed_with_how_they_ended(config, tmp_path, monkeypatch, capsys):
    """One stopped, one finished, one damaged; the latest last."""
    assert said(capsys, "fit", config, "--out", tmp_path / "first", "--quiet")[0] == 0
    with monkeypatch.context() as patch:
        stop_at(patch, 2, signal.SIGTERM)
        assert said(capsys, "fit", config, "--out", tmp_path / "second", "--quiet")[0] == 143
    shutil.copytree(tmp_path / "first", tmp_path / "third")
    (tmp_path / "third" / "history.json").write_text("{")

    assert run(["runs", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    heading, first, second = out.splitlines()
    assert heading.split()[:3] == ["run", "data", "hidden"]
    history = json.loads((tmp_path / "first" / "history.json").read_text())
    losses = history["history"]["val_loss"]
    best = min(losses)
    assert first.startswith("first")
    assert "  finished  " in first
    assert " 32 " in first
    assert f"{best:.4g} val_loss" in first
    at_best = {k: np.array(v[losses.index(best)]) for k, v in history["counts"]["val"].items()}
    tp, fp, fn = (at_best[key] for key in ("tp", "fp", "fn"))
    f1 = 2 * tp / (2 * tp + fp + fn)
    assert f" {f1.min():.3f} {f1.argmin()} (val)" in first
    assert second.startswith("second")
    assert "  stopped by SIGTERM  " in second
    assert err.startswith(f"{tmp_path / 'third' / 'history.json'}: not JSON as mtrain writes it")


def test_what_is_no_run_is_not_resumed(tmp_path, capsys):
    """A folder with something else in it is left alone."""
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "config.yaml").write_text("# mine, too\n")
    message = "not a run directory (no environment.json); `mtrain fit` makes one"
    assert said(capsys, "resume", tmp_path) == (1, f"mtrain: {tmp_path}: {message}\n")
    arguments = ["fit", CONFIGS / "smoke.yaml", "--out", tmp_path, "--resume"]
    assert said(capsys, *arguments) == (1, f"mtrain: {tmp_path}: {message}\n")
    nope = tmp_path / "nope"
    assert said(capsys, "resume", nope) == (
        1,
        f"mtrain: {nope}: no such run; `mtrain fit` makes one\n",
    )
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", "config.yaml"}
    (nope).write_bytes(b"\x89HDF\r\n\x1a\n")
    assert "an HDF5 file, as Keras' .h5" in said(capsys, "resume", nope)[1]
    arguments = ["fit", CONFIGS / "smoke.yaml", "--allow-differences"]
    assert said(capsys, *arguments) == (2, "mtrain: --allow-differences: needs --resume\n")


def test_of_two_trainings_in_a_folder_the_second_is_refused(run_to_resume, capsys):
    """It names the process; a lock that a killed process left is no obstacle."""
    assert (run_to_resume / LOCK).is_file()
    other = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import sys, pathlib; from mtrain.run.lock import locked\n"
            "with locked(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()",
            str(run_to_resume),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with watched(other):
        assert other.stdout.readline() == "held\n"
        for arguments in (
            ["resume", run_to_resume],
            ["fit", CONFIGS / "smoke.yaml", "--out", run_to_resume],
            ["fit", CONFIGS / "smoke.yaml", "--out", run_to_resume, "--resume"],
        ):
            status, text = said(capsys, *arguments)
            assert status == 1
            assert text.startswith(f"mtrain: {run_to_resume}: is in use: process {other.pid} on ")
        other.kill()
    with locked(run_to_resume):
        assert (run_to_resume / ".writer").read_text().startswith(f"process {os.getpid()} on ")


def test_a_folder_deleted_meanwhile_ends_the_training(config, tmp_path, monkeypatch, capsys):
    """With its name; it is not made again."""
    out = tmp_path / "run"
    original = Recorder.progress

    def progress(self, take_state):
        shutil.rmtree(out, ignore_errors=True)
        original(self, take_state)

    monkeypatch.setattr(Recorder, "progress", progress)
    status, text = said(capsys, "fit", config, "--out", out, "--quiet")

    assert status == 1
    assert text.startswith(f"mtrain: {out}/checkpoints")
    assert text.endswith("cannot be written: No such file or directory\n")
    assert not out.exists()


def test_a_diverged_run_keeps_its_last_good_checkpoint(tmp_path, monkeypatch, capsys):
    """Status 4; the message names the epoch, the cause and the checkpoint."""
    out = tmp_path / "run"
    original = Recorder.progress

    def progress(self, take_state):
        if len(self.history.epoch) == 2:
            raise DivergedError("epoch 3, step 1: the loss is nan: training diverged")
        original(self, take_state)

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "progress", progress)
        status, text = said(capsys, "fit", CONFIGS / "smoke.yaml", "--out", out, "--quiet")
    assert status == 4
    assert text == (
        "mtrain: epoch 3, step 1: the loss is nan: training diverged; checkpoint epoch-0002 is the "
        "last good one\n"
    )
    assert segments(out)[0]["ended"] == "diverged"
    assert said(capsys, "evaluate", out)[0] == 0


def test_the_seconds_of_an_epoch_go_on_where_they_were(run_to_resume, capsys):
    """An epoch that took an hour before the kill is not one of a second."""
    newest = list_checkpoints(RunDirectory(run_to_resume))[0]
    seconds = json.loads((newest / "state.json").read_text())["seconds"]
    assert said(capsys, "resume", run_to_resume, "--quiet") == (0, "")

    assert json.loads((run_to_resume / "history.json").read_text())["seconds"][2] > seconds > 0


def test_from_python(stopped, whole, tmp_path):
    """`mtrain.resume`, and `mtrain.fit` with `resume`."""
    for name in "ab":
        shutil.copytree(stopped, tmp_path / name)
    done = mtrain.resume(tmp_path / "a")
    assert done.history.epoch == [1, 2, 3, 4, 5, 6]
    mtrain.fit(stopped / "config.yaml", out=tmp_path / "b", resume=True)

    assert digest(tmp_path / "a") == digest(tmp_path / "b") == digest(whole)


def test_a_kill_while_the_first_files_are_written_blocks_nobody(tmp_path, capsys):
    """What it leaves is no run, and goes away."""
    out = tmp_path / "run"
    out.mkdir()
    for name in (".lock", ".writer", ".config.yaml.123.tmp", "..writer.123.tmp"):
        (out / name).touch()
    arguments = ["fit", CONFIGS / "smoke.yaml", "--out", out, "--resume", "--quiet"]

    assert said(capsys, *arguments) == (0, "")
    assert {path.name for path in out.glob(".*")} == {".lock", ".evaluating"}


def test_an_extended_run_that_is_killed_at_its_end_is_not_called_finished(tmp_path, capsys):
    """Its history is written before it trains, and the kill came before it was again."""
    out = tmp_path / "run"
    assert said(capsys, "fit", CONFIGS / "smoke.yaml", "--out", out, "--quiet") == (0, "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mtrain.run.recorder.HISTORY_SECONDS", 1e9)
        patch.setattr(Recorder, "_write_history", killed_at(2, Recorder._write_history))
        assert run(["resume", str(out), "training.epochs=5", "--quiet"]) == 1
    assert list_checkpoints(RunDirectory(out))[0].name == "epoch-0005"
    status, text = said(capsys, "resume", out)

    assert status == 0
    assert "nothing to do" not in text
    assert len(json.loads((out / "history.json").read_text())["epoch"]) == 5


def killed_at(call, method):
    """The method, but for one call that ends everything."""
    calls = []

    def called(*arguments, **options):
        calls.append(1)
        if len(calls) == call:
            raise InterruptedError
        return method(*arguments, **options)

    return called


def test_a_finished_run_with_a_damaged_best_has_nothing_to_do(whole, tmp_path, capsys):
    """Its results are there."""
    out = Path(shutil.copytree(whole, tmp_path / "run"))
    best = (out / "checkpoints" / "best").read_text().strip()
    (out / "checkpoints" / best / "arrays.npz").write_bytes(b"")

    assert said(capsys, "resume", out, "--quiet") == (0, "")


@pytest.mark.parametrize(
    ("epochs", "by_command"), [(10, False), pytest.param(3, True, marks=pytest.mark.slow)]
)
def test_trainings_of_one_epoch_carried_on_are_one_training(tmp_path, epochs, by_command):
    config = tmp_path / "tiny.yaml"
    config.write_text(
        "dataset: {name: digits, samples: 200}\nmodel: {hidden: 2}\nmetrics: [accuracy]\n"
        "training: {batch_size: 10}\n"
    )
    whole = mtrain.fit(config, out=tmp_path / "whole", **{"training.epochs": epochs})
    out = tmp_path / "carried"
    mtrain.fit(config, out=out, report=False, **{"training.epochs": 1})
    assert not (out / "evaluation").exists()
    for epoch in range(2, epochs + 1):
        setting = {"training.epochs": epoch}
        if by_command:
            subprocess.run(
                [COMMAND, "resume", out, f"training.epochs={epoch}", "--quiet"], check=True
            )
        else:
            mtrain.resume(out, report=epoch == epochs, **setting)

    ours, theirs = (json.loads((path / "history.json").read_text()) for path in (out, whole.path))
    for key in ("epoch", "history", "counts", "per_class"):
        assert ours[key] == theirs[key]
    assert len(ours["segments"]) == epochs
    assert (out / "evaluation" / "test" / "metrics.json").is_file()
