#!/bin/sh
# Intervals of macro averages can be far too wide, and far too narrow, for the same kind of table.
#
# Version:   confidenceinterval 1.0.5.
# Behaviour: its analytical intervals of macro F1 and macro precision are a delta method, but with other
#            covariances between the classes than those of a multinomial table: each mistake is a false
#            alarm of one class and a miss of another, and both average figures move by it.
# Seen:      half of the interval's width, by the deviation of 20,000 drawn tables times 1.96: 2.19 for
#            macro F1 of two classes, 0.63 for macro precision of three, where 1 is right.
# Instead:   take the delta method with the gradient by each cell of the confusion matrix, or a bootstrap
#            over rows. The package's intervals of one class are not concerned.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    confidenceinterval==1.0.5 numpy==2.4.6 scikit-learn==1.9.1 scipy==1.17.1
"$folder/env/bin/python" -W ignore - <<'PY'
import sys

import numpy as np
from confidenceinterval import f1_score, precision_score


def ratio(function, figure, table):
    """Half of the interval's width, by 1.96 deviations of the figure in drawn tables."""
    table = np.array(table)
    k = len(table)
    truth = np.repeat(np.arange(k), table.sum(axis=1))
    predicted = np.concatenate([np.repeat(np.arange(k), row) for row in table])
    _, (low, high) = function(truth, predicted, average="macro")
    n = table.sum()
    drawn = np.random.default_rng(0).multinomial(n, table.ravel() / n, 20_000).reshape(-1, k, k)
    right, true, called = np.einsum("nkk->nk", drawn), drawn.sum(axis=2), drawn.sum(axis=1)
    figures = {"f1": 2 * right / (true + called), "precision": right / called}[figure]
    return (high - low) / 2 / (1.96 * figures.mean(axis=1).std())


wide = ratio(f1_score, "f1", [[80, 20], [10, 190]])
narrow = ratio(precision_score, "precision", [[300, 60, 40], [30, 50, 20], [10, 15, 25]])
print(f"macro F1 of two classes: {wide:.2f}; macro precision of three: {narrow:.2f}")
sys.exit(not (abs(wide - 2.19) < 0.05 and abs(narrow - 0.63) < 0.03))
PY
