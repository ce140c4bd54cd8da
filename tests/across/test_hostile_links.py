"""Links, FIFOs and system calls: nothing outside of a run is read or changed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hostile_arrays import ARRAYS, replace_arrays
from strangers import SECRET, Case, change_state, check_refused, content_of, moved_outside, put
from waiting import HANGS

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND = str(Path(sys.executable).with_name("mtrain"))


def linked_nowhere(run: Path, outside: Path) -> None:
    shutil.rmtree(run / "charts")
    (run / "charts").symlink_to(outside / "charts")


LINKED = (
    *("checkpoints", "checkpoints/epoch-0004", "checkpoints/best", "checkpoints/last"),
    *(f"checkpoints/epoch-0004/{name}" for name in ("arrays.npz", "state.json", "SHA256SUMS")),
    *("config.yaml", "environment.json", "history.json", "history.csv"),
    *("by_class.csv", ".lock"),
    *("charts", "charts/learning_curves.png"),
    *("evaluation", "evaluation/test", "evaluation/test/metrics.json"),
)

LINKS = {
    **{
        f"{command}-{name}": Case(
            moved_outside(name), "is a symbolic link; a run must not have one", (command, "RUN")
        )
        for command in ("evaluate", "plot", "resume")
        for name in LINKED
    },
    "evaluate-a_checkpoint_by_its_name": Case(
        moved_outside("checkpoints/epoch-0004"),
        "is a symbolic link; a run must not have one",
        ("evaluate", "RUN/checkpoints/epoch-0004"),
    ),
    "plot-a_history_by_its_name": Case(
        moved_outside("history.json"),
        "is a symbolic link; a run must not have one",
        ("plot", "RUN/history.json"),
    ),
    "plot-charts_that_are_not_there_yet": Case(
        linked_nowhere, "is a symbolic link; a run must not have one", ("plot", "RUN")
    ),
}


def waits(name: str) -> Callable[[Path, Path], None]:
    """A FIFO in the file's place."""

    def make(run: Path, _: Path) -> None:
        (run / name).unlink()
        os.mkfifo(run / name)

    return make


IN_CHECKPOINT = "checkpoints/epoch-0004"

FIFOS = {
    "evaluate-state.json": Case(waits(f"{IN_CHECKPOINT}/state.json"), "state.json: not a file"),
    "evaluate-arrays.npz": Case(waits(f"{IN_CHECKPOINT}/arrays.npz"), "arrays.npz: not a file"),
    "evaluate-SHA256SUMS": Case(waits(f"{IN_CHECKPOINT}/SHA256SUMS"), "SHA256SUMS: not a file"),
    "evaluate-best": Case(waits("checkpoints/best"), "best: not a file"),
    "evaluate-itself": Case(
        waits("history.json"), "neither a folder nor a file", ("evaluate", "RUN/history.json")
    ),
    "plot-history.json": Case(waits("history.json"), "no history.json", ("plot", "RUN")),
    "plot-itself": Case(waits("history.json"), "not a file", ("plot", "RUN/history.json")),
    "resume-config.yaml": Case(
        waits("config.yaml"), "config.yaml: not a file", ("resume", "RUN"), status=2
    ),
    "resume-state.json": Case(
        waits(f"{IN_CHECKPOINT}/state.json"), "state.json: not a file", ("resume", "RUN")
    ),
    "resume-arrays.npz": Case(
        waits(f"{IN_CHECKPOINT}/arrays.npz"), "arrays.npz: not a file", ("resume", "RUN")
    ),
}


CASES = {
    **{f"link/{name}": case for name, case in LINKS.items()},
    **{f"fifo/{name}": case for name, case in FIFOS.items()},
}


@pytest.fixture(scope="module")
def answers(ask):
    """To all that is to be refused."""
    return ask(CASES)


@pytest.mark.parametrize("name", LINKS)
def test_a_link_out_of_the_run_is_not_followed(answers, name):
    """To a file, to a folder, or to where there is nothing yet."""
    check_refused(answers[f"link/{name}"], LINKS[name])


@pytest.mark.parametrize("name", FIFOS)
def test_nothing_waits_for_a_fifo(answers, name):
    """It is no file, and that is said."""
    check_refused(answers[f"fifo/{name}"], FIFOS[name])


# --- System calls


OPENING = ("open", "openat", "openat2")
CHANGING = (
    *("creat", "truncate", "mkdir", "mkdirat", "rename", "renameat", "renameat2", "rmdir"),
    *("unlink", "unlinkat", "symlink", "symlinkat", "link", "linkat", "mknod", "mknodat"),
    *("chmod", "fchmodat", "chown", "fchownat"),
)
LEAVING = ("connect", "execve", "execveat")


def strace_works() -> bool:
    if shutil.which("strace") is None:
        return False
    command = ["strace", "-f", "-qq", "-o", "/dev/null", sys.executable, "-c", ""]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def network_is_asked_for(run: Path, _: Path) -> None:
    change_state(run, put(config__dataset={"name": "mnist"}))


def payload_in_the_weights(run: Path, outside: Path) -> None:
    replace_arrays(run, outside, ARRAYS["pickled_objects"], "model/hidden_1/bias")


def leaves_the_folder(run: Path, outside: Path) -> None:
    replace_arrays(run, outside, ARRAYS["name_with_dots"], "model/hidden_1/bias")


@pytest.mark.skipif(not strace_works(), reason="strace is not installed, or may not trace")
@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(payload_in_the_weights, "must be float32 (64,), got ", id="a_pickle"),
        pytest.param(leaves_the_folder, "'../evil' is not of it", id="a_name_with_dots"),
        pytest.param(moved_outside("checkpoints"), "is a symbolic link", id="a_link"),
        pytest.param(network_is_asked_for, "downloads", id="data_of_the_network"),
    ],
)
def test_evaluating_a_strangers_run_does_nothing_outside_of_it(small_run, tmp_path, make, says):
    """No file is opened to be written, no secret is opened, no network, no other program."""
    run, outside, home = (tmp_path / name for name in ("run", "outside", "home"))
    shutil.copytree(small_run, run)
    for folder in (outside, home):
        folder.mkdir()
        (folder / "secret.txt").write_text(SECRET)
    (home / "keras.json").write_text("{}")  # Keras writes one where there is none
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    make(run, outside)
    before = content_of(tmp_path)
    log = tmp_path / "calls"
    own = {"HOME": home, "KERAS_HOME": home, "TMPDIR": temporary, "MPLCONFIGDIR": temporary}
    watched = ("-e", f"trace={','.join(OPENING + CHANGING + LEAVING)}", "-e", "signal=none")
    done = subprocess.run(
        ["strace", "-f", "-qq", "-s", "4096", *watched, "-o", log, COMMAND, "evaluate", run],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=HANGS,
        env=os.environ
        | {name: str(path) for name, path in own.items()}
        | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    calls = re.findall(r"^\d+ +(\w+)\((.*)", log.read_text(), re.MULTILINE)
    log.unlink()

    assert done.returncode == 1, done.stderr
    assert says in done.stderr
    assert len([name for name, _ in calls if name in OPENING]) > 100
    # What TensorFlow and scikit-learn do before any file of the run is looked at.
    theirs = re.compile(rf'"({temporary}/|{temporary}"|/dev/(null|tty|shm/)|/proc/self/)')
    changing = [call for call in calls if changes(*call) and not theirs.search(call[1])]
    assert changing == []
    assert [call for call in calls if "secret.txt" in call[1]] == []
    assert [call for call in calls if "AF_INET" in call[1]] == []
    drawing = f'"{sys.executable}", ["{sys.executable}", "-P", "-c", "\\nimport sys\\n'
    begun = [what for name, what in calls if name.startswith("exec") and drawing not in what]
    programs = {re.search('"(.*?)"', what)[1] for what in begun}
    assert {Path(program).name for program in programs} <= {"mtrain", "uname", "fc-list"}
    changed = before.items() ^ content_of(tmp_path).items()
    assert {path for path, _ in changed if not path.startswith("temporary")} == set()


def changes(call: str, what: str) -> bool:
    """Whether a system call that did not fail changed something."""
    opened = call in OPENING and re.search("O_(WRONLY|RDWR|CREAT|TRUNC|APPEND)", what)
    return bool(opened or call in CHANGING) and " = -1 E" not in what
