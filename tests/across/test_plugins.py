"""Sources of data and trackers that an installed package brings."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from conftest import ROOT
from sklearn.datasets import make_moons

METADATA = "Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
ENTRIES = (
    "[mtrain.sources]\nmoons = my_package:MoonsConfig\nbroken = my_package.nowhere:X\n"
    "other = my_package:MyLog\n[mtrain.trackers]\nmy_log = my_package:MyLog\n"
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder in which pip has installed the package of docs/plugins.md."""
    folder = tmp_path_factory.mktemp("package")
    page = (ROOT / "docs" / "plugins.md").read_text()
    code = "\n\n".join(re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    info = "my_package-1.0.dist-info"
    files = {
        "my_package/__init__.py": code.replace("print(", "str("),
        f"{info}/METADATA": METADATA,
        f"{info}/WHEEL": WHEEL,
        f"{info}/entry_points.txt": ENTRIES,
        f"{info}/RECORD": "",
    }
    wheel = folder / "my_package-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    target = folder / "installed"
    options = ["--no-index", "--no-deps", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(wheel)],
        check=True,
    )
    return target


@pytest.fixture
def run(installed, tmp_path, monkeypatch):
    """Type a command where the package is installed; returns status, stdout and stderr."""
    paths = [str(installed), str(ROOT)]
    monkeypatch.setenv("PYTHONPATH", ":".join(paths))
    monkeypatch.chdir(tmp_path)

    def type_command(config, *arguments):
        (tmp_path / "c.yaml").write_text(config)
        command = [sys.executable, "-m", "mtrain", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    return type_command


MOONS = "dataset: {name: moons, noise: 0.2}\nmodel: {hidden: 4}\ntraining: {epochs: 2}\n"


def test_a_package_brings_a_source_and_a_tracker(run, tmp_path):
    """As docs/plugins.md has them: trained, tracked, resumed and evaluated."""
    config = MOONS + "tracking: {my_log: losses}\n"
    status, _, said = run(config, "fit", "c.yaml", "--out", "run")
    assert status == 0, said

    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert history["classes"] == ["upper", "lower"]
    lines = [line.split() for line in (tmp_path / "run" / "losses.txt").read_text().splitlines()]
    assert [int(epoch) for epoch, _ in lines] == [1, 2]
    assert [float(loss) for _, loss in lines] == history["history"]["loss"]
    assert "noise: 0.2" in (tmp_path / "run" / "config.yaml").read_text()

    predictions = np.load(tmp_path / "run" / "evaluation" / "test" / "predictions.npz")
    _, labels = make_moons(1000, noise=0.2, random_state=0)
    assert predictions["y_true"].tolist() == labels[predictions["rows"]].tolist()
    assert run(config, "resume", "run", "training.epochs=3")[0] == 0
    assert run(config, "evaluate", "run", "--split", "val")[0] == 0
    (tmp_path / "other.csv").write_text("x,y,label\n1,2,upper\n")
    status, _, said = run(config, "evaluate", "run", "--data", "other.csv")
    assert (status, said) == (2, "mtrain: --data: moons takes no path\n")


def test_an_error_of_a_package_is_one_line(run):
    """With its name, and without a traceback."""
    status, _, said = run("dataset: {name: moons, noise: -1.0}", "check", "c.yaml")

    assert status == 1
    assert said.startswith("mtrain: dataset.name: moons (my_package): InvalidParameterError: The ")
    assert said.count("\n") == 1


def test_a_source_of_a_package_is_named_by_its_name_alone(run):
    """As `dataset: digits` names mtrain's."""
    status, text, said = run("dataset: moons", "check", "c.yaml")

    assert (status, said) == (0, "")
    assert text.startswith("moons: scikit-learn")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (
            "dataset: {name: moons, nose: 0.2}",
            "c.yaml:1: dataset.nose: unknown setting; did you mean 'noise'?",
        ),
        (
            "dataset:\n  name: moons\n  noise: much",
            "c.yaml:3: dataset.noise: must be a number, got 'much'",
        ),
        (
            "dataset: {name: other}",
            "the entry point 'other' of mtrain.sources is not a DatasetConfig",
        ),
        (
            "dataset: {name: broken}",
            "the entry point 'broken' of mtrain.sources cannot be imported: No module named "
            "'my_package.nowhere'",
        ),
        (
            "dataset: {name: moon}",
            "c.yaml:1: dataset.name: unknown name 'moon', which no installed package brings; did you "
            "mean 'moons'?",
        ),
        (
            "dataset: digits\ntracking: {my_logs: a}",
            "c.yaml:2: tracking.my_logs: unknown setting; choose one of tensorboard, mlflow",
        ),
    ],
)
def test_mistakes_in_settings_of_a_package_are_named(run, config, says):
    """With line and key, as those of mtrain's own settings."""
    status, _, said = run(config, "check", "c.yaml")

    assert (status, said) == (2, f"mtrain: {says}\n")
