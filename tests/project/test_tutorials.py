"""The experiments of five tutorials."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import CONFIGS

from mtrain.cli.main import run
from mtrain.config.loading.load import load_config

TUTORIALS = sorted((CONFIGS / "tutorials").glob("*.yaml"))


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("config", TUTORIALS, ids=lambda path: path.stem)
def test_every_config_trains_some_steps(config, tmp_path, request):
    """And is validated and evaluated on all rows; `docs/scripts/reproduction.py` trains them to their ends."""
    folders = {"mnist": "mnist_folder", "fashion_mnist": "fashion_folder"}
    name = load_config(config, {}).dataset.name
    # XLA compiles each of them for seconds; other tests compile as many kinds of networks.
    settings = ["training.epochs=1", "training.steps_per_epoch=20", "training.compile=graph"]
    if name in folders:
        settings.append(f"dataset.path={request.getfixturevalue(folders[name])}")
    out = tmp_path / "run"

    assert run(["fit", str(config), *settings, "--out", str(out), "--quiet"]) == 0
    history = json.loads((out / "history.json").read_text())["history"]
    assert all(np.isfinite(history["loss"]))
    assert (out / "evaluation" / "test" / "metrics.json").is_file()
