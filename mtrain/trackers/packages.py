"""The packages that trackers need."""

from __future__ import annotations

from importlib.util import find_spec

PACKAGES = {
    "tensorboard": ("tensorboard", "TensorBoard"),
    "mlflow": ("mlflow", "MLflow"),
    "wandb": ("wandb", "W&B"),
    "trackio": ("trackio", "Trackio"),
}
"""The package of each tracker, and its name for people; its extra is named as the tracker."""

DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
"""How the addresses of MLflow's databases begin."""


def missing_package(name: str, address: str = "") -> str | None:
    """That a package of this tracker is not installed, and what installs it; None: all are.

    `address` is that of an MLflow: for a database its client is not enough.
    """
    package, title = PACKAGES[name]
    if find_spec(package) is None:
        return f"{title} is not installed; `pip install 'mtrain[{name}]'` installs it"
    kind = address.partition("://")[0].partition("+")[0]
    if kind in DATABASES and find_spec("sqlalchemy") is None:
        return f"{kind}: a database needs all of MLflow; `pip install mlflow`"
    return None
