from __future__ import annotations

import gzip

import numpy as np
import pytest
import real_data
from conftest import write_idx

from mtrain.data.sources.idx import FILES, read_split
from mtrain.data.sources.mnist import FASHION_HASHES, MNIST_HASH


def arrays_of(seed):
    generator = np.random.default_rng(seed)
    return {
        split: (
            generator.integers(0, 256, (rows, 3, 3), dtype=np.uint8),
            np.arange(rows, dtype=np.uint8) % 10,
        )
        for split, rows in (("train", 40), ("test", 20))
    }


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The files as the server has them, with small arrays; returns these by data set and split."""
    served = tmp_path / "served"
    served.mkdir()
    arrays = {"mnist": arrays_of(1), "fashion_mnist": arrays_of(2)}
    members = {
        f"{letter}_{split}": array
        for split, pair in arrays["mnist"].items()
        for letter, array in zip("xy", pair, strict=True)
    }
    np.savez(served / "mnist.npz", **members)
    for split, names in FILES.items():
        for name, array in zip(names, arrays["fashion_mnist"][split], strict=True):
            write_idx(served / name, array)
            (served / f"{name}.gz").write_bytes(gzip.compress((served / name).read_bytes()))

    def fetch(file, known_hash, folder, *, progress):
        assert known_hash == (MNIST_HASH if file == "mnist.npz" else FASHION_HASHES[file])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes((served / file).read_bytes())

    monkeypatch.setattr(real_data, "fetch", fetch)
    return arrays


def test_the_download_has_the_files_that_tests_read(server, tmp_path):
    """MNIST is one file of arrays for Keras, and four IDX files for the tests."""
    real_data.download(tmp_path / "data")

    for name, splits in server.items():
        for split, (images, labels) in splits.items():
            rows = read_split(tmp_path / "data" / name, split)
            np.testing.assert_array_equal(rows.features, images)
            np.testing.assert_array_equal(rows.labels, labels)


def test_the_key_of_the_cache_changes_with_a_hash_only(monkeypatch):
    """Of any of the five files."""
    before = real_data.key()
    assert real_data.key() == before
    changed = {**FASHION_HASHES, "t10k-labels-idx1-ubyte.gz": "md5:0"}
    monkeypatch.setattr(real_data, "FASHION_HASHES", changed)
    assert real_data.key() != before
    monkeypatch.setattr(real_data, "FASHION_HASHES", dict(reversed(FASHION_HASHES.items())))
    assert real_data.key() == before
    monkeypatch.setattr(real_data, "MNIST_HASH", "sha256:0")
    assert real_data.key() != before
