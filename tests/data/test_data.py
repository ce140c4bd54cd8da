from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import threading

import numpy as np
import pytest
from conftest import dataset_config, write_idx
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits, make_classification
from sklearn.preprocessing import StandardScaler

from mtrain.data.load import dataset_shape, load_dataset
from mtrain.data.sources import download, mnist
from mtrain.data.sources.idx import FILES, read_idx
from mtrain.errors import MtrainError, SettingError, UsageError


def dataset(**settings):
    return load_dataset(dataset_config(**settings), progress=False)


@pytest.fixture
def empty_home(tmp_path, monkeypatch):
    """No data set anywhere on this machine, and no server to download it from."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(mnist, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setattr(download, "DOWNLOAD_FROM", "http://127.0.0.1:9/")
    return tmp_path


def test_synthetic_rows_are_scikit_learns():
    """Of 1,000 employees 10 leave, in each split in proportion; the same seed draws the same."""
    settings = {"name": "synthetic", "shares": [0.99, 0.01], "classes": ["stays", "leaves"]}
    data = dataset(**settings, features=5, scale="none", seed=7)
    features, labels = make_classification(
        1000,
        5,
        n_informative=1,
        n_redundant=0,
        n_clusters_per_class=1,
        weights=[0.99, 0.01],
        flip_y=0,
        random_state=7,
    )

    assert data.classes == ("stays", "leaves")
    assert np.bincount(labels).tolist() == [990, 10]
    for split, leave in (("train", 6), ("val", 2), ("test", 2)):
        rows = data.splits[split]
        assert rows.labels.sum() == leave
        assert_array_equal(rows.features, features[rows.rows].astype(np.float32))
        assert_array_equal(rows.labels, labels[rows.rows])


def test_shares_that_leave_one_class_are_refused():
    with pytest.raises(UsageError) as error:
        dataset(name="synthetic", rows=100, shares=[0.999, 0.001])
    assert str(error.value) == (
        "dataset.shares: leaves 100 rows of one class alone; a classifier needs two"
    )


def test_synthetic_classes_are_as_many_as_wanted():
    """A hundred of them have a corner each of a hypercube of seven features."""
    data = dataset(name="synthetic", rows=2000, n_classes=100)

    assert dataset_shape(dataset_config(name="synthetic", n_classes=100)) == (20, 100)
    assert np.unique(data.train.labels).size == 100
    assert len(data.classes) == 100


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_are_read_as_written(tmp_path, dtype, packed):
    """Of any type, gzipped or not, whatever the file is called."""
    values = np.arange(24).reshape(2, 3, 4).astype(dtype)
    path = tmp_path / "file"
    write_idx(path, values)
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))

    assert_array_equal(read_idx(path), values)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file: its magic number is missing"),
        (b"PK\3\4....", "not an IDX file: its magic number is 504b0304"),
        (b"\0\0\x08\x02\0\0\0\1", "truncated: its header ends after 8 bytes"),
        (b"\0\0\x08\x01\0\0\0\3ab", "truncated: 3 bytes announced, 2 found"),
        (b"\0\0\x08\x01\0\0\0\3abcd", "holds more than the 3 bytes its header announces"),
        (
            b"\0\0\x08\x01\xff\xff\xff\xff",
            "truncated: 4,294,967,295 bytes announced, at most 8 found",
        ),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\3abc", mtime=0)[:-9], "damaged gzip file"),
    ],
)
def test_damaged_idx_files_are_refused(tmp_path, content, message):
    """With the file's name and what was found."""
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(MtrainError) as error:
        read_idx(path)

    assert str(error.value).startswith(f"{path}: {message}")


def test_digits_are_those_of_scikit_learn():
    """Every one of the 1,797 is in one split, with its row."""
    data = dataset()
    images = load_digits().data

    rows = np.concatenate([data.train.rows, data.val.rows, data.test.rows])
    assert sorted(rows) == list(range(1797))
    assert data.classes == tuple("0123456789")
    assert data.encoding.divisor == 16
    assert_array_equal(data.test.features, images[data.test.rows])


def test_a_folder_of_idx_files_is_a_data_set(idx_folder):
    """Its own test split stays whole; images are flattened."""
    folder = idx_folder(classes=3, train=90, test=30)
    data = dataset(name="mnist", path=str(folder), classes=["a", "b", "c"])

    assert data.train.features.shape == (72, 36)
    assert data.val is not None
    assert len(data.val) == 18
    assert len(data.test) == 30
    assert data.source == str(folder)
    assert dataset_shape(
        dataset_config(name="mnist", path=str(folder), classes=["a", "b", "c"])
    ) == (36, 3)


def test_real_mnist_and_fashion_mnist_are_read(mnist_folder, fashion_folder):
    """60,000 and 10,000 of each, and the sum of all pixels as everyone has it."""
    digits = dataset(name="mnist", path=str(mnist_folder), validation=None)
    fashion = dataset(name="fashion_mnist", path=str(fashion_folder), validation=None)

    assert digits.train.features.shape == (60_000, 784)
    assert digits.test.features.shape == (10_000, 784)
    assert_allclose(digits.train.features.mean() / 255, 0.1306604762738429)  # widely quoted
    assert_allclose(fashion.train.features.mean() / 255, 0.2860405969887955)
    assert fashion.classes[6] == "Shirt"


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (
            lambda folder: (folder / "t10k-labels-idx1-ubyte").unlink(),
            "no data set: t10k-labels-idx1-ubyte missing (or with .gz)",
        ),
        (
            lambda folder: write_idx(folder / "train-labels-idx1-ubyte", np.zeros(7, np.uint8)),
            "90 training rows but 7 training labels",
        ),
        (
            lambda folder: write_idx(
                folder / "train-images-idx3-ubyte", np.full((90, 2), np.nan, np.float32)
            ),
            "training rows: nan in row 0, pixel 0; 180 values are not finite as float32",
        ),
        (
            lambda folder: write_idx(folder / "train-labels-idx1-ubyte", np.full(90, 0.5)),
            "training labels must be 0, 1, 2, ..., got 0.5 in row 0",
        ),
        (
            lambda folder: write_idx(folder / "train-labels-idx1-ubyte", np.full(90, -1, np.int8)),
            "training labels must be 0, 1, 2, ..., got -1 in row 0",
        ),
        (
            lambda folder: write_idx(
                folder / "t10k-images-idx3-ubyte", np.zeros((30, 5), np.uint8)
            ),
            "training rows have the shape (6, 6), test rows (5,)",
        ),
        (
            lambda folder: write_idx(
                folder / "t10k-images-idx3-ubyte", np.zeros((30, 6, 6), np.float32)
            ),
            "training rows are uint8, test rows float32; both must be bytes, or neither",
        ),
        (
            lambda folder: write_idx(folder / "t10k-labels-idx1-ubyte", np.full(30, 12, np.uint8)),
            "a test label is 12, but mnist has 10 classes",
        ),
        (
            lambda folder: write_idx(
                folder / "train-labels-idx1-ubyte", np.zeros((90, 10), np.uint8)
            ),
            "training labels must be one number a row, or one-hot, got [0 0 0 0 0 0 0 0 0 0] in row 0",
        ),
    ],
)
def test_data_that_cannot_be_is_refused(idx_folder, break_it, message):
    """Before training, with the folder's name."""
    folder = idx_folder(classes=3, train=90, test=30)
    break_it(folder)
    with pytest.raises(MtrainError) as error:
        dataset(name="mnist", path=str(folder))

    assert str(error.value) == f"{folder}: {message}"


def test_mnist_is_found_where_keras_keeps_it(empty_home, idx_folder):
    """`mnist.npz`, as `keras.datasets.mnist` leaves it."""
    folder = empty_home / "keras" / "datasets"
    folder.mkdir(parents=True)
    idx = idx_folder()
    (x_train, y_train), (x_test, y_test) = (
        [read_idx(idx / name) for name in names] for names in FILES.values()
    )
    np.savez(folder / "mnist.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)

    data = dataset(name="mnist")

    assert data.source == str(folder / "mnist.npz")
    assert len(data.test) == 60


def test_a_broken_mnist_npz_is_said_to_be(empty_home):
    """With what to do about it."""
    folder = empty_home / "keras" / "datasets"
    folder.mkdir(parents=True)
    (folder / "mnist.npz").write_bytes(b"nothing")

    with pytest.raises(MtrainError, match=r"not arrays that can be read: .*delete it"):
        dataset(name="mnist")


def test_files_of_the_other_mnist_are_noticed(mnist_folder, fashion_folder):
    """They are called alike, and every class would have the other's name."""
    paths = {"mnist": fashion_folder, "fashion_mnist": mnist_folder}
    for name, other in zip(paths, ("fashion_mnist", "mnist"), strict=True):
        says = f"{paths[name]}: has the test labels of {other}; dataset.name: {other} names its classes"
        assert says in dataset(name=name, path=str(paths[name])).notes
        right = dataset(name=name, path=str(paths[other])).notes
        assert not [note for note in right if "test labels" in note]


@pytest.mark.parametrize("place", ["keras/datasets/fashion-mnist", "debian"])
def test_fashion_mnist_is_found_in_keras_cache_and_in_debian(empty_home, idx_folder, place):
    """Four IDX files in either."""
    (empty_home / place).parent.mkdir(parents=True, exist_ok=True)
    idx_folder().rename(empty_home / place)

    assert dataset(name="fashion_mnist").source == str(empty_home / place)


def test_without_network_the_error_says_what_would_help(empty_home):
    """A path, Keras' folder, Debian's package."""
    with pytest.raises(MtrainError) as error:
        dataset(name="fashion_mnist")

    message = str(error.value)
    assert "fashion_mnist is not on this machine and there is no connection to http" in message
    assert "set dataset.path to a folder with its four IDX files" in message
    assert "dataset-fashion-mnist" in message


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and says nothing of it."""

    def log_message(self, *_):
        """Nothing on stderr, where the progress bar is looked for."""


def serve(folder):
    """A web server on this machine with the files of `folder`; returns the server."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.mark.parametrize("right", [True, False])
def test_a_download_is_kept_only_if_its_hash_is_right(
    empty_home, idx_folder, monkeypatch, capfd, right
):
    """From a server on this machine; the bar is shown when asked for."""
    folder = idx_folder()
    hashes = {}
    for name in mnist.FASHION_HASHES:
        content = gzip.compress((folder / name.removesuffix(".gz")).read_bytes())
        (folder / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        hashes[name] = f"sha256:{digest if right else '0' * 64}"
    monkeypatch.setattr(mnist, "FASHION_HASHES", hashes)
    server = serve(folder)
    monkeypatch.setattr(download, "DOWNLOAD_FROM", f"http://127.0.0.1:{server.server_port}/")
    try:
        config = dataset_config(name="fashion_mnist")
        if right:
            assert len(load_dataset(config, progress=True).test) == 60
            assert "100%" in capfd.readouterr().err
        else:
            with pytest.raises(MtrainError, match="hash"):
                load_dataset(config, progress=False)
            assert not any((empty_home / "keras").rglob("*-ubyte*"))
    finally:
        server.shutdown()
        server.server_close()


def test_the_tail_is_the_last_rows():
    """Of the training rows, unshuffled."""
    data = dataset(validation={"size": 100, "how": "tail"}, test={"size": 297, "how": "tail"})

    assert_array_equal(data.train.rows, np.arange(1400))
    assert_array_equal(data.val.rows, np.arange(1400, 1500))
    assert_array_equal(data.test.rows, np.arange(1500, 1797))


def test_a_stratified_split_keeps_each_class_in_proportion():
    """To within a row."""
    data = dataset(validation={"size": 0.25})

    train, val = (np.bincount(split.labels, minlength=10) for split in (data.train, data.val))
    assert_allclose(val / (train + val), 0.25, atol=1 / 140)


@pytest.mark.parametrize("how", ["random", "stratified"])
def test_splits_come_from_their_own_seed(how):
    """The same again; another seed, other rows."""
    one, again, other = (
        dataset(seed=seed, validation={"size": 0.2, "how": how}).val.rows for seed in (1, 1, 2)
    )

    assert_array_equal(one, again)
    assert set(one) != set(other)


def test_subsets_are_drawn_without_replacement():
    """So many training rows, so many validation rows."""
    data = dataset(samples=700, validation={"size": 0.2, "samples": 30})

    assert len(set(data.train.rows)) == 700
    assert len(set(data.val.rows)) == 30
    assert not set(data.train.rows) & set(data.val.rows)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"samples": 1151}, "dataset.samples: 1,151 rows wanted, there are 1,150"),
        (
            {"validation": {"size": 1438}},
            "dataset.validation.size: 1438 of 1,438 rows leaves a split empty",
        ),
        (
            {"validation": {"size": 3}},
            "dataset.validation.size: 3 of 1,438 rows cannot be stratified: each part must be able",
        ),
        (
            {"classes": ["a", "b"]},
            "dataset.classes: 2 names, but a training label of scikit-learn is 9",
        ),
    ],
)
def test_splits_that_cannot_be_are_refused(settings, message):
    """With the setting's dotted key."""
    with pytest.raises(SettingError) as error:
        dataset(**settings)

    assert str(error.value).startswith(message)


def test_standard_scaling_is_scikit_learns():
    """Mean and deviation of the training split alone; a constant pixel becomes 0."""
    raw, scaled = dataset(scale="none"), dataset(scale="standard")
    scaler = StandardScaler().fit(raw.train.features.astype(float))

    assert scaled.encoding.divisor is None
    for split in ("train", "val", "test"):
        expected = scaler.transform(raw.splits[split].features.astype(float))
        assert_allclose(scaled.splits[split].features, expected, atol=1e-5)


def test_unit_scaling_leaves_the_rows_as_they_are():
    """They are divided as they are read: a quarter of the memory."""
    data = dataset(scale="unit")

    assert data.train.features.dtype == np.uint8
    assert data.encoding.divisor == 16
    assert dataset(scale="none").encoding.divisor is None


def test_the_fingerprint_is_of_the_data_not_of_the_split(idx_folder):
    """One pixel changed is another data set; another split is the same."""
    folder = idx_folder()
    settings = {"name": "mnist", "path": str(folder), "classes": ["a", "b"]}
    before = dataset(**settings, seed=1).sha256

    assert dataset(**settings, seed=2, samples=100, scale="standard").sha256 == before
    images = folder / "train-images-idx3-ubyte"
    content = bytearray(images.read_bytes())
    content[-1] ^= 1
    images.write_bytes(content)
    assert dataset(**settings).sha256 != before


def test_labels_that_are_no_numbers_are_refused(empty_home, idx_folder):
    """And a damaged member of an npz file."""
    folder = empty_home / "keras" / "datasets"
    folder.mkdir(parents=True)
    names = np.array(["a", "b"])
    images = np.zeros((2, 3), np.uint8)
    np.savez(folder / "mnist.npz", x_train=images, y_train=names, x_test=images, y_test=names)

    with pytest.raises(MtrainError, match="training labels must be numbers"):
        dataset(name="mnist")


def test_an_encoding_of_another_width_is_refused(idx_folder):
    """What was learned from 36 pixels cannot scale 64."""
    config = dataset_config(
        name="mnist", path=str(idx_folder()), classes=["a", "b"], scale="standard"
    )
    encoding = load_dataset(config).encoding

    with pytest.raises(MtrainError, match=r"rows of the shape \(8, 8\); training had \(6, 6\)"):
        load_dataset(dataset_config(scale="standard"), encoding=encoding)
