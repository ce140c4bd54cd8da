"""A real MLflow server for tests, in an environment of its own: it needs an older pyarrow."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

TRACKERS = Path(sys.prefix, "trackers", "bin")
"""`make trackers` makes it."""

needs_trackers = pytest.mark.skipif(
    not (TRACKERS / "mlflow").exists(), reason="`make trackers` has not been run"
)


@contextmanager
def serving(folder):
    """A server with its database and its files in `folder`; yields its process and its address."""
    places = ["--backend-store-uri", f"sqlite:///{folder}/runs.db", "--workers", "1"]
    files = ["--artifacts-destination", str(folder / "files")]
    with _running("health", "server", *places, *files) as (process, address):
        yield process, address


@contextmanager
def serving_model(address, model):
    """A REST server that predicts by a registered model; yields its address."""
    options = ["--model-uri", model, "--env-manager", "local"]
    with _running("ping", "models", "serve", *options, MLFLOW_TRACKING_URI=address) as (_, served):
        yield served


@contextmanager
def _running(health, *command, **variables):
    """A command of MLflow that serves on a free port, once it answers at `/<health>`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    variables |= {"PATH": f"{TRACKERS}{os.pathsep}{os.environ['PATH']}"}
    process = subprocess.Popen(
        [TRACKERS / "mlflow", *command, "--host", "127.0.0.1", "--port", str(port)],
        env=os.environ | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/{health}", process)
        yield process, address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for(address, process):
    for _ in range(1200):
        assert process.poll() is None, "the server has ended"
        try:
            if requests.get(address, timeout=1).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")


def client(address):
    import mlflow

    return mlflow.MlflowClient(address)


def kept(address, name):
    """The one run of this name."""
    runs = client(address).search_runs(
        [client(address).get_experiment_by_name("mtrain").experiment_id],
        f"tags.`mlflow.runName` = '{name}'",
    )
    (run,) = runs
    return run


def everything(address, name):
    """All that is kept of a run."""
    run = kept(address, name)
    return {
        "status": run.info.status,
        "times": (run.info.start_time, run.info.end_time),
        "params": run.data.params,
        "tags": run.data.tags,
        "figures": {
            key: [(one.step, one.value, one.timestamp) for one in history(address, run, key)]
            for key in run.data.metrics
        },
        "files": files(address, run),
    }


def history(address, run, key):
    return client(address).get_metric_history(run.info.run_id, key)


def files(address, run, folder=None):
    entries = []
    for entry in client(address).list_artifacts(run.info.run_id, folder):
        entries += (
            files(address, run, entry.path) if entry.is_dir else [(entry.path, entry.file_size)]
        )
    return entries
