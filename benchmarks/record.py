"""Results files: what was measured, on which machine, when, and at which commit."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.markdown import Row, Table

RESULTS = ROOT / "docs" / "results"


@dataclass(frozen=True)
class Record:
    """The content of a results file."""

    machine: dict[str, Any] | str
    """As `machine.describe` returns it; a text where that was not kept."""

    commit: str | None
    """None where it is unknown."""

    date: str
    """The day of the measurement, as 2026-01-31."""

    repeats: int | None
    """How often each figure was measured; None where it is unknown, or once."""

    rows: list[Row]


def read_record(path: Path) -> Record:
    """Read a results file."""
    return Record(**json.loads(path.read_text(encoding="utf-8")))


def record(table: Table, rows: Iterable[Row], path: Path, repeats: int | None = None) -> list[Row]:
    """Print each row when it is measured; write all rows into the results file, and return them."""
    print(table.head, flush=True)
    measured = []
    for row in rows:
        print(table.line(row), flush=True)
        measured.append(row)
    # Only now, so that no library is in this process while it starts those that are measured.
    from benchmarks.machine import describe
    from mtrain.run.environment import git_commit

    kept = Record(describe(), git_commit(), today(), repeats, measured)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(kept), indent=1) + "\n", encoding="utf-8")
    return measured


def today() -> str:
    """The day, as it stands in a results file."""
    return datetime.now(UTC).date().isoformat()


def parser_of(name: str, description: str | None) -> argparse.ArgumentParser:
    """The options that every measurement has; `description` is its module's docstring."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks {name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    path = RESULTS / f"{name}.json"
    text = f"the results file to write [{path.relative_to(ROOT)}]"
    parser.add_argument("--out", type=Path, default=path, metavar="FILE", help=text)
    return parser
