"""The settings of a table: CSV and Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Lt
from pydantic import BeforeValidator, Field, model_serializer, model_validator

from mtrain.config.experiment.dataset import UserData
from mtrain.config.experiment.section import CountOrZero, InvalidSettingError, ListOf, Section

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ColumnNames = Annotated[tuple[str, ...], ListOf, Field(json_schema_extra={"uniqueItems": True})]

BELONGING = ("groups", "time")
"""Settings whose column is learned from only if `features` names it."""

_Int64 = Annotated[int, Ge(-(2**63)), Lt(2**63)]  # checkpoints hold no larger ones
MissingValues = Annotated[tuple[str | _Int64 | float, ...], ListOf]


Fill = Literal["mean", "median", "zero", "drop"]


class MissingConfig(Section):
    """What a table's missing values become."""

    fill: Fill = "median"
    """What replaces a missing number: the mean or median of the training split, or zero; a missing
    category is encoded as zeros. `drop` leaves out rows with missing values."""

    flag: bool = False
    """Give each column that lacks values in the training split one more input, 1 where the value is
    missing and 0 elsewhere."""

    @model_validator(mode="after")
    def _rows_that_are_left_out_have_no_flag(self) -> MissingConfig:
        if self.flag and self.fill == "drop":
            problem = "is for values that are filled; fill: drop leaves their rows out"
            raise InvalidSettingError("flag", problem)
        return self

    @model_serializer
    def _short(self) -> str | dict[str, Any]:
        return {"fill": self.fill, "flag": True} if self.flag else self.fill


def with_fill(value: Any) -> Any:
    """`median` as `{fill: median}`."""
    return value if value is None or isinstance(value, dict | Section) else {"fill": value}


Missing = Annotated[
    MissingConfig | None,
    BeforeValidator(with_fill, json_schema_input_type=Fill | MissingConfig | None),
]


class TableConfig(UserData):
    """Rows of named columns."""

    path: str
    """A file, a folder of such files, or a pattern such as `rows/*.*`. Files of a folder that are
    named `train`, `val`, `test` or similar are these splits."""

    val_path: str | None = None
    """The validation split, if it is not in `path`; null: it is in `path`, or is split off."""

    target: str
    """The column of the labels: text or whole numbers."""

    features: ColumnNames | None = None
    """The columns to learn from; null: all but `target`, `weights`, `groups`,
    `time` and the columns in `exclude`."""

    exclude: ColumnNames = ()
    """Columns not to learn from, such as an id, for tables with many `features` to list."""

    categorical: ColumnNames = ()
    """Columns whose values are categories although they look like numbers. Text, and true or false,
    are always categories; each category seen in training becomes one input."""

    dates: ColumnNames = ()
    """Columns of dates, with times or without, as `2024-05-31 12:30`: learned from as year, month, weekday
    (0 is Monday), hour and day of the year, in UTC where they have an offset."""

    missing: Missing = None
    """What missing values become: `{fill: median, flag: true}`, or `fill` alone: `mean`, `median`,
    `zero` or `drop`; null makes them an error. Rows without a label are left out in any case."""

    missing_values: MissingValues = ()
    """Values that mean "missing" in any column: texts such as `"?"`, numbers such as -999. An empty
    value is always missing; in columns of numbers, so are NA, NaN, null and the like."""

    rare: CountOrZero = 0
    """Categories of fewer training rows are one, `other`, which a category that is itself called `other` joins
    only if it is rare. A category unseen in training is not among them."""

    weights: str | None = None
    """The column with the weight of each row in the loss and in weighted figures; null: all rows
    weigh the same."""

    groups: str | None = None
    """The column of what rows belong to, such as a patient or a session: rows of one value are never
    parted between splits, and intervals, verdicts, comparisons and gates count groups. It is not
    learned from unless `features` names it. null: each row stands alone."""

    time: str | None = None
    """The column of each row's time, in numbers, dates or times such as `2024-05-31 12:30`, for
    `how: time`; with it, a `fold` tests rows later than those it trains on. It is not learned from
    unless `features` names it. null: rows have no time."""

    # Bytes, which `unit` is for, are not in tables; what `robust` and `quantile` do is for columns.
    scale: Literal["auto", "none", "standard", "robust", "quantile"] = "auto"  # type: ignore[assignment]
    """none: numbers as they are; standard: each column with mean 0 and standard deviation 1 on the
    training split; robust, for outliers: by the median and the quartiles of the training split, and
    clipped smoothly to ±3; quantile: by at most 256 quantiles of the training split, to those of the
    standard normal distribution; auto: standard. Categories are 0 or 1."""

    @property
    def drops_incomplete(self) -> bool:
        """Whether rows with missing values are left out."""
        return self.missing is not None and self.missing.fill == "drop"

    def of_kind(self, name: str) -> CsvConfig | ParquetConfig:
        """The settings that files of another kind, `csv` or `parquet`, have as well."""
        kind = TABLES[name]
        if isinstance(self, kind):
            return self
        shared = (self.model_fields_set & kind.model_fields.keys()) - {"name"}
        return kind.model_construct(
            _fields_set=shared, **{key: getattr(self, key) for key in shared}
        )

    @model_validator(mode="after")
    def _columns_have_one_use(self) -> TableConfig:
        if self.features == ():
            raise InvalidSettingError("features", "must name a column; null is all of them")
        taken = {"target": self.target}
        for key in ("weights", "groups", "time"):
            if (column := getattr(self, key)) is not None:
                _refuse_taken(key, (column,), taken)
                taken[key] = column
        learned = self.features or ()
        for key in ("features", "exclude", "categorical", "dates"):
            columns = getattr(self, key) or ()
            # A group or a time may be learned from as well.
            may_be = {"exclude": (), "dates": columns}.get(key, learned)
            _refuse_taken(
                key,
                columns,
                {k: c for k, c in taken.items() if k not in BELONGING or c not in may_be},
            )
            if (twice := _first_twice(columns)) is not None:
                raise InvalidSettingError(key, f"{twice!r} is listed twice")
        if self.features is not None:
            known = set(self.features)
            for key in ("categorical", "dates"):
                for column in getattr(self, key):
                    if column not in known:
                        raise InvalidSettingError(key, f"{column!r} is not in dataset.features")
        return self

    @model_validator(mode="after")
    def _what_is_excluded_has_no_use(self) -> TableConfig:
        for key in ("features", "categorical", "dates"):
            if both := [column for column in getattr(self, key) or () if column in self.exclude]:
                raise InvalidSettingError(key, f"{both[0]!r} is in dataset.exclude, too")
        if both := [column for column in self.dates if column in self.categorical]:
            raise InvalidSettingError("dates", f"{both[0]!r} is in dataset.categorical, too")
        return self


class CsvConfig(TableConfig):
    """Rows of values separated by commas, semicolons, tabs or bars; the first names the columns."""

    name: Literal["csv"] = "csv"

    header: bool = True
    """Whether the first line names the columns; false: it is a row, and columns are called
    `column_1`, `column_2`, ...."""

    decimal: Literal[".", ","] = "."
    """The decimal separator of numbers: `1.5` or `1,5`."""

    thousands: Literal[",", ".", " ", "'", "_"] | None = None
    """The thousands separator of numbers, as in `5,211.97`; null: none. A space stands for no-break
    spaces, too."""

    @model_validator(mode="after")
    def _numbers_can_be_read(self) -> CsvConfig:
        if self.thousands == self.decimal:
            other = "," if self.decimal == "." else "."
            problem = f"{self.thousands!r} is dataset.decimal already; set that to {other!r}"
            raise InvalidSettingError("thousands", problem)
        return self


class ParquetConfig(TableConfig):
    """Apache Parquet files."""

    name: Literal["parquet"] = "parquet"


TABLES: dict[str, type[CsvConfig | ParquetConfig]] = {"csv": CsvConfig, "parquet": ParquetConfig}


def _refuse_taken(key: str, columns: Iterable[str], taken: Mapping[str, str]) -> None:
    """Raise `InvalidSettingError` of `key` if one of the columns is `taken` by another setting."""
    uses = {column: other for other, column in taken.items()}
    for column in columns:
        if column in uses:
            raise InvalidSettingError(key, f"{column!r} is dataset.{uses[column]} already")


def _first_twice(names: Iterable[str | None]) -> str | None:
    seen: set[str | None] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
