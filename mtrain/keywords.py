"""What the options of the command line are called in Python."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FLAGS = ("allow-code", "allow-differences", "resume")
_OPTIONS = ("data", "device", "format", "out", "split", "threshold")

_OPTION = re.compile(
    rf"(?<![\w./-])--(?:(?P<flag>{'|'.join(_FLAGS)})"
    rf"|(?P<option>{'|'.join(_OPTIONS)})(?: (?P<value>auto|cpu|gpu|test|train|val))?)(?![\w-])"
)


@contextmanager
def naming_keywords() -> Iterator[None]:
    """Let an error out with Python's names: `split` for `--split`, `resume=True` for `--resume`."""
    try:
        yield
    except MtrainError as error:
        error.args = (with_keywords(str(error)),)
        raise


def with_keywords(message: str) -> str:
    """The message of a command, with the options named as keywords; commands in it stay as they are."""
    parts = message.split("`")
    parts[::2] = [_OPTION.sub(_keyword, part) for part in parts[::2]]
    return "`".join(parts)


def _keyword(option: re.Match[str]) -> str:
    if (flag := option["flag"]) is not None:
        return f"{flag.replace('-', '_')}=True"
    name = "file_format" if option["option"] == "format" else option["option"]
    return name if option["value"] is None else f"{name}={option['value']!r}"
