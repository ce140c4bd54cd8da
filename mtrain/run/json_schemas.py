"""JSON Schemas of a run's JSON files, from the types by which these are read."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from mtrain.records.run import Environment
from mtrain.run import environment, history, metrics

NUMBERS: dict[str, Any] = {"items": {"type": "number"}, "type": "array"}


def file_schemas() -> dict[str, dict[str, Any]]:
    """By a file's name, the schema of draft 2020-12 that describes its content."""
    return {
        "environment.json": _schema(
            "What a run ran on", environment.SCHEMA, TypeAdapter(Environment).json_schema()
        ),
        "history.json": _schema(
            "Every figure of every epoch",
            history.SCHEMA,
            TypeAdapter(history.HistoryContent).json_schema(),
        ),
        "metrics.json": _schema("An evaluation", metrics.SCHEMA, _metrics()),
    }


def _schema(title: str, version: int, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a file from a record's; the file's `schema` has its version."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": title,
        "properties": {"schema": {"const": version}, **schema["properties"]},
        "required": ["schema", *schema["required"]],
        "additionalProperties": False,
    }


def _metrics() -> dict[str, Any]:
    """The report's schema, with the file's names and the matrices, which are read separately."""
    schema: dict[str, Any] = _renamed(metrics.REPORT.json_schema())
    for holder in (schema, schema["$defs"]["SampleWeighted"]):
        holder["properties"][metrics.MATRIX] = {"items": NUMBERS, "type": "array"}
        holder["required"] = [*holder["required"], metrics.MATRIX]
    return schema


def _renamed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [
            metrics.NAMES.get(item, item) if isinstance(item, str) else _renamed(item)
            for item in schema
        ]
    if not isinstance(schema, dict):
        return schema
    return {metrics.NAMES.get(key, key): _renamed(value) for key, value in schema.items()}
