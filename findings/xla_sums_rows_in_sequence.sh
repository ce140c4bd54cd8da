#!/bin/sh
# A sum of float32 compiled by XLA for a CPU adds one value after the other.
#
# Version:   tensorflow 2.21.0, CPU.
# Behaviour: tf.reduce_sum over a million equal values is exact to six digits without XLA, which adds up
#            in parts, and about 1 % off with jit_compile=True; at 2^24 the sum of ones stops growing.
#            The same holds for a mean loss and for the gradient of a bias, which are such sums over
#            the rows of a batch.
# Seen:      1,000,000 x 0.1:  99999.99 without, 100958.34 with XLA (true: 100000.00).
#            20,000,000 x 1:   20000000 without, 16777216 with XLA.
# Instead:   sum in float64, or keep batches small.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0
CUDA_VISIBLE_DEVICES='' TF_CPP_MIN_LOG_LEVEL=3 "$folder/env/bin/python" - <<'PY'
import sys

import numpy as np
import tensorflow as tf


def total(values, jit_compile):
    return float(tf.function(tf.reduce_sum, jit_compile=jit_compile)(tf.constant(values)))


tenths = np.full(1_000_000, 0.1, np.float32)
ones = np.ones(20_000_000, np.float32)
seen = {name: [total(values, jit) for jit in (False, True)] for name, values in (("tenths", tenths), ("ones", ones))}
print(seen)
plain, compiled = seen["tenths"]
same = abs(plain - 100_000) < 1 and abs(compiled - 100_000) > 100
same &= seen["ones"] == [20_000_000, 2**24]
sys.exit(not same)
PY
