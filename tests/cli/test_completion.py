"""Completion in shells, by the protocol that their scripts use."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import COMMAND, mtrain_process
from waiting import HANGS

from mtrain.cli.commands import command_names

SHELLS = ("bash", "zsh", "fish")


def completions(shell, line):
    """What a shell is offered at the end of a command line, without explanations."""
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    if shell != "bash":
        words = {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = mtrain_process(_MTRAIN_COMPLETE=f"complete_{shell}", **words)
    assert (done.returncode, done.stderr) == (0, "")
    if shell == "zsh":
        return re.findall(r'^(?:.*\(\()?"([^"]*)"', done.stdout, re.MULTILINE)
    return [offered.partition("\t")[0] for offered in done.stdout.split("\n") if offered]


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_are_completed(shell):
    """All of them, and those that begin as what is typed."""
    assert completions(shell, "mtrain ") == command_names()
    assert completions(shell, "mtrain s") == ["sweep", "summary", "schema"]


@pytest.mark.parametrize("shell", SHELLS)
def test_options_are_completed(shell):
    """Of mtrain, and of a command."""
    assert completions(shell, "mtrain --ver") == ["--version", "--verbose"]
    assert {"--out", "--resume", "--device"} <= set(completions(shell, "mtrain fit --"))


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "choices"),
    [
        ("mtrain fit --device ", ["auto", "cpu", "gpu"]),
        ("mtrain plot outputs/digits --format p", ["png", "pdf"]),
        ("mtrain export outputs/digits --format s", ["saved_model"]),
        ("mtrain evaluate --split ", ["test", "val", "train"]),
    ],
)
def test_choices_of_an_option_are_completed(shell, line, choices):
    """In their order."""
    assert completions(shell, line) == choices


def test_files_are_left_to_the_shell():
    """Where a path is wanted mtrain offers nothing, which each script takes for files."""
    for line in ("mtrain fit conf", "mtrain evaluate --out "):
        assert completions("bash", line) == []
        assert completions("fish", line) == []
        words = {"_TYPER_COMPLETE_ARGS": line}
        zsh = mtrain_process(_MTRAIN_COMPLETE="complete_zsh", **words)
        assert zsh.stdout == "_files\n"
        action = {"_TYPER_COMPLETE_FISH_ACTION": "is-args"}
        fish = mtrain_process(_MTRAIN_COMPLETE="complete_fish", **words, **action)
        assert fish.returncode == 1
    script = mtrain_process(_MTRAIN_COMPLETE="source_bash").stdout
    assert "complete -o default -F _mtrain_completion mtrain\n" in script


def test_the_script_completes_in_bash():
    """As the page on installation loads it."""
    code = """
        eval "$(_MTRAIN_COMPLETE=source_bash mtrain)"
        COMP_WORDS=(mtrain fit --device "") COMP_CWORD=3
        _mtrain_completion mtrain
        printf '%s\\n' "${COMPREPLY[@]}"
        complete -p mtrain
    """
    path = f"{Path(COMMAND).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", code],
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=True,
        env=os.environ | {"PATH": path},
    )
    registered = "complete -o default -F _mtrain_completion mtrain"
    assert done.stdout.splitlines() == ["auto", "cpu", "gpu", registered]


def test_install_completion_adds_a_script_to_the_users_folder(tmp_path):
    """Which `.bashrc` loads."""
    code = f"{COMMAND} --install-completion; exit $?"  # bash stays, to be found as the shell
    done = subprocess.run(
        ["bash", "--norc", "-c", code],
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
        env=os.environ | {"HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    script = tmp_path / ".bash_completions" / "mtrain.sh"
    assert f"source '{script}'" in (tmp_path / ".bashrc").read_text()
    assert "_MTRAIN_COMPLETE=complete_bash" in script.read_text()


@pytest.mark.parametrize("line", ["mtrain ", "mtrain fit --device "])
def test_completion_loads_nothing_heavy(line):
    """Neither TensorFlow nor NumPy, scikit-learn or matplotlib: a key is answered at once."""
    code = (
        "import sys; from mtrain.cli.main import run; run([]);"
        "print({'tensorflow', 'keras', 'numpy', 'sklearn', 'matplotlib'} & set(sys.modules))"
    )
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=True,
        env=os.environ | words | {"_MTRAIN_COMPLETE": "complete_bash"},
    )
    lines = done.stdout.splitlines()
    assert len(lines) > 3
    assert lines[-1] == "set()"
