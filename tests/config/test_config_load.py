from __future__ import annotations

import pytest
from conftest import CONFIGS

from mtrain.config.experiment.evaluation import ThresholdRule
from mtrain.config.experiment.optimizers import SGD, Adam
from mtrain.config.experiment.schema import Config
from mtrain.config.loading.load import config_to_yaml, load_config, parse_overrides, read_settings
from mtrain.config.loading.reader import parse
from mtrain.errors import UsageError

COSINE = {"name": "CosineDecay", "initial_learning_rate": 0.1, "decay_steps": 9}
PIECES = {"name": "PiecewiseConstantDecay", "boundaries": [5, 9], "values": [0.1, 0.2, 0.3]}


def problems(settings, **overrides):
    with pytest.raises(UsageError) as error:
        load_config(settings, overrides)
    return str(error.value).splitlines()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"optimiser": "adam"}, "optimiser: unknown setting; did you mean 'optimizer'?"),
        ({"epochs": 3}, "epochs: unknown setting; did you mean 'training.epochs'?"),
        ({"model": {"hiden": 3}}, "model.hiden: unknown setting; did you mean 'hidden'?"),
        (
            {"optimizer": {"name": "adam", "momentum": 0.9}},
            "optimizer.momentum: unknown setting; it is of sgd, rmsprop, muon, not of adam",
        ),
        (
            {"optimizer": {"momentum": 0.9}},
            "optimizer.momentum: unknown setting; it is of sgd, rmsprop, muon, not of adam",
        ),
        (
            {"optimizer": {"learning_rat": 0.1}},
            "optimizer.learning_rat: unknown setting; did you mean 'learning_rate'?",
        ),
        (
            {"optimizer": {"name": "sgd", "learning_rate": 1e-50}},
            "optimizer.learning_rate: is out of the range of a float32, got 1e-50",
        ),
        ({"model": {"l2": 1e300}}, "model.l2: is out of the range of a float32, got 1e+300"),
        ({"optimizer": {"name": 3}}, "optimizer.name: must be text, got 3"),
        ({"optimizer": None}, "optimizer: must be a mapping of settings, got null"),
        (
            {"training": {"early_stopping": {"monitor": None}}},
            "training.early_stopping.monitor: must be text, got null",
        ),
        ({"optimizer": "adm"}, "optimizer: unknown name 'adm'; did you mean 'adam'?"),
        (
            {"optimizer": {"name": "rmspro"}},
            "optimizer.name: unknown name 'rmspro'; did you mean 'rmsprop'?",
        ),
        (
            {"optimizer": {"name": "SGD", "nesterov": True}},
            "optimizer: nesterov needs a momentum above 0, got momentum 0",
        ),
        (
            {"optimizer": {"name": "sgd", "clipnorm": 1.0, "clipvalue": 1.0}},
            "optimizer: clipnorm and clipvalue exclude each other; keep one",
        ),
        (
            {"\x1b[31m": 1},
            "'\\x1b[31m': unknown setting; choose one of " + ", ".join(Config.model_fields),
        ),
        ({"seed": True}, "seed: must be a whole number, got true"),
        ({"seed": -1}, "seed: must be at least 0, got -1"),
        ({"training": {"epochs": 1.5}}, "training.epochs: must be a whole number, got 1.5"),
        ({"training": {"epochs": 0}}, "training.epochs: must be at least 1, got 0"),
        (
            {"training": {"compile": "xlaa"}},
            "training.compile: unknown name 'xlaa'; did you mean 'xla'?",
        ),
        (
            {"optimizer": {"name": "adam", "learning_rate": float("inf")}},
            "optimizer.learning_rate: must be finite, got inf",
        ),
        (
            {"optimizer": {"name": "adam", "beta_1": 1.0}},
            "optimizer.beta_1: must be below 1, got 1.0",
        ),
        ({"model": {"dropout": 1}}, "model.dropout: must be below 1, got 1"),
        ({"model": {"hidden": [30, 0]}}, "model.hidden[1]: must be at least 1, got 0"),
        (
            {"model": {"hidden": "500by2"}},
            "model.hidden: must be 30, 500x2 or a list of units, got '500by2'",
        ),
        ({"model": {"hidden": "5x0"}}, "model.hidden: must have 1 to 100 layers, got 0"),
        (
            {"model": {"activation": "rely"}},
            "model.activation: unknown name 'rely'; did you mean 'relu'?",
        ),
        ({"model": None}, "model: must be a mapping of settings, got null"),
        ({"metrics": ["recal"]}, "metrics[0]: unknown name 'recal'; did you mean 'recall'?"),
        ({"metrics": 3}, "metrics: must be a list, got 3"),
        ({"metrics": ["f1", "F1"]}, "metrics: f1 is listed twice; its other names count as well"),
        ({"metrics": [{"name": "f1", "k": 2}]}, "metrics[0].k: f1 takes no k; only top_k does"),
        (
            {"metrics": [{"name": "top_k", "kk": 2}]},
            "metrics[0].kk: unknown setting; did you mean 'k'?",
        ),
        (
            {"loss": {"name": "sparse_categorical_crossentropy", "label_smoothing": 0.1}},
            "loss.label_smoothing: unknown setting; it is of auto, categorical_crossentropy, "
            "binary_crossentropy, categorical_focal_crossentropy, binary_focal_crossentropy, not of "
            "sparse_categorical_crossentropy",
        ),
        ({"loss": "mes"}, "loss: unknown name 'mes'; did you mean 'mean_squared_error'?"),
        ({"loss": {"name": "huber", "delta": 0}}, "loss.delta: must be above 0, got 0"),
        (
            {"optimizer": {"name": "muon", "exclude_layers": ["("]}},
            "optimizer.exclude_layers[0]: is no regular expression: missing ), unterminated "
            "subpattern at position 0, got '('",
        ),
        (
            {"name": "../x"},
            "name: must be a folder's name: letters, digits and . _ + - , at most 100, got '../x'",
        ),
        ({"name": 7}, "name: must be text, got 7; put it in quotes"),
        (
            {"dataset": {"name": "fashion"}},
            "dataset.name: unknown name 'fashion', which no installed package brings; did you mean "
            "'fashion_mnist'?",
        ),
        (
            {"dataset": {"name": "synthetic", "seed": 2**32}},
            "dataset.seed: must be below 4,294,967,296, got 4294967296",
        ),
        (
            {"dataset": {"name": "synthetic", "n_classes": 9, "informative": 3}},
            "dataset.informative: 9 classes need 4, and there are 20 features, got 3",
        ),
        (
            {"dataset": {"name": "synthetic", "n_classes": 9, "features": 3}},
            "dataset.features: 9 classes need 4, got 3",
        ),
        (
            {"dataset": {"name": "synthetic", "shares": [0.9, 0.2]}},
            "dataset.shares: must add up to 1, got 1.1",
        ),
        (
            {"dataset": {"name": "synthetic", "n_classes": 3, "shares": [0.9, 0.1]}},
            "dataset.shares: must be one a class, 3, got 2",
        ),
        (
            {"dataset": {"path": "x"}},
            "dataset.name: is missing; choose one of mnist, fashion_mnist, csv, parquet, npz, idx, images",
        ),
        (
            {"dataset": {"name": "mnist", "test": {"size": 10}}},
            "dataset.test: mnist has a test split",
        ),
        (
            {"model": {"hidden": [], "dropout": 0.5}},
            "model.dropout: needs a hidden layer; model.hidden is empty",
        ),
        ({"dataset": {"classes": ["a"]}}, "dataset.classes: must be at least 2 names, got 1"),
        ({"dataset": {"classes": ["a", "a"]}}, "dataset.classes: 'a' is listed twice"),
        (
            {"dataset": {"classes": ["a", "accuracy"]}},
            "dataset.classes: 'accuracy' is a key of the classification report; rename the class",
        ),
        (
            {"dataset": {"classes": ["a", 1]}},
            "dataset.classes[1]: must be text, got 1; put it in quotes",
        ),
        (
            {"dataset": {"validation": {"size": 1.0}}},
            "dataset.validation.size: must be rows (at least 1) or a fraction (above 0, below 1), "
            "got 1.0",
        ),
        (
            {"training": {"early_stopping": {"monitor": "val_recal_macro"}}},
            "training.early_stopping.monitor: 'val_recal_macro' is not a figure of this run; "
            "did you mean 'val_recall_macro'?",
        ),
        (
            {"dataset": {"validation": None}, "training": {"save_best": "val_loss"}},
            "training.save_best: 'val_loss' is not a figure of this run; dataset.validation is null; "
            "did you mean 'loss'?",
        ),
        (
            {"metrics": ["roc_auc"], "training": {"save_best": "roc_auc_macro"}},
            "training.save_best: 'roc_auc_macro' is not a figure of this run; "
            "did you mean 'val_roc_auc_macro'?",
        ),
        (
            {"training": {"reduce_on_plateau": {"monitor": "val_lose"}}},
            "training.reduce_on_plateau.monitor: 'val_lose' is not a figure of this run; "
            "did you mean 'val_loss'?",
        ),
        (
            {"training": {"reduce_on_plateau": {"factor": 1}}},
            "training.reduce_on_plateau.factor: must be below 1, got 1",
        ),
        (
            {"training": {"reduce_on_plateau": {"min_learning_rate": 0.5}}},
            "training.reduce_on_plateau.min_learning_rate: must be below optimizer.learning_rate, "
            "0.001, or nothing is reduced",
        ),
        (
            {"optimizer": {"learning_rate": {"name": 5}}},
            "optimizer.learning_rate.name: must be text, got 5",
        ),
        (
            {"optimizer": {"learning_rate": COSINE}, "training": {"reduce_on_plateau": {}}},
            "training.reduce_on_plateau: optimizer.learning_rate is CosineDecay, which alone sets "
            "the rate",
        ),
        (
            {"optimizer": {"learning_rate": "cosine_decay"}},
            "optimizer.learning_rate: a schedule needs its parameters, {name: CosineDecay, ...}",
        ),
        (
            {"optimizer": {"learning_rate": {"name": "CosinDecay", "decay_steps": 3}}},
            "optimizer.learning_rate.name: unknown name 'CosinDecay'; did you mean 'CosineDecay'?",
        ),
        (
            {"optimizer": {"learning_rate": {"decay_steps": 3}}},
            "optimizer.learning_rate.name: is missing; choose one of CosineDecay, CosineDecayRestarts, "
            "ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay",
        ),
        (
            {"optimizer": {"learning_rate": {**COSINE, "decay_step": 3}}},
            "optimizer.learning_rate.decay_step: unknown setting; did you mean 'decay_steps'?",
        ),
        (
            {"optimizer": {"learning_rate": {**COSINE, "warmup_steps": 3}}},
            "optimizer.learning_rate: warmup_target and warmup_steps go together; set both or "
            "neither",
        ),
        (
            {"optimizer": {"learning_rate": {**COSINE, "initial_learning_rate": 0}}},
            "optimizer.learning_rate.initial_learning_rate: must be above 0 without warm-up, got 0",
        ),
        (
            {"optimizer": {"learning_rate": {**PIECES, "boundaries": [5, 3]}}},
            "optimizer.learning_rate.boundaries: must rise, got [5, 3]",
        ),
        (
            {"optimizer": {"learning_rate": {**PIECES, "boundaries": []}}},
            "optimizer.learning_rate.boundaries: must have at least 1 item, got 0",
        ),
        (
            {"optimizer": {"learning_rate": {**PIECES, "values": [1]}}},
            "optimizer.learning_rate.values: must be one more than boundaries, 3, got 1",
        ),
        (
            {"training": {"class_weight": "balance"}},
            "training.class_weight: unknown name 'balance'; did you mean 'balanced'?",
        ),
        (
            {"training": {"class_weight": [1, 10]}},
            "training.class_weight: must be balanced, or weights by class name, got [1, 10]",
        ),
        (
            {"training": {"class_weight": {"a": -1}}},
            "training.class_weight.a: must be at least 0, got -1",
        ),
        (
            {"training": {"class_weight": {"0": 1, "1": "ten"}}},
            "training.class_weight.1: must be a number, got 'ten'",
        ),
        (
            {"training": {"class_weight": {"a": float("inf")}}},
            "training.class_weight.a: must be finite, got inf",
        ),
        (
            {"training": {"class_weight": {"a": 1e-50}}},
            "training.class_weight.a: is out of the range of a float32, got 1e-50",
        ),
        (
            {"training": {"class_weight": {}}},
            "training.class_weight: must have at least 1 item, got 0",
        ),
        (
            {"evaluation": {"threshold": 1.5}},
            "evaluation.threshold: must be at most 1, got 1.5",
        ),
        (
            {"evaluation": {"threshold": None}},
            "evaluation.threshold: must be a number from 0 to 1, f1, {recall: R} or "
            "{precision: P}, got null",
        ),
        (
            {"evaluation": {"threshold": "f2"}},
            "evaluation.threshold: must be a number from 0 to 1, f1, {recall: R} or "
            "{precision: P}, got 'f2'",
        ),
        (
            {"evaluation": {"threshold": {"recall": 0}}},
            "evaluation.threshold.recall: must be above 0, got 0",
        ),
        (
            {"evaluation": {"threshold": {"recall": 0.9, "precision": 0.9}}},
            "evaluation.threshold: must be either recall or precision",
        ),
        (
            {"evaluation": {"threshold": {"recal": 0.9}}},
            "evaluation.threshold.recal: unknown setting; did you mean 'recall'?",
        ),
        (
            {"evaluation": {"threshold": "f1"}, "dataset": {"validation": None}},
            "evaluation.threshold: is chosen on validation, but dataset.validation is null; a "
            "number needs none",
        ),
        (
            {"training": {"save_best": "val_threshold"}, "evaluation": {"threshold": "f1"}},
            "training.save_best: 'val_threshold' is not a figure of this run; choose one of "
            + ", ".join(load_config({}, {}).monitors),
        ),
        ({"checkpoint": {"keep": 0}}, "checkpoint.keep: must be at least 1, got 0"),
        (
            {"checkpoint": {"every_seconds": -1}},
            "checkpoint.every_seconds: must be at least 0, got -1",
        ),
    ],
)
def test_each_mistake_has_its_line(settings, problem):
    """Where it is, what is wrong, what was found, and the nearest name."""
    assert problems(settings) == [f"config: {problem}"]


def test_all_mistakes_are_said_at_once_in_the_order_of_the_file(tmp_path):
    """With file and line each; those of overrides as of the command line."""
    path = tmp_path / "c.yaml"
    path.write_text("seed: -1\nmodel:\n  hidden: [0]\noptimiser: adam\n")
    overrides = parse_overrides(["training.epochs=0"])

    with pytest.raises(UsageError) as error:
        load_config(path, overrides)

    assert str(error.value).splitlines() == [
        f"{path}:1: seed: must be at least 0, got -1",
        f"{path}:3: model.hidden[0]: must be at least 1, got 0",
        f"{path}:4: optimiser: unknown setting; did you mean 'optimizer'?",
        "command line: training.epochs: must be at least 1, got 0",
    ]


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("trainig.epochs=3", "trainig: unknown setting; did you mean 'training'?"),
        (
            "evaluation.threshold.recall=0.9",
            "evaluation.threshold: is chosen on validation, but dataset.validation is null; a number "
            "needs none",
        ),
        (
            "training.save_best.mode=max",
            "training.save_best: the mode of 'accuracy' is max, got min",
        ),
        (
            "optimizer.learning_rate.nam=x",
            "optimizer.learning_rate.name: is missing; choose one of CosineDecay, "
            "CosineDecayRestarts, ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay, "
            "PolynomialDecay",
        ),
    ],
)
def test_a_mistake_below_an_override_is_no_line_of_the_file(tmp_path, override, problem):
    """Though the file has the section, or its short form."""
    path = tmp_path / "c.yaml"
    path.write_text("dataset: {validation: null}\ntraining: {save_best: accuracy}\n")
    override = override.replace("mode=max", "mode=min")
    with pytest.raises(UsageError) as error:
        load_config(path, parse_overrides([override]))

    assert str(error.value) == f"command line: {problem}"


def test_a_mistake_of_the_file_beside_an_override_has_its_line(tmp_path):
    """Of the same section."""
    path = tmp_path / "c.yaml"
    path.write_text("seed: 1\ndataset: {name: csv, path: x}\n")
    with pytest.raises(UsageError) as error:
        load_config(path, parse_overrides(["dataset.missing=mean"]))

    assert str(error.value) == f"{path}:2: dataset.target: is missing"


def test_repeated_keys_are_said_with_all_other_mistakes(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("seed: 1\nseed: -2\nmodel: {hiden: 3}\n")
    with pytest.raises(UsageError) as error:
        load_config(path, {})

    assert str(error.value).splitlines() == [
        f"{path}:2: seed: set twice, first on line 1",
        f"{path}:2: seed: must be at least 0, got -2",
        f"{path}:3: model.hiden: unknown setting; did you mean 'hidden'?",
    ]


def test_a_space_missing_in_class_weights_is_named():
    """Within {} a key is then the whole of `a:1`."""
    assert problems({"training": {"class_weight": {"a:1": None}}}) == [
        "config: training.class_weight.a:1: write a: 1, with a space after the colon"
    ]


def test_an_empty_file_is_said_to_be_empty(tmp_path):
    """It is more often a mistake than a wish for every default."""
    path = tmp_path / "c.yaml"
    path.write_text("# nothing\n")
    with pytest.raises(UsageError, match="is empty"):
        load_config(path, {})


def test_overrides_replace_settings():
    """By dotted path, read as YAML; a bare name on the way is the mapping it means."""
    overrides = parse_overrides(
        ["model.hidden=500x5", "optimizer.learning_rate=1e-2", "dataset.validation=null"]
    )
    config = load_config({"optimizer": "sgd"}, overrides)

    assert config.model.hidden == (500,) * 5
    assert config.optimizer == SGD(learning_rate=0.01)
    assert config.dataset.validation is None


def test_parameters_without_a_name_are_those_of_adam():
    """The default optimizer, on the command line as in a file."""
    overrides = parse_overrides(["optimizer.learning_rate=0.5"])

    assert load_config({}, overrides).optimizer == Adam(learning_rate=0.5)


def test_an_override_below_a_short_form_keeps_it():
    """`val_f1_macro` is the monitor; of a threshold or class weights the whole value is replaced."""
    best = load_config(
        {"training": {"save_best": "val_f1_macro"}},
        parse_overrides(["training.save_best.mode=max"]),
    )
    assert (best.save_best, best.save_best_mode) == ("val_f1_macro", "max")
    for before in ("f1", 0.25, {"recall": 0.9}):
        settings = {"evaluation": {"threshold": before}}
        config = load_config(settings, parse_overrides(["evaluation.threshold.recall=0.75"]))
        assert config.evaluation.rule == ThresholdRule("recall", 0.75)
    settings = {"training": {"class_weight": "balanced"}}
    config = load_config(settings, parse_overrides(["training.class_weight.a=2"]))
    assert config.training.class_weight == {"a": 2.0}


def test_parameters_of_custom_code_are_what_a_checkpoint_can_hold():
    """NaN does not equal itself, and JSON has neither objects nor numbers of 65 bits."""
    for value in (float("nan"), object(), 2**63, {1: 2}, [2**64]):
        with pytest.raises(UsageError, match="loss: its parameters must be finite numbers"):
            load_config({"loss": {"name": "json:loads", "x": value}}, {})
    load_config({"loss": {"name": "json:loads", "x": [-(2**63), 1.5, None, {"a": True}]}}, {})


def test_an_override_by_a_mapping_does_not_merge():
    """`optimizer={name: sgd}` leaves all else at its default."""
    settings = {"optimizer": {"name": "adam", "learning_rate": 0.1}}

    assert load_config(settings, parse_overrides(["optimizer={name: sgd}"])).optimizer == SGD()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("training.epochs", "command line: 'training.epochs': a setting is KEY=VALUE"),
        ("seed.x=3", "command line: seed.x: seed is no section here, but 5"),
        ("optimizer={name: sgd}", "command line: optimizer: would undo optimizer.learning_rate"),
        (
            "dataset.validation.size=5",
            "command line: dataset.validation.size: dataset.validation is",
        ),
        ("model.hidden=[1", "command line: model.hidden:1: '[' is not closed"),
    ],
)
def test_overrides_that_are_none(argument, message):
    """Wrong in form, or below a setting that has nothing below it."""
    given = ["optimizer.learning_rate=1", "dataset.validation=null", argument]
    with pytest.raises(UsageError) as error:
        load_config({"seed": 5}, parse_overrides(given))

    assert str(error.value).startswith(message)


def test_paths_are_relative_to_the_file_and_in_overrides_to_the_current_folder(
    tmp_path, monkeypatch
):
    """So that a config can be moved with its data, and a shell completes paths."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    path = tmp_path / "sub" / "c.yaml"
    path.write_text("dataset: {name: mnist, path: data}\n")

    assert load_config(path, {}).dataset.path == str(tmp_path / "sub" / "data")
    overrides = parse_overrides(["dataset.path=data"])
    assert load_config(path, overrides).dataset.path == str(tmp_path / "data")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_written_config_is_read_back_as_the_same(path):
    """Every shipped config is valid, and so is what a run keeps of it."""
    config = load_config(path, {})

    assert config.name == path.stem
    assert load_config(parse(config_to_yaml(config), "x").data, {}) == config


def test_problems_found_later_get_their_line_too(tmp_path):
    """What only the data tells still points into the file."""
    from mtrain.data.load import load_dataset

    path = tmp_path / "c.yaml"
    path.write_text("dataset:\n  name: digits\n  samples: 5000\n")
    settings = read_settings(path, {})
    with pytest.raises(UsageError) as error, settings.located():
        load_dataset(settings.validate().dataset)

    expected = f"{path}:3: dataset.samples: 5,000 rows wanted, there are 1,150"
    assert str(error.value) == expected


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", "a\0b", "x" * 300, "", ".hidden", "a\nb"])
def test_a_name_that_is_no_folders_is_refused(name):
    """It would lead out of `outputs`, or nowhere."""
    (problem,) = problems({"name": name})

    assert problem.startswith("config: name: must be a folder's name: ")


def test_class_weights_are_by_name_as_yaml_or_python_write_it(tmp_path):
    """A key of YAML is text, 0 as well; a Python mapping may have the number."""
    path = tmp_path / "c.yaml"
    path.write_text("training: {class_weight: {0: 1, 1: 10, b: 0}}\n")
    config = load_config(path, {})

    weights = {"0": 1.0, "1": 10.0, "b": 0.0}
    assert config.training.class_weight == weights
    assert load_config(parse(config_to_yaml(config), "x").data, {}) == config
    assert load_config({"training": {"class_weight": {0: 1, 1: 10, "b": 0}}}, {}).training == (
        config.training
    )


def test_class_weights_are_of_classes_there_are():
    """Only the data tell; the nearest name is said."""
    config = load_config({"training": {"class_weight": {"leav": 10, "stay": 1}}}, {})

    assert list(config.class_conflicts(("stay", "leave"))) == [
        (("training", "class_weight", "leav"), "unknown class 'leav'; did you mean 'leave'?")
    ]
    assert list(load_config({}, {}).class_conflicts(("stay", "leave"))) == []


@pytest.mark.parametrize("threshold", [0, 1, 0.3, "f1", {"recall": 0.9}, {"precision": 1}])
def test_a_threshold_is_a_number_or_how_to_choose_one(threshold):
    """Written and read back; of two classes alone."""
    config = load_config({"evaluation": {"threshold": threshold}}, {})

    assert load_config(parse(config_to_yaml(config), "x").data, {}) == config
    assert list(config.class_conflicts(("a", "b"))) == []
    assert list(config.class_conflicts(("a", "b", "c"))) == [
        (("evaluation", "threshold"), "is for two classes, there are 3")
    ]
