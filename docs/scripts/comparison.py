"""Train three networks on Fashion-MNIST, compare them, and write docs/comparison.md.

    python docs/scripts/comparison.py FOLDER_OF_FASHION_MNIST [RUNS]

RUNS keeps the run directories [outputs/comparison]; what is there already is not trained again. Takes
some ten minutes on two cores.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

import mtrain
from mtrain.report.charts.style import COLOURS, GREY, chart_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mtrain.records.comparison import Comparison
    from mtrain.records.figure_comparison import FigureComparison

ROOT = Path(__file__).parents[2]
TEMPLATE = Path(__file__).with_name("comparison.template.md")
MTRAIN = str(Path(sys.executable).with_name("mtrain"))

NETWORKS = {"500x2": [], "500x5": [], "30": ["dataset.scale=unit"]}
"""With settings that their configs do not have; the others are compared with the first."""

FIGURES = ("recall", "precision", "f1")


def main() -> None:
    """Train what is missing, and write the page and its picture."""
    data = Path(sys.argv[1]).absolute()
    runs = Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "outputs" / "comparison"
    for network, settings in NETWORKS.items():
        config = ROOT / "configs" / f"fashion_mnist_{network}.yaml"
        command = [MTRAIN, "fit", str(config), f"dataset.path={data}", *settings]
        subprocess.run([*command, "--resume", "--quiet", "--out", str(runs / network)], check=True)
    comparisons = mtrain.compare(*(runs / network for network in NETWORKS))
    assert isinstance(comparisons, list)
    page = TEMPLATE.read_text(encoding="utf-8").format(
        sentences="\n".join(f"- {_named(each, each.sentence)}." for each in comparisons),
        table="\n".join(_table(comparisons)),
    )
    (ROOT / "docs" / "comparison.md").write_text(page, encoding="utf-8")
    for name, content in chart_files({"comparison": lambda: _draw(comparisons)}, "png"):
        (ROOT / "docs" / "pictures" / name).write_bytes(content)


def _named(comparison: Comparison, text: str) -> str:
    """With the networks in place of the paths of their runs."""
    for run in comparison.runs:
        text = text.replace(run, Path(run).name)
    return text


def _table(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """A row a class; of each network its differences from the first, those shown in bold."""
    headings = [f"{Path(each.runs[1]).name}: {name}" for each in comparisons for name in FIGURES]
    yield f"| class | {' | '.join(heading.replace('f1', 'F1') for heading in headings)} |"
    yield f"|{'---|' * (len(headings) + 1)}"
    for k, one in enumerate(comparisons[0].classes):
        cells = [_cell(getattr(each.classes[k], name)) for each in comparisons for name in FIGURES]
        yield f"| {one.name} | {' | '.join(cells)} |"
    averages = [
        _cell(getattr(each.averages, f"{name}_macro")) for each in comparisons for name in FIGURES
    ]
    yield f"| macro average | {' | '.join(averages)} |"


def _cell(figure: FigureComparison) -> str:
    assert figure.difference is not None
    text = f"{figure.difference:+.3f}"
    return f"**{text}** {figure.finding}" if figure.finding in {"better", "worse"} else text


def _draw(comparisons: Sequence[Comparison]) -> Figure:
    """A dot and interval a class and network: the difference of F1 from the first network."""
    figure = Figure(figsize=(8, 5))
    axes = figure.subplots()
    names = [one.name for one in comparisons[0].classes]
    for number, comparison in enumerate(comparisons):
        label = f"{Path(comparison.runs[1]).name} - {next(iter(NETWORKS))}"
        for k, one in enumerate(comparison.classes):
            assert one.f1.ci is not None
            is_shown = one.f1.finding in {"better", "worse"}
            row = k + (number - 0.5) * 0.3
            colour = COLOURS[number]
            axes.plot(one.f1.ci, [row, row], color=colour, label=label if k == 0 else None)
            axes.plot(
                [one.f1.difference or 0.0],
                [row],
                "o",
                color=colour,
                markerfacecolor=colour if is_shown else "white",
            )
    axes.axvline(0, color=GREY, zorder=0)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("difference of F1, with its 95 % interval; a full dot is shown to differ")
    axes.legend(loc="lower left")
    return figure


if __name__ == "__main__":
    main()
