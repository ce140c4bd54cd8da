"""Pydantic's problems in words that a user can act on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mtrain.config.catalog.meant import got
from mtrain.config.catalog.names import suggestion
from mtrain.config.experiment.schema import Config
from mtrain.config.experiment.section import InvalidSettingError, NumberError, Section, as_written
from mtrain.config.loading.unknown_settings import key_slip, nearest_setting

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from mtrain.errors import Keys

_EXPECTED = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be finite",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "model_type": "must be a mapping of settings",
    "model_attributes_type": "must be a mapping of settings",
    "greater_than": "must be above {gt:,.12g}",
    "greater_than_equal": "must be at least {ge:,.12g}",
    "less_than": "must be below {lt:,.12g}",
    "less_than_equal": "must be at most {le:,.12g}",
    "too_long": "must have at most {max_length} items",
    "too_short": "must have at least {min_length} items",
    "literal_error": "must be {expected}",
}


def describe(error: ErrorDetails, data: Any, config: type[Section] = Config) -> tuple[Keys, str]:
    """The place of an error in the config `data`, and its message; `config` is the expected type."""
    kind = error["type"]
    value = error["input"]
    context = error.get("ctx", {})
    keys = _keys_in(data, error["loc"], missing=kind == "missing")
    if kind == "extra_forbidden":
        return keys, f"unknown setting; {nearest_setting(keys, data, config)}"
    if value is None and keys and (slip := key_slip(str(keys[-1]))) is not None:
        return keys, slip
    if kind == "missing":
        return keys, "is missing"
    if kind == "union_tag_invalid":
        return (*keys, "name"), f"must be text, got {as_written(value['name'])}"
    if kind == "value_error":
        problem = context["error"]
        if isinstance(problem, InvalidSettingError):
            keys = (*keys, problem.key)
        if isinstance(problem, NumberError):
            return keys, problem.about(value)
        return keys, str(problem)
    if kind not in _EXPECTED:
        return keys, f"{error['msg']}, got {as_written(value)}"
    return keys, _expected(kind, value, context)


def _expected(kind: str, value: Any, context: dict[str, Any]) -> str:
    expected = re.sub(r"\b1 items$", "1 item", _EXPECTED[kind].format(**context))
    if kind in {"too_long", "too_short"}:
        return f"{expected}, got {context['actual_length']}"
    if kind == "literal_error" and isinstance(value, str):
        known = re.findall("'(.*?)'", context["expected"])
        return f"unknown name {value!r}; {suggestion(value, known)}"
    return f"{expected}{got(kind, value, as_written(value))}"


def _keys_in(data: Any, location: tuple[str | int, ...], *, missing: bool) -> Keys:
    """The location without pydantic's marks, such as the kind of a union's member."""
    keys: list[str | int] = []
    for depth, key in enumerate(location):
        last = depth == len(location) - 1
        if isinstance(data, dict) and (key in data or (last and missing)):
            keys.append(key)
            data = data.get(key)
        elif isinstance(data, list) and isinstance(key, int) and key < len(data):
            keys.append(key)
            data = data[key]
        elif last and missing:  # of a section given as its name alone
            keys.append(key)
    return tuple(keys)
