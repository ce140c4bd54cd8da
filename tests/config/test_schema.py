from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Mapping

import pytest
import test_config_load
from conftest import CONFIGS, ROOT
from jsonschema import Draft7Validator, Draft202012Validator

from mtrain.cli.main import run
from mtrain.config.catalog.metrics import METRIC_ALIASES, METRICS
from mtrain.config.catalog.names import ACTIVATIONS
from mtrain.config.experiment.losses import LOSSES
from mtrain.config.experiment.optimizers import OPTIMIZERS
from mtrain.config.experiment.schema import Config
from mtrain.config.loading.json_schema import config_schema
from mtrain.config.loading.load import config_to_yaml, load_config
from mtrain.config.loading.reader import parse
from mtrain.errors import UsageError

SCHEMA = config_schema()
VALIDATOR = Draft202012Validator(SCHEMA)

TABLE = {"path": "x", "target": "y"}
FALL = {"initial_learning_rate": 0.1, "decay_steps": 9}
SCHEDULES = [
    {"name": "CosineDecay", **FALL, "warmup_target": 0.5, "warmup_steps": 3},
    {"name": "CosineDecayRestarts", "initial_learning_rate": 0.1, "first_decay_steps": 9},
    {"name": "ExponentialDecay", **FALL, "decay_rate": 0.5},
    {"name": "InverseTimeDecay", **FALL, "decay_rate": 0.5},
    {"name": "PiecewiseConstantDecay", "boundaries": [5, 9], "values": [0.1, 0.2, 0.3]},
    {"name": "PolynomialDecay", **FALL},
]
EXPERIMENTS = [
    {},
    {"name": None},
    {"name": "Prüfung 7+b"},
    {"model": {"hidden": " 500 x 2"}},
    {"model": {"hidden": 30, "activation": "Leaky-ReLU"}},
    {"model": {"hidden": []}},
    {"loss": "auto", "metrics": ["Recall", "F1Score", {"name": "TopK", "k": 3}]},
    {"loss": {"name": "Categorical Crossentropy", "label_smoothing": 0.1}},
    {"training": {"early_stopping": {}, "reduce_on_plateau": {"factor": 0.5}, "save_best": None}},
    {"training": {"memory": " 500 mb"}, "checkpoint": {"every_seconds": 0, "keep": 1}},
    {"training": {"class_weight": "balanced"}, "evaluation": {"threshold": 0.3}},
    {"training": {"class_weight": {"a": 1, "b": 10.5}}, "evaluation": {"threshold": "f1"}},
    {"evaluation": {"threshold": {"recall": 0.9}}},
    {"dataset": "digits"},
    {"dataset": {"name": "synthetic", "rows": 100, "shares": [0.9, 0.1], "label_noise": 0.05}},
    {"dataset": {"name": "synthetic", "n_classes": 100, "informative": 8}},
    {"dataset": {"fold": " 2/5"}},
    {"dataset": {"samples": 500, "validation": {"size": 300, "how": "tail"}}},
    {"dataset": {"name": "MNIST", "validation": None, "classes": list("abcdefghij")}},
    {"dataset": "Fashion-MNIST"},
    {"dataset": {"name": "csv", **TABLE, "features": ["a"], "missing": "mean", "weights": "w"}},
    {"dataset": {"name": "parquet", **TABLE, "test": {"size": 0.5}, "categorical": ["c"]}},
    {"dataset": {"name": "npz", "path": "x", "test_path": "t", "scale": "unit"}},
    {"dataset": {"name": "csv", **TABLE, "groups": "g", "time": "t", "test": {"how": "time"}}},
    {"dataset": {"name": "images", "path": "x", "groups": "^p[0-9]+", "fold": "1/3"}},
    {"dataset": {"name": "idx", "path": "x"}},
    {"dataset": {"name": "images", "path": "x", "size": 28, "color": "gray"}},
    {"dataset": {"name": "images", "path": "x", "size": [28, 32]}},
    {"optimizer": {"beta_1": 0.5}},
    *({"optimizer": name} for name in (*OPTIMIZERS, "SGD", "RMSprop", "Ada-Delta")),
    *({"loss": name} for name in (*LOSSES, "MSE", "kullback leibler divergence")),
    {"loss": {"name": "kld"}},
    {"loss": {"name": "CategoricalFocalCrossentropy", "gamma": 1, "label_smoothing": 0.1}},
    {"optimizer": {"name": "muon", "exclude_layers": ["output"], "rms_rate": None}},
    {"optimizer": {"name": "sgd", "momentum": 0.9, "nesterov": True, "clipnorm": 1}},
    *({"optimizer": {"name": "Adam", "learning_rate": schedule}} for schedule in SCHEDULES),
    {"optimizer": {"learning_rate": {**SCHEDULES[-1], "name": "polynomial_decay"}}},
]

TAKEN = {
    # What the experiment's other settings decide.
    "optimizer: nesterov needs",
    "optimizer: clipnorm and clipvalue",
    "metrics: f1 is listed twice; its other names count as well",
    "metrics[0].k: f1 takes no k",
    "dataset.features: 9 classes need",
    "dataset.informative: 9 classes need",
    "dataset.shares: must",
    "optimizer.exclude_layers[0]: is no regular expression",
    "model.dropout: needs a hidden layer",
    "training.early_stopping.monitor: 'val_recal_macro'",
    "training.save_best:",
    "training.reduce_on_plateau.monitor:",
    "training.reduce_on_plateau.min_learning_rate:",
    "training.reduce_on_plateau: optimizer.learning_rate is CosineDecay",
    "optimizer.learning_rate: warmup_target and",
    "optimizer.learning_rate.initial_learning_rate: must be above 0 without",
    "optimizer.learning_rate.boundaries: must rise",
    "optimizer.learning_rate.values: must be one more",
    "evaluation.threshold: must be either",
    "evaluation.threshold: is chosen on validation",
    # To JSON Schema 1.0 is an integer.
    "dataset.validation.size: must be rows",
}

DECIDED_BY_OTHERS = {
    *("dataset.categorical", "dataset.dates", "dataset.exclude", "dataset.features"),
    *("dataset.test", "dataset.test_path", "dataset.time", "dataset.fold"),
    *("dataset.test.how", "dataset.validation", "dataset.validation.how"),
    *(f"dataset.{key}" for key in ("n_classes", "informative", "shares")),
    *("model.activity", "model.batch_norm", "model.dropout", "model.hidden"),
    *("optimizer.clipvalue", "optimizer.global_clipnorm"),
    *("optimizer.momentum", "optimizer.nesterov"),
    *(f"optimizer.learning_rate.{key}" for key in ("boundaries", "values")),
    *(f"optimizer.learning_rate.warmup_{key}" for key in ("steps", "target")),
    *("training.early_stopping.monitor", "training.save_best"),
    *(f"evaluation.threshold{key}" for key in ("", ".precision", ".recall")),
    *("training.reduce_on_plateau.monitor", "training.reduce_on_plateau.min_learning_rate"),
}

VALUES = [None, True, 0, 1, -1, 3, 2**31, 0.5, 1.5, -0.5, 1e-50, 1e300, float("inf")]
VALUES += ["", "x", "digits", "SGD", "Recall", "auto", "3x2", "0x2", "9kb", [], [1], ["a", "a"], {}]
VALUES += [["a", "b"], [1, 2], {"name": "sgd"}, {"name": "f1"}, {"x": 1}, "ab\n.", ["f1"]]


def accepted(settings):
    try:
        load_config(settings, {})
    except UsageError:
        return False
    return True


def places(section):
    """The name of the section that holds each setting, and the setting's path."""
    for key, value in section.items():
        yield section.get("name"), (key,)
        if isinstance(value, Mapping):
            yield from ((kind, (key, *rest)) for kind, rest in places(value))


def replaced(settings, path, value):
    settings = section = copy.deepcopy(settings)
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = value
    return settings


def test_the_schema_is_one():
    """Of its own draft, and to editors that know draft 7 alone."""
    Draft202012Validator.check_schema(SCHEMA)
    Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_configs_name_the_schema_and_are_valid(path):
    """In the first line, where editors look for it."""
    text = path.read_text()

    assert text.startswith("# yaml-language-server: $schema=schema.json\n")
    VALIDATOR.validate(parse(text, "x").data)


@pytest.mark.parametrize("settings", EXPERIMENTS, ids=str)
def test_what_is_read_is_valid_and_so_is_what_is_saved(settings):
    """Every source, optimizer and schedule, each way of writing a setting."""
    VALIDATOR.validate(settings)
    VALIDATOR.validate(parse(config_to_yaml(load_config(settings, {})), "x").data)


def test_names_are_valid_in_any_spelling():
    """As in Keras' own, and as scikit-learn has them."""
    for name in ACTIVATIONS:
        VALIDATOR.validate({"model": {"activation": name.title().replace("_", "")}})
    for name in (*METRICS, *METRIC_ALIASES):
        VALIDATOR.validate({"metrics": [name.upper(), {"name": name.replace("_", "-")}]})
        load_config({"metrics": [name.replace("_", "-")]}, {})


@pytest.mark.parametrize(
    ("settings", "problem"), test_config_load.test_each_mistake_has_its_line.pytestmark[0].args[1]
)
def test_mistakes_of_a_single_setting_are_refused(settings, problem):
    """What only several settings tell is not."""
    seen = not any(problem.startswith(start) for start in TAKEN)

    assert VALIDATOR.is_valid(settings) != seen


@pytest.mark.slow
def test_any_value_for_any_setting_is_taken_where_the_reader_takes_it():
    """And, where it takes it not, neither does the schema, but for what needs other settings.

    A setting that several optimizers or losses have is given every value once, and a third of them
    in turn in each other section.
    """
    done, known = set(), set()
    for experiment in EXPERIMENTS:
        saved = load_config(experiment, {}).model_dump(mode="json", include=set(experiment))
        for kind, path in places(saved):
            if (kind, path) in done:
                continue
            done.add((kind, path))
            values = VALUES[len(done) % 3 :: 3] if path in known else VALUES
            known.add(path)
            for value in values:
                settings = replaced(saved, path, value)
                valid = VALIDATOR.is_valid(settings)
                if valid != accepted(settings):
                    assert valid, f"{path}: {value} is taken by the reader alone"
                    # To JSON Schema 1e300 is an integer.
                    assert ".".join(path) in DECIDED_BY_OTHERS or value == 1e300, (path, value)


def test_whole_numbers_fit_64_bits():
    """A checkpoint's state holds no larger ones."""
    bounds = {"maximum", "exclusiveMaximum", "enum", "const"}
    unbounded = [
        part for part in parts(SCHEMA) if part.get("type") == "integer" and not bounds & part.keys()
    ]

    assert unbounded == []


def parts(schema):
    """All mappings in a schema."""
    if isinstance(schema, dict):
        yield schema
    inner = (
        schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    )
    for value in inner:
        yield from parts(value)


def test_every_setting_has_docs_and_a_default_or_is_required():
    """In each section, of the dataset's kinds too."""
    for name, section in {"": SCHEMA, **SCHEMA["$defs"]}.items():
        for key, setting in section["properties"].items():
            described = "description" in setting or "$ref" in setting or "anyOf" in setting
            assert described, f"{name}.{key}"
            if key not in section.get("required", ()):
                assert "default" in setting, f"{name}.{key}"
                part = {"$ref": "#/$defs/" + name + "/properties/" + key, "$defs": SCHEMA["$defs"]}
                assert not name or Draft202012Validator(part).is_valid(setting["default"])


def test_the_command_prints_what_the_repository_ships(capsys):
    """As a user redirects it."""
    assert run(["schema"]) == 0
    assert capsys.readouterr().out == (CONFIGS / "schema.json").read_text()


def test_the_command_needs_no_tensorflow():
    """Nor Keras, and so answers at once."""
    code = (
        "import sys; from mtrain.cli.main import run; run(['schema']);"
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, check=False)

    assert done.returncode == 0
    assert json.loads(done.stdout) == SCHEMA


def test_the_defaults_are_valid():
    """All of them, as a run writes them down."""
    VALIDATOR.validate(Config(name="x").model_dump(mode="json"))
