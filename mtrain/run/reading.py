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


def of_schema(data: Any, schema: int, remedy: str = "") -> dict[str, Any]:
    """A file's content without its `schema`; raises `TypeError` or `ValueError` for another schema."""
    if not isinstance(data, dict):
        raise TypeError("not a mapping")
    if (its := data["schema"]) != schema:
        raise ValueError(f"its schema is {its!r:.40}, this mtrain reads {schema}{remedy}")
    return {key: value for key, value in data.items() if key != "schema"}


def validated(adapter: TypeAdapter[Data], data: Any) -> Data:
    """JSON as the adapter's type; numbers are not text, and unknown keys are errors.

    Raises pydantic's `ValidationError`.
    """
    # As JSON: only there lists are tuples and mappings dataclasses, and nothing else is converted.
    return adapter.validate_json(json_bytes(data), strict=True, extra="forbid")


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn errors of the file at `path` into `MtrainError`; `kind` is its expected kind."""
    try:
        yield
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as e:
        raise _wrong(path, kind, e) from e


def _wrong(path: Path, kind: str, error: Exception) -> MtrainError:
    if isinstance(error, ValidationError):
        first, *others = error.errors(include_url=False, include_input=False)
        where = ".".join(map(str, first["loc"]))
        more = f" (and {len(others):,} more)" if others else ""
        problem = f"{where}: {first['msg']}{more}"
    else:
        problem = f"no {error}" if isinstance(error, KeyError) else str(error)
    return MtrainError(f"not {kind} as mtrain writes it: {problem:.200}", where=path)
