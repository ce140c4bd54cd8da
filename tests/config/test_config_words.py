"""What is said of settings that somebody wrote as other programs have them, or nearly right."""

from __future__ import annotations

import pytest

from mtrain.cli.main import run
from mtrain.config.catalog.writer import dump
from mtrain.config.loading.json_schema import config_schema
from mtrain.config.loading.load import (
    config_to_yaml,
    flat_settings,
    load_config,
    parse_overrides,
    read_settings,
)
from mtrain.config.loading.reader import parse
from mtrain.errors import UsageError


def said(text, tmp_path, **overrides):
    """What is wrong with a config file of this text, without the file's name."""
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as error:
        load_config(path, overrides)
    return str(error.value).replace(str(path), "c")


SWITCH = "must be true, false, a number of epochs or settings"
SIZE = "must be rows (at least 1), a fraction (above 0, below 1) or settings"
IS_TEXT = "is text; leave out the quotation marks"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("training: {epochs: '3'}", f"training.epochs: must be a whole number, but '3' {IS_TEXT}"),
        ("model: {dropout: '.5'}", f"model.dropout: must be a number, but '.5' {IS_TEXT}"),
        ("model: {hidden: '30'}", f"model.hidden: must be 30, 500x2 or a list of units, but '30' {IS_TEXT}"),
        ("optimizer: {learning_rate: '0.001'}", f"optimizer.learning_rate: must be a number or a schedule, but '0.001' {IS_TEXT}"),
        ("evaluation: {threshold: '0.3'}", "evaluation.threshold: must be a number from 0 to 1, f1, {recall: R} or {precision: P}, but '0.3' " + IS_TEXT),
        ("dataset: {validation: {size: '9'}}", f"dataset.validation.size: must be rows (at least 1) or a fraction (above 0, below 1), but '9' {IS_TEXT}"),
        ("training: {shuffle: 'true'}", f"training.shuffle: must be true or false, but 'true' {IS_TEXT}"),
        ("training: {shuffle: yes}", "training.shuffle: must be true or false, got 'yes'; write true"),
        ("training: {epochs: 1e3}", "training.epochs: must be a whole number, got 1000.0; write 1000"),
        ("training:\n  batch_size: 1,200", "training.batch_size: must be a whole number, got '1,200'; write 1200"),
        ("optimizer:\n  learning_rate: 0,001", "optimizer.learning_rate: must be a number or a schedule, got '0,001'; write 0.001, with a decimal point"),
        ("training:\n  epochs: 3,", "training.epochs: must be a whole number, got '3,'; write 3"),
        ("training:\n  epochs: 3;", "training.epochs: must be a whole number, got '3;'; write 3"),
        ("model:\n  l2: 0.5 ;", "model.l2: must be a number, got '0.5 ;'; write 0.5"),
        ("model:\n  l2: 'null'", f"model.l2: must be a number, but 'null' {IS_TEXT}"),
        ("model:\n  l2: 0,5", "model.l2: must be a number, got '0,5'; write 0.5, with a decimal point"),
        ("optimizer: {clipnorm: None}", "optimizer.clipnorm: must be a number, got 'None'; write null for none"),
        ("model: {hidden: 500*2}", "model.hidden: must be 30, 500x2 or a list of units, got '500*2'; write 500x2"),
        ("model: {hidden: [500x2]}", "model.hidden: must be 30, 500x2 or a list of units, got ['500x2']; write 500x2"),
        ("model: {hidden: [500x2, 30]}", "model.hidden: must be 30, 500x2 or a list of units, got ['500x2', 30]; write [500, 500, 30]"),
        ("model:\n  hidden: 500, 250", "model.hidden: must be 30, 500x2 or a list of units, got '500, 250'; write [500, 250]"),
        ("optimizer: Adam(learning_rate=0.01)", "optimizer: a call is written as settings; write {name: adam, learning_rate: 0.01}"),
        ("optimizer: keras.optimizers.SGD(lr=0.1, nesterov=True)", "optimizer: a call is written as settings; write {name: sgd, learning_rate: 0.1, nesterov: true}"),
        ("loss: Huber(delta=2)", "loss: a call is written as settings; write {name: huber, delta: 2}"),
        ("loss: {name: Huber()}", "loss.name: a call is written as settings; write huber"),
        ("metrics: [TopKCategoricalAccuracy(k=3)]", "metrics[0]: a call is written as settings; write {name: top_k, k: 3}"),
        ("optimizer: keras.optimizers.Adm", "optimizer: unknown name 'keras.optimizers.Adm'; did you mean 'adam'?"),
        ("metrics: [confusion_matrix]", "metrics[0]: confusion_matrix is not a metric of an epoch; every evaluation draws it"),
        ("metrics: [ConfusionMatrix]", "metrics[0]: confusion_matrix is not a metric of an epoch; every evaluation draws it"),
        ("metrics: accuracy, f1", "metrics: must be a list, got 'accuracy, f1'; write [accuracy, f1]"),
        ("metrics:\n  -accuracy\n  -f1", "metrics: unknown name '-accuracy -f1'; a space is missing after the dash; write - accuracy"),
        ("metrics:\n- accuracy\n -f1", "metrics[0]: unknown name 'accuracy -f1'; indent - f1 like - accuracy, with a space after the dash"),
        ("metrics:\n- accuracy\n  - f1", "metrics[0]: unknown name 'accuracy - f1'; indent - f1 like - accuracy, with a space after the dash"),
        ("model: {hidden: (30, 20)}", "model.hidden: must be 30, 500x2 or a list of units, got '(30'; write a list in square brackets"),
        ("compile:\n  optimizer: adam", "compile: unknown setting; write optimizer, loss and metrics at the top level"),
        ("training: {callbacks: []}", "training.callbacks: unknown setting; write training.early_stopping, training.reduce_on_plateau or training.save_best"),
        ("fit: {epochs: 2}", "fit: unknown setting; write its settings in the section training"),
        ("metrics: [acc, sparse_categorical_accuracy]", "metrics: accuracy is listed twice; its other names count as well"),
        ("training:{epochs: 2}", "training:{epochs: unknown setting; a space is missing after 'training:'"),
        ("model:\n  hidden:\n    -500\n    -250", "model.hidden: must be 30, 500x2 or a list of units, got '-500 -250'; write [500, 250]"),
        ("metrics: [loss]", "metrics[0]: loss is in every history already"),
        ("training: {save_best: val_f1}", "training.save_best: 'val_f1' is not a figure of this run; did you mean 'val_f1_macro'?"),
        ("training: {save_best: val_acc}", "training.save_best: 'val_acc' is not a figure of this run; did you mean 'val_accuracy'?"),
        ("training: {early_stopping: {monitor: f1}}", "training.early_stopping.monitor: 'f1' is not a figure of this run; did you mean 'f1_macro'?"),
        ("training: {save_best: val_auc}", "training.save_best: 'val_auc' is not a figure of this run; roc_auc is not in metrics"),
        ("model:\n  - hidden: 3", "model: must be a mapping of settings, got [{'hidden': 3}]; leave out the dashes before its settings"),
        ("model: 64x2", "model: must be a mapping of settings, got '64x2'; write {hidden: 64x2}"),
        ("model: [64, 32]", "model: must be a mapping of settings, got [64, 32]; write {hidden: [64, 32]}"),
        ("model: 30", "model: must be a mapping of settings, got 30; write {hidden: 30}"),
        ("model: mlp", "model: must be a mapping of settings, got 'mlp'"),
        ("optimizer: {type: adam}", "optimizer.type: unknown setting; did you mean 'name'?"),
        ("dataset: {name: digits, kind: digits}", "dataset.kind: unknown setting; did you mean 'name'?"),
        ("training: {device: cuda}", "training.device: unknown setting; it is an option of `mtrain fit`, --device"),
        ("training: {early_stopping: {restore_best_weights: true}}", "training.early_stopping.restore_best_weights: unknown setting; did you mean 'training.save_best'?"),
        ("training: {save_best: true}", "training.save_best: must be a figure of the history, got true; write auto"),
        ("training: {save_best: false}", "training.save_best: must be a figure of the history, got false; write null for none"),
        ("model: {num_classes: 3}", "model.num_classes: unknown setting; did you mean 'dataset.n_classes', of synthetic?"),
        ("target: x", "target: unknown setting; did you mean 'dataset.target', of csv, parquet?"),
        ("image_size: 32", "image_size: unknown setting; did you mean 'dataset.size', of images?"),
        ("dataset: {classes: a}", "dataset.classes: must be a list, got 'a'; write [a]"),
        ("training: {early_stopping: yes}", f"training.early_stopping: {SWITCH}, got 'yes'; write true"),
        ("training: {early_stopping: None}", f"training.early_stopping: {SWITCH}, got 'None'; write null for none"),
        ("training: {reduce_on_plateau: '5'}", f"training.reduce_on_plateau: {SWITCH}, but '5' {IS_TEXT}"),
        ("training: {reduce_on_plateau: val_loss}", f"training.reduce_on_plateau: {SWITCH}, got 'val_loss'"),
        ("dataset: {validation: 20%}", f"dataset.validation: {SIZE}, got '20%'; write 0.2"),
        ("dataset: {validation: none}", f"dataset.validation: {SIZE}, got 'none'; write null for none"),
        ("dataset: {test: false}", f"dataset.test: {SIZE}, got false"),
        ("evaluation: {threshold: 50%}", "evaluation.threshold: must be a number from 0 to 1, f1, {recall: R} or {precision: P}, got '50%'; write 0.5"),
        ("metrics: [precision_macro]", "metrics[0]: unknown name 'precision_macro'; did you mean 'precision'?"),
        ("model: {output: softmax}", "model.output: unknown setting; choose one of hidden, activation, dropout, batch_norm, l2, activity"),
        ("training: {early_stopping: 5%}", f"training.early_stopping: {SWITCH}, got '5%'"),
        ("training: {early_stopping: '1,5'}", f"training.early_stopping: {SWITCH}, got '1,5'"),
        ("training: {early_stopping: 5.0}", f"training.early_stopping: {SWITCH}, got 5.0; write 5"),
        ("model: {hidden: 30.0}", "model.hidden: must be 30, 500x2 or a list of units, got 30.0; write 30"),
        ("model: {hidden: None}", "model.hidden: must be 30, 500x2 or a list of units, got 'None'; write [] for none"),
        ("model: {hidden: null}", "model.hidden: must be 30, 500x2 or a list of units, got null; write [] for none"),
        ("model: {hidden: 2x500}", "model.hidden: must have 1 to 100 layers, got 500; write 500x2"),
        ("dataset: my/rows.csv.gz", "dataset: a data set is a section; write {name: csv, path: my/rows.csv.gz, target: COLUMN}"),
        ("dataset: 'a b, c.NPZ'", "dataset: a data set is a section; write {name: npz, path: 'a b, c.NPZ'}"),
        ("dataset: {path: a.parquet, target: y}", "dataset.name: is missing; write name: parquet"),
        ("dataset: {path: pictures}", "dataset.name: is missing; choose one of mnist, fashion_mnist, csv, parquet, npz, idx, images"),
        ("dataset: {csv: {path: a}}", "dataset.csv: is not a setting; write name: csv, and its settings beside it"),
        ("optimizer: {SGD: {learning_rate: 0.1}}", "optimizer.SGD: is not a setting; write name: sgd, and its settings beside it"),
        ("loss: {huber: {delta: 2}}", "loss.huber: is not a setting; write name: huber, and its settings beside it"),
        ("training: {early_stopping: 0}", "training.early_stopping: must be at least 1, got 0"),
        ("dataset: {validation: 1.5}", "dataset.validation: must be rows (at least 1) or a fraction (above 0, below 1), got 1.5"),
    ],
)  # fmt: skip
def test_what_was_meant_is_said(settings, problem):
    """Text for a number, a comma for a point, another program's way of writing."""
    with pytest.raises(UsageError) as error:
        load_config(parse(settings, "x").data, {})

    assert str(error.value) == f"config: {problem}"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"lr": 0.01}, "lr: unknown setting; did you mean 'optimizer.learning_rate'?"),
        ({"optimizer": {"lr": 0.01}}, "optimizer.lr: unknown setting; did you mean 'learning_rate'?"),
        ({"training": {"lr": 0.01}}, "training.lr: unknown setting; did you mean 'optimizer.learning_rate'?"),
        ({"batchSize": 3}, "batchSize: unknown setting; did you mean 'training.batch_size'?"),
        ({"training": {"n_epochs": 3}}, "training.n_epochs: unknown setting; did you mean 'epochs'?"),
        ({"hidden_layer_sizes": 3}, "hidden_layer_sizes: unknown setting; did you mean 'model.hidden'?"),
        ({"model": {"layers": 3}}, "model.layers: unknown setting; did you mean 'hidden'?"),
        ({"random_state": 3}, "random_state: unknown setting; did you mean 'seed'?"),
        ({"criterion": "mse"}, "criterion: unknown setting; did you mean 'loss'?"),
        ({"training": {"validation_split": 0.1}}, "training.validation_split: unknown setting; did you mean 'dataset.validation'?"),
        ({"dropuot": 0.1}, "dropuot: unknown setting; did you mean 'model.dropout'?"),
        ({"\xa0\xa0hidden": 3}, "'\\xa0\\xa0hidden': unknown setting; white space is part of it; indent with plain spaces"),
        ({"optimizer": {"001": None}}, "optimizer.001: unknown setting; a number has a decimal point, no comma"),
        ({"training.epochs": 3}, "training.epochs: unknown setting; write epochs in the section training; dotted keys are for the command line and Python"),
        ({"device": "gpu"}, "device: unknown setting; it is an option of `mtrain fit`, --device"),
        ({"training": {"epochs:3": None}}, "training.epochs:3: unknown setting; write epochs: 3, with a space after the colon"),
        ({"optimizer": {"name": "sgd", "momentum=0.9": None}}, "optimizer.momentum=0.9: unknown setting; write momentum: 0.9, with a space after the colon"),
    ],
)  # fmt: skip
def test_settings_by_the_names_of_other_programs(settings, problem):
    """The nearest setting is named, with its section where it is another."""
    with pytest.raises(UsageError) as error:
        load_config(settings, {})

    assert str(error.value) == f"config: {problem}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("model:\n\thidden: 30\n", "c:2: a tab is used as indentation; indent with spaces"),
        ("seed: 3\nmodel:\n  hidden: 30\n \tdropout: 0.1\n", "c:4: a tab is used as indentation; indent with spaces"),
        ("model:\n  hidden: 30\n   dropout: 0.5\n", "c:3: is indented by 3 spaces, deeper than line 2, which has a value already"),
        ("seed: 3\n  name: x\n", "c:2: is indented by 2 spaces, deeper than line 1, which has a value already"),
        ("model:\n    hidden: 30\n  dropout: 0.5\n", "c:3: its indentation, 2 spaces, is not that of any section above it"),
        ("seed 3\nmodel:\n  hidden: 3\n", "c:1: a colon is missing; write seed: 3"),
        ("name: x\nseed 3\nmodel:\n  hidden: 3\n", "c:2: a colon is missing; write seed: 3"),
        ("model:\n  hidden 30\n  dropout: 0.5\n", "c:2: a colon is missing; write hidden: 30"),
        ("model:\n  hidden: 30\n  dropout 0.5\ntraining:\n  epochs: 3\n", "c:3: a colon is missing; write dropout: 0.5"),
        ("seed: 3\nmodel\n  hidden: 3\n", "c:2: a colon is missing after 'model'"),
        ("seed = 3\nmodel:\n  hidden: 3\n", "c:1: a setting is written with a colon; write seed: 3"),
        ("dataset:digits\n", "c:1: a space is missing after the colon; write dataset: digits"),
        ("dataset:digits\nseed: 3\n", "c:1: a space is missing after the colon; write dataset: digits"),
        ("seed 3\n", "c:1: a colon is missing; write seed: 3"),
        ("Dear diary\n", "c: must be a mapping of settings, got 'Dear diary'"),
        ("training:\n  epochs:3\n", "c:1: training: must be a mapping of settings, got 'epochs:3'; a space is missing after the colon; write epochs: 3"),
        ("training:\n  epochs:3\n  batch_size: 5\n", "c:2: a space is missing after the colon; write epochs: 3"),
        ("dataset: {name: digits}\noptimizer:\n  name:adam\n", "c:2: optimizer: unknown name 'name:adam'; a space is missing after the colon; write name: adam"),
        ('name: "abc\nseed: 3\n', "c:1: a quotation mark is not closed"),
        ("seed: 3\n...\nname: a\n", "c:2: '...' ends the config, but settings follow; remove this line"),
        ("name: 'abc\nseed: 3\n", "c:1: a quotation mark is not closed"),
        ('name: "abc\nloss: "auto"\n', "c:1: a quotation mark is not closed"),
        ('dataset:\n  path: "C:\\data\\iris.csv"\n', "c:2: a backslash in double quotes begins an escape, such as \\n; use single quotes, or / in a path"),
        ('dataset:\n  path: "C:\\users\\xy"\n', "c:2: a backslash in double quotes begins an escape, such as \\n; use single quotes, or / in a path"),
        ("model:\n  hidden: [30, 20\ntraining:\n  epochs: 3\n", "c:2: '[' is not closed"),
        ("model: {hidden: 30\n", "c:1: '{' is not closed"),
        ("model: {hidden: [30, 20}\n", "c:1: '}' closes nothing that is open"),
        ("optimizer: {name: adam learning_rate: 0.1}\n", "c:1: in brackets a comma is missing between values"),
        ("name: a: b\n", "c:1: a second colon in one line; indent 'a: b' under it, or put it in quotes"),
        ("training: epochs: 3\n", "c:1: a second colon in one line; indent 'epochs: 3' under it, or put it in quotes"),
        ("metrics: - accuracy\n", "c:1: a list starts on a new line, or is written [a, b]"),
        ("metrics:\n  - accuracy\n  seed: 3\n", "c:3: a setting stands among the items of a list"),
        ("model:\n  hidden: 3\n  - 4\n", "c:3: an item of a list stands among settings"),
        ('name: "a" b\n', "c:1: text follows a complete value; put the whole value in quotes"),
        ("dataset:\n  path: *.csv\n", "c:2: '*' cannot begin a value; put the value in quotes"),
        ("name: @x\n", "c:1: '@' cannot begin a value; put the value in quotes"),
        ("name: |x\n", "c:1: '|' cannot begin a value; put the value in quotes"),
        ("model: {hidden: 3}}\n", "c:1: '}' closes nothing"),
        ("model: [3]]\n", "c:1: ']' closes nothing"),
        ("metrics: [?x]\n", "c:1: '?' is a sign of YAML's in brackets; put the text in quotes"),
        ("model: {?hidden: 3}\n", "c:1: '?' is a sign of YAML's in brackets; put the text in quotes"),
        ("metrics:\n  - ! 12\n", "c:2: the tag '!' is not supported; a config is plain data"),
        ("! seed: 3\n", "c:1: the tag '!' is not supported; a config is plain data"),
        ("seed: 3\nname: \x07\n", "c:2: the character U+0007 cannot stand in a config"),
    ],
)  # fmt: skip
def test_the_line_at_fault_and_what_was_done_is_said(text, problem, tmp_path):
    """Not where PyYAML noticed it, nor in its words."""
    assert said(text, tmp_path) == problem


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("model:\ntraining:\n  epochs: 3\n", "1: model"),
        ("training:\n  early_stopping:\n  epochs: 3\n", "2: training.early_stopping"),
        ("dataset:\n  name: digits\n  validation:   # 0.2\n", "3: dataset.validation"),
        ("seed: 3\noptimizer:\n", "2: optimizer"),
    ],
)
def test_a_section_with_nothing_under_it_is_refused(text, keys, tmp_path):
    """`null` says that none is wanted; nothing at all says that something was forgotten."""
    problem = "has no settings; indent them under it, or leave it out"
    assert said(text, tmp_path) == f"c:{keys}: {problem}"


def test_a_section_without_settings_can_be_filled_by_an_override(tmp_path):
    """And `null` is an answer."""
    path = tmp_path / "c.yaml"
    path.write_text("model:\ndataset: {validation: null}\n")

    config = load_config(path, {"model.hidden": 7})
    assert config.model.hidden == (7,)
    assert config.dataset.validation is None


@pytest.mark.parametrize(
    "text",
    [
        "seed: 3\n\t\nname: x\n",
        "seed: 3\n  \t\nname: x\n",
        "seed: 3\t# three\nname: x\t\n",
        "seed: 3 \t # three\nname: x\n",
        "\t# a comment\nseed: 3\nname: x\n",
        "seed:\t3\nname:\tx\n",
        "{seed: 3,\n\tname: x}\n",
    ],
)
def test_tabs_that_do_not_indent_are_accepted(text):
    """In blank lines, before comments, between a colon and its value, in brackets."""
    assert parse(text, "x").data == {"seed": 3, "name": "x"}


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029", "\xa0", "\ufeff", "\n", "\t"])
@pytest.mark.parametrize("text", ["a{}b", "{}", "a {} b", "{0}{0}", "a{} ", "- {}"])
def test_text_with_other_line_breaks_is_written_and_read_as_itself(character, text):
    """As a value, as a key, in a list; and the lines after it keep their numbers."""
    value = text.format(character)
    data = {"a": value, value: [value, {"b": value}]}

    assert parse(dump(data), "x").data == data


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029"])
def test_line_breaks_of_yaml_1_1_are_text(character):
    """As YAML 1.2 has them, quoted or not; they end no line."""
    document = parse(f"a: x{character}y\nb: '{character}'\nc: 3\n", "x")

    assert document.data == {"a": f"x{character}y", "b": character, "c": 3}
    assert document.lines["c",] == 3


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ({"metrics": "accuracy"}, {"metrics": ["accuracy"]}),
        ({"metrics": {"name": "top_k", "k": 3}}, {"metrics": [{"name": "top_k", "k": 3}]}),
        ({"diagnostics": "weights"}, {"diagnostics": ["weights"]}),
        ({"dataset": {"validation": 0.2}}, {"dataset": {"validation": {"size": 0.2}}}),
        ({"dataset": {"validation": 300}}, {"dataset": {"validation": {"size": 300}}}),
        ({"dataset": {"validation": True}}, {"dataset": {"validation": {}}}),
        ({"dataset": {"validation": False}}, {"dataset": {"validation": None}}),
        ({"dataset": {"test": 0.3}}, {"dataset": {"test": {"size": 0.3}}}),
        ({"training": {"early_stopping": True}}, {"training": {"early_stopping": {}}}),
        ({"training": {"early_stopping": 7}}, {"training": {"early_stopping": {"patience": 7}}}),
        ({"training": {"early_stopping": False}}, {"training": {"early_stopping": None}}),
        ({"training": {"reduce_on_plateau": 4}}, {"training": {"reduce_on_plateau": {"patience": 4}}}),
    ],
)  # fmt: skip
def test_short_forms_are_what_they_mean(short, long):
    """For the reader, for the JSON Schema, and in what a run writes."""
    from jsonschema import Draft202012Validator

    config = load_config(short, {})
    assert config == load_config(long, {})
    assert load_config(parse(config_to_yaml(config), "x").data, {}) == config
    Draft202012Validator(config_schema()).validate(short)


def test_an_override_below_a_short_form_keeps_it():
    """`validation: 0.3` is its size, `early_stopping: 7` its patience."""
    settings = {"dataset": {"validation": 0.3}, "training": {"early_stopping": 7}}
    overrides = parse_overrides(
        ["dataset.validation.how=tail", "training.early_stopping.monitor=val_accuracy"]
    )
    config = load_config(settings, overrides)

    assert (config.dataset.validation.size, config.dataset.validation.how) == (0.3, "tail")
    stopping = config.training.early_stopping
    assert (stopping.patience, stopping.monitor) == (7, "val_accuracy")


def test_a_name_of_null_is_that_of_the_file(tmp_path):
    """In the file and on the command line, as the setting's documentation has it."""
    path = tmp_path / "fancy.yaml"
    path.write_text("name: null\n")
    assert load_config(path, {}).name == "fancy"
    path.write_text("name: other\n")
    assert read_settings(path, parse_overrides(["name=null"])).validate().name == "fancy"


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (["--epochs", "3"], "--epochs; settings are written training.epochs=3"),
        (["--epochs=3"], "--epochs; settings are written training.epochs=3"),
        (["--training.epochs", "3"], "--training.epochs; settings are written training.epochs=3"),
        (["--lr", "0.1"], "--lr; settings are written optimizer.learning_rate=0.1"),
        (["--batch-size", "9"], "--batch-size; settings are written training.batch_size=9"),
        (["--shuffle"], "--shuffle; settings are written training.shuffle=VALUE"),
        (["--set", "a=3"], "--set; settings are written without it: training.epochs=3"),
        (["--fast"], "--fast"),
    ],
)
def test_settings_written_as_options(options, hint, capsys):
    """The setting as it is written."""
    assert run(["fit", "c.yaml", *options]) == 2
    assert capsys.readouterr().err == f"mtrain: command line: No such option: {hint}\n"


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("rows/iri.csv", "{0}/rows/iri.csv: no such file; did you mean 'iris.csv'?"),
        ("row/iris.csv", "{0}/row/iris.csv: no such file; there is no 'row' in {0}; did you mean 'rows'?"),
        ("quite/other.csv", "{0}/quite/other.csv: no such file; there is no 'quite' in {0}"),
        ("row/*.csv", "{0}/row/*.csv: no file matches this pattern; did you mean 'rows'?"),
    ],
)  # fmt: skip
def test_a_path_that_is_not_there_is_said_with_its_line(path, problem, tmp_path, capsys):
    """And the nearest name that is; the exit status is that of missing files."""
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "iris.csv").write_text("a,b\n1,2\n")
    config = tmp_path / "c.yaml"
    config.write_text(f"dataset:\n  name: csv\n  target: b\n  path: {path}\n")

    assert run(["check", str(config)]) == 1
    expected = problem.format(tmp_path)
    assert capsys.readouterr().err == f"mtrain: {config}:4: dataset.path: {expected}\n"


@pytest.mark.parametrize(
    ("settings", "key", "expected"),
    [
        ("dataset: {validation: true}", "dataset.validation.size", 0.3),
        ("dataset: {validation: false}", "dataset.validation.size", 0.3),
        ("dataset: {validation: 0.5}", "dataset.validation.size", 0.3),
        ("dataset: {test: true}", "dataset.test.size", 0.3),
        ("training: {early_stopping: false}", "training.early_stopping.patience", 3),
        ("training: {reduce_on_plateau: true}", "training.reduce_on_plateau.patience", 3),
        ("dataset: {validation: 20%}", "dataset.validation.size", f"dataset.validation: {SIZE}, got '20%'; write 0.2"),
        ("dataset: {test: false}", "dataset.test.size", f"dataset.test: {SIZE}, got false"),
        ("training: {early_stopping: 'yes'}", "training.early_stopping.patience", f"training.early_stopping: {SWITCH}, got 'yes'; write true"),
        ("training: {reduce_on_plateau: 2.5}", "training.reduce_on_plateau.patience", f"training.reduce_on_plateau: {SWITCH}, got 2.5"),
    ],
)  # fmt: skip
def test_a_setting_of_a_section_in_short_form_is_overridden(settings, key, expected):
    """Or the short form is refused as it is without that."""
    data = parse(settings, "x").data
    overrides = {key: expected if isinstance(expected, float | int) else 1}
    if isinstance(expected, str):
        with pytest.raises(UsageError) as error:
            load_config(data, overrides)
        assert str(error.value) == f"config: {expected}"
    else:
        assert flat_settings(load_config(data, overrides))[key] == expected


def test_a_folder_or_a_config_that_is_not_there(tmp_path, capsys):
    """Of images, of IDX files; a config by another name."""
    (tmp_path / "pictures").mkdir()
    for name, expected in {
        "images": "a folder of images for each class is expected here",
        "idx": "IDX files are expected here",
    }.items():
        config = tmp_path / f"{name}.yaml"
        config.write_text(f"dataset: {{name: {name}, path: picture}}\n")
        assert run(["check", str(config)]) == 1
        assert capsys.readouterr().err == (
            f"mtrain: {config}:1: dataset.path: {tmp_path}/picture: no such folder; {expected}; "
            "did you mean 'pictures'?\n"
        )
    assert run(["check", str(tmp_path / "image.yaml")]) == 2
    assert capsys.readouterr().err == (
        f"mtrain: {tmp_path}/image.yaml: no such file; did you mean 'images.yaml'?\n"
    )


def test_a_path_with_escapes_in_double_quotes(tmp_path, capsys):
    r"""`"C:\temp"` has a tab, and names nothing."""
    config = tmp_path / "c.yaml"
    config.write_text('dataset: {name: images, path: "C:\\temp"}\n')

    assert run(["check", str(config)]) == 1
    assert "a backslash in double quotes begins an escape: use single quotes" in (
        capsys.readouterr().err
    )
