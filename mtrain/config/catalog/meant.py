"""What a value in a wrong notation was likely meant to be."""

from __future__ import annotations

import re
from typing import Any

_NUMBER = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
_KEY = r"[A-Za-z_][\w.]*"
_WORDS = {
    **dict.fromkeys(("true", "yes", "on", "y", "1"), "true"),
    **dict.fromkeys(("false", "no", "off", "n", "0"), "false"),
}

SWITCH = "switch"
"""The kind of a setting that is true, false or a whole number."""

WHOLE = {"int_type", "int_from_float", SWITCH}
NUMBERS = {*WHOLE, "float_type"}
TRUTHS = {"bool_type", SWITCH}
LONGEST = 60
"""How many characters of a text are examined."""


def is_number(text: str) -> bool:
    """Whether a text would be a number without its quotation marks."""
    return re.fullmatch(_NUMBER, text.strip(), re.ASCII) is not None


def got(kind: str, value: Any, text: str) -> str:
    """The end of a message about a value of the wrong type: what it is, and what to write.

    `kind` is pydantic's type of the error, `text` the value as a message shows it.
    """
    if kind in NUMBERS and isinstance(value, str) and is_number(value):
        return f", but {text} is text; leave out the quotation marks"
    if kind in TRUTHS and isinstance(value, str) and value.lower() in {"true", "false"}:
        return f", but {text} is text; leave out the quotation marks"
    if kind in NUMBERS and isinstance(value, str) and value.strip().lower() in {"null", "~"}:
        return f", but {text} is text; leave out the quotation marks"
    write = _instead(kind, value)
    return f", got {text}{write and f'; {write}'}"


def missing_space(text: str) -> str | None:
    """The problem of `epochs:3`, `-accuracy` or `a -b`; None: no problem of that kind."""
    if match := re.match(r"\s*-(\w+)", text[:LONGEST], re.ASCII):
        return f"a space is missing after the dash; write - {match[1]}"
    if match := re.match(r"(\w+) - ?(\w+)", text[:LONGEST], re.ASCII):
        return f"indent - {match[2]} like - {match[1]}, with a space after the dash"
    if match := re.match(rf"\s*(?:- +)*({_KEY}):([^\s:/\\][^\s]*)", text[:LONGEST]):
        return f"a space is missing after the colon; write {match[1]}: {match[2]}"
    return None


def missing_colon(text: str) -> str | None:
    """The problem of `epochs:3`, `epochs=3` or `epochs 3`; None: no problem of that kind."""
    text = text[:LONGEST]
    if (said := missing_space(text)) is not None:
        return said
    if match := re.match(rf"\s*(?:- +)*({_KEY}) *= *(\S+)", text):
        return f"a setting is written with a colon; write {match[1]}: {match[2]}"
    if match := re.match(rf"\s*(?:- +)*({_KEY}) +([^\s#]\S*)", text):
        return f"a colon is missing; write {match[1]}: {match[2]}"
    return None


def layers_meant(value: Any) -> str | None:
    """`500*2`, `[500x2]` or `500, 250` in the notation of `model.hidden`; None for anything else."""
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = re.sub(r"\s*[x*X\u00d7]\s*", "x", text[:LONGEST])
    parts = [part for part in re.split(r"[\s,;()\[\]-]+", text) if part]
    matches = [re.fullmatch(r"(\d{1,6})(?:x(\d{1,3}))?", part, re.ASCII) for part in parts]
    layers = [(match[1], int(match[2] or 1)) for match in matches if match]
    if not layers or len(layers) < len(parts) or sum(n for _, n in layers) > 100:
        return None
    if len(layers) == 1:
        units, n = layers[0]
        return units if n == 1 else f"{units}x{n}"
    return f"[{', '.join(units for units, n in layers for _ in range(n))}]"


def _instead(kind: str, value: Any) -> str:
    """What to write instead; empty if that is not obvious."""
    if kind == "string_type":
        return "put it in quotes" if isinstance(value, int | float) else ""
    if kind in WHOLE and isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"write {int(value)}"
    if kind in {"model_type", "model_attributes_type"} and isinstance(value, list):
        is_settings = bool(value) and all(isinstance(item, dict) for item in value)
        return "leave out the dashes before its settings" if is_settings else ""
    if kind in TRUTHS and str(value).lower() in _WORDS:
        return f"write {_WORDS[str(value).lower()]}"
    if not isinstance(value, str) or len(value) > LONGEST:
        return ""
    if kind in NUMBERS:
        return _number_instead(value.strip(), whole=kind in WHOLE)
    if kind == "tuple_type":
        return f"write [{value}]" if re.fullmatch(r"[\w ,.+-]+", value) else ""
    if kind in {"model_type", "model_attributes_type"}:
        return missing_colon(value) or ""
    return ""


def _number_instead(text: str, *, whole: bool) -> str:
    if text.lower() in {"none", "nil"}:
        return "write null for none"
    if re.fullmatch(rf"{_NUMBER}\s*[,;]", text, re.ASCII):
        return f"write {text[:-1].strip()}"
    if whole and re.fullmatch(r"\d{1,3}([,_' ]\d{3})+|\d+(_\d+)+", text, re.ASCII):
        return f"write {re.sub('[^0-9]', '', text)}"
    if re.fullmatch(r"[-+]?\d+(_\d+)+(\.\d*)?", text, re.ASCII):
        return f"write {text.replace('_', '')}"
    if not whole and re.fullmatch(r"[-+]?\d*,\d+([eE][-+]?\d+)?", text, re.ASCII):
        return f"write {text.replace(',', '.')}, with a decimal point"
    if not whole and (match := re.fullmatch(r"(\d{1,3}(?:\.\d+)?) ?%", text, re.ASCII)):
        return f"write {float(match[1]) / 100:g}"
    return ""
