"""What TensorFlow prints of its own while it starts to compute."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import CONFIGS
from waiting import HANGS

NOISY = """
import os
from mtrain.engine import backend
backend.load_tensorflow()
import tensorflow as tf

def noisy(function, **options):
    def computed(x):
        os.write(2, b"I0000 XLA service\\n")
        {then}
    return computed

tf.function = noisy
backend.start_device(jit_compile=True)
os.write(2, b"begun\\n")
"""


def started(script, *arguments):
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )


def test_what_is_printed_is_held_back():
    """And what comes afterwards is shown."""
    done = started(NOISY.format(then="return function(x)"))

    assert (done.returncode, done.stderr) == (0, "begun\n")


def test_what_is_printed_is_shown_where_it_fails():
    """Before the traceback, or the message."""
    done = started(NOISY.format(then="raise ValueError('no device')"))

    assert done.returncode != 0
    assert done.stderr.startswith("I0000 XLA service\n")
    assert "no device" in done.stderr


@pytest.mark.parametrize("compilation", ["graph", "xla"])
def test_a_quiet_training_prints_nothing_on_stderr(tmp_path, compilation):
    """From the first import to the last chart."""
    script = "from mtrain.cli.main import main; main()"
    arguments = ["fit", CONFIGS / "smoke.yaml", f"training.compile={compilation}", "--quiet"]
    done = started(script, *arguments, "--out", tmp_path / "run")

    assert (done.returncode, done.stderr) == (0, "")
