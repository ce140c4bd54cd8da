"""Take the README's pictures of a real run: the live console, and the bar chart.

Trains configs/fashion_mnist_500x2.yaml at batch 256 for six epochs:

    python docs/scripts/pictures.py FOLDER_OF_FASHION_MNIST
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from mtrain.config.loading.load import load_config
from mtrain.report.console.live import LiveTable
from mtrain.report.console.plain import opening_lines
from mtrain.workflows.fit import fit

if TYPE_CHECKING:
    from mtrain.observer import TrainingFacts
    from mtrain.records.training import Progress

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"

SETTINGS = ("training.epochs=6", "training.batch_size=256")
MOMENT = (5, 0.6)
"""The epoch, and the share of its steps done, at which the console is photographed."""


class Photographer(LiveTable):
    """A live table that keeps one moment."""

    def __init__(self, camera: Console) -> None:
        super().__init__(Console(file=io.StringIO(), force_terminal=True, width=80, height=30))
        self._camera = camera
        self._taken = False

    def begin(self, facts: TrainingFacts) -> None:
        """Keep the first lines of a training."""
        for line in opening_lines(facts):
            self._camera.print(line, highlight=False)
        super().begin(facts)

    def progress(self, progress: Progress) -> None:
        """Keep the display at its moment."""
        super().progress(progress)
        epoch, share = MOMENT
        if not self._taken and progress.epoch == epoch and progress.step > share * progress.steps:
            self._camera.print(self.picture())
            self._taken = True


def main() -> None:
    """Train, and write both pictures."""
    overrides = {
        "dataset.path": sys.argv[1],
        **{key: int(value) for key, value in (setting.split("=") for setting in SETTINGS)},
    }
    config = load_config(ROOT / "configs" / "fashion_mnist_500x2.yaml", overrides)
    camera = Console(file=io.StringIO(), force_terminal=True, width=80, record=True)
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        run = fit(config, out=Path(folder) / config.name, observer=Photographer(camera))
        shutil.copy(run.path / "evaluation" / "test" / "precision_recall.png", PICTURES)
    title = f"mtrain fit configs/{config.name}.yaml"
    camera.save_svg(str(PICTURES / "console.svg"), title=title)


if __name__ == "__main__":
    main()
