"""YAML 1.2 read strictly: plain data, and the line of every key and item."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, cast

import yaml
from yaml.reader import ReaderError

from mtrain.config.catalog.writer import FLOAT, OCTAL_OR_HEX
from mtrain.config.loading.paths import nearest_path
from mtrain.config.loading.scanner import Loader, without_unicode_breaks
from mtrain.config.loading.yaml_mistakes import MAX_DEPTH, explain
from mtrain.errors import Keys, Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_PROBLEMS = 50
"""The most problems reported; more do not help."""

MAX_BYTES = 100_000
MAX_VALUES = 10_000

# The scalars of YAML 1.2's core schema. PyYAML follows 1.1, in which `no` is false,
# `1:30` is ninety, `0123` is octal, and `1e-3` is text.
_INTEGER = re.compile(r"[-+]?[0-9]+")
_SPECIAL_FLOAT = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(frozen=True)
class Document:
    """The content of a YAML text, and the line of each value."""

    data: Any
    lines: dict[Keys, int]
    empty: frozenset[Keys] = frozenset()
    """The keys with nothing after the colon; their value is null."""

    repeated: tuple[Problem, ...] = ()
    """Keys that stand twice, of which the last value counts."""


def read_document(path: Path) -> Document:
    """Read the YAML file at `path`; raises `UsageError` with every problem found in it."""
    if not path.exists():
        raise UsageError(f"no such file{nearest_path(path)}", where=path)
    if not path.is_file():
        raise UsageError("not a file", where=path)
    if (size := path.stat().st_size) > MAX_BYTES:
        raise UsageError(f"{size:,} bytes is too large for a config", where=path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=path) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"not UTF-8 text (byte {error.start})", where=path) from error
    return _parse(text, str(path))


def parse(text: str, source: str) -> Document:
    """Parse one YAML document; `source` is how messages call it. Raises `UsageError`."""
    document = _parse(text, source)
    if document.repeated:
        raise UsageError(*document.repeated)
    return document


def _parse(text: str, source: str) -> Document:
    readable, originals = without_unicode_breaks(text)
    builder = _Builder(source, originals)
    try:
        data = builder.build(yaml.parse(readable, Loader=Loader))
    except yaml.MarkedYAMLError as error:
        line, problem = explain(readable, error)
        raise UsageError(Problem(problem.translate(originals), source, line)) from error
    except ReaderError as error:
        line = readable.count("\n", 0, error.position) + 1
        problem = f"the character U+{error.character:04X} cannot stand in a config"
        raise UsageError(Problem(problem, source, line)) from error
    except (yaml.YAMLError, OverflowError, ValueError) as error:
        raise UsageError(f"not valid YAML: {str(error).splitlines()[0]}", where=source) from error
    repeated = tuple(builder.repeated[:MOST_PROBLEMS])
    return Document(data, builder.lines, frozenset(builder.empty), repeated)


@dataclass
class _Builder:
    """Plain data from parser events: no tags, no aliases, nothing that could run or grow."""

    source: str
    originals: dict[int, int]
    """The table that puts characters back which PyYAML would take for line breaks."""

    lines: dict[Keys, int] = field(default_factory=dict)
    empty: set[Keys] = field(default_factory=set)
    repeated: list[Problem] = field(default_factory=list)
    values: int = 0

    def build(self, events: Iterator[yaml.Event]) -> Any:
        data = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
            elif isinstance(event, yaml.NodeEvent):
                if documents > 1:
                    self._stop(event, "a second document; a config is one document")
                data = self._node(event, events, ())
        return data

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], keys: Keys) -> Any:
        self.lines[keys] = _line(event)
        self.values += 1
        if self.values > MAX_VALUES:
            self._stop(event, f"more than {MAX_VALUES:,} values")
        if len(keys) > MAX_DEPTH:
            self._stop(event, f"nested more than {MAX_DEPTH} levels deep")
        self._refuse_marks(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, keys)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Any] = []
            while not isinstance(item := next(events), yaml.SequenceEndEvent):
                items.append(self._node(item, events, (*keys, len(items))))
            return items
        scalar = cast("yaml.ScalarEvent", event)
        text = self._text(scalar)
        if not scalar.implicit[0]:
            return text
        if not text:
            self.empty.add(keys)
        return _plain_scalar(text)

    def _mapping(self, events: Iterator[yaml.Event], keys: Keys) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            self._refuse_marks(event)
            if not isinstance(event, yaml.ScalarEvent):
                self._stop(event, "a key must be text")
            key = self._text(event)
            here = (*keys, key)
            line = _line(event)
            if key in mapping:
                text = f"set twice, first on line {self.lines[here]}"
                self.repeated.append(Problem(text, self.source, line, here))
            mapping[key] = self._node(next(events), events, here)
            self.lines[here] = line
        return mapping

    def _refuse_marks(self, event: yaml.Event) -> None:
        """Refuse tags, anchors and aliases, which would change a value."""
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            self._stop(event, "anchors and aliases are not supported; write the value out")
        if (tag := getattr(event, "tag", None)) is not None:
            self._stop(event, f"the tag {tag!r} is not supported; a config is plain data")

    def _text(self, event: yaml.ScalarEvent) -> str:
        text = str(event.value)
        if text.isascii():
            return text
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._stop(event, "half of a surrogate pair is no text")
        return text.translate(self.originals)

    def _stop(self, event: yaml.Event, problem: str) -> NoReturn:
        raise UsageError(Problem(problem, self.source, _line(event)))


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def _plain_scalar(text: str) -> Any:
    """The value of a text without quotation marks: itself, a number, true, false or null."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    # int() refuses more than 4,300 digits; a number that long is out of every range as a float.
    if _INTEGER.fullmatch(text):
        return int(text, 10) if len(text) <= 4000 else float(text)
    if OCTAL_OR_HEX.fullmatch(text):
        return int(text, 0) if len(text) <= 1000 else math.inf
    if FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL_FLOAT.fullmatch(text):
        return float(text.replace(".", ""))
    return text
