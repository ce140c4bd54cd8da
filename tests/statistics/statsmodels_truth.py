"""Writes `statsmodels_truth.json`: what statsmodels 0.15.0, installed for this alone, computes.

It brings pandas with it, which would slow each test's import of Keras.
"""

from __future__ import annotations

import json
from pathlib import Path

from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

PAIRS = [(0, 1), (3, 9), (22, 78), (53, 22), (10, 10), (400, 460)]
FAMILIES = [
    [0.01, 0.04, 0.03, 0.005],
    [0.2, 0.2, 0.001, 1.0, 0.013],
    [0.05],
    [0.0, 0.5, 0.024, 0.025, 0.026, 0.9],
]

if __name__ == "__main__":
    truth = {
        "mcnemar": [
            {"b": b, "c": c, "p": mcnemar([[100, b], [c, 100]], exact=True).pvalue}
            for b, c in PAIRS
        ],
        "holm": [{"p": p, "adjusted": list(multipletests(p, method="holm")[1])} for p in FAMILIES],
    }
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(truth, indent=2) + "\n", "utf-8")
