"""States as strangers write them, and JSON of any kind."""

from __future__ import annotations

import copy
import json
import math
import pickle
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from strangers import Payload, put

from mtrain.run.checkpoint import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable


def column(**changes: Any) -> dict[str, Any]:
    """What a checkpoint says of a column of numbers."""
    whole = {"name": "x", "kind": "number", "fill": None, "categories": [], "constant": None}
    return whole | changes


def as_text(old: str, new: str) -> Callable[[Any], str]:
    """Replaces text of the JSON document, so that what Python cannot write can stand there."""

    def change(data):
        text = json.dumps(data)
        assert old in text
        return text.replace(old, new, 1)

    return change


def nested(levels: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(levels):
        inner = [inner]
    return inner


# --- What state.json says


STATES = {
    "nan": (as_text('"seconds": 0.0', '"seconds": NaN'), "NaN is no number in JSON"),
    "infinity": (
        as_text('"seconds": 0.0', '"seconds": 1e999'),
        "seconds: Input should be a valid number",
    ),
    "seconds_beyond_any_float": (put(seconds=10**400), "state.json: not "),
    "a_key_twice": (as_text('"schema": ', '"schema": 1, "schema": '), "'schema' stands twice"),
    "the_last_of_50000_keys_twice": (
        lambda _: "{" + "".join(f'"{n}": 0, ' for n in range(50_000)) + '"49999": 0}',
        "'49999' stands twice",
    ),
    "100000_levels": (lambda _: 100_000 * "[", "not JSON as mtrain writes it"),
    "100000_levels_inside": (
        as_text('"seconds": 0.0', f'"seconds": {100_000 * "["}{100_000 * "]"}'),
        "not JSON as mtrain writes it",
    ),
    "a_config_of_300_levels": (put(config__dataset=nested(300)), "state.json: "),
    "a_config_of_600_levels": (put(config__dataset=nested(600)), "state.json: "),
    "a_config_of_900_levels": (put(config__dataset=nested(900)), "state.json: "),
    "not_json": (lambda _: b"\x80\x05\x95", "not JSON as mtrain writes it"),
    "a_pickle": (lambda _: pickle.dumps(Payload()), "not JSON as mtrain writes it"),
    "not_a_mapping": (lambda _: "[]", "not a checkpoint as mtrain"),
    "a_number": (lambda _: "2", "not a checkpoint as mtrain"),
    "another_schema": (
        put(schema=9),
        f"its schema is 9, this mtrain reads {SCHEMA}; train it again",
    ),
    "nothing_but_a_schema": (lambda _: f'{{"schema": {SCHEMA}}}', "config: Field required"),
    "a_huge_model": (
        put(config__model__hidden=[100_000] * 100),
        "bytes cannot be the arrays of its config's 990,",
    ),
    "a_model_of_no_units": (put(config__model__hidden=[0]), "model.hidden[0]: must be at least 1"),
    "code_for_a_model": (put(config__model__activation="os:system"), "model.activation: unknown"),
    "a_config_that_is_a_list": (put(config=[]), "config: Input should be an object"),
    "20000_unknown_settings": (
        lambda state: state["config"].update({f"k{n}": 1 for n in range(20_000)}),
        "k0: unknown setting",
    ),
    "a_setting_of_5000_digits": (as_text('"seed": 0', f'"seed": {5000 * "9"}'), "not JSON"),
    "a_setting_of_half_a_character": (
        put(config__name="\ud800"),
        "not JSON as mtrain writes it",
    ),
    "a_shape_below_zero": (
        put(encoding__shape=[-64]),
        "encoding.shape.0: Input should be greater than or equal to 1",
    ),
    "a_shape_by_a_fraction": (
        put(encoding__shape=[64.5]),
        "encoding.shape.0: Input should be a valid integer",
    ),
    "a_shape_that_is_true": (
        put(encoding__shape=[True]),
        "encoding.shape.0: Input should be a valid integer",
    ),
    "a_shape_beyond_the_file": (
        put(encoding__shape=[10**9, 1000]),
        "bytes cannot be the arrays of its config's 64,000,",
    ),
    "a_shape_of_4299_digits": (
        as_text('"shape": [8, 8]', f'"shape": [{4299 * "9"}]'),
        "state.json: not ",
    ),
    "no_shape": (put(encoding__shape=[]), "rows are either arrays of a shape or have columns"),
    "no_encoding": (put(encoding=None), "state.json: not a checkpoint as mtrain"),
    "a_mean_too_few": (
        put(encoding__mean=[0.0] * 63, encoding__deviation=[1.0] * 63),
        "63 means of 64 inputs",
    ),
    "a_mean_without_deviation": (put(encoding__mean=[0.0] * 64), "as many means as deviations"),
    "a_mean_that_is_text": (
        put(encoding__mean=["0"] * 64),
        "encoding.mean.0: Input should be a valid number",
    ),
    "a_deviation_of_zero": (
        put(encoding__mean=[0.0] * 64, encoding__deviation=[0.0] * 64),
        "what divides must be above 0",
    ),
    "a_robust_array": (put(encoding__is_robust=True), "only scaled columns are robust"),
    "a_divisor_below_zero": (put(encoding__divisor=-16.0), "what divides must be above 0"),
    "a_column_of_no_kind": (
        put(encoding__shape=[], encoding__columns=[column(kind="code")]),
        "encoding.columns.0.kind: Input should be 'number', 'boolean' or 'text'",
    ),
    "a_column_twice": (
        put(encoding__shape=[], encoding__divisor=None, encoding__columns=[column(), column()]),
        "a column is listed twice",
    ),
    "categories_twice": (
        put(encoding__shape=[], encoding__columns=[column(kind="text", categories=["a", "a"])]),
        "categories must be sorted, each there once",
    ),
    "a_rare_category_among_the_others": (
        put(
            encoding__shape=[],
            encoding__columns=[column(kind="text", categories=["a"], rare=["a"])],
        ),
        "a rare category must not be among the others",
    ),
    "knots_that_descend": (
        put(encoding__shape=[], encoding__columns=[column(knots=[2.0, 1.0], levels=[0.0, 1.0])]),
        "knots must be ascending, each with a level",
    ),
    "knots_without_levels": (
        put(encoding__shape=[], encoding__columns=[column(knots=[1.0, 2.0])]),
        "knots must be ascending, each with a level",
    ),
    "a_number_that_is_rare": (
        put(encoding__shape=[], encoding__columns=[column(rare=["a"])]),
        "a number has no categories",
    ),
    "a_column_without_a_name": (
        put(encoding__shape=[], encoding__columns=[column(name=7)]),
        "encoding.columns.0.name: Input should be a valid string",
    ),
    "classes_that_are_numbers": (
        put(classes=list(range(10))),
        "classes.0: Input should be a valid str",
    ),
    "classes_that_are_text": (put(classes="0123456789"), "classes: Input should be a valid array"),
    "classes_that_are_nested": (
        put(classes=[["a"]] * 10),
        "classes.0: Input should be a valid string",
    ),
    "one_class": (put(classes=["a"]), "classes: must be at least 2 names, got 1"),
    "a_class_of_half_a_character": (put(classes=["\ud800", *"123456789"]), "not JSON"),
    "classes_of_one_name": (put(classes=10 * ["a"]), "classes"),
    "classes_named_as_averages": (put(classes=["accuracy", "macro avg", *"23456789"]), "classes"),
    "a_history_of_a_column_more": (
        lambda state: state["history"]["scalars"].append("x"),
        "history/scalars/x is missing",
    ),
    "a_history_of_a_column_less": (
        lambda state: state["history"]["scalars"].remove("loss"),
        "'history/scalars/loss' is not of it",
    ),
    "a_history_of_other_splits": (
        put(history__counts=["train"], history__per_class={}),
        "is not of it",
    ),
    "a_history_of_columns_that_are_numbers": (
        put(history__scalars=[1]),
        "history.scalars.0: Input should be a valid string",
    ),
    "a_history_of_fewer_seconds": (
        put(history__seconds=[1.0] * 3),
        "its history has 3 epochs, its cursor 4",
    ),
    "a_history_of_text": (
        put(history__seconds=[*"abcd"]),
        "history.seconds.0: Input should be a valid",
    ),
    "a_history_beyond_any_float": (put(history__seconds=[10**400] * 4), "state.json: not "),
    "a_history_of_no_list": (put(history__per_class=[]), "not a checkpoint as mtrain"),
    "no_history": (put(history=None), "history: Input should be an object"),
    "an_identity_of_lists": (put(identity={"threads": [1]}), "identity.threads"),
    "code_outside_of_the_run": (
        lambda state: state["identity"].update({"code.../secret.py": "0"}),
        "'../secret.py' cannot be a file of the run",
    ),
    "code_at_an_absolute_path": (
        lambda state: state["identity"].update({"code./etc/hostname.py": "0"}),
        "'/etc/hostname.py' cannot be a file of the run",
    ),
    "utf_16": (lambda state: json.dumps(state).encode("utf-16"), "not JSON as mtrain writes it"),
    "utf_32": (lambda state: json.dumps(state).encode("utf-32"), "not JSON as mtrain writes it"),
    "a_cursor_of_another_epoch": (put(cursor__epoch=3), "it is epoch-0003"),
    "a_cursor_within_an_epoch": (put(cursor__step=7), "it is epoch-0005-step-000007"),
    "a_cursor_below_zero": (put(cursor__epoch=-1), "cursor.epoch: Input should be greater"),
    "a_cursor_of_4300_digits": (as_text('"epoch": 4,', f'"epoch": {4300 * "9"},'), "state.json"),
    "a_cursor_that_is_none": (put(cursor=None), "not a checkpoint as mtrain"),
    "best_outside": (put(best="../../x"), "best must name"),
    "best_that_is_no_name": (put(best=["epoch-0004"]), "not a checkpoint as mtrain"),
    "best_of_an_epoch_to_come": (put(best="epoch-0099"), "best must name"),
}

# --- What no test thought of


EXTREMES = st.sampled_from(
    [*(10**30, 10**400, -(2**63), 2**64, 1e308, -0.0, math.nan, math.inf), "", "\ud800", "\x1b[2J"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | EXTREMES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=9,
)


STEPS = st.lists(st.integers(0, 30), min_size=1, max_size=5)
CHANGES = st.lists(
    st.tuples(STEPS, st.sampled_from(["put", "drop"]), JSON)
    | st.tuples(STEPS, st.just("copy"), STEPS),
    min_size=1,
    max_size=3,
)


def altered(data: Any, changes: list[tuple[list[int], str, Any]]) -> Any:
    """`data` with some of what is in it replaced by anything, left out, or put elsewhere."""
    data = copy.deepcopy(data)
    for steps, how, what in changes:
        if not data:
            break
        parent, key = place_in(data, steps)
        if how == "put":
            parent[key] = what
        elif how == "drop":
            del parent[key]
        else:
            other, its_key = place_in(data, what)
            parent[key] = copy.deepcopy(other[its_key])
    return data


def place_in(data: Any, steps: list[int]) -> tuple[Any, Any]:
    """The container and the key that so many steps into `data` lead to."""
    inner = data
    for step in steps:
        parent, keys = inner, list(inner) if isinstance(inner, dict) else range(len(inner))
        key = keys[step % len(keys)]
        inner = parent[key]
        if not (inner and isinstance(inner, dict | list)):
            break
    return parent, key
