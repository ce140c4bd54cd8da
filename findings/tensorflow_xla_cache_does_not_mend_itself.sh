#!/bin/sh
# TensorFlow's cache of what XLA compiled does not mend itself: a file cut short ends the program.
#
# Version:   tensorflow 2.21.0, CPU.
# Behaviour: with TF_XLA_FLAGS=--tf_xla_persistent_cache_directory=DIR, functions of jit_compile=True are
#            kept as machine code and loaded by the next process, which computes the same bits. A file
#            that a killed process or a full disk cut short is no miss, as in ccache or Python's own
#            caches: the function raises OutOfRangeError, in every process until somebody removes the file. A
#            folder that cannot be made ends the program, too. The variable is read once, when TensorFlow
#            first lists devices; set after that it has no effect.
# Seen:      one file; the same sum twice; OutOfRangeError; FailedPreconditionError; set late: no file.
# Instead:   give each process a folder of its own with copies whose hashes were compared, and move new
#            files out of it when it ends.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0
cat > "$folder/program.py" <<'PY'
import os
import sys

late = len(sys.argv) > 2
flag = f"--tf_xla_persistent_cache_directory={sys.argv[1]}"
if not late:
    os.environ["TF_XLA_FLAGS"] = flag
import tensorflow as tf

if late:
    tf.config.list_physical_devices()
    os.environ["TF_XLA_FLAGS"] = flag


@tf.function(jit_compile=True)
def f(x):
    return tf.reduce_sum(tf.tanh(x @ tf.transpose(x)))


try:
    print(float(f(tf.reshape(tf.range(200.0) / 200, (10, 20)))).hex())
except tf.errors.OpError as error:
    print(type(error).__name__)
PY
run() { CUDA_VISIBLE_DEVICES='' "$folder/env/bin/python" "$folder/program.py" "$@" 2> /dev/null | tail -n 1; }

first=$(run "$folder/cache")
[ "$(find "$folder/cache" -name '*.pb' | wc -l)" = 1 ]
second=$(run "$folder/cache")
echo "the first process: $first, the second: $second"
[ "$first" = "$second" ]
for file in "$folder"/cache/*.pb; do
    head -c 2000 "$file" > "$folder/short" && mv "$folder/short" "$file"
done
short=$(run "$folder/cache")
no_folder=$(run /dev/null/cache)
echo "a file cut short: $short, no folder: $no_folder"
[ "$short" = OutOfRangeError ]
[ "$no_folder" = FailedPreconditionError ]
run "$folder/late" late
[ ! -e "$folder/late" ]
