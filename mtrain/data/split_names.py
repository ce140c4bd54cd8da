"""Names of splits in the names of folders, files and arrays."""

from __future__ import annotations

import re

SPLIT_NAMES = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate"), "val"),
    **dict.fromkeys(("dev", "devel", "development", "eval", "evaluation"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "t10k", "holdout", "heldout", "unseen"), "test"),
}
"""Names of splits, in lower case, by the split that they mean."""

_MORE = ("set", "split", "data", "images", "imgs")


def split_called(name: str) -> str | None:
    """`train`, `val` or `test` for `Train`, `dev`, `test_set`, `hold-out`, ...; or None."""
    plain = re.sub(r"[\s_.-]+", "", name.lower())
    for ending in ("", *_MORE):
        if plain.endswith(ending) and plain.removesuffix(ending) in SPLIT_NAMES:
            return SPLIT_NAMES[plain.removesuffix(ending)]
    return None
