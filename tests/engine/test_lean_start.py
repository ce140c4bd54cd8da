"""Keras is loaded without what only other programs need, and nothing that mtrain does is lost."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from waiting import HANGS

from mtrain.loading import hidden_packages

EVERY_NAME = Path(__file__).parents[1] / "model"

ALL = """
import hashlib, json, sys
from pathlib import Path

import gc
import mtrain.loading
from mtrain.engine import backend

if sys.argv[1] == "alone":
    mtrain.loading.own_process()
backend.load_tensorflow()
loaded = sorted(set(backend.UNNEEDED) & set(sys.modules))
assert gc.isenabled()

import keras
import numpy as np
import tensorflow as tf
import test_every_name as every

def trained(**settings):
    trainer = every.trainer_of(**settings)
    for _ in trainer.records():
        pass
    weights = trainer.weights()
    return hashlib.sha256(b"".join(weights[name].tobytes() for name in sorted(weights))).hexdigest()

done = {}
done["layers"] = trained(model={"batch_norm": True, "dropout": 0.5, "l2": 0.1})
for name in every.ACTIVATIONS:
    done[name] = trained(model={"activation": name})
for name in every.LOSSES:
    done[name] = trained(n_classes=3 if every.takes(name, 3) else 2, loss=name)
for name in every.OPTIMIZERS:
    done[name] = trained(optimizer=name)
for name in every.SCHEDULES:
    done[name] = trained(optimizer=every.scheduled(name))

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax", kernel_initializer="ones")])
rows = np.arange(8, dtype=np.float32).reshape(2, 4)
model.export("exported", verbose=False)
exported = tf.saved_model.load("exported")
done["export"] = np.asarray(exported.serve(rows)).tolist()
model.save("saved.keras")
done["save"] = keras.saving.load_model("saved.keras").predict(rows, verbose=0).tolist()
with tf.summary.create_file_writer("events").as_default():
    tf.summary.scalar("loss", 0.5, step=1)
(events,) = Path("events").iterdir()
summaries = [e.summary.value[0].tag for e in tf.compat.v1.train.summary_iterator(str(events)) if e.summary.value]
done["summary"] = summaries

import scipy.stats, sklearn.datasets, matplotlib.figure

done["scipy"] = float(scipy.stats.norm.cdf(1.0))
done["sklearn"] = sklearn.datasets.load_digits().data.shape
done["matplotlib"] = len(matplotlib.figure.Figure().subplots(2, 2).flat)
print(json.dumps([loaded, done]))
"""

HERE_BEFORE = """
import sklearn.linear_model
import mtrain.loading
from mtrain.engine import backend

mtrain.loading.own_process()
backend.load_tensorflow()
import keras
import numpy as np

def model(X, y):
    made = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, "softmax")])
    made.compile("sgd", "categorical_crossentropy")
    return made

wrapped = keras.wrappers.SKLearnClassifier(model, fit_kwargs={"verbose": 0})
print(wrapped.fit(np.eye(2), np.array(["a", "b"])).classes_.tolist())
"""

NEEDED = """
import mtrain.loading
from mtrain.engine import backend

backend.UNNEEDED = ("ml_dtypes",)
mtrain.loading.own_process()
backend.load_tensorflow()
import ml_dtypes, keras
print(float(keras.ops.sum(keras.ops.ones(3, "bfloat16"))))
"""


def output_of(script, folder, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(EVERY_NAME)},
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_everything_works_without_them(tmp_path):
    """Each name of a config, export and summaries: to the last bit; and they are there afterwards."""
    folders = {how: tmp_path / how for how in ("alone", "with others")}
    for folder in folders.values():
        folder.mkdir()
    (lean, lean_done), (plain, plain_done) = (
        json.loads(output_of(ALL, folder, how)) for how, folder in folders.items()
    )

    assert lean == []
    assert {"matplotlib", "scipy", "sklearn"} <= set(plain)
    assert lean_done == plain_done


def test_what_a_program_has_imported_keras_has_too(tmp_path):
    """Its wrapper of scikit-learn, here."""
    assert output_of(HERE_BEFORE, tmp_path) == "['a', 'b']\n"


def test_keras_is_loaded_with_them_where_it_needs_one(tmp_path):
    """As a later version might."""
    assert output_of(NEEDED, tmp_path) == "3.0\n"


def test_packages_are_hidden_from_one_thread_for_a_while(tmp_path, monkeypatch):
    """Another one may import them meanwhile, and so may all afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("hidden_one", "hidden_two"):
        (tmp_path / f"{name}.py").touch()

    with hidden_packages(["hidden_one", "hidden_two"]), ThreadPoolExecutor(1) as pool:
        with pytest.raises(ModuleNotFoundError, match="hidden_one is hidden here"):
            importlib.import_module("hidden_one")
        assert pool.submit(importlib.import_module, "hidden_two").result().__name__ == "hidden_two"
    assert importlib.import_module("hidden_one").__name__ == "hidden_one"


@pytest.mark.parametrize(("owned", "loaded"), [("own_process()", True), ("", False)])
def test_a_module_is_loaded_meanwhile_in_a_process_of_mtrains_own(owned, loaded):
    """Elsewhere it is left to who needs it; one that is not installed is no matter."""
    code = f"""
import sys, threading
from mtrain.loading import load_meanwhile, own_process
{owned}
for module in "no_such_module", "scipy.special":
    load_meanwhile(module)
for thread in set(threading.enumerate()) - {{threading.main_thread()}}:
    thread.join()
print("scipy.special" in sys.modules)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS, check=True)
    assert (done.stdout, done.stderr) == (f"{loaded}\n", "")
