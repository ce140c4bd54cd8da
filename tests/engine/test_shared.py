"""Trainers of one shape share what is compiled."""

from __future__ import annotations

from itertools import chain

import pytest
from numpy.testing import assert_array_equal
from trainers import random_split

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
    shared = SharedTrainers(jobs=3, cpus=1)
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

    functions = {trainer._loop._functions[32]._function for trainer in given}
    assert [one.experimental_get_tracing_count() for one in functions] == [1] * len(SHAPES)
