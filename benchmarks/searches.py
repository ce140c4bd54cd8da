"""One search over learning rates by another library, two trainings at a time.

    python -m benchmarks.searches SEARCH EPOCHS FOLDER RATE ...

SEARCH is `grid_search`, `optuna` or `ray`; FOLDER holds the four IDX files of Fashion-MNIST.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.images import read_images
from benchmarks.workloads import CLASSES, PIXELS, WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.images import Images

JOBS = 2


def main() -> None:
    """Search, and print the best rate."""
    name, epochs, folder, *rates = sys.argv[1:]
    search = {"grid_search": grid_search, "optuna": with_optuna, "ray": with_ray}[name]
    print(search(folder, int(epochs), [float(rate) for rate in rates]))


def grid_search(folder: str, epochs: int, rates: Sequence[float]) -> float:
    """scikit-learn's network of the same size; each candidate is trained once, on all training rows."""
    from sklearn.model_selection import GridSearchCV, PredefinedSplit
    from sklearn.neural_network import MLPClassifier

    workload = WORKLOADS["W1"]
    train, test = read_images(folder, "train"), read_images(folder, "t10k")
    network = MLPClassifier(
        workload.hidden,
        solver=workload.optimizer,
        alpha=0,
        batch_size=workload.batch_size,
        max_iter=epochs,
        momentum=0,  # as the others: Keras' SGD has none
        nesterovs_momentum=False,
        epsilon=1e-7,
        n_iter_no_change=epochs,
    )
    is_tested = np.repeat([-1, 0], [len(train.labels), len(test.labels)])
    search = GridSearchCV(
        network,
        {"learning_rate_init": list(rates)},
        cv=PredefinedSplit(is_tested),
        n_jobs=JOBS,
        refit=False,
    )
    search.fit(
        np.concatenate([train.pixels, test.pixels]), np.concatenate([train.labels, test.labels])
    )
    best: float = search.best_params_["learning_rate_init"]
    return best


def with_optuna(folder: str, epochs: int, rates: Sequence[float]) -> float:
    """A grid of trials in threads of one process, as `n_jobs` has it."""
    import optuna

    train, test = read_images(folder, "train"), read_images(folder, "t10k")
    objective = _keras_objective(train, test, epochs)
    study = optuna.create_study(
        sampler=optuna.samplers.GridSampler({"rate": list(rates)}), direction="maximize"
    )
    study.optimize(
        lambda trial: objective(trial.suggest_categorical("rate", list(rates))),
        n_trials=len(rates),
        n_jobs=JOBS,
    )
    best: float = study.best_params["rate"]
    return best


def with_ray(folder: str, epochs: int, rates: Sequence[float]) -> float:
    """A grid of trials, each with one CPU."""
    import ray
    from ray import tune

    def trainable(config: dict[str, Any]) -> dict[str, float]:
        train, test = read_images(folder, "train"), read_images(folder, "t10k")
        return {"accuracy": _keras_objective(train, test, epochs)(config["rate"])}

    ray.init(num_cpus=JOBS, include_dashboard=False, log_to_driver=False)
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space={"rate": tune.grid_search(list(rates))},
        tune_config=tune.TuneConfig(metric="accuracy", mode="max"),
    )
    best: float = tuner.fit().get_best_result().config["rate"]
    return best


def _keras_objective(train: Images, test: Images, epochs: int) -> Callable[[float], float]:
    """A function of the learning rate: the accuracy on test of stock Keras."""
    import keras

    workload = WORKLOADS["W1"]

    def accuracy(rate: float) -> float:
        model = keras.Sequential([keras.Input((PIXELS,))])
        for units in workload.hidden:
            model.add(keras.layers.Dense(units, activation="relu"))
        model.add(keras.layers.Dense(CLASSES, activation="softmax"))
        model.compile(
            keras.optimizers.get(
                {"class_name": workload.optimizer, "config": {"learning_rate": rate}}
            ),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        model.fit(train.pixels, train.labels, workload.batch_size, epochs, verbose=0)
        predicted = model.predict(test.pixels, batch_size=1000, verbose=0).argmax(axis=1)
        return float((predicted == test.labels).mean())

    return accuracy


if __name__ == "__main__":
    main()
