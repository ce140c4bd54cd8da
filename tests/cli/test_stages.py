"""Whatever takes more than a second is announced."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from conftest import CONFIGS
from rich.console import Console

import mtrain
from mtrain.cli.main import run
from mtrain.data.files import large_files
from mtrain.report.console.live import LiveTable
from mtrain.report.console.terminal import waiting


class Terminal(io.StringIO):
    """Claims to be one."""

    def isatty(self):
        """As a terminal would say."""
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A stream that looks like a terminal."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return Terminal()


class Stages(mtrain.Observer):
    """Remembers what it was told of."""

    def __init__(self):
        self.stages = []

    def stage(self, what):
        """Something begins."""
        self.stages.append(what)


def test_a_training_announces_what_takes_long(tmp_path):
    """Reading, loading, and what comes between the last epoch and the results."""
    stages = Stages()
    config = {"dataset": {"samples": 100}, "training": {"epochs": 1}}
    mtrain.fit(config, out=tmp_path / "run", observer=stages)

    assert stages.stages == [
        "reading the data",
        "loading TensorFlow",
        "evaluating, and drawing charts",
        "",
    ]


def test_a_training_that_fails_takes_its_announcement_away(tmp_path):
    """Before the error is printed."""
    stages = Stages()
    config = {"dataset": {"name": "csv", "path": str(tmp_path / "no.csv"), "target": "x"}}
    with pytest.raises(mtrain.MtrainError):
        mtrain.fit(config, out=tmp_path / "run", observer=stages)

    assert stages.stages == ["reading the data", ""]


def test_the_live_display_announces_in_a_line_that_goes_away():
    """A note in between does not leave its end behind."""
    stream = io.StringIO()
    table = LiveTable(Console(file=stream, force_terminal=True, width=40, color_system=None))
    table.stage("reading the data")
    table.note("Hello.")
    table.stage("")

    line = "reading the data ..."
    assert stream.getvalue() == f"{line}\r{'Hello.':<20}\n{line}\r{' ' * 20}\r"


def test_a_command_announces_on_a_terminal_alone(terminal):
    """And erases the line, whatever happens."""
    with pytest.raises(KeyError), waiting("drawing", terminal):
        raise KeyError
    assert terminal.getvalue() == "drawing ...\r           \r"

    with waiting("drawing", pipe := io.StringIO()):
        pass
    assert pipe.getvalue() == ""


def test_predict_tells_the_rows_done(terminal, monkeypatch, tmp_path):
    """After each piece, and how much of the input is read; the line is erased, whatever its last length."""
    rows = np.random.default_rng(0).normal(size=(3000, 40))
    np.savez(
        tmp_path / "rows.npz",
        x_train=rows,
        y_train=rows[:, 0] > 0,
        x_test=rows,
        y_test=rows[:, 0] > 0,
    )
    config = {
        "dataset": {"name": "npz", "path": str(tmp_path / "rows.npz")},
        "training": {"epochs": 1, "compile": "graph"},
    }
    mtrain.fit(config, out=tmp_path / "run")
    monkeypatch.setattr("mtrain.data.inputs.arrays.rows_of_a_piece", lambda _: 1000)
    monkeypatch.setattr(sys, "stderr", terminal)
    out = tmp_path / "predictions.csv"
    assert (
        run(["predict", str(tmp_path / "run"), str(tmp_path / "rows.npz"), "--out", str(out)]) == 0
    )

    shares = {1000: 33, 2000: 66, 3000: 100}
    told = [f"predicting, {n:,} rows, {share} % read ..." for n, share in shares.items()]
    erased = " " * len(told[-1])
    assert terminal.getvalue() == "\r".join(["predicting ...", *told, erased, ""])


@pytest.mark.parametrize(
    ("command", "what"),
    [(["plot"], "drawing"), (["check"], "reading the data")],
)
def test_commands_that_take_long_say_so(
    finished_run, tmp_path, terminal, monkeypatch, command, what
):
    """On stderr, so that results can go to a file."""
    monkeypatch.setattr(sys, "stderr", terminal)  # pytest sets it anew after the fixtures
    arguments = {"plot": [finished_run, "--out", tmp_path], "check": [CONFIGS / "smoke.yaml"]}
    assert run([*command, *map(str, arguments[command[0]])]) == 0

    assert terminal.getvalue().startswith(f"{what} ...\r")
    assert terminal.getvalue().endswith(" \r")


def test_data_that_take_long_to_read_are_named_with_their_size(tmp_path):
    """A file, a folder or a pattern; smaller ones are not worth a line."""
    for name, size in (("a.csv", 60_000_000), ("b.csv", 40_000_000), ("c.txt", 10)):
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)

    assert large_files([str(tmp_path / "a.csv"), None]) == f"{tmp_path / 'a.csv'}, 60 MB"
    assert large_files([str(tmp_path / "b.csv")]) is None
    assert large_files([str(tmp_path)]) == f"{tmp_path}, 100 MB"
    pattern = large_files([str(tmp_path / "*.csv")])
    assert pattern == f"{tmp_path / 'a.csv'} and 1 more, 100 MB"
    assert large_files([str(tmp_path / "no.csv"), None]) is None


@pytest.mark.parametrize("command", ["fit", "check"])
def test_in_a_pipe_large_data_have_a_line(idx_folder, tmp_path, monkeypatch, capsys, command):
    """Before anything else, for it takes its time."""
    monkeypatch.setattr("mtrain.data.files.LARGE", 1)
    config = tmp_path / "c.yaml"
    config.write_text(f"dataset: {{name: mnist, path: {idx_folder()}}}\n")
    arguments = ["dataset.classes=[a, b]", "training.epochs=1"]
    out = ["--out", str(tmp_path / "run")] if command == "fit" else []
    assert run([command, str(config), *arguments, *out]) == 0

    first, *others = capsys.readouterr().err.splitlines()
    assert first.startswith(f"Reading {tmp_path / 'idx'}, ")
    assert not others or others[0].startswith("Device: ")
