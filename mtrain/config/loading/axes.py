"""What a sweep varies: `KEY=V1,V2,...`, `KEY=LOW..HIGH`, and draws from them."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.config.loading.load import COMMAND_LINE, parse_overrides, plain
from mtrain.errors import UsageError
from mtrain.keywords import option

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Values = dict[str, Any]
"""The value of each axis, by its dotted key."""

TEXTS = {f"dataset.{key}" for key in ("path", "val_path", "test_path", "target", "groups", "time")}
"""Settings in which two dots are two dots."""

MOST_TRIES = 100
"""Draws for each setting wanted, after which ranges are taken to hold no more."""


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`, both included, from which values are drawn."""

    low: float
    high: float

    @property
    def is_logarithmic(self) -> bool:
        """Whether each factor is as likely as another, not each number: from a factor of ten on."""
        return self.low > 0 and self.high >= 10 * self.low

    def at(self, share: float) -> float:
        """The number at this share, in [0, 1), of the range; whole if both ends are.

        Others have four digits, as the name of a folder shows them.
        """
        if isinstance(self.low, int) and isinstance(self.high, int):
            if not self.is_logarithmic:
                return self.low + int(share * (self.high - self.low + 1))
            return min(int(_geometric(self.low, self.high + 1, share)), self.high)
        if self.is_logarithmic:
            drawn = _geometric(self.low, self.high, share)
        else:
            drawn = self.low + share * (self.high - self.low)
        return min(max(float(f"{drawn:.4g}"), float(self.low)), float(self.high))

    def __str__(self) -> str:
        return f"{self.low}..{self.high}"


@dataclass(frozen=True)
class Axis:
    """A setting that varies."""

    key: str
    values: tuple[Any, ...] | Range


def parse_axes(arguments: Iterable[str]) -> tuple[dict[str, Any], list[Axis]]:
    """Overrides of all members, and the axes, from `KEY=VALUE`, `KEY=V1,V2` and `KEY=LOW..HIGH`.

    Commas within brackets and quotes separate nothing. Raises `UsageError` for an argument that is
    none of these, a value that stands twice, and a range that is empty or not of numbers.
    """
    overrides: dict[str, Any] = {}
    axes: list[Axis] = []
    for argument in arguments:
        key, equals, text = argument.partition("=")
        parts = _parts(text) if key and equals else [text]
        values = parse_overrides([argument if len(parts) == 1 else f"{key}={parts[0]}"])
        if key in overrides or key in {axis.key for axis in axes}:
            raise UsageError(f"{key}: set twice", where=COMMAND_LINE)
        if len(parts) > 1:
            if not all(part.strip() for part in parts):
                problem = f"a value is missing between the commas of {text!r:.60}"
                raise UsageError(f"{key}: {problem}", where=COMMAND_LINE)
            listed = [parse_overrides([f"{key}={part}"])[key] for part in parts]
            axes.append(make_axis(key, listed, COMMAND_LINE))
        elif not text.lstrip().startswith(("'", '"')) and (limits := _range(key, values[key])):
            axes.append(Axis(key, limits))
        else:
            overrides |= values
    return overrides, axes


def make_axis(key: str, values: Sequence[Any], caller: str) -> Axis:
    """An axis of these values; `caller` names where they come from. Raises `UsageError` as above."""
    for place, value in enumerate(values):
        if _is_range(key, value):
            problem = f"{value} is a range, which stands alone, not in a list"
            raise UsageError(f"{key}: {problem}", where=caller)
        if any(_same(value, other) for other in values[:place]):
            raise UsageError(f"{key}: {value} stands twice", where=caller)
    return Axis(key, tuple(values))


def combinations(
    axes: Sequence[Axis], sample: int | None, seed: int, caller: str = COMMAND_LINE
) -> list[Values]:
    """The product of the axes, or `sample` different settings drawn from it by `seed`.

    Raises `UsageError` for ranges without a sample, and a sample larger than the product.
    """
    ranges = [axis for axis in axes if isinstance(axis.values, Range)]
    if sample is None:
        if ranges:
            problem = f"{ranges[0].values} is a range, from which only {option('sample')} draws"
            raise UsageError(f"{ranges[0].key}: {problem}", where=caller)
        return [
            {axis.key: value for axis, value in zip(axes, values, strict=True)}
            for values in itertools.product(*(_listed(axis) for axis in axes))
        ]
    if not ranges and sample > (size := product_size(axes)):
        raise UsageError(f"{sample:,} wanted, there are {size:,} settings", where=option("sample"))
    drawn: dict[str, Values] = {}
    shares = _shares(len(axes), seed)
    for _ in range(MOST_TRIES * sample):
        values = {axis.key: _at(axis, next(shares)) for axis in axes}
        drawn.setdefault(repr(values), values)
        if len(drawn) == sample:
            return list(drawn.values())
    if ranges:
        problem = f"{sample:,} wanted, the ranges hold hardly more than {len(drawn):,} settings"
        raise UsageError(problem, where=option("sample"))
    rest = (values for values in combinations(axes, None, seed) if repr(values) not in drawn)
    return [*drawn.values(), *itertools.islice(rest, sample - len(drawn))]


def product_size(axes: Sequence[Axis]) -> int:
    """How many settings the axes without ranges have together."""
    return math.prod(len(_listed(axis)) for axis in axes if not isinstance(axis.values, Range))


def axes_from_python(axes: Mapping[str, Any], caller: str) -> list[Axis]:
    """Axes from a mapping of dotted keys to lists of values or `"LOW..HIGH"`."""
    made = []
    for key, given in axes.items():
        values = plain(list(given) if isinstance(given, range) else given)
        if isinstance(values, list) and values:
            made.append(make_axis(key, values, caller))
        elif isinstance(values, str) and (limits := _range(key, values, caller)) is not None:
            made.append(Axis(key, limits))
        else:
            problem = f"must be a list of values, or a range as '1e-4..1e-2', got {values!r:.60}"
            raise UsageError(f"{key}: {problem}", where=caller)
    return made


def _geometric(low: float, high: float, share: float) -> float:
    return max(low, math.exp(math.log(low) + share * math.log(high / low)))


def axis_labels(keys: Sequence[str]) -> dict[str, str]:
    """The shortest ends of dotted keys that tell them apart, and from `seed` and `fold`; by key."""
    labels = {}
    taken = {*keys, "seed", "fold"}
    for key in keys:
        parts = key.split(".")
        ends = (".".join(parts[-n:]) for n in range(1, len(parts) + 1))
        alone = (end for end in ends if sum(f".{k}".endswith(f".{end}") for k in taken) == 1)
        labels[key] = next(alone, key)  # `seed` is also the end of `dataset.seed`
    return labels


def value_text(value: Any) -> str:
    """A value of an axis in a table, and in a folder's name: `0.001`, `500-250`, `sgd`."""
    if isinstance(value, dict):
        parts = [value_text(inner) for inner in value.values()]
        return "-".join(parts) or "default"
    if isinstance(value, list | tuple):
        return "-".join(map(value_text, value)) or "none"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float) and float(short := f"{value:g}") == value:
        return short
    return str(value)


def _listed(axis: Axis) -> tuple[Any, ...]:
    return () if isinstance(axis.values, Range) else axis.values


def _at(axis: Axis, share: float) -> Any:
    values = axis.values
    return values.at(share) if isinstance(values, Range) else values[int(share * len(values))]


def _shares(width: int, seed: int) -> Iterator[float]:
    """Numbers in [0, 1) without end: bits of a counter, which NumPy promises never to change."""
    bits = np.random.Philox(np.random.SeedSequence([seed, *b"sweep"]))
    while True:
        yield from (int(number) / 2**64 * (1 - 2**-53) for number in bits.random_raw(width))


def _parts(text: str) -> list[str]:
    """The text divided at its commas, but for those within brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'" and not parts[-1].strip():
            quote = letter
        depth += (letter in "[{(") - (letter in ")}]") if not quote else 0
        if letter == "," and depth <= 0 and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _is_range(key: str, value: Any) -> bool:
    """Whether `..` stands between two words or numbers, and not in a path or a pattern."""
    if key in TEXTS or not isinstance(value, str):
        return False
    return bool(re.fullmatch(r"[\w+-]*\.?[\w+-]+\.\.[\w+-]*\.?[\w+-]*", value))


def _range(key: str, value: Any, caller: str = COMMAND_LINE) -> Range | None:
    """The range that a value means; None for another value."""
    if not _is_range(key, value):
        return None
    low, high = (parse_overrides([f"{key}={end}"])[key] for end in value.split("..", 1))
    if not all(type(end) in {int, float} and math.isfinite(end) for end in (low, high)):
        problem = f"a range is of two numbers, as 1e-4..1e-2, got {value}"
        raise UsageError(f"{key}: {problem}", where=caller)
    if not low < high:
        raise UsageError(f"{key}: the range {value} is empty", where=caller)
    return Range(low, high)


def _same(value: Any, other: Any) -> bool:
    return type(value) is type(other) and value == other
