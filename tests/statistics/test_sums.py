"""Sums whose last bit does not depend on the machine."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
from waiting import HANGS

from mtrain.statistics.sums import dot

PRINTED = """
import numpy as np
from mtrain.statistics.sums import dot
generator = np.random.default_rng(0)
for _ in range(50):
    a, b = generator.random((2, 100_001))
    print(float(dot(a, b)).hex())
"""


def test_a_dot_product_is_right():
    """To the last digit but one, beside the exact sum; of whole numbers, exactly."""
    a, b = np.random.default_rng(1).random((2, 100_001))

    assert math.isclose(dot(a, b), math.fsum(a * b), rel_tol=1e-15)
    assert dot(np.arange(5), np.arange(5)) == 30


def test_a_dot_product_does_not_depend_on_the_cpus():
    """That of BLAS does, from 10,001 numbers on."""
    sums = {
        subprocess.run(
            [sys.executable, "-c", PRINTED],
            env={"OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            timeout=HANGS,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }

    assert len(sums) == 1
