"""The Dockerfile, as far as it can be checked without Docker."""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
import zipfile
from fnmatch import fnmatch
from pathlib import PurePosixPath

from built_packages import build
from conftest import ROOT

import mtrain

STAGES = ("build", "run")


def stages():
    """The instructions of each stage, as pairs of a keyword and its text, by the stage's name."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        keyword, _, rest = line.partition(" ")
        if keyword == "FROM":
            image, name = re.fullmatch(r"(\S+) AS (\w+)", rest).groups()
            assert re.fullmatch(r"python:3\.\d+-slim", image)
            found[name] = []
        else:
            found[name].append((keyword, rest))
    return found


def copied(instructions):
    """What a stage copies from the checkout: source and target."""
    for keyword, rest in instructions:
        if keyword == "COPY" and not rest.startswith("--from="):
            *sources, target = rest.split()
            yield from ((source, target) for source in sources)


def is_ignored(path):
    """Whether `.dockerignore` leaves it out: the last pattern that matches it, or its folder, decides."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        folders = [path, *map(str, PurePosixPath(path).parents)][:-1]
        names = [name for folder in folders for name in (folder, f"/{folder}")]
        if line and not line.startswith("#") and any(fnmatch(name, pattern) for name in names):
            ignored = not line.startswith("!")
    return ignored


def test_the_image_has_two_stages():
    """Only the second is in the image; what it has of the first is a stage that exists."""
    assert tuple(stages()) == STAGES
    for instructions in stages().values():
        for keyword, rest in instructions:
            if source := re.match(r"--from=(\w+)", rest):
                assert keyword == "COPY"
                assert source[1] in STAGES


def test_everything_that_is_copied_is_there():
    """In the checkout, and not left out by `.dockerignore`."""
    sources = [source for stage in stages().values() for source, _ in copied(stage)]
    assert {"pyproject.toml", "mtrain", "constraints.txt"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
        assert not is_ignored(source), source
    assert not is_ignored("mtrain/data/load.py")
    for path in ("tests/conftest.py", "outputs/digits", ".git/HEAD", "mtrain/__pycache__/x.pyc"):
        assert is_ignored(path), path


def test_the_image_runs_the_command_as_an_unprivileged_user():
    """In a volume that belongs to the user."""
    instructions = dict(stages()["run"])
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    made = " ".join(rest for keyword, rest in stages()["run"] if keyword == "RUN")

    assert instructions["ENTRYPOINT"] == f'["{next(iter(scripts))}"]'
    assert f"useradd --create-home {instructions['USER']}" in made
    assert instructions["VOLUME"] == instructions["WORKDIR"] == "/experiments"
    assert f"--owner {instructions['USER']} /experiments" in made


def test_the_version_of_python_is_one_that_is_tested():
    """By the classifiers, which a test compares with CI."""
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    versions = re.findall(r"^FROM python:([\d.]+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(set(versions)) == 1
    assert f"Programming Language :: Python :: {versions[0]}" in classifiers


def test_the_first_stage_builds_the_wheel(tmp_path):
    """From nothing but what it copies."""
    source, wheels = tmp_path / "source", tmp_path / "wheels"
    source.mkdir()
    for name, target in copied(stages()["build"]):
        path = source / target / name if target == "./" else source / target
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, path, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, path)
    (command,) = [rest for keyword, rest in stages()["build"] if keyword == "RUN"]
    assert command.startswith("pip wheel ")
    assert ("COPY", "--from=build /wheels /wheels") in stages()["run"]
    arguments = command.replace("/wheels", str(wheels)).split()
    build([sys.executable, "-m", *arguments], source)

    (wheel,) = wheels.iterdir()
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
    assert "mtrain/py.typed" in names
    assert f"mtrain-{mtrain.__version__}.dist-info/licenses/LICENSE" in names
