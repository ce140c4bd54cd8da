"""The crash test, in short; `make crashtest` is the long form."""

from __future__ import annotations

import pytest
from crashtest import crash


@pytest.mark.slow
def test_killed_runs_end_as_if_they_never_had_been(tmp_path):
    """SIGKILL at random moments, of one run at three of its resumptions as well."""
    trials = crash(tmp_path, kills=3, seed=0)

    assert sum(len(trial.moments) for trial in trials) == 6
    assert [trial for trial in trials if not trial.identical] == []
