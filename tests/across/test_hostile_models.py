"""Models of other programs, under any name."""

from __future__ import annotations

import pickle
import shutil
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
from strangers import Case, Payload, check_refused, zipped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


# --- Other programs' models


@pytest.fixture(scope="module")
def models(shared_run, tmp_path_factory):
    """A file or a folder of each kind, by its kind; those of Keras and TensorFlow are theirs."""
    import keras
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("models")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Keras' own
        model.save(folder / "keras.keras")
        model.save(folder / "hdf5.h5")
        model.save_weights(folder / "weights.weights.h5")
    tf.saved_model.save(tf.Module(), str(folder / "savedmodel"))
    tf.train.Checkpoint(model=model).save(str(folder / "tf_checkpoint" / "ckpt"))
    (folder / "torch").write_bytes(
        zipped(("archive/data.pkl", pickle.dumps(Payload())), ("archive/data/0", bytes(100)))
    )
    (folder / "large_torch").write_bytes(
        zipped(
            ("archive/data.pkl", pickle.dumps(Payload())),
            *((f"archive/data/{number}", bytes(100)) for number in range(5000)),
        )
    )
    for protocol in range(6):
        (folder / f"pickle_{protocol}").write_bytes(pickle.dumps(Payload(), protocol))
    np.savez(folder / "npz.npz", np.array([Payload()], object))
    (folder / "zip").write_bytes(zipped(("a.txt", b"")))
    (folder / "text").write_text("a text")
    (folder / "nothing").write_bytes(b"")
    return folder


MODELS = {
    "keras.keras": "a Keras model file (.keras)",
    "hdf5.h5": "an HDF5 file, as Keras' .h5",
    "weights.weights.h5": "an HDF5 file, as Keras' .h5",
    "savedmodel": "a TensorFlow SavedModel",
    "tf_checkpoint": "a TensorFlow checkpoint",
    "torch": "a PyTorch file with a pickle",
    "large_torch": "a PyTorch file with a pickle",
    **{f"pickle_{protocol}": "a pickle" for protocol in range(2, 6)},
    **{f"pickle_{protocol}": "a file" for protocol in range(2)},
    "npz.npz": "a NumPy archive (.npz)",
    "zip": "a zip archive",
    "text": "a file",
    "nothing": "a file",
}

NAMES = ("model.keras", "model.h5", "arrays.npz", "state.json", "best", "epoch-0004")


@pytest.fixture(scope="module")
def answers_to_models(ask, models):
    """To each model under its own name and under those of others, in a run's own folders."""

    def beside(model: str, name: str) -> Callable[[Path, Path], None]:
        def make(run: Path, _: Path) -> None:
            place = run / name
            if place.exists():
                shutil.rmtree(place)
            if (models / model).is_dir():
                shutil.copytree(models / model, place)
            else:
                shutil.copy(models / model, place)

        return make

    return ask(
        {
            f"{model} as {name}": Case(beside(model, name), says, ("evaluate", f"RUN/{name}"))
            for model, says in MODELS.items()
            for name in (model, *NAMES, "checkpoints/epoch-0004")
        }
    )


@pytest.mark.parametrize("name", [None, *NAMES, "checkpoints/epoch-0004"])
@pytest.mark.parametrize("model", MODELS)
def test_models_of_other_programs_are_refused_whatever_their_name(answers_to_models, model, name):
    """Told by what they hold; why is said, and nothing of them is loaded."""
    answer = answers_to_models[f"{model} as {name or model}"]
    check_refused(
        answer, Case(lambda *_: None, f"{MODELS[model]}, not a checkpoint of mtrain; name a run")
    )
