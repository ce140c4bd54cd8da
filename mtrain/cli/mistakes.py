"""Messages about mistakes on the command line, and what was likely meant."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import typer

EXAMPLES = {
    "fit": "`mtrain fit config.yaml`; `mtrain init config.yaml` writes one",
    "resume": "`mtrain resume outputs/digits`",
    "evaluate": "`mtrain evaluate outputs/digits`",
    "predict": "`mtrain predict outputs/digits rows.csv`",
    "plot": "`mtrain plot outputs/digits`",
    "reproduce": "`mtrain reproduce outputs/digits`",
    "check": "`mtrain check config.yaml`",
    "summary": "`mtrain summary config.yaml`",
    "init": "`mtrain init config.yaml --data rows.csv`",
}
"""An example of each command that takes arguments."""

MEANT = {
    "train": "fit",
    "run": "fit",
    "start": "fit",
    "continue": "resume",
    "restart": "resume",
    "repeat": "reproduce",
    "replicate": "reproduce",
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
"""Names that other programs give a command."""


TAKING_SETTINGS = {"fit", "check", "summary", "resume", "reproduce"}


def explain(
    error: typer.TyperException, commands: Collection[str], arguments: Sequence[str]
) -> str:
    """The message of `error`, and what helps.

    `commands` are all commands, `arguments` those of the whole command line.
    """
    # Typer passes pydantic's prefix on.
    message = error.format_message().replace("Value error, ", "")
    message = re.sub("Input should be a valid number, .*", "must be a number", message)
    if unknown := re.fullmatch(r"No such command '(.*)'\.", message):
        message = f"{message} {_nearest(unknown[1], commands)}"
    option = str(getattr(error, "option_name", ""))
    if message.startswith("No such option") and (hint := _setting_hint(option, arguments)):
        message = f"No such option: {option}{hint}"
    command = getattr(getattr(error, "ctx", None), "info_name", None)
    is_of_arguments = message.startswith(("Missing argument", "Got unexpected extra argument"))
    if is_of_arguments and command in EXAMPLES:
        message = f"{message.removesuffix('.')}. For example: {EXAMPLES[command]}"
    return f"command line: {message}"


def _nearest(word: str, commands: Collection[str]) -> str:
    if word.endswith((".yaml", ".yml")):
        return f"Did you mean `mtrain fit {word}`?"
    known = {**dict(zip(commands, commands, strict=True)), **MEANT}
    if near := difflib.get_close_matches(word.lower(), known, n=1):
        return f"Did you mean '{known[near[0]]}'?"
    return f"Choose one of {', '.join(commands)}"


def _setting_hint(option: str, arguments: Sequence[str]) -> str:
    """The end of a message about an unknown option that is a setting; empty for any other."""
    if not TAKING_SETTINGS & set(arguments[:1]):
        return ""
    if option in {"--set", "--override", "--param"}:
        return "; settings are written without it: training.epochs=3"
    from mtrain.config.loading.unknown_settings import setting_path

    path = setting_path(option.lstrip("-").replace("-", "_"))
    if path is None:
        return ""
    return f"; settings are written {path}={_value_of(option, arguments)}"


def _value_of(option: str, arguments: Sequence[str]) -> str:
    for position, argument in enumerate(arguments):
        if argument.startswith(f"{option}="):
            return argument.partition("=")[2]
        if argument == option:
            for following in arguments[position + 1 : position + 2]:
                if not following.startswith("--") and "=" not in following:
                    return following
    return "VALUE"
