"""Files that are splits, by their names or by the settings that name them."""

from __future__ import annotations

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import dataset_config
from numpy.testing import assert_array_equal

from mtrain.cli.main import run
from mtrain.data.load import load_dataset
from mtrain.errors import MtrainError

START = {"train": 0, "val": 100, "test": 200}
"""What the first row of each split has as `x`."""


def load(path, kind="csv", **settings):
    config = dataset_config(name=kind, path=str(path), target="y", scale="none", **settings)
    return load_dataset(config)


def write(folder, **files):
    """A file of four rows for each name, beginning with the number given."""
    for name, start in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [(start + i, "ab"[i % 2]) for i in range(4)]
        if path.suffix == ".parquet":
            pq.write_table(pa.table({"x": [x for x, _ in rows], "y": [y for _, y in rows]}), path)
            continue
        text = "x,y\n" + "".join(f"{x},{y}\n" for x, y in rows)
        path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


@pytest.mark.parametrize(
    "names",
    [
        ("train-00000-of-00001.parquet", "validation-00000-of-00001.parquet", "test-00000-of-00001.parquet"),
        ("train.csv", "val.csv", "test.csv"),
        ("Train.csv", "Dev.csv", "Test.csv"),
        ("TRAINING.csv", "valid.csv", "holdout.csv"),
        ("iris_train.csv", "iris_val.csv", "iris_test.csv"),
        ("train_data.csv", "eval_data.csv", "test_data.csv"),
        ("train.csv.gz", "val.csv.gz", "test.csv.gz"),
        ("train/a.parquet", "validation/a.parquet", "test/a.parquet"),
        ("squad-train.parquet", "squad-dev.parquet", "squad-test.parquet"),
        ("TrainSet.csv", "ValidationSet.csv", "TestSet.csv"),
        ("KDDTrain+.csv", "KDDVal+.csv", "KDDTest+.csv"),
        ("rows_training-set.csv", "rows_eval-set.csv", "rows_testing-set.csv"),
        ("data_train_v2.csv", "data_dev_v2.csv", "data_test_v2.csv"),
    ],
)  # fmt: skip
def test_files_of_a_folder_are_the_splits_that_they_are_called(tmp_path, names):
    """No row of one is in another."""
    write(tmp_path, **dict(zip(names, START.values(), strict=True)))
    data = load(tmp_path, "parquet" if "parquet" in names[0] else "csv")

    for split, start in START.items():
        assert_array_equal(data.splits[split].features[:, 0], [start + i for i in range(4)])


def test_shards_of_a_split_are_one_split(tmp_path):
    """In the order of their names."""
    shards = {f"train-0000{i}-of-00002.parquet": 10 * i for i in range(2)}
    write(tmp_path, **shards, **{"test-00000-of-00001.parquet": 200})
    data = load(tmp_path, "parquet", validation=None)

    assert_array_equal(data.train.features[:, 0], [0, 1, 2, 3, 10, 11, 12, 13])
    assert_array_equal(data.test.features[:, 0], [200, 201, 202, 203])


def test_a_folder_of_training_files_alone_is_split(tmp_path):
    """As some data sets have no test split."""
    write(tmp_path, **{f"train-0000{i}-of-00002.parquet": 10 * i for i in range(2)})
    data = load(tmp_path, "parquet", validation=None)

    assert sorted([*data.train.rows, *data.test.rows]) == list(range(8))


def test_names_that_have_a_split_within_are_ordinary_rows(tmp_path):
    """Results of tests by year; a name that only begins alike."""
    write(tmp_path / "a", **{"test_2020.csv": 0, "test_2021.csv": 10})
    write(tmp_path / "b", **{"trainees.csv": 0, "testament.csv": 10, "devices.csv": 20})

    assert sum(map(len, load(tmp_path / "a", validation=None).splits.values())) == 8
    assert sum(map(len, load(tmp_path / "b", validation=None).splits.values())) == 12


@pytest.mark.parametrize(
    ("names", "path", "message"),
    [
        (("train.csv", "extra.csv"), "", "train.csv looks like a split, and extra.csv does not"),
        (("rows.csv", "Test.csv"), "", "Test.csv looks like a split, and rows.csv does not"),
        (("iris.csv", "iris_test.csv"), "", "iris_test.csv looks like a split, and iris.csv does not"),
        (("rows.csv", "test.csv"), "*.csv", "test.csv looks like a split, and rows.csv does not"),
        (("Train.csv", "Test.csv"), "*.csv", "Test.csv and Train.csv look like splits, and all files of a pattern are read as one"),
        (("train-00000-of-00001.csv", "test-00000-of-00001.csv"), "*-of-*", "test-00000-of-00001.csv and train-00000-of-00001.csv look like splits, and all files of a pattern are read as one"),
        (("test.csv",), "", "test.csv looks like a split, and no file is left to train on"),
        (("test.csv", "val.csv"), "", "test.csv looks like a split, and no file is left to train on"),
    ],
)  # fmt: skip
def test_files_that_may_be_splits_are_not_read_as_one(tmp_path, names, path, message):
    """Test rows would be trained on."""
    write(tmp_path, **dict.fromkeys(names, 0))
    place = tmp_path / path
    with pytest.raises(MtrainError) as error:
        load(place)

    assert str(error.value) == (
        f"{place}: {message}; name files in dataset.path, dataset.val_path and dataset.test_path"
    )


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_val_path_names_the_validation_split(tmp_path, kind):
    """Beside `test_path`, or alone; relative to the config."""
    write(tmp_path, **{f"a.{kind}": 0, f"b.{kind}": 100, f"c.{kind}": 200})
    paths = {name: str(tmp_path / f"{file}.{kind}") for name, file in (("val_path", "b"), ("test_path", "c"))}  # fmt: skip
    data = load(tmp_path / f"a.{kind}", kind, **paths)
    assert [split.features[0, 0] for split in data.splits.values()] == [0, 100, 200]

    del paths["test_path"]
    data = load(tmp_path / f"a.{kind}", kind, test={"size": 1, "how": "tail"}, **paths)
    assert [len(data.splits[name]) for name in ("train", "val", "test")] == [3, 4, 1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"validation": {"size": 2}}, "dataset.validation: PATH has a validation split"),
        ({"val_path": "t/train.csv"}, "dataset.val_path: PATH has a validation split"),
        ({"test_path": "t/train.csv"}, "dataset.test_path: PATH has a test split"),
        ({"test": {"size": 2}}, "dataset.test: PATH has a test split"),
    ],
)  # fmt: skip
def test_a_split_is_not_there_twice(tmp_path, monkeypatch, settings, message):
    """One that the folder brings, and one of the settings."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "t", **{"train.csv": 0, "val.csv": 100, "test.csv": 200})
    with pytest.raises(MtrainError) as error:
        load(tmp_path / "t", **settings)

    assert str(error.value).replace(str(tmp_path / "t"), "PATH").startswith(message)


def test_a_validation_file_lacks_a_column(tmp_path):
    """The file is named."""
    write(tmp_path, **{"a.csv": 0})
    (tmp_path / "b.csv").write_text("z,y\n1,a\n")
    with pytest.raises(MtrainError, match=r"b\.csv: no column 'x'; choose one of z, y"):
        load(tmp_path / "a.csv", val_path=str(tmp_path / "b.csv"))


def test_check_shows_the_splits_of_a_folder(tmp_path, capsys):
    """Paths of a config are relative to it."""
    write(tmp_path, **{"rows/train.csv": 0, "rows/test.csv": 200, "more.csv": 100})
    dataset = {"name": "csv", "path": "rows", "val_path": "more.csv", "target": "y"}
    (tmp_path / "c.yaml").write_text(json.dumps({"dataset": dataset}))

    assert run(["check", str(tmp_path / "c.yaml")]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["a", "2", "2", "2"] in lines
    assert ["b", "2", "2", "2"] in lines


@pytest.mark.parametrize(
    "names",
    [
        ("train.csv", "test.csv", "test_old.csv"),
        ("train.csv", "test.csv", "test_small.csv"),
        ("train.csv", "train_small.csv", "test.csv"),
        ("train.csv", "test.csv", "test.csv.gz"),
        ("train.csv", "val.csv", "dev.csv"),
        ("train/a.csv", "test/a.csv", "test_old.csv"),
        ("train/a.csv", "val/a.csv", "dev/a.csv"),
    ],
)
def test_two_files_of_a_split_are_refused(tmp_path, names):
    """One is as a rule a copy of the other, or a part of it: rows would count twice."""
    write(tmp_path, **dict(zip(names, START.values(), strict=True)))

    with pytest.raises(MtrainError, match=r"both look like the (train|val|test) split; name files"):
        load(tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        ("train-00000-of-00002.csv", "train-00001-of-00002.csv", "test.csv"),
        ("train/a.csv", "train/b.csv", "test/a.csv"),
        ("train_1.csv", "train_2.csv", "test.csv"),
    ],
)
def test_parts_of_a_split_are_read_together(tmp_path, names):
    """By their numbers, or in its folder."""
    write(tmp_path, **dict(zip(names, START.values(), strict=True)))
    data = load(tmp_path, validation=None)

    assert (len(data.train), len(data.test)) == (8, 4)


def test_a_column_that_says_the_split_is_warned_of(tmp_path):
    """As in FER2013: rows that others test on would be trained on."""
    usage = ["Training", "Training", "PublicTest", "PrivateTest"] * 10
    rows = "".join(f"{i},{name},{'ab'[i % 2]}\n" for i, name in enumerate(usage))
    (tmp_path / "t.csv").write_text(f"x,Usage,y\n{rows}")
    (note,) = (note for note in load(tmp_path / "t.csv").notes if "Usage" in note)

    assert note.startswith(
        "column 'Usage' seems to name the split of each row (PrivateTest, PublicTest, "
    )
    (tmp_path / "t.csv").write_text(f"x,Usage,y\n{rows}".replace("Training", "taxi"))
    assert not any("Usage" in note for note in load(tmp_path / "t.csv").notes)
