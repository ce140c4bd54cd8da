"""Addresses of an MLflow: which can be used, which files may keep, and what people are shown of them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_USER = re.compile(r"(?<=//)[^/\s]*@")


def mlflow_address(uri: str) -> str:
    """The same address of an MLflow, which files may keep.

    Raises `ValueError` as `check_address` does, and for a user name or a password.
    """
    if "@" in uri.rpartition("://")[2].partition("/")[0]:
        raise ValueError(
            "must not have a user name or a password; MLflow takes them from "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )
    check_address(uri)
    return uri


def check_address(uri: str) -> None:
    """Raise `ValueError` for what is not the address of a server, a database or Databricks."""
    examples = "as http://localhost:5000 or sqlite:////data/mlflow.db"
    scheme, separator, rest = uri.partition("://")
    if scheme == "file":
        raise ValueError(
            f"MLflow no longer keeps runs in folders; write another address, {examples}"
        )
    is_web = scheme in {"http", "https"}
    if uri != "databricks" and (not separator or not rest or (is_web and not _has_host(uri))):
        raise ValueError(f"must be an address, {examples}, got {without_password(uri)!r}")


def _has_host(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a port that there is not
        return False


def without_password(text: str) -> str:
    """A text without the user names and passwords of the addresses in it."""
    return _USER.sub("", text)
