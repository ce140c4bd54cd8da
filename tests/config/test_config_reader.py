from __future__ import annotations

import math
import os
import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mtrain.config.catalog.writer import dump
from mtrain.config.loading.reader import parse, read_document
from mtrain.errors import UsageError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("-.inf", -math.inf),
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("0123", 123),
        ("0o17", 15),
        ("0x1F", 31),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2024-01-01", "2024-01-01"),
        ("true", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ('"null"', "null"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text, value):
    """YAML 1.1 would read `no` as false, `1:30` as ninety and `1e-3` as text."""
    assert parse(text, "x").data == value


def test_lines_of_keys_and_items_are_known():
    """The line of a setting is that of its key, of an item that of its value."""
    lines = parse("a:\n  b:\n    - 1\n    - 2\nc: 3\n", "x").lines

    assert lines["a",] == 1
    assert lines["a", "b"] == 2
    assert lines["a", "b", 1] == 4
    assert lines["c",] == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "x:3: a: set twice, first on line 1"),
        ("a: [1\n", "x:1: '[' is not closed"),
        ("a: !!python/object/apply:os.system [ls]\n", "x:1: the tag"),
        ("a: &x 1\nb: *x\n", "x:1: anchors and aliases are not supported"),
        ("a: 1\n---\nb: 2\n", "x:3: a second document"),
        ('a: "\\ud800"', "x:1: half of a surrogate pair is no text"),
        ("? [a]\n: 1\n", "x:1: a key must be text"),
        ("a: \x00\n", "x:1: the character U+0000 cannot stand in a config"),
        ("[" * 10_000, "x:1: nested more than 20 levels deep"),
    ],
)
def test_what_is_refused_is_said_with_its_line(text, message):
    """Nothing is run, nothing grows, and it takes hardly any time of the CPU."""
    started = time.thread_time()
    with pytest.raises(UsageError) as error:
        parse(text, "x")

    assert str(error.value).startswith(message)
    assert time.thread_time() - started < 1


def test_every_duplicate_key_is_named():
    """Two of them are two lines."""
    with pytest.raises(UsageError) as error:
        parse("a: 1\na: 2\nb: {c: 1, c: 2}\n", "x")

    assert str(error.value).splitlines() == [
        "x:2: a: set twice, first on line 1",
        "x:3: b.c: set twice, first on line 3",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"\xff\xfe\x00", "not UTF-8 text (byte 0)"),
        (b"a" * 1_000_001, "1,000,001 bytes is too large for a config"),
    ],
)
def test_files_that_are_no_config(tmp_path, content, message):
    """Missing, binary, huge."""
    path = tmp_path / "c.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as error:
        read_document(path)

    assert str(error.value) == f"{path}: {message}"


def test_a_folder_is_no_config(tmp_path):
    """And a FIFO neither: nothing waits for it."""
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo"):
        with pytest.raises(UsageError, match="not a file"):
            read_document(path)


def test_a_byte_order_mark_is_accepted(tmp_path):
    """Windows editors write one."""
    (tmp_path / "c.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\n")

    assert read_document(tmp_path / "c.yaml").data == {"a": 1}


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False)
    | st.text(st.characters(blacklist_categories=("Cs", "Cc"))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abc", min_size=1), PLAIN))
def test_what_is_written_is_read_back(data):
    """Whatever text looks like: `1e-3`, `no`, `0o7` and `~` keep their quotes."""
    assert parse(dump(data), "x").data == data


@given(st.sampled_from(["1e-3", "no", "0o7", "0x1f", "~", "", "1:30", ".5", "null", "- a", "1e5"]))
def test_text_stays_text_for_other_readers_too(text):
    """A YAML 1.1 reader gets the same text."""
    assert yaml.safe_load(dump({"a": text})) == {"a": text}
