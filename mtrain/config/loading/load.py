"""From a YAML file and overrides to a `Config`, or to every problem at once."""

from __future__ import annotations

import copy
import re
import shlex
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mtrain.config.catalog.endings import kind_by_ending
from mtrain.config.catalog.meant import missing_colon
from mtrain.config.catalog.writer import dump
from mtrain.config.experiment.custom_code import missing_module
from mtrain.config.experiment.schema import SHORT_FORMS, Config
from mtrain.config.experiment.section import NumberError
from mtrain.config.experiment.sources import PATHS
from mtrain.config.loading.plugins import config_class, unknown_source
from mtrain.config.loading.problems import describe
from mtrain.config.loading.reader import MOST_PROBLEMS, parse, read_document
from mtrain.config.loading.unknown_settings import holds_settings
from mtrain.errors import (
    MissingPathError,
    MtrainError,
    Problem,
    SettingError,
    UsageError,
    dotted,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mtrain.errors import Keys

COMMAND_LINE = "command line"

WHOLE = {"evaluation.threshold", "training.class_weight"}
"""Settings that are one value each: a mapping replaces a name or a number, and another mapping."""


def load_config(source: Path | Mapping[str, Any], overrides: Mapping[str, Any]) -> Config:
    """The validated experiment of `read_settings`."""
    return read_settings(source, overrides).validate()


def read_settings(
    source: Path | Mapping[str, Any],
    overrides: Mapping[str, Any],
    *,
    function: str | None = None,
) -> Settings:
    """The settings of a file (or of a mapping) with `overrides` by dotted path.

    `function` names the Python function whose keywords the overrides are: a section among them is
    merged into the file's section. None: the command line's, on which a mapping replaces the
    section, as at a dotted path it does in Python, too. Raises `UsageError` with one line a
    problem.
    """
    if isinstance(source, Path):
        _refuse_other(source)
        document = read_document(source)
        settings = Settings(
            document.data,
            str(source),
            document.lines,
            source.parent,
            source.stem,
            document.empty,
            document.repeated,
        )
    elif not isinstance(source, Mapping):
        raise UsageError(
            f"config: must be a path or a mapping of settings, got {type(source).__name__}; data are "
            "named by its section dataset"
        )
    else:
        settings = Settings(plain(source), "config", {}, None, "run")
    if function is not None:
        settings.caller = function
    for key, value in overrides.items():
        if function is None or "." in key:
            settings.override(key, plain(value))
        else:
            settings.merge(key, plain(value))
    return settings


def plain(value: Any) -> Any:
    """A copy of a program's values, with NumPy's numbers and arrays and paths as in YAML."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, PurePath):
        return str(value)
    return value.tolist() if hasattr(value, "dtype") and hasattr(value, "tolist") else value


def _refuse_other(path: Path) -> None:
    """Raise `UsageError` for data, a run directory, or a checkpoint in place of a config."""
    if path.is_file() and kind_by_ending(path.name) is not None:
        raise UsageError(
            "holds data, not a config",
            where=path,
            remedy=f"`mtrain init config.yaml --data {shlex.quote(str(path))}` writes one",
        )
    if not path.is_dir():
        return
    run = path.parent.parent if (path / "state.json").is_file() else path
    config = run / "config.yaml"
    if config.is_file() and (run / "checkpoints").is_dir():
        raise UsageError(
            "is a run, not a config",
            where=path,
            remedy=(
                f"`mtrain resume {shlex.quote(str(run))}` resumes it, and {config} has its settings"
            ),
        )


def parse_overrides(arguments: Iterable[str]) -> dict[str, Any]:
    """`KEY=VALUE` arguments as values by dotted path; a value is read as YAML."""
    overrides: dict[str, Any] = {}
    for argument in arguments:
        key, equals, text = argument.partition("=")
        if not (key and equals):
            raise UsageError(
                f"{argument!r}: a setting is KEY=VALUE, without spaces", where=COMMAND_LINE
            )
        if key in overrides:
            raise UsageError(f"{key}: set twice", where=COMMAND_LINE)
        overrides[key] = parse(text, f"{COMMAND_LINE}: {key}").data
    return overrides


def config_to_yaml(config: Config) -> str:
    """Every setting in force, as `load_config` takes it back."""
    return dump(config.model_dump(mode="json"))


@dataclass
class Settings:
    """Plain settings, and the origin of each for messages."""

    data: Any
    source: str
    lines: dict[Keys, int]
    folder: Path | None
    """The folder of the file: paths but for those of overrides are relative to it, and it may have
    custom code."""

    default_name: str
    """The name of the run if the settings give no name."""

    empty: frozenset[Keys] = frozenset()
    """Settings of the file with nothing after their colon."""

    repeated: tuple[Problem, ...] = ()
    """Keys of the file that stand twice."""

    overrides: set[Keys] = field(default_factory=set)

    caller: str = COMMAND_LINE
    """The origin of the overrides: the command line, or a Python function."""

    def __post_init__(self) -> None:
        if self.data is None:
            raise UsageError("is empty; an experiment has at least a dataset", where=self.source)
        if not isinstance(self.data, dict):
            text = self.data if isinstance(self.data, str) else ""
            is_setting = re.split(r"\W", text.strip(), maxsplit=1)[0] in Config.model_fields
            if is_setting and (meant := missing_colon(text)):
                raise UsageError(Problem(meant, self.source, self.lines.get((), 1)))
            raise UsageError(
                f"must be a mapping of settings, got {self.data!r:.60}", where=self.source
            )

    def override(self, key: str, value: Any) -> None:
        """Set one setting; a bare name on the way (`optimizer: adam`) is the mapping it means."""
        *parents, last = keys = tuple(key.split("."))
        if keys in self.overrides:
            raise UsageError(f"{key}: set twice", where=self.caller)
        if longer := [other for other in self.overrides if other[: len(keys)] == keys]:
            raise UsageError(
                f"{key}: would undo {dotted(longer[0])}",
                where=self.caller,
                remedy="set it first, or once",
            )
        section = self.data
        for depth, parent in enumerate(parents, 1):
            inner = self._inner(section.get(parent), keys[:depth], key)
            section[parent] = inner
            section = inner
        section[last] = value
        self.overrides.add(keys)

    def _inner(self, inner: Any, keys: Keys, key: str) -> dict[str, Any]:
        """The settings that `inner` at `keys` stands for, for the override of `key`."""
        if (as_settings := SHORT_FORMS.get(keys)) is not None:
            try:
                inner = as_settings(inner)
            except NumberError as error:
                raise UsageError(self._at(keys, error.about(inner))) from error
        if isinstance(inner, dict):
            return inner
        if inner is None and keys in self.overrides:
            raise UsageError(f"{key}: {dotted(keys)} is set to null", where=self.caller)
        if inner is None or dotted(keys) in WHOLE:
            return {}
        if isinstance(inner, str):
            return {"name": inner}
        raise UsageError(
            f"{key}: {dotted(keys)} is no section here, but {inner}", where=self.caller
        )

    def merge(self, key: str, value: Any) -> None:
        """Merge a mapping into its section; set anything else as it is.

        A mapping with another `name` than the section has, such as that of another optimizer,
        replaces the section: the parameters of one do not apply to the other.
        """
        section = self._section(key)
        is_section = isinstance(value, dict) and section is not None and key not in WHOLE
        if is_section and _name_of(value) in {None, _name_of(section) or _default_name(key)}:
            for inner, setting in value.items():
                self.merge(f"{key}.{inner}", setting)
        else:
            self.override(key, copy.deepcopy(value))  # the caller's data are not changed

    def _section(self, key: str) -> dict[str, Any] | None:
        """The mapping at `key`, or the one that a name or a short form stands for; None: neither."""
        value: Any = self.data
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if (as_settings := SHORT_FORMS.get(tuple(key.split(".")))) is not None:
            with suppress(NumberError):  # said when the settings are validated
                value = as_settings(value)
        if isinstance(value, str):
            return {"name": value}
        return value if isinstance(value, dict) else None

    def validate(self) -> Config:
        """The config; paths are absolute. Raises `UsageError` with one line a problem."""
        data = self.data
        if data.get("name") is None:
            data = data | {"name": self.default_name}
        kind = config_class(data)
        problems = list(self._empty_sections())
        if (unknown := unknown_source(data)) is not None:
            problems.append((("dataset", "name"), unknown))
        try:
            config = kind.model_validate(data)
        except ValidationError as error:
            errors = error.errors()
            said = {keys for keys, _ in problems}
            described = (describe(problem, data, kind) for problem in errors[:MOST_PROBLEMS])
            problems += [(keys, problem) for keys, problem in described if keys not in said]
            if len(errors) > MOST_PROBLEMS:
                problems.append(((), f"and {len(errors) - MOST_PROBLEMS:,} problems more"))
        else:
            problems += config.conflicts()
            for keys, code in config.custom_code.items():
                if self.folder and (problem := missing_module(code, self.folder)):
                    problems.append((keys, problem))
        if problems or self.repeated:
            raise UsageError(*self.repeated, *self._located(problems).problems)
        return self._with_absolute_paths(config)

    @contextmanager
    def located(self) -> Iterator[None]:
        """Raise a `SettingError` again with the file and line of its settings."""
        try:
            yield
        except SettingError as error:
            raise self._located((one.key, one.what) for one in error.problems) from error
        except MissingPathError as error:
            if keys := self._naming(error.path):
                missing = error.problem
                problem = self._at(keys, f"{missing.where}: {missing.what}")
                raise MtrainError(replace(problem, remedy=missing.remedy)) from error
            raise

    def _empty_sections(self) -> Iterator[tuple[Keys, str]]:
        for keys in sorted(self.empty, key=self._line):
            value: Any = self.data
            for key in keys:
                value = value.get(key) if isinstance(value, dict) else value
            if value is None and not self._overridden(keys) and holds_settings(keys, self.data):
                yield keys, "has no settings; indent them under it, or leave it out"

    def _naming(self, path: str) -> Keys:
        """The setting that names this path; empty if no setting does."""
        dataset = self.data.get("dataset")
        for key in PATHS:
            named = dataset.get(key) if isinstance(dataset, dict) else None
            if isinstance(named, str) and self._absolute(key, named) == path:
                return ("dataset", key)
        return ()

    def _located(self, problems: Iterable[tuple[Keys, str]]) -> UsageError:
        by_line = sorted(problems, key=lambda p: (self._overridden(p[0]), self._line(p[0])))
        return UsageError(*(self._at(keys, text) for keys, text in by_line))

    def _at(self, keys: Keys, problem: str) -> Problem:
        """The problem with the file and line of the setting, or the caller that set it."""
        if self._overridden(keys):
            return Problem(problem, self.caller, key=keys)
        return Problem(problem, self.source, self._line(keys) or None, keys)

    def _overridden(self, keys: Keys) -> bool:
        """Whether an override is to blame for a problem at `keys`: of them, or of what they hold."""
        if any(keys[:depth] in self.overrides for depth in range(1, len(keys) + 1)):
            return True
        while keys:
            # Of a section in the file an override of one setting is not to blame.
            is_below = any(other[: len(keys)] == keys for other in self.overrides)
            if is_below and (len(keys) > 1 or keys not in self.lines):
                return True
            if keys in self.lines:
                return False
            keys = keys[:-1]
        return False

    def _line(self, keys: Keys) -> int:
        """The line of the setting, or of the innermost section around it that is written."""
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return self.lines.get(keys, 0)

    def _with_absolute_paths(self, config: Config) -> Config:
        absolute = {}
        for key in PATHS:
            if (path := getattr(config.dataset, key, None)) is None:
                continue
            try:
                absolute[key] = self._absolute(key, path)
            except RuntimeError as error:
                raise self._located([(("dataset", key), str(error))]) from error
        dataset = config.dataset.model_copy(update=absolute)
        return config.model_copy(update={"dataset": dataset})

    def _absolute(self, key: str, path: str) -> str:
        """The path of `dataset.<key>`; raises `RuntimeError` for a home that is unknown."""
        folder = Path() if self._overridden(("dataset", key)) else self.folder or Path()
        # Not resolve(): a link stays the name that the user gave.
        return str((folder / Path(path).expanduser()).absolute())


def flat_settings(config: Config) -> dict[str, Any]:
    """Every setting by its dotted key, as plain data."""
    return flat(config.model_dump(mode="json"))


def flat(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of nested mappings by dotted key."""
    values: dict[str, Any] = {}
    for key, value in section.items():
        if isinstance(value, dict):
            values |= flat(value, f"{prefix}{key}.")
        else:
            values[f"{prefix}{key}"] = value
    return values


def _name_of(section: Any) -> str | None:
    """The section's name in lower case: an optimizer's, or a data set's."""
    name = section.get("name")
    return None if name is None else str(name).lower()


def _default_name(key: str) -> str | None:
    """The default name of the section at `key`."""
    setting = Config.model_fields.get(key)
    name: str | None = getattr(setting.default, "name", None) if setting else None
    return name
