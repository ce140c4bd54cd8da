"""Checkpoints on a disk that fails, and in a process that is killed, while one is written."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from mtrain.errors import MtrainError
from mtrain.run.checkpoint import read_checkpoint, read_checkpoint_arrays, save_checkpoint
from mtrain.run.directory import RunDirectory
from mtrain.run.find_checkpoint import find_checkpoint, list_checkpoints, newest_whole, point_to

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
    cursor = replace(checkpoint.cursor, epoch=epoch)
    history = checkpoint.history.until(epoch)
    best = f"epoch-{epoch:04}"
    earlier = replace(checkpoint, cursor=cursor, history=history, best=best)
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
            *(sys.executable, ROOT / "tests" / "save_state.py", run.path, captured),
        ],
        capture_output=True,
        text=True,
        check=False,
        # One thread, and no file that Python writes for itself.
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )


@dataclass(frozen=True)
class Save:
    """Two more epochs of a run, saved by a recorder in a process of its own."""

    begun: RunDirectory
    """Has the checkpoints of epochs 1 and 2."""

    captured: Path
    """The checkpoint of a history of four epochs."""

    contents: dict[str, dict[str, bytes]]
    """What each checkpoint holds that may be there at any time, by name."""

    calls: dict[str, int]
    """How often an undisturbed save makes each system call."""

    best_is_last: bool


CALLS = "write,fsync,rename,mkdir,unlink,unlinkat,rmdir"


@pytest.fixture(params=[0.7, 0.85], ids=["best is last", "best is not last"])
def save(request, captured, tmp_path):
    """Epoch 3 is better than those before it; epoch 4 is better still, or is not."""
    history = read_checkpoint(captured).history
    losses = [1.0, 0.9, 0.8, request.param]
    history = replace(history, scalars={**history.scalars, "val_loss": losses})
    checkpoint = replace(read_checkpoint(captured), history=history)
    source = RunDirectory(tmp_path / "source")
    source.path.mkdir()
    captured = source.checkpoints / save_checkpoint(source, checkpoint, arrays_of(captured))
    begun = RunDirectory(tmp_path / "begun")
    begun.path.mkdir()
    save_earlier(begun, captured, 1)
    save_earlier(begun, captured, 2)

    run = RunDirectory(shutil.copytree(begun.path, tmp_path / "undisturbed"))
    log = tmp_path / "calls"
    done = strace(run, captured, "-e", f"trace={CALLS}", "-o", str(log))
    assert done.returncode == 0, done.stderr
    assert (run.checkpoints / "last").read_text() == "epoch-0004\n"
    best = "epoch-0004" if request.param < losses[2] else "epoch-0003"
    assert (run.checkpoints / "best").read_text() == f"{best}\n"
    contents = {
        path.name: content(path) for kept in (begun, run) for path in list_checkpoints(kept)
    }
    assert sorted(contents) == sorted({"epoch-0001", "epoch-0002", best, "epoch-0004"})
    made = re.findall(r"^\d+ +(\w+)\(", log.read_text(), re.MULTILINE)
    calls = {name: made.count(name) for name in CALLS.split(",")}
    return Save(begun, captured, contents, calls, best_is_last=best == "epoch-0004")


def check_what_loads(run, contents):
    """A whole checkpoint, to the bit, for whoever resumes and for whoever evaluates."""
    run.remove_leftovers()
    assert not [path for path in run.checkpoints.iterdir() if path.name.startswith(".")]
    newest = newest_whole(run)
    assert newest.damaged == ()
    assert newest.best_is_whole
    assert newest.path.name >= "epoch-0002"
    assert content(newest.path) == contents[newest.path.name]
    place = find_checkpoint(run.path)
    assert place.path.name >= "epoch-0002"
    assert content(place.path) == contents[place.path.name]


@needs_strace
@pytest.mark.slow
def test_a_save_killed_at_any_moment_leaves_the_old_state_or_the_new(save, tmp_path):
    """SIGKILL instead of each call that changes the disk, one after the other."""
    assert min(save.calls["write"], save.calls["fsync"], save.calls["rename"]) >= 5

    def kill(call, number):
        run = RunDirectory(shutil.copytree(save.begun.path, tmp_path / f"{call}-{number}"))
        inject = f"inject={call}:signal=KILL:when={number}"
        done = strace(run, save.captured, "-e", inject, "-o", "/dev/null")
        assert done.returncode != 0
        check_what_loads(run, save.contents)

    # All of them if the best is not the last: then a save has more to write.
    step = 3 if save.best_is_last else 1
    moments = [(call, n) for call, times in save.calls.items() for n in range(1, times + 1, step)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda moment: kill(*moment), moments))


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "words"),
    [("ENOSPC", "No space left on device"), ("EIO", "Input/output error")],
)
def test_a_disk_that_fails_is_reported_and_the_old_state_stays(save, tmp_path, error, words):
    """At each write, fsync and rename; a message with a path, no traceback, nothing half-written.

    A full disk at each of them, if the best is not the last; all else is tried at some.
    """

    def fail(call, number):
        run = RunDirectory(shutil.copytree(save.begun.path, tmp_path / f"{call}-{number}"))
        inject = f"inject={call}:error={error}:when={number}"
        done = strace(run, save.captured, "-e", inject, "-o", "/dev/null")
        assert done.returncode == 1
        assert re.fullmatch(
            rf"{re.escape(str(run.path))}/\S+: cannot be \w+: {words}\n", done.stderr
        )
        half_written = [path for path in run.path.rglob(".*") if path.suffix == ".tmp"]
        assert half_written == []
        check_what_loads(run, save.contents)

    step = 1 if error == "ENOSPC" and not save.best_is_last else 4
    moments = [
        (call, number)
        for call in ("write", "fsync", "rename")
        for number in range(1, save.calls[call] + 1, step)
    ]
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
    assert (
        "no checkpoint is whole, so there is nothing to resume; train into another folder" in last
    )


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
        f"{old_run.checkpoints / 'epoch-0003' / 'arrays.npz'}: cannot be read: Input/output error",
    )
