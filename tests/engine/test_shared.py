"""Trainers of one shape share what is compiled."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain, product

import pytest
from numpy.testing import assert_array_equal
from trainers import random_split

from mtrain.config.catalog.names import ACTIVATIONS
from mtrain.config.experiment.losses import LOSSES
from mtrain.config.experiment.optimizers import OPTIMIZERS
from mtrain.config.loading.load import load_config
from mtrain.engine.build import make_trainer
from mtrain.engine.feed import Feed
from mtrain.engine.shared import SharedTrainers
from mtrain.model.custom.code import NO_CODE
from mtrain.records.dataset import Dataset, Encoding
from mtrain.records.training import EpochRecord

SHAPES = [
    [{"seed": 1}, {"seed": 2, "optimizer": {"learning_rate": 0.01}}, {"training": {"epochs": 1}}],
    [
        {"seed": 3, "model": {"hidden": 8, "dropout": 0.5, "l2": 0.01, "activity": 0.001}},
        {"seed": 4, "model": {"hidden": 8, "dropout": 0.2, "l2": 0.1, "activity": 0.1}},
    ],
    # ScheduleFreeAdamW begins with copies of the weights.
    [{"optimizer": "schedule_free_adam_w"}, {"optimizer": "schedule_free_adam_w", "seed": 8}],
]


def settings(options):
    merged = {"model": {"hidden": 8}, "metrics": ["accuracy", "keras_recall"]} | options
    return merged | {"training": {"epochs": 2} | options.get("training", {})}


@pytest.mark.parametrize("jit_compile", [False, True])
def test_what_is_shared_trains_to_the_last_bit_as_what_is_not(jit_compile):
    """Whatever was trained before; one shape is traced once."""
    rows = random_split(rows=70, features=12, seed=1), random_split(rows=70, features=12, seed=2)
    shared = SharedTrainers(cpus=1)
    given = []

    for number, options in enumerate(chain.from_iterable(SHAPES)):
        config = load_config(settings(options), {})
        train, val = rows[number % 2], rows[1 - number % 2]
        dataset = Dataset(
            tuple("abcdefghij"),
            {"train": train, "val": val},
            Encoding((12,), divisor=255.0),
            "0",
            "",
        )
        arguments = config, dataset, Feed(train), NO_CODE
        trainer = shared.make(*arguments, jit_compile=jit_compile)
        given.append(trainer)
        outcomes = [
            ([r for r in one.records() if isinstance(r, EpochRecord)], one.state().arrays)
            for one in (trainer, make_trainer(*arguments, jit_compile=jit_compile))
        ]

        (records, arrays), (expected, expected_arrays) = outcomes
        assert len(records) == config.training.epochs
        for record, other in zip(records, expected, strict=True):
            assert record.train.loss == other.train.loss
            assert record.train.scalars == other.train.scalars
            assert_array_equal(record.train.confusion, other.train.confusion)
            assert_array_equal(record.val.probabilities, other.val.probabilities)
        assert arrays.keys() == expected_arrays.keys()
        for name, array in arrays.items():
            assert_array_equal(array, expected_arrays[name], err_msg=name)

    # By these names XLA finds what it has compiled; the batches are 32, 32 and 6 rows.
    names = {size: [] for size in (32, 6)}
    for trainer, size in product(given, names):
        names[size].append(trainer._loop._on_variables[size].name)
    assert {len(set(each)) for each in names.values()} == {len(SHAPES)}


def test_a_shape_is_kept_as_long_as_a_thread_trains_it():
    """And no longer."""
    rows = random_split(rows=70, features=12, seed=1)
    dataset = Dataset(tuple("abcdefghij"), {"train": rows}, Encoding((12,)), "0", "")
    shared = SharedTrainers(cpus=1)

    def functions(hidden):
        config = load_config({"model": {"hidden": hidden}}, {})
        trainer = shared.make(config, dataset, Feed(rows), NO_CODE, jit_compile=False)
        return trainer._loop._functions

    here = functions(3)
    with ThreadPoolExecutor(1) as pool:
        there = [pool.submit(functions, hidden).result() for hidden in (4, 5, 5, 4)]
        assert functions(3) is here
    assert there[1] is there[2]
    assert there[0] is not there[3]


@pytest.mark.parametrize(
    "make", [ACTIVATIONS, LOSSES, OPTIMIZERS], ids=["activations", "losses", "optimizers"]
)
def test_every_name_can_be_shared(make):
    """Nothing is captured that another trainer has not."""
    rows = random_split(rows=20, features=12, classes=3, seed=1)
    for name in make:
        n_classes = 3 if make is not LOSSES or LOSSES[name].most_classes > 2 else 2
        labels = rows.labels % n_classes
        split = replace(rows, labels=labels)
        dataset = Dataset(tuple("abc"[:n_classes]), {"train": split}, Encoding((12,)), "0", "")
        options = {"batch_norm": True, "dropout": 0.5, "l2": 0.1, "activity": 0.1, "hidden": 4}
        options |= {"activation": name} if make is ACTIVATIONS else {}
        config = {"model": options, "training": {"epochs": 1}, "diagnostics": ["gradients"]}
        config |= {"loss": name} if make is LOSSES else {}
        config |= {"optimizer": name} if make is OPTIMIZERS else {}
        shared = SharedTrainers(cpus=1)
        first, second = (
            shared.make(load_config(config, {}), dataset, Feed(split), NO_CODE, jit_compile=False)
            for _ in range(2)
        )
        for trainer in (first, second):
            for _ in trainer.records():
                pass

        assert second._loop._functions is first._loop._functions
        for key, array in first.state().arrays.items():
            assert_array_equal(array, second.state().arrays[key], err_msg=f"{name}: {key}")
