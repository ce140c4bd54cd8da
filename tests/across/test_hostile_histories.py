"""Histories that no training wrote."""

from __future__ import annotations

import json
import pickle
import random
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hostile_json import CHANGES, JSON, STATES, altered, as_text
from hypothesis import given
from hypothesis import strategies as st
from strangers import Case, Payload, change_json, check_refused, many_examples, put, tried

from mtrain.errors import MtrainError
from mtrain.run.history import HistoryFile, read_history

if TYPE_CHECKING:
    from collections.abc import Callable

# --- What history.json says


HISTORIES = {
    "cut_short": (lambda history: json.dumps(history)[:-200], "not JSON as mtrain writes it"),
    "nothing": (lambda _: "", "not JSON as mtrain writes it"),
    "nan": (as_text('"epoch": [1', '"epoch": [NaN'), "NaN is no number in JSON"),
    "a_key_twice": (as_text('"schema": 1', '"schema": 1, "schema": 1'), "'schema' stands twice"),
    "the_last_of_50000_keys_twice": (STATES["the_last_of_50000_keys_twice"][0], "stands twice"),
    "100000_levels": (lambda _: 100_000 * "[", "not JSON as mtrain writes it"),
    "five_million_lists": (
        lambda _: f'{{"schema": 1, "run": "x", "classes": [{5_000_000 * "[],"}1]}}',
        "history.json: not ",
    ),
    "100000_levels_of_mappings": (lambda _: 100_000 * '{"a":', "not JSON as mtrain writes it"),
    "100000_levels_inside": (
        as_text('"schema": 1', f'"run": {100_000 * "["}{100_000 * "]"}, "schema": 1'),
        "not JSON as mtrain writes it",
    ),
    "binary": (lambda _: random.Random(0).randbytes(1000), "not JSON as mtrain writes it"),
    "a_pickle": (lambda _: pickle.dumps(Payload()), "not JSON as mtrain writes it"),
    "no_mapping": (lambda _: "[]", "not a mapping"),
    "another_schema": (put(schema="1"), "its schema is '1', this mtrain reads 1"),
    "numbers_of_5000_digits": (as_text('"schema": 1', f'"schema": {5000 * "1"}'), "not JSON"),
    "numbers_beyond_any_float": (put(history__loss=[10**400] * 4), "history.json: not "),
    "numbers_beyond_any_axis": (put(history__loss=[1e300] * 4), "too large to be a figure"),
    "negative_counts": (
        lambda history: history["counts"]["val"].update(tp=[10 * [-5]] * 4),
        "not a history",
    ),
    "no_epoch": (
        lambda _: {
            "schema": 1,
            "run": "x",
            "classes": ["a", "b"],
            "epoch": [],
            "seconds": [],
            "history": {},
            "counts": {},
            "per_class": {},
            "segments": [],
        },
        "holds no epoch yet, there is nothing to draw",
    ),
}


def history_case(change: Callable[[Any], Any], says: str) -> Case:
    return Case(lambda run, _: change_json(run / "history.json", change), says, ("plot", "RUN"))


CASES = {
    f"history/{name}": history_case(change, says) for name, (change, says) in HISTORIES.items()
}


@pytest.fixture(scope="module")
def answers(ask):
    """To all that is to be refused."""
    return ask(CASES)


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_that_is_none_is_refused(answers, name):
    """By `plot`."""
    check_refused(answers[f"history/{name}"], CASES[f"history/{name}"])


# --- Histories that can be drawn


@pytest.mark.parametrize("key", ["schema", "classes", "epoch", "seconds", "history", "counts"])
@pytest.mark.parametrize(
    "value",
    [
        None,
        2,
        1.5,
        "x",
        [],
        {},
        [[]],
        [None],
        ["1", "2", "3", "4"],
        [True] * 4,
        {"a": 1},
        {"a": []},
    ],
    ids=json.dumps,
)
def test_a_history_of_wrong_types_is_refused(small_run, tmp_path, key, value):
    """At the top."""
    path = tmp_path / "history.json"
    shutil.copy(small_run / "history.json", path)
    change_json(path, put(**{key: value}))
    with pytest.raises(MtrainError, match="not a history as mtrain writes it"):
        read_history(path)


@pytest.mark.parametrize("where", ["seconds", "history__loss"])
@pytest.mark.parametrize("value", ["1", True, [1.0], {}], ids=json.dumps)
def test_a_figure_that_is_no_number_is_refused(small_run, tmp_path, where, value):
    """Text that looks like one included."""
    path = tmp_path / "history.json"
    shutil.copy(small_run / "history.json", path)
    change_json(path, put(**{where: 4 * [value]}))
    with pytest.raises(MtrainError, match="not a history as mtrain writes it"):
        read_history(path)


def test_a_run_of_a_long_name_is_drawn(ask):
    """No chart grows with it."""
    answer = ask({"x": history_case(put(run=255 * "x"), "")})["x"]

    assert answer.said["status"] == 0, answer.said["stderr"][-300:]
    assert answer.said["stderr"] == ""


@many_examples
@given(
    content=st.binary()
    | st.text().map(str.encode)
    | JSON.map(lambda data: json.dumps(data).encode())
)
def test_whatever_is_in_a_history_it_is_read_or_refused(scratch, content):
    """Bytes, text, JSON."""
    path = scratch / "history.json"
    path.write_bytes(content)
    with pytest.raises(MtrainError):
        read_history(path)


@many_examples
@given(changes=CHANGES)
def test_whatever_is_changed_in_a_history_it_is_read_or_refused(scratch, small_run, changes):
    """And what is read can be written, and read again as the same."""
    path = scratch / "history.json"
    history = json.loads((small_run / "history.json").read_text())
    path.write_text(json.dumps(altered(history, changes)))
    history, refusal = tried(read_history, path)
    if history is None:
        assert refusal.startswith(f"{path}: not ")
    else:
        HistoryFile(history, path).write(flush=False)
        again = read_history(path)
        assert (again.epoch, again.classes) == (history.epoch, history.classes)
