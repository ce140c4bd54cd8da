"""Which rows go where: drawn by seed, each row once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.data.keys import random_keys
from mtrain.data.time_order import latest_rows
from mtrain.data.whole_groups import drawn_groups, groups_of, last_groups, stratified_groups
from mtrain.errors import SettingError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.data.source import Rows
    from mtrain.records.arrays import Ints


def split_off(
    split: Rows,
    size: float,
    how: str,
    seed: int,
    section: tuple[str, ...],
    *,
    parts: int = 2,
) -> tuple[Rows, Rows]:
    """The rows that stay, and those set apart: rows (an int) or a fraction (a float) of `split`.

    `how` is `tail`, `random`, `stratified` or, of rows with times, `time`; both parts keep the
    order of their rows. `parts` is the number of parts in the end: 3 if the rest is split once
    more. Stratified, each part has at least one row of each class with that many rows or more, and
    the single row of a class stays. `section` is where these settings stand, for errors. Rows of
    one group stay together: their number is as near the size as whole groups can be, and by time as
    times of several rows allow. Raises `SettingError` for an impossible size.
    """
    n = len(split)
    apart = size if isinstance(size, int) else round(size * n)
    if not 0 < apart < n:
        raise SettingError(((*section, "size"), f"{size} of {n:,} rows leaves a split empty"))
    if how == "time":
        if split.times is None:
            raise SettingError(((*section, "how"), "time is for rows that have one"))
        latest = latest_rows(split.times, split.groups, apart)
        if latest is None:
            of = "" if split.groups is None else " without parting a group"
            raise SettingError((section, f"no time parts the {n:,} rows{of}"))
        return split.take(np.flatnonzero(~latest)), split.take(np.flatnonzero(latest))
    if split.groups is not None:
        goes = _whole_groups_apart(split.labels, split.groups, apart, how, seed, section, parts)
        return split.take(np.flatnonzero(~goes)), split.take(np.flatnonzero(goes))
    if how == "tail":
        return split.take(np.arange(n - apart)), split.take(np.arange(n - apart, n))
    keys = random_keys(n, seed, section)
    if how == "random":
        goes = np.zeros(n, bool)
        goes[np.argsort(keys, kind="stable")[:apart]] = True
    else:
        rows = np.bincount(split.labels)
        taken = stratify(rows, apart, parts, random_keys(len(rows), seed, (*section, "class")))
        if taken is None:
            problem = (
                f"{size} of {n:,} rows cannot be stratified: each part must be able to hold each "
                f"of {np.count_nonzero(rows)} classes; how: random can"
            )
            raise SettingError(((*section, "size"), problem))
        by_class = np.lexsort((keys, split.labels))
        places = np.arange(n) - np.repeat(np.cumsum(rows) - rows, rows)  # within the class
        goes = np.empty(n, bool)
        goes[by_class] = places < taken[split.labels[by_class]]
    return split.take(np.flatnonzero(~goes)), split.take(np.flatnonzero(goes))


def _whole_groups_apart(
    labels: NDArray[np.int32],
    groups: Ints,
    apart: int,
    how: str,
    seed: int,
    section: tuple[str, ...],
    parts: int,
) -> NDArray[np.bool_]:
    """Whether each row is set apart, shape (N,)."""
    of = groups_of(labels, groups)
    n = len(of.sizes)
    if n < parts:
        problem = f"{n:,} group{'s' * (n > 1)} cannot be parted into {parts} splits"
        raise SettingError((section, problem))
    if how == "tail":
        return last_groups(of, apart)[of.numbers]
    keys = random_keys(n, seed, (*section, "group"))
    if how == "random":
        return drawn_groups(of, apart, keys)[of.numbers]
    goes = stratified_groups(of, apart, parts, keys)
    if goes is None:
        problem = f"{n:,} groups cannot be stratified: a class would be missing from a part; how: random can"
        raise SettingError((section, problem))
    return goes[of.numbers]


def stratify(rows: Ints, apart: int, parts: int, ties: NDArray[np.uint64]) -> Ints | None:
    """How many of the `rows` of each class, shape (K,), are set apart: `apart` in all.

    In proportion, by largest remainders; among equal ones the smaller `ties`, shape (K,), come
    first. Of a class of `parts` rows or more at least one is set apart, and at least one for each
    other part stays; of any class one stays. None if no allocation does this.
    """
    enough = rows >= parts
    least = enough.astype(np.int64)
    most = np.maximum(rows - np.where(enough, parts - 1, 1), 0)
    if not least.sum() <= apart <= most.sum():
        return None
    # Shares are compared as whole numbers of 1 / total: without rounding, ties are ties everywhere.
    total = int(rows.sum())
    exact = rows.astype(np.int64) * apart
    taken = np.clip(exact // total, least, most)
    while difference := apart - int(taken.sum()):
        step = 1 if difference > 0 else -1
        owed = step * (exact - taken * total)
        free = taken < most if step > 0 else taken > least
        order = np.lexsort((ties, -owed))
        order = order[free[order]][: abs(difference)]
        taken[order] += step
    return taken


def draw(split: Rows, samples: int | None, seed: int, section: tuple[str, ...]) -> Rows:
    """`samples` rows of `split` without replacement, in their order; None: all."""
    if samples is None:
        return split
    if samples > len(split):
        problem = f"{samples:,} rows wanted, there are {len(split):,}"
        raise SettingError(((*section, "samples"), problem))
    keys = random_keys(len(split), seed, (*section, "samples"))
    return split.take(np.sort(np.argsort(keys, kind="stable")[:samples]))
