"""What cannot be exported is said in a line, and leaves nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import jsonschema
import numpy as np
import onnxruntime
import pytest
from conftest import ROOT
from tables import trained, write_table

import mtrain
import mtrain.workflows.export as use_case
from mtrain.cli.main import run as command
from mtrain.exporting import onnx_file
from mtrain.run.json_schemas import file_schemas

CUSTOM = """
import keras

def small(n_features, n_classes):
    layers = [keras.Input((n_features,)), keras.layers.Dense(n_classes, activation="softmax")]
    return keras.Sequential(layers)
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    return trained(folder, write_table(folder / "t.csv"))


def refused(capsys, *arguments):
    """The exit status and the message."""
    status = command(["export", *map(str, arguments)])
    return status, capsys.readouterr().err


def test_what_exists_stays(finished, tmp_path, capsys):
    place = tmp_path / "model.onnx"
    place.write_text("mine")

    assert refused(capsys, finished, "--out", place) == (
        2,
        f"mtrain: {place}: exists; remove it, or name another place by --out\n",
    )
    assert place.read_text() == "mine"
    status, message = refused(capsys, finished, "--out", tmp_path / "no" / "model.onnx")
    assert (status, message) == (2, f"mtrain: {tmp_path / 'no'}: no such folder\n")


@pytest.mark.parametrize(("file_format", "name"), [("onnx", "m.keras"), ("keras", "m.onnx")])
def test_an_ending_of_another_format_is_refused(finished, tmp_path, capsys, file_format, name):
    place = tmp_path / name
    message = f"mtrain: --out: must end in .{file_format}, got {str(place)!r}\n"

    assert refused(capsys, finished, "--format", file_format, "--out", place) == (2, message)


@pytest.mark.parametrize("file_format", ["onnx", "saved_model", "keras"])
def test_a_disk_that_is_full_is_named_by_the_file(finished, tmp_path, monkeypatch, file_format):
    """Not by the place where the file is written before it gets its name."""
    name = {"onnx": "onnx_file.write_onnx", "keras": "keras_file.write_keras"}
    writing = name.get(file_format, "saved_model.write_saved_model")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"mtrain.exporting.{writing}", full)
    place = tmp_path / {"onnx": "m.onnx", "keras": "m.keras"}.get(file_format, "m")
    with pytest.raises(mtrain.MtrainError) as raised:
        mtrain.export(finished, file_format=file_format, out=place)

    assert str(raised.value) == f"{place}: cannot be written: No space left on device"
    assert list(tmp_path.iterdir()) == []


def test_a_format_without_its_package_says_how_to_install_it(finished, capsys, monkeypatch):
    monkeypatch.setattr(onnx_file, "find_spec", lambda name: None if name == "onnx" else name)
    status, message = refused(capsys, finished)

    assert status == 2
    assert message == (
        "mtrain: --format: onnx is not installed; `pip install 'mtrain[onnx]'` installs it\n"
    )


def test_a_model_that_predicts_otherwise_is_not_exported(finished, tmp_path, monkeypatch):
    """As a wrong operator would make it."""
    whole = onnx_file.read_plain_networks

    def wrong(saved, path):
        networks = whole(saved, path)
        networks[0][-1].kernel[:] *= -1
        return networks

    monkeypatch.setattr(onnx_file, "read_plain_networks", wrong)
    with pytest.raises(mtrain.MtrainError, match=r"not exported: onnxruntime .* predicts another"):
        mtrain.export(finished, out=tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_kill_leaves_nothing_that_looks_whole(finished, tmp_path, monkeypatch):
    """The name is given once the proof is there."""

    def killed(*_, **__):
        assert not (tmp_path / "model.onnx").exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(use_case, "prove", killed)
    with pytest.raises(KeyboardInterrupt):
        mtrain.export(finished, out=tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_an_export_after_a_kill_removes_what_was_left(finished, tmp_path):
    """Nothing of it had the name of the model."""
    program = (
        "import os, signal, sys, mtrain\n"
        "import mtrain.workflows.export as use_case\n"
        "use_case.prove = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
        "mtrain.export(sys.argv[1], out=sys.argv[2])\n"
    )
    place = tmp_path / "model.onnx"
    killed = subprocess.run([sys.executable, "-c", program, finished, place], check=False)
    left = list(tmp_path.iterdir())

    mtrain.export(finished, out=place)

    assert killed.returncode == -signal.SIGKILL
    assert len(left) == 1
    assert left[0].name.startswith(".")
    assert list(tmp_path.iterdir()) == [place]


def test_data_that_are_gone_are_asked_for(tmp_path, capsys):
    """And found where they are now."""
    path = write_table(tmp_path / "t.csv")
    run = trained(tmp_path, path)
    moved = path.rename(tmp_path / "moved.csv")

    status, message = refused(capsys, run)
    assert status == 1
    assert message.endswith("--data says where the data are now\n")
    assert mtrain.export(run, data=moved).proof.changed == 0


def test_a_custom_model_is_not_onnx(tmp_path, capsys):
    """TensorFlow and Keras save it."""
    (tmp_path / "models.py").write_text(CUSTOM)
    (tmp_path / "c.yaml").write_text(
        json.dumps(
            {
                "dataset": {"name": "digits", "samples": 100},
                "model": "models:small",
                "training": {"epochs": 1},
            }
        )
    )
    run = mtrain.fit(tmp_path / "c.yaml", out=tmp_path / "run", progress=False).path

    status, message = refused(capsys, run)
    assert status == 2
    assert message.endswith("--allow-code allows that\n")
    status, message = refused(capsys, run, "--allow-code")
    assert status == 2
    assert "a custom model cannot be written as ONNX; --format saved_model takes any" in message
    for file_format in ("saved_model", "keras"):
        assert mtrain.export(run, file_format=file_format, allow_code=True).proof.changed == 0


def test_twenty_thousand_categories_are_no_wide_row(tmp_path):
    """The file is as large as the kernel, and a row is looked up."""
    path = tmp_path / "t.csv"
    rows = [f"c{n},{'ab'[n % 2]}" for n in range(20_000)]
    path.write_text("\n".join(["code,class", *rows]))
    run = trained(tmp_path, path, dataset={"categorical": ["code"]}, training={"epochs": 1})

    exported = mtrain.export(run)

    session = onnxruntime.InferenceSession(str(exported.path))
    codes = np.array([["c0"], ["c19999"], ["nothing"]], object)
    (probabilities,) = session.run(["probabilities"], {"code": codes})
    assert np.isfinite(probabilities).all()
    assert exported.path.stat().st_size < 2e6


def test_json_is_as_its_schema_says(finished, tmp_path, capsys):
    assert command(["export", str(finished), "--out", str(tmp_path / "m.onnx"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)

    jsonschema.validate(printed, file_schemas()["export.json"])
    assert [one["name"] for one in printed["inputs"]] == [
        *("size", "a year/of birth", "color", "label_input")
    ]
    kept = ROOT / "docs" / "schemas" / "export.schema.json"
    assert json.loads(kept.read_text()) == file_schemas()["export.json"]
