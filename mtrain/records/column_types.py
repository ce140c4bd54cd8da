"""Columns that go with predictions: of one type, though their pieces are of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from mtrain.errors import MtrainError

if TYPE_CHECKING:
    import pyarrow as pa


def common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The type of Arrow that holds the values of both, or else their text."""
    import pyarrow as pa

    if one == other:
        return one
    schemas = [pa.schema([("", _type_of_values(kind))]) for kind in (one, other)]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except pa.ArrowException:
        return pa.large_string()


def as_type(name: str, column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """The column as this `common_type` of it and others.

    Raises `MtrainError` for values that would not be the same, as whole numbers of more than 15 digits
    among fractions.
    """
    import pyarrow as pa

    if column.type == kind:
        return column
    plain = column.cast(_type_of_values(column.type))
    if pa.types.is_large_string(kind) and not _has_text(plain.type):
        texts = [None if value is None else as_text(value) for value in plain.to_pylist()]
        return pa.chunked_array([texts], kind)
    try:
        return plain.cast(kind)
    except pa.ArrowException as error:
        problem = f"is {column.type} in some rows and {kind} in others: {error}"
        raise MtrainError(f"column {name!r} {problem}", remedy="make it of one type") from error


def as_text(value: Any) -> str:
    """A value that is kept, as text; one that has others in it is JSON."""
    # Dates and the like are text in JSON; what it lacks, such as decimals, is what Python prints.
    return json_of(value) if isinstance(value, dict | list) else str(value)


def json_of(value: Any) -> str:
    """A value in JSON; undefined numbers are null."""
    return orjson.dumps(value, default=str).decode()


def _type_of_values(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _has_text(kind: pa.DataType) -> bool:
    """Whether Arrow's text of such values is that of a CSV of predictions: `1`, and not `true`."""
    import pyarrow as pa

    is_text = any(
        is_it(kind)
        for is_it in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    )
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return bool(is_text or is_number or pa.types.is_null(kind))
