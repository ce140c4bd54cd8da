#!/bin/sh
# TensorFlow: tensor_scatter_nd_update copies the whole tensor in every step of a graph's loop.
#
# Version:   tensorflow 2.21.0, CPU, without XLA.
# Behaviour: a tf.while_loop that carries a tensor and writes one line of it a step, which is how results of
#            steps are collected, takes time in proportion to the whole tensor for each step with
#            tf.tensor_scatter_nd_update, though nothing else needs the old value. tf.raw_ops.TensorStridedSliceUpdate
#            writes into the same memory and takes the same time for any size. XLA is the other way round: the
#            first is written in place, the second needs a place that is constant when it is compiled, and
#            raises InvalidArgumentError in a loop.
# Seen:      1,000 steps, lines of 8 numbers, 4 MB against 4 kB: 30 and more times as long with the first, less
#            than 4 times with the second; by XLA less than 4 times with the first, an error with the second.
# Instead:   choose by how the loop is compiled.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0
cat > "$folder/program.py" <<'PY'
import time

import tensorflow as tf

STEPS, SMALL, LARGE = 1_000, 125, 125_000


def scattered(tensor, step, line):
    return tf.tensor_scatter_nd_update(tensor, [[step]], [line])


def sliced(tensor, step, line):
    return tf.raw_ops.TensorStridedSliceUpdate(
        input=tensor, begin=[step], end=[step + 1], strides=[1], value=[line]
    )


def seconds(write, lines, jit_compile):
    @tf.function(jit_compile=jit_compile, autograph=False)
    def run(tensor):
        def body(step, tensor):
            return step + 1, write(tensor, step % SMALL, tf.fill([8], tf.cast(step, tf.float32)))

        return tf.while_loop(lambda step, _: step < STEPS, body, (0, tensor))[1]

    tensor = tf.zeros((lines, 8))
    last = run(tensor)
    assert last[(STEPS - 1) % SMALL, 0] == STEPS - 1 and tf.math.count_nonzero(tensor) == 0
    times = []
    for _ in range(5):
        began = time.perf_counter()
        run(tensor)[0].numpy()
        times.append(time.perf_counter() - began)
    return min(times)


def growth(write, jit_compile):
    try:
        return seconds(write, LARGE, jit_compile) / seconds(write, SMALL, jit_compile)
    except tf.errors.InvalidArgumentError as error:
        return type(error).__name__


of_graph = growth(scattered, False), growth(sliced, False)
of_xla = growth(scattered, True), growth(sliced, True)
print("1,000 times the size takes so many times as long, by scattering and by slices:")
print("graph", of_graph, "XLA", of_xla)
assert of_graph[0] > 20 > 4 > of_graph[1], "it may be mended"
assert of_xla[0] < 10, "XLA copies, too"
assert of_xla[1] == "InvalidArgumentError", "XLA takes any place"
PY
CUDA_VISIBLE_DEVICES='' "$folder/env/bin/python" "$folder/program.py" 2> /dev/null
