"""Which rows go where: drawn by seed, each row once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.errors import SettingError

if TYPE_CHECKING:
    from mtrain.data.source import Rows
    from mtrain.records import Ints


def split_off(
    split: Rows, size: float, how: str, seed: int, section: tuple[str, ...]
) -> tuple[Rows, Rows]:
    """What stays, and what is set apart: rows (an int) or a fraction (a float) of `split`.

    `how` is `tail`, `random` or `stratified`; both parts keep the order of their rows. `section`
    is where these settings stand, for errors.
    """
    n = len(split)
    apart = size if isinstance(size, int) else round(size * n)
    if not 0 < apart < n:
        raise SettingError(((*section, "size"), f"{size} of {n:,} rows leaves a split empty"))
    if how == "tail":
        return split.take(np.arange(n - apart)), split.take(np.arange(n - apart, n))
    if how == "stratified":
        rows = np.bincount(split.labels)
        classes = np.count_nonzero(rows)
        if min(apart, n - apart) < classes or rows[rows > 0].min() < 2:
            problem = (
                f"{size} of {n:,} rows cannot be stratified: each part must be able to hold each "
                f"of {classes} classes; how: random can"
            )
            raise SettingError(((*section, "size"), problem))
    from sklearn.model_selection import train_test_split  # takes a second to load

    stay, go = train_test_split(
        np.arange(n),
        test_size=apart,
        random_state=seed,
        stratify=split.labels if how == "stratified" else None,
    )
    return split.take(np.sort(stay)), split.take(np.sort(go))


def draw(split: Rows, samples: int | None, seed: int, section: tuple[str, ...]) -> Rows:
    """`samples` rows of `split` without replacement, in their order; None: all."""
    if samples is None:
        return split
    if samples > len(split):
        problem = f"{samples:,} rows wanted, there are {len(split):,}"
        raise SettingError(((*section, "samples"), problem))
    chosen: Ints = np.random.default_rng(seed).choice(len(split), samples, replace=False)
    return split.take(np.sort(chosen))
