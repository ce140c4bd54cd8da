"""What a mistake on the command line is called, and what was likely meant."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    import typer

EXAMPLES = {
    "fit": "`mtrain fit config.yaml`; `mtrain init config.yaml` writes one",
    "resume": "`mtrain resume outputs/digits`",
    "evaluate": "`mtrain evaluate outputs/digits`",
    "predict": "`mtrain predict outputs/digits rows.csv`",
    "plot": "`mtrain plot outputs/digits`",
    "check": "`mtrain check config.yaml`",
    "summary": "`mtrain summary config.yaml`",
}
"""How each command is typed that has an argument without a default."""

MEANT = {
    "train": "fit",
    "run": "fit",
    "start": "fit",
    "continue": "resume",
    "restart": "resume",
    "test": "evaluate",
    "eval": "evaluate",
    "validate": "evaluate",
    "score": "evaluate",
    "infer": "predict",
    "inference": "predict",
    "classify": "predict",
    "draw": "plot",
    "chart": "plot",
    "charts": "plot",
    "inspect": "check",
    "lint": "check",
    "ls": "runs",
    "list": "runs",
    "show": "summary",
    "describe": "summary",
    "model": "summary",
    "new": "init",
    "create": "init",
}
"""What other programs call a command."""


def explain(error: typer.TyperException, commands: Collection[str]) -> str:
    """The message of `error`, and what helps; `commands` are all there are."""
    # Typer passes pydantic's prefix on.
    message = error.format_message().replace("Value error, ", "")
    if unknown := re.fullmatch(r"No such command '(.*)'\.", message):
        message = f"{message} {_nearest(unknown[1], commands)}"
    command = getattr(getattr(error, "ctx", None), "info_name", None)
    if message.startswith("Missing argument") and command in EXAMPLES:
        message = f"{message} For example: {EXAMPLES[command]}"
    return f"command line: {message}"


def _nearest(word: str, commands: Collection[str]) -> str:
    if word.endswith((".yaml", ".yml")):
        return f"Did you mean `mtrain fit {word}`?"
    known = {**dict(zip(commands, commands, strict=True)), **MEANT}
    if near := difflib.get_close_matches(word.lower(), known, n=1):
        return f"Did you mean '{known[near[0]]}'?"
    return f"Choose one of {', '.join(commands)}"
