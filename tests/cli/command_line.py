"""The command as a process of its own, and within this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from waiting import HANGS

from mtrain.cli.main import run

COMMAND = str(Path(sys.executable).with_name("mtrain"))


def mtrain_process(*arguments, **environment):
    """Run the installed command to its end."""
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
        env=os.environ | environment,
    )


def said(capsys, *arguments):
    """Exit status and what stderr says, of a command run in this process."""
    status = run(list(map(str, arguments)))
    return status, capsys.readouterr().err.removeprefix("mtrain: ").removesuffix("\n")


def evaluated(capsys, *arguments):
    """The metrics that evaluate prints."""
    capsys.readouterr()
    assert run(["evaluate", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)
