"""scikit-learn's `MLPClassifier`, which has SGD and Adam, on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.peers import Training, timed
from benchmarks.workloads import CLASSES, Workload

if TYPE_CHECKING:
    from benchmarks.images import Images


def partial_fit(workload: Workload, train: Images, seed: int) -> Training:
    """An epoch a call; without the penalty and the momentum that are its defaults."""
    network = MLPClassifier(
        workload.hidden,
        solver=workload.optimizer,
        alpha=0,
        batch_size=workload.batch_size,
        learning_rate_init=workload.learning_rate,
        momentum=0,
        nesterovs_momentum=False,
        epsilon=1e-7,
        random_state=np.random.RandomState(seed),  # an int would repeat the same order each epoch
    )

    def epoch() -> tuple[float, float]:
        network.partial_fit(train.pixels, train.labels, classes=np.arange(CLASSES))
        return network.loss_, float("nan")

    return Training(timed(epoch), network.predict)
