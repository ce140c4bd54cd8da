"""Compilation, threads and the device are chosen by rule."""

from __future__ import annotations

import re

import pytest
import tensorflow as tf

from mtrain.config.loading.load import load_config
from mtrain.engine.compilation import choose_compilation
from mtrain.engine.device import choose_device, leaves_cpus_idle, thread_count
from mtrain.engine.threads import choose_threads
from mtrain.errors import MtrainError, UsageError


def test_compilation_is_chosen_by_rule():
    """As asked; else by batch size and device alone."""

    def chosen(device_kind, **training):
        return choose_compilation(load_config({"training": training}, {}), device_kind)

    assert chosen("cpu", compile="graph") == "graph"
    assert chosen("cpu", batch_size=32) == "xla"
    assert chosen("cpu", batch_size=1200) == "xla"
    assert chosen("cpu", batch_size=4096) == "graph"
    assert chosen("gpu", batch_size=4096) == "xla"


def test_threads_are_chosen_by_rule(monkeypatch):
    """One for 32 rows times 784 * 30 + 30 * 10 weights, all for 1,200 rows of them."""
    monkeypatch.setattr("mtrain.engine.threads.cpu_count", lambda: 64)

    assert choose_threads((784, 30, 10), 32) == 1
    assert choose_threads((784, 30, 10), 1200) == 64
    assert choose_threads((784, 500, 500, 10), 32) == 64


@pytest.mark.parametrize("asked", ["-1", "2.5", "nonsense", " ", "99999999999", "1025"])
def test_threads_that_tensorflow_cannot_have_are_refused(monkeypatch, asked):
    """It would abort, hang or ignore them; 0 and nothing are its own ways to say all CPUs."""
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", asked)
    message = f"TF_NUM_INTRAOP_THREADS: must be a number of threads up to 1,024, got {asked!r}"
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        choose_device("cpu", 1)


def test_a_limit_on_threads_is_a_wish_to_leave_cpus_to_others(monkeypatch):
    """Predictions fill them where the rule chose one thread for an operation, and only there."""
    threading = "mtrain.engine.device.tf.config.threading.get_intra_op_parallelism_threads"
    monkeypatch.setattr("mtrain.engine.device.cpu_count", lambda: 4)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    for ours, idle, threads in ((0, False, 1), (1, True, 1), (4, False, 4)):
        monkeypatch.setattr(threading, lambda ours=ours: ours)
        assert leaves_cpus_idle() == idle
        assert thread_count() == threads


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_an_error():
    """And no silent fallback; `auto` says why it takes the CPU."""
    with pytest.raises(MtrainError, match="--device gpu: "):
        choose_device("gpu")
    assert "GPU" in choose_device("auto").reason
    assert choose_device("auto").kind == "cpu"
