"""XLA's compiled loops, kept for later processes: the same bits, and never a reason to fail."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shlex
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import tensorflow as tf

from mtrain.engine import compilation_cache
from mtrain.engine.compilation_cache import (
    GPUS,
    LEVEL,
    LOCK,
    VARIABLE,
    WORKING,
    _hash,
    _remove_old,
    compiled_anew_if_refused,
    kept_compilations,
)
from mtrain.errors import MtrainError
from mtrain.run.directory import RunDirectory
from mtrain.run.find_checkpoint import list_checkpoints

# 200 rows in batches of 16: the last batch is a loop of its own.
CONFIG = """
dataset: {name: digits, samples: 200}
model: {hidden: [16, 16], dropout: 0.3, batch_norm: true}
optimizer: {name: adamw, learning_rate: 0.01}
training: {epochs: 2, batch_size: 16, class_weight: balanced}
diagnostics: [gradients]
"""


PROCESSOR_IS_KNOWN = Path("/proc/cpuinfo").exists()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of the cache, as a process of mtrain's own uses it."""
    if not PROCESSOR_IS_KNOWN:
        pytest.skip("nothing is kept for a processor that is not known")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv(LEVEL, raising=False)
    monkeypatch.setattr(compilation_cache, "owns_process", lambda: True)
    monkeypatch.setattr(compilation_cache, "GPUS", ())
    return tmp_path / "mtrain" / "xla"


def folder_for_tensorflow():
    """The folder that TensorFlow is told; None: there is none."""
    flags = shlex.split(os.environ.get(VARIABLE, ""))  # which reads quotes as TensorFlow does
    folders = [flag.partition("directory=")[2] for flag in flags if "directory=" in flag]
    return Path(folders[0]) if folders else None


def compile_once(*names, threads=1):
    """Stands for a process in which TensorFlow compiles loops; returns what it found before."""
    with kept_compilations(threads):
        folder = folder_for_tensorflow()
        found = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != LOCK}
        for name in names:
            (folder / name).write_bytes(name.encode() * 100)
    return found


def files(cache):
    return sorted(path for path in cache.rglob("*") if path.is_file())


def ended_process():
    """A number that no process has any more."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


@contextmanager
def holding(folder):
    """A process that holds the lock of a folder."""
    script = "import sys; from pathlib import Path; from mtrain.engine import compilation_cache\n"
    script += (
        "with compilation_cache._locked(Path(sys.argv[1])): print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process


needs_a_cache = pytest.mark.skipif(
    not PROCESSOR_IS_KNOWN or any(map(os.path.exists, GPUS)),
    reason="nothing is kept beside a GPU, or for a processor that is not known",
)


@pytest.fixture
def train(tmp_path):
    """Trains in a process with this home of caches, which says nothing; returns the last weights."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    environment = {name: os.environ[name] for name in os.environ.keys() - {VARIABLE, LEVEL}}

    def train(out, home):
        done = subprocess.run(
            [sys.executable, "-m", "mtrain", "fit", "config.yaml", "--quiet", "--out", out],
            cwd=tmp_path,
            env=environment | {"XDG_CACHE_HOME": str(home)},
            check=False,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        newest = list_checkpoints(RunDirectory(tmp_path / out))[0]
        return (newest / "arrays.npz").read_bytes()

    return train


@needs_a_cache
def test_a_kept_loop_trains_the_same_bits(tmp_path, train):
    """Without a cache, with an empty one, with what that run kept, and with a damaged file.

    The folder's name has what ends a flag of TensorFlow's, unless it is quoted. Nothing is printed.
    """
    home = tmp_path / "the \"cache\" of \\ a 'user'"
    cache = home / "mtrain/xla"
    expected = train("without", os.devnull)
    assert train("empty", home) == expected
    kept = {path: path.stat().st_mtime_ns for path in files(cache)}
    assert len(kept) >= 2

    assert train("kept", home) == expected
    assert {path: path.stat().st_mtime_ns for path in files(cache)} == kept  # nothing anew

    damaged = max(kept, key=lambda path: path.stat().st_size)
    damaged.write_bytes(damaged.read_bytes()[:-1000])
    assert train("damaged", home) == expected
    assert all(path.name.endswith(_hash(path)) for path in files(cache))


@needs_a_cache
@pytest.mark.slow
def test_a_file_that_tensorflow_refuses_is_compiled_anew(tmp_path, train):
    """Its hash is right: the first computation, the loop, and that of the last, ragged batch.

    The run that meets it has the same bits, and keeps nothing; the next one finds no file, and keeps all.
    """
    cache = tmp_path / "home" / "mtrain" / "xla"
    expected = train("first", tmp_path / "home")
    whole = files(cache)
    contents = [path.read_bytes() for path in whole]
    names = [path.name.rpartition(".")[0] for path in whole]
    assert len(names) == 3

    for refused, name, content in zip(whole, names, contents, strict=True):
        for path, its in zip(whole, contents, strict=True):
            path.write_bytes(its)
        refused.unlink()
        part = content[:2000]
        refused.with_name(f"{name}.{hashlib.sha256(part).hexdigest()}").write_bytes(part)
        assert train(f"refused-{name}", tmp_path / "home") == expected
        assert files(cache) == []
    assert train("anew", tmp_path / "home") == expected
    assert [path.name.rpartition(".")[0] for path in files(cache)] == names


@pytest.mark.parametrize(
    "error", [tf.errors.DataLossError(None, None, "short"), MtrainError("loss.py:3: DataLossError")]
)
def test_kept_files_are_thrown_away_once(cache, error):
    """Also if custom code is tried; an error without them is one of the training."""

    def fail():
        raise error

    compile_once("first", "second")
    with kept_compilations(1):
        assert compiled_anew_if_refused(fail, lambda: "anew") == "anew"
        assert [path.name for path in folder_for_tensorflow().iterdir()] == [LOCK]
        (folder_for_tensorflow() / "third").write_bytes(b"named otherwise")
        with pytest.raises(type(error)):
            compiled_anew_if_refused(fail, lambda: "anew")
    assert files(cache) == []
    with pytest.raises(type(error)):
        compiled_anew_if_refused(fail, lambda: "anew")


def test_what_one_process_compiles_the_next_one_finds(cache):
    """With the same number of threads; the variable of the environment is as before."""
    assert compile_once("first", "second") == {}
    assert compile_once("third") == {"first": b"first" * 100, "second": b"second" * 100}
    assert len(compile_once()) == 3
    assert compile_once(threads=2) == {}
    assert VARIABLE not in os.environ
    assert not list(cache.glob(f"{WORKING}*"))


def test_errors_that_tensorflow_prints_of_each_file_are_held_back(cache, monkeypatch):
    """For who has asked for no level of messages; what this process starts afterwards has its own."""
    with kept_compilations(1):
        assert os.environ[LEVEL] == "3"
    assert LEVEL not in os.environ

    monkeypatch.setenv(LEVEL, "1")
    with kept_compilations(1):
        assert folder_for_tensorflow() is not None
        assert os.environ[LEVEL] == "1"
    assert os.environ[LEVEL] == "1"


def test_after_an_error_nothing_is_kept(cache):
    """The disk may have been full, and a file half written, whose hash would be that of the half."""

    def fill_the_disk():
        with kept_compilations(1):
            (folder_for_tensorflow() / "half").write_bytes(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fill_the_disk()
    assert compile_once() == {}
    assert VARIABLE not in os.environ
    assert not list(cache.glob(f"{WORKING}*"))


def test_flags_of_the_user_stay_and_have_a_cache_of_their_own(cache, monkeypatch):
    """They decide what XLA makes."""
    compile_once("first")
    monkeypatch.setenv(VARIABLE, "--tf_xla_clustering_debug")
    with kept_compilations(1):
        assert os.environ[VARIABLE].startswith("--tf_xla_clustering_debug --tf_xla_persistent")
        assert [path.name for path in folder_for_tensorflow().iterdir()] == [LOCK]
    assert os.environ[VARIABLE] == "--tf_xla_clustering_debug"


@pytest.mark.parametrize("variable", [VARIABLE, "XLA_FLAGS"])
def test_flags_in_a_file_are_left_as_they_are(cache, tmp_path, monkeypatch, variable):
    """TensorFlow would read no file any more if a flag stood beside its name."""
    monkeypatch.setenv(variable, f" {tmp_path / 'flags'}")
    with kept_compilations(1):
        assert os.environ[variable] == f" {tmp_path / 'flags'}"
        assert folder_for_tensorflow() is None
    assert not files(cache)


@pytest.mark.parametrize("content", [b"", b"another program"])
def test_a_changed_file_is_removed(cache, content):
    compile_once("first", "second")
    files(cache)[0].write_bytes(content)

    assert compile_once() == {"second": b"second" * 100}
    assert len(files(cache)) == 1


def test_what_is_no_file_is_left_alone(cache, tmp_path):
    """A link, a folder, and a pipe, which would be waited for."""
    compile_once("first")
    kept = files(cache)[0].parent
    (tmp_path / "elsewhere").write_bytes(b"second")
    os.mkfifo(kept / f"pipe.{'0' * 64}")
    (kept / f"folder.{'0' * 64}").mkdir()
    (kept / f"second.{hashlib.sha256(b'second').hexdigest()}").symlink_to(tmp_path / "elsewhere")
    assert compile_once() == {"first": b"first" * 100}


def test_a_folder_that_others_may_write_to_is_not_trusted(cache):
    """What is in it would be run as machine code."""
    compile_once("first")
    cache.chmod(0o777)
    with kept_compilations(1):
        assert folder_for_tensorflow() is None


def test_a_link_in_place_of_the_folder_is_not_followed(cache, tmp_path):
    cache.parent.mkdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    cache.symlink_to(tmp_path / "elsewhere")
    with kept_compilations(1):
        assert folder_for_tensorflow() is None


def test_on_a_nearly_full_disk_nothing_is_kept(cache, monkeypatch):
    """TensorFlow would end the training when it cannot write."""
    monkeypatch.setattr(compilation_cache, "FREE_BYTES", 1 << 70)
    with kept_compilations(1):
        assert folder_for_tensorflow() is None


def test_beside_a_gpu_nothing_is_kept(cache, monkeypatch):
    monkeypatch.setattr(compilation_cache, "GPUS", (os.devnull,))
    with kept_compilations(1):
        assert folder_for_tensorflow() is None


def test_the_oldest_files_are_removed_above_the_size(cache, monkeypatch):
    """Whichever number of threads, or version, they are for."""
    compile_once("oldest", threads=2)
    os.utime(files(cache)[0], (0, 0))
    compile_once("middle")
    os.utime(next(path for path in files(cache) if path.name.startswith("middle")), (1, 1))
    monkeypatch.setattr(compilation_cache, "MOST_BYTES", 1_300)
    compile_once("newest")

    assert [path.name.partition(".")[0] for path in files(cache)] == ["middle", "newest"]


def test_folders_of_killed_processes_are_removed(cache):
    """Those of processes that run are not, whichever machine or container they run in."""
    compile_once("first")
    folder = cache / f"{WORKING}{ended_process()}-abc"  # the number says nothing
    folder.mkdir()
    with holding(folder) as holder:
        compile_once("second")
        assert folder.is_dir()
        holder.kill()
    compile_once("third")

    assert not list(cache.glob(f"{WORKING}*"))


def test_where_there_are_no_locks_nothing_is_kept_or_removed(cache, monkeypatch):
    """As on some network file systems: no process could tell which folders are abandoned."""

    def fail(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    compile_once("first")
    abandoned = cache / f"{WORKING}abc"
    abandoned.mkdir()
    monkeypatch.setattr(fcntl, "flock", fail)
    with kept_compilations(1):
        assert folder_for_tensorflow() is None
    _remove_old(cache)

    assert list(cache.glob(f"{WORKING}*")) == [abandoned]
