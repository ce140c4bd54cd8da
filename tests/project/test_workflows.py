"""The workflows of CI and of releases, and the scripts that they run."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from itertools import pairwise

import pytest
import yaml
from conftest import ROOT

import mtrain

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
NOTES = ROOT / "docs" / "scripts" / "release_notes.py"

CODE = '__version__ = "1.2.0"\n'
CHANGELOG = """# Changelog

## [Unreleased]

## [1.2.0] - 2026-11-30

### Added

- `a`

## [1.1.0] - 2026-10-01

- `b`

## [1.0.0] - 2026-09-01
"""


def steps(workflow):
    """All steps of a workflow."""
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    return [step for job in jobs for step in job.get("steps", ())]


def release_notes(*arguments):
    spec = importlib.util.spec_from_file_location("release_notes", NOTES)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.release_notes(*arguments)


def test_the_notes_of_a_release_are_its_section():
    """Without its heading, and up to the next one."""
    assert release_notes("v1.2.0", CODE, CHANGELOG) == "### Added\n\n- `a`"
    first = CODE.replace("1.2", "1.1")
    assert release_notes("v1.1.0", first, CHANGELOG) == "- `b`"


@pytest.mark.parametrize(
    ("tag", "version", "problem"),
    [
        ("v1.3.0", "1.2.0", "tag v1.3.0: mtrain/__init__.py has version 1.2.0"),
        ("1.2.0", "1.2.0", "tag 1.2.0: mtrain/__init__.py has version 1.2.0"),
        ("v1.3.0", "1.3.0", "tag v1.3.0: CHANGELOG.md has no section ## [1.3.0] with a text"),
        ("v1.0.0", "1.0.0", "tag v1.0.0: CHANGELOG.md has no section ## [1.0.0] with a text"),
        ("v1.2", "1.2", "tag v1.2: CHANGELOG.md has no section ## [1.2] with a text"),
    ],
)
def test_a_tag_that_is_no_release_is_refused(tag, version, problem):
    """Another version than that of the code, or nothing to say of it."""
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        release_notes(tag, f'__version__ = "{version}"\n', CHANGELOG)


def test_the_script_reads_the_version_of_this_checkout():
    """With no package but Python's own; exit status 1, so that the workflow stops."""
    command = [sys.executable, "-I", "-S", str(NOTES), "v0.0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    says = f"tag v0.0: mtrain/__init__.py has version {mtrain.__version__}\n"
    assert (done.returncode, done.stderr) == (1, says)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_have_a_version(workflow):
    """Each step uses one, or runs a command."""
    assert steps(workflow)
    for step in steps(workflow):
        assert ("uses" in step) != ("run" in step), step
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|release/v\d+)", step["uses"])


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_what_a_workflow_runs_is_in_the_repository(workflow):
    """Targets of make, and scripts."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for step in steps(workflow):
        words = shlex.split(step.get("run", ""), comments=True)
        for program, argument in pairwise(words):
            if program == "make":
                assert argument in targets
            elif program == "bash" or argument.endswith(".py"):
                assert (ROOT / argument).is_file(), argument


def test_only_the_release_may_write():
    """Each other job reads, or attests and publishes by its identity."""
    for workflow in WORKFLOWS:
        content = yaml.safe_load(workflow.read_text())
        assert content["permissions"] == {"contents": "read"}
        for name, job in content["jobs"].items():
            contents = job.get("permissions", {}).get("contents", "read")
            assert contents == ("write" if name == "release" else "read")


def test_the_report_of_a_bug_asks_for_the_installation():
    """By the command that prints it."""
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml").read_text())
    labels = [field["attributes"]["label"] for field in form["body"]]
    assert "mtrain --version --verbose" in labels
    assert len({field["id"] for field in form["body"]}) == len(labels)
