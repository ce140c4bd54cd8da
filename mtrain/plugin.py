"""What a package needs to bring sources of data: its section of settings, and the rows it returns."""

from mtrain.config.experiment.dataset import DatasetConfig
from mtrain.data.source import Rows, Source, checked_rows

__all__ = ["DatasetConfig", "Rows", "Source", "checked_rows"]
