"""What is wrong with code of the user's own is said in a line that names theirs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from users_code import experiment, said

import mtrain
from mtrain.workflows.list_runs import list_runs


@pytest.mark.parametrize(
    ("setting", "name", "message"),
    [
        ("loss", "owm:right", "loss: no module 'owm' is beside the config or installed; did you mean 'own'?"),
        ("loss", "own:rihgt", "own:rihgt: no 'rihgt' is there; did you mean 'right'?"),
        ("loss", "own.py:right", "loss: custom code is"),
        ("loss", "own:one_argument", "own.py:30: TypeError: one_argument() takes 1 positional argument"),
        ("loss", "own:batch_mean", "own:batch_mean: must be one loss a row, shape (23,) for 23 rows, got ()"),
        ("loss", "own:branching", "OperatorNotAllowedInGraphError: Using a symbolic `tf.Tensor` as a Python `bool` is not allowed"),
        ("metrics", "own:InPython", "keep its state in variables made by `self.add_weight`"),
        ("metrics", "own:loss", "metrics[0]: 'loss' is a figure of mtrain's; give the object another name"),
        ("metrics", "own:learned", "metrics[0]: 'learned' is a figure of mtrain's; give the object another name"),
        ("metrics", "own:rows", "metrics[0]: 'rows' is a figure of mtrain's; give the object another name"),
        ("metrics", "own:epoch", "metrics[0]: 'epoch' is a figure of mtrain's; give the object another name"),
        ("metrics", "own:phi, other:phi", "metrics: own:phi and other:phi would both be phi"),
        ("model", "own:shared", "own:shared: has a variable of its own"),
        ("loss", "own:Unwritten", "own.py:71: NotImplementedError"),
        ("metrics", "own:OfTwo", "own:OfTwo: must give numbers, got dict"),
        ("loss", "own:Sums", "own:Sums: must be reduced to the mean over rows, 'sum_over_batch_size', got 'sum'"),
        ("loss", "own:Pythons", "but not when it is compiled; keep what changes between calls in a `keras.Variable`"),
        ("loss", "own:of_known_rows", "TypeError: unsupported operand type(s) for *: 'NoneType' and 'int'"),
        ("model", "own:dreaming", "own:dreaming: changes a variable when it only predicts"),
        ("loss", "own:nothing", "own:nothing: must give numbers, got NoneType"),
        ("metrics", "own:nothing", "own:nothing: must give numbers, got NoneType"),
        ("metrics", "own:text", "own:text: must give numbers, got str"),
        ("model", "own:unbuilt", "own:unbuilt: must return a sequential or functional model that has a keras.Input"),
        ("model", "own:of_five", "ValueError: Input 0 "),
        ("model", "own:Subclassed", "own:Subclassed: is a class; a function that returns a model is wanted"),
        ("loss", "own:is_nan", "own:is_nan: is nan for rows of ordinary probabilities"),
        ("loss", "own:constant", "own:constant: has no gradient"),
        ("loss", "own:by_output", "own:by_output: must be one loss a row, shape (23,) for 23 rows, got (23, 10)"),
        ("loss", "own:A_NUMBER", "own:A_NUMBER: is neither a function nor"),
        ("loss", "own:Counts", "own:Counts: is a class, but no Loss of Keras"),
        ("loss", "broken:loss", "broken.py:3: SyntaxError: unmatched ')'"),
        ("loss", "failing:loss", "failing.py:4: ZeroDivisionError: division by zero"),
        ("loss", "exiting:loss", "exiting.py:2: SystemExit: 3"),
        ("loss", "json5:loss", "loss: no module 'json5' is beside"),
        ("loss", "guide:WeightedBinaryCrossentropy", "TypeError: "),
        ("metrics", "own:is_nan", "own:is_nan: is nan for rows of ordinary probabilities"),
        ("metrics", "own:by_output", "own:by_output: must be a number, or one a row"),
        ("metrics", "own:Counts", "own:Counts: must be a number, got shape (3,)"),
        ("model", "own:no_model", "own:no_model: must return a keras.Model, got str"),
        ("model", "own:too_narrow", "own:too_narrow: must give (20, 10) for (20, 64), got (20, 3)"),
        ("model", "own:logits", "own:logits: must give probabilities, as a softmax does"),
        ("model", "own:one_argument", "TypeError: one_argument() takes 1 positional argument"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_it_is_one_line(folder, capsys, setting, name, message):
    (folder / "broken.py").write_text("def loss(y_true, y_pred):\n    pass\n)(\n")
    (folder / "failing.py").write_text("import keras\n\ndef f():\n    return 1 / 0\n\nloss = f()\n")
    (folder / "exiting.py").write_text("import sys\nsys.exit(3)\n")
    value = f"[{name}]" if setting == "metrics" else name
    out = folder / "run"
    status, error = said(
        capsys, "fit", experiment(folder, **{setting: value}), "--out", out, "--quiet"
    )

    assert status == (2 if "experiment.yaml:" in error else 1)
    assert message in error
    assert "\n" not in error
    assert not out.exists()


def test_a_metric_may_work_in_place(folder):
    done = mtrain.fit(experiment(folder, metrics='[accuracy, "own:in_place"]'), out=folder / "run")

    with np.load(done.path / "evaluation" / "test" / "predictions.npz") as arrays:
        assert (arrays["probabilities"].argmax(axis=1) == arrays["y_pred"]).all()
        assert done.report.figures["in_place"] == len(arrays["y_pred"])


@pytest.mark.parametrize("compilation", ["graph", "xla"])
def test_a_loss_that_fails_of_the_last_batch_names_its_line(folder, capsys, compilation):
    """Which is traced when the others are done."""
    (folder / "late.py").write_text(
        "from keras import ops\n"
        "def late(y_true, y_pred):\n"
        "    if y_true.shape[0] == 50:\n"
        "        raise ValueError('a ragged batch')\n"
        "    return ops.mean(ops.square(y_true - y_pred), axis=1)\n"
    )
    training = f"{{epochs: 2, batch_size: 100, compile: {compilation}}}"  # of 1,150 rows
    config = experiment(folder, loss="late:late", training=training)
    status, error = said(capsys, "fit", config, "--out", folder / "run", "--quiet")

    assert status == 1
    kept = "checkpoint epoch-0000 is the last good one"
    assert error.endswith(f"late.py:4: ValueError: a ragged batch; {kept}")


def test_what_fails_as_the_loop_runs_names_its_line(folder, capsys):
    """TensorFlow knows where it was traced."""
    (folder / "late.py").write_text(
        "import tensorflow as tf\n"
        "from keras import ops\n"
        "def late(y_true, y_pred):\n"
        "    tf.debugging.assert_less(tf.shape(y_pred)[0], 30)\n"
        "    return ops.mean(ops.square(y_true - y_pred), axis=1)\n"
    )
    config = experiment(folder, loss="late:late")
    status, error = said(capsys, "fit", config, "--out", folder / "run", "--quiet")

    assert status == 1
    assert "late.py:4: InvalidArgumentError: " in error
    assert [outcome.state for outcome in list_runs(folder)[0]] == ["failed"]


def test_a_metric_that_fails_on_test_is_a_run_that_failed(folder, capsys):
    (folder / "late.py").write_text(
        "def late(y_true, y_pred):\n    return 1 / (len(y_true) < 300)\n"
    )
    config = experiment(folder, metrics="[late:late]")
    status, error = said(capsys, "fit", config, "--out", folder / "run", "--quiet")

    assert status == 1
    assert error.endswith("late.py:2: ZeroDivisionError: division by zero")
    assert [outcome.state for outcome in list_runs(folder)[0]] == ["failed"]


def test_an_error_while_training_names_the_users_line(folder, capsys):
    (folder / "late.py").write_text(
        "def late(y_true, y_pred):\n"
        "    if len(y_true) > 100:\n"
        "        raise ValueError('too many\\nrows')\n"
        "    return 0.0\n"
    )
    config = experiment(folder, metrics="[late:late]")
    # However slow the machine is, none is saved within the epoch.
    never = "checkpoint.every_seconds=1e9"
    status, error = said(capsys, "fit", config, never, "--out", folder / "run", "--quiet")

    assert status == 1
    line, kept = error.split("; ")
    assert line.endswith("late.py:3: ValueError: too many")
    assert Path(line.split(":")[0]).name == "late.py"
    assert kept == "checkpoint epoch-0000 is the last good one"
    assert [outcome.state for outcome in list_runs(folder)[0]] == ["failed"]
