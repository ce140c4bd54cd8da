"""What may differ from the checkpoint that a run continues from, and what may not."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from conftest import CONFIGS
from crashtest import digest
from stopped_runs import COMMAND, said, segments, stop_at

from mtrain.cli.main import run
from mtrain.run.checkpoint import read_checkpoint
from mtrain.run.directory import RunDirectory
from mtrain.run.find_checkpoint import list_checkpoints


def test_other_settings_are_refused_with_a_list(run_to_resume, capsys):
    """Whoever changes the config goes on with another run."""
    status, text = said(
        capsys, "resume", run_to_resume, "model.dropout=0.3", "training.batch_size=16", "seed=4"
    )

    assert status == 2
    assert text.splitlines() == [
        f"mtrain: {run_to_resume}: {line}"
        for line in (
            "seed: was 0, is 4",
            "model.dropout: was 0.2, is 0.3",
            "training.batch_size: was 8, is 16",
            "the result would differ from that of an uninterrupted run; --allow-differences "
            "resumes all the same and records them",
        )
    ]


@pytest.mark.parametrize("setting", ["training.early_stopping", "training.reduce_on_plateau"])
@pytest.mark.parametrize("given", [True, False])
def test_a_section_that_is_taken_away_or_given_is_noticed(
    tmp_path, monkeypatch, capsys, setting, given
):
    """Null and a mapping differ in either direction."""
    out, mapping = tmp_path / "run", f"{setting}={{patience: 9}}"
    arguments = [CONFIGS / "smoke.yaml", *([] if given else [mapping])]
    with monkeypatch.context() as patch:
        stop_at(patch, 2, signal.SIGTERM)
        assert said(capsys, "fit", *arguments, "--out", out, "--quiet")[0] == 143
    status, text = said(capsys, "resume", out, mapping if given else f"{setting}=null")

    assert status == 2
    assert f"{setting}.patience: was {'not set, is 9' if given else '9, is not set'}" in text


def test_settings_that_change_no_figure_may_differ(whole, run_to_resume, capsys):
    """How often to save, for one."""
    arguments = ["checkpoint.keep=1", "checkpoint.every_seconds=9", "name=other", "--quiet"]
    assert said(capsys, "resume", run_to_resume, *arguments) == (0, "")
    assert digest(run_to_resume) == digest(whole)


def test_differences_that_are_allowed_are_recorded(run_to_resume, capsys):
    """In the segment, and from then on they are the run's own."""
    change = "model.dropout=0.3"
    arguments = [change, "--allow-differences", "--quiet"]
    assert said(capsys, "resume", run_to_resume, *arguments) == (0, "")
    assert segments(run_to_resume)[1]["differences"] == {"model.dropout": [0.2, 0.3]}
    assert "dropout: 0.3" in (run_to_resume / "config.yaml").read_text()
    assert said(capsys, "resume", run_to_resume)[0] == 0


def test_a_learning_rate_that_is_changed_is_used(tmp_path, monkeypatch, capsys):
    """Not that of the checkpoint."""
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_at(patch, 2, signal.SIGTERM)
        assert run(["fit", str(CONFIGS / "smoke.yaml"), "--out", str(out), "--quiet"]) == 143
    arguments = ["optimizer.learning_rate=0.5", "--allow-differences", "--quiet"]
    assert said(capsys, "resume", out, *arguments) == (0, "")
    history = json.loads((out / "history.json").read_text())

    assert history["history"]["learning_rate"] == [0.01, 0.5, 0.5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("model.hidden=33", "arrays do not fit the config: model/hidden_1/kernel must be float32"),
        ("optimizer=adam", "arrays do not fit the config: optimizer/learning_rate is missing"),
        (
            "metrics=[accuracy]",
            "other metrics than before: the history would have other columns",
        ),
    ],
)
def test_what_cannot_go_on_is_refused_even_if_allowed(run_to_resume, capsys, change, message):
    """Another model, another optimizer, other figures."""
    status, text = said(capsys, "resume", run_to_resume, change, "--allow-differences", "--quiet")

    assert status in {1, 2}
    assert message in text
    assert len(text.splitlines()) == 1
    assert status == 2 or f"in a resumed run: {change.partition('=')[0]}" in text


def test_other_circumstances_are_refused_with_a_list(run_to_resume, monkeypatch, capsys):
    """Versions, flags, threads, compilation."""
    monkeypatch.setattr("mtrain.run.environment.version", lambda package: "9.9")
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    status, text = said(capsys, "resume", run_to_resume)
    lines = text.splitlines()

    assert status == 2
    assert any("versions.tensorflow: was 2." in line and line.endswith("is 9.9") for line in lines)
    assert any("flags.XLA_FLAGS: was not set, is --xla_cpu" in line for line in lines)
    monkeypatch.undo()
    monkeypatch.setattr("mtrain.engine.device.thread_count", lambda: 64)
    status, text = said(capsys, "resume", run_to_resume)
    assert status == 2
    assert "threads: was" in text


FIT_WITH_THREE_THREADS = """
import sys
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(3)
import mtrain
mtrain.fit(sys.argv[1], out=sys.argv[2])
"""


def test_a_small_network_has_one_thread_unless_it_is_said_otherwise(tmp_path):
    """What an environment variable says counts for more than the rule."""
    command = [COMMAND, "fit", str(CONFIGS / "smoke.yaml"), "--out"]
    threads = []
    for said_otherwise in ({}, {"TF_NUM_INTRAOP_THREADS": "3"}):
        out = tmp_path / f"run{len(threads)}"
        environment = os.environ | said_otherwise
        done = subprocess.run(
            [*command, str(out)], env=environment, check=True, stderr=subprocess.PIPE
        )
        threads.append(json.loads((out / "environment.json").read_text())["threads"])
        assert f"CPU, {threads[-1]} thread" in done.stderr.decode()

    assert threads == [1, 3]


def test_a_run_goes_on_with_the_threads_that_it_began_with(tmp_path):
    """A program of one's own decides on them, and is left alone."""
    out, config = str(tmp_path / "run"), str(CONFIGS / "smoke.yaml")
    subprocess.run([sys.executable, "-c", FIT_WITH_THREE_THREADS, config, out], check=True)
    command = [COMMAND, "resume", out, "training.epochs=7", "--quiet"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stderr == ""

    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert environment["threads"] == 3


@pytest.mark.parametrize("threads", ["2", 0, True, 10**9, None])
def test_no_checkpoint_makes_threads_without_end(whole, threads):
    """It may come from anybody."""
    (checkpoint,) = list_checkpoints(RunDirectory(whole))[:1]
    saved = read_checkpoint(checkpoint)

    assert saved.threads == saved.identity["threads"]
    assert replace(saved, identity={"threads": threads}).threads is None


def test_other_data_are_refused(idx_folder, tmp_path, monkeypatch, capsys):
    """By their hash; wherever they lie."""
    folder, out = idx_folder(classes=3), tmp_path / "run"
    config = tmp_path / "c.yaml"
    config.write_text(f"dataset: {{name: mnist, path: {folder}, classes: [a, b, c]}}\n")
    with monkeypatch.context() as patch:
        stop_at(patch, 2, signal.SIGTERM)
        assert said(capsys, "fit", config, "--out", out, "--quiet")[0] == 143
    images = folder / "train-images-idx3-ubyte"
    content = images.read_bytes()
    images.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    status, text = said(capsys, "resume", out)
    assert status == 2
    first, second = text.splitlines()
    line = rf"mtrain: {out}: the training rows of the data \({folder}\): was \w{{8}}, is \w{{8}}"
    assert re.fullmatch(line, first)
    assert second.endswith("--allow-differences resumes all the same and records them")

    assert said(capsys, "evaluate", out)[0] == 0
    run(["evaluate", str(out)])
    assert (
        f"These are not the files of the training, though they may hold some of its rows: {folder}"
        in capsys.readouterr().out
    )
    images.write_bytes(content)
    folder = folder.rename(tmp_path / "elsewhere")
    assert said(capsys, "resume", out, f"dataset.path={folder}", "--quiet") == (0, "")


def test_renamed_classes_are_refused_whatever_is_allowed(tmp_path, capsys):
    """The history is of the old ones, and nothing that was learned is of the new ones."""
    path, config, out = (tmp_path / name for name in ("t.csv", "c.yaml", "run"))
    rows = "".join(f"{i},{'ab'[i % 2]}\n" for i in range(60))
    path.write_text(f"x,y\n{rows}")
    config.write_text("dataset: {name: csv, path: t.csv, target: y}\ntraining: {epochs: 1}\n")
    assert said(capsys, "fit", config, "--out", out, "--quiet")[0] == 0
    before = (out / "history.json").read_bytes()
    path.write_text(f"x,y\n{rows}".replace("a", "c"))

    for more in ((), ("--allow-differences",)):
        status, text = said(capsys, "resume", out, "training.epochs=2", *more)
        assert (status, text) == (
            2,
            f"mtrain: {out}: its classes are a, b, those of the data b, c\n",
        )
    assert (out / "history.json").read_bytes() == before
    status, text = said(capsys, "evaluate", out)
    assert (status, text) == (
        1,
        f"mtrain: {path}:2: column 'y': 'c' is not one of the 2 classes; likewise in 29 more rows\n",
    )


def test_rows_that_are_others_are_counted_anew(tmp_path, monkeypatch, capsys):
    """A run that goes on with more data, if that is allowed: its weights go on."""
    data, out = tmp_path / "rows.csv", tmp_path / "run"
    lines = [f"{k % 7},{k % 2},{'yes' if k % 7 > 3 else 'no'}" for k in range(300)]
    data.write_text("\n".join(["a,b,answer", *lines[:200]]))
    config = tmp_path / "config.yaml"
    config.write_text(
        "dataset: {name: csv, path: rows.csv, target: answer, test: 0.2}\n"
        "model: {hidden: 4}\ntraining: {epochs: 4}\n"
    )
    with monkeypatch.context() as patch:
        stop_at(patch, 2, signal.SIGTERM)
        assert said(capsys, "fit", config, "--out", out, "--quiet")[0] == 143
    before = pq.read_table(out / "learning.parquet")
    data.write_text("\n".join(["a,b,answer", *lines]))
    status, text = said(capsys, "resume", out, "--allow-differences")
    learned = pq.read_table(out / "learning.parquet")

    assert status == 0
    assert "When rows are learned is counted anew" in text
    assert len(learned) > len(before)
    assert 1 in before["learned_in"].to_pylist()
    assert set(learned["learned_in"].to_pylist()) <= {None, 2, 3, 4}
    assert said(capsys, "resume", out, "training.epochs=5")[0] == 0
    again = pq.read_table(out / "learning.parquet").sort_by("row")
    for one, later in zip(learned.sort_by("row").to_pylist(), again.to_pylist(), strict=True):
        assert one["learned_in"] in {None, later["learned_in"]}
