"""What somebody meets who types mtrain for the first time."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import CONFIGS, ROOT
from waiting import HANGS

import mtrain
from mtrain.cli.commands import command_names
from mtrain.cli.main import run
from mtrain.cli.mistakes import EXAMPLES, MEANT

SMOKE = CONFIGS / "smoke.yaml"
COMMAND = str(Path(sys.executable).with_name("mtrain"))


def said(capsys, *arguments):
    status = run(list(map(str, arguments)))
    return status, capsys.readouterr().err


def test_the_module_is_the_same_program():
    """`python -m mtrain`, by the name of the command, with the same exit status."""
    program = [sys.executable, "-m", "mtrain"]
    done = subprocess.run([*program, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"mtrain {mtrain.__version__}\n")

    done = subprocess.run([*program, "plot", "no"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "mtrain: no: no such file or run directory\n")
    helps = [
        subprocess.run([*some, "--help"], capture_output=True, text=True, check=True).stdout
        for some in (program, [COMMAND])
    ]
    assert helps[0] == helps[1]
    assert helps[0].startswith("Usage: mtrain [OPTIONS] COMMAND")


@pytest.mark.parametrize("command", [name for name in EXAMPLES if name != "init"])
def test_a_command_alone_is_answered_with_an_example(capsys, command):
    """Of itself."""
    status, text = said(capsys, command)

    assert status == 2
    assert text.startswith("mtrain: command line: Missing argument '")
    assert f"For example: `mtrain {command} " in text
    assert text.count("\n") == 1


def test_data_beside_the_config_of_init_are_answered_with_the_option(capsys):
    """The first is taken for the config."""
    _, text = said(capsys, "init", "config.yaml", "iris.csv")
    example = "For example: `mtrain init config.yaml --data rows.csv`\n"
    assert text == f"mtrain: command line: Got unexpected extra argument(s) (iris.csv). {example}"


@pytest.mark.parametrize("command", ["evaluate", "resume", "predict"])
def test_a_config_in_place_of_a_run(capsys, command):
    """Which is what `fit` makes of it."""
    config = str(SMOKE)
    rows = [config] if command == "predict" else []
    says = f"mtrain: {config}: a config, not a run; `mtrain fit` trains it and makes a run\n"
    assert said(capsys, command, config, *rows) == (1, says)


def test_parts_of_a_run_in_place_of_it(capsys):
    """The file that names the best checkpoint, the folder of all."""
    run_folder = ROOT / "tests" / "stored_run"
    best = run_folder / "checkpoints" / "best"
    says = f"says which checkpoint is the best; name that folder, or the run {run_folder}"
    assert said(capsys, "evaluate", best) == (1, f"mtrain: {best}: {says}\n")
    says = f"holds checkpoints; name one, or the run {run_folder}"
    assert said(capsys, "evaluate", best.parent) == (1, f"mtrain: {best.parent}: {says}\n")


def test_a_file_in_place_of_the_folder_of_charts(capsys):
    """It stays as it is."""
    run_folder = ROOT / "tests" / "stored_run"
    says = f"mtrain: --out: {SMOKE}: a file; charts are put into a folder\n"
    assert said(capsys, "plot", run_folder, "--out", SMOKE) == (2, says)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("train", "Did you mean 'fit'?"),
        ("Train", "Did you mean 'fit'?"),
        ("eval", "Did you mean 'evaluate'?"),
        ("test", "Did you mean 'evaluate'?"),
        ("evalute", "Did you mean 'evaluate'?"),
        ("predictions", "Did you mean 'predict'?"),
        ("continue", "Did you mean 'resume'?"),
        ("list", "Did you mean 'runs'?"),
        ("iris.yaml", "Did you mean `mtrain fit iris.yaml`?"),
        ("xyzzy", "Choose one of init, check, fit, resume, sweep, evaluate,"),
    ],
)
def test_an_unknown_command_is_answered_with_the_nearest(capsys, typed, meant):
    """By its letters, or by what other programs call it."""
    status, text = said(capsys, typed)

    assert status == 2
    assert text.startswith(f"mtrain: command line: No such command '{typed}'. {meant}")


def test_every_command_that_is_meant_exists():
    """Other programs' names lead to commands, and are none of them."""
    assert set(MEANT.values()) | set(EXAMPLES) <= set(command_names())
    assert not set(MEANT) & set(command_names())


@pytest.mark.parametrize("command", ["fit", "check"])
def test_a_run_in_place_of_a_config_is_answered_with_resume(finished_run, capsys, command):
    """A run directory, or one of its checkpoints."""
    status, text = said(capsys, command, finished_run)

    assert (status, text) == (
        2,
        f"mtrain: {finished_run}: is a run, not a config; `mtrain resume {finished_run}` resumes "
        f"it, and {finished_run / 'config.yaml'} has its settings\n",
    )
    checkpoint = finished_run / "checkpoints" / "epoch-0004"
    status, text = said(capsys, command, checkpoint)
    assert status == 2
    assert f"{checkpoint}: is a run, not a config; `mtrain resume {finished_run}`" in text


@pytest.mark.parametrize("command", ["fit", "check", "summary"])
@pytest.mark.parametrize("name", ["iris.csv", "iris.CSV.gz", "iris.parquet", "iris.npz"])
def test_data_in_place_of_a_config_are_answered_with_init(tmp_path, capsys, command, name):
    """Whatever their size."""
    (tmp_path / name).write_bytes(b"x,y\n1,a\n" * 1_000_000)
    path = tmp_path / name
    assert said(capsys, command, path) == (
        2,
        f"mtrain: {path}: holds data, not a config; `mtrain init config.yaml --data {path}` writes one\n",
    )


def test_rows_in_place_of_the_run_are_answered_with_the_command(finished_run, tmp_path, capsys):
    """A file, or a folder of images; of a run, or of one of its checkpoints."""
    images, rows = tmp_path / "new images", tmp_path / "rows.csv"
    images.mkdir()
    rows.write_text("x,y\n1,2\n")
    checkpoint = finished_run / "checkpoints" / "epoch-0004"

    for given, model in ((rows, finished_run), (rows, checkpoint), (images, finished_run)):
        command = shlex.join(["mtrain", "predict", str(model), str(given)])
        assert said(capsys, "predict", given, model) == (
            2,
            f"mtrain: {given}: is not a run, but {model} is one; the run comes first: `{command}`\n",
        )
    assert said(capsys, "predict", tmp_path / "nope", finished_run)[1].endswith(
        "nope: no such run or checkpoint; `mtrain fit` makes one\n"
    )


def test_a_file_in_place_of_a_folder_of_runs_is_said(tmp_path, capsys):
    """It is there."""
    (tmp_path / "iris.csv").write_text("x,y\n")
    assert said(capsys, "runs", tmp_path / "iris.csv") == (
        1,
        f"mtrain: {tmp_path}/iris.csv: not a folder; name one with runs in it\n",
    )


def test_another_file_of_a_run_is_answered_with_what_plot_reads(finished_run, capsys):
    """In words, not those of a parser; a damaged history.json still says what is wrong with it."""
    for name in ("history.csv", "config.yaml"):
        assert said(capsys, "plot", finished_run / name) == (
            1,
            f"mtrain: {finished_run / name}: not a history; name the folder of a run, or the "
            "history.json in it\n",
        )
    (finished_run / "history.json").write_text("{")
    assert "not JSON as mtrain writes it: " in said(capsys, "plot", finished_run)[1]


def test_an_option_that_is_no_number_is_said_plainly(capsys):
    """Not in the words of a library."""
    status, text = said(capsys, "evaluate", "outputs/x", "--threshold", "0,5")
    assert (status, text) == (
        2,
        "mtrain: command line: Invalid value for '--threshold': must be a number\n",
    )


def test_from_python_a_run_is_no_config_either(finished_run):
    """The message is the same."""
    with pytest.raises(mtrain.UsageError, match="is a run, not a config; `mtrain resume "):
        mtrain.fit(finished_run)


def test_a_finished_run_says_how_to_train_on(finished_run, tmp_path, capsys):
    """What is printed can be typed, and trains twice as long."""
    out = Path(shutil.copytree(finished_run, tmp_path / "run"))
    status, text = said(capsys, "resume", out)

    assert status == 0
    command = text.partition("To train on: `")[2].removesuffix("`\n").split()
    assert command == ["mtrain", "resume", str(out), "training.epochs=8"]
    status, text = said(capsys, *command[1:])
    assert status == 0
    assert "epoch 8/8" in text


@pytest.mark.parametrize(
    ("words", "completed"),
    [("mtrain ev", ["evaluate"]), ("mtrain fit --res", ["--resume"])],
)
def test_bash_completes_commands_and_options(words, completed):
    """As Typer offers it."""
    environment = os.environ | {
        "_MTRAIN_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    done = subprocess.run(
        [COMMAND], env=environment, capture_output=True, text=True, timeout=HANGS, check=False
    )

    assert (done.returncode, done.stdout.split()) == (0, completed)


def test_completion_can_be_installed():
    """`--show-completion` prints what the shell needs."""
    environment = os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run(
        [COMMAND, "--show-completion", "bash"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )

    assert done.returncode == 0
    assert "complete -o default -F _mtrain_completion mtrain" in done.stdout


def test_completion_costs_help_nothing():
    """What trains is not imported."""
    code = (
        "import sys; from mtrain.cli.main import run; run(['fit', '--help']);"
        "print({'tensorflow', 'keras', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "set()"


def test_where_a_run_of_the_same_name_goes_is_said_before_it_trains(tmp_path, monkeypatch, capsys):
    """`evaluate outputs/NAME` would be of the other one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs" / "smoke").mkdir(parents=True)

    assert run(["fit", str(SMOKE), "training.epochs=1"]) == 0
    says = "outputs/smoke is there already; this run is outputs/smoke-2.\n"
    assert says in "".join(capsys.readouterr())
