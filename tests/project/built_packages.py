"""Packages of this checkout, built as users and CI build them."""

from __future__ import annotations

import re
import subprocess

import pytest
from waiting import HANGS

WITHOUT_BACKEND = r"No matching distribution found for hatchling|Could not find .* hatchling"
"""What pip says if it cannot fetch what builds mtrain."""


def build(command, folder):
    """Run a command that builds packages; the test is skipped if there is no package index."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=HANGS, check=False
    )
    printed = done.stdout + done.stderr
    if re.search(WITHOUT_BACKEND, printed):
        pytest.skip("the build backend, hatchling, cannot be fetched from the package index")
    assert done.returncode == 0, printed
