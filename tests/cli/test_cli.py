from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from command_line import COMMAND, evaluated, mtrain_process
from conftest import CONFIGS, write_idx
from sklearn import metrics as sklearn_metrics
from waiting import watched

import mtrain
from mtrain.cli.main import run
from mtrain.data.load import load_dataset, make_dataset
from mtrain.errors import UsageError
from mtrain.run.find_checkpoint import find_checkpoint
from mtrain.run.metrics import report_as_json


def test_fit_prints_progress_on_stderr_and_results_on_stdout(tmp_path):
    """In a pipe: a line an epoch, no escapes, the test figures last."""
    done = mtrain_process("fit", CONFIGS / "smoke.yaml", "--out", tmp_path / "run")

    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert lines[0].startswith("Device: ")
    assert [line.split(";")[0] for line in lines[3:6]] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert [line.split(" ")[2:4] for line in lines[6:]] == [["of", "the"], ["all", "classes"]]
    assert "\x1b" not in done.stdout + done.stderr
    assert "always '3': accuracy 0.103" in done.stdout
    assert done.stdout.splitlines()[-1] == f"run: {tmp_path / 'run'}"
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert environment["compile"] == "xla"
    assert environment["versions"]["mtrain"] == mtrain.__version__
    assert len(environment["data"]["sha256"]) == 64


def test_a_run_is_repeated_from_its_own_config(tmp_path):
    """`config.yaml` holds every setting in force; weights and figures are the same to the bit."""
    first = mtrain_process("fit", CONFIGS / "smoke.yaml", "--out", tmp_path / "a", "--json")
    config = tmp_path / "a" / "config.yaml"
    second = mtrain_process("fit", config, "--out", tmp_path / "b", "--json", "--quiet")

    assert second.stderr == ""
    a, b = json.loads(first.stdout), json.loads(second.stdout)
    assert a["run"] == str(tmp_path / "a")
    assert a["evaluation"] == b["evaluation"]
    histories = [json.loads((tmp_path / x / "history.json").read_text()) for x in "ab"]
    assert histories[0]["history"] == histories[1]["history"]
    arrays = [tmp_path / x / "checkpoints/epoch-0003/arrays.npz" for x in "ab"]
    with np.load(arrays[0]) as one, np.load(arrays[1]) as other:
        for name in one.files:
            np.testing.assert_array_equal(one[name], other[name])


def test_evaluating_the_validation_split_repeats_the_history(finished_run, capsys):
    """To the last bit, every metric there is."""
    assert run(["evaluate", str(finished_run), "--split", "val", "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)
    history = json.loads((finished_run / "history.json").read_text())
    best = int(metrics["checkpoint"].removeprefix("epoch-")) - 1
    at_best = {key: values[best] for key, values in history["history"].items()}

    assert metrics["loss"] == at_best["val_loss"]
    assert metrics["accuracy"] == at_best["val_accuracy"]
    assert metrics["log_loss"] == at_best["val_log_loss"]
    for name in ("precision", "recall", "f1", "specificity", "fpr", "roc_auc", "average_precision"):
        key = "f1-score" if name == "f1" else name
        for kind in ("macro", "micro", "weighted"):
            assert metrics["averages"][f"{kind} avg"][key] == at_best[f"val_{name}_{kind}"]
        by_class = [entry[key] for entry in metrics["classes"]]
        assert by_class == history["per_class"]["val"][name][best]
    assert metrics["selected"]


def test_metrics_are_scikit_learns_of_the_predictions(finished_run):
    """Recomputed from `predictions.npz` alone."""
    folder = finished_run / "evaluation" / "test"
    metrics = json.loads((folder / "metrics.json").read_text())
    with np.load(folder / "predictions.npz") as file:
        y_true, y_pred, probabilities = file["y_true"], file["y_pred"], file["probabilities"]

    assert y_true.dtype == y_pred.dtype == np.int64
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(
        metrics["confusion_matrix"], sklearn_metrics.confusion_matrix(y_true, y_pred)
    )
    theirs = sklearn_metrics.classification_report(
        y_true,
        y_pred,
        labels=range(10),
        target_names=list("0123456789"),
        zero_division=np.nan,
        output_dict=True,
    )
    ours = json.loads((folder / "classification_report.json").read_text())
    assert ours.keys() == theirs.keys()
    assert ours.pop("accuracy") == pytest.approx(theirs.pop("accuracy"), abs=1e-12)
    for name, figures in theirs.items():
        assert ours[name] == pytest.approx(figures, abs=1e-12)
    for entry in metrics["classes"]:
        area = sklearn_metrics.roc_auc_score(y_true == entry["id"], probabilities[:, entry["id"]])
        assert entry["roc_auc"] == pytest.approx(area, abs=1e-12)


def test_errors_are_listed_most_confident_first(finished_run):
    """Every mistake, by its row in the data."""
    folder = finished_run / "evaluation" / "test"
    lines = (folder / "errors.csv").read_text().splitlines()
    with np.load(folder / "predictions.npz") as file:
        wrong = np.count_nonzero(file["y_true"] != file["y_pred"])

    assert lines[0] == "row,true,predicted,probability_true,probability_predicted"
    confidence = [float(line.split(",")[4]) for line in lines[1:]]
    assert len(confidence) == wrong > 0
    assert confidence == sorted(confidence, reverse=True)


def test_plot_loads_neither_tensorflow_nor_the_data(finished_run, tmp_path):
    """Nor scikit-learn; the charts go where they are told."""
    code = (
        "import sys; from mtrain.cli.main import run; "
        f"status = run(['plot', {str(finished_run)!r}, '--out', {str(tmp_path)!r}, '--format', 'svg']);"
        "assert not {'tensorflow', 'keras', 'sklearn'} & set(sys.modules); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    charts = [
        f"{name}.svg" for name in ("learning_curves", "precision_by_class", "recall_by_class")
    ]
    charts.append("learning_by_class.svg")
    assert done.stdout.splitlines() == [str(tmp_path / name) for name in charts]
    assert {path.name for path in tmp_path.iterdir()} == set(charts)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["--version", "--verbose"],
        ["fit", "--help"],
        ["fit", str(CONFIGS / "smoke.yaml"), "training.epoch=3"],
        ["fit", str(CONFIGS / "mnist_64.yaml"), "dataset.path=nowhere"],
        ["plot", "nowhere"],
        ["evaluate", "nowhere"],
    ],
)
def test_mistakes_are_found_before_anything_heavy_is_loaded(arguments):
    """No TensorFlow, no scikit-learn, no matplotlib."""
    code = (
        f"import sys; from mtrain.cli.main import run; run({arguments!r});"
        "print({'tensorflow', 'keras', 'sklearn', 'matplotlib'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stderr.splitlines()[-1] == "set()"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("what", "parameters"),
    [("fashion_mnist_30", "23,860"), ("fashion_mnist_500x2", "648,010"), ("digits", "4,810")],
)
def test_summary_of_a_config_needs_no_data(capsys, what, parameters):
    """Layers, shapes, parameters."""
    assert run(["summary", str(CONFIGS / f"{what}.yaml")]) == 0
    assert f"{parameters} parameters, {parameters} of them trainable" in capsys.readouterr().out


def test_digits_are_trained_without_what_only_tables_need():
    """Arrow takes a tenth of a second to load, and 30 MB."""
    code = (
        "import sys, mtrain.workflows.fit; assert not {'pyarrow', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_summary_says_which_line_names_data_that_are_not_there(tmp_path, capsys):
    """As fit and check do."""
    config = tmp_path / "c.yaml"
    config.write_text("dataset:\n  name: npz\n  path: gone.npz\n")
    assert run(["summary", str(config)]) == 1
    expected = f"mtrain: {config}:3: dataset.path: {tmp_path / 'gone.npz'}: no such file\n"
    assert capsys.readouterr().err == expected


def test_summary_of_a_run_is_that_of_its_config(finished_run, capsys):
    """From the checkpoint's own config."""
    assert run(["summary", str(finished_run)]) == 0
    assert "hidden_1  Dense  (None, 64)         4,160" in capsys.readouterr().out


@pytest.mark.renders
@pytest.mark.parametrize(
    ("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("PDF", b"%PDF")]
)
def test_summary_draws_the_network(tmp_path, capsys, ending, start):
    """Into a new folder, too, in the format of the ending."""
    graph = tmp_path / "new" / f"network.{ending}"
    assert run(["summary", str(CONFIGS / "digits.yaml"), "--graph", str(graph)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"graph: {graph}"
    assert graph.read_bytes().startswith(start)


def test_a_graph_has_a_format_that_can_be_drawn(tmp_path, capsys):
    """Said before the config is read."""
    for path, problem in (
        ("x.jpg", "--graph: must end in .png, .svg or .pdf, got 'x.jpg'"),
        ("x", "--graph: must end in .png, .svg or .pdf, got 'x'"),
    ):
        assert run(["summary", "nope.yaml", "--graph", path]) == 2
        assert capsys.readouterr().err == f"mtrain: {problem}\n"


def test_two_classes_end_to_end(idx_folder, tmp_path, capsys):
    """One sigmoid; probabilities of both classes are written; the threshold can be moved."""
    folder, out = idx_folder(classes=2), tmp_path / "run"
    config = tmp_path / "two.yaml"
    config.write_text(
        "dataset: {name: mnist, path: idx, classes: [stay, leave]}\n"
        "model: {hidden: 8, dropout: 0.2, batch_norm: true}\n"
        "training: {epochs: 2, early_stopping: {patience: 1}}\n"
    )
    assert run(["fit", str(config), "--out", str(out), "--quiet"]) == 0
    with np.load(out / "evaluation/test/predictions.npz") as file:
        assert file["probabilities"].shape == (60, 2)
        second = file["probabilities"][:, 1]
        np.testing.assert_array_equal(file["y_pred"], second > 0.5)
    capsys.readouterr()
    threshold = float(np.median(second))
    arguments = ["evaluate", str(out), "--threshold", str(threshold), "--data", str(folder)]
    assert run([*arguments, "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)

    assert metrics["threshold"] == threshold
    assert metrics["classes"][1]["predicted"] == np.count_nonzero(second > np.float32(threshold))


def test_weights_of_rows_are_in_every_loss_and_in_the_report(tmp_path, monkeypatch, capsys):
    """A validation and its evaluation agree to the last bit; predictions.npz has the weights."""

    def with_weights(split):
        return replace(split, weights=(split.rows % 3).astype(np.float64))

    def weighted(made):
        def make(*arguments, **options):
            data = made(*arguments, **options)
            splits = {name: with_weights(split) for name, split in data.splits.items()}
            return replace(data, splits=splits)

        return make

    monkeypatch.setattr("mtrain.workflows.fit.load_dataset", weighted(load_dataset))
    monkeypatch.setattr("mtrain.workflows.checkpoint_data.make_dataset", weighted(make_dataset))
    out, config = tmp_path / "run", CONFIGS / "smoke.yaml"
    assert run(["fit", str(config), "training.save_best=null", "--out", str(out), "--quiet"]) == 0
    history = json.loads((out / "history.json").read_text())["history"]
    val = evaluated(capsys, out, "--split", "val")
    with np.load(out / "evaluation/val/predictions.npz") as file:
        rows = file["y_true"], file["y_pred"]
        theirs = sklearn_metrics.accuracy_score(*rows, sample_weight=file["weights"])
        true = file["probabilities"][np.arange(len(rows[0])), rows[0]].astype(np.float64)
        assert set(file["weights"]) == {0, 1, 2}
        loss = np.mean(-np.log(true) * file["weights"])

    assert val["loss"] == history["val_loss"][-1] == pytest.approx(loss, rel=1e-5)
    assert val["sample_weighted"]["accuracy"] == pytest.approx(theirs, abs=1e-12)
    assert val["accuracy"] == history["val_accuracy"][-1] == np.mean(rows[0] == rows[1])


def test_balanced_weights_find_a_rare_class(tmp_path):
    """Of 1,000 rows 10 leave: accuracy is best by naming nobody; weighted, most are found."""
    generator = np.random.default_rng(2)
    for name, rows in (("train", 1000), ("t10k", 2000)):
        labels = (generator.permutation(rows) < rows // 100).astype(np.uint8)
        images = generator.normal(100 + 50 * labels[:, None, None], 50, (rows, 3, 3))
        write_idx(tmp_path / f"{name}-images-idx3-ubyte", images.clip(0, 255).astype(np.uint8))
        write_idx(tmp_path / f"{name}-labels-idx1-ubyte", labels)
    config = tmp_path / "rare.yaml"
    config.write_text(
        "dataset: {name: mnist, path: ., classes: [stay, leave]}\n"
        "model: {hidden: 8}\n"
        "optimizer: {learning_rate: 0.01}\n"
        "training: {epochs: 20, save_best: val_recall_macro}\n"
    )
    recall = {}
    for weights in ("null", "balanced"):
        out = tmp_path / weights
        arguments = [f"training.class_weight={weights}", "--out", str(out), "--quiet"]
        assert run(["fit", str(config), *arguments]) == 0
        metrics = json.loads((out / "evaluation/test/metrics.json").read_text())
        recall[weights] = metrics["classes"][1]["recall"]

    assert recall["null"] < 0.2
    assert recall["balanced"] > 0.5


def test_another_checkpoint_is_evaluated_beside(finished_run, capsys):
    """A checkpoint directory under `checkpoints/` can be named itself."""
    checkpoint = find_checkpoint(finished_run).path
    assert run(["evaluate", str(checkpoint), "--split", "train"]) == 0
    assert f"evaluation: {finished_run / 'evaluation' / 'train'}" in capsys.readouterr().out


def test_a_checkpoint_is_named_from_within(finished_run, monkeypatch, capsys):
    """As `.`, which has no name of its own."""
    monkeypatch.chdir(find_checkpoint(finished_run).path)

    assert run(["evaluate", ".", "--split", "val"]) == 0
    assert f"evaluation: {finished_run / 'evaluation' / 'val'}" in capsys.readouterr().out


def test_an_interrupted_training_saves_what_it_learned(tmp_path):
    """Status 130; between chunks, within an epoch; no traceback."""
    out = tmp_path / "run"
    process = subprocess.Popen(
        [COMMAND, "fit", str(CONFIGS / "digits.yaml"), "training.epochs=100000", "--out", str(out)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with watched(process):
        for line in process.stderr:
            if line.startswith("epoch "):
                break
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate()

    assert process.returncode == 130
    assert "Training ended: stopped by SIGINT, saved" in stderr
    assert "Traceback" not in stderr
    assert stdout == f"run: {out}\n"
    history = json.loads((out / "history.json").read_text())
    last = (out / "checkpoints" / "last").read_text().strip()
    assert len(history["epoch"]) >= 1
    assert (out / "checkpoints" / last / "arrays.npz").is_file()
    assert mtrain_process("evaluate", out).returncode == 0


@pytest.mark.parametrize("command", ["plot", "summary", "evaluate", "evaluate --json"])
def test_a_closed_pipe_is_no_error(finished_run, command):
    """`mtrain ... | head -0`: whoever reads is gone before there is anything to read."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as stdout:
        name, *options = command.split()
        done = subprocess.run(
            [COMMAND, name, str(finished_run), *options],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 0
    assert done.stderr == ""


def test_a_terminal_without_unicode_shows_escapes(idx_folder, tmp_path):
    """`LANG=C` and an ASCII stream: results, no traceback."""
    config = tmp_path / "c.yaml"
    config.write_text(f"dataset: {{name: mnist, path: {idx_folder()}, classes: [süß, sauer]}}\n")
    ascii_only = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    arguments = ["training.epochs=1", "--out", tmp_path / "run"]
    done = mtrain_process("fit", config, *arguments, **ascii_only)

    assert done.returncode == 0, done.stderr
    assert r"s\xfc\xdf" in done.stdout
    assert r"s\xfc\xdf" in done.stderr


def test_debug_shows_the_traceback():
    """Of an error that is one line without it, one of usage included."""
    assert "Traceback" in mtrain_process("plot", "nope", "--debug").stderr
    assert "Traceback" in mtrain_process("--debug", "plot").stderr


def test_from_python_as_from_the_command_line(tmp_path):
    """`mtrain.fit` and `mtrain.evaluate`, imported lazily."""
    config = {"dataset": {"samples": 200}, "training": {"epochs": 2}}
    done = mtrain.fit(config, out=tmp_path / "run", **{"model.hidden": 16})
    report = mtrain.evaluate(done.path)

    assert config == {"dataset": {"samples": 200}, "training": {"epochs": 2}}
    assert done.history.epoch == [1, 2]
    assert report_as_json(report) == report_as_json(done.report)
    assert report.predictions.probabilities.shape == (359, 10)
    with pytest.raises(UsageError, match=r"^split: must be test, val or train"):
        mtrain.evaluate(done.path, split="validation")
    with pytest.raises(UsageError, match=r"^device: must be auto, cpu or gpu"):
        mtrain.fit(config, out=tmp_path / "other", device="cuda")


def test_a_users_keras_settings_change_nothing(tmp_path):
    """Backend, floats and the epsilon of losses of `keras.json`."""
    settings = {"backend": "jax", "floatx": "float64", "epsilon": 0.1}
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    code = (
        "from mtrain.engine.backend import load_tensorflow; load_tensorflow(); import keras;"
        "print(keras.backend.backend(), keras.config.floatx(), keras.config.epsilon())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"KERAS_HOME": str(tmp_path)},
    )

    assert done.stdout.split() == ["tensorflow", "float32", "1e-07"]


def test_importing_mtrain_imports_nothing_heavy():
    """Not even NumPy."""
    code = "import sys, mtrain; assert not {'numpy', 'pydantic', 'yaml'} & set(sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
