"""What `mtrain --version` prints, alone and with `--verbose`."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import version

from command_line import mtrain_process, said
from conftest import ROOT

import mtrain


def test_version_is_one_line():
    """For scripts."""
    done = mtrain_process("--version")
    assert (done.returncode, done.stdout) == (0, f"mtrain {mtrain.__version__}\n")


def test_version_with_verbose_prints_what_a_bug_report_needs():
    """A fact a line, unbroken in a narrow terminal as well."""
    flags = {"XLA_FLAGS": "--xla_cpu_enable_fast_math=false", "COLUMNS": "20"}
    done = mtrain_process("--version", "--verbose", **flags)
    first, *lines = done.stdout.splitlines()
    facts = dict(line.split(": ", 1) for line in lines)

    assert (done.returncode, done.stderr) == (0, "")
    assert first == f"mtrain {mtrain.__version__}"
    assert facts["folder"].startswith(f"{ROOT / 'mtrain'} (")
    assert facts["Python"] == f"CPython {platform.python_version()} ({sys.executable})"
    assert facts["platform"] == platform.platform()
    assert facts["CPUs"] == str(len(os.sched_getaffinity(0)))
    for package in ("tensorflow", "keras", "numpy", "scikit-learn"):
        assert facts[package] == version(package)
    onnx = f"onnx {version('onnx')}, onnxruntime {version('onnxruntime')}"
    assert facts["extra onnx"] == onnx
    assert "XLA_FLAGS=--xla_cpu_enable_fast_math=false" in facts["variables"]


def test_verbose_alone_is_refused(capsys):
    """It would change nothing; with a command, too, which is not run."""
    says = "--verbose: needs --version; `mtrain --version --verbose` prints what a bug report needs"
    assert said(capsys, "--verbose") == (2, says)
    assert said(capsys, "--verbose", "runs", "nowhere") == (2, says)
