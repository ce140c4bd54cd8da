from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from sklearn.datasets import load_iris
from waiting import HANGS

import mtrain
from mtrain.config.experiment.sources import KnownData
from mtrain.config.loading.load import load_config
from mtrain.run.files import write_csv

LESSONS = ROOT / "docs" / "tutorials.md"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def build_module():
    spec = importlib.util.spec_from_file_location("build", ROOT / "docs" / "scripts" / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_that_come_from_the_code_are_what_it_says():
    """`make docs` writes them anew: every command with its help, every setting."""
    for name, text in build_module().pages().items():
        assert (ROOT / name).read_text() == text, f"{name}: run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    """To a file of this repository."""
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_case_of_what_can_go_wrong_names_tests_that_exist():
    """64 cases, in their order; where there is no test yet, it says so."""
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    page = (ROOT / "docs" / "reliability.md").read_text()
    rows = re.findall(r"^\| (\d+) \| .* \| (.*?) \| (.*?) \|$", page, re.MULTILINE)

    assert [int(number) for number, _, _ in rows] == list(range(1, 65))
    for number, happens, shown_by in rows:
        names = re.findall(r"`(test_\w+)`", shown_by)
        assert names or happens.startswith("not yet"), number
        assert [name for name in names if f"def {name}(" not in tests] == [], number


def test_all_that_a_loaded_model_has_is_documented():
    """What else it is made of is for mtrain alone, and may change."""
    page = (ROOT / "docs" / "python.md").read_text()
    public = {name for name in dir(mtrain.Model) if not name.startswith("_")}

    assert public == {"classes", "predict"}
    assert set(re.findall(r"`model\.(\w+)", page)) == public


FENCE = r"^```(\w+)\n(.*?)^```"


def mtrain_lines(language, block):
    """The commands of mtrain in a block; in one of a console they stand after the prompt."""
    prompt = r"\$ " if language == "console" else ""
    lines = re.findall(rf"^{prompt}(mtrain .*)$", block, re.MULTILINE)
    return [shlex.join(shlex.split(line, comments=True)) for line in lines]


def test_commands_of_all_blocks_are_found():
    """README has both kinds of block."""
    found = {"console": [], "sh": []}
    blocks = re.findall(FENCE, (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    for language, block in blocks:
        if language in found:
            found[language] += mtrain_lines(language, block)

    assert "mtrain fit configs/digits.yaml" in found["console"]
    commands = [line.split()[1] for line in found["sh"]]
    assert commands == ["init", "check", "fit", "predict"]


def test_make_has_every_target_that_is_named():
    """In blocks and in sentences of README and of how to contribute."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        named = re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE)
        assert named
        assert [name for name in named if name not in targets] == []


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS, check=False)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stderr}"


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder like a checkout, with a user's files."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    shutil.copy(ROOT / "configs" / "smoke.yaml", tmp_path / "config.yaml")
    iris = load_iris()
    species = iris.target_names[iris.target]
    labelled = [[*row, name] for row, name in zip(iris.data, species, strict=True)]
    write_csv(tmp_path / "iris.csv", [*iris.feature_names, "species"], labelled)
    write_csv(tmp_path / "new.csv", iris.feature_names, iris.data[-9:])
    monkeypatch.chdir(tmp_path)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    return tmp_path


def here(page, line):
    """The command as it can be run here; None where its data would be downloaded.

    Lessons train one epoch: that their commands work does not take all of them.
    """
    command = shlex.split(line)
    if page == LESSONS and command[1] == "fit":
        command.append("training.epochs=1")
        dataset = load_config(Path(command[2]), {}).dataset
        if isinstance(dataset, KnownData):
            if (data := os.environ.get("MTRAIN_TEST_DATA")) is None:
                return None
            command.append(f"dataset.path={data}/{dataset.name}")
    if command[1] == "compare" and not all(Path(run).exists() for run in command[2:4]):
        return None  # its data were not here
    return command


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=pytest.mark.real_data if page == LESSONS else ()) for page in PAGES],
    ids=lambda page: page.name,
)
def test_examples_run(page, checkout):
    """All, in order; those on MNIST where it is."""
    for language, block in re.findall(FENCE, page.read_text(), re.MULTILINE | re.DOTALL):
        if language == "python":
            run([sys.executable, "-c", block])
        elif language in {"console", "sh"}:
            for line in mtrain_lines(language, block):
                if (command := here(page, line)) is not None:
                    run(command)
        elif language == "yaml":
            (checkout / "example.yaml").write_text(block)
            shutil.copy(checkout / "configs" / "tutorials" / "guide.py", checkout)
            run(["mtrain", "summary", "example.yaml", "--allow-code"])
