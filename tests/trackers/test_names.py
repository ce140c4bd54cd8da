"""Names for trackers, and back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtrain.trackers.names import legal, original

NAMES = st.text(max_size=15) | st.text("_xA2F/ .", max_size=15)

MLFLOW = re.compile(r"[/\w.\- :]*")
"""What `mlflow.utils.validation` allows in the name of a metric."""


@given(NAMES)
def test_a_legal_name_leads_back_to_the_original(name):
    assert original(legal(name)) == name


@given(NAMES, NAMES)
def test_different_names_stay_different(one, other):
    assert (legal(one) == legal(other)) == (one == other)


@given(st.text())
def test_a_legal_name_is_one_part_of_a_path(name):
    escaped = legal(name)

    assert MLFLOW.fullmatch(escaped)
    assert len(escaped) <= 150
    assert "/" not in escaped
    assert escaped not in {".", ".."}


def test_a_long_name_is_cut_and_stays_different():
    names = ["a" * 200, "a" * 201, "/" * 40]

    assert [len(legal(name)) for name in names] == [150] * 3
    assert len({legal(name) for name in names}) == 3
    assert legal("a" * 150) == "a" * 150


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ankle boot", "Ankle boot"),
        ("é", "é"),
        ("a/b", "a_x2F_b"),
        ("100%", "100_x25_"),
        ("..", "_x2E__x2E_"),
        ("_x2F_", "_x5F_x2F_"),
        (" a ", "_x20_a_x20_"),
        ("line\nline", "line_xA_line"),
    ],
)
def test_what_mlflow_does_not_allow_is_its_code_point(name, expected):
    assert legal(name) == expected
