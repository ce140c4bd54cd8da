"""TensorBoard's and Trackio's files where the disk is full: here where a file gets too large."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from mlflow_server import TRACKERS, needs_trackers

import mtrain
from mtrain.run.tracking import read_tracking

PROGRAM = (
    "import resource, site, sys\n"
    "site.addsitedir(sys.argv[1])\n"
    "from mtrain.cli.main import run\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)\n"
    "sys.exit(run(sys.argv[3:]))\n"
)
SETTINGS = {"dataset": {"name": "digits"}, "model": {"hidden": 4}, "training": {"epochs": 2}}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that has an id for trackers."""
    path = mtrain.fit(SETTINGS, out=tmp_path_factory.mktemp("runs") / "trained").path
    read_tracking(path)
    return path


@pytest.fixture
def copied(trained, tmp_path):
    """The same run."""
    return shutil.copytree(trained, tmp_path / "run")


def log(folder, to, size, packages=""):
    """Status and streams, if no file can have more than `size` bytes."""
    command = [sys.executable, "-c", PROGRAM, packages, str(size), "log", str(folder), "--to", to]
    environment = os.environ | {"TRACKIO_DIR": str(folder.parent / "trackio")}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    return done.returncode, done.stdout, done.stderr


def test_event_files_that_a_full_disk_cuts_short_are_said_in_one_line(copied, tmp_path):
    pytest.importorskip("tensorboard", reason="the extra mtrain[tensorboard] is not installed")
    events = tmp_path / "events"
    of_run = events / f"run-{read_tracking(copied).id[:8]}"

    assert log(copied, f"tensorboard={events}", 3000) == (
        1,
        "",
        f"mtrain: {of_run}: cannot be written: File too large\n",
    )
    status, out, err = log(copied, f"tensorboard={events}", 10_000_000)
    assert (status, err) == (0, "")
    assert ": 2 epochs and its outcome; " in " ".join(out.split())


@needs_trackers
@pytest.mark.parametrize(
    ("size", "problem"),
    [
        (
            10,
            "Trackio's database has not kept what it was given; log the run again when the disk has "
            "room",
        ),
        (5000, "Trackio refuses, or does not answer: disk I/O error"),
    ],
)
def test_a_database_of_trackio_on_a_full_disk_is_named_in_one_line(copied, tmp_path, size, problem):
    """Also the second time, when the file is there and has no table."""
    (packages,) = map(str, (TRACKERS.parent / "lib").glob("python*/site-packages"))
    for _ in (1, 2):
        status, out, err = log(copied, "trackio", size, packages)
        assert (status, out) == (1, "")
        assert err == f"mtrain: {tmp_path / 'trackio'}: {problem}\n"

    status, out, err = log(copied, "trackio", 100_000_000, packages)
    assert (status, err) == (0, "")
    assert ": 2 epochs and its outcome; " in " ".join(out.split())
