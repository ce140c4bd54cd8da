"""Write benchmarks.md and its chart from the results files.

What has no results file is left out.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import (
    ROOT,
    comparing,
    compilation,
    diagnostics,
    dropout,
    metrics_cost,
    predicting,
    proposals,
    reading,
    rivals,
    saving,
    scoring,
    startup,
    sweeping,
    tables,
    threads,
)
from benchmarks.chart import draw
from benchmarks.comparison import Comparison
from benchmarks.comparison_page import TEMPLATES, comparison_text, ratios_table
from benchmarks.record import RESULTS, read_record

if TYPE_CHECKING:
    from benchmarks.markdown import Table

TABLES: dict[str, Table] = {
    "metrics_cost": metrics_cost.TABLE,
    "diagnostics": diagnostics.TABLE,
    "dropout": dropout.TABLE,
    "compilation": compilation.TABLE,
    "threads": threads.TABLE,
    "scoring": scoring.TABLE,
    "comparing": comparing.TABLE,
    "sweeping": sweeping.TABLE,
    "startup": startup.TABLE,
    "saving": saving.TABLE,
    "predicting": predicting.TABLE,
    "reading": reading.TABLE,
    "rivals": rivals.TABLE,
    "proposals": proposals.TABLE,
    "tables": tables.TABLE,
}
"""A section each, in this order, from the results file and the template of this name."""


def main(arguments: list[str]) -> None:
    """Write the page and the chart; print the first table of the comparison."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks page",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("results", type=Path, nargs="?", default=RESULTS, help="[docs/results]")
    parser.add_argument("docs", type=Path, nargs="?", default=ROOT / "docs", help="[docs]")
    options = parser.parse_args(arguments)
    pictures = options.docs / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    (options.docs / "benchmarks.md").write_text(
        page(options.results, options.docs), encoding="utf-8"
    )
    if compared := read_comparison(options.results):
        draw(compared).savefig(pictures / "benchmarks.png", dpi=120)
        print(ratios_table(compared))
    print(f"the whole page: {options.docs / 'benchmarks.md'}")


def page(results: Path, docs: Path) -> str:
    """The text of benchmarks.md in the folder `docs`, from the files in the folder `results`."""
    folder = Path(os.path.relpath(results, docs)).as_posix()
    found = [name for name in TABLES if (results / f"{name}.json").exists()]
    parts = [_template("page").format(results=folder)]
    if compared := read_comparison(results):
        counting = " ([figures](#what-exact-metrics-cost))" if "metrics_cost" in found else ""
        parts.append(comparison_text(compared, folder, counting))
    parts += [_section(name, results, folder) for name in found]
    return "\n".join(parts)


def read_comparison(results: Path) -> Comparison | None:
    """What compare measured; None where there is no such file."""
    path = results / "compare.json"
    return Comparison(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def _section(name: str, results: Path, folder: str) -> str:
    kept = read_record(results / f"{name}.json")
    measured = (
        f"Measured on {kept.date} at commit {(kept.commit or 'unknown')[:12]}, on "
        f"{_machine(kept.machine)} ([results]({folder}/{name}.json)); "
        f"`python -m benchmarks {name}` measures it again."
    )
    text = _template(name).format(repeats=kept.repeats)
    return f"{text}\n{TABLES[name].text(kept.rows)}\n\n{measured}\n"


def _machine(machine: dict[str, Any] | str) -> str:
    if isinstance(machine, str):
        return machine
    versions = machine["versions"]
    return (
        f"{machine['cores']} cores, Python {machine['python']}, "
        f"TensorFlow {versions['tensorflow']}, Keras {versions['keras']}"
    )


def _template(name: str) -> str:
    return (TEMPLATES / f"{name}.md").read_text(encoding="utf-8")
