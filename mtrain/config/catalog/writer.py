"""Plain data as YAML that is read back as the same data."""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

OCTAL_OR_HEX = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def dump(data: Any) -> str:
    """Write plain data as YAML that the reader reads back as the same data."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def dump_inline(value: Any) -> str:
    """One value as `dump` would write it, on one line; unprintable characters are escaped."""
    text: str = yaml.dump(
        [value], Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=math.inf
    )
    return text.strip()[1:-1]


class _Dumper(yaml.SafeDumper):
    """Quotes what either YAML 1.1 or 1.2 would take for something other than text."""


def _text_node(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    # Line breaks of any kind are only themselves again if they are escaped.
    return dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"'
    )


_Dumper.add_representer(str, _text_node)


for _pattern, _first in ((FLOAT, "-+.0123456789"), (OCTAL_OR_HEX, "0")):
    _Dumper.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(rf"^(?:{_pattern.pattern})$"), list(_first)
    )
