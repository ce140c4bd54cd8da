"""Names, parameters and defaults of a config are those of the installed Keras and of scikit-learn."""

from __future__ import annotations

import inspect

import keras
import pytest

from mtrain.config.catalog.names import ACTIVATIONS, canonical
from mtrain.config.experiment.losses import LOSSES
from mtrain.config.experiment.optimizers import OPTIMIZERS
from mtrain.config.experiment.schedules import SCHEDULES
from mtrain.config.loading.load import load_config
from mtrain.model.perceptron import build_model


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("F1Score", "f1"),
        ("f1_score", "f1"),
        ("Recall", "recall"),
        ("SparseCategoricalAccuracy", "accuracy"),
        ("top_k_accuracy_score", "top_k"),
        ("Top-K Accuracy Score", "top_k"),
        ("roc_auc_score", "roc_auc"),
        ("acc", "accuracy"),
        ("sensitivity", "recall"),
        ("TPR", "recall"),
        ("AUC", "roc_auc"),
        ("BinaryCrossentropy", "log_loss"),
    ],
)
def test_metrics_have_the_names_of_scikit_learn_and_keras(name, metric):
    """In any case, bare or with parameters."""
    config = load_config({"metrics": [name]}, {})

    assert [m.name for m in config.metrics] == [metric]
    assert load_config({"metrics": [{"name": name}]}, {}) == config


@pytest.mark.parametrize("name", ["ReLU", "relu", "RELU", "Relu"])
def test_names_are_taken_in_any_case(name):
    """`metrics=['recall']` fails in Keras, where `Recall` works."""
    assert canonical(name, ACTIVATIONS) == "relu"


def test_activations_are_those_of_the_installed_keras():
    """The table is static, so that a name is checked before Keras loads."""
    functions = {
        name
        for name, value in vars(keras.activations).items()
        if callable(value) and name not in {"get", "serialize", "deserialize"}
    }

    assert set(ACTIVATIONS) == functions - {"glu", "threshold"}


def keras_parameters(kind, left_out):
    """Of its initialiser, with their defaults."""
    return {
        name: parameter.default
        for name, parameter in inspect.signature(kind.__init__).parameters.items()
        if name not in {"self", "name", "kwargs", *left_out}
    }


@pytest.mark.parametrize("section", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_optimizers_have_the_parameters_and_defaults_of_the_installed_keras(section):
    """All but those that average weights, scale losses or gather gradients, and of embeddings."""
    left_out = {
        *("use_ema", "ema_momentum", "ema_overwrite_frequency"),
        *("loss_scale_factor", "gradient_accumulation_steps", "exclude_embeddings"),
    }
    theirs = keras_parameters(getattr(keras.optimizers, section.__name__), left_out)

    assert section().model_dump(exclude={"name"}) == theirs


def test_optimizers_are_those_of_the_installed_keras():
    """All that can be chosen by themselves."""
    theirs = {
        name
        for name, value in vars(keras.optimizers).items()
        if isinstance(value, type) and issubclass(value, keras.Optimizer)
    }
    ours = {section.__name__ for section in OPTIMIZERS.values()}
    assert ours == theirs - {"Optimizer", "LossScaleOptimizer", "MultiOptimizer"}


@pytest.mark.parametrize("section", [s for n, s in LOSSES.items() if n != "auto"])
def test_losses_have_the_parameters_and_defaults_of_the_installed_keras(section):
    """All but those of outputs that are no probabilities, and of other shapes."""
    left_out = {"from_logits", "axis", "reduction", "dtype", "ignore_class"}
    theirs = keras_parameters(getattr(keras.losses, section.__name__), left_out)

    assert section().model_dump(exclude={"name"}) == theirs


def test_losses_are_those_of_the_installed_keras():
    """But of sequences, of pictures, of embeddings, and one that divides by the labels' zeros."""
    theirs = {
        name
        for name, value in vars(keras.losses).items()
        if isinstance(value, type) and issubclass(value, keras.Loss)
    }
    others = {"Loss", "CTC", "Dice", "Tversky", "Circle", "MeanAbsolutePercentageError"}
    ours = {section.__name__ for name, section in LOSSES.items() if name != "auto"}
    assert ours == theirs - others


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("MSE", "mean_squared_error"),
        ("KLDivergence", "kl_divergence"),
        ("kld", "kl_divergence"),
        ("Log-Cosh", "log_cosh"),
        ("CategoricalGeneralizedCrossEntropy", "categorical_generalized_cross_entropy"),
    ],
)
def test_a_loss_goes_by_any_of_its_names(spelling, name):
    """Keras' class, its function and its short form."""
    assert load_config({"loss": spelling}, {}).loss == LOSSES[name]()
    assert load_config({"loss": {"name": spelling}}, {}).loss == LOSSES[name]()


@pytest.mark.parametrize(
    ("loss", "classes", "problem"),
    [
        (
            "binary_focal_crossentropy",
            "abc",
            "binary_focal_crossentropy is for two classes, there are 3; "
            "categorical_focal_crossentropy is for more",
        ),
        (
            "kl_divergence",
            "ab",
            "kl_divergence is for more than two classes; two have one output, binary_crossentropy",
        ),
    ],
)
def test_a_loss_is_for_its_number_of_classes(loss, classes, problem):
    """Two classes have one output, which some losses cannot make anything of."""
    config = load_config({"loss": loss}, {})
    assert list(config.class_conflicts(tuple(classes))) == [(("loss",), problem)]


@pytest.mark.parametrize("section", SCHEDULES.values(), ids=SCHEDULES)
def test_schedules_have_the_parameters_and_defaults_of_the_installed_keras(section):
    """All of them; what Keras wants to be given, mtrain does."""
    schedules = {
        name for name in dir(keras.optimizers.schedules) if not name.startswith(("_", "des", "ser"))
    }
    assert set(SCHEDULES) == schedules - {"LearningRateSchedule"}
    signature = inspect.signature(getattr(keras.optimizers.schedules, section.__name__).__init__)
    theirs = {
        name: parameter.default
        for name, parameter in signature.parameters.items()
        if name not in {"self", "name"}
    }
    ours = {
        name: inspect.Parameter.empty if field.is_required() else field.default
        for name, field in section.model_fields.items()
        if name != "name"
    }

    assert ours == theirs


@pytest.mark.parametrize(
    ("settings", "classes"),
    [
        ({"hidden": []}, 10),
        ({"hidden": 30}, 2),
        ({"hidden": "500x2", "batch_norm": True, "dropout": 0.5}, 10),
        ({"hidden": [7, 5, 3]}, 3),
        ({"hidden": (7, 5)}, 3),  # as Python has it
    ],
    ids=str,
)
def test_parameters_are_counted_as_keras_counts_them(settings, classes):
    """Before there is a model."""
    config = load_config({"model": settings}, {}).model

    assert config.parameters(784, classes) == build_model(config, 784, classes, 0).count_params()
