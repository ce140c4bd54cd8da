"""The mistake in a text that cannot be read as YAML, and its line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

from mtrain.config.catalog.meant import missing_colon
from mtrain.config.loading.scanner import Loader

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 20
"""Levels of brackets."""

_INDENTATION = "its indentation, {n} spaces, is not that of any section above it"

_FOUND = {
    "<block mapping start>": _INDENTATION,
    "<block sequence start>": _INDENTATION,
    "-": "an item of a list stands among settings",
    "?": "a setting stands among the items of a list",
    "<scalar>": "text follows a complete value; put the whole value in quotes",
    "[": "'[' follows a complete value; put the whole value in quotes",
    "{": "'{' follows a complete value; put the whole value in quotes",
    "]": "']' closes nothing",
    "}": "'}' closes nothing",
    ",": "a comma stands where a setting is expected; as a value it is put in quotes",
}
"""By the token that PyYAML's parser met where a section could have ended."""

_STARTS = {
    "while scanning an alias": "*",
    "while scanning an anchor": "&",
    "while scanning a tag": "!",
    "while parsing a tag": "!",
    "while scanning a block scalar": "",
}
"""By what PyYAML was scanning, the character that started it; empty: the character is in the text."""


def explain(text: str, error: yaml.MarkedYAMLError) -> tuple[int, str]:
    """The line at fault, counted from 1, and its problem; line 0 if it is unknown."""
    mark = error.problem_mark or error.context_mark
    problem = error.problem or "it cannot be read"
    if mark is None:
        return 0, f"not valid YAML: {problem}"
    begun = error.context_mark or mark
    lines = re.split(r"\r\n|\r|\n", text)
    line, said = _in_scalar(lines, error.context or "", problem, mark, begun) or _in_structure(
        text, lines, error.context or "", problem, mark, begun
    )
    return line + 1, said


def _in_scalar(
    lines: list[str], context: str, problem: str, mark: yaml.Mark, begun: yaml.Mark
) -> tuple[int, str] | None:
    """The problem of one value: how it begins, its quotes, its escapes."""
    if problem.startswith(r"found character '\t'"):
        return mark.line, "a tab is used as indentation; indent with spaces"
    if match := re.match(r"found character '(.)' that cannot start", problem):
        return mark.line, _needs_quotes(match[1])
    if problem == "found '?' in brackets":
        return mark.line, "'?' is a sign of YAML's in brackets; put the text in quotes"
    if context in _STARTS:
        return begun.line, _needs_quotes(_STARTS[context] or lines[begun.line][begun.column])
    if "escape" in problem and begun.line == mark.line:
        return mark.line, (
            "a backslash in double quotes begins an escape, such as \\n; use single quotes, or / "
            "in a path"
        )
    if context in {"while scanning a quoted scalar", "while scanning a double-quoted scalar"}:
        return begun.line, "a quotation mark is not closed"
    return None


def _in_structure(
    text: str, lines: list[str], context: str, problem: str, mark: yaml.Mark, begun: yaml.Mark
) -> tuple[int, str]:
    """The problem of how values are arranged."""
    tokens = list(_tokens(text))
    for token in tokens:
        if (
            isinstance(token, yaml.ScalarToken)
            and token.style in {"'", '"'}
            and token.start_mark.line < token.end_mark.line == mark.line
        ):
            return token.start_mark.line, "a quotation mark is not closed"
    if context.startswith("while parsing a flow"):
        return _in_brackets(tokens, problem, mark)
    if problem.startswith("mapping values"):
        return _misplaced_colon(lines, mark)
    if problem == "could not find expected ':'":
        said = missing_colon(lines[begun.line])
        return begun.line, said or f"a colon is missing after {lines[begun.line].strip()!r:.60}"
    if problem.startswith("sequence entries"):
        return mark.line, "a list starts on a new line, or is written [a, b]"
    if "expected '<document start>'" in problem and (ends := _document_ends(lines, mark)):
        return ends[-1], "'...' ends the config, but settings follow; remove this line"
    match = re.search(r"but found '(.*)'$", problem)
    if match and match[1] in _FOUND:
        n = str(_indentation(lines[mark.line]))
        return mark.line, _FOUND[match[1]].replace("{n}", n)  # not format: some texts have a brace
    return mark.line, f"not valid YAML: {problem}"


def _needs_quotes(character: str) -> str:
    return f"{character!r} cannot begin a value; put the value in quotes"


def _tokens(text: str) -> Iterator[yaml.Token]:
    """The tokens before the first that cannot be scanned, or is nested too deep for a config."""
    depth = 0
    try:
        for token in yaml.scan(text, Loader=Loader):
            depth += isinstance(token, yaml.FlowSequenceStartToken | yaml.FlowMappingStartToken)
            depth -= isinstance(token, yaml.FlowSequenceEndToken | yaml.FlowMappingEndToken)
            # PyYAML's time for a token grows with the depth.
            if depth > MAX_DEPTH:
                return
            yield token
    except (yaml.YAMLError, OverflowError, ValueError):  # these for an escape beyond Unicode
        return


def _in_brackets(tokens: list[yaml.Token], problem: str, mark: yaml.Mark) -> tuple[int, str]:
    pairs = {"]": "[", "}": "{"}
    opened: list[yaml.FlowSequenceStartToken | yaml.FlowMappingStartToken] = []
    for token in tokens:
        if isinstance(token, yaml.FlowSequenceStartToken | yaml.FlowMappingStartToken):
            opened.append(token)
        elif isinstance(token, yaml.FlowSequenceEndToken | yaml.FlowMappingEndToken):
            if not opened or opened[-1].id != pairs[token.id]:
                return token.start_mark.line, f"{token.id!r} closes nothing that is open"
            opened.pop()
    if opened:
        return opened[0].start_mark.line, f"{opened[0].id!r} is not closed"
    if problem.startswith("expected the node content"):
        return mark.line, "in brackets a value is missing before a comma"
    return mark.line, "in brackets a comma is missing between values"


def _misplaced_colon(lines: list[str], mark: yaml.Mark) -> tuple[int, str]:
    """A colon stands where a value is expected."""
    if match := re.search(r":\s+", lines[mark.line][: mark.column]):
        value = lines[mark.line][match.end() :].strip()
        return mark.line, (
            f"a second colon in one line; indent {value!r:.60} under it, or put it in quotes"
        )
    before = [n for n in range(mark.line) if re.match(r"\s*[^\s#]", lines[n])]
    if not before:
        return mark.line, "not valid YAML: a colon stands where no setting can be"
    last = before[-1]
    if re.search(r":(\s|$)", lines[last]):
        n = _indentation(lines[mark.line])
        return mark.line, (
            f"is indented by {n} spaces, deeper than line {last + 1}, which has a value already"
        )
    said = missing_colon(lines[last])
    return last, said or f"a colon is missing after {lines[last].strip()!r:.60}"


def _document_ends(lines: list[str], mark: yaml.Mark) -> list[int]:
    return [n for n in range(mark.line) if re.match(r"\.\.\.(\s|$)", lines[n])]


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
