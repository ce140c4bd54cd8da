"""Checkpoints on a disk that fails, and in a process that is killed, while one is written."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mtrain.errors import MtrainError
from mtrain.run.checkpoint import read_checkpoint, read_checkpoint_arrays, save_checkpoint
from mtrain.run.directory import RunDirectory
from mtrain.run.selection import find_checkpoint, list_checkpoints, newest_whole, point_to

FILES = ("arrays.npz", "state.json", "SHA256SUMS")
GROUPS = ("model/", "optimizer/", "counts/")

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def arrays_of(path):
    with np.load(path / "arrays.npz") as file:
        return dict(file)


@pytest.fixture
def captured(finished_run):
    """The checkpoint of a finished run, after epoch 4."""
    return find_checkpoint(finished_run).path


@pytest.fixture
def old_run(captured, tmp_path):
    """A run whose checkpoints are those of epochs 2 and 3, with arrays of their own."""
    run = RunDirectory(tmp_path / "run")
    run.path.mkdir()
    save_earlier(run, captured, 2)
    save_earlier(run, captured, 3)
    return run


def save_earlier(run, captured, epoch):
    """A checkpoint as it might have been some epochs before `captured`."""
    checkpoint = read_checkpoint(captured)
    cursor = {**checkpoint.cursor, "epoch": epoch}
    earlier = replace(checkpoint, cursor=cursor, history=checkpoint.history.until(epoch), best=None)
    arrays = {
        name: array - 1 if "kernel" in name else array
        for name, array in arrays_of(captured).items()
    }
    name = save_checkpoint(run, earlier, arrays)
    point_to(run, best=name, last=name)


def content(path):
    return {name: (path / name).read_bytes() for name in FILES}


def strace(run, captured, *options):
    """Save `captured` into `run` under strace."""
    return subprocess.run(
        [
            *("strace", "-f", "-qq", *options),
            *(sys.executable, Path(__file__).with_name("save_state.py"), run.path, captured),
        ],
        capture_output=True,
        text=True,
        check=False,
        # One thread, and no file that Python writes for itself.
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )


def calls_of_a_save(old_run, captured, tmp_path):
    """How often an undisturbed save makes each system call."""
    run = RunDirectory(shutil.copytree(old_run.path, tmp_path / "counted"))
    names = "write,fsync,rename,mkdir,unlink,unlinkat,rmdir"
    log = tmp_path / "calls"
    done = strace(run, captured, "-e", f"trace={names}", "-o", str(log))
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^\d+ +(\w+)\(", log.read_text(), re.MULTILINE)
    return {name: found.count(name) for name in names.split(",")}


def check_what_loads(run, old, new):
    """The old state or the new one, to the bit, for whoever goes on and for whoever evaluates."""
    run.remove_leftovers()
    assert not [path for path in run.checkpoints.iterdir() if path.name.startswith(".")]
    newest = newest_whole(run)
    assert newest.damaged == ()
    assert content(newest.path) == (new if newest.path.name == "epoch-0004" else old)
    place = find_checkpoint(run.path)
    assert content(place.path) == (new if place.path.name == "epoch-0004" else old)


@needs_strace
@pytest.mark.slow
def test_a_save_killed_at_any_moment_leaves_the_old_state_or_the_new(old_run, captured, tmp_path):
    """SIGKILL instead of each call that changes the disk, one after the other."""
    calls = calls_of_a_save(old_run, captured, tmp_path)
    old, new = content(old_run.checkpoints / "epoch-0003"), content(captured)
    assert min(calls["write"], calls["fsync"], calls["rename"]) >= 5

    def kill(call, number):
        run = RunDirectory(shutil.copytree(old_run.path, tmp_path / f"{call}-{number}"))
        inject = f"inject={call}:signal=KILL:when={number}"
        done = strace(run, captured, "-e", inject, "-o", "/dev/null")
        assert done.returncode != 0
        check_what_loads(run, old, new)

    moments = [(call, n) for call, times in calls.items() for n in range(1, times + 1)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda moment: kill(*moment), moments))


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "words"),
    [("ENOSPC", "No space left on device"), ("EIO", "Input/output error")],
)
def test_a_disk_that_fails_is_reported_and_the_old_state_stays(
    old_run, captured, tmp_path, error, words
):
    """At each write, fsync and rename; a message with a path, no traceback, nothing half-written."""
    calls = calls_of_a_save(old_run, captured, tmp_path)
    old, new = content(old_run.checkpoints / "epoch-0003"), content(captured)

    def fail(call, number):
        run = RunDirectory(shutil.copytree(old_run.path, tmp_path / f"{call}-{number}"))
        done = strace(
            run, captured, "-e", f"inject={call}:error={error}:when={number}", "-o", "/dev/null"
        )
        assert done.returncode == 1
        assert re.fullmatch(
            rf"{re.escape(str(run.path))}/\S+: cannot be \w+: {words}\n", done.stderr
        )
        half_written = [path for path in run.path.rglob(".*") if path.suffix == ".tmp"]
        assert half_written == []
        check_what_loads(run, old, new)

    moments = [(c, n) for c in ("write", "fsync", "rename") for n in range(1, calls[c] + 1)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda moment: fail(*moment), moments))


def load(path):
    """Everything of a checkpoint, as a resumed training reads it."""
    checkpoint = read_checkpoint(path)
    shapes = {
        name: (array.dtype.name, array.shape)
        for name, array in arrays_of(path).items()
        if name.startswith(GROUPS)
    }
    return checkpoint, read_checkpoint_arrays(path, shapes, *GROUPS)


def test_no_flipped_bit_goes_unnoticed(captured, tmp_path):
    """1,000 of them, anywhere in a checkpoint's three files."""
    path = Path(shutil.copytree(captured, tmp_path / "checkpoints" / captured.name))
    whole = content(path)
    generator = random.Random(0)
    for _ in range(1000):
        name = generator.choice(FILES)
        damaged = bytearray(whole[name])
        damaged[generator.randrange(len(damaged))] ^= 1 << generator.randrange(8)
        (path / name).write_bytes(damaged)
        with pytest.raises(MtrainError, match=str(path)):
            read_checkpoint(path)
        (path / name).write_bytes(whole[name])
    load(path)


@pytest.mark.parametrize("name", FILES)
def test_no_cut_file_goes_unnoticed(old_run, captured, name):
    """At each 64th of its length; the checkpoint before it is used, and the damage said."""
    path = Path(shutil.copytree(captured, old_run.checkpoints / captured.name))
    whole = (path / name).read_bytes()
    for part in range(64):
        (path / name).write_bytes(whole[: len(whole) * part // 64])
        newest = newest_whole(old_run)
        assert newest.path.name == "epoch-0003"
        (message,) = newest.damaged
        assert message.startswith(str(path))
    (path / name).write_bytes(whole)
    assert newest_whole(old_run).path == path


def test_the_newest_checkpoint_is_that_of_the_latest_epoch(old_run):
    """Not that of the latest clock: one within epoch 3 is older than its end."""
    within = old_run.checkpoints / "epoch-0003-step-000040"
    shutil.copytree(old_run.checkpoints / "epoch-0002", within)
    os.utime(old_run.checkpoints / "epoch-0002", (2e9, 2e9))
    names = [path.name for path in list_checkpoints(old_run)]

    assert names == ["epoch-0003", "epoch-0003-step-000040", "epoch-0002"]


def test_an_older_checkpoint_is_preferred_whose_best_is_whole(old_run, captured):
    """The newest whole one of all would go on without its best."""
    checkpoint = replace(read_checkpoint(captured), best="epoch-0003")
    save_checkpoint(old_run, checkpoint, arrays_of(captured))
    assert newest_whole(old_run).path.name == "epoch-0004"
    (old_run.checkpoints / "epoch-0003" / "arrays.npz").write_bytes(b"")

    newest = newest_whole(old_run)
    assert newest.path.name == "epoch-0002"
    assert newest.best_is_whole
    shutil.rmtree(old_run.checkpoints / "epoch-0002")
    newest = newest_whole(old_run)
    assert newest.path.name == "epoch-0004"
    assert not newest.best_is_whole


def test_without_a_whole_checkpoint_nothing_is_thrown_away(old_run):
    """An error that names each of them, and says what to do."""
    for path in list_checkpoints(old_run):
        (path / "state.json").write_bytes(b"")
    with pytest.raises(MtrainError) as error:
        newest_whole(old_run)

    first, second, last = str(error.value).splitlines()
    assert "epoch-0003/state.json: damaged" in first
    assert "epoch-0002/state.json: damaged" in second
    assert "no checkpoint is whole, and nothing to go on from; train into another folder" in last


def test_a_checkpoint_moved_to_another_name_is_refused(old_run):
    """Its name says which epoch it is of."""
    path = (old_run.checkpoints / "epoch-0003").rename(old_run.checkpoints / "epoch-0007")

    with pytest.raises(MtrainError, match="it is epoch-0003"):
        read_checkpoint(path)


def test_a_checkpoint_that_cannot_be_read_is_passed_over(old_run, monkeypatch):
    """A bad sector is no reason to stop."""
    original = Path.open

    def opened(self, *arguments, **options):
        if self == old_run.checkpoints / "epoch-0003" / "arrays.npz":
            raise OSError(5, "Input/output error")
        return original(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", opened)
    newest = newest_whole(old_run)

    assert newest.path.name == "epoch-0002"
    assert newest.damaged == (
        f"{old_run.checkpoints / 'epoch-0003'}: cannot be read: Input/output error",
    )
