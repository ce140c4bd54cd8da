from __future__ import annotations

import datetime as dt
import os
import pty
import select
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from proposals import HOSTILE, SHORT, iris, proposed, write
from waiting import HANGS, killed_if_it_hangs

from mtrain.cli.main import run
from mtrain.config.catalog.writer import dump_inline
from mtrain.config.loading.load import load_config
from mtrain.config.loading.reader import parse

# --- Without data


def test_without_data_the_example_is_fitted_as_it_is(tmp_path, capsys):
    """scikit-learn's digits; every line is a setting or a comment."""
    config = tmp_path / "digits.yaml"

    assert run(["init", str(config)]) == 0
    assert capsys.readouterr().out == f"config: {config}\n"
    assert run(["fit", str(config), *SHORT, "--out", str(tmp_path / "run")]) == 0
    assert config.read_text().splitlines() == [
        "# Every setting that is not here has its default: `mtrain fit` writes all of them into",
        "# config.yaml. `mtrain check` looks at the data before anything is trained.",
        "dataset:",
        "  name: digits   # or mnist, fashion_mnist, csv, parquet, npz, idx, images",
        "  # validation: {size: 0.2, how: stratified}   # a share of the rows, or a number",
        "model:",
        "  hidden: 64   # units: 64, 128x2, [256, 64]",
        "optimizer:",
        "  name: adam",
        "  learning_rate: 0.001",
        "metrics: [accuracy, precision, recall, f1]",
        "training:",
        "  epochs: 139",
        "  batch_size: 32",
        "  early_stopping:",
        "    patience: 13",
        "  # class_weight: balanced   # where a class is rare",
    ]


def test_what_is_a_comment_is_a_setting_without_its_sign(tmp_path):
    """Both can be had as they stand."""
    config = tmp_path / "c.yaml"
    assert run(["init", str(config)]) == 0

    config.write_text(config.read_text().replace("\n  # ", "\n  "))

    assert load_config(config, {}).training.class_weight == "balanced"


# --- Data of every kind, fitted without an edit


def test_csv(tmp_path):
    """A column called `class` is the target wherever it stands."""
    rows, names = iris()
    data = write(tmp_path / "iris.csv", ["a", "Class", "b", "c", "d"], (
        [a, name, *others] for (a, *others), name in zip(rows, names, strict=True)
    ))  # fmt: skip

    assert proposed(tmp_path, data) == {
        "name": "csv",
        "path": "iris.csv",
        "target": "Class",
        "classes": ["setosa", "versicolor", "virginica"],
    }


def test_a_target_can_be_named(tmp_path):
    """Another than the likeliest, which is then a feature."""
    data = write(
        tmp_path / "a.csv",
        ["x", "wet", "label"],
        [[k, "ny"[k % 3 % 2], "uv"[k % 4 // 2]] for k in range(0, 90, 2)],
    )

    assert proposed(tmp_path, data, "--target", "wet")["target"] == "wet"


def test_parquet_with_times_and_lists(tmp_path):
    """What is neither number nor text is left out, and why is said."""
    rows, names = iris()
    columns = dict(zip("abcd", np.array(rows).T, strict=True))
    times = [dt.datetime(2020, 1, 1, tzinfo=dt.UTC)] * 150
    odd = {"when\n# x": times, "day": [dt.date(2020, 1, 1)] * 150, "list": [[1]] * 150}
    pq.write_table(pa.table(columns | odd | {"species": names}), tmp_path / "iris.parquet")

    assert proposed(tmp_path, tmp_path / "iris.parquet") == {
        "name": "parquet",
        "path": "iris.parquet",
        "target": "species",
        "features": ["a", "b", "c", "d"],
        "classes": ["setosa", "versicolor", "virginica"],
    }
    assert (
        "  features: [a, b, c, d]   # left out: 'list' is list<element: int64>; 'when\\n# x' is the same "
        "in every row; 'day' is the same in every row\n"
    ) in (tmp_path / "proposed.yaml").read_text()


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_columns_of_dates(tmp_path, kind):
    """Learned from by their parts; what is a date to people alone is left out."""
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=k) for k in range(60)]
    columns = {
        "bought": [None, *days[1:]],
        "paid": [f"{day} 12:00" for day in days],
        "other": [f"{day:%d.%m.%Y}" for day in days],
        "number": [day.toordinal() / 7 for day in days],
        "y": ["weekend" if day.weekday() > 4 else "week" for day in days],
    }
    path = tmp_path / f"t.{kind}"
    if kind == "csv":
        write(path, list(columns), zip(*columns.values(), strict=True))
    else:
        pq.write_table(pa.table(columns), path)

    found = proposed(tmp_path, path)

    assert found["dates"] == ["bought", "paid"]
    assert found["features"] == ["bought", "paid", "number"]
    assert found["missing"] == "median"


def test_a_folder_of_shards(tmp_path):
    """Of CSV; the config names the folder."""
    rows, names = iris()
    (tmp_path / "shards").mkdir()
    for part in range(3):
        some = [[*row, name] for row, name in zip(rows[part::3], names[part::3], strict=True)]
        write(tmp_path / "shards" / f"{part}.csv", ["a", "b", "c", "d", "target"], some)

    found = proposed(tmp_path, tmp_path / "shards")

    assert (found["name"], found["path"], found["target"]) == ("csv", "shards", "target")


@pytest.mark.parametrize("keys", [("x", "y"), ("x_train", "y_train")])
def test_npz(tmp_path, keys):
    """Also labels that are one-hot."""
    rows = np.random.default_rng(0).normal(size=(90, 5))
    np.savez(
        tmp_path / "a.npz", **dict(zip(keys, (rows, np.eye(3)[np.arange(90) % 3]), strict=True))
    )

    assert proposed(tmp_path, tmp_path / "a.npz") == {
        "name": "npz",
        "path": "a.npz",
        "classes": ["0", "1", "2"],
    }


def test_npz_with_weights(tmp_path):
    """They are used."""
    np.savez(tmp_path / "a.npz", x=np.eye(40), y=np.arange(40) % 2, weights=np.ones(40))

    assert proposed(tmp_path, tmp_path / "a.npz")["weights"] == "weights"


@pytest.mark.parametrize("test", [60, 0])
def test_idx_with_and_without_a_test_split(tmp_path, idx_folder, test):
    """One that is missing is split off."""
    folder = idx_folder()
    if not test:
        for file in folder.glob("t10k-*"):
            file.unlink()

    assert proposed(tmp_path, folder) == {"name": "idx", "path": "idx", "classes": ["0", "1"]}


def images(folder, shape=(6, 4), sizes=None):
    generator = np.random.default_rng(0)
    for k in range(30):
        place = folder / str(k % 3 * 5)
        place.mkdir(parents=True, exist_ok=True)
        size = shape if sizes is None else (sizes[k % len(sizes)], *shape[1:])
        Image.fromarray(generator.integers(0, 256, size, np.uint8)).save(place / f"{k}.png")


def test_images(tmp_path):
    """Of one size, gray; what lies beside the folders of classes is no example."""
    images(tmp_path / "im")
    Image.fromarray(np.zeros((50, 60, 3), np.uint8)).save(tmp_path / "im" / "preview.png")
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "im" / "0" / ".hidden.png")

    assert proposed(tmp_path, tmp_path / "im") == {
        "name": "images",
        "path": "im",
        "size": [6, 4],
        "color": "gray",
        "classes": ["0", "5", "10"],
    }


def test_images_in_folders_of_splits_and_of_several_sizes(tmp_path):
    """Brought to the median, and not beyond 64; colours are kept."""
    images(tmp_path / "im" / "train", (0, 90, 3), sizes=[8, 10, 12])
    images(tmp_path / "im" / "test", (8, 90, 3))

    found = proposed(tmp_path, tmp_path / "im")

    assert (found["size"], found["color"]) == ([8, 64], "rgb")


def test_missing_values_are_filled_with_the_median(tmp_path):
    """Also in columns of text; empty or `NA`."""
    rows, names = iris()
    for row in range(0, 150, 7):
        rows[row][row % 4] = ["", "NA"][row % 2]
    some = [
        [*row, "uv"[k % 2] if k % 9 else "", name]
        for k, (row, name) in enumerate(zip(rows, names, strict=True))
    ]
    data = write(tmp_path / "a.csv", ["a", "b", "c", "d", "e", "y"], some)

    assert proposed(tmp_path, data)["missing"] == "median"


def test_rows_without_a_label_are_left_out(tmp_path):
    """There is nothing to fill a label with."""
    rows, names = iris()
    data = write(
        tmp_path / "a.csv",
        [*"abcd", "y"],
        (
            [*row, name if k % 10 else ""]
            for k, (row, name) in enumerate(zip(rows, names, strict=True))
        ),
    )

    assert "missing" not in proposed(tmp_path, data)
    assert "  target: y   # the column of the labels; 15 rows without one are left out\n" in (
        (tmp_path / "proposed.yaml").read_text()
    )


def test_codes_with_zeros_that_a_number_does_not_need_are_categories(tmp_path):
    """Postal codes are no quantities; plain numbers and decimals below 1 are."""
    rows = [[f"{k % 9:05}", k % 9, f"{k % 7 / 10:.1f}", "ab"[k % 2]] for k in range(90)]
    data = write(tmp_path / "a.csv", ["zip", "n", "share", "class"], rows)

    found = proposed(tmp_path, data)
    assert found["categorical"] == ["zip"]
    assert "features" not in found


def test_columns_that_teach_nothing_are_left_out_and_why_is_said(tmp_path):
    """An index without a name, as pandas writes one, identifiers, a number of the row, nothing."""
    rows, names = iris()
    header = ["", "id", "number", "nothing", "mixed", *"abcd", "class"]
    data = write(tmp_path / "a.csv", header, (
        [k, f"n{k}", k + 1, "", ["1", "2", "x"][k % 3], *row, name]
        for k, (row, name) in enumerate(zip(rows, names, strict=True))
    ))  # fmt: skip

    found = proposed(tmp_path, data)

    assert found["features"] == ["mixed", "a", "b", "c", "d"]
    assert found["categorical"] == ["mixed"]
    lines = (tmp_path / "proposed.yaml").read_text().splitlines()
    assert (
        "  features: [mixed, a, b, c, d]   # left out: '' has no name; 'id' has a different text in "
        "each row, such as 'n0'; 'number' counts the rows; 'nothing' is empty"
    ) in lines
    assert "  categorical: [mixed]   # numbers and text mixed, or codes such as 007" in lines


def test_classes_too_rare_to_stratify_are_drawn_at_random(tmp_path):
    """Of more classes than rows to test; which the config says, and why."""
    classes = [*range(40)] * 3
    values = np.random.default_rng(0).normal(size=len(classes))
    data = write(tmp_path / "a.csv", ["x", "y"], zip(values, classes, strict=True))

    found = proposed(tmp_path, data)

    assert found["validation"] == found["test"] == {"size": 0.2, "how": "random"}
    assert "   # too few rows for every class to be in every split\n" in (
        (tmp_path / "proposed.yaml").read_text()
    )


# --- Names that are hostile


def test_hostile_names_stay_names_and_one_line(tmp_path):
    """Of columns and classes, in settings and comments."""
    generator = np.random.default_rng(0)
    left_out = [f"{name} 2" for name in HOSTILE]
    target = "=label:\n[#"
    rows = [
        [*generator.normal(size=len(HOSTILE)), *([k] * len(HOSTILE)), HOSTILE[k % len(HOSTILE)]]
        for k in range(8 * len(HOSTILE))
    ]
    data = write(tmp_path / "a.csv", [*HOSTILE, *left_out, target], rows)

    found = proposed(tmp_path, data)

    assert found["features"] == list(HOSTILE)
    assert found["target"] == target
    # Labels like these are missing values, whose rows are left out.
    assert sorted(found["classes"]) == sorted(set(HOSTILE) - {"null", "?"})
    text = (tmp_path / "proposed.yaml").read_text(encoding="utf-8")
    assert len(text.splitlines()) == text.count("\n")
    assert all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize(
    "name", [*HOSTILE, "", " ", "~", "0x1F", "1:30", "'", "a" * 300, "\x85", "é\n"]
)
def test_a_value_on_one_line_is_read_back(name):
    """Alone and in a list."""
    for value in (name, [name, 1, [2.5]]):
        text = dump_inline(value)

        assert "\n" not in text
        assert parse(f"key: {text}   # comment\n", "x").data == {"key": value}


# --- Asking


def answered(arguments, answer):
    """What `mtrain init` shows on a terminal where somebody types `answer`; and its status."""
    pid, terminal = pty.fork()
    if pid == 0:
        script = "from mtrain.cli.main import main; main()"
        os.execv(sys.executable, [sys.executable, "-P", "-c", script, "init", *map(str, arguments)])
    shown = b""
    with killed_if_it_hangs(pid):
        try:
            while True:
                if select.select([terminal], [], [], 0.5)[0]:
                    try:
                        shown += os.read(terminal, 10_000)
                    except OSError:  # it has ended
                        break
                elif (
                    b"]: " in shown
                ):  # again, if need be: Python may miss a signal just before it reads
                    os.write(terminal, answer)
        finally:
            os.close(terminal)
        status = os.waitpid(pid, 0)[1]
    return shown.decode(), os.waitstatus_to_exitcode(status)


@pytest.fixture
def two_targets(tmp_path):
    """A table whose columns could both be labels."""
    rows = [[k / 7, "ab"[k % 2], "cd"[k % 4 // 2]] for k in range(60)]
    return write(tmp_path / "a.csv", ["x", "first", "\x1b[31mlast"], rows)


@pytest.mark.parametrize(
    ("answer", "target"), [(b"first\r", "first"), (b"\r", "\x1b[31mlast")], ids=["named", "return"]
)
def test_on_a_terminal_the_target_is_asked_for(tmp_path, two_targets, answer, target):
    """All columns are shown, none of their escapes; the likeliest is taken by return."""
    config = tmp_path / "c.yaml"

    shown, status = answered([config, "--data", two_targets], answer)

    assert status == 0
    assert (
        "Which column is the label? Choose one of x, first, \\x1b[31mlast [\\x1b[31mlast]: "
        in shown
    )
    assert parse(config.read_text(), "c").data["dataset"]["target"] == target


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        pytest.param(b"frist\r", 1, "no column 'frist'; did you mean 'first'?", id="misspelt"),
        pytest.param(b"\x03", 130, "", id="interrupted"),
        pytest.param(b"\x04", 130, "", id="end of input"),
    ],
)
def test_nothing_is_written_where_there_is_no_answer(tmp_path, two_targets, answer, status, says):
    """Nor is there a traceback."""
    config = tmp_path / "c.yaml"

    shown, found = answered([config, "--data", two_targets], answer)

    assert (found, config.exists()) == (status, False)
    assert "Traceback" not in shown
    assert says in shown


def test_on_a_terminal_nothing_is_asked_where_the_target_is_named(tmp_path, two_targets):
    """Nor of data that are no table."""
    shown, status = answered([tmp_path / "c.yaml", "--data", two_targets, "--target", "first"], b"")

    assert (shown.strip(), status) == (f"config: {tmp_path / 'c.yaml'}", 0)


def test_elsewhere_nothing_is_asked(tmp_path, two_targets):
    """The last column is the target where none is called `label`, `target` or `class`."""
    script = "from mtrain.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, "init", "c.yaml", "--data", two_targets],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "config: c.yaml\n")
    assert done.stderr == (
        "label: column '\\x1b[31mlast', the last column; --target COLUMN names another\n"
    )
    assert '  target: "\\e[31mlast"   # the column' in (tmp_path / "c.yaml").read_text()


@pytest.mark.parametrize(
    ("columns", "target"),
    [
        (["class", "Target", "LABEL", "z"], "LABEL"),
        (["class", "target", "z"], "target"),
        (["x", "Class", "z"], "Class"),
        (["x", "y", "labels"], "labels"),
    ],
)
def test_the_likely_target(tmp_path, columns, target):
    """`label` before `target` before `class`, else the last column."""
    rows = np.arange(20)[:, None] // 2 % 2 * np.arange(1, len(columns) + 1)
    data = write(tmp_path / "a.csv", columns, rows)

    assert run(["init", str(tmp_path / "c.yaml"), "--data", str(data)]) == 0
    assert load_config(tmp_path / "c.yaml", {}).dataset.target == target


def test_of_two_classes_the_rarer_is_the_second(tmp_path):
    """For which a threshold is."""
    rows = [(i % 7, "leave" if i % 10 == 0 else "stay") for i in range(200)]
    path = write(tmp_path / "a.csv", ["x", "y"], rows)

    assert proposed(tmp_path, path)["classes"] == ["stay", "leave"]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_few_ratings_with_decimals_are_listed_as_classes(tmp_path, name):
    """As which `check` takes them; without the list they would be measurements. NA is none."""
    ratings = [(i % 7, [2.0, 2.5, 4.5][i % 3]) for i in range(60)]
    path = write(tmp_path / "a.csv", ["x", "rating"], [*ratings, (3, "NA")])
    if name == "a.parquet":
        path = path.with_name(name)
        x, rating = zip(*ratings, strict=True)
        pq.write_table(pa.table({"x": x, "rating": rating}), path)
    expected = ["2.0", "2.5", "4.5"] if name == "a.csv" else ["2", "2.5", "4.5"]

    assert proposed(tmp_path, path)["classes"] == expected


@pytest.mark.parametrize(
    "classes", [["false", "true"], ["False", "True"], ["0", "1"], ["0.0", "1.0"]]
)
def test_of_truth_values_true_is_the_second(tmp_path, classes):
    """However many rows there are of it."""
    rows = [(i % 7, classes[i % 10 > 0]) for i in range(200)]
    path = write(tmp_path / "a.csv", ["x", "y"], rows)

    assert proposed(tmp_path, path)["classes"] == classes


@pytest.mark.parametrize("rows", [6, 20, 40])
def test_names_are_left_out_of_small_tables_as_well(tmp_path, rows):
    """A text that each row has for itself tells nothing of other rows."""
    content = [(f"Person {i}", i * 7 % 40 / 3, "ab"[i % 2]) for i in range(rows)]
    path = write(tmp_path / "a.csv", ["name", "age", "y"], content)

    assert proposed(tmp_path, path)["features"] == ["age"]
    assert "'name' has a different text in each row" in (tmp_path / "proposed.yaml").read_text()
