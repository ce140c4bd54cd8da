"""Small experiments of every kind come to the same counts as they always did."""

from __future__ import annotations

import json

import pytest
from figures import EXPERIMENTS, STORED, figures


@pytest.mark.parametrize("name", sorted(EXPERIMENTS.keys() - {"whole", "resumed"}))
def test_counts_are_as_they_were(tmp_path, name):
    """Right and wrong predictions of every class, in every epoch and in the evaluation."""
    assert figures(name, tmp_path)["counts"] == json.loads(STORED.read_text())[name]


def test_a_resumed_training_is_the_whole_one(tmp_path):
    """To the last bit of its weights, history and evaluation."""
    whole, resumed = (figures(name, tmp_path) for name in ("whole", "resumed"))

    assert whole["counts"] == json.loads(STORED.read_text())["whole"]
    assert resumed == whole
