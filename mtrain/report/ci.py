"""The result of gates for CI: a JUnit file, and GitHub's summary and annotation."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from mtrain.escape import inert
from mtrain.report.text import MARKS, explained, figure, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mtrain.records.gate import Gate

LARGEST_SUMMARY = 900_000
"""Bytes of a summary: GitHub refuses one of more than 1 MiB."""

JUNIT_BEGINS = b"<?xml version='1.0' encoding='UTF-8'?>\n<testsuites name=\"mtrain gate\""

_MARKDOWN = frozenset("&<>|`\\[]()!*_~@#$")
"""What Markdown could take for its own."""


def junit_xml(gate: Gate) -> bytes:
    """A suite of one test case for each rule, its numbers as the suite's properties.

    Most schemas allow no properties in a test case. An inconclusive rule is skipped, or an error where
    inconclusive rules fail.
    """
    kinds = {"failed": "failure", "inconclusive": "skipped"}
    if gate.inconclusive == "fail":
        kinds["inconclusive"] = "error"
    found = [kinds.get(result.outcome) for result in gate.results]
    root = ET.Element("testsuites", {"name": "mtrain gate", **_counts(found)})
    for result, kind in zip(gate.results, found, strict=True):
        counts = {**_counts([kind]), "skipped": str(int(kind == "skipped"))}
        suite = ET.SubElement(root, "testsuite", {"name": inert(result.rule), **counts})
        properties = ET.SubElement(suite, "properties")
        for name, value in asdict(result).items():
            if name not in {"rule", "reason"} and value is not None:
                ET.SubElement(properties, "property", {"name": name, "value": inert(str(value))})
        names = {"classname": inert(gate.run), "name": inert(result.rule), "time": "0"}
        case = ET.SubElement(suite, "testcase", names)
        if kind is not None:
            ET.SubElement(case, kind, {"message": inert(explained(result))})
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return document + b"\n"


def _counts(kinds: Sequence[str | None]) -> dict[str, str]:
    failures, errors = kinds.count("failure"), kinds.count("error")
    return {"tests": str(len(kinds)), "failures": str(failures), "errors": str(errors), "time": "0"}


def github_summary(gate: Gate) -> str:
    """A Markdown table, a row a rule, the worst first; cut with a word where it is too large."""
    lines = [
        f"### {MARKS[gate.outcome]} mtrain gate {gate.summary}",
        "",
        _markdown(f"{gate.run}, {gate.checkpoint}, {gate.split} split of {gate.n:,} rows"),
        "",
        "| rule | | value | limit | |",
        "|---|---|---|---|---|",
    ]
    size = sum(len(line.encode()) + 1 for line in lines)
    for number, result in enumerate(gate.worst_first):
        cells = (
            _markdown(result.rule),
            f"{MARKS[result.outcome]} {result.outcome}",
            share(result.value),
            figure(result.limit),
            _markdown(explained(result)),
        )
        line = f"| {' | '.join(cells)} |"
        size += len(line.encode()) + 1
        if size > LARGEST_SUMMARY - 100:
            lines += ["", f"and {len(gate.results) - number:,} rules more"]
            break
        lines.append(line)
    return "\n".join(lines) + "\n"


def github_annotation(gate: Gate) -> str | None:
    """One line that GitHub shows with the job; None if all passed."""
    if gate.outcome == "passed":
        return None
    kind = "error" if gate.outcome == "failed" else "warning"
    worst = gate.worst_first[0]
    text = inert(f"gate {gate.summary}; {worst.rule}: {explained(worst)}")
    return f"::{kind} title=mtrain gate::{text.replace('%', '%25')}"


def _markdown(text: str) -> str:
    return "".join(f"&#{ord(one)};" if one in _MARKDOWN else one for one in inert(text))
