"""Small experiments of every kind come to the same counts as they always did."""

from __future__ import annotations

import json

import pytest
from figures import EXPERIMENTS, STORED, figures


def assert_as_stored(counts, name):
    """Within three rows, or 3 % of them."""
    stored = json.loads(STORED.read_text())[name]
    assert counts.keys() == stored.keys()
    for part, right in counts.items():
        assert right == pytest.approx(stored[part], abs=3, rel=0.03), part


@pytest.mark.parametrize("name", sorted(EXPERIMENTS.keys() - {"whole", "resumed"}))
def test_counts_are_as_they_were(tmp_path, name):
    """Right predictions in every epoch, and of every class; a few more or less by the processor."""
    assert_as_stored(figures(name, tmp_path)["counts"], name)


def test_a_resumed_training_is_the_whole_one(tmp_path):
    """To the last bit of its weights, history and evaluation."""
    whole, resumed = (figures(name, tmp_path) for name in ("whole", "resumed"))

    assert_as_stored(whole["counts"], "whole")
    assert resumed == whole
