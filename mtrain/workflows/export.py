"""Export a checkpoint to a format that other programs run, and prove that they predict the same."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from glob import escape
from typing import TYPE_CHECKING, Any, get_args

from mtrain.config.experiment.custom_code import refuse_code
from mtrain.config.experiment.table import TableConfig
from mtrain.data.table import NUMBER
from mtrain.errors import MtrainError, UsageError
from mtrain.exporting.around import Around
from mtrain.exporting.facts import facts_of
from mtrain.exporting.onnx_file import check_is_plain, check_onnx
from mtrain.exporting.proof import check_proof, prove
from mtrain.exporting.raw_rows import raw_inputs, rounded_columns, texts_of_categories
from mtrain.exporting.signature import inputs_of, legal_inputs_of, outputs_of
from mtrain.inference.network import loaded_network
from mtrain.inference.threshold import chosen_threshold
from mtrain.keywords import option
from mtrain.metrics.thresholds import predict_above
from mtrain.records.export import Export, Format, Tensor
from mtrain.run.directory import EXPORTED
from mtrain.run.files import attributing_errors, flush_to_disk
from mtrain.run.find_checkpoint import with_checkpoint
from mtrain.workflows.checkpoint_data import load_checkpoint_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from mtrain.data.source import Source
    from mtrain.engine.network import Network
    from mtrain.run.checkpoint import Checkpoint
    from mtrain.run.find_checkpoint import CheckpointPlace

FORMATS: tuple[Format, ...] = get_args(Format)

NAMES: dict[Format, str] = {
    "onnx": EXPORTED.replace(".", "{}."),
    "saved_model": "saved_model{}",
    "keras": "model{}.keras",
}
"""In the run's folder; of a checkpoint that is not the run's own, with its name."""


def export(
    checkpoint: Path,
    *,
    file_format: Format = "onnx",
    out: Path | None = None,
    data: Path | None = None,
    allow_code: bool = False,
) -> Export:
    """Export a run's best checkpoint, or the one checkpoint named, and prove the export.

    The exported model takes raw rows, as they were read, and predicts the test split as the run does:
    no other class, but for ties of 1e-6, and no probability that is 1e-4 apart. `out` is a new file, or a folder
    for `saved_model`; None: `model.onnx`, `model.keras` or `saved_model` in the run. `data` and
    `allow_code` are as for `evaluate`. Raises `UsageError` for a format whose packages are missing or
    that cannot hold the model, `MtrainError` for data that are missing and for a model that predicts
    otherwise.
    """
    if file_format not in FORMATS:
        expected = f"choose one of {', '.join(FORMATS)}"
        raise UsageError(f"{expected}, got {file_format!r}", where=option("format"))
    if file_format == "onnx":
        check_onnx(option("format"))

    def use(place: CheckpointPlace, saved: Checkpoint) -> Export:
        refuse_code(saved.config.custom_code.values(), place.path, allowed=allow_code)
        if file_format == "onnx":
            other = f"{option('format')} saved_model takes any model"
            check_is_plain(saved, place.path, other)
        path = out or _usual_place(place, file_format)
        _check_ending(path, file_format)
        _check_new(path)
        return _export(place, saved, file_format, path, data)

    return with_checkpoint(checkpoint, use)


def _usual_place(place: CheckpointPlace, file_format: Format) -> Path:
    of = "" if place.is_default else f"-{place.path.name}"
    return place.run.path / NAMES[file_format].format(of)


def _check_ending(path: Path, file_format: Format) -> None:
    """Raise `UsageError` for a file whose name tells of another format."""
    if file_format != "saved_model" and path.suffix.lower() != f".{file_format}":
        raise UsageError(f"must end in .{file_format}, got {str(path)!r}", where=option("out"))


def _check_new(path: Path) -> None:
    if path.exists() or path.is_symlink():
        remedy = f"remove it, or name another place by {option('out')}"
        raise UsageError("exists", where=path, remedy=remedy)
    if not path.absolute().parent.is_dir():
        raise UsageError("no such folder", where=path.parent)


def _export(
    place: CheckpointPlace, saved: Checkpoint, file_format: Format, path: Path, data: Path | None
) -> Export:
    """Read the data, predict them, write the model, and have it predict them, too."""
    loaded = load_checkpoint_data(saved, data, place)
    if loaded.dataset.sha256 != saved.identity.get("data.sha256"):
        raise MtrainError(
            "not the data of the training, by which an export is proved",
            where=loaded.dataset.source,
        )
    rows = loaded.dataset.test
    threshold, _ = chosen_threshold(saved, place.path)
    around = _around(place, saved, loaded.source, threshold)
    test = loaded.draw().splits["test"]
    raw, rounded = raw_inputs(test, saved.encoding), rounded_columns(test, saved.encoding)
    with loaded_network(saved, place) as (network, _):
        from mtrain.engine.predictor import Predictor

        ours = Predictor(network, rows.features.dtype).predict(rows)
        if threshold is not None:
            ours = predict_above(ours, threshold)
        form = _form(file_format, place, saved, network, around)
        with _appearing(path) as beside:
            with attributing_errors(path), _attributing(form.runtime, place.path):
                form.write(beside)
                theirs = form.run(beside, raw)
            proof = prove(
                ours, *theirs, saved.classes, threshold, split="test", runtime=form.runtime
            )
            check_proof(proof, str(place.path), rounded)
    inputs = (inputs_of if file_format == "onnx" else legal_inputs_of)(saved.encoding)
    outputs = outputs_of(len(saved.classes))
    if file_format == "keras":
        outputs = (Tensor("output", "float32", tuple(network.model.output_shape[1:])),)
    return Export(path, file_format, form.read_by, inputs, outputs, proof)


def _around(
    place: CheckpointPlace, saved: Checkpoint, source: Source, threshold: float | None
) -> Around:
    config = saved.config.dataset
    markers = config.missing_values if isinstance(config, TableConfig) else ()
    is_refused = isinstance(config, TableConfig) and (
        config.missing is None or config.drops_incomplete
    )
    return Around(
        classes=saved.classes,
        encoding=saved.encoding,
        texts=texts_of_categories(
            source.splits.values(),
            saved.encoding,
            ("", *map(str, markers)),
            are_refused=is_refused,
        ),
        missing=tuple(float(one) for one in markers if re.match(NUMBER, str(one))),
        threshold=threshold,
        facts=facts_of(saved, place),
    )


@contextmanager
def _attributing(runtime: str, path: Path) -> Iterator[None]:
    """Turn whatever another package raises about a model into a `MtrainError` of one line."""
    try:
        yield
    except (MtrainError, MemoryError, OSError):
        raise
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise MtrainError(
            f"not exported: {runtime} refuses it: {reason:.300}", where=path
        ) from error


@dataclass(frozen=True)
class _Form:
    """How a format is written and run."""

    write: Callable[[Path], None]
    run: Callable[[Path, Mapping[str, NDArray[Any]]], tuple[NDArray[Any], NDArray[np.float32]]]
    """From raw rows to labels (N,) and probabilities (N, K)."""

    runtime: str
    read_by: str


def _form(
    file_format: Format,
    place: CheckpointPlace,
    saved: Checkpoint,
    network: Network,
    around: Around,
) -> _Form:
    if file_format == "onnx":
        from mtrain.exporting import onnx_file

        write = partial(onnx_file.write_onnx, saved=saved, place=place, around=around)
        return _Form(write, onnx_file.run_onnx, onnx_file.onnx_runtime(), onnx_file.READ_BY)
    if file_format == "saved_model":
        from mtrain.exporting import saved_model

        write = partial(saved_model.write_saved_model, network=network, around=around)
        run = saved_model.run_saved_model
        return _Form(write, run, saved_model.RUNTIME, saved_model.READ_BY)
    from mtrain.exporting import keras_file

    write = partial(
        keras_file.write_keras, network=network, around=around, config=saved.config.model
    )
    by_keras = partial(keras_file.run_keras, around=around)
    return _Form(write, by_keras, keras_file.RUNTIME, keras_file.READ_BY)


@contextmanager
def _appearing(path: Path) -> Iterator[Path]:
    """A place for a file or folder, which appears at `path` when the block ends well.

    What an export that was killed has left there is removed.
    """
    for left in path.parent.glob(f".{escape(path.name)}.*.tmp"):
        if not _is_running(left.suffixes[-2][1:]):
            shutil.rmtree(left, ignore_errors=True)
    # In a folder of its own, so that its ending stays: Keras decides by it.
    room = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with attributing_errors(path):
            room.mkdir()
        yield room / path.name
        _check_new(path)  # another program may have been faster
        with attributing_errors(path):
            flush_to_disk(room / path.name)
            (room / path.name).rename(path)
            flush_to_disk(path.parent)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _is_running(process: str) -> bool:
    """Whether this machine has a process of this number."""
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except OSError:
        return True  # of another user
    return True
