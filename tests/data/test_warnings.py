"""What `check`, `init` and the notes of `fit` say of a table, and by which name."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ROOT
from doubtful_tables import BOTH, N, columns, config, permutation, proposed, table, warnings

from mtrain.cli.main import run
from mtrain.config.loading.load import load_config
from mtrain.data.notes import KINDS
from mtrain.data.table import Values
from mtrain.data.telling import _told, telling_notes
from mtrain.errors import MtrainError
from mtrain.workflows.check import check


@BOTH
@pytest.mark.parametrize(
    ("values", "says"),
    [
        pytest.param(list(range(1, N + 1)), "counts the rows", id="a count"),
        pytest.param([k * 3 + k // 5 for k in range(N)], "numbers the rows", id="gaps"),
        pytest.param([-5 * k for k in range(N)], "numbers the rows", id="falling"),
        pytest.param(permutation(), "is an id", id="any order"),
        pytest.param(permutation(7, 10_000), "is an id", id="any order with gaps"),
        pytest.param([float(k) for k in permutation()], "is an id", id="floats"),
        pytest.param([None, *permutation()[1:]], "is an id", id="a missing one"),
        pytest.param(permutation(1_009, 6_221_888_200_042_590_280), "is an id", id="beyond 2^53"),
    ],
)
def test_a_different_whole_number_in_each_row_is_an_id(tmp_path, kind, values, says):
    """`check` warns, `init` leaves it out with the reason."""
    path = table(tmp_path / f"a.{kind}", columns(number=values))

    assert [says in text for text in warnings(path, missing="zero")["id-column"]] == [True]
    found, text = proposed(tmp_path, path)
    assert found["features"] == ["a", "b"]
    assert f"'number' {says}" in text


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([k + 0.5 for k in range(N)], id="halves"),
        pytest.param([k / 10 for k in permutation()], id="tenths"),
        pytest.param([k // 2 for k in permutation()], id="each number twice"),
    ],
)
def test_what_was_measured_is_no_id(tmp_path, values):
    """1.5, 2.5, 3.5 rise by one, too."""
    path = table(tmp_path / "a.csv", columns(number=values))

    assert "id-column" not in warnings(path)
    assert "features" not in proposed(tmp_path, path)[0]


def test_an_index_that_pandas_wrote_is_an_id(tmp_path):
    """Under its own name in Parquet, as `Unnamed: 0` in CSV, even where it is not in order."""
    frame = pa.table({"visit": [k // 2 * 3 for k in range(N)]} | columns())
    index = {b"pandas": json.dumps({"index_columns": ["visit"]}).encode()}
    pq.write_table(frame.replace_schema_metadata(index), tmp_path / "a.parquet")
    table(tmp_path / "a.csv", {"Unnamed: 0": [k % 40 for k in range(N)]} | columns())

    assert warnings(tmp_path / "a.parquet")["id-column"] == [
        "column 'visit' is the index of the pandas table"
    ]
    assert proposed(tmp_path, tmp_path / "a.parquet")[0]["features"] == ["a", "b"]
    assert warnings(tmp_path / "a.csv")["id-column"] == [
        "column 'Unnamed: 0' has the name that pandas gives an index"
    ]
    assert proposed(tmp_path, tmp_path / "a.csv")[0]["features"] == ["a", "b"]


def test_the_index_that_pandas_writes_as_a_rule_is_no_column(tmp_path):
    """From where to where it counts is in the file's metadata, as a mapping."""
    index = {"kind": "range", "name": None, "start": 0, "stop": N, "step": 1}
    told = {b"pandas": json.dumps({"index_columns": [index]}).encode()}
    pq.write_table(pa.table(columns()).replace_schema_metadata(told), tmp_path / "a.parquet")

    assert "id-column" not in warnings(tmp_path / "a.parquet")
    assert "features" not in proposed(tmp_path, tmp_path / "a.parquet")[0]


@pytest.mark.parametrize(
    ("name", "in_order", "is_kept"),
    [("income", False, True), ("paid", True, True), ("customer_id", False, False), ("Id", True, False)],
)  # fmt: skip
def test_whole_numbers_far_apart_may_be_measured(tmp_path, name, in_order, is_kept):
    """By chance hardly two are equal: `check` doubts them, `init` leaves them out by name alone."""
    numbers = np.random.default_rng(3).choice(3_000, N, replace=False) + 150
    if in_order:
        numbers.sort()
    path = table(tmp_path / "a.csv", columns(**{name: numbers.tolist()}))

    (text,) = warnings(path)["id-column"]
    how = "a different whole number in every row"
    if in_order:
        how = "numbers the rows: whole numbers, each larger than the one before"
    may_be = f"column {name!r} may be an id: {how}"
    assert text == may_be if is_kept else "may be" not in text
    assert ("features" not in proposed(tmp_path, path)[0]) == is_kept


def test_a_class_of_few_rows_is_rare_wherever_it_is_absent(tmp_path):
    """Both are said; of the first two rows one is of the test."""
    labels = columns()["y"]
    labels[:2] = ["two", "two"]
    found = warnings(table(tmp_path / "a.csv", columns(y=labels)))

    assert found["absent-class"][0].startswith("class 'two' has no row in ")
    assert found["rare-class"] == ["class 'two' has only 1 row to train on"]


def telling(kind):
    """A column that tells the label of columns() of nearly every row."""
    labels = columns()["y"]
    generator = np.random.default_rng(5)
    if kind == "text":
        return [f"{'np'[(y == 'yes') ^ (k in {17, 60})]}{k % 3}" for k, y in enumerate(labels)]
    return [round(float((y == "yes") * 10 + generator.normal()), 4) for y in labels]


@pytest.mark.parametrize("kind", ["text", "numbers"])
def test_a_column_that_all_but_decides_the_label_is_warned_of(tmp_path, capsys, kind):
    """Some values of each class, two rows of 120 being wrong; or a threshold between them.

    It may be as good as it looks: `init` keeps it, and says so.
    """
    path = table(tmp_path / "a.csv", columns(c=telling(kind)))

    (text,) = warnings(path)["telling-column"]

    assert text.startswith("column 'c' alone tells the label of 9")
    assert text.endswith(" of the rows; is it known before the label is?")
    assert "features" not in proposed(tmp_path, path)[0]
    assert text in capsys.readouterr().err
    training = ["training.epochs=1", "--out", str(tmp_path / "run")]
    assert run(["fit", str(tmp_path / "proposed.yaml"), *training]) == 0
    assert f"{text}\n" in capsys.readouterr().out


def test_a_column_of_very_many_rows_is_judged_by_all_of_them():
    """Some are looked at first, drawn so that no order of the file hides the rest."""
    n = 200_000
    labels = (np.arange(n) % 2).astype(np.int32)
    leak = np.where(np.arange(n) % 1000 == 7, 1 - labels, labels) + 0.5
    noise = np.random.default_rng(0).normal(size=n)
    columns = {"leak": Values("number", leak), "noise": Values("number", noise)}

    (note,) = telling_notes(columns, labels)
    assert note.startswith("column 'leak' alone tells the label of 99.9% of the rows; ")


def told_by_others(values, labels, is_number):
    """The share of rows whose label is the most frequent one among the others of their group."""
    n, ordered = len(labels), sorted(values)
    groups = [ordered.index(value) for value in values]
    alone = told_by_groups(groups, labels)
    if is_number and len(set(values)) > n // 5 and len(set(values)) != len(set(labels)):
        return max(alone, told_by_groups([group // 5 for group in groups], labels))
    return alone


def told_by_groups(groups, labels):
    n, right = len(labels), 0
    for i in range(n):
        others = [labels[j] for j in range(n) if groups[j] == groups[i] and j != i]
        counts = sorted((others.count(label) for label in set(others)), reverse=True)
        is_clear = counts and counts[0] > sum(counts[1:2])
        right += bool(is_clear and others.count(labels[i]) == counts[0])
    return right / n


def test_how_much_a_column_tells_equals_counting_row_by_row():
    """Several columns at once, of numbers and of categories."""
    generator = np.random.default_rng(0)
    for _ in range(60):
        n = int(generator.integers(6, 40))
        labels = np.unique(generator.integers(0, 4, n), return_inverse=True)[1]
        columns = [
            generator.integers(0, int(generator.integers(1, 30)), n).astype(float) for _ in range(6)
        ]
        if labels.max() == 0:
            continue
        is_number = np.arange(6) % 2 == 0
        right, is_renamed = _told(np.stack(columns), labels, is_number)
        expected = [
            told_by_others(values.tolist(), labels.tolist(), kind)
            for values, kind in zip(columns, is_number, strict=True)
        ]
        np.testing.assert_allclose(right, expected, rtol=0, atol=1e-12)
        pairs = [set(zip(values, labels, strict=True)) for values in columns]
        expected = [
            len(some) == len(set(values)) == len(set(labels))
            for some, values in zip(pairs, columns, strict=True)
        ]
        assert is_renamed.tolist() == expected


def test_codes_that_are_named_as_categories_are_no_numbers_in_another_notation(tmp_path):
    """Whoever names them knows; with decimal commas they are."""
    codes = [f"{k % 7:05}" for k in range(N)]
    path = table(tmp_path / "a.csv", columns(zip=codes))

    assert "text-numbers" not in warnings(path, categorical=["zip"])


def test_columns_that_help_are_not_warned_of():
    """Those of real flowers, of which petals tell most."""
    from sklearn.datasets import load_iris

    from mtrain.data.inspect import inspect
    from mtrain.data.load import make_dataset
    from mtrain.data.source import Rows, Source
    from mtrain.data.table import Table

    data = load_iris()
    features = {f"c{k}": Values("number", data.data[:, k]) for k in range(4)}
    rows = Rows(Table(features), data.target.astype(np.int32), np.arange(150))
    source = Source(rows, None, None, ("a", "b", "c"), None, "iris")
    settings = load_config({"dataset": {"name": "csv", "path": "x", "target": "y"}}, {}).dataset

    found = inspect(source, make_dataset(source, settings, memory=10**9))

    assert {warning.kind for warning in found.warnings} <= {"contradiction", "shared-rows"}


def test_excluded_columns_are_no_features(tmp_path):
    """All others are; a column without a name can be left out, a misspelt one is refused."""
    path = table(tmp_path / "a.csv", {"": list(range(N))} | columns(id=permutation()))

    found = check(config(path, exclude=["", "id"]))

    assert [column.name for column in found.encoding.columns] == ["a", "b"]
    with pytest.raises(
        MtrainError, match=r"dataset\.exclude: .* no column 'idd'; did you mean 'id'"
    ):
        check(config(path, exclude=["", "idd"]))


def test_inputs_beyond_memory_name_the_settings_that_help(tmp_path):
    """The widest column, `exclude` and `features`."""
    path = table(tmp_path / "a.csv", columns(c=[f"t{k}" for k in range(N)]))

    with pytest.raises(MtrainError) as caught:
        check(config(path, training={"memory": "20kB"}))

    assert "column 'c' has " in str(caught.value)
    assert "dataset.exclude, or group its rare categories by dataset.rare" in str(caught.value)


# --- What else is said


def test_labels_that_were_measured_are_said_in_a_line(tmp_path):
    """A float column of whole numbers; its rare classes do not take a line each."""
    path = table(tmp_path / "a.csv", columns(y=[f"{200_000 + k // 2}.0" for k in range(N)]))

    found = warnings(path, test={"size": 0.2, "how": "random"}, validation=None)

    assert found["measured-target"] == [
        "the labels are 60 different numbers in 120 rows; a number that was measured or counted is "
        "no class: bring it into a few ranges first"
    ]
    assert sum(map(len, found.values())) < 10


def test_a_class_of_one_row_is_named(tmp_path):
    """Wherever its row is."""
    content = columns()
    content["y"][4] = "owl"
    path = table(tmp_path / "a.csv", content)

    for size in (0.2, 100):
        found = warnings(path, validation=None, test={"size": size, "how": "tail"})
        assert [text for texts in found.values() for text in texts if "'owl'" in text] == [
            "class 'owl' has a single row in all; whether it is learned cannot be measured"
        ]


@pytest.mark.parametrize(
    ("labels", "joined"),
    [
        (["scab", "rust", "scab|rust", "healthy"], ["scab|rust"]),
        (["a, b", "b, c", "a, c"], ["a, b", "a, c", "b, c"]),
        (["x;y", "x", "y"], ["x;y"]),
        (["New York, NY", "Albany, NY", "Troy"], []),
        (["+", "-"], []),
        (["<=50K", ">50K"], []),
    ],
)
def test_labels_that_join_others_are_warned_of(tmp_path, labels, joined):
    """A row has one class: the joined label is one of its own."""
    path = table(tmp_path / "a.csv", columns(y=[labels[k % len(labels)] for k in range(N)]))

    found = warnings(path).get("joined-labels", [])

    assert [text.split(" joins ")[0] for text in found] == [f"class {name!r}" for name in joined]


def test_a_class_that_only_has_the_weight_0_is_named(tmp_path):
    """By class weights, or by those of its rows."""
    content = columns()
    content["w"] = [0 if label == "yes" else 2 for label in content["y"]]
    path = table(tmp_path / "a.csv", content)

    by_class = warnings(path, training={"class_weight": {"no": 0}}, exclude=["w"])
    assert by_class["zero-weight"][0].startswith("class 'no': each of its ")
    by_row = warnings(path, weights="w")
    assert by_row["zero-weight"][0].endswith(" training rows has weight 0, so it is not learned")
    assert "class 'yes'" in by_row["zero-weight"][0]


def test_a_constant_column_that_changes_is_mentioned(tmp_path, capsys):
    """By `predict`, `evaluate --data` and `check`."""
    path = table(tmp_path / "a.csv", columns(c=[5] * N))
    other = table(tmp_path / "b.csv", columns(c=[5 + k % 2 for k in range(N)]))
    (tmp_path / "c.yaml").write_text(
        "dataset: {name: csv, path: a.csv, target: y}\ntraining: {epochs: 1}\n"
    )
    out = str(tmp_path / "run")
    assert run(["fit", str(tmp_path / "c.yaml"), "--out", out, "--quiet"]) == 0
    capsys.readouterr()
    says = "in 60 of 120 rows (50%) column 'c' is not 5, which it is in every training row"

    assert run(["predict", out, str(other)]) == 0
    assert says in capsys.readouterr().err
    assert run(["predict", out, str(path)]) == 0
    assert capsys.readouterr().err == ""
    assert run(["evaluate", out, "--data", str(other)]) == 0
    assert f"test: {says}" in " ".join(capsys.readouterr().out.split())
    assert warnings(path, test_path=str(other))["changed-constant"][0].startswith(f"test: {says}")


def test_rows_that_contradict_each_other_are_counted_in_any_order(tmp_path):
    """Every row that has another one like it but for the label."""
    labels = ["a"] * 5 + ["b"] * 2
    for order in (labels, labels[::-1]):
        content = {"x": [1.5] * 7 + list(range(20)), "y": order + ["a", "b"] * 10}
        path = table(tmp_path / "a.csv", content)
        (text,) = warnings(path)["contradiction"]
        assert text.startswith("7 rows differ from another one only in the label: ")


def test_every_kind_is_in_the_docs():
    """With its name, as `--allow` takes it."""
    text = (ROOT / "docs" / "data.md").read_text("utf-8")

    assert [name for name in KINDS if f"| `{name}` | {KINDS[name]} |" not in text] == []


def test_strict_lets_pass_what_is_allowed(tmp_path, capsys):
    """Which stays a warning; every other one is an error with its name."""
    table(tmp_path / "a.csv", columns(c=[5] * N, id=permutation()))
    (tmp_path / "c.yaml").write_text("dataset: {name: csv, path: a.csv, target: y}")
    check_strict = ["check", str(tmp_path / "c.yaml"), "--strict"]

    assert run([*check_strict, "--allow", "id-column"]) == 1
    out = capsys.readouterr()
    assert out.err == "mtrain: column 'c' is the same in every row [constant-column]\n"
    assert "every row [id-column]" in out.out

    assert run([*check_strict, "--allow", "id-column", "--allow", "constant-column"]) == 0
    out = capsys.readouterr()
    assert out.err == ""
    assert "warning: column 'c' is the same in every row [constant-column]" in out.out


def test_an_unknown_warning_cannot_be_allowed(tmp_path, capsys):
    """Nor is anything to be allowed without `--strict`."""
    table(tmp_path / "a.csv", columns())
    (tmp_path / "c.yaml").write_text("dataset: {name: csv, path: a.csv, target: y}")
    command = ["check", str(tmp_path / "c.yaml")]

    assert run([*command, "--strict", "--allow", "id-colum"]) == 2
    assert capsys.readouterr().err == (
        "mtrain: --allow: unknown warning 'id-colum'; did you mean 'id-column'?\n"
    )
    assert run([*command, "--allow", "id-column"]) == 2
    assert capsys.readouterr().err == (
        "mtrain: --allow: needs --strict; without it no warning is an error\n"
    )


@pytest.mark.parametrize("each", [2, 3, 4, 10])
def test_an_id_of_several_rows_each_is_telling(tmp_path, each):
    """A patient has one diagnosis: other rows of the same patient tell it."""
    draw = np.random.default_rng(0)
    ids = np.repeat(draw.permutation(N * 10)[: N // each], each)[:N]
    labels = [["no", "yes"][int(k * 7919 % 13) % 2] for k in ids]

    found = warnings(table(tmp_path / "a.csv", columns(patient=ids.tolist(), y=labels)))
    assert "column 'patient' alone tells the label of" in found["telling-column"][0]


@pytest.mark.parametrize(
    "names",
    [
        ("18-24", "18\u201324"),
        ("Berlin", "BERLIN"),
        ("it's", "it\u2019s"),
        ("white", "white\ufe0f"),
        ("1.1", "1.10"),
    ],
)
def test_categories_that_look_alike_are_named(tmp_path, names):
    """Each is an input of its own; as labels they are classes of their own."""
    values = [(*names, "other")[k % 3] for k in range(N)]

    found = warnings(table(tmp_path / "a.csv", columns(c=values)), categorical=["c"])
    assert "look alike, and are 2 inputs" in found["look-alike-categories"][0]
    found = warnings(table(tmp_path / "b.csv", columns(y=values)))
    assert "look alike, and are 2 classes" in found["look-alike-labels"][0]


def test_rows_are_counted_where_categories_look_alike(tmp_path):
    """The number of rows, not of the categories that do."""
    values = ["Berlin", "BERLIN", *(f"town {k % 80}" for k in range(N - 2))]
    found = warnings(table(tmp_path / "a.csv", columns(c=values)))

    assert found["many-categories"] == [
        "column 'c' has 82 categories in 120 rows, each an input of its own; is it a name or a number "
        "of the row?"
    ]


def test_words_with_marks_of_their_script_do_not_look_alike(tmp_path):
    """A vowel sign of Devanagari is a letter."""
    values = [["\u0915", "\u0915\u093f"][k % 2] for k in range(N)]

    assert "look-alike-labels" not in warnings(table(tmp_path / "a.csv", columns(y=values)))
