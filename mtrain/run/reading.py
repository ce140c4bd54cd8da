"""Plain data of a run's files, checked by pydantic before anything uses them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from mtrain.errors import MtrainError
from mtrain.run.files import json_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic import TypeAdapter

Data = TypeVar("Data")


def validated(adapter: TypeAdapter[Data], data: Any) -> Data:
    """What JSON says, as the adapter's type; numbers are no text, and no key is unknown.

    Raises `ValueError` with where the first problem is.
    """
    try:
        # As JSON: only there lists are tuples and mappings dataclasses, and nothing else is converted.
        return adapter.validate_json(json_bytes(data), strict=True, extra="forbid")
    except ValidationError as error:
        first, *others = error.errors(include_url=False, include_input=False)
        where = ".".join(map(str, first["loc"]))
        more = f" (and {len(others):,} more)" if others else ""
        raise ValueError(f"{where}: {first['msg']}{more}") from error


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Let what is wrong with the file at `path` out as `MtrainError`; `kind` is what it should be."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        problem = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise MtrainError(f"{path}: not {kind}, as mtrain writes it: {problem:.200}") from error
