"""Configs that are no plain data."""

from __future__ import annotations

import pickle
import random
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from strangers import MARKER, Case, Payload, check_refused, many_examples, tried

from mtrain.config.loading.reader import parse

if TYPE_CHECKING:
    from collections.abc import Callable


# --- What config.yaml says


def written(content: bytes | str) -> Callable[[Path, Path], object]:
    encoded = content.encode() if isinstance(content, str) else content
    return lambda run, _: (run / "config.yaml").write_bytes(encoded)


def of_100_megabytes(run: Path, _: Path) -> None:
    with (run / "config.yaml").open("r+b") as file:
        file.truncate(100_000_000)


CONFIGS = {
    "a_tag_that_runs_code": (
        written(f"name: !!python/object/apply:os.mkdir [{MARKER}]\n"),
        "config.yaml:1: the tag 'tag:yaml.org,2002:python/object/apply:os.mkdir' is not supported",
    ),
    "a_tag_by_another_name": (
        written(
            f"%TAG ! tag:yaml.org,2002:python/\n---\nname: !object/apply:os.mkdir [{MARKER}]\n"
        ),
        "config.yaml:3: the tag",
    ),
    "a_bomb_of_aliases": (
        written(
            "a: &a [x, x, x, x, x, x, x, x, x]\n"
            + "".join(
                f"{b}: &{b} [{', '.join(9 * [f'*{a}'])}]\n"
                for a, b in zip("abcdefgh", "bcdefghi", strict=True)
            )
        ),
        "config.yaml:1: anchors and aliases are not supported",
    ),
    "an_alias_of_itself": (written("a: &a [*a]\n"), "config.yaml:1: anchors and aliases"),
    "an_alias_of_nothing": (written("a: *b\n"), "config.yaml:1: anchors and aliases"),
    "merged_into_itself": (written("a: &a\n  <<: *a\n"), "config.yaml:1: anchors and aliases"),
    "10000_levels": (written(10_000 * "["), "config.yaml:1: nested more than 20 levels deep"),
    "10000_levels_of_mappings": (written("a: {" + 9_999 * "a: {"), "nested more than 20 levels"),
    "10000_levels_of_keys": (written(10_000 * "? "), "config.yaml:1: a key must be text"),
    "100_megabytes": (of_100_megabytes, "100,000,000 bytes is too large for a config"),
    "utf_16": (written("name: x\n".encode("utf-16")), "config.yaml: not UTF-8 text (byte 0)"),
    "binary": (written(random.Random(0).randbytes(10_000)), "config.yaml: not UTF-8 text"),
    "zeros": (written(bytes(1000)), "config.yaml:1: the character U+0000 cannot"),
    "a_pickle": (written(pickle.dumps(Payload())), "config.yaml: not UTF-8 text (byte 0)"),
    "nothing": (written(b""), "config.yaml: is empty"),
    "no_mapping": (written("[a, b]"), "config.yaml: must be a mapping of settings"),
    "two_documents": (written("name: x\n---\nname: y\n"), "config.yaml:3: a second document"),
    "a_character_beyond_unicode": (written(r'name: "\UFFFFFFFF"'), "config.yaml"),
    "a_version_of_5000_digits": (written(f"%YAML 1.{5000 * '9'}\n---\nname: x\n"), "config.yaml"),
    "a_number_of_5000_digits": (written(f"seed: {5000 * '9'}\n"), "config.yaml:1: seed: "),
    "a_number_of_4000_hex_digits": (written(f"seed: 0x{4000 * 'f'}\n"), "config.yaml:1: seed: "),
    "a_key_9000_times": (written(9_000 * "a: 1\n"), "config.yaml:2: a: set twice"),
    "a_key_15000_times": (written(15_000 * "a: 1\n"), "config.yaml:10000: more than 10,000 values"),
    "9000_unknown_settings": (
        written("".join(f"k{n}: 1\n" for n in range(9_000))),
        "unknown setting",
    ),
    "a_list_of_40000_numbers": (
        written(f"model: {{hidden: [{40_000 * '1,'}]}}\n"),
        "config.yaml:1: more than 10,000 values",
    ),
    "a_megabyte": (written(f"model: {{hidden: [{490_000 * '1,'}]}}\n"), "too large for a config"),
}


CASES = {
    f"config/{name}": Case(make, says, ("resume", "RUN"), status=2)
    for name, (make, says) in CONFIGS.items()
}


@pytest.fixture(scope="module")
def answers(ask):
    """To all that is to be refused."""
    return ask(CASES)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_that_is_no_plain_data_is_refused(answers, name):
    """By `resume`, which reads that of the run."""
    check_refused(answers[f"config/{name}"], CASES[f"config/{name}"])


def test_the_payloads_would_run(tmp_path, monkeypatch):
    """For whoever loads them as they ask to be."""
    monkeypatch.chdir(tmp_path)
    config, _ = CONFIGS["a_tag_that_runs_code"]
    config(tmp_path, tmp_path)
    np.save("x.npy", np.array([Payload()], object), allow_pickle=True)
    for load in (
        lambda: yaml.unsafe_load((tmp_path / "config.yaml").read_text()),
        lambda: np.load("x.npy", allow_pickle=True),
    ):
        load()
        Path(MARKER).rmdir()


FRAGMENTS = st.lists(
    st.sampled_from([*"[]{}:,-?&*!|>'\"%@`#\n\t \\xuU0f~é\u2028\x85\0", r"\U", "!!", "%YAML 1."])
    | st.sampled_from(["%TAG ! ", "---\n", "...\n", "0x", r'"\ud800"', "&a ", "*a", "<<: ", "a: "])
    | st.sampled_from([r'"\UFFFFFFFF"', r'"\U00110000"', 5000 * "9", 30 * "[", "!<%ff> "]),
    max_size=30,
).map("".join)


@many_examples
@given(text=st.text() | FRAGMENTS)
def test_whatever_text_a_config_is_it_is_parsed_or_refused(text):
    """Nothing else is raised, whatever PyYAML meets."""
    document, refusal = tried(parse, text, "x")
    assert document.data is None or () in document.lines if document else refusal.startswith("x:")
