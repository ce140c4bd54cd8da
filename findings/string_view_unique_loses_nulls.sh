#!/bin/sh
# pyarrow's unique and value_counts of a string_view column forget that it has missing values.
#
# Version:   pyarrow 26.0.1.
# Behaviour: string_view is what polars and pandas hand over through the Arrow interface. is_null and
#            null_count are right; unique and value_counts give "" where they give null for string.
# Seen:      unique(["a", null]) is ["a", null] of string, ["a", ""] of string_view.
# Instead:   cast to string first.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
"$folder/env/bin/python" - <<'PY'
import sys

import pyarrow as pa
import pyarrow.compute as pc

texts = pa.array(["a", None, "a", None])
views = texts.cast(pa.string_view())
seen = [pc.unique(texts).to_pylist(), pc.unique(views).to_pylist()]
print(seen, views.null_count, pc.value_counts(views).to_pylist())
sys.exit(not (None in seen[0] and None not in seen[1] and views.null_count == 2))
PY
