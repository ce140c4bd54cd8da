"""Archives of arrays that are not those of their config."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hostile_arrays import ARRAYS, GOOD_HEADER, bomb, npy_saying, replace_arrays
from hypothesis import given
from hypothesis import strategies as st
from strangers import (
    MARKER,
    Case,
    change_state,
    check_refused,
    checkpoint_of,
    content_of,
    many_examples,
    members_of,
    npy,
    put,
    sign,
    tried,
    zipped,
)

from mtrain.cli.main import run as mtrain
from mtrain.run.checkpoint import read_checkpoint_arrays

CASES = {
    f"arrays/{name}": Case(
        lambda run, outside, a=archive: replace_arrays(run, outside, a, "model/hidden_1/bias"),
        archive.says,
        ("CHECKPOINT",),
    )
    for name, archive in ARRAYS.items()
}


@pytest.fixture(scope="module")
def answers(ask):
    """To all that is to be refused."""
    return ask(CASES)


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_that_are_not_those_of_the_config_are_refused(answers, name):
    """By what reads them, once TensorFlow is loaded and says what they must be."""
    check_refused(answers[f"arrays/{name}"], CASES[f"arrays/{name}"])


def test_the_bomb_is_one(tmp_path):
    """Two gigabytes for whoever reads all of its member, which is two megabytes."""
    content = bomb("x.npy")
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with zipfile.ZipFile(path) as file:
        assert len(content) < 3_000_000
        assert file.getinfo("x.npy").file_size == 2**31
        with file.open("x.npy") as member:
            assert member.read(10_000_000) == bytes(10_000_000)


# --- Where TensorFlow is loaded before there is an answer


@pytest.mark.parametrize(
    "name",
    [
        "pickled_objects",
        "another_shape",
        "nan",
        "more_members",
        "two_gigabytes_of_zeros",
        "encrypted",
    ],
)
def test_evaluate_says_what_is_wrong_with_the_weights(
    small_run, tmp_path, monkeypatch, capsys, name
):
    """Status 1, one line, nothing written, no payload run."""
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    archive = ARRAYS[name]
    replace_arrays(run, tmp_path, archive, "model/hidden_1/bias")
    before = content_of(run)
    monkeypatch.chdir(tmp_path)

    assert mtrain(["evaluate", str(run)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert archive.hidden != 64 or archive.says in said.err
    assert content_of(run) == before
    assert not Path(MARKER).exists()


@pytest.mark.parametrize("n_classes", [2, 3, 11])
def test_a_model_of_other_classes_than_the_data_is_refused(small_run, tmp_path, capsys, n_classes):
    """Its arrays fit its own state, and the labels of the data do not."""
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    outputs = 1 if n_classes == 2 else n_classes
    path = checkpoint_of(run) / "arrays.npz"
    output = {
        "model/output/kernel.npy": npy(np.zeros((64, outputs), np.float32)),
        "model/output/bias.npy": npy(np.zeros(outputs, np.float32)),
    }
    for split in ("train", "val"):
        for count in ("tp", "fp", "fn"):
            ones = npy(np.ones((4, n_classes), np.int64))
            output[f"history/counts/{split}/{count}.npy"] = ones
    members = {k: v for k, v in members_of(path).items() if not k.startswith("history/per_class")}
    path.write_bytes(zipped(*{**members, **output}.items()))
    names = [f"c{k}" for k in range(n_classes)]
    change_state(run, put(classes=names, history__per_class={}))
    status, message = mtrain(["evaluate", str(run)]), capsys.readouterr().err
    assert status in {1, 2}
    assert "classes" in message


def test_weights_whose_outputs_are_not_finite_are_refused(small_run, tmp_path, capsys):
    """Each is finite; the sums are not, and NaN is no probability."""
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    path = checkpoint_of(run) / "arrays.npz"
    members = members_of(path)
    for name in [name for name in members if name.startswith("model/")]:
        with np.load(path) as arrays:
            members[name] = npy(np.full_like(arrays[name.removesuffix(".npy")], 3e38))
    path.write_bytes(zipped(*members.items()))
    sign(path.parent)

    assert mtrain(["evaluate", str(run)]) in {1, 4}
    assert "finite" in capsys.readouterr().err


@many_examples
@given(data=st.data())
def test_whatever_a_header_says_the_array_is_read_or_refused(scratch, data):
    """Characters left out, put in or exchanged; no warning either."""
    header = list(GOOD_HEADER)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(header) - 1))
        new = data.draw(st.sampled_from([*"()[]{}'\",:\\\n L0x1Of<>-+*.#\t\0\xff", ""]))
        header[at : at + data.draw(st.integers(0, 1))] = new
    path = scratch / "arrays.npz"
    path.write_bytes(zipped(("model/a.npy", npy_saying("".join(header)))))
    shapes = {"model/a": ("float32", (64,))}
    arrays, refusal = tried(read_checkpoint_arrays, scratch, shapes, "model/")
    assert not arrays["model/a"].any() if arrays else refusal.startswith(f"{path}: ")
