"""Signals while a command predicts, evaluates or exports: one line, a status, and nothing half written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from predicted_runs import refused
from waiting import wait_until, watched

import mtrain.workflows.export as exporting
from mtrain.cli.main import run
from mtrain.engine.predictor import Predictor
from mtrain.run.bad_rows import BadRows
from mtrain.run.prediction_table import CsvWriter, ParquetWriter

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def stopping(number, function=None):
    """A function that is stopped by a signal first."""

    def stopped(*arguments, **settings):
        os.kill(os.getpid(), number)
        return None if function is None else function(*arguments, **settings)

    return stopped


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_a_stopped_prediction_leaves_no_file(tabular, tmp_path, capsys, monkeypatch, number, name):
    """Where a part of the rows was written, and those that are set aside; an earlier file stays."""
    rows, out, aside = tabular.parent / "test.csv", tmp_path / name, tmp_path / "bad.csv"
    assert run(["predict", str(tabular), str(rows), "--out", str(out)]) == 0
    before = out.read_bytes()
    for writer in (CsvWriter, ParquetWriter):
        monkeypatch.setattr(writer, "write", stopping(number, writer.write))

    found = refused(capsys, tabular, rows, "--out", out, "--bad-rows", aside)

    assert found == (128 + number, f"stopped by {number.name}; nothing was written")
    assert list(tmp_path.iterdir()) == [out]
    assert out.read_bytes() == before
    found = refused(capsys, tabular, rows)
    assert found == (128 + number, f"stopped by {number.name}; nothing was written")


def test_a_signal_once_all_rows_are_predicted_does_not_part_the_files(
    tabular, tmp_path, monkeypatch
):
    """The rows set aside are written first."""
    monkeypatch.setattr(BadRows, "close", stopping(signal.SIGTERM, BadRows.close))
    rows, out, aside = tabular.parent / "test.csv", tmp_path / "out.csv", tmp_path / "bad.csv"

    arguments = ["--out", str(out), "--bad-rows", str(aside)]
    assert run(["predict", str(tabular), str(rows), *arguments]) == 0

    assert sorted(tmp_path.iterdir()) == [aside, out]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_command_that_waits_for_its_rows_leaves_nothing(tabular, tmp_path, number):
    """What has come from standard input is in a temporary file."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mtrain", "predict", str(tabular), "-"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with watched(process):
        process.stdin.write("length,kind,is wet\n" * 10_000)
        process.stdin.flush()
        assert wait_until(lambda: list(tmp_path.rglob("stdin.csv")) != [], process)
        process.send_signal(number)
        printed = process.communicate()

    assert printed == ("", f"mtrain: stopped by {number.name}; nothing was written\n")
    assert process.returncode == 128 + number
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "place", "name", "number"),
    [
        ("evaluate", Predictor, "predict", signal.SIGTERM),
        ("export", exporting, "prove", signal.SIGINT),
    ],
)
def test_a_stopped_evaluation_or_export_says_so(
    finished_run, tmp_path, capsys, monkeypatch, command, place, name, number
):
    """And leaves no part of its files."""
    monkeypatch.setattr(place, name, stopping(number))
    capsys.readouterr()

    status = run([command, str(finished_run), "--out", str(tmp_path / "out.onnx")])

    assert status == 128 + number
    assert capsys.readouterr() == ("", f"mtrain: stopped by {number.name}\n")
    assert list(tmp_path.iterdir()) == []
