"""Sums over the rows of large batches, beside their exact values."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mtrain.cli.main import run
from mtrain.config.loading.load import load_config
from mtrain.engine.build import make_trainer
from mtrain.engine.compilation import LARGEST_XLA_BATCH, check_compilation
from mtrain.engine.feed import Feed
from mtrain.errors import SettingError
from mtrain.model.custom.code import NO_CODE
from mtrain.records.dataset import Dataset, Encoding, Split
from mtrain.records.training import EpochRecord

CLASSES = ("a", "b", "c")
MILLION = 10**6


@pytest.fixture(scope="module")
def million_rows():
    """Four features; seven rows in ten are of the first class."""
    generator = np.random.default_rng(0)
    features = generator.normal(size=(MILLION, 4)).astype(np.float32)
    labels = generator.choice(3, MILLION, p=[0.7, 0.2, 0.1]).astype(np.int32)
    return Split(features, labels, np.arange(MILLION))


def trained(split, *, batch_size, compilation, learning_rate):
    """The record of one epoch, the weights before it and those after."""
    settings = {
        "model": {"hidden": 8},
        "optimizer": {"name": "sgd", "learning_rate": learning_rate},
        "training": {"epochs": 1, "batch_size": batch_size},
    }
    dataset = Dataset(CLASSES, {"train": split}, Encoding(shape=(4,)), "0", "here")
    trainer = make_trainer(
        load_config(settings, {}), dataset, Feed(split), NO_CODE, jit_compile=compilation == "xla"
    )
    before = trainer.weights()
    (record,) = (record for record in trainer.records() if isinstance(record, EpochRecord))
    return record, before, trainer.weights()


def exact(split, weights):
    """Mean cross-entropy, and its gradients by the biases, in float64."""
    kernels, biases = (
        [weights[f"model/{layer}/{kind}"].astype(np.float64) for layer in ("hidden_1", "output")]
        for kind in ("kernel", "bias")
    )
    sums = split.features.astype(np.float64) @ kernels[0] + biases[0]
    logits = np.maximum(sums, 0) @ kernels[1] + biases[1]
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    loss = -np.log(probabilities[np.arange(len(split)), split.labels]).mean()
    by_logits = probabilities - np.eye(3)[split.labels]
    by_sums = (by_logits @ kernels[1].T) * (sums > 0)
    return loss, by_sums.mean(axis=0), by_logits.mean(axis=0)


@pytest.mark.parametrize(
    ("compilation", "batch_size"), [("graph", MILLION), ("xla", LARGEST_XLA_BATCH)]
)
def test_the_loss_of_the_largest_batches_is_exact_to_five_digits(
    million_rows, compilation, batch_size
):
    """Of an epoch of a million rows, with a learning rate too small to move a weight."""
    record, before, after = trained(
        million_rows, batch_size=batch_size, compilation=compilation, learning_rate=1e-30
    )
    for name, weight in before.items():
        assert_allclose(after[name], weight, rtol=0, atol=1e-25)
    loss, _, _ = exact(million_rows, before)

    assert record.train.loss == pytest.approx(loss, rel=1e-5)
    assert record.train.confusion.sum() == MILLION


@pytest.mark.parametrize(
    ("compilation", "batch_size", "tolerance"),
    # `graph` is stock Keras, whose sums are as long as the processor's vectors let them be.
    [("graph", MILLION, 2e-4), ("xla", LARGEST_XLA_BATCH, 1e-5)],
)
def test_the_gradients_of_biases_of_the_largest_batches_are_nearly_exact(
    million_rows, compilation, batch_size, tolerance
):
    """One step of gradient descent takes off each bias, which is 0, its gradient times 1."""
    rows = slice(0, batch_size)
    split = Split(million_rows.features[rows], million_rows.labels[rows], million_rows.rows[rows])
    _, before, after = trained(
        split, batch_size=batch_size, compilation=compilation, learning_rate=1.0
    )
    _, by_hidden, by_output = exact(split, before)

    for layer, expected in (("hidden_1", by_hidden), ("output", by_output)):
        found = -after[f"model/{layer}/bias"]
        assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def test_xla_is_refused_on_a_cpu_for_larger_batches(tmp_path, capsys):
    """With the setting's line and the remedy, before a run is made."""
    config = tmp_path / "c.yaml"
    config.write_text(
        "dataset: {name: synthetic, rows: 20000}\ntraining:\n  batch_size: 10000\n  compile: xla\n"
    )
    out = tmp_path / "run"

    assert run(["fit", str(config), "--device", "cpu", "--quiet", "--out", str(out)]) == 2
    assert capsys.readouterr().err == (
        f"mtrain: {config}:4: training.compile: xla on a CPU is too inexact for batches of more "
        "than 8,192 rows, got 10,000; take graph, as auto does from 4,096 rows, or a smaller "
        "training.batch_size\n"
    )
    assert not out.exists()


@pytest.mark.parametrize(
    ("compilation", "device", "batch_size", "rows"),
    [
        ("xla", "cpu", 8192, MILLION),
        ("xla", "cpu", MILLION, 8192),
        ("xla", "gpu", MILLION, MILLION),
        ("graph", "cpu", MILLION, MILLION),
    ],
)
def test_other_batches_are_not_refused(compilation, device, batch_size, rows):
    """Small ones, those of few rows, on a GPU, as graph."""
    config = load_config({"training": {"batch_size": batch_size, "compile": compilation}}, {})

    check_compilation(config, compilation, device, rows)


def test_one_row_more_is_refused():
    """Of a batch that there are enough rows for."""
    config = load_config({"training": {"batch_size": MILLION, "compile": "xla"}}, {})

    with pytest.raises(SettingError, match="got 8,193; take graph"):
        check_compilation(config, "xla", "cpu", 8193)
