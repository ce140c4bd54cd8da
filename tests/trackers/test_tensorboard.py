"""What TensorBoard's own reader finds in a run."""

from __future__ import annotations

import io
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

import mtrain
from mtrain.cli.main import run
from mtrain.trackers import packages

event_accumulator = pytest.importorskip(
    "tensorboard.backend.event_processing.plugin_event_accumulator",
    reason="the extra mtrain[tensorboard] is not installed",
)

make_ndarray = pytest.importorskip("tensorboard.util.tensor_util").make_ndarray

METRICS = {"metrics": ["accuracy", "precision", "recall"], "tracking.tensorboard": True}


def read(folder):
    """Everything that is written, no event left out."""
    everything = dict.fromkeys(("scalars", "histograms", "images", "custom_scalars"), 0)
    return event_accumulator.EventAccumulator(
        str(folder / "tensorboard"), tensor_size_guidance=everything
    ).Reload()


def scalars(board, tag):
    """Value by epoch."""
    return {event.step: float(make_ndarray(event.tensor_proto)) for event in board.Tensors(tag)}


@pytest.fixture(scope="module")
def board_run(tmp_path_factory):
    out = tmp_path_factory.mktemp("board") / "run"
    settings = {"dataset": {"name": "digits"}, "model": {"hidden": 20}}
    return mtrain.fit(settings, out=out, **METRICS, **{"training.epochs": 3})


def test_its_scalars_are_those_of_the_history(board_run):
    board = read(board_run.path)
    history = json.loads((board_run.path / "history.json").read_text())

    for key, values in history["history"].items():
        written = {
            epoch: value
            for epoch, value in zip(history["epoch"], values, strict=True)
            if value is not None
        }
        assert scalars(board, key) == pytest.approx(written, rel=1e-6)
    for split, prefix in (("train", ""), ("val", "val_")):
        for metric in ("precision", "recall"):
            values = history["per_class"][split][metric]
            for k, name in enumerate(history["classes"]):
                written = {
                    epoch: value[k]
                    for epoch, value in zip(history["epoch"], values, strict=True)
                    if value[k] is not None
                }
                assert scalars(board, f"{prefix}{metric}/{name}") == pytest.approx(
                    written, rel=1e-6
                )


def test_it_has_the_graph_and_the_weights(board_run):
    board = read(board_run.path)

    assert "MatMul" in {node.op for node in board.Graph().node}
    histograms = board.PluginTagToContent("histograms")
    assert {"hidden_1/kernel", "output/bias"} <= set(histograms)
    image = make_ndarray(board.Tensors("first_layer")[-1].tensor_proto)
    assert list(image[:2]) == [b"45", b"36"]  # 20 units of 8 x 8, a pixel apart
    picture = np.asarray(Image.open(io.BytesIO(image[2])))
    with np.load(board_run.path / "checkpoints" / "epoch-0003" / "arrays.npz") as arrays:
        kernel = arrays["model/hidden_1/kernel"]
    for unit, corner in ((0, (0, 0)), (6, (9, 9))):  # five in a row
        weights = kernel[:, unit].reshape(8, 8)
        top, left = corner
        tile = picture[top : top + 8, left : left + 8]
        np.testing.assert_array_equal(tile, np.rint(127.5 + 127.5 * weights / abs(weights).max()))


def test_each_class_is_a_line_in_the_chart_of_a_metric(board_run):
    from tensorboard.plugins.custom_scalar import layout_pb2

    board = read(board_run.path)
    written = board.Tensors("custom_scalars__config__")[0].tensor_proto
    charts = layout_pb2.Layout.FromString(make_ndarray(written).item()).category[0].chart
    lines = {
        chart.title: {
            tag
            for tag in board.PluginTagToContent("scalars")
            if re.match(chart.multiline.tag[0], tag)
        }
        for chart in charts
    }
    assert lines["validation: recall by class"] == {f"val_recall/{k}" for k in range(10)}
    assert lines["training: precision by class"] == {f"precision/{k}" for k in range(10)}
    assert lines["training: forgotten by class"] == {f"forgotten/{k}" for k in range(10)}
    assert len(lines) == 6


def test_what_a_resumed_run_writes_takes_the_place_of_what_was_lost(tmp_path):
    """Killed after a second epoch that no checkpoint has, it writes that epoch again."""
    out = tmp_path / "run"
    settings = {"dataset": {"name": "digits"}, "model": {"hidden": 20}}
    options = {"checkpoint.every_seconds": 0, "checkpoint.keep": 2, "training.save_best": None}
    mtrain.fit(settings, out=out, **METRICS, **options, **{"training.epochs": 2})
    shutil.rmtree(out / "checkpoints" / "epoch-0002")
    mtrain.resume(out, **{"training.epochs": 3})

    everything = read(out).Tensors("loss")
    assert [event.step for event in everything] == [1, 2, 3]


def test_a_folder_that_cannot_be_written_is_said(tmp_path, capsys):
    """Once; the training goes on without TensorBoard."""
    out = tmp_path / "run"
    settings = {"dataset": {"name": "digits"}, "model": {"hidden": 20}}
    mtrain.fit(settings, out=out, **METRICS, **{"training.epochs": 1})
    shutil.rmtree(out / "tensorboard")
    (out / "tensorboard").touch()

    assert mtrain.resume(out, **{"training.epochs": 2}).history.epoch == [1, 2]
    (line,) = [text for text in capsys.readouterr().err.splitlines() if "TensorBoard" in text]
    says = f"TensorBoard has failed and is not called again: {out / 'tensorboard'}: cannot be written: "
    assert line.startswith(says)


def test_without_tensorboard_it_is_said_before_training(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    config = tmp_path / "board.yaml"
    config.write_text("tracking: {tensorboard: true}\n")

    assert run(["fit", str(config), "--out", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err == (
        f"mtrain: {config}:1: tracking.tensorboard: TensorBoard is not installed; "
        "`pip install 'mtrain[tensorboard]'` installs it\n"
    )
