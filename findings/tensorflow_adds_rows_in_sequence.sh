#!/bin/sh
# On a CPU, TensorFlow adds up the rows of a float32 matrix one after the other; all of a tensor it does not.
#
# Version:   tensorflow 2.21.0, CPU.
# Behaviour: reduce_sum of a vector adds in parts and is exact to six digits. reduce_sum over axis 0 of a
#            matrix, and the gradient of bias_add, which is one, add row after row: of a million rows they
#            are 1 % off, and a column of ones stops growing at 2^24 rows. XLA (jit_compile=True) has
#            other orders: it is as far off for one column, where the plain sum is exact.
# Seen:      sums of 1,000,000 rows of 0.1, true 100000.00 (one thread):
#            vector 100000.23; one of 3 columns 100958.34; gradient of a bias 100958.34;
#            one column by XLA 100958.34. Of 20,000,000 rows of 1, one of 2 columns: 16777216.
# Instead:   sum in float64, or keep batches to some thousand rows.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0
CUDA_VISIBLE_DEVICES='' TF_CPP_MIN_LOG_LEVEL=3 "$folder/env/bin/python" - <<'PY'
import sys

import numpy as np
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(1)


def column(rows, columns, value=0.1, jit_compile=False):
    values = tf.constant(np.full((rows, columns), value, np.float32))
    total = tf.function(lambda x: tf.reduce_sum(x, axis=0), jit_compile=jit_compile)
    return float(total(values)[0])


def gradient_of_a_bias(rows):
    ones = tf.constant(np.full((rows, 3), 0.1, np.float32))
    bias = tf.Variable(tf.zeros(3))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.nn.bias_add(ones, bias) * ones)
    return float(tape.gradient(loss, bias)[0])


million = 1_000_000
seen = {
    "vector": float(tf.reduce_sum(tf.fill([million], 0.1))),
    "one of 3 columns": column(million, 3),
    "gradient of a bias": gradient_of_a_bias(million),
    "one column by XLA": column(million, 1, jit_compile=True),
    "ones": column(20_000_000, 2, value=1.0),
}
print(seen)
off = {name: abs(value - 100_000) for name, value in seen.items()}
same = off["vector"] < 1 and seen["ones"] == 2**24
same &= all(off[name] > 500 for name in ("one of 3 columns", "gradient of a bias", "one column by XLA"))
sys.exit(not same)
PY
