"""What a setting that a config cannot have was likely meant to be."""

from __future__ import annotations

import difflib
import re
import typing
from functools import cache
from typing import TYPE_CHECKING, Any

from mtrain.config.catalog.names import LOSS_ALIASES, canonical, suggestion
from mtrain.config.catalog.setting_names import (
    letters,
    option_called,
    setting_called,
    written_elsewhere,
)
from mtrain.config.experiment.custom_code import CustomCode
from mtrain.config.experiment.schema import Config
from mtrain.config.experiment.section import Section
from mtrain.errors import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtrain.errors import Keys


def nearest_setting(keys: Keys, data: Any, kind: type[Section]) -> str:
    """What to write for the unknown setting at `keys` of the config `data` of the type `kind`."""
    *parents, key = keys
    config = data
    section: type[Section] = kind
    choices: list[type[Section]] = []
    for parent in parents:
        data = data[parent]
        if isinstance(parent, str):
            inner = _sections_in(_annotation(section, parent))
            choices = [choice for choice in inner if not issubclass(choice, CustomCode)]
            section = _chosen(choices, data)
    if having := [_name_of(choice) for choice in choices if key in choice.model_fields]:
        return f"it is of {', '.join(having)}, not of {_name_of(section)}"
    key = str(key)
    if (why := key_slip(key) or written_elsewhere(key)) is not None:
        return why
    if "." in key and key in _settings(Config):
        within, _, last = key.rpartition(".")
        return (
            f"write {last} in the section {within}; dotted keys are for the command line and Python"
        )
    if "name" in section.model_fields and letters(key) in {"type", "kind", "classname"}:
        return "did you mean 'name'?"
    elsewhere = setting_path(key) if key != "name" else None
    same = letters(elsewhere.rpartition(".")[2]) if elsewhere else None
    here = next((name for name in section.model_fields if letters(name) == same), None)
    if here is not None and here != key:
        return f"did you mean {here!r}?"
    if elsewhere not in {None, dotted(keys)}:
        return f"did you mean {elsewhere!r}{_owners(str(elsewhere), config)}?"
    if parents in ([], ["training"]) and (option := option_called(key)) is not None:
        return f"it is an option of `mtrain fit`, {option}"
    return _near(key, section)


def holds_settings(keys: Keys, data: Any) -> bool:
    """Whether the setting at `keys` of the config `data` is, or can be, a mapping of settings."""
    section: type[Section] = Config
    choices: list[type[Section]] = []
    for key in keys:
        choices = list(_sections_in(_annotation(section, str(key))))
        if not choices:
            return False
        data = data.get(key) if isinstance(data, dict) else None
        section = _chosen(choices, data)
    return bool(choices)


def setting_path(name: str) -> str | None:
    """The dotted path of the setting with this name, in any program; None: no setting has it."""
    paths = sorted(_settings(Config), key=lambda path: path.count("."))
    if name in paths:
        return name
    for wanted in (name, setting_called(name)):
        for path in paths if wanted is not None else ():
            last = path.rpartition(".")[2]
            if last != "name" and letters(last) == letters(str(wanted)):
                return path
    return None


def _near(key: str, section: type[Section]) -> str:
    """The setting whose name is nearest, of the section or of any other; else those of the section."""
    near = difflib.get_close_matches(key.lower(), section.model_fields, n=1, cutoff=0.6)
    by_last = {path.rpartition(".")[2]: path for path in reversed(list(_settings(Config)))}
    del by_last["name"]
    far = difflib.get_close_matches(key.lower(), by_last, n=1, cutoff=0.8)
    if far and not near:
        return f"did you mean {by_last[far[0]]!r}?"
    return suggestion(key, section.model_fields)


def _owners(path: str, data: Any) -> str:
    """`, of csv, parquet` if only other sections than the one that `data` names have the setting."""
    choices: list[type[Section]] = [Config]
    *parents, last = path.split(".")
    for key in parents:
        field = _chosen(choices, data).model_fields[key]
        choices = list(_sections_in(field.annotation))
        data = data.get(key) if isinstance(data, dict) else None
    if last in _chosen(choices, data).model_fields:
        return ""
    having = [choice for choice in choices if {last, "name"} <= choice.model_fields.keys()]
    return f", of {', '.join(map(_name_of, having))}" if having else ""


def key_slip(key: str) -> str | None:
    """The problem of how a key is written; None: no problem."""
    if written := re.match(r"([A-Za-z_]\w*) *[:=] *(.+)", key):
        if written[2].startswith(("{", "[")):  # the rest of the key is elsewhere
            return f"a space is missing after '{written[1]}:'"
        return f"write {written[1]}: {written[2]:.40}, with a space after the colon"
    if re.fullmatch(r"[0-9]+", key):
        return "a number has a decimal point, no comma"
    if key != key.strip():  # a no-break space, as on web pages
        return "white space is part of it; indent with plain spaces"
    return None


def _chosen(choices: list[type[Section]], data: Any) -> type[Section]:
    """The one of several sections (the optimizers) that `data` names."""
    known = {_name_of(choice): choice for choice in choices if "name" in choice.model_fields}
    name = data.get("name") if isinstance(data, dict) else None
    try:
        return known[canonical(str(name), known, LOSS_ALIASES)]
    except (KeyError, ValueError):
        return choices[0]


def _name_of(section: type[Section]) -> str:
    return str(section.model_fields["name"].default)


@cache
def _settings(section: type[Section], prefix: str = "") -> tuple[str, ...]:
    """The dotted keys of a section's settings, those of the sections within included."""
    keys = []
    for key, setting in section.model_fields.items():
        keys.append(prefix + key)
        for inner in _sections_in(setting.annotation):
            keys += _settings(inner, f"{prefix}{key}.")
    return tuple(keys)


def _annotation(section: type[Section], key: str) -> Any:
    """The type of a setting, or of each setting with a name of the user's; None: neither."""
    if (setting := section.model_fields.get(key)) is not None:
        return setting.annotation
    hints = typing.get_type_hints(section)
    of_names = hints["__pydantic_extra__"] if section.model_config["extra"] == "allow" else None
    return of_names and typing.get_args(of_names)[1]


def _sections_in(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _sections_in(argument)
