from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT

import mtrain
from mtrain.run.environment import FLAGS, checkout_commit
from mtrain.workflows import describe_installation as describing
from mtrain.workflows.describe_installation import (
    EXTRAS,
    PACKAGES,
    cuda_packages,
    describe_installation,
    origin,
)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def names(requirements):
    return [re.match(r"[\w.-]+", requirement)[0] for requirement in requirements]


def test_the_extras_are_those_of_the_package():
    """All that users install, with their packages; `gpu` is TensorFlow's own extra."""
    extras = PROJECT["optional-dependencies"]

    assert set(extras) == {*EXTRAS, "gpu", "dev", "test"}
    for extra, packages in EXTRAS.items():
        assert names(extras[extra]) == list(packages)
    assert re.match(r"tensorflow\[and-cuda\]", extras["gpu"][0])
    assert any(package.startswith("nvidia-cudnn") for package in cuda_packages())


def test_the_packages_are_dependencies():
    """Their versions are those of what mtrain needs."""
    assert set(PACKAGES) <= set(names(PROJECT["dependencies"]))


def test_only_variables_that_are_set_are_described(monkeypatch):
    """An empty value is one."""
    for name in FLAGS:
        monkeypatch.delenv(name, raising=False)
    assert describe_installation().flags == {}
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "")
    assert describe_installation().flags == {"TF_ENABLE_ONEDNN_OPTS": ""}


@pytest.mark.parametrize(
    ("source", "package", "expected"),
    [
        (None, "site/mtrain", "installed"),
        ({"url": "file:///wheels/mtrain.whl", "archive_info": {}}, "site/mtrain", "installed"),
        (None, "checkout/mtrain", "not installed"),
        ("my%20checkout", "my checkout/mtrain", "editable"),
        ("my%20checkout", "checkout/mtrain", "not installed"),
    ],
)
def test_the_origin_is_what_pip_recorded(tmp_path, monkeypatch, source, package, expected):
    """Of the package in use: the path may have another one before it."""
    record = tmp_path / "site" / "mtrain-0.1.0.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text("Metadata-Version: 2.4\nName: mtrain\nVersion: 0.1.0\n")
    if isinstance(source, str):
        source = {"url": f"file://{tmp_path}/{source}", "dir_info": {"editable": True}}
    if source is not None:
        (record / "direct_url.json").write_text(json.dumps(source))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    assert origin(tmp_path / package) == expected


def test_without_any_installation_there_is_an_origin_as_well(monkeypatch):
    """A checkout whose folder is on the path."""
    monkeypatch.setattr("sys.path", [])
    assert origin(Path(mtrain.__file__).parent) == "not installed"


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with the package mtrain at its top, in one commit."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "a@example.org")
    (tmp_path / "mtrain").mkdir()
    (tmp_path / "mtrain" / "code.py").write_text("1\n")
    for command in ("init --quiet", "add .", "commit --quiet --message first"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)
    return tmp_path


def test_the_commit_is_that_of_the_packages_own_checkout(checkout):
    """With a mark if the code differs from it."""
    git = ["git", "rev-parse", "HEAD"]
    head = subprocess.run(git, cwd=checkout, capture_output=True, text=True, check=True)
    commit = head.stdout.strip()

    assert checkout_commit(checkout / "mtrain") == commit
    (checkout / "mtrain" / "code.py").write_text("2\n")
    assert checkout_commit(checkout / "mtrain") == f"{commit}-dirty"


def test_an_environment_in_another_programs_checkout_has_no_commit(checkout):
    """Its commit says nothing about mtrain."""
    package = checkout / ".venv" / "lib" / "mtrain"
    package.mkdir(parents=True)
    assert checkout_commit(package) is None


def test_without_git_there_is_no_commit(checkout, monkeypatch):
    """As in a container."""
    monkeypatch.setenv("PATH", "")
    assert checkout_commit(checkout / "mtrain") is None


def test_memory_is_that_of_the_container(tmp_path, monkeypatch):
    """The least of the machine's and of its limits; `max` is none."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(describing, "MEMORY_LIMITS", (limit,))

    assert describing.memory() == machine
    limit.write_text("max\n")
    assert describing.memory() == machine
    limit.write_text("2000000000\n")
    assert describing.memory() == 2_000_000_000
