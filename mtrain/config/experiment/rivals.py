"""Which simpler models are trained on the rows of a network."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from mtrain.config.catalog.names import any_spelling, canonical
from mtrain.config.experiment.section import ListOf
from mtrain.records.rivals import RIVALS, RivalName

ALIASES = {
    "logistic_regression": "logistic",
    "LogisticRegression": "logistic",
    "gradient_boosting": "boosting",
    "HistGradientBoostingClassifier": "boosting",
}
"""scikit-learn's names, and the usual ones."""


def _names(value: Any) -> Any:
    """A list of names; a value of another kind as it came."""
    if value is None:
        return []
    if isinstance(value, str):
        name = canonical(value, ["auto", *RIVALS], ALIASES)
        return name if name == "auto" else [name]
    if not isinstance(value, list | tuple):
        return value
    return [canonical(one, RIVALS, ALIASES) if isinstance(one, str) else one for one in value]


def _none_twice(names: Any) -> Any:
    twice = [name for name in names if names.count(name) > 1] if names != "auto" else []
    if twice:
        raise ValueError(f"{twice[0]!r} is there twice")
    return names


_Spelling = Annotated[str, WithJsonSchema(any_spelling(RIVALS, ALIASES))]

Rivals = Annotated[
    Literal["auto"] | Annotated[tuple[RivalName, ...], ListOf],
    AfterValidator(_none_twice),
    BeforeValidator(
        _names,
        json_schema_input_type=Literal["auto"] | _Spelling | list[_Spelling] | None,
    ),
]
