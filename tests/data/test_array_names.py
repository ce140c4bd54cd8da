"""IDX and npz files as others name them, and labels that are text or do not begin with 0."""

from __future__ import annotations

import gzip
import io
import zipfile

import numpy as np
import pytest
from conftest import dataset_config, read_inputs, write_idx
from numpy.testing import assert_array_equal

from mtrain.cli.main import run
from mtrain.config.loading.load import load_config
from mtrain.config.loading.reader import read_document
from mtrain.data.load import load_dataset
from mtrain.data.sources.idx import read_idx
from mtrain.errors import MtrainError
from mtrain.workflows.check import check


def load(kind, path, **settings):
    """The data set of an npz file, or of a folder of IDX files."""
    return load_dataset(dataset_config(name=kind, path=str(path), **settings))


def rows(n, seed=0):
    """Images of 4 x 3 bytes."""
    return np.random.default_rng(seed).integers(0, 256, (n, 4, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "test"),
    [
        ("{}-images.idx3-ubyte", "t10k"),
        ("{}-images-idx3-ubyte", "t10k"),
        ("{}_images_idx3_ubyte", "test"),
        ("{}-images.idx3-ubyte.gz", "t10k"),
        ("{}-images.idx", "test"),
        ("{}-images-ubyte", "test"),
        ("emnist-letters-{}-images-idx3-ubyte.gz", "test"),
        ("qmnist-{}-images-idx3-ubyte", "test"),
        ("{}_Images.IDX3-UBYTE", "Test"),
    ],
)
def test_idx_files_have_several_usual_names(tmp_path, name, test):
    """With dots for dashes, a data set before them, gzipped or not; predicted by them as well."""
    for split, n in (("train", 20), (test, 6)):
        images = tmp_path / name.format(split)
        labels = tmp_path / images.name.replace("images", "labels").replace("Images", "Labels")
        for path, values in ((images, rows(n)), (labels, np.arange(n, dtype=np.uint8) % 2)):
            write_idx(path, values)
            if name.endswith(".gz"):
                path.write_bytes(gzip.compress(path.read_bytes()))
    data = load("idx", tmp_path, validation=None)

    assert_array_equal(data.train.features, rows(20).reshape(20, 12))
    assert_array_equal(data.test.features, rows(6).reshape(6, 12))
    config = dataset_config(name="idx", path=str(tmp_path))
    split, _ = read_inputs(tmp_path / name.format(test), config, data.encoding, 10**9)
    assert_array_equal(split.features, data.test.features)


def test_idx_files_of_two_data_sets_in_a_folder_are_refused(tmp_path):
    """As EMNIST's archive has them; those called as MNIST's are meant where they are there."""
    for name in ("emnist-digits-train", "emnist-letters-train"):
        write_idx(tmp_path / f"{name}-images-idx3-ubyte", rows(20))
        write_idx(tmp_path / f"{name}-labels-idx1-ubyte", np.arange(20, dtype=np.uint8) % 2)
    with pytest.raises(MtrainError) as error:
        load("idx", tmp_path)

    assert str(error.value) == (
        f"{tmp_path}: emnist-digits-train-images-idx3-ubyte, emnist-letters-train-images-idx3-ubyte "
        "could each be train-images-idx3-ubyte; a folder is for one data set"
    )
    write_idx(tmp_path / "train-images-idx3-ubyte", rows(20))
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.arange(20, dtype=np.uint8) % 2)
    assert len(load("idx", tmp_path, validation=None).train) == 16


@pytest.mark.parametrize("dimensions", [65, 255])
def test_an_idx_file_of_too_many_dimensions_is_refused(tmp_path, dimensions):
    """NumPy has 64."""
    path = tmp_path / "x"
    path.write_bytes(bytes([0, 0, 8, dimensions]) + b"\0\0\0\1" * dimensions + b"\0")
    with pytest.raises(MtrainError) as error:
        read_idx(path)

    assert str(error.value) == f"{path}: {dimensions} dimensions announced; an array can have 64"


def test_an_idx_file_of_sizes_that_no_array_has_is_refused(tmp_path):
    """Nothing in it, beside sizes that NumPy cannot multiply."""
    path = tmp_path / "x"
    path.write_bytes(bytes([0, 0, 8, 4]) + b"\xff" * 12 + b"\0\0\0\0")
    with pytest.raises(MtrainError) as error:
        read_idx(path)

    assert str(error.value).startswith(f"{path}: no array can have the sizes ")


@pytest.mark.parametrize("kind", ["idx", "npz"])
def test_labels_can_begin_with_another_number(tmp_path, kind):
    """1 to 26, as EMNIST has letters: 26 classes, not 27."""
    labels = (np.arange(260) % 26 + 1).astype(np.uint8)
    path = tmp_path
    if kind == "idx":
        write_idx(tmp_path / "train-images-idx3-ubyte", rows(260))
        write_idx(tmp_path / "train-labels-idx1-ubyte", labels)
    else:
        path = tmp_path / "a.npz"
        np.savez(path, x=rows(260), y=labels)
    data = load(kind, path, offset=1)

    assert data.classes == tuple(str(k) for k in range(1, 27))
    for split in data.splits.values():
        assert_array_equal(split.labels, labels[split.rows] - 1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    assert load(kind, path, offset=1, classes=list(letters)).classes == tuple(letters)
    with pytest.raises(MtrainError) as error:
        load(kind, path, offset=2)
    assert str(error.value) == f"dataset.offset: is 2, but a training label of {path} is 1"
    assert check(load_config({"dataset": {"name": kind, "path": str(path)}}, {})).warnings[0] == (
        f"{path}: the smallest label is 1; dataset.offset: 1 makes it the first"
    )


def test_init_proposes_the_smallest_label_as_offset(tmp_path):
    """With the classes that there are."""
    np.savez(tmp_path / "a.npz", x=rows(60), y=np.arange(60) % 3 + 1)
    config = tmp_path / "c.yaml"

    assert run(["init", str(config), "--data", str(tmp_path / "a.npz")]) == 0
    dataset = read_document(config).data["dataset"]
    assert (dataset["offset"], dataset["classes"]) == (1, ["1", "2", "3"])
    assert check(load_config(config, {})).warnings == ()


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("train_images", "train_labels"),
        ("train_x", "train_y"),
        ("X_train", "y_train"),
        ("X_train", "Y_train"),
        ("x.train", "y.train"),
        ("images_train", "labels_train"),
        ("features_training", "targets_training"),
        ("images", "labels"),
        ("X", "y"),
        ("data", "target"),
    ],
)
def test_arrays_have_several_usual_names(tmp_path, x, y):
    """MedMNIST's, with labels of shape (N, 1), Keras' and scikit-learn's."""
    labels = np.arange(20)[:, None] % 2
    np.savez(tmp_path / "a.npz", **{x: rows(20), y: labels})
    data = load("npz", tmp_path / "a.npz", validation=None)

    assert_array_equal(data.train.features, rows(20).reshape(20, 12)[data.train.rows])
    assert_array_equal(data.train.labels, labels[data.train.rows, 0])


def test_splits_by_the_names_of_medmnist(tmp_path):
    """Of which `predict` takes the test images."""
    arrays = {}
    for split, n in (("train", 20), ("val", 6), ("test", 4)):
        arrays |= {f"{split}_images": rows(n, n), f"{split}_labels": np.arange(n)[:, None] % 2}
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    data = load("npz", path)

    assert [len(data.splits[name]) for name in ("train", "val", "test")] == [20, 6, 4]
    split, _ = read_inputs(path, dataset_config(name="npz", path=str(path)), data.encoding, 10**9)
    assert_array_equal(split.features, data.test.features)


def test_arrays_by_other_names_are_listed(tmp_path):
    """All that are there."""
    np.savez(tmp_path / "a.npz", a=rows(3), b=np.arange(3))
    with pytest.raises(MtrainError) as error:
        load("npz", tmp_path / "a.npz")

    assert str(error.value) == (
        f"{tmp_path / 'a.npz'}: no arrays x_train and y_train, or x and y; the file has a, b"
    )


@pytest.mark.parametrize("as_bytes", [False, True])
def test_labels_can_be_text(tmp_path, as_bytes):
    """They are the classes, in sorted order; a class may be in the test alone."""
    labels = np.array(["no", "yes ", "né"])[np.arange(30) % 3]
    test = np.array(["zz", "no"])
    if as_bytes:
        labels, test = np.char.encode(labels, "utf-8"), np.char.encode(test, "utf-8")
    path = tmp_path / "a.npz"
    np.savez(path, x_train=rows(30), y_train=labels[:, None], x_test=rows(2, 1), y_test=test)
    data = load("npz", path)

    assert data.classes == ("no", "né", "yes", "zz")
    assert_array_equal(data.train.labels, np.array([0, 2, 1])[data.train.rows % 3])
    assert_array_equal(data.test.labels, [3, 0])
    given = load("npz", path, classes=["zz", "yes", "né", "no"])
    assert_array_equal(given.test.labels, [0, 3])
    with pytest.raises(MtrainError) as error:
        load("npz", path, classes=["yes", "né", "no"])
    assert str(error.value) == (
        f"dataset.classes: a label of {path} is 'zz', which is not one of them"
    )


def test_labels_are_text_in_every_split_or_in_none(tmp_path):
    """Which number is which text nobody says."""
    path = tmp_path / "a.npz"
    np.savez(path, x_train=rows(4), y_train=list("abab"), x_test=rows(2), y_test=[0, 1])
    with pytest.raises(MtrainError) as error:
        load("npz", path)

    assert str(error.value) == (
        f"{path}: labels of text are one a row in every split; those of test are int64 (2,)"
    )


@pytest.mark.parametrize("shape", [(True, 2), (2, False), (-1, 2)])
def test_shapes_that_are_no_numbers_are_refused(tmp_path, shape):
    """To Python true is 1, and to NumPy."""
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        content, {"descr": "<f8", "fortran_order": False, "shape": shape}
    )
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x.npy", content.getvalue() + bytes(64))
        file.writestr("y.npy", content.getvalue() + bytes(64))
    with pytest.raises(MtrainError) as error:
        load("npz", path)

    assert str(error.value) == f"{path}: not arrays that can be read: the shape of x.npy is {shape}"


def test_an_array_without_dimensions_is_not_predicted(tmp_path):
    """It has no rows."""
    np.savez(tmp_path / "a.npz", x=rows(20), y=np.arange(20) % 2)
    np.savez(tmp_path / "b.npz", x=np.array(1.0))
    encoding = load("npz", tmp_path / "a.npz").encoding
    config = dataset_config(name="npz", path=str(tmp_path / "a.npz"))
    with pytest.raises(MtrainError) as error:
        read_inputs(tmp_path / "b.npz", config, encoding, 10**9)

    assert str(error.value) == (
        f"{tmp_path / 'b.npz'}: given rows must be arrays of values, got ()"
    )


def arrays(path, **splits):
    """Arrays `x_NAME` and `y_NAME` of so many rows for each name."""
    found = {}
    for name, n in splits.items():
        found |= {f"x_{name}": rows(n), f"y_{name}": np.arange(n) % 2}
    np.savez(path, **found)
    return path


@pytest.mark.parametrize(
    "names", [("train", "test", "holdout"), ("train", "val", "dev"), ("train", "training", "test")]
)
def test_two_arrays_of_a_split_are_refused(tmp_path, names):
    """Which one is meant is not known."""
    path = arrays(tmp_path / "a.npz", **dict.fromkeys(names, 20))

    with pytest.raises(MtrainError, match=r"arrays 'x_\w+' and 'x_\w+' are both of the \w+ split"):
        load("npz", path)


def test_arrays_of_no_known_split_are_named(tmp_path):
    """They are not read."""
    data = load("npz", arrays(tmp_path / "a.npz", train=40, test=10, extra=10))

    (note,) = (note for note in data.notes if "not read" in note)
    assert note.endswith("a.npz: arrays of no known split are not read: 'x_extra'")


@pytest.mark.parametrize("kind", ["float32", "bool"])
def test_zeros_and_ones_are_no_bytes(tmp_path, kind):
    """A model of bytes would see nearly nothing; whole numbers up to 255 of any type are bytes."""
    data = load("npz", arrays(tmp_path / "a.npz", train=40, test=10), validation=None)
    for values, name in ((rows(10, 1) > 127, "b"), (rows(10, 1), "c")):
        np.savez(tmp_path / f"{name}.npz", x=values.astype(kind if name == "b" else "float32"))
    config = dataset_config(name="npz", path=str(tmp_path / "a.npz"))

    with pytest.raises(MtrainError, match="from 0 to 1; training had bytes"):
        read_inputs(tmp_path / "b.npz", config, data.encoding, 10**9)
    read, _ = read_inputs(tmp_path / "c.npz", config, data.encoding, 10**9)
    assert_array_equal(read.features, rows(10, 1).reshape(10, 12))


def test_arrays_scaled_otherwise_than_in_training_are_warned_of(tmp_path):
    """Trained on numbers from 0 to 1, asked for numbers from 0 to 255."""
    np.savez(tmp_path / "a.npz", x=rows(40) / 255, y=np.arange(40) % 2)
    np.savez(tmp_path / "b.npz", x=rows(10, 1).astype(float))
    data = load("npz", tmp_path / "a.npz")
    config = dataset_config(name="npz", path=str(tmp_path / "a.npz"))

    _, notes = read_inputs(tmp_path / "b.npz", config, data.encoding, 10**9)
    assert notes == (
        "WARNING: in 10 of 10 rows (100%) a number is more than 10 times the largest of training, 1; "
        "are they scaled as in training?",
    )


def test_a_label_that_is_no_unicode_text_is_refused(tmp_path):
    """By `check` as by `fit`: nothing could be written of it."""
    np.savez(tmp_path / "a.npz", x=rows(20), y=np.array(["a\ud800", "b"])[np.arange(20) % 2])

    with pytest.raises(MtrainError, match=r"class 0 is not Unicode text: 'a\\ud800'"):
        load("npz", tmp_path / "a.npz")
