"""Data and files that `init` proposes no config for."""

from __future__ import annotations

import datetime as dt
import os
import shlex

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import write_idx
from PIL import Image
from proposals import refused, write

# --- What cannot be


def test_a_file_that_is_there_is_left_as_it_is(tmp_path, capsys):
    """Also a link that points nowhere."""
    (tmp_path / "c.yaml").write_text("mine")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "nowhere")

    for name in ("c.yaml", "link.yaml"):
        path = tmp_path / name
        assert refused(capsys, path) == (1, f"{path}: is there already; name another file")
    assert (tmp_path / "c.yaml").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_data_in_place_of_a_config(tmp_path, capsys):
    """A file that is there, or a folder: with what to type."""
    for data in (write(tmp_path / "my data.csv", ["x", "y"], [(1, "a")]), tmp_path):
        says = (
            f"for a config for this data: mtrain init config.yaml --data {shlex.quote(str(data))}"
        )
        assert refused(capsys, data) == (1, f"{data}: is there already; {says}")


def test_a_folder_that_is_not_there(tmp_path, capsys):
    """Of the config, or of the data."""
    path = tmp_path / "nowhere" / "c.yaml"
    says = f"{path}: cannot be written: No such file or directory"
    assert refused(capsys, path) == (1, says)

    says = f"command line: Invalid value for '--data': path '{tmp_path}/nowhere' does not exist."
    assert refused(capsys, tmp_path / "c.yaml", "--data", tmp_path / "nowhere") == (2, says)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", ",\n1,2\n", "FILE: its columns have no names; the first line must name them"),
        (
            "a.csv",
            "n,label\n1,0\n2,1\n3,0\n",
            "FILE: there is no column but 'label' to learn from; 'n' counts the rows",
        ),
        (
            "a.csv",
            "n,c,label\n" + "".join(f"{k},7,{k % 2}\n" for k in range(9)),
            "FILE: there is no column but 'label' to learn from; 'n' counts the rows; 'c' is the same "
            "in every row",
        ),
        (
            "a.csv",
            "label\n1\n0\n",
            "FILE: the first line names one column, 'label'; is it a title or a comment? The names "
            "stand in the first line; values are separated by commas, semicolons, tabs or vertical bars",
        ),
        (
            "a.csv",
            "x,y\n" + "".join(f"{k % 5},{k}.5\n" for k in range(50)),
            "FILE: the last column, 'y', has 50 different values in 50 rows, which are no classes; "
            "name another by --target",
        ),
        (
            "a.txt.gz",
            "",
            "FILE: no data of a known kind: a file that ends in .csv, .tsv, .txt, .parquet, .pq or "
            ".npz, a folder of .csv, .tsv, .txt, .parquet, .pq files, of IDX files, or with a folder "
            "of images for each class",
        ),
        (
            "a.parquet",
            "x",
            "FILE: not a Parquet file that can be read: Parquet file size is 1 bytes, smaller than "
            "the minimum file footer (8 bytes)",
        ),
    ],
)
def test_data_that_nothing_can_be_learned_from(tmp_path, capsys, name, content, says):
    """Nothing is written."""
    data = tmp_path / name
    data.write_text(content)

    assert refused(capsys, tmp_path / "c.yaml", "--data", data) == (
        1,
        says.replace("FILE", str(data)),
    )
    assert not (tmp_path / "c.yaml").exists()


def test_a_folder_of_arrays_or_of_images_without_classes(tmp_path, capsys):
    """Neither is data of one training."""
    np.savez(tmp_path / "a.npz", x=np.eye(2), y=[0, 1])
    np.savez(tmp_path / "b.npz", x=np.eye(2), y=[0, 1])
    status, says = refused(capsys, tmp_path / "c.yaml", "--data", tmp_path)
    assert status == 1
    assert says.startswith(f"{tmp_path}: no data of a known kind: ")

    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "0.png")
    assert refused(capsys, tmp_path / "c.yaml", "--data", tmp_path) == (
        1,
        f"{tmp_path}: no folder of images for each class, which names their class",
    )


def test_a_parquet_column_that_is_no_label(tmp_path, capsys):
    """A date."""
    data = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": [1.0, 2.0], "day": [dt.date(2020, 1, 1)] * 2}), data)

    assert refused(capsys, tmp_path / "c.yaml", "--data", data) == (
        1,
        f"{data}: column 'day' is date32[day], which is no label",
    )


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.npz", "a.png", "a"])
def test_a_pipe_is_not_waited_for(tmp_path, capsys, name):
    """Whatever it is called."""
    os.mkfifo(tmp_path / name)

    assert refused(capsys, tmp_path / "c.yaml", "--data", tmp_path / name) == (
        1,
        f"{tmp_path / name}: not a file",
    )


def test_a_target_of_no_table(tmp_path, capsys):
    """It would be passed over."""
    write_idx(tmp_path / "train-images-idx3-ubyte", np.zeros((4, 2, 2), np.uint8))
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.arange(4, dtype=np.uint8) % 2)

    assert refused(capsys, tmp_path / "c.yaml", "--data", tmp_path, "--target", "y") == (
        2,
        f"--target: is for a table; {tmp_path} has no columns",
    )
    assert refused(capsys, tmp_path / "c.yaml", "--target", "y") == (
        2,
        "--target: is for a table; digits has no columns",
    )


def test_a_slip_among_numbers_is_named_and_no_category(tmp_path, capsys):
    """One height of a hundred with a decimal comma, in the only column."""
    heights = [*(f"1.{i:02}" for i in range(99)), "1,85"]
    path = write(tmp_path / "a.csv", ["h", "y"], [(h, "ab"[i % 2]) for i, h in enumerate(heights)])

    status, said = refused(capsys, tmp_path / "c.yaml", "--data", path)
    assert status == 1
    assert said == (
        f"{path}: there is no column but 'y' to learn from; 'h' has '1,85' (line 101), which is not "
        "a finite number"
    )
    assert not (tmp_path / "c.yaml").exists()


def test_a_measured_column_is_no_label(tmp_path, capsys):
    """Of more than ten different numbers with decimals; the message names another."""
    rows = [("ab"[i % 2], f"{i % 11 / 10}") for i in range(110)]
    path = write(tmp_path / "a.csv", ["kind", "width"], rows)

    assert refused(capsys, tmp_path / "c.yaml", "--data", path) == (
        1,
        f"{path}: the last column, 'width', has 11 different numbers with decimals, which are no "
        "classes; name another by --target, such as 'kind'",
    )
