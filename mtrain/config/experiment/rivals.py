"""Which simpler models are trained on the rows of a network."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Tag

from mtrain.config.experiment.section import ListOf, any_spelling_of, known_name, none_twice
from mtrain.records.rivals import RIVALS, RivalName

ALIASES = {
    "logistic_regression": "logistic",
    "LogisticRegression": "logistic",
    "gradient_boosting": "boosting",
    "HistGradientBoostingClassifier": "boosting",
}
"""The usual names, and scikit-learn's."""

AUTO = "auto"


def _as_list(value: Any) -> Any:
    """A bare name as a list, none as an empty one; anything else as it came."""
    if value is None:
        return []
    return [value] if isinstance(value, str) and value != AUTO else value


_Rival = Annotated[
    RivalName,
    BeforeValidator(
        lambda name: known_name(name, RIVALS, ALIASES),
        json_schema_input_type=any_spelling_of(RIVALS, ALIASES),
    ),
]
_ListOfRivals = Annotated[tuple[_Rival, ...], ListOf, AfterValidator(none_twice)]

Rivals = Annotated[
    Annotated[Literal["auto"], Tag("auto")] | Annotated[_ListOfRivals, Tag("list")],
    Discriminator(lambda value: "auto" if value == AUTO else "list"),
    BeforeValidator(
        _as_list, json_schema_input_type=Literal["auto"] | _Rival | _ListOfRivals | None
    ),
]
