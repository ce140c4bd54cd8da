"""From a YAML file and overrides to a `Config`, or to every problem at once."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mtrain.config.problems import describe
from mtrain.config.reader import dotted, dump, parse, read_document
from mtrain.config.schema import Config
from mtrain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mtrain.config.reader import Keys

COMMAND_LINE = "command line"


def load_config(source: Path | Mapping[str, Any], overrides: Mapping[str, Any]) -> Config:
    """The validated experiment of a file (or of a mapping) with `overrides` by dotted path.

    Paths in a file are relative to it, in overrides to the current directory; the config returned
    holds absolute ones. Raises `UsageError` with one line a problem.
    """
    if isinstance(source, Path):
        document = read_document(source)
        settings = Settings(document.data, f"{source}", document.lines)
        settings.default_name(source.stem)
        folder = source.parent
    else:
        settings = Settings(dict(source), "config", {})
        settings.default_name("run")
        folder = Path()
    for key, value in overrides.items():
        settings.override(key, value)
    config = settings.validate()
    return _with_absolute_path(config, Path() if settings.overridden("dataset", "path") else folder)


def parse_overrides(arguments: Iterable[str]) -> dict[str, Any]:
    """`KEY=VALUE` arguments as values by dotted path; a value is read as YAML."""
    overrides: dict[str, Any] = {}
    for argument in arguments:
        key, equals, text = argument.partition("=")
        if not (key and equals):
            raise UsageError(f"{COMMAND_LINE}: {argument!r}: a setting is KEY=VALUE")
        if key in overrides:
            raise UsageError(f"{COMMAND_LINE}: {key}: set twice")
        overrides[key] = parse(text, f"{COMMAND_LINE}: {key}").data
    return overrides


def config_to_yaml(config: Config) -> str:
    """Every setting in force, as `load_config` takes it back."""
    return dump(config.model_dump(mode="json"))


@dataclass
class Settings:
    """Plain settings, and where each came from."""

    data: Any
    source: str
    lines: dict[Keys, int]
    overrides: set[Keys] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.data is None:
            raise UsageError(f"{self.source}: is empty; an experiment has at least a dataset")
        if not isinstance(self.data, dict):
            raise UsageError(f"{self.source}: must be a mapping of settings, got {self.data!r:.60}")

    def default_name(self, name: str) -> None:
        if self.data.get("name") is None:
            self.data["name"] = name

    def override(self, key: str, value: Any) -> None:
        """Set one setting; a bare name on the way (`optimizer: adam`) is the mapping it means."""
        *parents, last = keys = tuple(key.split("."))
        section = self.data
        for depth, parent in enumerate(parents, 1):
            inner = section.get(parent)
            if isinstance(inner, str):
                inner = {"name": inner}
            elif inner is None:
                inner = {}
            elif not isinstance(inner, dict):
                raise UsageError(
                    f"{COMMAND_LINE}: {key}: {dotted(keys[:depth])} is no section here, but {inner}"
                )
            section[parent] = inner
            section = inner
        section[last] = value
        self.overrides.add(keys)

    def overridden(self, *keys: str) -> bool:
        return any(keys[:depth] in self.overrides for depth in range(1, len(keys) + 1))

    def validate(self) -> Config:
        try:
            config = Config.model_validate(self.data)
        except ValidationError as error:
            problems = [describe(problem, self.data) for problem in error.errors()]
        else:
            problems = list(config.conflicts())
            if not problems:
                return config
        problems.sort(key=lambda problem: self._line(problem[0]))
        raise UsageError("\n".join(f"{self._where(keys)}: {text}" for keys, text in problems))

    def _where(self, keys: Keys) -> str:
        if self.overridden(*keys):
            return f"{COMMAND_LINE}: {dotted(keys)}"
        line = self._line(keys)
        return f"{self.source}:{line}: {dotted(keys)}" if line else f"{self.source}: {dotted(keys)}"

    def _line(self, keys: Keys) -> int:
        """The line of the setting, or of the innermost section around it that is written."""
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return self.lines.get(keys, 0)


def _with_absolute_path(config: Config, folder: Path) -> Config:
    if config.dataset.path is None:
        return config
    path = os.path.abspath(folder / Path(config.dataset.path).expanduser())
    return config.model_copy(
        update={"dataset": config.dataset.model_copy(update={"path": path})}
    )
