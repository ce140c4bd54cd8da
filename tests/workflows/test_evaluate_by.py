"""`mtrain evaluate --by COLUMN`, from the command to its files."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator
from sklearn.metrics import classification_report

import mtrain
from mtrain.cli.main import run
from mtrain.run.json_schemas import file_schemas
from mtrain.run.metrics import read_report
from mtrain.workflows.checkpoint_data import load_checkpoint_data

REGIONS = ["north", "south", "east", ""]


def customers(rows=400, seed=0):
    """Who leaves depends on x, but in the east by chance alone; columns of several kinds."""
    draw = np.random.default_rng(seed)
    x = draw.normal(0, 1, rows)
    region = draw.choice(REGIONS, rows, p=[0.4, 0.3, 0.2, 0.1])
    leaves = np.where(region == "east", draw.normal(0, 1, rows), x) > 0
    return {
        "x": [float(f"{value:.4f}") for value in x],
        "plan": draw.integers(1, 4, rows).tolist(),
        "region": [value or None for value in region.tolist()],
        "age": draw.integers(18, 80, rows).tolist(),
        "customer": [f"c{k // 2}" for k in range(rows)],
        "label": ["leaves" if value else "stays" for value in leaves],
    }


def write_csv(path, columns):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


CONFIG = {
    "model": {"hidden": 4},
    "optimizer": {"name": "adam", "learning_rate": 0.1},
    "training": {"epochs": 2, "compile": "graph"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table as CSV and as Parquet, and a run of each."""
    folder = tmp_path_factory.mktemp("customers")
    columns = customers()
    write_csv(folder / "rows.csv", columns)
    pq.write_table(pa.table(columns), folder / "rows.parquet")
    for kind in ("csv", "parquet"):
        dataset = {"name": kind, "path": str(folder / f"rows.{kind}"), "target": "label"}
        dataset |= {"exclude": ["region", "age", "customer"], "test": {"size": 0.4}}
        mtrain.fit({"dataset": dataset, **CONFIG}, out=folder / kind)
    return folder


@pytest.fixture
def trained(folder, tmp_path):
    """A copy of the CSV's run."""
    return Path(shutil.copytree(folder / "csv", tmp_path / "run"))


def recounted(place, columns):
    """By value of the column the labels and predictions of an evaluation's rows, from its files."""
    with np.load(place / "predictions.npz") as kept:
        rows, truth, predicted = kept["rows"], kept["y_true"], kept["y_pred"]
    values = np.array([columns["region"][row] or "missing" for row in rows])
    return {
        value: (truth[values == value], predicted[values == value]) for value in np.unique(values)
    }


def check_slices(slices, expected):
    """Their figures are scikit-learn's of the rows that were counted again."""
    assert {one["value"] for one in slices} == set(expected)
    for one in slices:
        truth, predicted = expected[one["value"]]
        theirs = classification_report(
            truth, predicted, labels=[0, 1], output_dict=True, zero_division=np.nan
        )
        assert one["n"] == len(truth)
        assert one["accuracy"] == pytest.approx((truth == predicted).mean(), abs=1e-12)
        of_classes = [*one["classes"], one["averages"]["macro avg"]]
        for ours, key in zip(of_classes, ("0", "1", "macro avg"), strict=True):
            for name in ("precision", "recall", "f1-score"):
                known = theirs[key][name]
                assert ours[name] == (None if np.isnan(known) else pytest.approx(known, abs=1e-12))
            assert ours["support"] == theirs[key]["support"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("split", ["test", "val", "train"])
def test_a_slice_holds_the_rows_of_its_value(folder, kind, split, tmp_path, capsys):
    """A column that is not learned from, of each split, recounted from file and predictions."""
    place = tmp_path / "new"
    command = ["evaluate", str(folder / kind), "--by", "region", "--split", split, "--fast"]
    assert run([*command, "--out", str(place), "--json"]) == 0

    document = json.loads(capsys.readouterr().out)
    by = document.pop("by")
    assert by["column"] == "region"
    assert [one["value"] for one in by["slices"]] == ["east", "north", "south", "missing"]
    assert [one["is_missing"] for one in by["slices"]] == [False, False, False, True]
    check_slices(by["slices"], recounted(place, customers()))
    assert sum(one["n"] for one in by["slices"]) == document["n"]
    assert json.loads((place / "metrics.json").read_text()) == document
    assert json.loads((place / "slices.json").read_text()) == {"schema": 1, **by}


def test_the_schemas_describe_both_documents(folder, tmp_path, capsys):
    """What the command prints, and the file of slices; ranges of numbers have their ends."""
    command = ["evaluate", str(folder / "csv"), "--by", "age", "--fast"]
    assert run([*command, "--out", str(tmp_path / "new"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    slices = json.loads((tmp_path / "new" / "slices.json").read_text())

    Draft202012Validator(file_schemas()["metrics.json"]).validate(document)
    Draft202012Validator(file_schemas()["slices.json"]).validate(slices)
    assert len(slices["slices"]) == 4
    for one in slices["slices"]:
        low, high = one["bounds"]
        assert one["value"] == f"{low:.0f} to {high:.0f}"


def test_the_exact_evaluation_is_sliced_as_the_fast_one(trained):
    """Both predict the same classes, so all counts agree; each has a folder, and the run's own stays."""
    own = trained / "evaluation" / "test"
    before = {path.name: path.read_bytes() for path in own.iterdir()}
    exact, fast = (mtrain.evaluate(trained, by="region", fast=fast) for fast in (False, True))

    assert [one.value for one in exact.slices] == ["east", "north", "south", "missing"]
    for one, other in zip(exact.slices, fast.slices, strict=True):
        assert one.n == other.n
        assert [each.tp for each in one.classes] == [each.tp for each in other.classes]
    assert {path.name: path.read_bytes() for path in own.iterdir()} == before
    folders = {path.name for path in (trained / "evaluation").iterdir()}
    assert folders == {"test", "test-by-region", "test-fast-by-region"}
    beside = trained / "evaluation" / "test-by-region"
    assert {path.name for path in beside.iterdir()} == {*before, "slices.json"}
    assert (beside / "metrics.json").read_bytes() == before["metrics.json"]
    assert read_report(beside).by is None


def test_columns_whose_names_no_folder_can_have(trained, tmp_path):
    """They get names of their own: two that differ in a stroke are not one."""
    columns = customers()
    odd = {"a/b": columns["region"], "a b": columns["plan"], "地域": columns["region"]}
    data = write_csv(tmp_path / "odd.csv", {**columns, **odd})
    for column in odd:
        mtrain.evaluate(trained, by=column, data=data, fast=True)

    names = [path.name for path in (trained / "evaluation").iterdir() if path.name != "test"]
    assert len(set(names)) == 3
    assert all(name.isascii() and "-fast-by-" in name and "/" not in name for name in names)


def test_the_console_has_a_line_for_each_slice_the_worst_first(folder, tmp_path, capsys):
    """After the whole; then what is shown to be worse."""
    place = tmp_path / "new"
    assert (
        run(["evaluate", str(folder / "csv"), "--by", "region", "--fast", "--out", str(place)]) == 0
    )
    said = capsys.readouterr().out
    _, heading, rest = said.partition(
        "\nBy region, the lowest accuracy first; verdicts allow for all "
    )
    lines = rest.splitlines()

    assert heading
    assert lines[1].split() == [
        *("region", "rows", "accuracy", "macro", "F1", "lowest", "recall", "verdicts")
    ]
    slices = json.loads((place / "slices.json").read_text())["slices"]
    expected = sorted(slices, key=lambda one: (one["accuracy"], -one["n"]))
    for line, one in zip(lines[2:6], expected, strict=True):
        low, high = one["accuracy_ci"]
        lowest = min(one["classes"], key=lambda each: each["recall"])
        assert line.split()[:7] == [
            "(missing)" if one["is_missing"] else one["value"],
            str(one["n"]),
            f"{one['accuracy']:.3f}",
            f"{low:.2f}-{high:.2f}",
            f"{one['averages']['macro avg']['f1-score']:.3f}",
            f"{lowest['recall']:.3f}",
            lowest["name"],
        ]
    assert lines[2].startswith("east")
    assert lines[6].startswith("region east: only ")
    assert "slices.json  every figure of each slice" in said


def test_other_data_are_sliced_by_their_own_column(trained, tmp_path):
    """All rows of a file that the run has not seen; the file may be of the other kind."""
    columns = customers(rows=120, seed=1)
    path = tmp_path / "other.parquet"
    pq.write_table(pa.table(columns), path)
    place = tmp_path / "new"
    report = mtrain.evaluate(trained, data=path, by="region", fast=True, out=place)

    assert report.n == 120
    slices = json.loads((place / "slices.json").read_text())["slices"]
    check_slices(slices, recounted(place, columns))


def test_test_rows_in_another_file_are_sliced_by_that_file(tmp_path):
    """Their places are counted there; rows without a label or a value are left out of both."""
    train, test = customers(rows=200), customers(rows=100, seed=1)
    test["label"][::7] = [None] * len(test["label"][::7])
    test["x"][3] = None
    dataset = {
        "name": "csv",
        "path": str(write_csv(tmp_path / "train.csv", train)),
        "test_path": str(write_csv(tmp_path / "test.csv", test)),
        "target": "label",
        "features": ["x", "plan"],
        "missing": "drop",
    }
    mtrain.fit({"dataset": dataset, **CONFIG}, out=tmp_path / "run")
    report = mtrain.evaluate(tmp_path / "run", by="region", fast=True)
    place = tmp_path / "run" / "evaluation" / "test-fast-by-region"

    assert report.n == 100 - 15 - 1
    slices = json.loads((place / "slices.json").read_text())["slices"]
    check_slices(slices, recounted(place, test))


def test_all_slices_have_the_threshold_of_the_whole(trained, tmp_path):
    """Which may be the command's."""
    place = tmp_path / "new"
    report = mtrain.evaluate(trained, by="region", threshold=0.9, fast=True, out=place)

    with np.load(place / "predictions.npz") as kept:
        assert ((kept["probabilities"][:, 1] > 0.9) == (kept["y_pred"] == 1)).all()
    slices = json.loads((place / "slices.json").read_text())["slices"]
    check_slices(slices, recounted(place, customers()))
    assert report.threshold == 0.9


def test_a_feature_is_a_column_as_any_other(trained):
    """Few numbers are a slice each, measured ones four ranges of about as many rows."""
    plans = mtrain.evaluate(trained, by="plan", fast=True).slices
    ranges = mtrain.evaluate(trained, by="x", fast=True).slices

    assert [one.value for one in plans] == ["1", "2", "3"]
    assert [one.n for one in ranges] == [40] * 4


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    """A run whose rows are of customers, two of each."""
    folder = tmp_path_factory.mktemp("grouped")
    columns = customers(rows=240)
    dataset = {
        "name": "csv",
        "path": str(write_csv(folder / "rows.csv", columns)),
        "target": "label",
        "features": ["x"],
        "groups": "customer",
    }
    mtrain.fit({"dataset": dataset, **CONFIG}, out=folder / "run")
    return folder / "run"


def test_rows_in_groups_are_counted_by_groups(grouped, capsys):
    """As in the whole; nothing is compared, which is said."""
    assert run(["evaluate", str(grouped), "--by", "region", "--fast"]) == 0
    said = capsys.readouterr().out

    assert "region     rows  groups         accuracy  macro F1" in said
    assert "Rows come in groups, so whether a slice is worse than the others is not tested" in said
    report = mtrain.evaluate(grouped, by="region", fast=True)
    assert report.groups == 24
    assert all(0 < one.groups <= min(one.n, 24) for one in report.slices)


def test_the_column_of_the_groups_has_a_slice_for_each(grouped):
    """Of one group an interval of one row."""
    slices = mtrain.evaluate(grouped, by="customer", fast=True).slices

    assert len(slices) == 24
    assert {(one.n, one.groups) for one in slices} == {(2, 1)}
    for one in slices:
        low, high = one.accuracy_ci
        assert high - low > 0.75


@pytest.mark.parametrize(
    ("column", "problem"),
    [
        ("regoin", "FOLDER/rows.csv has no column 'regoin'; did you mean 'region'?"),
        ("label", "'label' is the target; the recall of each class is what its slices would have"),
    ],
)
def test_a_column_that_cannot_be_is_refused_in_a_line(folder, tmp_path, column, problem, capsys):
    """With exit status 2, and nothing is written; Python's name is another."""
    place = tmp_path / "new"
    command = ["evaluate", str(folder / "csv"), "--by", column, "--fast", "--out", str(place)]
    assert run(command) == 2

    said = capsys.readouterr().err
    assert said.replace(str(folder), "FOLDER") == f"mtrain: --by: {problem}\n"
    assert not place.exists()
    with pytest.raises(mtrain.UsageError) as error:
        mtrain.evaluate(folder / "csv", by=column, fast=True)
    assert str(error.value).replace(str(folder), "FOLDER") == f"by: {problem}"


@pytest.mark.parametrize("changed", ["values", "rows"])
def test_a_table_that_changes_while_it_is_evaluated_is_an_error(
    trained, tmp_path, monkeypatch, changed
):
    """Between the two readings; the rows of the slices would be other rows than those predicted."""
    data = write_csv(tmp_path / "more.csv", customers(seed=1))
    rows = customers(seed=1 if changed == "values" else 2)
    if changed == "values":
        rows["region"] = rows["region"][::-1]

    def read_then_change(*args):
        read = load_checkpoint_data(*args)
        write_csv(data, rows)
        return read

    monkeypatch.setattr("mtrain.workflows.evaluate.load_checkpoint_data", read_then_change)
    with pytest.raises(mtrain.MtrainError) as error:
        mtrain.evaluate(trained, data=data, by="region", fast=True)
    assert str(error.value) == (
        f"{data}: was changed while its rows were read; run the command again"
    )


def test_data_without_columns_are_refused(finished_run, capsys):
    assert run(["evaluate", str(finished_run), "--by", "region"]) == 2
    said = "digits has no columns; a column of a CSV or Parquet table is needed"
    assert capsys.readouterr().err == f"mtrain: --by: {said}\n"


def test_a_column_of_one_value_is_evaluated(trained, tmp_path, capsys):
    """As data of one region may be; that there is nothing to compare is said."""
    columns = customers(rows=60, seed=2) | {"region": ["north"] * 60}
    data = write_csv(tmp_path / "north.csv", columns)

    assert run(["evaluate", str(trained), "--by", "region", "--data", str(data), "--fast"]) == 0
    said = "Every row has the value 'north' in column 'region': there is nothing to compare"
    assert said in capsys.readouterr().out
