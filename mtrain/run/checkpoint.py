"""Checkpoints: a directory of arrays, plain state and the hashes of both, written whole."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge
from pydantic import TypeAdapter

from mtrain.config.experiment.custom_code import CustomModel
from mtrain.config.experiment.dataset import class_names
from mtrain.config.experiment.table import TableConfig
from mtrain.config.loading.load import load_config
from mtrain.errors import MtrainError, Problem, UsageError
from mtrain.metrics.epoch import TEMPERATURE
from mtrain.metrics.history import History
from mtrain.metrics.temperature import LARGEST
from mtrain.records.dataset import Encoding
from mtrain.records.ensemble import Ensemble
from mtrain.records.training import MOST_THREADS, OF_ROWS, Cursor
from mtrain.run.arrays import (
    read_arrays,
    stored_bytes,
    stored_shapes,
    write_arrays,
    write_each_array,
)
from mtrain.run.directory import ENSEMBLE
from mtrain.run.encoding import check_encoding
from mtrain.run.files import (
    attributing_errors,
    flush_to_disk,
    json_bytes,
    parse_json,
    read_bytes,
    whole_folder,
    write_bytes,
    write_text,
)
from mtrain.run.history_arrays import (
    GROUP,
    HistoryHead,
    history_arrays,
    history_from_arrays,
    history_head,
    history_shapes,
)
from mtrain.run.reading import of_schema, reading, validated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from mtrain.config.experiment.schema import Config
    from mtrain.records.arrays import Arrays, Shapes
    from mtrain.run.directory import RunDirectory

SCHEMA = 7
ARRAYS = "arrays.npz"
STATE = "state.json"
SUMS = "SHA256SUMS"

NAME = re.compile(rf"epoch-(\d{{4,10}})(?:-step-(\d{{6,12}}))?|{ENSEMBLE}")

GROUPS = ("model/", "loss/", "optimizer/", "counts/")
"""Prefixes of the names of a training's arrays; the history's arrays are a separate group."""

MEMBERS = "member_"
MEMBER = MEMBERS + "{}/"
"""The prefix of the arrays of a network of an ensemble, which are numbered from 1."""

LARGEST_STATE = 100_000_000
"""Bytes of `state.json` without epochs: config, encoding, and a line for each resumption."""

BYTES_PER_EPOCH = 30
"""Most bytes of the seconds of an epoch in it."""

LARGEST_HEADER = 1000
"""Bytes of an array in the file besides its values."""

OUTSIDE = ("", ".", "..")
"""Parts of a path that would lead out of a folder, or are not plain."""

MOST_PER_PARAMETER = 4 * 5
"""Bytes per parameter: the float32, and the state of the largest optimizer."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The state of a training, without the arrays."""

    config: Config
    classes: tuple[str, ...]
    encoding: Encoding
    """The encoding of rows as inputs of the model."""

    device: str
    """The kind it was trained on, `cpu` or `gpu`."""

    identity: Mapping[str, Any]
    """The facts that a resumed run must share to be the same to the last bit, by dotted key."""

    cursor: Cursor

    seconds: float
    """Seconds of the unfinished epoch so far."""

    best: str | None
    """The name of the checkpoint of the best epoch so far."""

    history: History
    """Up to the last whole epoch."""

    ensemble: Ensemble | None = None
    """The networks of an ensemble, which has no epochs; None: it is one network."""

    @property
    def n_networks(self) -> int:
        """How many networks its arrays are of."""
        return 1 if self.ensemble is None else len(self.ensemble.members)

    @property
    def threads(self) -> int | None:
        """Threads that one operation had on the CPU; None if the file has no valid number."""
        threads = self.identity.get("threads")
        return threads if type(threads) is int and 0 < threads <= MOST_THREADS else None

    @property
    def temperature(self) -> float:
        """By which outputs are divided before the last activation; 1 without one."""
        chosen = self.history.scalars.get(TEMPERATURE)
        return chosen[-1] if chosen and self.config.evaluation.calibrate is not None else 1.0

    @property
    def name(self) -> str:
        """`epoch-0007` after seven epochs, `epoch-0008-step-000350` within the next, or `ensemble`."""
        if self.ensemble is not None:
            return ENSEMBLE
        epoch, step = self.cursor.epoch, self.cursor.step
        return f"epoch-{epoch + 1:04}-step-{step:06}" if step else f"epoch-{epoch:04}"


@dataclass(frozen=True)
class _State:
    """The content of `state.json`."""

    config: Mapping[str, Any]
    classes: tuple[str, ...]
    encoding: Encoding
    device: str
    identity: Mapping[str, str | int | float | bool | None]
    cursor: Cursor
    seconds: Annotated[float, Ge(0)]
    best: str | None
    history: HistoryHead
    ensemble: Ensemble | None = None


_STATE = TypeAdapter(_State)


def check_state_size(checkpoint: Checkpoint) -> None:
    """Raise `MtrainError`, before training, for a state too large to be read from a checkpoint."""
    if (n_bytes := len(_state_bytes(checkpoint))) > LARGEST_STATE:
        raise MtrainError(
            f"its columns, categories and classes take {n_bytes:,} bytes in each checkpoint, at most "
            f"{LARGEST_STATE:,} can be read; dataset.exclude leaves out columns"
        )


def save_checkpoint(run: RunDirectory, checkpoint: Checkpoint, arrays: Arrays) -> str:
    """Write a checkpoint, in place of any of its name; returns its name."""
    with _saving(run, checkpoint) as file:
        write_arrays(file, arrays | history_arrays(checkpoint.history))
    return checkpoint.name


def save_each(
    run: RunDirectory, checkpoint: Checkpoint, arrays: Iterable[tuple[str, NDArray[Any]]]
) -> None:
    """As `save_checkpoint`, of named arrays that need not be in memory together; there are no others."""
    with _saving(run, checkpoint) as file:
        write_each_array(file, arrays)


@contextmanager
def _saving(run: RunDirectory, checkpoint: Checkpoint) -> Iterator[Path]:
    """The place of a checkpoint's arrays, after which all else of it is written."""
    path = run.checkpoints / checkpoint.name
    with attributing_errors(path):
        if not run.checkpoints.exists():
            run.checkpoints.mkdir()
            flush_to_disk(run.path)
    with whole_folder(path) as beside:
        yield beside / ARRAYS
        write_bytes(beside / STATE, _state_bytes(checkpoint))
        write_text(beside / SUMS, _sums(beside))


def _state_bytes(checkpoint: Checkpoint) -> bytes:
    """The content of `state.json`."""
    state = {
        "schema": SCHEMA,
        "config": checkpoint.config.model_dump(mode="json"),
        "classes": checkpoint.classes,
        "encoding": asdict(checkpoint.encoding),
        "device": checkpoint.device,
        "identity": checkpoint.identity,
        "cursor": asdict(checkpoint.cursor),
        "seconds": checkpoint.seconds,
        "best": checkpoint.best,
        "history": history_head(checkpoint.history),
    }
    if checkpoint.ensemble is not None:
        state["ensemble"] = asdict(checkpoint.ensemble)
    return json_bytes(state)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the checkpoint directory at `path`, without its arrays; no code in it is run.

    Raises `MtrainError` if a file is missing, differs from its hash, or is not a checkpoint's.
    """
    if not (match := NAME.fullmatch(path.name)):
        raise MtrainError("no name of a checkpoint", where=path)
    content = read_bytes(path / STATE, LARGEST_STATE + BYTES_PER_EPOCH * int(match[1] or 0))
    listed = read_bytes(path / SUMS, at_most=1000)
    if hashlib.sha256(content).hexdigest().encode() not in listed:
        raise MtrainError(f"damaged: its hash is not that in {SUMS}", where=path / STATE)
    with _reading(path / STATE):
        state = _state(parse_json(content, path / STATE))
        parts = {field.name: getattr(state, field.name) for field in fields(state)}
        parts |= {"config": load_config(state.config, {}), "history": History("", state.classes)}
        checkpoint = Checkpoint(**parts)
        if checkpoint.name != path.name:
            raise ValueError(f"it is {checkpoint.name}")
        epochs = state.cursor.epoch
        shapes = history_shapes(state.history, epochs, len(state.classes))
    _check_size(path / ARRAYS, checkpoint, shapes)
    try:
        damaged = _sums(path).encode() != listed
    except OSError as error:
        raise MtrainError(f"cannot be read: {error.strerror}", where=path) from error
    if damaged:
        raise MtrainError(f"damaged: its hash is not that in {SUMS}", where=path / ARRAYS)
    columns = read_arrays(path / ARRAYS, shapes, (*GROUPS, MEMBERS), is_finite=False)
    with _reading(path / STATE):
        history = history_from_arrays(state.history, state.classes, epochs, columns)
        checkpoint = replace(checkpoint, history=history)
        _check(checkpoint)
    return checkpoint


def read_checkpoint_arrays(
    path: Path, shapes: Shapes, *groups: str, without: tuple[str, ...] = ()
) -> Arrays:
    """The arrays of `groups` of the checkpoint at `path`, which must be exactly those of `shapes`.

    Names that begin with one of `without` are left alone. Raises `MtrainError` for others, before any value is read.
    """
    ignored = tuple(group for group in (*GROUPS, GROUP) if group not in groups)
    return read_arrays(path / ARRAYS, shapes, ignored + without)


def read_member_arrays(path: Path, shapes: Shapes, number: int) -> Arrays:
    """The arrays of network `number`, from 1, of the ensemble at `path`, by their own names.

    `shapes` and errors are as for `read_checkpoint_arrays`.
    """
    own = MEMBER.format(number)
    of_file = {f"{own}{name}": kind for name, kind in shapes.items()}
    arrays = read_arrays(path / ARRAYS, of_file, within=own)
    return {name.removeprefix(own): array for name, array in arrays.items()}


def read_training_arrays(path: Path) -> Arrays:
    """Weights, and what loss and optimizer keep, of the checkpoint at `path`, of whatever shapes.

    Without a model to tell them, as a comparison needs them. Raises `MtrainError` for a damaged file.
    """
    ignored = ("counts/", GROUP)
    return read_arrays(path / ARRAYS, stored_shapes(path / ARRAYS, ignored), ignored)


def checkpoint_sha256(path: Path) -> str:
    """Of `SHA256SUMS` of the checkpoint at `path`, and so of all that is in it."""
    return hashlib.sha256(read_bytes(path / SUMS, at_most=1000)).hexdigest()


def arrays_sha256(path: Path) -> str:
    """Of the arrays of the checkpoint at `path`, as its list has it: the same for two equal trainings."""
    return read_bytes(path / SUMS, at_most=1000)[:64].decode(errors="replace")


def _sums(path: Path) -> str:
    """The content of SHA256SUMS, as `sha256sum` writes and checks it."""
    lines = []
    for name in (ARRAYS, STATE):
        with (path / name).open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")
    return "".join(lines)


def _check_size(path: Path, checkpoint: Checkpoint, of_history: Shapes) -> None:
    """Whether the arrays fit the config, before any memory is allocated."""
    n_features, n_classes = checkpoint.encoding.n_features, len(checkpoint.classes)
    model = checkpoint.config.model
    if isinstance(model, CustomModel):
        return  # only its function knows
    parameters = checkpoint.n_networks * model.parameters(n_features, n_classes)
    columns = sum(8 * math.prod(shape) + LARGEST_HEADER for _, shape in of_history.values())
    beyond = 4 * n_classes**2 + 1_000_000 * checkpoint.n_networks + columns
    least = 4 * parameters
    most: float = MOST_PER_PARAMETER * parameters + beyond
    if checkpoint.config.custom_code:
        most = math.inf  # only it knows the size of its state
    size = stored_bytes(path, (OF_ROWS,))  # only the data know how many rows there are
    if not least <= size <= most:
        raise MtrainError(
            f"{size:,} bytes cannot be the arrays of its config's {parameters:,} parameters",
            where=path,
        )


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Like `reading`, for a state; each problem of its config has a line."""
    try:
        with reading(path, "a checkpoint"):
            yield
    except UsageError as error:
        raise MtrainError(*(Problem(str(one), str(path)) for one in error.problems)) from error


def _state(data: Any) -> _State:
    remedy = "; train it again: `mtrain fit` takes the run's config.yaml"
    state = validated(_STATE, of_schema(data, SCHEMA, remedy))
    check_encoding(state.encoding)
    try:
        class_names(state.classes)
    except ValueError as error:
        raise ValueError(f"classes: {error}") from error
    for key in state.identity:
        # No file of custom code outside of the run: it is opened by its name.
        kind, _, name = key.partition(".")
        if kind == "code" and ("\\" in name or not set(name.split("/")).isdisjoint(OUTSIDE)):
            raise ValueError(f"identity: {name!r:.60} cannot be a file of the run")
    return state


def _check(checkpoint: Checkpoint) -> None:
    """Raise `ValueError` for parts that are inconsistent."""
    epochs = {f"epoch-{epoch:04}" for epoch in checkpoint.history.epoch}
    if checkpoint.best is not None and checkpoint.best not in epochs:
        raise ValueError(f"best must name one of its epochs, got {checkpoint.best!r:.40}")
    if isinstance(checkpoint.config.dataset, TableConfig) != bool(checkpoint.encoding.columns):
        raise ValueError("its encoding is of another source")
    has_validation = checkpoint.config.dataset.validation is not None
    if checkpoint.history.epoch and ("val" in checkpoint.history.counts) != has_validation:
        raise ValueError("its history is of another config")
    chosen = checkpoint.config.evaluation.calibrate is not None
    if chosen and checkpoint.history.epoch and TEMPERATURE not in checkpoint.history.scalars:
        raise ValueError(f"its history lacks {TEMPERATURE}, which its config asks for")
    if checkpoint.ensemble is not None and (checkpoint.history.epoch or checkpoint.cursor.epoch):
        raise ValueError("an ensemble has no epochs")
    if not 1 / LARGEST <= checkpoint.temperature <= LARGEST:
        raise ValueError(f"{TEMPERATURE} must be between {1 / LARGEST} and {LARGEST}")
