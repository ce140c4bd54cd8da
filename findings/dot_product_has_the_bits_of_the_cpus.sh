#!/bin/sh
# A dot product in NumPy has another last bit on a machine with another number of CPUs.
#
# Version:   numpy 2.4.6 from its wheel, with the OpenBLAS that it brings.
# Behaviour: `a @ b` of float64 vectors with more than 10,000 numbers is split among all CPUs, and the parts are
#            added. `(a * b).sum()` has one order everywhere. So a figure of 10,001 rows differs between a laptop
#            and a server, and one of 10,000 does not, without any parallel code in the program.
# Seen:      of 100 pairs of random vectors, with OPENBLAS_NUM_THREADS=1 and 2: 10,000 numbers, 0 sums differ;
#            100,001 numbers, 85 sums differ; by (a * b).sum(), 0. Two CPUs, an Intel Xeon with AVX-512.
# Instead:   (a * b).sum() wherever results are compared to the last bit.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6
cat > "$folder/sums.py" <<'PY'
import sys

import numpy as np

generator = np.random.default_rng(0)
for length in (10_000, 100_001):
    for _ in range(100):
        a, b = generator.random((2, length))
        print(length, float(a @ b).hex(), float((a * b).sum()).hex())
PY
for threads in 1 2; do
    OPENBLAS_NUM_THREADS=$threads "$folder/env/bin/python" "$folder/sums.py" > "$folder/$threads"
done
paste -d ' ' "$folder/1" "$folder/2" | awk '
    $2 != $5 { dots[$1]++ }
    $3 != $6 { sums[$1]++ }
    END {
        print "dot products that differ, of 100:", dots[10000] + 0, "of 10,000 numbers,", dots[100001] + 0, "of 100,001"
        print "sums of products that differ:", sums[10000] + sums[100001] + 0
        exit !(dots[10000] == 0 && dots[100001] > 20 && sums[10000] + sums[100001] == 0)
    }'
