"""Losses, metrics and models of the user's own."""

from __future__ import annotations

import json
import re
import sys

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef
from users_code import MODULE, experiment, history, said

import mtrain
from mtrain.config.loading.load import load_config
from mtrain.engine.build import make_trainer
from mtrain.engine.feed import Feed
from mtrain.model.custom.code import imported


def test_a_loss_that_keras_has_too_trains_as_it_does(folder):
    own, keras = (
        mtrain.fit(experiment(folder, loss=loss), out=folder / out, report=False)
        for loss, out in (("guide:mean_difference", "own"), ("mean_absolute_error", "keras"))
    )

    assert history(own.path) == history(keras.path)


def test_a_loss_has_its_parameters(folder):
    """Of two rows and three classes, by hand."""
    config = load_config(
        experiment(
            folder,
            loss='{name: "guide:WeightedBinaryCrossentropy", pos_weight: 0.5, weight: 2}',
        ),
        {},
    )
    from mtrain.model.loss import build_loss

    labels = np.array([[1, 0, 0], [0, 0, 1]], np.float32)
    outputs = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]], np.float32)
    rows = [
        0.5 * np.log(0.5) + np.log(0.7) + np.log(0.8),
        np.log(0.9) + np.log(0.9) + 0.5 * np.log(0.8),
    ]
    with imported(config.custom_code.values(), folder) as code:
        loss = build_loss(config.loss, 3, code)
        assert float(loss(labels, outputs)) == pytest.approx(-2 * np.mean(rows) / 3, rel=1e-6)


@pytest.mark.parametrize("compilation", ["graph", "xla"])
def test_metrics_are_counted_in_training_and_on_validation(folder, compilation):
    """By row, with state, and of whole splits: each is a figure that mtrain has, too."""
    metrics = (
        "[accuracy, true_positives, guide:CategoricalTruePositives, own:right, "
        'own:numpy_right, {name: "own:phi", scale: 2}]'
    )
    training = f"{{epochs: 2, compile: {compilation}}}"
    config = experiment(folder, metrics=metrics, training=training)
    done = mtrain.fit(config, out=folder / "run")

    found = history(done.path)
    assert found["CategoricalTruePositives"] == found["true_positives"]
    assert found["val_CategoricalTruePositives"] == found["val_true_positives"]
    np.testing.assert_allclose(found["right"], found["accuracy"], rtol=1e-12)
    np.testing.assert_allclose(found["val_right"], found["val_accuracy"], rtol=1e-12)
    assert "numpy_right" not in found
    assert "phi" not in found
    np.testing.assert_allclose(found["val_numpy_right"], found["val_accuracy"], rtol=1e-12)
    own = done.report.figures
    with np.load(done.path / "evaluation" / "test" / "predictions.npz") as arrays:
        truth = matthews_corrcoef(arrays["y_true"], arrays["y_pred"])
    assert own["phi"] == pytest.approx(2 * truth, rel=1e-12)
    assert own["right"] == pytest.approx(done.report.accuracy, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "compilation"),
    [("own:Steps", "graph"), ("own:Steps", "xla"), ("own:steps", "graph"), ("own:Lazily", "graph")],
)
def test_a_loss_remembers(folder, name, compilation):
    """Within an object, a module, or made late; validation is told, but leaves no trace."""
    training = f"{{epochs: 2, batch_size: 100, shuffle: false, compile: {compilation}}}"
    config = experiment(folder, loss=name, training=training)
    done = mtrain.fit(config, out=folder / "run")

    rows = np.array([100.0] * 11 + [50])  # of 1,150
    epochs = [rows @ (np.arange(12) + first) / 1150 for first in (1, 13)]
    np.testing.assert_allclose(history(done.path)["loss"], epochs, rtol=1e-12)
    assert history(done.path)["val_loss"] == [13.0, 25.0]
    assert done.report.loss == 13.0  # the best epoch is the first
    resumed = mtrain.fit(config, out=folder / "resumed", report=False, **{"training.epochs": 1})
    mtrain.resume(resumed.path, allow_code=True, report=False, **{"training.epochs": 2})
    assert history(resumed.path) == history(done.path)


@pytest.mark.parametrize(
    ("compilation", "status", "ending"),
    [("graph", 0, ""), ("xla", 1, "cannot be compiled; `training.compile: graph` may")],
)
def test_what_xla_cannot_compile_may_be_compiled_as_graph(
    folder, capsys, compilation, status, ending
):
    training = f"{{epochs: 1, compile: {compilation}}}"
    config = experiment(folder, metrics="[own:InPythonAlone]", training=training)
    found, error = said(capsys, "fit", config, "--out", folder / "run", "--quiet")

    assert found == status
    assert error[-len(ending) :] == ending


def test_two_classes_have_one_column(folder):
    """As Keras has them: what is right is what is on the same side of 0.5."""
    (folder / "own.py").write_text(
        "from keras import ops\n"
        "def right(y_true, y_pred):\n"
        "    return ops.cast((y_true > 0.5) == (y_pred > 0.5), 'float32')[:, 0]\n"
    )
    config = experiment(
        folder,
        dataset="{name: synthetic, rows: 300, features: 4, informative: 2, classes: [a, b]}",
        metrics='[accuracy, "own:right"]',
    )
    found = history(mtrain.fit(config, out=folder / "run").path)

    np.testing.assert_allclose(found["right"], found["accuracy"], rtol=1e-12)
    np.testing.assert_allclose(found["val_right"], found["val_accuracy"], rtol=1e-12)


def test_what_a_loss_remembers_has_its_order(folder):
    """Another process would put back what is in a checkpoint by it."""
    from mtrain.model.custom.loss import loss_variables
    from mtrain.model.loss import build_loss

    config = load_config(experiment(folder, loss="own:Many"), {})
    with imported(config.custom_code.values(), folder) as code:
        loss = build_loss(config.loss, 3, code)
        found = loss_variables(config.loss, code, loss, 3)

    assert [variable.numpy() for variable in found] == list(range(20))


@pytest.mark.parametrize(
    "settings",
    [
        {"metrics": "[guide:CategoricalTruePositives]"},
        {"loss": "own:Steps"},
        {"loss": "own:Noisy"},
    ],
)
def test_what_it_remembers_goes_on_within_an_epoch(folder, settings):
    config = load_config(experiment(folder, **settings), {})
    from mtrain.data.load import load_dataset

    dataset = load_dataset(config.dataset, memory=config.training.memory_bytes)
    with imported(config.custom_code.values(), folder) as code:

        def trainer():
            made = make_trainer(config, dataset, Feed(dataset.train), code, jit_compile=False)
            made._chunk = 7
            return made

        first, second, whole = trainer(), trainer(), trainer()
        records = first.records()
        next(records)
        second.restore(first.state())
        going_on, in_one = list(second.records()), list(whole.records())

    ends = [
        [(record.train.loss, record.train.scalars) for record in some if hasattr(record, "train")]
        for some in (going_on, in_one)
    ]
    assert ends[0] == ends[1]


def test_a_run_keeps_its_code_and_is_only_read_with_leave(folder, capsys):
    """What lies beside the config may change, or go."""
    config = experiment(
        folder, model="{name: own:build, units: 8}", metrics='[accuracy, "own:phi"]'
    )
    out = folder / "run"
    status, lines = said(capsys, "fit", config, "--out", out)
    assert status == 0
    assert "Custom code: own:build, own:phi." in lines
    assert "Model: own:build, 610 parameters." in lines
    assert (out / "code" / "own.py").read_text() == MODULE
    assert not list(out.rglob("__pycache__"))
    (folder / "own.py").write_text("raise RuntimeError\n")

    status, message = said(capsys, "evaluate", out, "--fast")
    assert (status, message) == (2, "--fast: model 'own:build' needs TensorFlow; leave out --fast")
    for command in (
        ["evaluate", out],
        ["predict", out, folder / "rows.npz"],
        ["resume", out, "training.epochs=3"],
        ["summary", out],
    ):
        status, message = said(capsys, *command)
        assert status == 2
        assert "own:build" in message
        assert message.endswith("which runs when it is imported; --allow-code allows that")
    assert said(capsys, "resume", out, "training.epochs=3", "--allow-code", "--quiet") == (0, "")
    assert said(capsys, "summary", out, "--allow-code") == (0, "")
    assert said(capsys, "evaluate", out, "--split", "val", "--allow-code") == (0, "")
    figures = json.loads((out / "evaluation" / "val" / "metrics.json").read_text())
    best = int(np.argmin(history(out)["val_loss"]))
    assert figures["figures"]["phi"] == history(out)["val_phi"][best]
    again = folder / "again"
    assert said(capsys, "fit", out / "config.yaml", "training.epochs=3", "--out", again)[0] == 0
    assert history(again) == history(out)

    (folder / "own.py").write_text(f"{MODULE}\n# changed\n")
    status, message = said(capsys, "fit", config, "--out", out, "--resume", "training.epochs=3")
    assert status == 2
    assert re.match(r"\S+: code.own.py: was [0-9a-f]{8}, is [0-9a-f]{8}$", message)


def test_only_a_perceptron_is_drawn(folder, capsys):
    (folder / "own.py").write_text(
        "import keras\n"
        "def branches(n_features, n_classes):\n"
        "    inputs = keras.Input((n_features,))\n"
        "    both = [keras.layers.Dense(3)(inputs), keras.layers.Dense(4)(inputs)]\n"
        "    outputs = keras.layers.Dense(n_classes, 'softmax')(keras.layers.Concatenate()(both))\n"
        "    return keras.Model(inputs, outputs)\n"
    )
    config = experiment(folder, model="own:branches")
    status, error = said(
        capsys, "summary", config, "--allow-code", "--graph", folder / "network.png"
    )
    assert (status, error) == (
        2,
        "--graph: draws chains of fully connected layers; this model is another",
    )


def test_code_that_was_changed_in_a_run_is_said(folder, capsys):
    done = mtrain.fit(experiment(folder, metrics="[accuracy, own:phi]"), out=folder / "run")
    assert done.report.data.notes == ()
    with (done.path / "code" / "own.py").open("a") as file:
        file.write("# changed\n")
    np.savez(folder / "rows.npz", x=np.zeros((2, 8, 8), np.float32))

    note = f"{done.path}/code/own.py is not what epoch-0002 was trained with"
    status, _ = said(capsys, "evaluate", done.path, "--allow-code")
    metrics = json.loads((done.path / "evaluation" / "test" / "metrics.json").read_text())
    assert (status, metrics["data"]["notes"]) == (0, [note])
    status, lines = said(capsys, "predict", done.path, folder / "rows.npz", "--allow-code")
    assert status == 0
    assert note in lines
    (done.path / "code" / "own.py").rename(done.path / "own.py")
    assert note in said(capsys, "predict", done.path, folder / "rows.npz", "--allow-code")[1]


@pytest.mark.renders
def test_a_chain_with_a_layer_that_leaves_its_units_is_drawn(folder, capsys):
    config = experiment(folder, model='{name: "guide:with_activity", rate: 0.1}')
    picture = folder / "network.svg"
    assert said(capsys, "summary", config, "--allow-code", "--graph", picture)[0] == 0
    drawn = picture.read_text()
    assert all(f"<!-- {units} -->" in drawn for units in (64, 10))


def test_a_run_does_not_go_on_with_other_code(folder, capsys):
    config = experiment(folder, metrics='[accuracy, "own:phi"]')
    out = folder / "run"
    assert said(capsys, "fit", config, "--out", out, "--quiet")[0] == 0
    (folder / "own.py").write_text(f"{MODULE}\n# another\n")

    status, message = said(capsys, "fit", config, "training.epochs=3", "--out", out, "--resume")
    assert status == 2
    assert re.search(r"code\.own\.py: was \w{8}, is \w{8}\n", message)


def test_a_run_without_custom_code_imports_nothing_of_its_folder(tmp_path, capsys):
    """Not even what is loaded late, under a name that is sought."""
    out = tmp_path / "run"
    config = tmp_path / "experiment.yaml"
    config.write_text("training: {epochs: 1}\n")
    assert said(capsys, "fit", config, "--out", out, "--quiet")[0] == 0
    (out / "code").mkdir()
    for folder in (out, out / "code"):
        (folder / "colorsys.py").write_text("raise SystemExit(9)\n")
    with imported([], out):
        sys.modules.pop("colorsys", None)
        import colorsys

    assert "code" not in colorsys.__file__


def test_what_it_imports_late_is_kept(folder, capsys):
    (folder / "late.py").write_text("SCALE = 3.0\n")
    (folder / "lazy.py").write_text(
        "def scaled(y_true, y_pred):\n    import late\n    return late.SCALE\n"
    )
    out = folder / "run"
    assert said(capsys, "fit", experiment(folder, metrics="[lazy:scaled]"), "--out", out)[0] == 0
    (folder / "late.py").unlink()

    assert said(capsys, "evaluate", out, "--allow-code")[0] == 0
    assert (out / "code" / "late.py").is_file()


def test_a_module_that_the_program_has_itself_is_imported_anew(folder, monkeypatch):
    monkeypatch.syspath_prepend(str(folder))
    import own

    done = mtrain.fit(experiment(folder, metrics="[own:phi]"), out=folder / "run")
    assert (done.path / "code" / "own.py").is_file()
    assert mtrain.evaluate(done.path, allow_code=True).figures
    assert sys.modules["own"] is own
    del sys.modules["own"]


def test_modules_of_two_folders_may_have_one_name(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "own.py").write_text("def phi(y_true, y_pred):\n    return 7.0\n")
    settings = {"metrics": "[accuracy, own:phi]"}
    mtrain.fit(experiment(folder, **settings), out=folder / "run")
    second = mtrain.fit(experiment(other, **settings), out=other / "run")

    assert history(second.path)["val_phi"] == [7.0, 7.0]
    assert "own" not in sys.modules
    assert str(folder) not in sys.path


def test_a_figure_of_whole_splits_steers_no_training(folder, capsys):
    config = experiment(
        folder,
        metrics="[own:phi]",
        training="{epochs: 2, early_stopping: {monitor: phi, mode: max}}",
    )
    status, message = said(capsys, "fit", config, "--out", folder / "run")
    assert status == 2
    assert message.endswith(
        "training.early_stopping.monitor: 'phi' needs a whole split and is no figure of the "
        "training; val_phi is one of this run's"
    )
