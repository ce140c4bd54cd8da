"""Offline files of W&B that are cut short, or gone; here the disk is full where a file gets too large."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rights import without_roots_rights

import mtrain
from mtrain.run.tracking import read_tracking

pytest.importorskip("wandb", reason="the extra mtrain[wandb] is not installed")

from mtrain.trackers.wandb_file import is_whole

COMMAND = str(Path(sys.executable).with_name("mtrain"))
FULL_DISK = (
    "import resource, sys\n"
    "from mtrain.cli.main import run\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)\n"
    "sys.exit(run(sys.argv[2:]))\n"
)
SETTINGS = {"dataset": {"name": "digits"}, "model": {"hidden": 4}, "training": {"epochs": 6}}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that no tracker knows."""
    return mtrain.fit(SETTINGS, out=tmp_path_factory.mktemp("runs") / "trained").path


@pytest.fixture
def copied(trained, tmp_path):
    """The same run."""
    return shutil.copytree(trained, tmp_path / "run")


def files(folder):
    return sorted(folder.glob("wandb/offline-run-*/run-*.wandb"))


def start(folder, offline, full_at=None, **options):
    """Log it to files in the folder `offline`; files of `full_at` bytes cannot grow."""
    # Without a WANDB_SERVICE of this process, which would write the files.
    environment = {key: value for key, value in os.environ.items() if "WANDB" not in key}
    environment |= {"WANDB_MODE": "offline", "WANDB_DIR": str(offline)}
    program = [COMMAND] if full_at is None else [sys.executable, "-c", FULL_DISK, str(full_at)]
    return subprocess.run(
        [*program, "log", str(folder), "--to", "wandb"],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        **options,
    )


def log(folder, offline, **options):
    """What was new."""
    done = start(folder, offline, **options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.partition(": ")[2].partition(";")[0]


def test_a_file_is_whole_unless_it_is_cut_short_or_damaged_anywhere(copied, tmp_path):
    assert log(copied, tmp_path) == "6 epochs and its outcome"

    (file,) = files(tmp_path)
    content = file.read_bytes()
    assert len(content) > 32_768  # records are in several pieces
    assert is_whole(file)
    part = tmp_path / "part"
    for size in (0, 6, 7, 13, *range(100, len(content), 499), len(content) - 1):
        part.write_bytes(content[:size])
        assert not is_whole(part), size
        part.write_bytes(content[:size] + b"\0" * (len(content) - size - 1))
        assert not is_whole(part), size
    for place in range(7, len(content), 1999):
        part.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert not is_whole(part), place
    part.write_bytes(b":W&B\xe1\xbe\x01another version of the format")
    assert is_whole(part)


def test_a_run_that_a_full_disk_cut_short_is_logged_again(copied, tmp_path):
    done = start(copied, tmp_path, full_at=20_000)

    (file,) = files(tmp_path)
    assert file.stat().st_size == 20_000
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"mtrain: {file}: W&B has not written the whole of it; log the run again when the disk has "
        "room\n"
    )
    assert json.loads((copied / "tracking.json").read_text())["logged"] == {}
    assert log(copied, tmp_path) == "6 epochs and its outcome"
    assert log(copied, tmp_path) == "nothing new"


def test_a_disk_that_is_full_from_the_beginning_is_said_in_one_line(copied, tmp_path):
    """W&B cannot even write its log, and `logging` would print each line that fails."""
    read_tracking(copied)

    done = start(copied, tmp_path, full_at=100)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"mtrain: {tmp_path / 'wandb'}: W&B refuses, or does not answer: File too large\n"
    )


def test_a_run_is_logged_again_if_its_offline_file_is_gone(copied, tmp_path):
    """Whatever the folder of offline files is now."""
    assert log(copied, tmp_path) == "6 epochs and its outcome"
    (file,) = files(tmp_path)
    assert json.loads((copied / "tracking.json").read_text())["files"] == {"wandb": str(file)}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert log(copied, elsewhere) == "nothing new"
    shutil.rmtree(file.parent)

    assert log(copied, elsewhere) == "6 epochs and its outcome"
    assert log(copied, tmp_path) == "nothing new"
    (again,) = files(elsewhere)
    assert again.name == file.name


def test_a_run_of_which_no_file_is_known_is_not_logged_again(copied, tmp_path):
    """It was given to a server, or by an mtrain that did not keep the names of files."""
    log(copied, tmp_path)
    path = copied / "tracking.json"
    content = json.loads(path.read_text())
    del content["files"]
    path.write_text(json.dumps(content))

    assert log(copied, tmp_path) == "nothing new"


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux' capabilities")
def test_a_run_that_cannot_be_written_is_logged_each_time(copied, tmp_path):
    """Nothing remembers what was given."""
    read_tracking(copied)
    for path in (copied, *copied.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    for n in (1, 2):
        new = log(copied, tmp_path, preexec_fn=without_roots_rights)
        assert new == "6 epochs and its outcome"
        assert len(files(tmp_path)) == n
