from __future__ import annotations

import json
import subprocess
import sys

import keras
import pytest
from checked_tables import checked, numbers, plain, two_classes
from conftest import CONFIGS
from waiting import HANGS, cpu_of_children

from mtrain.cli.main import run
from mtrain.config.loading.load import load_config
from mtrain.errors import MtrainError
from mtrain.model.perceptron import build_model
from mtrain.workflows.check import check

TAIL = {"size": 0.25, "how": "tail"}

UNKNOWN = (
    "column 'b' has a category unseen in training; it is encoded as zeros, and the model cannot see what "
    "it is; are categories written as in training?"
)


def test_a_table_is_told_by_rows_kinds_and_counts(tmp_path, capsys):
    """60 rows of 3 classes: 12 to test, 10 of the other 48 to validate; 4 inputs of text and truth."""
    rows = [
        [x, "uvw"[k % 7 % 3], k % 5 % 2 == 0, "xyz"[k % 3]] for k, (x,) in enumerate(numbers(60))
    ]
    (tmp_path / "data.csv").write_text(plain(rows, "length,kind,is wet,y"))
    (tmp_path / "c.yaml").write_text(
        "dataset: {name: csv, path: data.csv, target: y}\nmodel: {hidden: 4}"
    )

    assert run(["check", str(tmp_path / "c.yaml")]) == 0

    out = capsys.readouterr().out.splitlines()
    assert [line.rstrip() for line in out] == [
        f"csv: {tmp_path / 'data.csv'}",
        "6 inputs, of 3 columns: 1 number (length); 1 text (kind); 1 boolean (is wet)",
        "class  train  val  test",
        "x         13    3     4",
        "y         12    4     4",
        "z         13    3     4",
        "rows      38   10    12",
        # (6 + 1) * 4 + (4 + 1) * 3 weights; four arrays of float32.
        "model 6-4-3: 43 parameters, with gradients and optimizer 688 bytes; the data take 1.44 kB",
    ]


def test_nothing_is_said_of_data_that_nothing_is_wrong_with(tmp_path):
    """100 rows of two classes."""
    assert checked(tmp_path / "a.csv", plain(two_classes())).warnings == ()


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        pytest.param(
            plain([[a, b, "z" if k < 3 else y] for k, (a, b, y) in enumerate(two_classes())]),
            {"validation": None, "test": TAIL},
            ["class 'z' has no row in test", "class 'z' has only 3 rows to train on"],
            id="a class missing from a split",
        ),
        pytest.param(
            plain([[a, b, "z" if k > 97 else y] for k, (a, b, y) in enumerate(two_classes())]),
            {"validation": TAIL, "test": TAIL},
            ["class 'z' has no row to train on; it has 2 of test, which cannot be learned"],
            id="a class missing from two splits",
        ),
        pytest.param(
            plain([[a, b, "z" if k % 20 == 0 else y] for k, (a, b, y) in enumerate(two_classes())]),
            {"validation": None},
            ["class 'z' has only 4 rows to train on"],
            id="a rare class",
        ),
        pytest.param(
            plain([[a, b, "x" if k % 20 else "y"] for k, (a, b, _) in enumerate(two_classes(400))]),
            {},
            [
                "always answering 'x' has accuracy 0.950 on test: look at the recall of the others",
            ],
            id="a lopsided table",
        ),
        pytest.param(
            plain([[a, 5, y] for a, _, y in two_classes()]),
            {},
            ["column 'b' is the same in every row"],
            id="a constant column",
        ),
        pytest.param(
            plain([[a, "same", y] for a, _, y in two_classes()]),
            {},
            ["column 'b' is the same in every row"],
            id="a constant column of text",
        ),
        pytest.param(
            plain([[a, a, y] for a, _, y in two_classes()]),
            {},
            ["columns 'a' and 'b' are the same"],
            id="duplicate columns",
        ),
        pytest.param(
            plain([[a, k + 1, y] for k, (a, _, y) in enumerate(two_classes())]),
            {},
            ["column 'b' counts the rows"],
            id="a number of the row",
        ),
        pytest.param(
            plain([[a, f"n{k}", y] for k, (a, _, y) in enumerate(two_classes())]),
            {},
            [
                f"WARNING: val: in 16 of 16 rows (100%) {UNKNOWN}",
                f"WARNING: test: in 20 of 20 rows (100%) {UNKNOWN}",
                "column 'b' has 100 categories in 100 rows, each an input of its own; is it a name or "
                "a number of the row?",
            ],
            id="an identifier",
        ),
        pytest.param(
            plain([[a, {"x": 7, "y": 3}[y], y] for a, _, y in two_classes()]),
            {},
            ["column 'b' is the label by another name: each value stands for one class"],
            id="the label as numbers",
        ),
        pytest.param(
            plain([*two_classes(80), *two_classes(20)]),
            {"validation": None, "test": {"size": 20, "how": "tail"}},
            ["20 of 20 rows of test have the same inputs as a training row"],
            id="rows in train and test",
        ),
        pytest.param(
            plain([*two_classes(60), *two_classes(20), *two_classes(20, seed=1)]),
            {"validation": {"size": 20, "how": "tail"}, "test": {"size": 20, "how": "tail"}},
            ["20 of 20 rows of val have the same inputs as a training row"],
            id="rows in train and validation",
        ),
        pytest.param(
            plain([*two_classes(), [*two_classes()[0][:2], "y"], [*two_classes()[2][:2], "y"]]),
            {"validation": None, "test": TAIL},
            [
                "2 of 26 rows of test have the same inputs as a training row",
                "4 rows differ from another one only in the label: FILE:2 is 'x', FILE:102 'y'",
            ],
            id="contradicting labels",
        ),
        pytest.param(
            plain([*two_classes(), ["", 1, "x"], [2, "", "y"], [3, 4, ""]]),
            {"missing": "drop"},
            [
                "FILE: 1 row left out: without a label",
                "FILE: 2 rows left out: with missing values",
            ],
            id="rows left out",
        ),
    ],
)
def test_findings_of_a_table(tmp_path, text, settings, said):
    """Each by its whole message, and nothing else."""
    path = tmp_path / "a.csv"

    found = checked(path, text, **settings).warnings

    assert [line.replace(str(path), "FILE") for line in found] == said


def test_rows_shared_with_a_test_file_are_counted(tmp_path):
    """The test file has its columns in another order, -0 for 0 and 1.50 for 1.5; one label differs."""
    (tmp_path / "test.csv").write_text("y,b,a\nx,u,1.50\ny,v,-0\nx,w,9.5\ny,v,3\n")
    rows = [
        [1.5, "u", "x"],
        [0, "v", "x"],
        *([k + 0.25, "uvw"[k % 3], "xy"[k % 2]] for k in range(40)),
    ]

    found = checked(
        tmp_path / "train.csv", plain(rows), test_path=str(tmp_path / "test.csv"), validation=None
    )

    assert found.warnings == (
        "2 of 4 rows of test have the same inputs as a training row",
        f"2 rows differ from another one only in the label: {tmp_path / 'train.csv'}:3 is 'x', "
        f"{tmp_path / 'test.csv'}:3 'y'",
    )
    assert found.counts["test"].tolist() == [2, 2]


def test_rows_without_a_value_are_counted_by_column(tmp_path, capsys):
    """They are filled, which is no warning."""
    (tmp_path / "a.csv").write_text(plain([*two_classes(), ["", 1, "x"], ["NA", 2, "y"]]))
    (tmp_path / "c.yaml").write_text("dataset: {name: csv, path: a.csv, target: y, missing: mean}")

    assert run(["check", str(tmp_path / "c.yaml"), "--strict"]) == 0
    assert "\nrows without a value: a 2\n" in capsys.readouterr().out


# --- The command


def test_a_class_that_training_lacks_is_listed_with_its_rows(tmp_path, capsys):
    """Case 40; a class of the config that no row has is one that all splits lack."""
    path = tmp_path / "a.csv"
    path.write_text(plain([*two_classes(), *([k, k, "z"] for k in (0.5, 2.5, 3.75))]))
    (tmp_path / "c.yaml").write_text(
        "dataset: {name: csv, path: a.csv, target: y, classes: [x, y, z, w], validation: null,"
        " test: {size: 20, how: tail}}"
    )

    assert run(["check", str(tmp_path / "c.yaml")]) == 0

    out = capsys.readouterr()
    assert out.err == ""
    assert out.out.splitlines()[-2:] == [
        "warning: class 'z' has no row to train on; it has 3 of test, which cannot be learned "
        "[absent-class]",
        "warning: class 'w' has no row to train on; it has none [absent-class]",
    ]


def test_strict_makes_errors_of_warnings(tmp_path, capsys):
    """Status 1, on stderr; the table is printed all the same."""
    (tmp_path / "a.csv").write_text(plain([[a, 1, y] for a, _, y in two_classes()]))
    (tmp_path / "c.yaml").write_text("dataset: {name: csv, path: a.csv, target: y}")

    assert run(["check", str(tmp_path / "c.yaml"), "--strict"]) == 1

    out = capsys.readouterr()
    assert out.err == "mtrain: column 'b' is the same in every row [constant-column]\n"
    assert "rows      64   16    20" in out.out
    assert "warning" not in out.out


def test_names_of_columns_and_classes_are_inert(tmp_path, capsys):
    """Escapes do nothing to the terminal, brackets are no markup."""
    rows = [[1, a, "[/x]" if y == "x" else "\x1b[31my"] for a, _, y in two_classes()]
    (tmp_path / "a.csv").write_text(plain(rows, "\x1b[2J,[bold]b,y"))
    (tmp_path / "c.yaml").write_text("dataset: {name: csv, path: a.csv, target: y}")

    assert run(["check", str(tmp_path / "c.yaml")]) == 0

    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "2 numbers (\\x1b[2J, [bold]b)" in out
    assert "[/x]" in out
    assert "column '\\x1b[2J' is the same in every row" in out


def test_settings_that_do_not_fit_the_data_are_named_by_line(tmp_path, capsys):
    """A misspelt target; a class weight of no class."""
    (tmp_path / "a.csv").write_text(plain(two_classes()))
    config = tmp_path / "c.yaml"
    config.write_text("dataset:\n  name: csv\n  path: a.csv\n  target: z\n")
    assert run(["check", str(config)]) == 2
    path = tmp_path / "a.csv"
    assert capsys.readouterr().err == (
        f"mtrain: {config}:4: dataset.target: {path} has no column 'z'; choose one of a, b, y\n"
    )

    weights = ["dataset.target=y", "training.class_weight={x: 2, yy: 3}"]
    assert run(["check", str(config), *weights]) == 2
    assert capsys.readouterr().err == (
        "mtrain: command line: training.class_weight.yy: unknown class 'yy'; did you mean 'y'?\n"
    )


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("model", [{"hidden": [5, 4], "batch_norm": True}, {"hidden": []}])
def test_parameters_are_those_of_the_keras_model(tmp_path, capsys, n_classes, model):
    """Of the model that `fit` trains."""
    (tmp_path / "a.csv").write_text(
        plain([[*r, k % n_classes] for k, r in enumerate(numbers(60, 2))])
    )
    config = {"dataset": {"name": "csv", "path": "a.csv", "target": "y"}, "model": model}
    (tmp_path / "c.yaml").write_text(json.dumps(config))

    assert run(["check", str(tmp_path / "c.yaml")]) == 0

    built = build_model(load_config(config, {}).model, 2, n_classes, 0)
    assert isinstance(built, keras.Model)
    assert f" {built.count_params():,} parameters" in capsys.readouterr().out


def test_no_tensorflow_is_loaded(tmp_path):
    """Nor Keras, nor matplotlib."""
    script = (
        "import sys; from mtrain.cli.main import run\n"
        f"assert run(['check', {str(CONFIGS / 'digits.yaml')!r}]) == 0\n"
        "assert not {'tensorflow', 'keras', 'matplotlib'} & sys.modules.keys()"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )

    assert done.stderr == ""
    assert "1,797" not in done.stdout
    assert "model 64-64-10: 4,810 parameters" in done.stdout


@pytest.mark.slow
def test_fashion_mnist_is_checked_in_under_five_seconds_of_cpu(fashion_folder):
    """In a process of its own."""
    script = "from mtrain.cli.main import main; main()"
    command = [sys.executable, "-P", "-c", script, "check"]
    before = cpu_of_children()
    done = subprocess.run(
        [*command, str(CONFIGS / "fashion_mnist_30.yaml"), f"dataset.path={fashion_folder}"],
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )

    assert done.returncode == 0
    assert cpu_of_children() - before < 5
    assert "rows " in done.stdout


def test_a_threshold_for_the_frequent_class_is_warned_of(tmp_path):
    """Classes in sorted order have `stay` as the second."""
    rows = "".join(f"{i % 7},{'leave' if i % 10 == 0 else 'stay'}\n" for i in range(400))
    (tmp_path / "a.csv").write_text(f"x,y\n{rows}")
    settings = {
        "dataset": {"name": "csv", "path": str(tmp_path / "a.csv"), "target": "y"},
        "evaluation": {"threshold": {"recall": 0.9}},
    }
    warning = (
        "evaluation.threshold is for 'stay', the second class and the more frequent; "
        "dataset.classes: [stay, leave] makes it for 'leave'"
    )

    assert warning in check(load_config(settings, {})).warnings
    settings["dataset"]["classes"] = ["stay", "leave"]
    assert warning not in check(load_config(settings, {})).warnings


def test_what_fit_refuses_check_does(tmp_path):
    """Class weights that leave nothing to learn."""
    (tmp_path / "a.csv").write_text("x,y\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(40)))
    settings = {
        "dataset": {"name": "csv", "path": str(tmp_path / "a.csv"), "target": "y"},
        "training": {"class_weight": {"a": 0, "b": 0.0}},
    }

    with pytest.raises(MtrainError, match="no training row is left with a weight above 0"):
        check(load_config(settings, {}))
