"""A `matplotlibrc` that lies in the current folder is not read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import CONFIGS
from waiting import HANGS

from mtrain.metrics.counts import class_counts
from mtrain.metrics.epoch import EpochFigures
from mtrain.metrics.history import History
from mtrain.records.run import Segment
from mtrain.run.history import HistoryFile

COMMAND = str(Path(sys.executable).with_name("mtrain"))

SETTINGS = {
    "nonsense": b"backend: nonsense\nfont.size: 99\n",
    "no text": b"\xff\xfe\x00",
    "another look": b"font.size: 99\naxes.facecolor: black\n",
}


@pytest.fixture
def history(tmp_path):
    """The path of a history of one epoch."""
    counts = class_counts(np.array([[3, 1], [0, 4]]))
    scalars = {"loss": 0.5, "accuracy": 7 / 8, "learning_rate": 0.001}
    history = History("a run", ("cat", "dog"), segments=[Segment((1, 0))])
    history.append(EpochFigures(1, scalars, {"train": counts}, {"train": {}}), seconds=1.0)
    path = tmp_path / "history.json"
    HistoryFile(history, path).write()
    return path


def command_in(folder, *arguments):
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )


@pytest.fixture(params=list(SETTINGS))
def folder(request, tmp_path):
    """Has a matplotlibrc."""
    path = tmp_path / "folder"
    path.mkdir()
    (path / "matplotlibrc").write_bytes(SETTINGS[request.param])
    return path


def test_charts_are_those_of_any_other_folder(history, folder, tmp_path):
    """To the byte, with no word on what it holds."""
    other = tmp_path / "other"
    other.mkdir()
    for place in (other, folder):
        done = command_in(place, "plot", history, "--out", "charts")
        assert (done.returncode, done.stderr) == (0, "")

    names = sorted(path.name for path in (folder / "charts").iterdir())
    assert names == ["learning_curves.png", "precision_by_class.png", "recall_by_class.png"]
    for name in names:
        ours, theirs = folder / "charts" / name, other / "charts" / name
        assert ours.read_bytes() == theirs.read_bytes()


def test_keras_which_imports_matplotlib_is_loaded(tmp_path):
    """`summary` of a config loads it."""
    (tmp_path / "matplotlibrc").write_bytes(SETTINGS["no text"])
    done = command_in(tmp_path, "summary", CONFIGS / "smoke.yaml")

    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_that_has_been_deleted_is_no_obstacle(history, tmp_path):
    """The charts go to an absolute path."""
    folder, out = tmp_path / "folder", tmp_path / "charts"
    folder.mkdir()
    code = (
        "import os, sys; os.rmdir(os.getcwd());"
        "from mtrain.cli.main import run; sys.exit(run(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, "plot", str(history), "--out", str(out)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert (out / "learning_curves.png").is_file()


def test_the_current_folder_stays_what_it_is(tmp_path):
    """Paths that a program gives later are relative to it."""
    code = "import os, mtrain.report.charts.style; print(os.getcwd())"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )

    assert done.stdout.strip() == os.path.realpath(tmp_path), done.stderr
