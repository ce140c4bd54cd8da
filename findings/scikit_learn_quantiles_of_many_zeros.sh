#!/bin/sh
# scikit-learn: a quantile transformation to a normal distribution takes a column that is mostly zeros to -5.2, and the
# same zeros to the middle if a single row is below them.
#
# Version:   scikit-learn 1.9.1, QuantileTransformer(output_distribution="normal").
# Behaviour: equal values get one output. Between others it is that of the middle of their ranks; at either end of
#            the column it is the outermost one there is, the normal quantile of 1e-7, however many rows have it.
# Seen:      10,000 counts, 60 % of them 0 and none below: 0 becomes -5.199, and the column's mean is -2.73 with deviation
#            3.04, where mean 0 and deviation 1 were asked for. With one row of -1 added, 0 becomes -0.524, and the mean is 0.07
#            with deviation 0.81.
# Instead:   give equal values at an end the quantile of the middle of their share, -0.524 for the lowest 60 %, as
#            for those between others.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1
cat > "$folder/program.py" <<'PY'
import numpy as np
from scipy.stats import norm
from sklearn.preprocessing import QuantileTransformer

generator = np.random.default_rng(0)
counts = np.where(np.arange(10_000) < 6_000, 0, generator.lognormal(1, 1, 10_000))[:, np.newaxis]
found = []
for column in (counts, np.vstack([counts, [[-1]]])):
    transformer = QuantileTransformer(output_distribution="normal").fit(column)
    outputs = transformer.transform(column)
    found.append((float(transformer.transform([[0]])[0, 0]), float(outputs.mean()), float(outputs.std())))
    print("lowest", column.min(), "- output of 0, mean, deviation:", *(f"{one:.3f}" for one in found[-1]))
(alone, mean, deviation), (above_one, other_mean, _) = found
middle = norm.ppf(0.3)
print(f"the normal quantile of the middle of 60 %: {middle:.3f}")
assert abs(alone - norm.ppf(1e-7)) < 0.01 and mean < -2.5 and deviation > 2.5, "zeros at the end are no longer outermost"
assert abs(above_one - middle) < 0.01 and abs(other_mean) < 0.2, "zeros between others are no longer in the middle"
PY
"$folder/env/bin/python" "$folder/program.py"
