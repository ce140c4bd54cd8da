"""What somebody meant by an option that a command does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TAKING_SETTINGS = {"fit", "check", "summary", "resume"}


def setting_hint(option: str, arguments: Sequence[str]) -> str:
    """The end of a message about an unknown option that is a setting; empty for any other.

    `arguments` are those of the whole command line.
    """
    if not TAKING_SETTINGS & set(arguments[:1]):
        return ""
    from mtrain.config.problems import setting_path

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
