"""`metrics.json`: the figures of an evaluation, written and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field as dataclass_field
from dataclasses import fields, is_dataclass, make_dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import numpy as np
from annotated_types import Ge
from pydantic import FiniteFloat, TypeAdapter

from mtrain.records.report import Report
from mtrain.run.files import json_text, read_json, write_text
from mtrain.run.reading import of_schema, reading, validated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mtrain.records.rivals import Rival

SCHEMA = 1

METRICS = "metrics.json"
SLICES = "slices.json"

MATRIX = "confusion_matrix"
WEIGHTED = "sample_weighted"
ARRAYS = (MATRIX, f"weighted_{MATRIX}", "predictions")
"""Fields of a report that are not plain data."""

NAMES = {
    "class_name": "class",
    "f1": "f1-score",
    "macro": "macro avg",
    "micro": "micro avg",
    "weighted": "weighted avg",
}
"""Names of fields in scikit-learn's report and in this file, where Python needs another name."""

_KINDS = get_type_hints(Report, include_extras=True)
_FIELDS = [field for field in fields(Report) if field.name not in ARRAYS]
REPORT: TypeAdapter[Any] = TypeAdapter(
    make_dataclass(
        "MetricsFile",
        [(f.name, _KINDS[f.name], dataclass_field(default=f.default)) for f in _FIELDS],
    )
)


COUNTS = TypeAdapter(list[list[Annotated[int, Ge(0)]]])
WEIGHTS = TypeAdapter(list[list[Annotated[FiniteFloat, Ge(0)]]])


def report_as_json(report: Report) -> dict[str, Any]:
    """The content of `metrics.json`; undefined values are None."""
    data = {"schema": SCHEMA, **_plain(report)}
    if report.sample_weighted is not None:
        data[WEIGHTED][MATRIX] = data.pop(f"weighted_{MATRIX}")
    if report.figures is not None:
        data["figures"] = dict(report.figures)  # whose names are the user's
    return data


def write_report(report: Report, folder: Path) -> None:
    """Write the `metrics.json` of an evaluation's folder, and the `slices.json` of one by a column."""
    data = report_as_json(report)
    if (by := data.pop("by", None)) is not None:
        write_text(folder / SLICES, json_text({"schema": SCHEMA, **by}))
    write_text(folder / METRICS, json_text(data))


def read_report(folder: Path) -> Report:
    """The report of an evaluation's folder, without its predictions.

    Raises `MtrainError` if the file is missing, or not as mtrain writes it.
    """
    path = folder / METRICS
    data = read_json(path)
    with reading(path, "figures of an evaluation"):
        data = of_schema(data, SCHEMA)
        n_classes = len(data["classes"])
        confusion = _matrix(data.pop(MATRIX), n_classes, COUNTS)
        weighted = None
        if WEIGHTED in data:
            weighted = _matrix(data[WEIGHTED].pop(MATRIX), n_classes, WEIGHTS)
        figures = data.pop("figures", None)
        read = validated(REPORT, _renamed(data) | ({} if figures is None else {"figures": figures}))
        _check_rivals(read.rivals or (), [one.name for one in read.classes])
        return Report(
            **{field.name: getattr(read, field.name) for field in _FIELDS},
            confusion_matrix=confusion,
            weighted_confusion_matrix=weighted,
        )


def _check_rivals(rivals: Sequence[Rival], classes: Sequence[str]) -> None:
    """Raise `ValueError` for rivals that no evaluation has."""
    if len({one.name for one in rivals}) < len(rivals):
        raise ValueError("a rival is there twice")
    for one in rivals:
        if one.problem is None and (
            one.accuracy is None
            or one.recall_macro is None
            or [of.name for of in one.classes] != list(classes)
        ):
            raise ValueError(f"{one.name} has neither all figures nor a problem")


def _plain(record: Any) -> Any:
    """A record as plain data, without empty fields."""
    if isinstance(record, tuple):
        return [_plain(item) for item in record]
    if isinstance(record, Mapping):
        return {NAMES.get(key, key): value for key, value in record.items()}
    if not is_dataclass(record):
        return record.tolist() if isinstance(record, np.ndarray) else record
    data = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if not (value is None and field.default is None) and field.name != "predictions":
            data[NAMES.get(field.name, field.name)] = _plain(value)
    return data


_FROM_FILE = {there: here for here, there in NAMES.items()}


def _renamed(data: Any) -> Any:
    """The data of the file with the names of Python's fields."""
    if isinstance(data, list):
        return [_renamed(item) for item in data]
    if not isinstance(data, dict):
        return data
    return {_FROM_FILE.get(key, key): _renamed(value) for key, value in data.items()}


def _matrix(data: Any, n_classes: int, kind: TypeAdapter[list[list[Any]]]) -> NDArray[Any]:
    rows = validated(kind, data)
    if {len(row) for row in rows} == {len(rows)} == {n_classes}:
        return np.array(rows)
    raise ValueError(f"{MATRIX} must have a row and a column for {n_classes} classes")
