"""Points that scikit-learn draws: clusters of each class at the corners of a hypercube."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.datasets import make_classification

from mtrain.data.files import check_memory
from mtrain.data.source import Source, checked_rows
from mtrain.errors import SettingError

if TYPE_CHECKING:
    from mtrain.config.experiment.sources import SyntheticConfig
    from mtrain.data.source import Request

WHERE = "scikit-learn's make_classification"


def read(config: SyntheticConfig, request: Request) -> Source:
    """The whole set, drawn by its seed; it has no test split."""
    check_memory(8 * config.rows * config.features, request.memory, WHERE)
    features, labels = make_classification(
        config.rows,
        config.features,
        n_informative=config.informative_features,
        n_redundant=0,
        n_classes=config.n_classes,
        n_clusters_per_class=1,
        weights=None if config.shares is None else list(config.shares),
        flip_y=config.label_noise,
        class_sep=config.separation,
        random_state=config.seed,
    )
    if (labels == labels[0]).all():
        problem = f"leaves {config.rows:,} rows of one class alone; a classifier needs two"
        raise SettingError((("dataset", "shares" if config.shares else "label_noise"), problem))
    names = tuple(str(k) for k in range(config.n_classes))
    return Source(checked_rows(features, labels, WHERE, "train"), None, None, names, None, WHERE)
