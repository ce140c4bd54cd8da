from __future__ import annotations

import csv
import json
import math
import os
import shutil
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import CONFIGS

from mtrain.cli.main import run
from mtrain.config.loading.load import load_config
from mtrain.data.load import load_dataset
from mtrain.errors import MtrainError, UsageError
from mtrain.observer import Observer
from mtrain.records.training import Cursor
from mtrain.run.checkpoint import read_checkpoint, save_checkpoint
from mtrain.run.directory import RunDirectory, choose_directory, make_directory
from mtrain.run.files import json_bytes, json_text, write_bytes, write_csv
from mtrain.run.find_checkpoint import find_checkpoint
from mtrain.run.history import HistoryFile, history_as_json, read_history
from mtrain.workflows.fit import fit


@pytest.fixture
def copied_run(finished_run, tmp_path):
    """A run that a test may break."""
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def test_a_run_leaves_every_file_of_the_contract(finished_run):
    """And nothing half-written."""
    files = {str(path.relative_to(finished_run)) for path in finished_run.rglob("*")}
    checkpoint = f"checkpoints/{(finished_run / 'checkpoints' / 'best').read_text().strip()}"

    assert files >= {
        *("config.yaml", "environment.json", "history.json", "history.csv"),
        *("learning.parquet", "suspects.csv"),
        *(f"{checkpoint}/{name}" for name in ("arrays.npz", "state.json", "SHA256SUMS")),
        *("checkpoints/best", "checkpoints/last"),
        *(f"charts/{name}.png" for name in ("learning_curves", "precision_by_class")),
        *(f"charts/{name}.png" for name in ("recall_by_class", "learning_by_class")),
        *(f"evaluation/test/{name}" for name in ("metrics.json", "classification_report.json")),
        *(f"evaluation/test/{name}" for name in ("predictions.npz", "errors.csv")),
        *(f"evaluation/test/{name}" for name in ("suspects.csv", "errors.png")),
        *(f"evaluation/test/{name}.png" for name in ("precision_recall", "confusion_matrix")),
        *(f"evaluation/test/{name}.png" for name in ("roc", "pr")),
    }
    assert not [name for name in files if name.endswith(".tmp")]


def test_the_history_is_read_as_pandas_would(finished_run):
    """A column a scalar, a row an epoch; counts and ratios by class."""
    data = json.loads((finished_run / "history.json").read_text())

    assert data["schema"] == 1
    assert data["run"] == "digits"
    assert data["epoch"] == [1, 2, 3, 4]
    assert {len(column) for column in data["history"].values()} == {4}
    assert data["history"]["learning_rate"] == [0.001] * 4
    assert {"val_loss", "val_recall_macro", "val_roc_auc_micro", "val_top_k", "top_k"} <= set(
        data["history"]
    )
    assert "roc_auc_macro" not in data["history"]
    counts = {key: np.array(column) for key, column in data["counts"]["val"].items()}
    recall = counts["tp"] / (counts["tp"] + counts["fn"])
    np.testing.assert_array_equal(data["per_class"]["val"]["recall"], recall)
    assert data["segments"][0]["epochs"] == [1, 4]
    assert len(data["seconds"]) == 4


def test_the_history_as_csv_has_the_same_scalars(finished_run):
    """Full precision."""
    data = json.loads((finished_run / "history.json").read_text())
    with (finished_run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))

    assert [float(row["val_loss"]) for row in rows] == data["history"]["val_loss"]
    assert [int(row["epoch"]) for row in rows] == data["epoch"]


def test_a_history_is_read_back_as_written(finished_run, tmp_path):
    """Undefined figures included."""
    history = read_history(finished_run)
    history.scalars["val_loss"][1] = math.nan
    HistoryFile(history, tmp_path / "history.json").write()

    read = read_history(tmp_path / "history.json")
    assert json_bytes(history_as_json(read)) == json_bytes(history_as_json(history))
    assert json.loads((tmp_path / "history.json").read_text())["history"]["val_loss"][1] is None


def test_a_history_written_epoch_by_epoch_is_that_written_at_once(finished_run, tmp_path):
    """Only what is new is turned into text; undefined figures, counts and all."""
    whole = read_history(finished_run)
    whole.scalars["val_loss"][2] = math.nan
    grown, path = whole.until(0), tmp_path / "history.json"
    file = HistoryFile(grown, path)
    for epochs in (0, 1, 1, 3, 4):
        for columns, all_columns in pairs(grown, whole):
            columns[len(columns) :] = all_columns[len(columns) : epochs]
        grown.segments = whole.until(epochs).segments
        file.write(flush=False)
        assert path.read_bytes() == json_bytes(history_as_json(whole.until(epochs)))


def pairs(grown, whole):
    """Each column of one history with that of the other."""
    yield grown.epoch, whole.epoch
    yield grown.seconds, whole.seconds
    yield from ((grown.scalars[key], whole.scalars[key]) for key in whole.scalars)
    for name in ("counts", "per_class"):
        for split, columns in getattr(whole, name).items():
            for key, column in columns.items():
                yield getattr(grown, name)[split][key], column


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:200], "not JSON as mtrain writes it"),
        (lambda text: "[" * 100_000, "not JSON as mtrain writes it"),
        (lambda text: text.replace('"schema":1', '"schema":NaN', 1), "NaN is no number in JSON"),
        (
            lambda text: text.replace('"schema":1', '"schema":9', 1),
            "its schema is 9, this mtrain",
        ),
        (lambda text: text.replace('"counts"', '"count"', 1), "counts: Field required"),
        (lambda text: "[]", "not a mapping"),
        (lambda text: '{"schema": 1, "schema": 1}', "the key 'schema' stands twice"),
        (lambda text: text.replace("[1,2,", "[2,1,", 1), "epoch must count 1, 2, 3, ..."),
        (lambda text: text.replace('"epochs":[1,', '"epochs":[9,', 1), "segments have epochs 9 to"),
        (
            lambda text: text.replace('"train":{"tp"', '"trai":{"tp"', 1),
            "counts.trai.[key]: Input should be 'train' or 'val'",
        ),
        (lambda text: text.replace('"loss"', '"los"', 1), "no 'loss'"),
        (
            lambda text: text.replace('"loss":[', '"loss":[1.0,', 1),
            "loss must have the shape (4,)",
        ),
    ],
)
def test_what_is_no_history_is_refused(copied_run, change, message):
    """Cut short, of another schema, of another shape."""
    path = copied_run / "history.json"
    path.write_text(change(path.read_text()))
    with pytest.raises(MtrainError) as error:
        read_history(copied_run)

    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


def test_a_checkpoint_holds_what_training_needs_to_go_on(finished_run):
    """Weights, the optimizer's moments, the cursor, the history, the config."""
    path = find_checkpoint(finished_run).path
    checkpoint = read_checkpoint(path)

    with np.load(path / "arrays.npz") as arrays:
        names = set(arrays.files)
    assert {"model/hidden_1/kernel", "optimizer/mlp_output_bias_velocity"} <= names
    assert "counts/confusion" in names
    assert checkpoint.cursor.epoch == 4
    assert checkpoint.history.epoch == [1, 2, 3, 4]
    assert checkpoint.best == path.name
    assert checkpoint.config.training.epochs == 4
    assert checkpoint.classes == tuple("0123456789")


def test_a_checkpoint_knows_nothing_of_later_epochs(finished_run):
    """The history in it ends where it does, its segments too."""
    history = read_history(finished_run)
    early = history.until(2)

    assert early.epoch == [1, 2]
    assert early.segments[0].epochs == (1, 2)
    assert early.scalars["val_loss"] == history.scalars["val_loss"][:2]
    np.testing.assert_array_equal(early.counts["val"]["tp"], history.counts["val"]["tp"][:2])


def test_best_and_last_name_the_checkpoints_that_are_kept(finished_run):
    """No other is there."""
    checkpoints = finished_run / "checkpoints"
    named = {(checkpoints / name).read_text().strip() for name in ("best", "last")}

    assert {path.name for path in checkpoints.iterdir() if path.is_dir()} == named


@pytest.mark.parametrize("file", ["arrays.npz", "state.json", "SHA256SUMS"])
@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_a_damaged_checkpoint_is_noticed(copied_run, file, damage):
    """And named."""
    checkpoint = find_checkpoint(copied_run).path
    path = checkpoint / file
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    else:
        path.unlink()
    with pytest.raises(MtrainError, match=str(checkpoint)):
        read_checkpoint(checkpoint)


def test_what_is_no_checkpoint_is_refused(tmp_path, copied_run):
    """A missing path, an empty folder, a folder of runs, a pointer to anywhere else."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(MtrainError, match="no such run or checkpoint"):
        find_checkpoint(tmp_path / "nope")
    with pytest.raises(MtrainError, match="neither a run directory with a checkpoint nor"):
        find_checkpoint(tmp_path / "empty")
    with pytest.raises(MtrainError, match="holds runs; name one of them"):
        find_checkpoint(copied_run.parent)
    (copied_run / "checkpoints" / "best").write_text("../../etc\n")
    with pytest.raises(MtrainError, match="names no checkpoint"):
        find_checkpoint(copied_run)


class Holder(Observer):
    """Looks, after a chunk of steps, whether the rows that `features` refers to are there still."""

    def progress(self, progress):
        """After a chunk of steps."""
        self.held = self.features()


def test_the_training_rows_are_there_once_while_training(tmp_path, monkeypatch):
    """The device has them; as they were read they are gone by the first step."""
    holder = Holder()

    def load(*arguments, **options):
        dataset = load_dataset(*arguments, **options)
        holder.features = weakref.ref(dataset.train.features)
        return dataset

    monkeypatch.setattr("mtrain.workflows.fit.load_dataset", load)
    fit(load_config(CONFIGS / "smoke.yaml", {}), out=tmp_path / "run", observer=holder)

    assert holder.held is None


def test_a_run_gets_the_first_free_name(tmp_path, monkeypatch):
    """`outputs/<name>`, then `<name>-2`, ..."""
    monkeypatch.chdir(tmp_path)
    assert choose_directory("x", None).path == Path("outputs/x")
    Path("outputs/x").mkdir(parents=True)
    Path("outputs/x-2").symlink_to("nowhere")

    assert choose_directory("x", None).path == Path("outputs/x-3")


def test_of_two_runs_that_start_at_once_each_gets_its_own(tmp_path, monkeypatch):
    """Chosen at the same time, made one after the other."""
    monkeypatch.chdir(tmp_path)

    assert make_directory("x", None).path == Path("outputs/x")
    assert make_directory("x", None).path == Path("outputs/x-2")


def test_out_must_be_new_or_empty(tmp_path):
    """What is there is never mixed with a new run."""
    (tmp_path / "empty").mkdir()
    assert choose_directory("x", tmp_path / "empty").path == tmp_path / "empty"
    (tmp_path / "empty" / "file").touch()
    message = (
        "is not empty; --out takes a new or an empty folder, --resume resumes a run, and without "
        "--out the next free name in outputs is taken"
    )
    with pytest.raises(UsageError, match=message):
        choose_directory("x", tmp_path / "empty")
    with pytest.raises(MtrainError, match="not a folder"):
        choose_directory("x", tmp_path / "empty" / "file")
    with pytest.raises(MtrainError, match="is not a folder"):
        choose_directory("x", tmp_path / "empty" / "file" / "below")


def test_a_missing_best_is_not_taken_for_none(copied_run, capsys):
    """The last knows which it is; another checkpoint's figures must not stand for it."""
    checkpoints = copied_run / "checkpoints"
    earlier = replace(
        read_checkpoint(find_checkpoint(copied_run).path),
        cursor=Cursor(3, 0, 0.0, 0),
    )
    earlier = replace(earlier, history=earlier.history.until(3), best="epoch-0002")
    with np.load(find_checkpoint(copied_run).path / "arrays.npz") as arrays:
        save_checkpoint(RunDirectory(copied_run), earlier, dict(arrays))
    (checkpoints / "last").write_text("epoch-0003\n")
    (checkpoints / "best").unlink()

    assert run(["evaluate", str(copied_run)]) == 1
    assert capsys.readouterr().err == (
        f"mtrain: {checkpoints / 'best'}: is missing, and epoch-0002 is the best; name one\n"
    )


@pytest.mark.parametrize("out", ["run", "outputs"])
def test_a_link_to_nowhere_is_no_place_for_a_run(tmp_path, monkeypatch, out):
    """As a disk that is not mounted; said before training, and without waiting for it."""
    monkeypatch.chdir(tmp_path)
    Path(out).symlink_to("nowhere")
    given = Path(out) if out == "run" else None
    with pytest.raises(MtrainError, match="a link to nothing"):
        make_directory("x", given)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_noticed_before_training(tmp_path):
    """By whoever is not root."""
    tmp_path.chmod(0o500)
    with pytest.raises(MtrainError, match="cannot be written"):
        choose_directory("x", tmp_path / "run")


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    """The disk is full when the file is flushed."""
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MtrainError, match="cannot be written: No space left on device"):
        write_bytes(path, b"new")

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_has_null_for_what_is_undefined():
    """JSON has no NaN."""
    assert json.loads(json_text({"a": [math.nan, 1.0, np.float64("inf")]})) == {
        "a": [None, 1.0, None]
    }


def test_csv_is_inert_in_a_spreadsheet(tmp_path):
    """A class called like a formula stays text; an undefined number is empty."""
    write_csv(tmp_path / "x.csv", ["a", "b"], [("=cmd()", math.nan), ("-x", -1.5)])

    assert (tmp_path / "x.csv").read_text() == "a,b\n'=cmd(),\n'-x,-1.5\n"
