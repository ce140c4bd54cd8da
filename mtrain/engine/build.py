"""From a config to its network, and with data to a trainer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtrain.config.experiment.custom_code import CustomLoss, CustomMetric, CustomModel
from mtrain.errors import SettingError
from mtrain.metrics.epoch import counted_k

if TYPE_CHECKING:
    import keras

    from mtrain.config.experiment.schema import Config
    from mtrain.engine.feed import Feed
    from mtrain.engine.network import Network
    from mtrain.engine.trainer import Trainer
    from mtrain.model.custom.code import ImportedCode
    from mtrain.model.custom.metric import CustomFigure
    from mtrain.records.dataset import Dataset, Encoding


def build_network(
    config: Config,
    encoding: Encoding,
    n_classes: int,
    code: ImportedCode,
    *,
    jit_compile: bool = False,
) -> Network:
    """The config's network of `n_classes`, as before the first step.

    `jit_compile` says whether XLA will compile its training, for which dropout draws otherwise.
    `code` is the custom code; raises `MtrainError` for errors in it.
    """
    from mtrain.engine.network import make_network
    from mtrain.model.custom.loss import loss_variables
    from mtrain.model.dropout import dropout_layer
    from mtrain.model.loss import build_loss
    from mtrain.model.perceptron import build_model

    model = build_model(
        config.model,
        encoding.n_features,
        n_classes,
        config.seed,
        dropout_layer(jit_compile),
        code,
    )
    loss = build_loss(config.loss, n_classes, code)
    variables = []
    if isinstance(config.loss, CustomLoss):
        variables = loss_variables(config.loss, code, loss, n_classes)
    return make_network(model, loss, n_classes, encoding.divisor, variables)


def build_ensemble(
    config: Config, encoding: Encoding, n_classes: int, n_members: int
) -> tuple[Network, list[keras.Model]]:
    """A network whose probabilities are the mean of those of so many perceptrons, and these.

    Its loss is the log loss of the mean, without penalties.
    """
    import keras

    from mtrain.engine.network import make_network
    from mtrain.model.ensemble import build_members, mean_model

    if isinstance(config.model, CustomModel):
        raise TypeError("an ensemble has no custom models")
    members = build_members(config.model, encoding.n_features, n_classes, n_members)
    model = mean_model(members, encoding.n_features)
    loss = keras.losses.SparseCategoricalCrossentropy()
    return make_network(model, loss, n_classes, encoding.divisor), members


def make_trainer(
    config: Config,
    dataset: Dataset,
    feed: Feed,
    code: ImportedCode,
    *,
    jit_compile: bool,
    cpus: int | None = None,
) -> Trainer:
    """A trainer of the config's network, not yet begun, on the rows of `feed`.

    The classes, the encoding and the validation are those of `dataset`; `cpus` are as for `Trainer`.

    `code` is the custom code, which is tried on a few rows; raises `MtrainError` for errors in it,
    `SettingError` if a monitor is not a figure of the training.
    """
    from mtrain.engine.trainer import Trainer
    from mtrain.model.counters import build_counters
    from mtrain.model.custom.metric import tried_metric
    from mtrain.model.optimizer import build_optimizer, build_schedule

    n_classes = len(dataset.classes)
    network = build_network(config, dataset.encoding, n_classes, code, jit_compile=jit_compile)
    _try_training(config, network, code, jit_compile=jit_compile)
    custom_figures = tuple(
        tried_metric(metric, code, n_classes, jit_compile=jit_compile)
        for metric in config.metrics
        if isinstance(metric, CustomMetric)
    )
    _check_monitors(config, custom_figures)
    custom_counters = {figure.name: figure.counter for figure in custom_figures if figure.counter}
    return Trainer(
        network,
        build_optimizer(config.optimizer),
        feed,
        dataset.val,
        epochs=config.training.epochs,
        batch_size=config.training.batch_size,
        steps_per_epoch=config.training.steps_per_epoch,
        schedule=build_schedule(config.optimizer),
        shuffle=config.training.shuffle,
        seed=config.seed,
        jit_compile=jit_compile,
        top_k=counted_k(config.metrics),
        counters=build_counters(config.metrics) | custom_counters,
        of_split={figure.name: figure.of_split for figure in custom_figures},
        diagnostics=config.diagnostics,
        cpus=cpus,
    )


def _try_training(
    config: Config, network: Network, code: ImportedCode, *, jit_compile: bool
) -> None:
    """Raise `MtrainError` for a custom model or loss that cannot be trained."""
    from mtrain.model.custom.loss import try_loss
    from mtrain.model.custom.model import try_model

    if isinstance(config.model, CustomModel):
        try_model(config.model, code, network.model, jit_compile=jit_compile)
    if isinstance(config.loss, CustomLoss):
        try_loss(
            config.loss, code, network.loss_function, network.n_classes, jit_compile=jit_compile
        )


def _check_monitors(config: Config, custom_figures: tuple[CustomFigure, ...]) -> None:
    """Raise `SettingError` if a monitor is a figure of training that only whole splits have."""
    of_splits = {figure.name for figure in custom_figures if figure.counter is None}
    problem = "needs a whole split and is no figure of the training; val_{} is one of this run's"
    if problems := [
        (keys, f"{monitor!r} {problem.format(monitor)}")
        for keys, (monitor, _) in config.monitored.items()
        if monitor in of_splits
    ]:
        raise SettingError(*problems)
