"""What commands leave in the folder of temporary files: nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from waiting import HANGS


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        pytest.param(["export", "--format", "saved_model", "--out", "saved"], {}, id="tensorflow"),
        # Where matplotlib finds no place for its list of fonts, it makes one.
        pytest.param(
            ["plot", "--out", "charts"],
            {"HOME": os.devnull, "XDG_CONFIG_HOME": os.devnull, "XDG_CACHE_HOME": os.devnull},
            id="matplotlib",
        ),
    ],
)
def test_what_libraries_remove_at_exit_is_removed(finished_run, tmp_path, arguments, settings):
    """Though the command does not take Python apart as it ends."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command, *options = arguments

    done = subprocess.run(
        [sys.executable, "-m", "mtrain", command, str(finished_run), *options],
        cwd=tmp_path,
        # Python's own cache of the modules that TensorFlow writes there would stay.
        env={
            **os.environ,
            **settings,
            "TMPDIR": str(temporary),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert list(temporary.iterdir()) == []
