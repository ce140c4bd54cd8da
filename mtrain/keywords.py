"""Names of command-line options: in messages to Python callers, the Python name."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_FLAGS = ("allow-code", "allow-differences", "ensemble", "fast", "resume", "suspects", "yes")

_KEYWORDS = {"format": "file_format", "set": "set_level"}

_calls_python: ContextVar[bool] = ContextVar("calls_python", default=False)


@contextmanager
def naming_keywords() -> Iterator[None]:
    """In this context, `option` gives Python's names: a function was called."""
    token = _calls_python.set(True)
    try:
        yield
    finally:
        _calls_python.reset(token)


def option(name: str, value: str | None = None) -> str:
    """`--split test` on the command line, `split='test'` in Python; `--resume` and `resume=True`."""
    if not _calls_python.get():
        return f"--{name}" if value is None else f"--{name} {value}"
    if name in _FLAGS:
        return f"{name.replace('-', '_')}=True"
    keyword = _KEYWORDS.get(name, name)
    return keyword if value is None else f"{keyword}={value!r}"
