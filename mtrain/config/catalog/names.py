"""The names a config may use, as Keras and scikit-learn have them.

Static, so that a name is checked before TensorFlow loads; a test compares them with the
installed Keras.
"""

from __future__ import annotations

import difflib
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mtrain.config.catalog.meant import missing_space
from mtrain.config.catalog.setting_names import letters, setting_called

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ACTIVATIONS = (
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
)
"""All of Keras' but `glu`, which halves the number of units."""

LOSS_ALIASES = {
    "bce": "binary_crossentropy",
    "brier": "mean_squared_error",
    "cce": "categorical_crossentropy",
    "cosine": "cosine_similarity",
    "cross_entropy": "auto",
    "kl": "kl_divergence",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "l1": "mean_absolute_error",
    "l2": "mean_squared_error",
    "log_loss": "auto",
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
    "scce": "sparse_categorical_crossentropy",
}
"""Other names of losses."""


def canonical(
    name: str, known: Iterable[str], aliases: Mapping[str, str] = MappingProxyType({})
) -> str:
    """The known name that `name` spells in any case: `ReLU`, `Relu` and `RELU` are `relu`.

    `aliases` map other names to known ones. Raises `ValueError` with the nearest known name.
    """
    known = list(known)
    by_letters = {letters(candidate): candidate for candidate in known}
    by_letters |= {letters(alias): meant for alias, meant in aliases.items()}
    if (known_name := by_letters.get(letters(name))) is not None:
        return known_name
    # `keras.optimizers.Adam` and `LeakyReLU(0.1)` are close to the name at their end.
    bare = name.partition("(")[0].rpartition(".")[2]
    why = missing_space(name) or suggestion(bare or name, known, aliases)
    raise ValueError(f"unknown name {name!r}; {why}")


def call_as_mapping(
    text: str, known: Iterable[str], aliases: Mapping[str, str] = MappingProxyType({})
) -> str | None:
    """`Adam(lr=0.1)` in the notation of a config, `{name: adam, learning_rate: 0.1}`.

    None if it is not a call of a known name.
    """
    call = re.fullmatch(r"\s*(?:[A-Za-z_]\w*\.)*([A-Za-z_]\w*)\s*\((.*)\)\s*", text, re.DOTALL)
    if call is None:
        return None
    try:
        name = canonical(call[1], known, aliases)
    except ValueError:
        return None
    settings = [f"name: {name}"]
    for argument in re.split(r",(?![^(\[]*[)\]])", call[2]):
        key, equals, value = (part.strip() for part in argument.partition("="))
        if equals:
            value = {"True": "true", "False": "false", "None": "null"}.get(value, value)
            settings.append(f"{setting_called(key) or key}: {value}")
        elif key and settings[-1] != "...":
            settings.append("...")
    return name if len(settings) == 1 else f"{{{', '.join(settings)}}}"


def any_spelling(known: Iterable[str], aliases: Iterable[str] = ()) -> dict[str, Any]:
    """JSON Schema of what `canonical` takes; editors propose the known names as they are here."""
    known = list(known)
    spellings = "|".join(_spellings(name) for name in (*known, *aliases))
    return {
        "type": "string",
        "anyOf": [{"enum": known}, {"pattern": f"^{_SEPARATORS}({spellings})$"}],
        "patternErrorMessage": f"unknown name; choose one of {', '.join(known)}",
    }


MOST_LISTED = 60
"""The most names that a message lists."""


def suggestion(
    name: str, known: Iterable[str], aliases: Mapping[str, str] = MappingProxyType({})
) -> str:
    """`did you mean 'recall'?`, or the known names if none is similar."""
    known = list(known)
    near = nearest(name, (*known, *aliases))
    if near is not None and near not in known:
        near = aliases[near]
    return there_is(known) if near is None else f"did you mean {near!r}?"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most similar to `name`, in any case; None: none is similar."""
    lowered = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    return lowered[near[0]] if near else None


def there_is(known: Sequence[str]) -> str:
    """`there is accuracy, recall`; of very many, the first ones."""
    more = len(known) - MOST_LISTED
    others = f" and {more:,} more" if more > 0 else ""
    return f"there is {', '.join(known[:MOST_LISTED])}{others}"


_SEPARATORS = "[-_ ]*"


def _spellings(name: str) -> str:
    """A pattern without flags, because JSON Schema has none."""
    either = (f"[{x}{x.upper()}]" if x.isalpha() else x for x in letters(name))
    return "".join(f"{letter}{_SEPARATORS}" for letter in either)
