from __future__ import annotations

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from conftest import CONFIGS
from waiting import HANGS, cpu_of_children

from mtrain.cli.main import run
from mtrain.config.loading.load import load_config
from mtrain.errors import MtrainError
from mtrain.model.perceptron import build_model
from mtrain.workflows.check import check

TAIL = {"size": 0.25, "how": "tail"}


def checked(path, text=None, **settings):
    """What `check` finds in a table of these lines, or in the data there."""
    if text is not None:
        path.write_text(text)
    settings = {"name": "csv", "path": str(path), "target": "y"} | settings
    return check(load_config({"dataset": settings, "model": {"hidden": 3}}, {}))


def plain(rows, header="a,b,y"):
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)])


def numbers(n, columns=1, seed=0):
    return np.random.default_rng(seed).normal(size=(n, columns)).round(6).tolist()


def two_classes(n=100, seed=0):
    """Rows of two columns that nothing is wrong with."""
    return [[*row, "xy"[k % 2]] for k, row in enumerate(numbers(n, 2, seed))]


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
                "to answer 'x' always has accuracy 0.950 on test: look at the recall of the others",
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
                "4 rows are like another one but for the label: FILE:2 is 'x', FILE:102 'y'",
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
        f"2 rows are like another one but for the label: {tmp_path / 'train.csv'}:3 is 'x', "
        f"{tmp_path / 'test.csv'}:3 'y'",
    )
    assert found.counts["test"].tolist() == [2, 2]


def test_rows_without_a_value_are_counted_by_column(tmp_path, capsys):
    """They are filled, which is no warning."""
    (tmp_path / "a.csv").write_text(plain([*two_classes(), ["", 1, "x"], ["NA", 2, "y"]]))
    (tmp_path / "c.yaml").write_text("dataset: {name: csv, path: a.csv, target: y, missing: mean}")

    assert run(["check", str(tmp_path / "c.yaml"), "--strict"]) == 0
    assert "\nrows without a value: a 2\n" in capsys.readouterr().out


def test_images_that_contradict_each_other_are_named(tmp_path):
    """The same picture of two classes, by its file; the pictures in test that are in train."""
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (40, 4, 4), np.uint8)
    pixels[20] = pixels[0]
    for k, image in enumerate(pixels):
        folder = tmp_path / "ab"[k // 20]
        folder.mkdir(exist_ok=True)
        Image.fromarray(image).save(folder / f"{k:02}.png")
    found = check(
        load_config(
            {
                "dataset": {
                    "name": "images",
                    "path": str(tmp_path),
                    "color": "gray",
                    "validation": None,
                }
            },
            {},
        )
    )

    assert found.warnings[-1] == (
        "2 rows are like another one but for the label: a/00.png is 'a', b/20.png 'b'"
    )


# --- What is wrong with the data, of shared/faults.md


GOOD = plain(two_classes(40)) + "\n"


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        pytest.param(
            GOOD + "nan,1,x\n1,,y\n1,n/a,y\n",
            {},
            "FILE:42: column 'a': 'nan' is missing; dataset.missing says what to do\n"
            "FILE:43: column 'b': a value is missing; dataset.missing says what to do; so 1 more row",
            id="37 NaN",
        ),
        pytest.param(
            GOOD + "1,2,x\n1,inf,y\n",
            {},
            "FILE:43: column 'b': 'inf' is not a finite number, but the rest of the column is numeric",
            id="37 infinity",
        ),
        pytest.param(
            plain([[1, 2, 0], [1, 3, 1], [1, 3, 0.5]]),
            {},
            "FILE:4: column 'y': '0.5' is no class; labels are names or whole numbers, or listed in "
            "dataset.classes",
            id="38 a fractional label",
        ),
        pytest.param(
            plain([[1, 2, 0], [1, 3, 1], [1, 3, 2]]),
            {"classes": ["no", "yes"]},
            "FILE:4: column 'y': '2' is none of the 2 classes",
            id="38 a label out of range",
        ),
        pytest.param(
            plain([[1, 2, "x"], [1, 3, "x"]]),
            {},
            "FILE: column 'y': every label is 'x'; a classifier needs two classes",
            id="41 one class only",
        ),
        pytest.param(
            plain([["", 1, "x"], [2, "", "y"]]),
            {"missing": "drop"},
            "FILE: there is no row for the training split",
            id="41 no rows",
        ),
        pytest.param(
            plain([[1, 2, "x"], [3, 4, "y"]]),
            {},
            "dataset.test.size: 0.2 of 2 rows leaves a split empty",
            id="41 too few rows",
        ),
        pytest.param(
            GOOD + "1,2\n",
            {},
            "FILE:42: 2 values; the first line names 3 columns",
            id="42 a ragged row",
        ),
        pytest.param(
            GOOD + '1,"2,x\n1,2,y\n',
            {},
            "FILE:42: column 'b': a quote that is never closed",
            id="42 an unclosed quote",
        ),
        pytest.param(
            GOOD + "1,\0,x\n", {}, "FILE:42: a NUL byte; this is no text", id="42 a NUL byte"
        ),
        pytest.param(
            "a,a,y\n1,2,x\n", {}, "FILE:1: there are two columns 'a'", id="42 duplicate headers"
        ),
        pytest.param(
            GOOD.encode() + b"1,2,caf\xe9\n",
            {},
            f"FILE: not UTF-8 text: byte {len(GOOD) + 7:,} is 0xe9; save it as UTF-8",
            id="43 Latin 1",
        ),
        *(
            pytest.param(
                GOOD + f'1,"{text}",x\n',
                {},
                f"FILE:42: column 'b': {text!r} is not a finite number, but the rest of the column is numeric",
                id=f"44 {text}",
            )
            for text in ("1_0", "\uff11\uff12", "1,5")
        ),
    ],
)
def test_what_is_wrong_with_a_table_is_told_by_its_place(tmp_path, text, settings, said):
    """File and line, or byte, or column."""
    path = tmp_path / "a.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(MtrainError) as caught:
        checked(path, **settings)

    found = str(caught.value).replace(str(path), "FILE").splitlines()
    # The last line may say how numbers are written.
    assert found[: len(said.splitlines())] == said.splitlines()


def test_a_byte_order_mark_and_line_ends_of_windows_are_no_fault(tmp_path):
    """Case 43."""
    (tmp_path / "a.csv").write_bytes(
        b"\xef\xbb\xbf" + plain(two_classes()).replace("\n", "\r\n").encode()
    )

    found = checked(tmp_path / "a.csv")

    assert found.encoding.columns[0].name == "a"
    assert found.classes == ("x", "y")


X, Y = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20) % 2


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        pytest.param(
            {"x": np.where(np.arange(40).reshape(20, 2) == 7, np.nan, X), "y": Y},
            "training rows: nan in row 3, pixel 1; 1 values are not finite as float32",
            id="37 NaN",
        ),
        pytest.param(
            {"x": X, "y": Y - 1},
            "training labels must be 0, 1, 2, ..., got -1 in row 0",
            id="38 a negative label",
        ),
        pytest.param(
            {"x": X, "y": np.where(np.arange(20) == 5, 0.5, Y)},
            "training labels must be 0, 1, 2, ..., got 0.5 in row 5",
            id="38 a fractional label",
        ),
        pytest.param(
            {"x": X, "y": np.ones((20, 2))},
            "training labels must be one number a row, or one-hot, got [1. 1.] in row 0",
            id="38 two classes in a row",
        ),
        pytest.param(
            {"x": np.array([object()] * 20), "y": Y},
            "array 'x' holds Python objects; save it as numbers or text, as by x.astype(str)",
            id="49 objects",
        ),
    ],
)
def test_what_is_wrong_with_arrays_is_told_by_its_place(tmp_path, arrays, said):
    """Row and place in it."""
    np.savez(tmp_path / "a.npz", **arrays)

    with pytest.raises(MtrainError) as caught:
        check(load_config({"dataset": {"name": "npz", "path": str(tmp_path / "a.npz")}}, {}))

    assert str(caught.value) == f"{tmp_path / 'a.npz'}: {said}"


@pytest.mark.parametrize(
    ("name", "says"),
    [("a.csv", "not a file"), ("a.npz", "not a file"), ("im", "not a folder; a folder of images")],
)
def test_a_pipe_is_not_waited_for(tmp_path, name, says):
    """Case 48."""
    os.mkfifo(tmp_path / name)
    settings = {"a.csv": {"target": "y"}, "a.npz": {}, "im": {}}[name]
    kind = {"im": "images"}.get(name, name[2:])

    with pytest.raises(MtrainError) as caught:
        check(
            load_config({"dataset": {"name": kind, "path": str(tmp_path / name), **settings}}, {})
        )

    assert str(caught.value).startswith(f"{tmp_path / name}: {says}")


def test_a_single_array_is_not_unpickled(tmp_path):
    """Case 49."""
    np.save(tmp_path / "a.npy", np.array([object()]), allow_pickle=True)

    with pytest.raises(MtrainError) as caught:
        check(load_config({"dataset": {"name": "npz", "path": str(tmp_path / "a.npy")}}, {}))

    says = "a single array; save rows and labels by numpy.savez"
    assert str(caught.value) == f"{tmp_path / 'a.npy'}: {says}"


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
        f"mtrain: {config}:4: dataset.target: {path} has no column 'z'; there is a, b, y\n"
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
