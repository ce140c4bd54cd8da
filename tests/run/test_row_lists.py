"""Lists of rows as CSV."""

from __future__ import annotations

import csv

import numpy as np

from mtrain.run.files import csv_text
from mtrain.run.row_lists import write_row_list

NAMES = ["plain", "=1+1", "+5", "-a", "one, two", 'a "word"', "two\nlines", ""]


def test_cells_are_those_of_any_csv(tmp_path):
    generator = np.random.default_rng(0)
    # As probabilities, of which some are tiny, and margins.
    floats = (17 * generator.uniform(-1, 1, 5000) ** 9).astype(np.float32)
    names = [NAMES[k] for k in generator.integers(len(NAMES), size=5000)]
    path = tmp_path / "rows.csv"

    write_row_list(path, {"row": np.arange(5000), "true": names, "margin": floats})

    shortest = [float(str(one)) for one in floats]
    expected = csv_text(["row", "true", "margin"], zip(range(5000), names, shortest, strict=True))
    assert path.read_bytes() == expected.encode()


def test_floats_are_read_back_to_the_last_bit(tmp_path):
    floats = np.random.default_rng(1).random(1000, np.float32)
    path = tmp_path / "rows.csv"

    write_row_list(path, {"probability": floats})

    with path.open(newline="") as file:
        read = [np.float32(line["probability"]) for line in csv.DictReader(file)]
    np.testing.assert_array_equal(np.array(read), floats)


def test_list_without_rows_has_its_header(tmp_path):
    path = tmp_path / "rows.csv"

    write_row_list(path, {"row": np.zeros(0, np.int64), "true": []})

    assert path.read_text() == "row,true\n"
