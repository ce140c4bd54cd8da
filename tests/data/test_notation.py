"""How the files of a table write numbers, missing values and the names of their columns."""

from __future__ import annotations

import csv
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_array_equal

from mtrain.cli.main import run
from mtrain.config.loading.load import load_config
from mtrain.config.loading.reader import parse
from mtrain.data.load import load_dataset
from mtrain.errors import MtrainError
from mtrain.workflows.check import check

VALUES = [1234.5, -0.25, 1000000.0, 12.0] * 10
"""Of which some need a separator of thousands and some decimals."""

SHORT = ["training.epochs=1", "training.early_stopping=null", "--quiet"]


def written(values, decimal, thousands):
    """Numbers as a program of a country writes them."""
    for value in values:
        text = f"{value:,.2f}" if value % 1 else f"{value:,.0f}"
        yield text.translate({ord(","): thousands or "", ord("."): decimal})


def table(path, columns, delimiter=";", header=True):
    """A CSV file of these columns, by name."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([columns] if header else [])
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def config(path, **settings):
    name = "parquet" if path.suffix == ".parquet" else "csv"
    whole = {"name": name, "path": str(path), "target": "y", "scale": "none", "validation": None}
    return load_config({"dataset": whole | settings}, {})


def features(path, **settings):
    """The inputs of all rows, in their order, and the data set."""
    apart = {"test": {"size": 1, "how": "tail"}}
    data = load_dataset(config(path, **(apart | settings)).dataset, progress=False)
    return np.concatenate([data.train.features, data.test.features]), data


def init(folder, data, *arguments):
    """The status, and the dataset section that `init` writes."""
    file = folder / "proposed.yaml"
    status = run(["init", str(file), "--data", str(data), *arguments])
    return status, parse(file.read_text("utf-8"), "x").data["dataset"] if status == 0 else None


LABELS = list("ab" * 20)


@pytest.mark.parametrize(
    ("decimal", "thousands"),
    [(",", None), (",", "."), (".", ","), (",", " "), (".", " "), (".", "'"), (".", "_")],
)
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_numbers_are_read_as_the_config_says(tmp_path, decimal, thousands, delimiter):
    """Each with its value, whatever stands between the columns."""
    columns = {"x": list(written(VALUES, decimal, thousands)), "y": LABELS}
    path = table(tmp_path / "a.csv", columns, delimiter)

    found, _ = features(path, decimal=decimal, thousands=thousands)

    assert_array_equal(found, np.array(VALUES, np.float32)[:, None])


def test_a_space_between_thousands_may_be_one_at_which_no_line_breaks(tmp_path):
    """U+00A0 and U+202F, as spreadsheets write them."""
    texts = [["1 234,5", "1\u00a0234,5", "1\u202f234,5", "1234,5"][k % 4] for k in range(40)]
    path = table(tmp_path / "a.csv", {"x": texts, "y": LABELS})

    found, _ = features(path, decimal=",", thousands=" ")

    assert set(found.ravel()) == {1234.5}


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("1.5", {"decimal": ","}),
        ("1.5", {"decimal": ",", "thousands": "."}),
        ("12,34", {"thousands": ","}),
        ("1,2345", {"thousands": ","}),
        ("1,234,5", {"thousands": ","}),
        ("1,234", {"decimal": ".", "thousands": " "}),
    ],
)
def test_what_is_no_number_of_this_notation_is_refused(tmp_path, text, settings):
    """It could be another number than was meant."""
    path = table(tmp_path / "a.csv", {"x": ["7"] * 39 + [text], "y": LABELS})

    with pytest.raises(MtrainError, match=f"a.csv:41: column 'x': '{text}' is not a finite number"):
        features(path, **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"thousands": "."}, "'.' is dataset.decimal already; set that to ','"),
        ({"thousands": ",", "decimal": ","}, "',' is dataset.decimal already; set that to '.'"),
        ({"exclude": ["y"]}, "dataset.exclude: 'y' is dataset.target already"),
        ({"exclude": ["x"], "features": ["x"]}, "features: 'x' is in dataset.exclude, too"),
        ({"exclude": ["x"], "categorical": ["x"]}, "categorical: 'x' is in dataset.exclude, too"),
        ({"exclude": ["w"], "weights": "w"}, "dataset.exclude: 'w' is dataset.weights already"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(tmp_path, settings, message):
    """With the one to change."""
    with pytest.raises(MtrainError, match=r"dataset\.") as caught:
        config(tmp_path / "a.csv", **settings)

    assert message in str(caught.value)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_missing_values_are_those_of_the_config_too(tmp_path, kind):
    """Texts, and numbers however they are written; in text, numbers, whole numbers and labels."""
    columns = {
        "n": [-999.0 if k % 4 == 0 else k / 2 for k in range(40)],
        "i": [-999 if k % 5 == 0 else k % 3 for k in range(40)],
        "t": [["u", "v", "?"][k % 3] for k in range(40)],
        "y": [["a", "b", "?"][k % 7 % 3] for k in range(40)],
    }
    path = tmp_path / f"a.{kind}"
    if kind == "csv":
        table(path, columns)
    else:
        pq.write_table(pa.table(columns), path)

    found = check(config(path, missing_values=["?", -999], missing="zero"))

    labelled = [k for k in range(40) if k % 7 % 3 != 2]
    assert found.classes == ("a", "b")
    assert sum(counts.sum() for counts in found.counts.values()) == len(labelled)
    assert found.missing == {
        "n": sum(k % 4 == 0 for k in labelled),
        "i": sum(k % 5 == 0 for k in labelled),
        "t": sum(k % 3 == 2 for k in labelled),
    }


def test_without_a_header_columns_are_named_by_number(tmp_path):
    """The first line is a row; errors name the line of the file."""
    path = tmp_path / "a.csv"
    path.write_text("".join(f"{k}.5,{k % 7},{'ab'[k % 2]}\n" for k in range(40)))

    found, data = features(path, header=False, target="column_3")

    assert len(found) == 40
    assert_array_equal(found[0], [0.5, 0])
    assert [column.name for column in data.encoding.columns] == ["column_1", "column_2"]

    path.write_text(path.read_text() + "x,1,a\n")
    with pytest.raises(MtrainError, match=r"a\.csv:41: column 'column_1': 'x' is not a finite"):
        features(path, header=False, target="column_3")
    path.write_text('"1",2,a\n"2",3\n')
    with pytest.raises(MtrainError, match=r"a\.csv:2: 2 values; the first line has 3"):
        features(path, header=False, target="column_3")


def test_predict_reads_by_the_settings_of_the_run(tmp_path, capsys):
    """Decimals, thousands, markers and the missing header are part of the run's config."""
    lines = [
        f"{'?' if k % 5 == 0 else f'{k},5'};{k % 9 + 1}.{k % 10}00;{'ab'[k % 2]}\n"
        for k in range(60)
    ]
    (tmp_path / "a.csv").write_text("".join(lines))
    settings = (
        "dataset: {name: csv, path: a.csv, header: false, target: column_3, decimal: ',', "
        "thousands: '.', missing_values: ['?'], missing: median}\ntraining: {epochs: 1}\n"
    )
    (tmp_path / "c.yaml").write_text(settings)
    out = tmp_path / "run"
    assert run(["fit", str(tmp_path / "c.yaml"), "--out", str(out), "--quiet"]) == 0
    capsys.readouterr()
    (tmp_path / "new.csv").write_text("?;1.000\n1,5;2.000\n3,5;1\n")

    assert run(["predict", str(out), str(tmp_path / "new.csv")]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 3

    assert run(["evaluate", str(out), "--data", str(tmp_path / "a.csv"), "--json"]) == 0


# --- What `init` and `check` recognise


@pytest.mark.parametrize(
    ("decimal", "thousands", "proposed"),
    [
        (".", ",", {"thousands": ","}),
        (",", None, {"decimal": ","}),
        (",", ".", {"decimal": ",", "thousands": "."}),
        (",", " ", {"decimal": ",", "thousands": " "}),
        (".", "'", {"thousands": "'"}),
    ],
)
def test_init_proposes_how_numbers_are_written(tmp_path, capsys, decimal, thousands, proposed):
    """And says so; the whole numbers among them fit, too."""
    columns = {
        "x": list(written(VALUES, decimal, thousands)),
        "n": [str(k % 7) for k in range(40)],
        "y": LABELS,
    }
    path = table(tmp_path / "a.csv", columns)

    status, found = init(tmp_path, path)

    assert status == 0
    assert {key: found.get(key) for key in proposed} == proposed
    assert "categorical" not in found
    said = capsys.readouterr().err
    assert all(f"{key}: " in said for key in proposed)
    values, _ = features(path, **{key: found[key] for key in proposed})
    assert_array_equal(values[:, 0], np.array(VALUES, np.float32))


@pytest.mark.parametrize("marker", ["?", "-", "missing", "n.a.", "NIL"])
def test_init_proposes_what_marks_a_missing_value(tmp_path, marker):
    """A column of numbers with one text that is no slip."""
    columns = {"x": [marker if k % 3 == 0 else k / 4 for k in range(40)], "y": LABELS}

    _, found = init(tmp_path, table(tmp_path / "a.csv", columns))

    assert found["missing_values"] == [marker]
    assert found["missing"] == "median"
    assert "categorical" not in found


PLAIN = {"a": [k / 8 for k in range(40)], "b": [f"t{k % 3}" for k in range(40)]}


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({"0.126": [k / 8 for k in range(40)], "no": ["no", "yes"] * 20}, id="numbers"),
        pytest.param(
            {
                "5.1": [k / 8 for k in range(40)],
                "3": [k % 7 for k in range(40)],
                "u": ["u", "v"] * 20,
            },
            id="whole and fractional numbers",
        ),
        pytest.param({"p": ["p", "q"] * 20, "x": ["x", "z"] * 20, "n": ["n", "m"] * 20}, id="text"),
    ],
)
def test_a_first_line_of_data_is_said(tmp_path, capsys, columns):
    """`init` proposes a table without a header, with every row; `check` and `fit` warn."""
    path = table(tmp_path / "a.csv", columns, ",")
    last = f"column_{len(columns)}"

    status, found = init(tmp_path, path)

    assert status == 0
    assert (found["header"], found["target"]) == (False, last)
    assert "header: the first line looks like data" in capsys.readouterr().err
    settings = {"header": False, "target": last, "missing": "zero"}
    assert len(features(path, **settings)[0]) == 41
    warnings = check(config(path, target=list(columns)[-1])).warnings
    assert "no-header" in {warning.kind for warning in warnings}
    assert "no-header" not in {warning.kind for warning in check(config(path, **settings)).warnings}


@pytest.mark.parametrize(
    "names",
    [
        ["a", "b", "y"],
        ["2019", "2020", "y"],
        ["2010", "2015", "y"],
        ["0", "1", "2"],
        ["7", "b", "y"],
        ["a", "2020", "y"],
    ],
)
def test_names_are_no_data(tmp_path, names):
    """Also years, and numbers that count the columns."""
    numbers = [k / 8 for k in range(40)]
    second = PLAIN["b"] if names[1] == "b" else numbers
    path = table(tmp_path / "a.csv", dict(zip(names, [numbers, second, LABELS], strict=True)), ",")

    _, found = init(tmp_path, path)

    assert (found["target"], "header" in found) == (names[2], False)


def test_a_row_with_the_same_value_twice_is_no_header(tmp_path):
    """It cannot be read as one: there would be two columns of a name; the message says what helps."""
    path = tmp_path / "a.csv"
    path.write_text("".join(f"{k % 3},{k % 3 % 2},{'ab'[k % 2]}\n" for k in range(40)))

    with pytest.raises(
        MtrainError, match=r"two columns '0'; dataset\.header: false makes this line"
    ):
        check(config(path, target="a"))
    assert init(tmp_path, path)[1]["header"] is False


def test_names_that_are_there_again_are_names(tmp_path):
    """As in files that were put one after the other; the second line of names is no row."""
    path = tmp_path / "a.csv"
    rows = "".join(f"{k / 7:.2f},{'ab'[k % 2]}\n" for k in range(40))
    path.write_text(2 * f"x,y\n{rows}")

    with pytest.raises(MtrainError, match=r"a\.csv:42: column 'x': 'x' is not a finite number"):
        check(config(path))


def test_columns_written_differently(tmp_path, capsys):
    """One setting holds for the whole file: `init` leaves out the column that it cannot read."""
    commas, points = ([f"{k}{point}5" for k in range(40)] for point in ",.")
    path = table(tmp_path / "a.csv", {"x": points, "c": commas, "z": points[::-1], "y": LABELS})

    _, found = init(tmp_path, path)

    assert found["features"] == ["x", "z"]
    said = capsys.readouterr().err
    assert "'c' has numbers such as '0,5', those of other columns are as in 1234.5" in said


def test_numbers_read_as_text_are_warned_of(tmp_path):
    """A column of decimal commas without a whole number would be categories."""
    path = table(tmp_path / "a.csv", {"x": [f"{k},5" for k in range(40)], "y": LABELS})

    warnings = {warning.kind: warning for warning in check(config(path)).warnings}

    assert "dataset.decimal: ',' reads numbers so, in every column" in warnings["text-numbers"]
    assert "text-numbers" not in {w.kind for w in check(config(path, decimal=",")).warnings}


@pytest.mark.parametrize(
    ("texts", "settings"),
    [
        pytest.param(["1,5", "2"], "dataset.decimal: ','", id="decimal comma"),
        pytest.param(["5,211.97", "12.5"], "dataset.thousands: ','", id="thousands"),
        pytest.param(["?", "12.5"], "dataset.missing_values: ['?']", id="a marker"),
    ],
)
def test_where_many_values_are_no_numbers_the_settings_that_help_are_named(
    tmp_path, texts, settings
):
    """After the values that are wrong."""
    path = table(tmp_path / "a.csv", {"x": texts * 20, "y": LABELS})

    with pytest.raises(MtrainError) as caught:
        check(config(path))

    last = str(caught.value).splitlines()[-1]
    assert last == f"{path}: column 'x' is of numbers with {settings}"


@pytest.mark.parametrize(
    ("texts", "value", "thousands"),
    [(["2\u2019650.91", "1\u2019000"], 2650.91, "'"), (["1,27,959", "12,34,56,789"], 127959, ",")],
)
def test_numbers_of_switzerland_and_india(tmp_path, texts, value, thousands):
    """The apostrophe of print, and groups of two digits."""
    column = [texts[k % 2].replace("7", str(k % 7 + 1)) for k in range(38)] + texts
    path = table(tmp_path / "a.csv", {"x": column, "y": LABELS})

    _, found = init(tmp_path, path)
    assert found["thousands"] == thousands
    read, _ = features(path, thousands=thousands)
    assert read[-2, 0] == np.float32(value)


@pytest.mark.parametrize(
    ("texts", "settings"),
    [
        pytest.param(["0,125", "0,375", "1", "2"], {"decimal": ","}, id="eighths"),
        pytest.param(["0,717", "1,001", "2,999"], {"decimal": ","}, id="three decimals"),
        pytest.param(["-0,004", "0,070", "1,250"], {"decimal": ","}, id="below zero"),
        pytest.param(["1,250", "3,400", "2,875"], {"decimal": ","}, id="nothing but semicolons"),
        pytest.param(["1.250", "1.250.000"], {"decimal": ",", "thousands": "."}, id="two points"),
    ],
)
def test_numbers_of_a_file_of_semicolons(tmp_path, texts, settings):
    """A number that begins with 0 has no thousands; where nothing else decides, semicolons do."""
    path = table(tmp_path / "a.csv", {"x": [texts[k % len(texts)] for k in range(40)], "y": LABELS})

    _, found = init(tmp_path, path)
    notation = {key: found[key] for key in ("decimal", "thousands") if key in found}
    assert notation == settings


@pytest.mark.parametrize(
    ("decimal", "thousands", "text"),
    [(".", ",", "0,911"), (".", ",", "00,911"), (",", ".", "0.911"), (".", ",", "0,911.00")],
)
def test_no_group_of_thousands_begins_with_0(tmp_path, decimal, thousands, text):
    """Read as 911 it would be a thousand times what it says."""
    rows = ["12", text, *(f"{k + 1}{thousands}250{decimal}5" for k in range(38))]
    path = table(tmp_path / "a.csv", {"x": rows, "y": LABELS}, ";")

    with pytest.raises(MtrainError, match=rf"'{text}' is not a finite number"):
        check(config(path, decimal=decimal, thousands=thousands))
