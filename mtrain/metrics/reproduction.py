"""Two runs of one config compared to the last bit, as a function of what their files hold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.records.reproduction import Difference, FileComparison

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from mtrain.records.arrays import Arrays
    from mtrain.records.reproduction import RunContent, Scalar

OF_DATA = ("data.", "splits.")
"""The facts that tell which rows a run was trained and evaluated on."""


def compare_environments(first: RunContent, second: RunContent) -> FileComparison:
    """The facts that decide the bits: versions, machine, flags, device, threads, data, splits."""
    differences = _of_values(first.identity, second.identity)
    n = len(first.identity.keys() | second.identity.keys())
    return FileComparison("environment.json", "facts", n, tuple(differences))


def is_of_other_data(environment: FileComparison) -> bool:
    """Whether the two runs were trained or evaluated on other rows."""
    return any(one.name.startswith(OF_DATA) for one in environment.differences)


def compare_results(first: RunContent, second: RunContent) -> tuple[FileComparison, ...]:
    """Checkpoints, history and evaluations, file by file; times are left out.

    Both runs have evaluations of the same splits.
    """
    return (*_checkpoints(first, second), _histories(first, second), *_evaluations(first, second))


def _checkpoints(first: RunContent, second: RunContent) -> Iterator[FileComparison]:
    for role in dict.fromkeys([*first.checkpoints, *second.checkpoints]):
        file = f"checkpoints/{role}"
        one, other = first.checkpoints.get(role), second.checkpoints.get(role)
        if one is None or other is None:
            without = first if one is None else second
            yield FileComparison(file, "arrays", 0, (), f"is missing in {without.name}")
            continue
        differences = [Difference("name", one.name, other.name)] if one.name != other.name else []
        differences += _of_arrays(one.arrays, other.arrays)
        n = len(one.arrays.keys() | other.arrays.keys())
        yield FileComparison(file, "arrays", n, tuple(differences))


def _histories(first: RunContent, second: RunContent) -> FileComparison:
    """Each column of the epochs that both have."""
    differences = []
    if first.epochs != second.epochs:
        differences.append(Difference("epoch", first.epochs, second.epochs))
    if first.classes != second.classes:
        differences.append(
            Difference("classes", ", ".join(first.classes), ", ".join(second.classes))
        )
    both = min(first.epochs, second.epochs)
    columns: list[Arrays] = [
        {name: column[:both] for name, column in run.columns.items()} for run in (first, second)
    ]
    differences += _of_arrays(*columns, is_by_epoch=True)
    n = len(columns[0].keys() | columns[1].keys())
    return FileComparison("history.json", "columns", n, tuple(differences))


def _evaluations(first: RunContent, second: RunContent) -> Iterator[FileComparison]:
    for split, one in first.evaluations.items():
        folder, other = f"evaluation/{split}", second.evaluations[split]
        matrices = [each.saved.report.confusion_matrix for each in (one, other)]
        differences = [
            *_of_arrays({"confusion_matrix": matrices[0]}, {"confusion_matrix": matrices[1]}),
            *_of_values(one.figures, other.figures),
        ]
        n = len(one.figures.keys() | other.figures.keys()) + 1
        yield FileComparison(f"{folder}/metrics.json", "figures", n, tuple(differences))
        if one.probabilities is not None or other.probabilities is not None:
            yield _predictions(f"{folder}/predictions.npz", first, second, split)


def _predictions(file: str, first: RunContent, second: RunContent, split: str) -> FileComparison:
    arrays: list[Arrays] = []
    for run in (first, second):
        evaluation = run.evaluations[split]
        if evaluation.probabilities is None:
            return FileComparison(file, "arrays", 0, (), f"was not kept in {run.name}")
        saved = evaluation.saved
        indices = {"rows": saved.rows, "y_true": saved.labels, "y_pred": saved.predicted}
        groups = {} if saved.groups is None else {"groups": saved.groups}
        arrays.append({**indices, **groups, "probabilities": evaluation.probabilities})
    n = len(arrays[0].keys() | arrays[1].keys())
    return FileComparison(file, "arrays", n, tuple(_of_arrays(*arrays)))


def _of_values(first: Mapping[str, Scalar], second: Mapping[str, Scalar]) -> Iterator[Difference]:
    for name in dict.fromkeys([*first, *second]):
        one, other = first.get(name), second.get(name)
        if one != other or type(one) is not type(other):
            yield Difference(name, one, other, largest=_distance(one, other))


def _distance(one: Scalar, other: Scalar) -> float | None:
    numbers = [x for x in (one, other) if isinstance(x, int | float) and not isinstance(x, bool)]
    return abs(float(numbers[1]) - float(numbers[0])) if len(numbers) == 2 else None


def _of_arrays(first: Arrays, second: Arrays, *, is_by_epoch: bool = False) -> Iterator[Difference]:
    """The arrays that are not equal to the last bit; with `is_by_epoch` a row is an epoch."""
    for name in dict.fromkeys([*first, *second]):
        one, other = first.get(name), second.get(name)
        forms = [None if array is None else _form(array) for array in (one, other)]
        if one is None or other is None or forms[0] != forms[1]:
            yield Difference(name, forms[0], forms[1])
            continue
        differ = _bits(one) != _bits(other)
        if differ.any():
            epoch = None
            if is_by_epoch:
                rows = differ.reshape(len(one), -1).any(axis=1)
                epoch = int(np.flatnonzero(rows)[0]) + 1
            yield Difference(
                name, values=int(differ.sum()), largest=_largest(one, other), epoch=epoch
            )


def _form(array: NDArray[Any]) -> str:
    return f"{array.dtype} {array.shape}"


def _bits(array: NDArray[Any]) -> NDArray[Any]:
    """The bits of each number, flat: 0.0 is not -0.0, and NaN is NaN."""
    return np.ascontiguousarray(array).reshape(-1).view(f"u{array.dtype.itemsize}")


def _largest(one: NDArray[Any], other: NDArray[Any]) -> float | None:
    """The largest distance of two defined numbers."""
    distances = np.abs(one.astype(np.float64) - other.astype(np.float64))
    largest = float(np.max(distances, initial=-1, where=~np.isnan(distances)))
    return None if largest < 0 or math.isinf(largest) else largest
