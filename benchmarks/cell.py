"""One process of one peer: trains a workload and prints one line of JSON.

    python -m benchmarks.cell PEER WORKLOAD EPOCHS SEED FOLDER

PEER is a module of `peers` and a function in it, as in `keras_fit.accuracy`; FOLDER holds the four
IDX files of Fashion-MNIST.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module

from benchmarks.images import read_images
from benchmarks.workloads import WORKLOADS

BEGIN = "training begins"
"""The line that is printed before the first epoch."""


def main() -> None:
    """Time the import of the peer's library and every epoch; the first compiles."""
    peer, workload, epochs, seed, folder = sys.argv[1:]
    module, function = peer.split(".")
    began = time.perf_counter()
    prepare = getattr(import_module(f"benchmarks.peers.{module}"), function)
    imported = time.perf_counter() - began

    training = prepare(WORKLOADS[workload], read_images(folder, "train"), int(seed))
    print(BEGIN, flush=True)
    seconds = training.train(int(epochs))
    test = read_images(folder, "t10k")
    accuracy = float((training.predicted(test.pixels) == test.labels).mean())
    print(json.dumps({"import": imported, "seconds": seconds, "accuracy": accuracy}))


if __name__ == "__main__":
    main()
