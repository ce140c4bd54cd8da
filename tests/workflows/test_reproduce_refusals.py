"""What `mtrain reproduce` refuses, and the constraints files that it writes."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from reproduced import told
from strangers import change_json, content_of, put, sign

import mtrain
from mtrain.cli.main import run as command
from mtrain.errors import MtrainError, UsageError
from mtrain.run.arrays import stored_shapes, write_arrays
from mtrain.run.checkpoint import read_training_arrays
from mtrain.run.lock import locked


def last_checkpoint(run):
    return run / "checkpoints" / (run / "checkpoints" / "last").read_text().strip()


ALLOWED = (
    "`mtrain reproduce` takes name, checkpoint, dataset.path, dataset.val_path, dataset.test_path, "
    "tracking, training.memory, evaluation.rivals; `mtrain fit` takes all settings"
)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.hidden", "30"),
        ("training.epochs", "2"),
        ("dataset", "{name: digits}"),
        ("dataset.samples", "10"),
        ("evaluation.predictions", "false"),
    ],
)
def test_a_setting_that_changes_a_figure_is_refused(finished_run, capsys, key, value):
    assert told(capsys, finished_run, f"{key}={value}") == (
        2,
        f"command line: {key}: would make another experiment; {ALLOWED}",
    )


def test_settings_that_change_a_figure_are_refused_in_python(finished_run):
    with pytest.raises(UsageError, match=r"^mtrain.reproduce: model.hidden: would make another "):
        mtrain.reproduce(finished_run, model={"hidden": 30})


@pytest.mark.parametrize("seeds", [-1, 1, 2, 1001])
def test_a_number_of_seeds_that_measures_nothing_is_refused(finished_run, capsys, seeds):
    assert told(capsys, finished_run, "--seeds", seeds) == (
        2,
        f"--seeds: must be 0, or from 3 to 1,000, got {seeds}",
    )


def test_a_run_that_is_not_finished_is_refused(run_to_resume, capsys):
    assert told(capsys, run_to_resume) == (
        1,
        f"{run_to_resume}: is stopped by SIGTERM; only a finished run can be reproduced; "
        f"`mtrain resume {run_to_resume}` finishes it",
    )


def test_a_run_in_training_is_refused(finished_run, capsys):
    """Whoever trains it."""
    with locked(finished_run):
        status, error = told(capsys, finished_run)

    assert status == 1
    assert error.startswith(f"{finished_run}: is running; only a finished run can be reproduced")


def test_what_is_not_a_run_is_refused(tmp_path, capsys):
    sweep = tmp_path / "sweep"
    sweep.mkdir()
    (sweep / "sweep.yaml").write_text("name: s\n")

    assert told(capsys, tmp_path / "none") == (
        1,
        f"{tmp_path}/none: no such run; `mtrain fit` makes one",
    )
    status, error = told(capsys, sweep)
    assert (status, error.split(";")[0]) == (1, f"{sweep}: is a sweep, not a run")
    for options in ([], ["--environment", tmp_path / "c.txt"]):
        status, error = told(capsys, tmp_path, *options)
        assert status == 1
        assert error.startswith(f"{tmp_path}: not a run directory (no environment.json)")


def newer_history(run):
    change_json(run / "history.json", put(schema=2))


def newer_checkpoint(run):
    change_json(last_checkpoint(run) / "state.json", put(schema=8))
    sign(last_checkpoint(run))


def newer_evaluation(run):
    change_json(run / "evaluation" / "test" / "metrics.json", put(schema=2))


def newer_environment(run):
    change_json(run / "environment.json", put(schema=2))


@pytest.mark.parametrize(
    ("change", "schemas"),
    [
        (newer_history, "its schema is 2, this mtrain reads 1"),
        (newer_checkpoint, "its schema is 8, this mtrain reads 7"),
        (newer_evaluation, "its schema is 2, this mtrain reads 1"),
        (newer_environment, "its schema is 2, this mtrain reads 1"),
    ],
)
def test_a_run_of_a_newer_format_is_refused_before_anything_is_trained(
    finished_run, tmp_path, capsys, change, schemas
):
    change(finished_run)
    status, error = told(capsys, finished_run, "--out", tmp_path / "again")

    assert status == 1
    assert schemas in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "again").exists()


def test_a_config_that_was_changed_since_is_refused(finished_run, capsys):
    """It is not what made the run; epochs are settings, too."""
    config = finished_run / "config.yaml"
    text = config.read_text().replace("\nseed: 0\n", "\nseed: 5\n")
    config.write_text(text.replace("epochs: 4", "epochs: 6"))

    assert told(capsys, finished_run) == (
        1,
        f"{config}: seed: was 0, is 5\nmtrain: {config}: training.epochs: was 4, is 6\n"
        f"mtrain: {config}: was changed since the run was trained",
    )


def test_a_run_without_its_evaluation_is_refused(finished_run, capsys):
    shutil.rmtree(finished_run / "evaluation")

    assert told(capsys, finished_run) == (
        1,
        f"{finished_run}: has no evaluation on test; `mtrain evaluate {finished_run}` makes one",
    )


def test_a_validation_of_another_checkpoint_is_left_out(finished_run, tmp_path, capsys):
    """A note says so."""
    capsys.readouterr()
    assert command(["evaluate", str(finished_run), "--split", "val"]) == 0
    metrics = finished_run / "evaluation" / "val" / "metrics.json"
    change_json(metrics, put(checkpoint="epoch-0001"))
    reproduction = mtrain.reproduce(finished_run, out=tmp_path / "again", progress=False)

    assert reproduction.outcome == "equal"
    assert "evaluation/val/metrics.json" not in [file.file for file in reproduction.results]
    (note,) = reproduction.notes
    assert note.startswith(f"The evaluation on val is not compared: {metrics.parent}: is an ")


def test_the_new_run_is_not_in_the_old_one_nor_where_something_is(finished_run, tmp_path, capsys):
    """The folder of the seeds is looked at before the training, too."""
    inside = finished_run / "again"
    for name in ("full", "new-seeds"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "kept.txt").touch()
    (tmp_path / "linked-seeds").symlink_to(finished_run / "charts")
    errors = [
        told(capsys, finished_run, *options)
        for options in (
            ("--out", inside),
            ("--out", finished_run),
            ("--out", finished_run, "--resume"),
            ("--out", tmp_path / "linked", "--seeds", "3"),
            ("--out", tmp_path / "full"),
            ("--out", tmp_path / "new", "--seeds", "3"),
        )
    ]

    remedy = "is not empty; --out takes a new or an empty folder"
    elsewhere = "which is only read; name a folder elsewhere"
    assert errors == [
        (2, f"--out: {inside} is in the run, {elsewhere}"),
        (2, f"--out: {finished_run} is the run, {elsewhere}"),
        (2, f"--out: {finished_run} is the run, {elsewhere}"),
        (2, f"--out: {tmp_path}/linked-seeds is in the run, {elsewhere}"),
        (2, f"{tmp_path}/full: {remedy}, and without --out a free one is taken"),
        (2, f"{tmp_path}/new-seeds: {remedy}, and the seeds need one beside it"),
    ]


@pytest.mark.parametrize("resume", [(), ("--resume",)], ids=str)
@pytest.mark.parametrize(("folder", "run"), [(".", "."), ("checkpoints", "..")])
def test_in_the_run_no_folder_is_chosen(finished_run, monkeypatch, capsys, folder, run, resume):
    """Without --out it would be in `outputs` of the current directory."""
    before = content_of(finished_run)
    monkeypatch.chdir(finished_run / folder)

    assert told(capsys, run, "name=again", *resume) == (
        2,
        "--out: outputs/again is in the run, which is only read; name a folder elsewhere",
    )
    assert content_of(finished_run) == before


def test_a_run_is_not_resumed_as_its_own_reproduction(finished_run, monkeypatch, capsys):
    """A run in `outputs` whose name is that of the new one."""
    monkeypatch.chdir(finished_run.parent)
    Path("outputs").mkdir()
    finished_run.rename("outputs/again")

    assert told(capsys, "outputs/again", "name=again", "--resume") == (
        2,
        "--out: outputs/again is the run, which is only read; name a folder elsewhere",
    )


def test_missing_data_are_told_with_their_setting(tabular, tmp_path, capsys):
    run = Path(shutil.copytree(tabular, tmp_path / "run"))
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("/train.csv", "/gone.csv"))
    status, error = told(capsys, run, "--quiet")

    assert status == 1
    assert error.startswith(f"{config}:")
    assert error.endswith("; dataset.path=PATH says where the data are now")
    assert len(error.splitlines()) == 1


def test_a_link_in_the_run_is_refused(finished_run, tmp_path, capsys):
    """Nothing outside of it is read, by `--environment` neither."""
    (finished_run / "environment.json").rename(tmp_path / "environment.json")
    (finished_run / "environment.json").symlink_to(tmp_path / "environment.json")
    expected = f"{finished_run}/environment.json: is a symbolic link; a run must not have one"

    assert told(capsys, finished_run) == (1, expected)
    assert told(capsys, finished_run, "--environment", tmp_path / "c.txt") == (1, expected)


def test_arrays_of_a_checkpoint_that_are_no_numbers_are_refused(finished_run, capsys):
    """Before a value of them is read."""
    path = last_checkpoint(finished_run) / "arrays.npz"
    with np.load(path) as file:
        arrays = dict(file)
    arrays["model/output/bias"] = np.array(["text"] * 10)
    write_arrays(path, arrays)
    sign(path.parent)

    assert told(capsys, finished_run) == (
        1,
        f"{path}: not arrays as mtrain writes them: 'model/output/bias.npy' is not of numbers",
    )


def test_arrays_are_read_as_their_headers_describe_them(finished_run):
    """Weights and the optimizer's; neither counts nor the history."""
    path = last_checkpoint(finished_run)
    shapes = stored_shapes(path / "arrays.npz", ("history/", "counts/", "optimizer/"))
    arrays = read_training_arrays(path)

    assert shapes == {
        "model/hidden_1/kernel": ("float32", (64, 64)),
        "model/hidden_1/bias": ("float32", (64,)),
        "model/output/kernel": ("float32", (64, 10)),
        "model/output/bias": ("float32", (10,)),
    }
    assert {name.partition("/")[0] for name in arrays} == {"model", "optimizer"}
    with np.load(path / "arrays.npz") as file:
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, file[name])
    with pytest.raises(MtrainError, match=r": not a file$"):
        stored_shapes(path / "none.npz")


def test_the_constraints_file_has_the_versions_of_the_run(finished_run, tmp_path, capsys):
    """As pip's own parser reads them; written again in place of itself, and nothing is trained."""
    file = tmp_path / "constraints.txt"
    for _ in range(2):
        capsys.readouterr()
        assert command(["reproduce", str(finished_run), "--environment", str(file)]) == 0
        assert capsys.readouterr().out == f"constraints: {file}\n"
    first, *lines = file.read_text().splitlines()
    required = [Requirement(line) for line in lines]
    recorded = json.loads((finished_run / "environment.json").read_text())

    assert first == (
        f"# Versions of a run of mtrain: Python {recorded['versions']['python']}, "
        f"{recorded['platform']}"
    )
    names = ["mtrain", "tensorflow", "keras", "numpy", "scikit-learn"]
    assert [one.name for one in required] == names
    assert str(required[3].specifier) == f"=={version('numpy')}"
    assert [path.name for path in tmp_path.iterdir()] == ["constraints.txt"]


def test_the_constraints_file_names_a_package_of_another_name(finished_run, tmp_path):
    """As of `tensorflow-cpu`: its version is not known."""
    change_json(finished_run / "environment.json", put(versions__tensorflow=None))
    file = tmp_path / "constraints.txt"
    assert command(["reproduce", str(finished_run), "--environment", str(file)]) == 0

    assert "# tensorflow: of a package with another name" in file.read_text().splitlines()


@pytest.mark.parametrize(
    ("package", "version_of_it"),
    [
        ("evil @ file:///tmp/evil", "1.0"),
        ("numpy", "2.0\n--index-url http://evil.example"),
        ("-r other.txt", "1"),
        ("numpy", ""),
    ],
)
def test_a_stranger_cannot_put_an_option_into_the_constraints(
    finished_run, tmp_path, capsys, package, version_of_it
):
    changed = {package: version_of_it}
    change_json(finished_run / "environment.json", lambda e: e["versions"].update(changed))
    status, error = told(capsys, finished_run, "--environment", tmp_path / "c.txt")

    assert status == 1
    assert error.endswith(f"{package!r}: {version_of_it!r} is not a package and its version")
    assert not (tmp_path / "c.txt").exists()


def test_a_stranger_cannot_put_a_line_into_the_comment(finished_run, tmp_path):
    change_json(finished_run / "environment.json", put(platform="Linux\nevil==1.0"))
    file = tmp_path / "constraints.txt"
    assert command(["reproduce", str(finished_run), "--environment", str(file)]) == 0

    assert file.read_text().splitlines()[0].endswith("Linux\\nevil==1.0")


def test_a_file_that_holds_anything_else_is_not_replaced(finished_run, tmp_path, capsys):
    file = tmp_path / "requirements.txt"
    file.write_text("numpy\n")

    assert told(capsys, finished_run, "--environment", file) == (
        2,
        f"--environment: {file} exists and does not hold versions of a run; name another file",
    )
    assert file.read_text() == "numpy\n"


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (("--out", "x"), "--out"),
        (("--seeds", "3"), "--seeds"),
        (("name=a",), "KEY=VALUE"),
        (("--json",), "--json"),
    ],
)
def test_what_only_a_training_needs_is_refused_with_environment(
    finished_run, tmp_path, capsys, options, name
):
    assert told(capsys, finished_run, *options, "--environment", tmp_path / "c.txt") == (
        2,
        f"--environment: trains nothing, so it takes no {name}",
    )
