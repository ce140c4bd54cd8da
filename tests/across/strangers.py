"""What strangers make of a run, and what mtrain says to it: nothing in it is run or believed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import warnings
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import settings
from waiting import HANGS

from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MARKER = "a-payload-was-run"
SECRET = "a secret that is nobody's business"


class Payload:
    """Makes a folder when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, (MARKER,)


@dataclass(frozen=True)
class Case:
    """What a stranger made of a run, and what is said of it."""

    make: Callable[[Path, Path], object]
    """Changes the run in the first folder; the second is outside of it."""

    says: str
    command: tuple[str, ...] = ("evaluate", "RUN")
    status: int = 1


# --- Making them


def checkpoint_of(run: Path) -> Path:
    return run / "checkpoints" / (run / "checkpoints" / "best").read_text().strip()


def sign(checkpoint: Path) -> None:
    """Make SHA256SUMS right, as anybody can."""
    lines = [
        f"{hashlib.sha256((checkpoint / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("arrays.npz", "state.json")
    ]
    (checkpoint / "SHA256SUMS").write_text("".join(lines))


def change_json(path: Path, change: Callable[[Any], Any]) -> None:
    """Change what a file says; `change` works in place, or returns what it says from now on."""
    data = json.loads(path.read_text())
    changed = change(data)
    if isinstance(changed, str | bytes):
        path.write_bytes(changed if isinstance(changed, bytes) else changed.encode())
    else:
        path.write_text(json.dumps(data if changed is None else changed))


def change_state(run: Path, change: Callable[[Any], Any]) -> None:
    checkpoint = checkpoint_of(run)
    change_json(checkpoint / "state.json", change)
    sign(checkpoint)


def put(**values: Any) -> Callable[[Any], None]:
    """Sets `a__b=value` at `["a"]["b"]`."""

    def change(data):
        for keys, value in values.items():
            *parents, last = keys.split("__")
            inner = data
            for parent in parents:
                inner = inner[parent]
            inner[last] = value

    return change


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(
    *entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_STORED
) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Duplicate name")
        for name, data in entries:
            file.writestr(name, data)
    return content.getvalue()


def npy(array: Any, **options: Any) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, np.asanyarray(array), **options)
    return content.getvalue()


# --- Links and FIFOs


def moved_outside(name: str) -> Callable[[Path, Path], None]:
    """The file or folder lies outside, and a link where it was."""

    def make(run: Path, outside: Path) -> None:
        path = run / name
        path.rename(outside / path.name)
        path.symlink_to(outside / path.name)

    return make


# --- Asking mtrain


@dataclass(frozen=True)
class Answer:
    """What a process of its own said to a case."""

    run: Path
    outside: Path
    said: dict[str, Any]
    changed: list[str]
    """Paths below the case's folder whose content is not what it was."""


@pytest.fixture(scope="session")
def small_run(shared_run, tmp_path_factory):
    """The finished run, as quick to copy as can be."""
    run = tmp_path_factory.mktemp("hostile") / "run"
    shutil.copytree(shared_run, run)
    for chart in run.rglob("*.png"):
        chart.write_bytes(b"\x89PNG")
    return run


@pytest.fixture(scope="session")
def shapes(small_run):
    """What the model's variables are."""
    with np.load(checkpoint_of(small_run) / "arrays.npz") as arrays:
        return {
            name: (arrays[name].dtype.name, arrays[name].shape)
            for name in arrays.files
            if name.startswith("model/")
        }


@pytest.fixture(scope="session")
def ask(small_run, shapes, tmp_path_factory):
    """Makes cases, and lets one child answer them, each in a process of its own."""

    def all_of(cases: dict[str, Case]) -> dict[str, Answer]:
        folder = tmp_path_factory.mktemp("cases")
        places, jobs, before = {}, [], {}
        for number, (name, case) in enumerate(cases.items()):
            run, outside = folder / str(number) / "run", folder / str(number) / "outside"
            for place in (outside, outside.with_name("working")):
                place.mkdir(parents=True)
            (outside / "secret.txt").write_text(SECRET)
            shutil.copytree(small_run, run)
            case.make(run, outside)
            places[name] = run, outside
            before[name] = content_of(run.parent)
            jobs.append(job_of(case, run, shapes))
        done = subprocess.run(
            [sys.executable, "-B", str(ROOT / "tests" / "sandbox.py")],
            input=json.dumps(jobs),
            capture_output=True,
            text=True,
            check=False,
            timeout=HANGS,
        )
        assert done.returncode == 0, done.stderr
        answers = {}
        for (name, (run, outside)), said in zip(
            places.items(), json.loads(done.stdout), strict=True
        ):
            after = content_of(run.parent)
            paths = sorted(before[name].keys() | after.keys())
            changed = [path for path in paths if before[name].get(path) != after.get(path)]
            answers[name] = Answer(run, outside, said, changed)
        return answers

    return all_of


def job_of(case: Case, run: Path, shapes: Any) -> dict[str, Any]:
    place = {"working": str(run.with_name("working"))}
    if case.command == ("CHECKPOINT",):
        return {**place, "checkpoint": str(checkpoint_of(run)), "shapes": shapes}
    return {**place, "command": [argument.replace("RUN", str(run)) for argument in case.command]}


def content_of(folder: Path) -> dict[str, str]:
    """Every path below a folder, and a hash of what it is; links are not followed."""
    found = {}
    for path in folder.rglob("*"):
        kind = path.lstat().st_mode
        if stat.S_ISLNK(kind):
            content = str(path.readlink()).encode()
        else:
            content = path.read_bytes() if stat.S_ISREG(kind) else b""
        # The lock's own file comes and goes.
        if path.name not in {".lock", ".writer"}:
            found[str(path.relative_to(folder))] = (
                f"{stat.S_IFMT(kind)} {hashlib.sha256(content).hexdigest()}"
            )
    return found


def check_refused(answer: Answer, case: Case) -> None:
    """A few lines in time, and nothing else."""
    said = answer.said
    lines = said["stderr"].splitlines()
    shown = said["stderr"][-2000:]
    assert said["status"] == case.status, shown
    assert case.says in said["stderr"], shown
    assert [line for line in lines if not line.startswith("mtrain: ")] == []
    assert said["stdout"] == ""
    assert "\x1b" not in said["stderr"]
    assert SECRET not in said["stderr"]
    check_harmless(answer)
    assert len(lines) <= 100, f"{len(lines):,} lines"
    assert max(map(len, lines)) <= 2000
    assert said["bytes"] <= 200_000_000, f"{said['bytes']:,} bytes"
    assert said["seconds"] <= 10, f"{said['seconds']} s"


def check_harmless(answer: Answer) -> None:
    """Nothing was run, nothing outside the run was opened, nothing at all changed."""
    said, outside = answer.said, str(answer.outside)
    assert said["ran"] == []
    assert [path for path in said["opened"] if path.startswith(outside)] == []
    assert [path for path in said["changed"] if not path.startswith(str(answer.run))] == []
    assert answer.changed == []


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("scratch")


many_examples = settings(max_examples=150)


def tried(call: Callable[..., Any], *arguments: Any) -> tuple[Any, str]:
    """What a call returns, or else why mtrain refuses."""
    try:
        return call(*arguments), ""
    except MtrainError as error:
        return None, str(error)
