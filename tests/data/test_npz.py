"""Arrays of the user's own: NumPy files, and IDX files like MNIST's."""

from __future__ import annotations

import contextlib
import gzip
import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import dataset_config, write_idx
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import StandardScaler

import mtrain
from mtrain.data.load import load_dataset
from mtrain.data.sources.idx import FILES, read_idx
from mtrain.errors import MtrainError, UsageError

ALL = {"validation": None, "test": {"size": 1, "how": "tail"}}
"""All rows but the last are there to train on."""


def load(path, memory=4_000_000_000, encoding=None, **settings):
    """The data set of an npz file, or of a folder of IDX files."""
    kind = "idx" if Path(path).is_dir() else "npz"
    config = dataset_config(**{"name": kind, "path": str(path), **settings})
    return load_dataset(config, memory=memory, encoding=encoding)


def refusal(path, **settings):
    """What is said of data that cannot be, without the path they are in."""
    with pytest.raises(MtrainError) as error:
        load(path, **settings)
    return str(error.value).replace(str(path), "PATH")


@pytest.fixture
def arrays(tmp_path):
    """Makes an npz file."""

    def make(name="a.npz", **content):
        np.savez(tmp_path / name, **content)
        return tmp_path / name

    return make


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a run of four numbers a row and three classes."""
    folder = tmp_path_factory.mktemp("npz")
    np.savez(folder / "a.npz", x=numbers(60, 4), y=np.arange(60) % 3)
    dataset = {"name": "npz", "path": str(folder / "a.npz")}
    training = {"epochs": 1, "compile": "graph"}
    mtrain.fit({"dataset": dataset, "training": training}, out=folder / "run", report=False)
    return folder / "run"


def numbers(rows, *shape, seed=0):
    """Floats that no scaling leaves as they are."""
    return np.random.default_rng(seed).normal(3, 2, (rows, *shape))


def test_x_and_y_are_split_as_the_config_says(arrays):
    """Rows of any shape, flattened and brought to deviation 1, as scikit-learn does it."""
    x, y = numbers(50, 2, 3), np.arange(50) % 3
    data = load(arrays(x=x, y=y))

    flat = x.reshape(50, 6)
    scaler = StandardScaler().fit(flat[data.train.rows])
    for split in data.splits.values():
        assert_allclose(split.features, scaler.transform(flat[split.rows]), atol=1e-5)
        assert_array_equal(split.labels, y[split.rows])
    assert [len(data.splits[name]) for name in ("train", "val", "test")] == [32, 8, 10]
    assert data.classes == ("0", "1", "2")


def test_splits_of_its_own_are_respected(arrays):
    """`x_val` and `x_test`; of the validation rows some can be drawn, of the test all stay."""
    x, y = numbers(40, 4), np.arange(40) % 2
    splits = {"train": slice(20), "val": slice(20, 30), "test": slice(30, 40)}
    content = {f"{k}_{name}": v[s] for name, s in splits.items() for k, v in (("x", x), ("y", y))}
    path = arrays(**content)
    data = load(path, scale="none", validation={"samples": 5})

    assert_allclose(data.train.features, x[:20], rtol=1e-6)
    assert_allclose(data.val.features, x[20:30][data.val.rows], rtol=1e-6)
    assert_allclose(data.test.features, x[30:], rtol=1e-6)
    assert len(data.val) == 5
    assert "val" not in load(path, validation=None).splits
    own = "PATH has a test split"
    assert refusal(path, test={"size": 3}) == f"dataset.test: {own}"
    assert refusal(path, test_path=str(path)) == f"dataset.test_path: {own}"
    assert refusal(path, validation={"size": 3}) == (
        "dataset.validation: PATH has a validation split, of which only samples can be drawn"
    )


@pytest.mark.parametrize("names", [("x_test", "y_test"), ("x", "y"), ("x_train", "y_train")])
def test_the_test_split_can_be_a_file_of_its_own(arrays, names):
    """Whatever its arrays are called."""
    x, y = numbers(10, 4), np.arange(10) % 2
    path = arrays(x=x, y=y)
    test = arrays("b.npz", **dict(zip(names, (x[:3], y[:3]), strict=True)))
    data = load(path, test_path=str(test), validation=None, scale="none")

    assert len(data.train) == 10
    assert_allclose(data.test.features, x[:3], rtol=1e-6)
    assert len(load(arrays(x=x, y=y, x_test=x[:3], y_test=y[:3])).test) == 3


@pytest.mark.parametrize(
    "names", [("x_test", "y_test"), ("test_images", "test_labels")], ids=["usual", "MedMNIST"]
)
def test_a_file_of_test_arrays_alone_is_evaluated(trained, arrays, names):
    """As the same rows called x and y are; to train on, it is refused."""
    x, y = numbers(9, 4, seed=1), np.arange(9) % 3
    test = arrays("test.npz", **dict(zip(names, (x, y), strict=True)))
    found, expected = (mtrain.evaluate(trained, data=p) for p in (test, arrays("xy.npz", x=x, y=y)))

    assert (found.confusion_matrix == expected.confusion_matrix).all()
    assert found.loss == expected.loss
    assert refusal(test) == (
        f"PATH: no arrays x_train and y_train, or x and y; the file has {', '.join(names)}"
    )


def test_evaluation_names_the_arrays_that_it_wants(trained, arrays):
    """Those of validation are none of them."""
    path = arrays("b.npz", x_val=numbers(3, 4), y_val=np.arange(3))
    with pytest.raises(MtrainError) as error:
        mtrain.evaluate(trained, data=path)

    there = "no arrays x_test and y_test, or x and y; the file has x_val, y_val"
    assert str(error.value) == f"{path}: {there}"


@pytest.mark.parametrize(
    "labels",
    [
        np.array([2, 0, 1, 2]),
        np.array([2, 0, 1, 2.0], np.float32),
        np.array([[2], [0], [1], [2]], np.uint8),
        np.eye(3)[[2, 0, 1, 2]],
        np.eye(3, dtype=bool)[[2, 0, 1, 2]],
    ],
    ids=["integer", "float", "column", "one-hot", "true or false"],
)
def test_labels_are_integers_or_one_hot(arrays, labels):
    """Counted from 0, named by their numbers or as the config says."""
    path = arrays(x=numbers(4, 2), y=labels)
    data = load(path, **ALL)

    assert [*data.train.labels, *data.test.labels] == [2, 0, 1, 2]
    assert load(path, classes=["a", "b", "c"], **ALL).classes == ("a", "b", "c")
    assert refusal(path, classes=["a", "b"]) == (
        "dataset.classes: 2 names, but a training label of PATH is 2"
    )


def test_bytes_stay_bytes(arrays):
    """They are divided by 255 as they are read, and are not mistaken for other numbers later."""
    x, y = np.arange(24, dtype=np.uint8).reshape(4, 2, 3), np.array([0, 1, 0, 1])
    data = load(arrays(x=x, y=y), **ALL)

    assert data.train.features.dtype == np.uint8
    assert data.encoding.divisor == 255
    assert refusal(arrays(x=x / 255, y=y), encoding=data.encoding, **ALL) == (
        "PATH: rows are float64, not all whole numbers from 0 to 255; training had bytes"
    )
    assert refusal(arrays(x=x[:, :1], y=y), encoding=data.encoding, **ALL) == (
        "PATH: rows of the shape (1, 3); training had (2, 3)"
    )
    assert refusal(arrays(x=x / 255, y=y), scale="unit", **ALL) == (
        "dataset.scale: unit is for bytes; PATH has other numbers; standard is for them"
    )


def test_weights_go_with_their_rows(arrays):
    """Of every split; they are part of the fingerprint."""
    x, y = numbers(4, 2), np.array([0, 1, 0, 1])
    content = {"x_train": x, "y_train": y, "x_test": x, "y_test": y, "w_test": [1, 2, 3, 4]}
    data = load(arrays(**content, w_train=[0.5, 0, 1, 1]), weights="w", validation=None)

    assert_array_equal(data.train.weights, [0.5, 0, 1, 1])
    assert_array_equal(data.test.weights, [1, 2, 3, 4])
    assert load(arrays(**content), validation=None).train.weights is None
    other = load(arrays(**content, w_train=[0.5, 0, 1, 2]), weights="w", validation=None)
    assert other.sha256 != data.sha256
    assert refusal(arrays(x=x, y=y), weights="w") == "PATH: no array 'w'; the file has x, y"


GOOD = {"x": np.ones((4, 2)), "y": np.array([0, 1, 0, 1])}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"x": None}, "PATH: no arrays x_train and y_train, or x and y; the file has y"),
        ({"x": np.array(1.0)}, "PATH: training rows must be arrays of values, got ()"),
        ({"y": None}, "PATH: no array 'y'; the file has x"),
        ({"x": np.ones(4)}, "PATH: training rows must be arrays of values, got (4,)"),
        ({"x": np.ones((4, 0))}, "PATH: the training split is empty"),
        ({"x": np.ones((0, 2)), "y": np.ones(0)}, "PATH: the training split is empty"),
        ({"x": np.ones((3, 2))}, "PATH: 3 training rows but 4 training labels"),
        ({"x": np.full((4, 2), 1j)}, "PATH: training rows must be numbers, got complex128"),
        ({"x": np.full((4, 2), "1")}, "PATH: training rows must be numbers, got <U1"),
        ({"x": np.array([[1, 2], [3, np.nan], [np.inf, 1], [1, 1]])}, "PATH: training rows: nan in row 1, pixel 1; 2 values are not finite as float32"),
        ({"x": np.array([[[1, 2]], [[3, 1e40]], [[3, 1]], [[1, 1]]])}, "PATH: training rows: 1e+40 in row 1, place (0, 1); 1 values are not finite as float32"),
        ({"y": np.array(3)}, "PATH: training labels must be numbers, one a row, got ()"),
        ({"y": np.zeros((4, 2, 2))}, "PATH: training labels must be numbers, one a row, got (4, 2, 2)"),
        ({"y": np.array([["a", "b"]] * 4)}, "PATH: labels of text are one a row in every split; those of training are <U1 (4, 2)"),
        ({"y": np.array(["a", "a", "a", "a"])}, "PATH: every label is 'a'; a classifier needs two classes"),
        ({"y": np.array(["a", "", "a", "b"])}, "PATH: its labels are the classes: the name of class 0 is empty"),
        ({"y": np.array([b"a", b"\xff", b"a", b"b"])}, "PATH: labels are bytes that are not UTF-8 text"),
        ({"y": np.array([0, 1, 0, 1], "M8[D]")}, "PATH: training labels must be numbers, one a row, got datetime64[D]"),
        ({"y": np.array([0, 1, 0.5, 1])}, "PATH: training labels must be 0, 1, 2, ..., got 0.5 in row 2"),
        ({"y": np.array([0, 1, -1, 1])}, "PATH: training labels must be 0, 1, 2, ..., got -1 in row 2"),
        ({"y": np.array([0, 1, np.nan, 1])}, "PATH: training labels must be 0, 1, 2, ..., got nan in row 2"),
        ({"y": np.array([0, 1, 2**32, 1])}, "PATH: training labels must be 0, 1, 2, ..., got 4294967296 in row 2"),
        ({"y": np.array([0, 1, 20_000, 1])}, "PATH: a label is 20,000; there can be 10,000 classes; count them from 0, or write them as text"),
        ({"y": np.full(4, 3)}, "PATH: every label is 3; a classifier needs two classes"),
        ({"y": np.array([[1, 0], [0, 1], [1, 1], [0, 0]])}, "PATH: training labels must be one number a row, or one-hot, got [1 1] in row 2"),
        ({"y": np.array([[1, 0], [0.3, 0.7], [1, 0], [0, 1]])}, "PATH: training labels must be one number a row, or one-hot, got [0.3 0.7] in row 1"),
        ({"w": np.ones(3)}, "PATH: training weights must be one number a row, got float64 (3,)"),
        ({"w": np.array(list("abcd"))}, "PATH: training weights must be one number a row, got <U1 (4,)"),
        ({"w": np.array([1, np.nan, 1, 1])}, "PATH: training weights must be finite and not negative, got nan in row 1"),
        ({"w": np.array([1, 1, -2, 1])}, "PATH: training weights must be finite and not negative, got -2 in row 2"),
        ({"w": np.array([1, 1, 1e300, 1])}, "PATH: training weights must be finite and not negative, got 1e+300 in row 2"),
        ({"w": np.zeros(4)}, "PATH: training weights are all 0"),
    ],
)  # fmt: skip
def test_arrays_that_cannot_be_trained_on_are_refused(arrays, content, message):
    """With the row, counted from 0 as NumPy does, before training."""
    settings = {"weights": "w"} if "w" in content else {}
    there = {name: array for name, array in (GOOD | content).items() if array is not None}

    assert refusal(arrays(**there), **settings) == message


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (np.ones((2, 3)), "training rows have the shape (2,), test rows (3,)"),
        (np.ones((2, 2), np.uint8), "training rows are float64, test rows uint8; both must be bytes, or neither"),
    ],
)  # fmt: skip
def test_splits_must_be_alike(arrays, test, message):
    """In shape, and in whether they are bytes."""
    path = arrays(x_train=GOOD["x"], y_train=GOOD["y"], x_test=test, y_test=np.array([0, 1]))

    assert refusal(path) == f"PATH: {message}"


class Trap:
    """What touches a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_nothing_is_unpickled(arrays, tmp_path):
    """Of labels that are objects, of a pickle called `.npz`; other arrays are not looked at."""
    trap = np.array([Trap(tmp_path / "sprung")] * 4, dtype=object)
    says = "PATH: array 'y' holds Python objects; save it as numbers or text, as by y.astype(str)"
    assert refusal(arrays(x=GOOD["x"], y=trap)) == says
    load(arrays(**GOOD, names=trap), **ALL)
    (tmp_path / "p.npz").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    no_zip = "PATH: not arrays that can be read: File is not a zip file"
    assert refusal(tmp_path / "p.npz") == no_zip
    np.save(tmp_path / "a.npy", trap)
    assert (
        refusal(tmp_path / "a.npy") == "PATH: a single array; save rows and labels by numpy.savez"
    )
    assert not (tmp_path / "sprung").exists()


def npz_with(path, header, content=b""):
    """A file of which `x` has this header, and `y` is as it must be."""
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, header)
    labels = io.BytesIO()
    np.save(labels, GOOD["y"])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x.npy", member.getvalue() + content)
        file.writestr("y.npy", labels.getvalue())
    return path


def test_what_takes_more_than_training_memory_is_not_read(tmp_path):
    """Many zeros in a small file; a header that claims more than there is."""
    header = {"descr": "<f8", "fortran_order": False, "shape": (4, 2**22)}
    path = npz_with(tmp_path / "bomb.npz", header, bytes(2**27))

    assert path.stat().st_size < 2**18
    assert refusal(path, memory=10**8) == (
        "PATH: its values take 134 MB or more, beyond training.memory, 100 MB; data larger than that "
        "cannot be trained on yet"
    )
    for size in (2**22, 2**45, 2**62):
        path = npz_with(tmp_path / "claim.npz", header | {"shape": (4, size)})
        assert refusal(path).startswith("PATH: not arrays that can be read: ")


def test_no_cut_or_flipped_file_is_a_traceback(tmp_path, arrays):
    """It is read, or refused."""
    whole = arrays(x=numbers(20, 3), y=np.arange(20) % 2).read_bytes()
    generator = np.random.default_rng(0)
    path = tmp_path / "b.npz"
    read = 0
    for cut in range(0, len(whole), len(whole) // 64):
        path.write_bytes(whole[:cut])
        assert "PATH: not arrays that can be read" in refusal(path)
    for _ in range(300):
        content = bytearray(whole)
        content[generator.integers(len(whole))] ^= 1 << generator.integers(8)
        path.write_bytes(content)
        with contextlib.suppress(MtrainError):
            load(path)
            read += 1
    assert read > 0


def test_a_folder_of_one_file_is_that_file(arrays, tmp_path):
    """Of several none is meant."""
    content = {"x": numbers(10, 2), "y": np.arange(10) % 2}
    arrays(**content)
    config = dataset_config(name="npz", path=str(tmp_path))
    assert load_dataset(config).source == str(tmp_path)

    arrays("b.npz", **content)
    with pytest.raises(MtrainError) as error:
        load_dataset(config)
    assert str(error.value) == f"{tmp_path}: 2 files; all arrays must be in one"


def test_any_set_of_idx_files_is_a_data_set(idx_folder):
    """Its classes are as many as its labels say; its own test split stays whole."""
    folder = idx_folder(classes=3, train=90, test=30)
    data = load(folder)

    assert data.classes == ("0", "1", "2")
    assert [len(data.splits[name]) for name in ("train", "val", "test")] == [72, 18, 30]
    assert data.encoding.divisor == 255
    images, labels = (read_idx(folder / name) for name in FILES["train"])
    assert_array_equal(data.train.features, images.reshape(90, 36)[data.train.rows])
    assert_array_equal(data.train.labels, labels[data.train.rows])


def test_without_test_files_the_test_is_split_off_or_elsewhere(idx_folder, tmp_path):
    """One of the two files alone is a mistake."""
    folder = idx_folder(classes=3, train=90, test=30)
    other = tmp_path / "other"
    other.mkdir()
    images, labels = FILES["test"]
    assert refusal(folder, test_path=str(other)) == ("dataset.test_path: PATH has a test split")
    (folder / images).rename(other / images)
    assert refusal(folder) == f"PATH: no data set: {images} missing (or with .gz)"
    (folder / labels).rename(other / labels)

    assert len(load(folder).test) == 18
    assert len(load(folder, test_path=str(other)).test) == 30
    assert refusal(folder, test_path=str(folder)) == (
        f"PATH: no data set: {images}, {labels} missing (or with .gz)"
    )
    assert refusal(folder, test_path=str(tmp_path / "nowhere")) == (
        f"{tmp_path}/nowhere: no such folder; IDX files are expected here"
    )


def test_test_files_alone_are_all_rows_of_an_evaluation(idx_folder):
    """To train on, they are refused."""
    folder = idx_folder(classes=3, train=90, test=30)
    config, whole = dataset_config(name="idx", path=str(folder)), load(folder)
    for name in FILES["train"]:
        (folder / name).unlink()
    known = {"encoding": whole.encoding, "drawn_from": whole.sha256}
    data = load_dataset(config, takes_others=True, **known)

    assert list(data.splits) == ["test"]
    assert_array_equal(data.test.features, whole.test.features)
    missing = ", ".join(FILES["train"])
    assert refusal(folder) == f"PATH: no data set: {missing} missing (or with .gz)"


def test_a_folder_above_that_of_the_files_is_answered_with_their_folder(idx_folder, tmp_path):
    """As `data/` with `data/mnist/` in it."""
    folder = idx_folder(classes=3, train=90, test=30)
    inner = folder.rename(tmp_path / "data-of-mnist")
    (above := tmp_path / "above").mkdir()
    inner.rename(above / "mnist")

    assert refusal(above).endswith(" missing (or with .gz); there are such files in 'mnist'")


def test_idx_files_beyond_training_memory_are_refused(idx_folder):
    """Gzipped, too: a megabyte can hold a gigabyte."""
    folder = idx_folder(classes=3, train=90, test=30)
    beyond = "its values take 3.24 kB or more, beyond training.memory, 1 kB; data larger"
    images = folder / FILES["train"][0]
    assert refusal(folder, memory=1000).startswith(f"PATH/{images.name}: {beyond}")
    header = b"\0\0\x08\x03" + np.array([2**20, 32, 32], ">u4").tobytes()
    images.write_bytes(gzip.compress(header + bytes(2**20)))
    assert refusal(folder, memory=10**9).startswith(f"PATH/{images.name}: its values take 1.07 GB")
    write_idx(images, np.full((90, 2), np.nan))
    assert refusal(folder, memory=10**9) == (
        "PATH: training rows: nan in row 0, pixel 0; 180 values are not finite as float32"
    )


@pytest.mark.parametrize("name", ["idx", "npz", "images", "csv"])
def test_data_of_ones_own_has_a_path(name):
    """There is nowhere else to look."""
    with pytest.raises(UsageError) as error:
        dataset_config(name=name)

    assert "dataset.path: is missing" in str(error.value)


def test_floats_are_scaled_before_they_are_rounded(tmp_path):
    """Seconds since 1970, which a float32 does not tell apart."""
    x = 1.7e9 + np.arange(40.0)[:, None]
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(40) % 2)
    train = load(tmp_path / "a.npz", validation=None).train

    assert len(np.unique(train.features)) == len(train)


def test_bytes_are_no_floats(tmp_path):
    """A model of numbers from 0 to 1 would be given numbers up to 255."""
    y = np.arange(40) % 2
    np.savez(tmp_path / "a.npz", x=np.random.default_rng(0).random((40, 3)), y=y)
    np.savez(tmp_path / "b.npz", x=np.full((40, 3), 200, np.uint8), y=y)
    encoding = load(tmp_path / "a.npz").encoding

    with pytest.raises(MtrainError, match="rows are uint8; training had other numbers"):
        load(tmp_path / "b.npz", encoding=encoding)
