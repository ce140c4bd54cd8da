"""Devices as TensorFlow shows them, in a process that has used them already too."""

from __future__ import annotations

import pytest

from mtrain.engine import device
from mtrain.engine.device import choose_device

IN_USE = [
    RuntimeError("Physical devices cannot be modified after being initialized"),
    ValueError("Cannot set memory growth on device when virtual devices configured"),
]
"""What TensorFlow raises of a GPU that this process has used, or has divided."""


@pytest.fixture
def asked_for(monkeypatch):
    """A machine with two GPUs; collects for which ones memory is to grow."""
    asked = []
    config = device.tf.config
    gpus = ["GPU:0", "GPU:1"]
    monkeypatch.setattr(config, "list_physical_devices", lambda kind=None: gpus)
    monkeypatch.setattr(config.experimental, "get_memory_growth", lambda gpu: False)
    monkeypatch.setattr(
        config.experimental, "get_device_details", lambda gpu: {"device_name": f"card of {gpu}"}
    )
    monkeypatch.setattr(
        config.experimental, "set_memory_growth", lambda gpu, enable: asked.append((gpu, enable))
    )
    return asked


def test_memory_of_every_gpu_is_taken_as_it_is_needed(asked_for):
    """TensorFlow would take all the memory of each, that of those not used as well."""
    chosen = choose_device("auto")

    assert asked_for == [("GPU:0", True), ("GPU:1", True)]
    assert (chosen.kind, chosen.description) == ("gpu", "card of GPU:0")
    assert chosen.reason == "TensorFlow sees it, the first of 2"


@pytest.mark.parametrize("error", IN_USE, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("wanted", ["auto", "gpu", "cpu"])
def test_a_gpu_that_this_process_uses_already_is_taken_as_it_is(
    asked_for, monkeypatch, error, wanted
):
    """As after `import tensorflow` and a tensor on the GPU."""

    def set_memory_growth(gpu, enable):
        raise error

    monkeypatch.setattr(device.tf.config.experimental, "set_memory_growth", set_memory_growth)

    assert choose_device(wanted).kind == ("cpu" if wanted == "cpu" else "gpu")
    assert asked_for == []


def test_a_gpu_whose_memory_grows_is_not_asked_again(asked_for, monkeypatch):
    """TensorFlow refuses even that once it is in use."""
    monkeypatch.setattr(device.tf.config.experimental, "get_memory_growth", lambda gpu: True)
    choose_device("gpu")

    assert asked_for == []
