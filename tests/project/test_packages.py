"""The wheel and the sdist."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import PathDistribution

import pytest
import yaml
from built_packages import build
from conftest import ROOT

import mtrain

LARGEST = 500_000
"""Bytes of a file of the sdist."""


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A folder with the sdist, and the wheel that is built from the sdist alone."""
    folder = tmp_path_factory.mktemp("packages")
    build([sys.executable, "-m", "build", "--outdir", str(folder)], ROOT)
    return folder


@pytest.fixture
def wheel(packages):
    """The wheel, open."""
    (path,) = packages.glob("*.whl")
    with zipfile.ZipFile(path) as file:
        yield file


@pytest.fixture
def sdist(packages):
    """Sizes of the sdist's files, by their paths."""
    (path,) = packages.glob("*.tar.gz")
    with tarfile.open(path) as file:
        return {member.name.partition("/")[2]: member.size for member in file.getmembers()}


@pytest.fixture
def metadata(wheel):
    """What an index and pip read."""
    return PathDistribution(zipfile.Path(wheel, f"mtrain-{mtrain.__version__}.dist-info/"))


def test_the_wheel_has_the_package_and_nothing_else(wheel):
    """All files of the package, the types' marker among them; no tests, no measurements."""
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "mtrain").rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    about = f"mtrain-{mtrain.__version__}.dist-info"
    files = ("METADATA", "WHEEL", "entry_points.txt", "licenses/LICENSE", "RECORD")

    assert "mtrain/py.typed" in package
    assert set(wheel.namelist()) == package | {f"{about}/{file}" for file in files}


def test_the_sdist_has_what_builds_and_tests(sdist):
    """All files of the checkout, as tests compare them with each other; nothing that is ignored."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout, but an unpacked sdist")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    checkout = {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}

    assert set(sdist) == checkout - {"outputs/.gitkeep"} | {"PKG-INFO"}


def test_no_file_of_the_sdist_is_large(sdist):
    """Pictures of the docs are the largest."""
    assert [name for name, size in sdist.items() if size > LARGEST] == []


def test_the_metadata_name_the_licence_and_the_pages(metadata):
    """The licence by its SPDX expression; all pages below one address."""
    about = metadata.metadata
    urls = dict(entry.split(", ") for entry in about.get_all("Project-URL"))

    assert (about["Name"], about["Version"]) == ("mtrain", mtrain.__version__)
    assert about["License-Expression"] == "MIT"
    assert about.get_all("License-File") == ["LICENSE"]
    assert about.get_payload().startswith("# mtrain")
    assert list(urls) == ["Homepage", "Documentation", "Source", "Changelog", "Issues"]
    assert all(url.startswith(urls["Homepage"]) for url in urls.values())


def test_the_pages_are_files_of_the_repository(metadata):
    """The paths of their addresses."""
    for entry in metadata.metadata.get_all("Project-URL"):
        if path := re.search("/(?:blob|tree)/main/(.*)", entry):
            assert (ROOT / path[1]).exists(), entry


def test_the_repository_has_one_address(metadata):
    """That of the metadata, where the docs have it as well."""
    homepage = metadata.metadata.get_all("Project-URL")[0].removeprefix("Homepage, ")
    page = (ROOT / "docs" / "installation.md").read_text()
    assert homepage == f"https://github.com/{re.search('--repo (.*)', page)[1]}"


def test_the_classifiers_are_the_versions_that_ci_tests(metadata):
    """Python 3 only; no licence, which the expression gives."""
    classifiers = metadata.metadata.get_all("Classifier")
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    prefix = "Programming Language :: Python :: "
    versions = [name.removeprefix(prefix) for name in classifiers if name.startswith(prefix)]

    assert {
        "Environment :: Console",
        "Operating System :: POSIX",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    } <= set(classifiers)
    assert not any(name.startswith("License") for name in classifiers)
    assert versions[:2] == ["3", "3 :: Only"]
    for job in ("check", "packages"):
        assert versions[2:] == workflow["jobs"][job]["strategy"]["matrix"]["python"]
    assert metadata.metadata["Requires-Python"] == f">={versions[2]}"


def test_the_extras_and_the_command_are_in_the_metadata(metadata):
    """`pip install 'mtrain[onnx]'`, and `mtrain`."""
    extras = metadata.metadata.get_all("Provides-Extra")
    for_users = {"gpu", "mlflow", "onnx", "ray", "tensorboard", "trackio", "wandb"}
    assert set(extras) == {*for_users, "dev", "test"}
    (command,) = metadata.entry_points
    assert (command.group, command.name) == ("console_scripts", "mtrain")
    assert command.load().__module__ == "mtrain.cli.main"


def test_every_extra_is_described():
    """On the page about installation, but for those of mtrain's own developers."""
    page = (ROOT / "docs" / "installation.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert rows == ["gpu", "mlflow", "onnx", "ray", "tensorboard", "trackio", "wandb"]


def test_what_builds_packages_is_pinned():
    """And everything else that development needs."""
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    assert {"build", "pyproject_hooks"} <= {line.partition("==")[0] for line in pinned}
