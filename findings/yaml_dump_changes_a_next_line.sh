#!/bin/sh
# What PyYAML dumps does not always load as the same text.
#
# Version:   PyYAML 6.0.3.
# Behaviour: with allow_unicode=True, U+0085 (NEXT LINE) within a text is written as it is, between single
#            quotes; the loader takes it for a line break there and folds it.
# Seen:      "a" U+0085 "b" is written so, and loaded as "a b".
# Instead:   leave allow_unicode at its default, or write such a text in double quotes, escaped.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check PyYAML==6.0.3
"$folder/env/bin/python" - <<'PY'
import sys

import yaml

text = "a\x85b"
written = yaml.safe_dump({"key": text}, allow_unicode=True)
read = yaml.safe_load(written)["key"]
print(ascii(written), ascii(read))
sys.exit(read == text)
PY
