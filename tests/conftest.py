"""What several tests need: real data where it is, small data made here, and a finished run."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from mtrain.cli.main import run
from mtrain.config.catalog.metrics import METRICS
from mtrain.config.loading.load import load_config
from mtrain.data.inputs.piece import Seen
from mtrain.data.inputs.read import read_pieces
from mtrain.metrics.history import History
from mtrain.observer import TrainingFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mtrain.config.experiment.sources import SourceConfig

# TensorFlow's functions are never let go, and would be searched for garbage again and again.
gc.set_threshold(50_000)

# Its clocks are on the wall, and a busy machine is no fault of what is tested.
settings.register_profile("mtrain", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mtrain")

# What fails in them is explained as in tests.
pytest.register_assert_rewrite("command_line", "doubtful_tables", "hostile_json", "proposals")
# Their fixtures are for the tests beside them.
pytest_plugins = ("predicted_runs", "stopped_runs", "strangers", "users_code", "written_tables")

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs"


@pytest.fixture(autouse=True)
def signals_as_in_a_terminal() -> Iterator[None]:
    """What started the tests may ignore signals, as `nohup` does, and mtrain would leave it so."""
    defaults = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in defaults.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True, scope="session")
def temporary_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder for the temporary files of this process: xdist ends it before libraries remove theirs.

    Not by TMPDIR, which processes would inherit: Ray has sockets there, whose paths must be short.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))
        yield


@pytest.fixture(autouse=True)
def no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """What started the tests may say how wide its terminal is."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(autouse=True)
def unrendered(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts are drawn, but rendered in tests marked `renders` alone; it is half of a short `fit`."""
    if request.node.get_closest_marker("renders") is None:
        monkeypatch.setattr(
            "mtrain.report.charts.style.render",
            lambda figure, file_format: b"unrendered, by Matplotlib",
        )


@pytest.fixture(autouse=True)
def without_rivals(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables have rivals unasked in tests marked `rivals` alone; they are half of a short `fit`."""
    if request.node.get_closest_marker("rivals") is None:
        monkeypatch.setattr("mtrain.training.rivals.MOST_ROWS", 0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests whose fixtures are real data."""
    for item in items:
        if {"mnist_folder", "fashion_folder"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("real_data")


@pytest.fixture
def mnist_folder() -> Path:
    """Real MNIST; the test is skipped where it is not."""
    return _real_data("mnist")


@pytest.fixture
def fashion_folder() -> Path:
    """Real Fashion-MNIST; the test is skipped where it is not."""
    return _real_data("fashion_mnist")


def _real_data(name: str) -> Path:
    folder = os.environ.get("MTRAIN_TEST_DATA")
    if folder is None:
        pytest.skip("MTRAIN_TEST_DATA is not set to a folder with mnist and fashion_mnist")
    if not (path := Path(folder) / name).is_dir():
        pytest.skip(f"there is no {path}")
    return path


def dataset_config(**settings: Any) -> SourceConfig:
    """The dataset section of a config with these settings."""
    return load_config({"dataset": settings}, {}).dataset


def read_inputs(path: Path, config: Any, encoding: Any, memory: int) -> tuple[Any, tuple[str, ...]]:
    """The first rows to predict at `path`, and what is worth saying of them."""
    piece = next(read_pieces(path, config, encoding, memory))
    seen = Seen()
    seen.add(piece)
    return piece.split, tuple(seen.notes(path, encoding))


def facts_of(classes: tuple[str, ...], config: Any = None, history: Any = None, **rows: int) -> Any:
    """What an observer is told of a training of so many rows by split."""
    return TrainingFacts(
        run=Path("run"),
        device="CPU",
        config=load_config({}, {}) if config is None else config,
        classes=classes,
        rows=rows,
        shape=(),
        n_features=4,
        parameters=1,
        history=History("run", classes) if history is None else history,
        graph=bytes,
        weights=dict,
    )


def write_idx(path: Path, values: np.ndarray) -> None:
    """An IDX file as the MNIST page describes it."""
    codes = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}
    header = struct.pack(">HBB", 0, codes[values.dtype.name], values.ndim)
    sizes = struct.pack(f">{values.ndim}I", *values.shape)
    path.write_bytes(header + sizes + values.astype(values.dtype.newbyteorder(">")).tobytes())


@pytest.fixture
def idx_folder(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of four IDX files: blurred images of `classes` classes, 6x6 pixels."""

    def make(classes: int = 2, train: int = 200, test: int = 60, seed: int = 0) -> Path:
        folder = tmp_path / "idx"
        folder.mkdir()
        generator = np.random.default_rng(seed)
        prototypes = generator.integers(0, 256, (classes, 6, 6))
        for name, rows in (("train", train), ("t10k", test)):
            labels = np.arange(rows) % classes
            images = np.clip(prototypes[labels] + generator.normal(0, 60, (rows, 6, 6)), 0, 255)
            write_idx(folder / f"{name}-images-idx3-ubyte", images.astype(np.uint8))
            write_idx(folder / f"{name}-labels-idx1-ubyte", labels.astype(np.uint8))
        return folder

    return make


@pytest.fixture
def finished_run(shared_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test's own copy of `shared_run`, to evaluate and to change."""
    copy = tmp_path_factory.mktemp("finished") / shared_run.name
    return Path(shutil.copytree(shared_run, copy))


@pytest.fixture(scope="session")
def shared_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory of a short training on digits, with every metric; to be copied, or read."""
    out = tmp_path_factory.mktemp("runs") / "digits"
    settings = (
        "training.epochs=4",
        f"metrics=[{', '.join(METRICS)}]",
        "checkpoint.every_seconds=86400",  # a busy machine would be due to save within an epoch
    )
    config = str(CONFIGS / "digits.yaml")
    assert run(["fit", config, *settings, "--out", str(out), "--quiet"]) == 0
    return out
