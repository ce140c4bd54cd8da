"""Download MNIST and Fashion-MNIST for the tests: two folders of four IDX files each.

    python tests/real_data.py FOLDER
    python tests/real_data.py --key

`--key` prints a text that changes only if the hashes of the files do, for a cache.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from pathlib import Path

import numpy as np
from conftest import write_idx

from mtrain.data.sources.download import fetch
from mtrain.data.sources.idx import FILES
from mtrain.data.sources.mnist import FASHION_HASHES, MNIST_HASH
from mtrain.errors import MtrainError


def main():
    """Print the key, or download into the folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", help="where mnist/ and fashion_mnist/ are made")
    parser.add_argument("--key", action="store_true", help="print the key of a cache")
    arguments = parser.parse_args()
    if arguments.key:
        print(key())
    elif not arguments.folder:
        parser.error("name a folder, as MTRAIN_TEST_DATA does")
    else:
        try:
            download(Path(arguments.folder))
        except MtrainError as error:
            parser.exit(1, f"{error}\n")


def key():
    """Of the hashes of all files."""
    hashes = f"{MNIST_HASH} {sorted(FASHION_HASHES.items())}"
    return hashlib.sha256(hashes.encode()).hexdigest()[:16]


def download(folder):
    """Fetch the files, whose hashes are checked; MNIST, one file of arrays, is written as IDX."""
    fashion = folder / "fashion_mnist"
    for file, known_hash in FASHION_HASHES.items():
        fetch(file, known_hash, fashion, progress=False)
    mnist = folder / "mnist"
    mnist.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as fetched:
        fetch("mnist.npz", MNIST_HASH, Path(fetched), progress=False)
        with np.load(Path(fetched) / "mnist.npz") as arrays:
            for split, names in FILES.items():
                for name, array in zip(names, ("x", "y"), strict=True):
                    write_idx(mnist / name, arrays[f"{array}_{split}"])


if __name__ == "__main__":
    main()
