"""Runs with files that mtrain never writes, and machines without memory."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import CONFIGS

from mtrain.cli.main import run
from mtrain.run.directory import RunDirectory
from mtrain.run.find_checkpoint import list_checkpoints

COMMAND = str(Path(sys.executable).with_name("mtrain"))


@pytest.fixture
def copied_run(finished_run, tmp_path):
    """A run that a test may break."""
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def said(capsys, *arguments):
    """Exit status and what stderr says, of a command run in this process."""
    status = run(list(map(str, arguments)))
    return status, capsys.readouterr().err


@pytest.mark.parametrize("command", ["evaluate", "summary"])
def test_a_state_larger_than_any_is_refused_unread(copied_run, capsys, command):
    """A hundred gigabytes, of which the disk holds none."""
    (copied_run / "checkpoints" / "best").write_text("epoch-0004\n")
    state = copied_run / "checkpoints" / "epoch-0004" / "state.json"
    os.truncate(state, 10**11)

    assert said(capsys, command, copied_run) == (
        1,
        f"mtrain: {state}: 100,000,000,000 bytes, at most 100,000,120 expected\n",
    )


def test_resume_refuses_such_a_state_too(copied_run, capsys):
    """It is damaged as any other is."""
    for path in list_checkpoints(RunDirectory(copied_run)):
        os.truncate(path / "state.json", 10**11)
    status, text = said(capsys, "resume", copied_run)

    assert status == 1
    assert "state.json: 100,000,000,000 bytes, at most 100,000,120 expected\n" in text
    assert text.endswith(
        "no checkpoint is whole, so there is nothing to resume; train into another folder\n"
    )


@pytest.mark.parametrize("command", ["resume", "evaluate", "plot"])
@pytest.mark.parametrize(
    "name",
    [
        ".x.tmp",
        ".epoch-0002.old",
        "checkpoints/.epoch-0009.tmp",
        "evaluation/.test.old",
        "charts/.learning_curves.png.1.tmp",
    ],
)
def test_a_link_among_temporary_names_is_refused_by_name(
    copied_run, tmp_path, capsys, command, name
):
    """As any other link is; what it leads to stays."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.txt").write_text("mine")
    (copied_run / name).symlink_to(elsewhere)

    assert said(capsys, command, copied_run) == (
        1,
        f"mtrain: {copied_run / name}: is a symbolic link; a run must not have one\n",
    )
    assert (elsewhere / "mine.txt").read_text() == "mine"
    assert (copied_run / name).is_symlink()


def test_a_link_within_a_temporary_folder_is_refused_by_name(copied_run, tmp_path, capsys):
    folder = copied_run / ".code.tmp"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)

    assert said(capsys, "evaluate", copied_run) == (
        1,
        f"mtrain: {folder / 'link'}: is a symbolic link; a run must not have one\n",
    )


def test_a_training_into_a_folder_with_such_a_link_leaves_what_it_leads_to(tmp_path, capsys):
    """The link itself is a left-over, and goes away."""
    out, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.txt").write_text("mine")
    out.mkdir()
    (out / ".x.tmp").symlink_to(elsewhere)
    arguments = ["training.epochs=1", "training.compile=graph", "--out", out, "--quiet"]

    assert said(capsys, "fit", CONFIGS / "smoke.yaml", *arguments) == (0, "")
    assert not os.path.lexists(out / ".x.tmp")
    assert (elsewhere / "mine.txt").read_text() == "mine"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of memory that is kept")
@pytest.mark.parametrize(
    ("command", "limit"), [("check", 250_000_000), ("check", 10**9), ("fit", 10**9)]
)
def test_without_memory_for_a_library_there_is_a_message_and_no_traceback(tmp_path, command, limit):
    """As under `ulimit -v`, whatever the library raises as it is loaded; or else there is enough."""

    def limit_memory():
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    options = ["--out", str(tmp_path / "run")] if command == "fit" else []
    done = subprocess.run(
        [COMMAND, command, str(CONFIGS / "digits.yaml"), *options],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        preexec_fn=limit_memory,
    )

    assert "Traceback" not in done.stderr
    assert done.returncode in ({1} if limit < 10**9 else {0, 1}), done.stderr
    if done.returncode:
        assert done.stderr.splitlines()[-1].startswith("mtrain: ")
        assert not (tmp_path / "run" / "checkpoints").exists()
