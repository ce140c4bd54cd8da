"""JSON Schemas of a run's JSON files and of what commands print, from the types of their content."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from mtrain.records.check import Checked
from mtrain.records.comparison import Comparison
from mtrain.records.export import Export
from mtrain.records.gate import Gate
from mtrain.records.report import Slices
from mtrain.records.reproduction import Reproduction
from mtrain.records.run import Environment
from mtrain.records.sweep import SweepResult
from mtrain.run import (
    check,
    comparison,
    environment,
    export,
    gate,
    history,
    metrics,
    reproduction,
    sweep,
    tracking,
)

NUMBERS: dict[str, Any] = {"items": {"type": "number"}, "type": "array"}


def file_schemas() -> dict[str, dict[str, Any]]:
    """By a file's name, the schema of draft 2020-12 that describes its content."""
    return {
        "check.json": _schema(
            "Settings and data that were checked", check.SCHEMA, TypeAdapter(Checked).json_schema()
        ),
        "comparison.json": _comparison(),
        "gate.json": _schema("The result of gates", gate.SCHEMA, _gate()),
        "environment.json": _schema(
            "What a run ran on", environment.SCHEMA, TypeAdapter(Environment).json_schema()
        ),
        "export.json": _schema(
            "An exported model", export.SCHEMA, TypeAdapter(Export).json_schema()
        ),
        "history.json": _schema(
            "Every figure of every epoch",
            history.SCHEMA,
            TypeAdapter(history.HistoryContent).json_schema(),
        ),
        "logged.json": _schema(
            "What was given to a tracker",
            tracking.SCHEMA,
            TypeAdapter(tracking.LoggedRuns).json_schema(),
        ),
        "metrics.json": _schema("An evaluation", metrics.SCHEMA, _metrics()),
        "reproduction.json": _schema("A run trained again", reproduction.SCHEMA, _reproduction()),
        "slices.json": _schema(
            "An evaluation by the values of a column", metrics.SCHEMA, _slices()
        ),
        "sweep.json": _schema(
            "The results of a sweep", sweep.SCHEMA, TypeAdapter(SweepResult).json_schema()
        ),
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


def _comparison() -> dict[str, Any]:
    """A comparison with its `schema`, or several with the names of all runs."""
    one = TypeAdapter(Comparison).json_schema(ref_template="#/$defs/{model}")
    definitions = {**one.pop("$defs"), "Comparison": one}
    version = {"const": comparison.SCHEMA}
    several = {
        "schema": version,
        "runs": {"type": "array", "items": {"type": "string"}, "minItems": 3},
        "comparisons": {"type": "array", "items": {"$ref": "#/$defs/Comparison"}, "minItems": 2},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Two runs compared, or several with the first",
        "$defs": definitions,
        "anyOf": [
            {
                "type": "object",
                "properties": {"schema": version, **one["properties"]},
                "required": ["schema", *one["required"]],
                "additionalProperties": False,
            },
            {
                "type": "object",
                "properties": several,
                "required": list(several),
                "additionalProperties": False,
            },
        ],
    }


def _gate() -> dict[str, Any]:
    """The record's schema, with the outcome of all rules, which follows from theirs."""
    schema = TypeAdapter(Gate).json_schema()
    outcome = schema["$defs"]["RuleResult"]["properties"]["outcome"]
    schema["properties"] = {"outcome": outcome, **schema["properties"]}
    schema["required"] = ["outcome", *schema["required"]]
    return schema


def _reproduction() -> dict[str, Any]:
    """The record's schema; of each figure also what follows from its numbers."""
    schema = TypeAdapter(Reproduction).json_schema()
    figure = schema["$defs"]["ReproducedFigure"]
    figure["properties"]["within"] = {"anyOf": [{"type": "boolean"}, {"type": "null"}]}
    figure["properties"]["is_shown"] = {"type": "boolean"}
    figure["required"] = [*figure["required"], "within", "is_shown"]
    return schema


def _metrics() -> dict[str, Any]:
    """The report's schema, with the file's names and the matrices, which are read separately."""
    schema: dict[str, Any] = _renamed(metrics.REPORT.json_schema())
    for holder in (schema, schema["$defs"]["SampleWeighted"]):
        holder["properties"][metrics.MATRIX] = {"items": NUMBERS, "type": "array"}
        holder["required"] = [*holder["required"], metrics.MATRIX]
    return schema


def _slices() -> dict[str, Any]:
    schema: dict[str, Any] = _renamed(TypeAdapter(Slices).json_schema())
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
