from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from waiting import HANGS, wait_until, watched

from mtrain.cli.main import run
from mtrain.run.directory import WRITER, RunDirectory
from mtrain.run.find_checkpoint import list_checkpoints

BIN = Path(sys.executable).parent

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")

CONFIG = """
dataset: {name: digits}
model: {hidden: 16, dropout: 0.2}
training: {epochs: 2, batch_size: 600}
"""

LONG = """
dataset: {name: digits}
model: {hidden: 32, dropout: 0.2}
training: {epochs: 40, batch_size: 4}
checkpoint: {every_seconds: 0.5}
"""


@pytest.fixture(scope="module")
def settings():
    """Variables of a Ray that no other on this machine shares: its token, its folder."""
    # Neither below the tests' folder nor below that of this process: the path of a socket is at most 107 bytes long.
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir=os.environ.get("TMPDIR", "/tmp")))
    yield {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_TMPDIR": str(folder),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def address(settings):
    """That of a real Ray with two CPUs, which runs for the tests of this module."""
    host, port, client_port = "127.0.0.1", free_port(), free_port()
    command = [BIN / "ray", "start", "--head", "--block", "--num-cpus", "2"]
    command += ["--node-ip-address", host, "--port", str(port), "--include-dashboard", "false"]
    command += ["--ray-client-server-port", str(client_port), "--temp-dir", settings["RAY_TMPDIR"]]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | settings
    )
    try:
        assert wait_until(lambda: answers(host, port), process)
        yield f"{host}:{port}"
    finally:
        process.terminate()  # which ends what it has started, too
        process.wait(HANGS)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def answers(host, port):
    with socket.socket() as one:
        return one.connect_ex((host, port)) == 0


def command(*arguments):
    return [str(BIN / "mtrain"), *map(str, arguments)]


def mtrain(settings, *arguments):
    """The result of a command that ends well."""
    done = subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
        env=os.environ | settings,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def long(tmp_path):
    path = tmp_path / "long.yaml"
    path.write_text(LONG)
    return path


def assert_same(run, other):
    """Weights and all else in the last checkpoint, history and metrics are equal to the last bit."""
    last, others = (list_checkpoints(RunDirectory(path))[0] for path in (run, other))
    with np.load(last / "arrays.npz") as arrays, np.load(others / "arrays.npz") as expected:
        assert arrays.files == expected.files
        for name in arrays.files:
            np.testing.assert_array_equal(arrays[name], expected[name], err_msg=name)
    histories = [json.loads((path / "history.json").read_text()) for path in (run, other)]
    for history in histories:
        del history["run"], history["seconds"], history["segments"]
    assert histories[0] == histories[1]
    for split in ("test", "val"):
        metrics = Path("evaluation") / split / "metrics.json"
        if (other / metrics).exists():
            assert (run / metrics).read_text() == (other / metrics).read_text()


def members_of(sweep):
    return {one["member"]: one for one in json.loads((sweep / "sweep.json").read_text())["members"]}


@needs_ray
@pytest.mark.slow
def test_members_on_ray_are_what_fit_makes_of_their_configs(config, tmp_path, settings, address):
    """One has one thread, one two, as by `fit`; in both no variable is set that `fit` would not have.

    Ray sets OMP_NUM_THREADS, by which `mtrain resume` would refuse the run.
    """
    sweep = tmp_path / "sweep"
    axes = ["model.hidden=16,1500x2", "--seeds", "2"]
    done = mtrain(settings, "sweep", config, *axes, "--ray", address, "--out", sweep, "--json")

    assert json.loads(done.stdout)["sweep"] == str(sweep)
    assert "4 members, 1 to 2 threads each" in done.stderr
    assert {one["state"] for one in members_of(sweep).values()} == {"finished"}
    for member in ("hidden-16_seed-1", "hidden-1500x2_seed-0"):
        alone = tmp_path / member
        mtrain({}, "fit", sweep / member / "config.yaml", "--out", alone, "--quiet")

        assert_same(sweep / member, alone)
        environments = [
            json.loads((path / "environment.json").read_text()) for path in (sweep / member, alone)
        ]
        for environment in environments:
            del environment["command"], environment["device_reason"]
        assert environments[0] == environments[1]


@needs_ray
@pytest.mark.slow
def test_member_whose_process_is_killed_is_resumed_with_the_same_bits(
    long, tmp_path, settings, address
):
    """What Ray says of it is not among the results on stdout; a line of ours is on stderr."""
    sweep, member = tmp_path / "sweep", tmp_path / "sweep" / "seed-1"
    with (
        subprocess.Popen(
            command("sweep", long, "--seeds", 2, "--ray", address, "--out", sweep, "--json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | settings,
        ) as process,
        watched(process),
    ):
        assert wait_until((member / "checkpoints" / "last").exists, process)
        os.kill(int((member / WRITER).read_text().split()[1]), signal.SIGKILL)
        stdout, stderr = process.communicate()

    assert process.returncode == 0, stderr
    assert json.loads(stdout)["sweep"] == str(sweep)
    assert {one["state"] for one in members_of(sweep).values()} == {"finished"}
    assert "seed-1: its process died; another resumes it." in stderr
    segments = json.loads((member / "history.json").read_text())["segments"]
    assert [segment["ended"] for segment in segments] == [None, "finished"]
    mtrain({}, "fit", member / "config.yaml", "--out", tmp_path / "alone", "--quiet")
    assert_same(member, tmp_path / "alone")


@needs_ray
@pytest.mark.slow
def test_sweep_on_ray_that_is_stopped_is_saved_and_resumed(long, tmp_path, settings, address):
    """Without Ray, for its members are runs as any others."""
    sweep = tmp_path / "sweep"
    seeds = ["training.epochs=200", "--seeds", 3]  # neither ends before the other one has begun
    begun = [sweep / name / "checkpoints" / "last" for name in ("seed-0", "seed-1")]
    with (
        subprocess.Popen(
            command("sweep", long, *seeds, "--ray", address, "--out", sweep),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | settings,
        ) as process,
        watched(process),
    ):
        assert wait_until(lambda: all(path.exists() for path in begun), process)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate()

    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    states = {name: (one["state"], one["problem"]) for name, one in members_of(sweep).items()}
    assert states == {
        "seed-0": ("stopped", "by SIGINT"),
        "seed-1": ("stopped", "by SIGINT"),
        "seed-2": ("waiting", None),
    }
    mtrain({}, "sweep", long, *seeds, "--out", sweep, "--resume")
    mtrain({}, "fit", sweep / "seed-0" / "config.yaml", "--out", tmp_path / "alone", "--quiet")
    assert_same(sweep / "seed-0", tmp_path / "alone")


@needs_ray
@pytest.mark.slow
def test_halving_on_ray_chooses_as_without_it(config, tmp_path, settings):
    """On a Ray that is started for the sweep, which leaves no token in the user's home."""
    axes = ["optimizer.learning_rate=1e-4,1e-2", "training.epochs=3"]
    axes += ["--halving", "{keep: 0.5, every: 1}"]
    home = tmp_path / "home"
    home.mkdir()
    local = {"HOME": str(home), "RAY_TMPDIR": settings["RAY_TMPDIR"]}
    mtrain(local, "sweep", config, *axes, "--out", tmp_path / "ray", "--ray", "local")
    mtrain({}, "sweep", config, *axes, "--out", tmp_path / "here")

    assert (tmp_path / "ray" / "sweep.json").read_text() == (
        tmp_path / "here" / "sweep.json"
    ).read_text()
    assert [one["epochs"] for one in members_of(tmp_path / "ray").values()] == [1, 3]
    assert not (home / ".ray").exists()


def said(capsys, config, address, out):
    status = run(["sweep", str(config), "--seeds", "2", "--ray", address, "--out", str(out)])
    return status, capsys.readouterr().err


def test_without_ray_one_line_says_what_installs_it(config, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)

    assert said(capsys, config, "local", tmp_path / "sweep") == (
        2,
        "mtrain: --ray local: Ray is not installed; `pip install 'mtrain[ray]'` installs it\n",
    )
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize("address", ["cluster", "ray://", "host:0", "host:65536", "a b:1"])
def test_address_that_is_none_is_refused(config, tmp_path, capsys, address):
    assert said(capsys, config, address, tmp_path / "sweep") == (
        2,
        f"mtrain: --ray {address}: must be auto, local, HOST:PORT or ray://HOST:PORT\n",
    )


@needs_ray
@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_ray_that_cannot_be_reached_is_one_line(config, tmp_path, capsys, monkeypatch, scheme):
    """Ray itself, which would try for minutes, is not asked. No folder is left."""
    address = f"{scheme}127.0.0.1:{free_port()}"
    monkeypatch.setattr("mtrain.scale.ray._connect", lambda *_: pytest.fail("Ray was asked"))

    assert said(capsys, config, address, tmp_path / "sweep") == (
        1,
        f"mtrain: --ray {address}: cannot be reached: Connection refused\n",
    )
    assert not (tmp_path / "sweep").exists()


@needs_ray
def test_server_that_is_not_ray_is_one_line(config, tmp_path, capsys):
    """As one of web pages, which would let Ray wait."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        address = "{}:{}".format(*server.getsockname())

        assert said(capsys, config, address, tmp_path / "sweep") == (
            1,
            f"mtrain: --ray {address}: cannot be reached: what answers there is not Ray\n",
        )
