"""What strangers made of a run is refused by `mtrain reproduce` as well, before anything is trained."""

from __future__ import annotations

from dataclasses import replace

import pytest
import test_hostile_arrays
import test_hostile_configs
import test_hostile_histories
import test_hostile_links
import test_hostile_states
from strangers import check_refused

MODULES = (
    test_hostile_arrays,
    test_hostile_configs,
    test_hostile_histories,
    test_hostile_links,
    test_hostile_states,
)

# Arrays of another shape than the model's are no danger: they are listed as differences.
CASES = {
    f"{module.__name__}: {name}": replace(case, command=("reproduce", "RUN"), says="")
    for module in MODULES
    for name, case in module.CASES.items()
    if case.command != ("CHECKPOINT",)
}


@pytest.mark.slow
def test_reproduce_refuses_what_other_commands_refuse(ask):
    """In a line, without opening a file outside, and without running anything."""
    for name, answer in ask(CASES).items():
        status = answer.said["status"]
        assert status in {1, 2}, name
        check_refused(answer, replace(CASES[name], status=status))
