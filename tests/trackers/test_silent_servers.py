"""What a person reads of an MLflow that does not answer as it should."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

import pytest

import mtrain
from mtrain.cli.main import run

pytest.importorskip("mlflow", reason="the extra mtrain[mlflow] is not installed")

SETTINGS = {"dataset": {"name": "digits"}, "model": {"hidden": 4}, "training": {"epochs": 1}}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "timed out"),
        (b"", "Remote end closed connection without response"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "too many 500 error responses"),
    ],
)
def test_log_says_what_a_server_does_instead_of_answering(
    answer, reason, tmp_path, monkeypatch, capsys
):
    """As a person reads it, without the names of Python's classes."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    mtrain.fit(SETTINGS, out=tmp_path / "run")
    capsys.readouterr()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        threading.Thread(target=answer_all, args=(server, answer), daemon=True).start()

        assert run(["log", str(tmp_path / "run"), "--to", f"mlflow={address}"]) == 1

    expected = f"mtrain: {address}: MLflow refuses, or does not answer: {reason}\n"
    assert capsys.readouterr().err == expected


def answer_all(server, answer):
    """Until it is closed."""
    silent = []
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            if answer is None:
                silent.append(connection)
                continue
            connection.recv(10_000)
            connection.sendall(answer)
            connection.close()
