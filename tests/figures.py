"""Train small experiments of every kind, and print what they came to: a change must not change it.

    python tests/figures.py > before.json     # of the code as it was
    python tests/figures.py before.json       # of the code as it is: names what differs

`exact` is a hash of all that an experiment wrote but names and times: on one machine, with the same
libraries, it is the same to the last bit. `counts` are the rows predicted rightly, of which rounding on
another processor moves a few: tests/figures.json has them.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from PIL import Image

import mtrain

if TYPE_CHECKING:
    from collections.abc import Callable

STORED = Path(__file__).with_suffix(".json")

CODE = '''
import keras
import tensorflow as tf


def model(inputs, classes):
    """A network with dropout and batch normalisation."""
    return keras.Sequential(
        [
            keras.layers.Input((inputs,)),
            keras.layers.Dense(12, activation="tanh"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )


def loss(y_true, y_pred):
    """Crossentropy, more of it for what is far from right."""
    right = tf.reduce_sum(y_true * y_pred, axis=-1)
    return -tf.math.log(right + 1e-7) * (2.0 - right)


class Confident(keras.metrics.Metric):
    """Share of rows with a probability above 0.5."""

    def __init__(self, name="confident", **options):
        super().__init__(name=name, **options)
        self.above = self.add_weight(name="above", initializer="zeros")
        self.rows = self.add_weight(name="rows", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        above = tf.reduce_max(y_pred, axis=-1) > 0.5
        self.above.assign_add(tf.reduce_sum(tf.cast(above, tf.float32)))
        self.rows.assign_add(tf.cast(tf.shape(y_pred)[0], tf.float32))

    def result(self):
        return self.above / self.rows


def margin(y_true, y_prob):
    """Mean lead of the likeliest class, of a whole split."""
    best = y_prob.copy()
    best.sort(axis=1)
    return float((best[:, -1] - best[:, -2]).mean())
'''


@dataclass(frozen=True)
class Experiment:
    """Settings, and what writes the data that they name into the folder of the config."""

    settings: dict[str, Any]
    write: Callable[[Path], object] | None = None
    stops_after: int | None = None
    """Epochs after which it is stopped, and resumed."""


def write_table(folder: Path) -> None:
    """Numbers with gaps, categories, weights, and a label of three classes that follow from them."""
    draw = np.random.default_rng(1)
    x, z = draw.integers(-500, 500, 400) / 100, draw.integers(-500, 500, 400) / 100
    colour = draw.integers(0, 3, 400)
    label = np.where(x + colour > 3, 2, np.where(z * z > 4, 1, 0))
    lines = ["x,z,colour,w,y"]
    for k in range(400):
        gap = "" if k % 17 == 0 else f"{z[k]}"
        colour_name = ("red", "green", "blue")[colour[k]]
        lines.append(f"{x[k]},{gap},{colour_name},{1 + k % 4},{'abc'[label[k]]}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n")


def write_two(folder: Path) -> None:
    """Two classes, one of them rare, as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    draw = np.random.default_rng(2)
    values = draw.integers(-100, 100, (600, 6)) / 50
    label = np.where(values.sum(axis=1) + draw.integers(-2, 3, 600) > 4.5, "leave", "stay")
    columns = {f"c{k}": values[:, k] for k in range(6)} | {"y": label}
    pq.write_table(pa.table(columns), folder / "two.parquet")


def write_arrays(folder: Path) -> None:
    """Arrays with splits and weights of their own, as scikit-learn's users save them."""
    draw = np.random.default_rng(3)
    arrays = {}
    for split, rows in (("train", 300), ("val", 60), ("test", 90)):
        x = draw.integers(0, 256, (rows, 5, 4)).astype(np.uint8)
        arrays[f"x_{split}"] = x
        arrays[f"y_{split}"] = x.reshape(rows, 4, 5).sum(axis=2, dtype=np.int64).argmax(axis=1)
        arrays[f"weights_{split}"] = draw.integers(1, 4, rows).astype(np.float32)
    np.savez(folder / "arrays.npz", **arrays)


def write_images(folder: Path) -> None:
    """Bright and dark, noisy, in colour."""
    draw = np.random.default_rng(4)
    for name, level in (("bright", 90), ("dark", 60), ("mid", 75)):
        (folder / "images" / name).mkdir(parents=True)
        for k in range(40):
            pixels = draw.integers(0, 90, (6, 7, 3)) + level
            Image.fromarray(pixels.astype(np.uint8)).save(folder / "images" / name / f"{k}.png")


def write_code(folder: Path) -> None:
    """A model, a loss and metrics of the user's own."""
    (folder / "mine.py").write_text(CODE)


DIGITS = {"name": "digits", "samples": 300}
TABLE = {"name": "csv", "path": "table.csv", "target": "y", "weights": "w", "missing": "median"}
STEADY = {"checkpoint": {"every_seconds": 86_400}}

EXPERIMENTS = {
    "defaults": Experiment({"dataset": DIGITS, "training": {"epochs": 4}}),
    "xla": Experiment(
        {
            "dataset": {**DIGITS, "scale": "standard", "seed": 5},
            "model": {"hidden": "20x2", "dropout": 0.2, "batch_norm": True, "l2": 0.001},
            "training": {"epochs": 3, "compile": "xla", "batch_size": 17},
            "metrics": ["accuracy", "precision", "recall", "f1", "roc_auc", "log_loss", "top_k"],
        }
    ),
    "graph": Experiment(
        {
            "dataset": {**DIGITS, "scale": "none", "validation": {"size": 0.3, "how": "tail"}},
            "model": {"hidden": [24, 12], "activation": "gelu", "dropout": 0.1, "activity": 0.01},
            "optimizer": {"name": "adamw", "weight_decay": 0.01, "clipnorm": 1.0},
            "loss": {"name": "categorical_crossentropy", "label_smoothing": 0.1},
            "training": {"epochs": 4, "compile": "graph", "shuffle": False},
        }
    ),
    "regression": Experiment(
        {
            "dataset": {**DIGITS, "validation": None},
            "model": {"hidden": []},
            "optimizer": {"name": "sgd", "momentum": 0.9, "nesterov": True},
            "training": {"epochs": 3, "steps_per_epoch": 6},
        }
    ),
    "schedule": Experiment(
        {
            "dataset": TABLE,
            "model": {"hidden": 12},
            "optimizer": {
                "name": "rmsprop",
                "learning_rate": {
                    "name": "CosineDecay",
                    "initial_learning_rate": 0.01,
                    "decay_steps": 60,
                },
            },
            "training": {"epochs": 6, "batch_size": 20, "class_weight": "balanced"},
            "metrics": ["accuracy", "precision", "recall", "f1", "matthews_corrcoef"],
        },
        write_table,
    ),
    "threshold": Experiment(
        {
            "dataset": {"name": "parquet", "path": "two.parquet", "target": "y"},
            "model": {"hidden": 8},
            "optimizer": {"learning_rate": 0.01},
            "training": {
                "epochs": 8,
                "class_weight": {"leave": 3.0},
                "save_best": "val_average_precision_macro",
            },
            "evaluation": {"threshold": "f1"},
            "metrics": ["accuracy", "recall", "precision", "average_precision", "keras_recall"],
        },
        write_two,
    ),
    "plateau": Experiment(
        {
            "dataset": {"name": "npz", "path": "arrays.npz", "weights": "weights"},
            "model": {"hidden": 16},
            "training": {
                "epochs": 12,
                "reduce_on_plateau": {"patience": 1, "factor": 0.5},
                "early_stopping": {"patience": 3},
            },
            "diagnostics": ["activations", "gradients", "weights"],
        },
        write_arrays,
    ),
    "images": Experiment(
        {
            "dataset": {"name": "images", "path": "images", "size": [5, 5], "color": "rgb"},
            "model": {"hidden": 10},
            "optimizer": {"learning_rate": 0.01},
            "training": {"epochs": 5, "batch_size": 8},
        },
        write_images,
    ),
    "synthetic": Experiment(
        {
            "dataset": {"name": "synthetic", "rows": 500, "n_classes": 5},
            "model": {"hidden": 6},
            "loss": "categorical_focal_crossentropy",
            "training": {"epochs": 2},
        }
    ),
    "custom": Experiment(
        {
            "dataset": DIGITS,
            "model": "mine:model",
            "loss": "mine:loss",
            "metrics": ["accuracy", "recall", "mine:Confident", "mine:margin"],
            "training": {"epochs": 3},
        },
        write_code,
    ),
    "whole": Experiment(
        {
            "dataset": DIGITS,
            "model": {"hidden": 16, "dropout": 0.3},
            "training": {"epochs": 4, "early_stopping": 4},
        }
    ),
    "resumed": Experiment(
        {
            "dataset": DIGITS,
            "model": {"hidden": 16, "dropout": 0.3},
            "training": {"epochs": 4, "early_stopping": 4},
        },
        stops_after=2,
    ),
}


def main() -> None:
    """Print the figures of all experiments, or what of them differs from a file."""
    with tempfile.TemporaryDirectory() as folder:
        found = {name: figures(name, Path(folder)) for name in EXPERIMENTS}
    if len(sys.argv) == 1:
        print(json.dumps(found, indent=2))
        return
    before = json.loads(Path(sys.argv[1]).read_text())
    other = [
        f"{name}: {kind}"
        for name in found
        for kind in found[name]
        if before.get(name, {}).get(kind) != found[name][kind]
    ]
    print("\n".join(other) or f"{len(found)} experiments, all the same")
    sys.exit(bool(other))


def figures(name: str, folder: Path) -> dict[str, Any]:
    """Train one, and hash what it came to."""
    experiment = EXPERIMENTS[name]
    place = folder / name
    place.mkdir()
    if experiment.write is not None:
        experiment.write(place)
    config = place / "config.yaml"
    config.write_text(yaml.safe_dump(STEADY | experiment.settings))
    run = place / "run"
    epochs = experiment.settings["training"]["epochs"]
    first = experiment.stops_after or epochs
    mtrain.fit(config, out=run, progress=False, training={"epochs": first}, report=first == epochs)
    if first < epochs:
        mtrain.resume(run, progress=False, training={"epochs": epochs}, allow_code=True)
    return {"counts": _counts(run), "exact": _exact(run)}


def _counts(run: Path) -> dict[str, list[int]]:
    """The rows predicted rightly: of each split and epoch, and of each class in the evaluation."""
    counts = json.loads((run / "history.json").read_text())["counts"]
    evaluation = next((run / "evaluation").iterdir())
    metrics = json.loads((evaluation / "metrics.json").read_text())
    by_epoch = {split: [sum(tp) for tp in of["tp"]] for split, of in counts.items()}
    return {**by_epoch, "evaluation": [one["tp"] for one in metrics["classes"]]}


def _exact(run: Path) -> str:
    """A hash of every number that the run wrote."""
    found = hashlib.sha256()
    history = json.loads((run / "history.json").read_text())
    for key in ("schema", "run", "seconds", "segments"):
        del history[key]
    found.update(json.dumps(history, sort_keys=True).encode())
    for path in sorted((run / "evaluation").glob("*/metrics.json")):
        metrics = json.loads(path.read_text())
        del metrics["schema"], metrics["data"]["source"], metrics["undefined"]
        metrics.pop("findings", None)  # words, which may change
        found.update(json.dumps(metrics, sort_keys=True).encode())
    for path in sorted((run / "evaluation").glob("*/predictions.npz")):
        _add_arrays(found, path)
    for pointer in ("best", "last"):
        if (file := run / "checkpoints" / pointer).exists():
            _add_arrays(found, run / "checkpoints" / file.read_text().strip() / "arrays.npz")
    return found.hexdigest()


def _add_arrays(found: Any, path: Path) -> None:
    """Add the values of all arrays, whatever they are called."""
    with np.load(path, allow_pickle=False) as arrays:
        for values in sorted(
            arrays[name].tobytes() for name in arrays.files if not name.startswith("seconds")
        ):
            found.update(values)


if __name__ == "__main__":
    main()
