from __future__ import annotations

import builtins
import importlib.machinery
import io
import json
import signal
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from conftest import CONFIGS
from sklearn.datasets import load_digits

import mtrain
from mtrain.config.loading.load import read_settings
from mtrain.errors import MtrainError, UsageError
from mtrain.keywords import naming_keywords, option
from mtrain.metrics.report import make_report
from mtrain.records.training import Predictions
from mtrain.report.console.live import LiveTable
from mtrain.report.console.plain import PlainLines
from mtrain.report.console.watch import watch_from_python
from mtrain.run.metrics import report_as_json

CONFIG = {
    "dataset": {"name": "digits", "samples": 100, "validation": {"size": 0.25, "how": "tail"}},
    "optimizer": {"name": "sgd", "learning_rate": 0.5, "momentum": 0.25},
    "training": {"epochs": 3, "batch_size": 16, "class_weight": {"1": 2.0}},
}


def merged(config=CONFIG, **overrides):
    return read_settings(config, overrides, function="mtrain.fit").validate()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What `mtrain.fit` returns of a short training on digits."""
    out = tmp_path_factory.mktemp("python") / "run"
    return mtrain.fit(CONFIGS / "smoke.yaml", out=out, training={"epochs": 2})


def test_a_section_given_by_keyword_is_merged(run):
    """The batch size and the optimizer are those of the file."""
    settings = read_settings(run.path / "config.yaml", {}).validate()

    assert settings.training.epochs == 2
    assert settings.training.batch_size == 16
    assert settings.optimizer.learning_rate == 0.01
    assert run.history.epoch == [1, 2]


def test_sections_are_merged_at_every_depth():
    """What is not named stays; a mapping that is one value, such as class weights, is replaced."""
    training = merged(training={"epochs": 2, "early_stopping": {"patience": 7}}).training
    assert (training.epochs, training.batch_size) == (2, 16)
    assert training.early_stopping.patience == 7
    assert training.class_weight == {"1": 2.0}
    weights = {"class_weight": {"2": 3.0}}
    assert merged(training=weights).training.class_weight == {"2": 3.0}

    validation = merged(dataset={"validation": {"samples": 5}}).dataset.validation
    assert (validation.size, validation.how, validation.samples) == (0.25, "tail", 5)
    unpacked = {"training": {"epochs": 2}}
    assert merged(**unpacked).training.batch_size == 16


def test_a_section_is_merged_into_its_short_form():
    """The size and the patience that a config gives as one number stay."""
    short = {"dataset": {"validation": 0.3}, "training": {"early_stopping": 5}}
    config = merged(
        short,
        dataset={"validation": {"how": "random"}},
        training={"early_stopping": {"min_delta": 0.5}},
    )

    assert (config.dataset.validation.size, config.dataset.validation.how) == (0.3, "random")
    stopping = config.training.early_stopping
    assert (stopping.patience, stopping.min_delta) == (5, 0.5)


def test_a_dotted_path_sets_one_setting():
    """All of it: nothing is merged there."""
    config = merged(**{"training.epochs": 2, "dataset.validation": {"size": 0.5}})

    assert (config.training.epochs, config.training.batch_size) == (2, 16)
    assert config.dataset.validation.how == "stratified"


def test_what_is_given_stays_as_it_is():
    """Settings are set in a copy, those of a section given by keyword as well."""
    config, training = {"dataset": {"samples": 100}}, {"epochs": 2}
    found = merged(config, training=training, **{"training.batch_size": 8}).training

    assert (found.epochs, found.batch_size) == (2, 8)
    assert (config, training) == ({"dataset": {"samples": 100}}, {"epochs": 2})


def test_another_name_replaces_a_section():
    """The parameters of one optimizer mean nothing to another; its own name keeps them."""
    assert merged(optimizer={"name": "SGD", "learning_rate": 0.1}).optimizer.momentum == 0.25
    assert merged(optimizer={"learning_rate": 0.1}).optimizer.momentum == 0.25
    other = merged(optimizer={"name": "adam"}).optimizer
    assert (other.name, other.learning_rate) == ("adam", 0.001)
    bare = merged({**CONFIG, "optimizer": "sgd"}, optimizer={"momentum": 0.5}).optimizer
    assert (bare.name, bare.momentum) == ("sgd", 0.5)
    assert merged({}, optimizer={"name": "adam", "beta_1": 0.5}).optimizer.beta_1 == 0.5


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"epochs": 3}, "mtrain.check: epochs: unknown setting; did you mean 'training.epochs'?"),
        (
            {"training": {"epochs": -1}},
            "mtrain.check: training.epochs: must be at least 1, got -1",
        ),
        (
            {"training": {"epoch": 1}},
            "mtrain.check: training.epoch: unknown setting; did you mean 'epochs'?",
        ),
        ({"dataset": {"samples": 9999}}, "mtrain.check: dataset.samples: 9,999 rows wanted"),
        (
            {"training": {"epochs": 1}, "training.epochs": 2},
            "mtrain.check: training.epochs: set twice",
        ),
    ],
)
def test_wrong_keywords_are_reported_by_the_function_that_has_them(overrides, message):
    """There is no command line."""
    with pytest.raises(UsageError) as error:
        mtrain.check(CONFIG, **overrides)

    assert str(error.value).startswith(message)


def test_data_in_place_of_a_config_are_refused_as_a_whole():
    """An array or a data frame, which is no mapping of settings."""
    says = "config: must be a path or a mapping of settings, got ndarray; data are named by its "
    with pytest.raises(UsageError, match=f"^{says}section dataset$"):
        mtrain.fit(np.zeros((3, 2)))


def test_wrong_arguments_are_reported_by_their_names_in_python(run, tmp_path):
    """As they are typed: without dashes."""
    with pytest.raises(UsageError, match=r"^split: must be test, val or train, got 'validation'$"):
        mtrain.evaluate(run, split="validation")
    with pytest.raises(UsageError, match=r"^threshold: must be between 0 and 1, got 2$"):
        mtrain.evaluate(run, threshold=2)
    with pytest.raises(UsageError, match=r"^file_format: must be png, svg, pdf, got 'jpg'$"):
        mtrain.plot(run, file_format="jpg")
    with pytest.raises(UsageError) as error:
        mtrain.fit(CONFIG, out=run)
    assert "out takes a new or an empty folder, resume=True" in str(error.value)


@pytest.mark.parametrize(
    ("option_of", "command", "python"),
    [
        (("allow-code",), "--allow-code", "allow_code=True"),
        (("resume",), "--resume", "resume=True"),
        (("device", "gpu"), "--device gpu", "device='gpu'"),
        (("format",), "--format", "file_format"),
        (("out",), "--out", "out"),
    ],
)
def test_options_have_their_names_in_python(option_of, command, python):
    """Only while a function is called."""
    assert option(*option_of) == command
    with naming_keywords():
        assert option(*option_of) == python
    assert option(*option_of) == command


def test_a_run_is_accepted_wherever_a_path_is(run, tmp_path):
    """By every function, and by `open` and `Path`."""
    assert Path(run) == run.path
    assert report_as_json(mtrain.evaluate(run)) == report_as_json(run.report)
    assert mtrain.resume(run).history.epoch == [1, 2]
    charts = mtrain.plot(run, out=tmp_path)
    assert sorted(charts) == sorted(tmp_path.iterdir())
    assert len(mtrain.predict(run, load_digits().images[:3])) == 3


def test_check_returns_what_the_command_shows():
    """Rows of every class in every split, and the warnings."""
    inspection = mtrain.check(CONFIG, dataset={"samples": 200})

    assert inspection.counts["train"].sum() == 200
    assert inspection.classes == tuple("0123456789")
    assert len(repr(inspection)) < 200


def test_a_run_and_a_report_are_short_to_look_at(run):
    """One line that says which, how long and how good."""
    accuracy = f"{run.report.accuracy:.3f}"

    assert repr(run) == f"<mtrain.Run {run.path}: 2 epochs, test accuracy {accuracy}>"
    assert repr(run.report).startswith("<mtrain.Report of epoch-000")
    assert f"accuracy {accuracy}, macro F1 0." in repr(run.report)
    assert repr(run.history).startswith("<mtrain.History of 'run': 2 epochs, 10 classes, ")
    for shown in (run, run.report, run.history):
        assert "\n" not in repr(shown)
        assert len(repr(shown)) < 400


def test_a_notebook_shows_a_table(run):
    """A row a class; a name of a class is text, whatever it holds."""
    assert run._repr_html_().count("<tr>") == run.report._repr_html_().count("<tr>") == 1 + 10 + 1
    labels = np.array([0, 1])
    predictions = Predictions(labels, labels, np.eye(2, dtype=np.float32), 0.1)
    names = ("<script>alert(1)</script>", "b")
    report = make_report(predictions, names, split="test", checkpoint="epoch-0001")

    assert "<script>" not in report._repr_html_()
    assert "&lt;script&gt;" in report._repr_html_()


class Stopper(mtrain.Observer):
    """Presses Ctrl-C after the first epoch."""

    def epoch(self, figures, seconds):
        """After an epoch."""
        if figures.epoch == 1:
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_names_the_run_and_how_to_resume_it(tmp_path):
    """It is saved: the message is what to type next."""
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt) as error:
        mtrain.fit(CONFIG, out=out, observer=Stopper(), report=False)

    assert str(error.value) == (
        f"{out}: stopped and saved; mtrain.resume({str(out)!r}) does the rest"
    )
    assert mtrain.resume(out, report=False).history.epoch == [1, 2, 3]


def test_in_a_pipe_nothing_is_shown_unless_it_is_wanted(tmp_path, capsys):
    """`progress=True` shows a line an epoch."""
    short = {"training": {"epochs": 1}, "report": False}
    mtrain.fit(CONFIG, out=tmp_path / "a", **short)
    assert capsys.readouterr() == ("", "")
    mtrain.fit(CONFIG, out=tmp_path / "b", progress=True, **short)
    assert "epoch 1/1; training: loss" in capsys.readouterr().err


class Terminal(io.StringIO):
    """Claims to be one."""

    def isatty(self):
        """As a terminal would say."""
        return True


@pytest.mark.parametrize(
    ("stream", "progress", "kind"),
    [
        (Terminal(), None, LiveTable),
        (Terminal(), True, LiveTable),
        (Terminal(), False, type(None)),
        (io.StringIO(), None, type(None)),
        (io.StringIO(), True, PlainLines),
    ],
)
def test_a_terminal_shows_the_training(monkeypatch, stream, progress, kind):
    """By default, and nothing else does."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream)

    assert type(watch_from_python(progress)) is kind


@pytest.mark.parametrize(("widgets", "kind"), [(True, LiveTable), (False, PlainLines)])
def test_a_notebook_shows_the_training(monkeypatch, widgets, kind):
    """The live table where a widget can draw it, else a line an epoch."""

    class ZMQInteractiveShell:
        pass

    monkeypatch.setattr(builtins, "get_ipython", ZMQInteractiveShell, raising=False)
    if widgets:
        module = types.ModuleType("ipywidgets")
        module.__spec__ = importlib.machinery.ModuleSpec("ipywidgets", None)
        monkeypatch.setitem(sys.modules, "ipywidgets", module)
    else:
        monkeypatch.setattr("mtrain.report.console.watch.find_spec", lambda name: None)

    assert type(watch_from_python(None)) is kind
    assert watch_from_python(progress=False) is None


def test_a_run_has_its_keras_model_and_predicts_rows(run):
    """Images as they were read; the model itself takes them flat and divided by 16."""
    images = load_digits().images
    predicted = run.predict(images)
    probabilities = np.asarray(run.model()(images.reshape(-1, 64).astype(np.float32) / 16))

    np.testing.assert_allclose(predicted.probabilities, probabilities, atol=1e-5)
    assert predicted.classes == tuple("0123456789")
    np.testing.assert_array_equal(predicted.rows, np.arange(len(images)))
    names = np.array(predicted.classes)[predicted.probabilities.argmax(axis=1)]
    np.testing.assert_array_equal(predicted.predicted, names)
    assert np.mean(predicted.predicted == load_digits().target.astype(str)) > 0.5


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a", "b"], "rows: must be an array of numbers, (N, ...), or columns, got <U1"),
        (np.zeros(64), "rows: must be an array of numbers, (N, ...), or columns, got float64"),
        ({"a": [1]}, "rows: must be an array of shape (N, 8, 8) for this model, got dict"),
        (np.zeros((2, 7)), "rows: "),
    ],
)
def test_rows_that_do_not_fit_are_named(run, rows, message):
    """As rows; no file is mentioned."""
    with pytest.raises(MtrainError) as error:
        run.predict(rows)

    assert str(error.value).startswith(message)
    assert ".npz" not in str(error.value)


@pytest.fixture(scope="module")
def table_run(tmp_path_factory):
    """A run of a table of two columns."""
    folder = tmp_path_factory.mktemp("table")
    lines = [f"{k % 7},{'xy'[k % 2]},{'no' if k % 3 else 'yes'}" for k in range(60)]
    (folder / "t.csv").write_text("\n".join(["width,colour,label", *lines]) + "\n")
    dataset = {"name": "csv", "path": str(folder / "t.csv"), "target": "label"}
    return mtrain.fit({"dataset": dataset, "training": {"epochs": 1}}, out=folder / "run")


def test_columns_in_memory_are_predicted_as_those_of_a_file(table_run, tmp_path):
    """By name, in any order; what a file with the same rows gives."""
    columns = {"colour": ["x", "y", "x"], "width": np.array([1.0, 2.0, 6.0]), "more": [1, 2, 3]}
    file = tmp_path / "rows.csv"
    file.write_text("width,colour\n1,x\n2,y\n6,x\n")
    given, read = table_run.predict(columns), mtrain.predict(table_run, file)

    np.testing.assert_array_equal(given.probabilities, read.probabilities)
    np.testing.assert_array_equal(given.predicted, read.predicted)
    assert given.classes == ("no", "yes")
    with pytest.raises(MtrainError, match=r"^rows: no column 'width'"):
        table_run.predict({"colour": ["x"]})
    with pytest.raises(MtrainError, match=r"^rows: must be columns \(a dict or a data frame\) or "):
        table_run.predict(np.zeros((2, 2)))


def test_rows_in_memory_are_predicted_as_the_same_columns(table_run):
    """A list of dicts in any order of keys, and a dict of single values, as of a row of pandas."""
    columns = table_run.predict({"colour": ["x", "y"], "width": [1, 2.5]})
    rows = [{"width": 1, "colour": "x"}, {"colour": "y", "width": 2.5}]
    single = {"width": np.float64(2.5), "colour": np.str_("y")}

    np.testing.assert_array_equal(table_run.predict(rows).probabilities, columns.probabilities)
    one = mtrain.predict(table_run, single)
    np.testing.assert_allclose(one.probabilities, columns.probabilities[1:], atol=1e-6)
    assert one.rows.tolist() == [0]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"width": [1, 2], "colour": "x"}, "column 'colour': is a single value, but other columns are lists of values"),
        ({"width": [1, 2], "colour": ["x", 3]}, "column 'colour': must be all numbers or all text, got int and str"),
        ([{"width": "a", "colour": "x"}, {"width": 1.5, "colour": "x"}], "column 'width': must be all numbers or all text, got float and str"),
        ({"width": {0: 1}, "colour": {0: "x"}}, "column 'width': must be a list of values, got dict"),
        ({"width": {1, 2}, "colour": ["x", "y"]}, "column 'width': must be a list of values, got set"),
        ({"width": [1, 2], "colour": ["x"]}, "columns must be of the same length, but 'width' has 2 values, 'colour' has 1"),
        ({"width": [2**70], "colour": ["x"]}, "column 'width': "),
        ([1, 2], "must be columns (a dict or a data frame) or rows (a list of dicts), for a model of a table, got list"),
    ],
)  # fmt: skip
def test_rows_that_are_no_table_are_refused_by_column(table_run, rows, message):
    """In words, not those of a library."""
    with pytest.raises(MtrainError) as error:
        table_run.predict(rows)

    assert str(error.value).startswith(f"rows: {message}")


def test_a_row_that_lacks_a_column_misses_its_value(table_run):
    """As NaN among text does."""
    for rows in (
        [{"width": 1, "colour": "x"}, {"width": 2}],
        {"width": [1, 2], "colour": ["x", float("nan")]},
    ):
        with pytest.raises(
            MtrainError, match=r"^rows: row 1: column 'colour': a value is missing; "
        ):
            table_run.predict(rows)


def test_unknown_categories_are_noted(table_run):
    """As the command says on stderr."""
    predicted = table_run.predict({"colour": ["z"], "width": [1.0]})

    assert any("'colour'" in note for note in predicted.notes)


class _FakePandas(types.ModuleType):
    """What of pandas a frame is made by."""

    @staticmethod
    def Index(values, name):  # noqa: N802 -- pandas' name
        return name, values

    @staticmethod
    def DataFrame(columns, index):  # noqa: N802 -- pandas' name
        return columns, index


def test_the_history_is_a_frame_where_pandas_is_installed(run, monkeypatch):
    """A row an epoch; without pandas one line says what to install."""
    monkeypatch.setitem(sys.modules, "pandas", _FakePandas("pandas"))
    columns, index = run.history.to_frame()
    assert index == ("epoch", [1, 2])
    assert columns["val_loss"] == list(run.history.scalars["val_loss"])
    assert set(columns) == set(run.history.scalars)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MtrainError, match="pandas is not installed; `pip install pandas`"):
        run.history.to_frame()


def test_what_is_public_is_listed_and_imported_lazily():
    """Types and functions; none of them costs anything until it is used."""
    code = (
        "import json, sys, mtrain; names = dir(mtrain);"
        "heavy = sorted({'numpy', 'pydantic', 'yaml', 'tensorflow'} & set(sys.modules));"
        "missing = [name for name in names if not hasattr(mtrain, name)];"
        "import mtrain.workflows.check, mtrain.workflows.plot;"
        "print(json.dumps([names, heavy, missing, callable(mtrain.check), callable(mtrain.plot)]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, heavy, missing, *callables = json.loads(done.stdout)

    functions = ("fit", "resume", "evaluate", "predict", "check", "plot")
    assert set(names) >= {*functions, "Run", "Report", "Observer", "MtrainError", "__version__"}
    assert [name for name in names if name.startswith("_")] == ["__version__"]
    assert not heavy
    assert not missing
    assert all(callables)
    with pytest.raises(AttributeError, match="module 'mtrain' has no attribute 'trian'"):
        mtrain.trian  # noqa: B018 -- it is looked up


def test_the_package_says_that_it_is_typed():
    """By the file that type checkers look for."""
    assert (Path(mtrain.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ({"a": np.array(5.0), "b": [1.0]}, "rows: column 'a': is a single value, but other columns"),
        ({"a": [2**70, 1.5], "b": [1, 2]}, "rows: column 'a': "),
        ({"a": ["x", 1.5], "b": [1, 2]}, "rows: column 'a': must be all numbers or all text, got float and str"),
    ],
)  # fmt: skip
def test_rows_that_are_no_columns_are_refused_by_name(table_run, rows, says):
    """Numbers that are too large are not called text."""
    with pytest.raises(MtrainError) as error:
        table_run.predict(rows)

    assert str(error.value).startswith(says)
    assert ("all text" in str(error.value)) == ("all text" in says)


def test_a_folder_that_cannot_be_made_is_an_error_of_mtrain(run, tmp_path):
    """As everything that a user can mend."""
    (tmp_path / "file").touch()
    with pytest.raises(
        mtrain.MtrainError, match=r"file/charts: cannot be written: Not a directory"
    ):
        mtrain.plot(run, out=tmp_path / "file" / "charts")


def test_a_chart_replaces_a_chart_alone(run, tmp_path):
    """And not a picture of the user's."""
    mtrain.plot(run, out=tmp_path)
    mtrain.plot(run, out=tmp_path)
    (tmp_path / "learning_curves.png").write_bytes(b"mine")
    with pytest.raises(mtrain.UsageError, match=r"learning_curves.png exists and is not a chart"):
        mtrain.plot(run, out=tmp_path)
    assert (tmp_path / "learning_curves.png").read_bytes() == b"mine"


def test_numbers_of_numpy_and_paths_are_settings(tmp_path):
    """As loops over `np.arange` and programs have them; also in a mapping that is the config."""
    config = {"dataset": {"name": "digits", "samples": np.int64(100)}, "seed": np.uint8(3)}
    settings = {"epochs": np.int64(1), "batch_size": np.int32(20)}
    run = mtrain.fit(
        config,
        out=tmp_path / "run",
        report=False,
        training=settings,
        model={"hidden": np.array([4, 3])},
        optimizer={"learning_rate": np.float64(0.01)},
    )

    assert len(run.history.epoch) == 1
    np.savez(tmp_path / "a.npz", x=np.eye(20), y=np.arange(20) % 2)
    dataset = {"name": "npz", "path": tmp_path / "a.npz"}
    assert len(mtrain.check({"dataset": dataset}).classes) == 2
