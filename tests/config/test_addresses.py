"""Addresses of an MLflow, in a config and for `mtrain log`."""

from __future__ import annotations

import pytest

from mtrain.cli.main import run
from mtrain.config.experiment.addresses import mlflow_address, without_password

EXAMPLES = "as http://localhost:5000 or sqlite:////data/mlflow.db"


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost:5000",
        "https://mlflow.example.org/team/",
        "http://[::1]:5000",
        "databricks",
        "databricks://profile",
        "sqlite:////data/mlflow.db",
        "sqlite:///data/a@b.db",
        "postgresql://db.example.org/mlflow",
        "mysql+pymysql://db.example.org/mlflow",
    ],
)
def test_servers_databases_and_databricks_have_addresses(uri):
    assert mlflow_address(uri) == uri


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("localhost:5000", f"must be an address, {EXAMPLES}, got 'localhost:5000'"),
        ("databrick", f"must be an address, {EXAMPLES}, got 'databrick'"),
        ("runs/mlflow.db", f"must be an address, {EXAMPLES}, got 'runs/mlflow.db'"),
        ("http://", f"must be an address, {EXAMPLES}, got 'http://'"),
        ("http://:5000", f"must be an address, {EXAMPLES}, got 'http://:5000'"),
        ("http://localhost:port", f"must be an address, {EXAMPLES}, got 'http://localhost:port'"),
        (
            "file:///data",
            f"MLflow no longer keeps runs in folders; write another address, {EXAMPLES}",
        ),
    ],
)
def test_what_is_not_an_address_is_refused_before_training(uri, message, tmp_path, capsys):
    config = tmp_path / "c.yaml"
    config.write_text(f"dataset: digits\ntracking: {{mlflow: '{uri}'}}\n")

    assert run(["fit", str(config), "--out", str(tmp_path / "run")]) == 2

    assert capsys.readouterr().err == f"mtrain: {config}:2: tracking.mlflow: {message}\n"


@pytest.mark.parametrize(
    "uri",
    ["http://ada:secret@localhost", "postgresql://ada@db/mlflow", "ada:secret@localhost:5000"],
)
def test_a_user_or_a_password_is_refused_and_not_repeated(uri):
    with pytest.raises(ValueError, match="must not have a user name or a password") as refused:
        mlflow_address(uri)

    assert "ada" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://ada:secret@localhost:5000/a@b", "http://localhost:5000/a@b"),
        ("no answer of https://ada:s@cret@db, again", "no answer of https://db, again"),
        ("postgresql://ada@db/runs", "postgresql://db/runs"),
        ("sqlite:////data/a@b.db", "sqlite:////data/a@b.db"),
        ("http://localhost:5000", "http://localhost:5000"),
    ],
)
def test_addresses_are_shown_without_passwords(text, expected):
    assert without_password(text) == expected
