"""From a config's dataset section to the splits an experiment trains, validates and tests on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from mtrain.config.dataset import TestConfig
from mtrain.data.scaling import fit_standard, standardize
from mtrain.data.splitting import draw, split_off
from mtrain.errors import MtrainError, SettingError
from mtrain.records import Arrays, Dataset

if TYPE_CHECKING:
    from mtrain.config.dataset import DatasetConfig
    from mtrain.data.source import Source


def load_dataset(
    config: DatasetConfig,
    *,
    scaler: Arrays | None = None,
    progress: bool = True,
    download: bool = True,
) -> Dataset:
    """Read, split, draw and scale.

    `download` lets data be fetched that is not on this machine, `progress` shows a bar meanwhile.

    `scaler` is what scaling learned from another training split; None: it learns from this one.
    Raises `MtrainError` for data that is missing, damaged, or does not fit the config.
    """
    source = read_source(config, progress=progress, download=download)
    classes = source.classes if config.classes is None else config.classes
    _check_labels(source, config, len(classes))

    train, test = source.train, source.test
    if test is None:
        apart = config.test or TestConfig()
        section = ("dataset", "test")
        train, test = split_off(train, apart.size, apart.how, config.seed, section)
    val = None
    if (validation := config.validation) is not None:
        section = ("dataset", "validation")
        train, val = split_off(train, validation.size, validation.how, config.seed, section)
        val = draw(val, validation.samples, config.seed, section)
    train = draw(train, config.samples, config.seed, ("dataset",))

    if config.scale == "standard":
        if scaler is None:
            scaler = fit_standard(train.features)
        train, test = standardize(train, scaler), standardize(test, scaler)
        val = None if val is None else standardize(val, scaler)
    return Dataset(
        classes=classes,
        train=train,
        val=val,
        test=test,
        divisor=source.largest if config.scale in {"auto", "unit"} else None,
        scaler=scaler or {},
        sha256=_fingerprint(source),
        source=source.where,
    )


def dataset_shape(config: DatasetConfig) -> tuple[int, int]:
    """Features and classes of the data set; it is read only where `dataset.path` may change them.

    Raises `MtrainError` as `load_dataset` does.
    """
    n_classes = 10 if config.classes is None else len(config.classes)
    if config.path is not None:
        source = read_source(config, progress=False, download=False)
        return source.train.features.shape[1], n_classes
    return 8 * 8 if config.name == "digits" else 28 * 28, n_classes


def read_source(config: DatasetConfig, *, progress: bool, download: bool) -> Source:
    """The data set that `config` names, as it is."""
    if config.name == "digits":
        from mtrain.data.digits import read_digits

        return read_digits()
    from mtrain.data.mnist import read_mnist

    return read_mnist(config.name, config.path, progress=progress, download=download)


def _check_labels(source: Source, config: DatasetConfig, n_classes: int) -> None:
    for name, split in (("training", source.train), ("test", source.test)):
        if split is None or (largest := int(split.labels.max())) < n_classes:
            continue
        if config.classes is not None:
            problem = f"{n_classes} names, but a {name} label of {source.where} is {largest}"
            raise SettingError((("dataset", "classes"), problem))
        raise MtrainError(
            f"{source.where}: a {name} label is {largest}, but {config.name} has {n_classes} classes"
        )


def _fingerprint(source: Source) -> str:
    digest = hashlib.sha256()
    for split in (source.train, source.test):
        if split is not None:
            for array in (split.features, split.labels):
                digest.update(f"{array.dtype.str}{array.shape}".encode())
                digest.update(array.tobytes())
    return digest.hexdigest()
