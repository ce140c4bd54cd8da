"""Everything of matplotlib that charts use; every chart imports it from here."""

from __future__ import annotations

from mtrain.loading import load_matplotlib

load_matplotlib()  # before matplotlib, which would read the settings of the current folder

import matplotlib as mpl  # noqa: E402
from matplotlib.collections import LineCollection  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.ticker import MaxNLocator  # noqa: E402

__all__ = ["Figure", "LineCollection", "MaxNLocator", "mpl"]
