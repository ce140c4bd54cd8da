"""What is wrong with data is told by its place."""

from __future__ import annotations

import os

import numpy as np
import pytest
from checked_tables import checked, plain, two_classes

from mtrain.config.loading.load import load_config
from mtrain.errors import MtrainError
from mtrain.workflows.check import check


def test_images_that_contradict_each_other_are_named(tmp_path):
    """The same picture of two classes, by its file; the pictures in test that are in train."""
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (40, 4, 4), np.uint8)
    pixels[20] = pixels[0]
    for k, image in enumerate(pixels):
        folder = tmp_path / "ab"[k // 20]
        folder.mkdir(exist_ok=True)
        Image.fromarray(image).save(folder / f"{k:02}.png")
    found = check(
        load_config(
            {
                "dataset": {
                    "name": "images",
                    "path": str(tmp_path),
                    "color": "gray",
                    "validation": None,
                }
            },
            {},
        )
    )

    assert found.warnings[-1] == (
        "2 rows differ from another one only in the label: a/00.png is 'a', b/20.png 'b'"
    )


# --- What is wrong with the data


GOOD = plain(two_classes(40)) + "\n"


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        pytest.param(
            GOOD + "nan,1,x\n1,,y\n1,n/a,y\n",
            {},
            "FILE:42: column 'a': 'nan' is missing; dataset.missing says what to do\n"
            "FILE:43: column 'b': a value is missing; dataset.missing says what to do; likewise in 1 more row",
            id="37 NaN",
        ),
        pytest.param(
            GOOD + "1,2,x\n1,inf,y\n",
            {},
            "FILE:43: column 'b': 'inf' is not a finite number, but the rest of the column is numeric",
            id="37 infinity",
        ),
        pytest.param(
            plain([[1, 2, 0], [1, 3, 1], [1, 3, 0.5]]),
            {},
            "FILE:4: column 'y': '0.5' is not a class; labels are names or whole numbers, or listed in "
            "dataset.classes",
            id="38 a fractional label",
        ),
        pytest.param(
            plain([[1, 2, 0], [1, 3, 1], [1, 3, 2]]),
            {"classes": ["no", "yes"]},
            "FILE:4: column 'y': '2' is not one of the 2 classes",
            id="38 a label out of range",
        ),
        pytest.param(
            plain([[1, 2, "x"], [1, 3, "x"]]),
            {},
            "FILE: column 'y': every label is 'x'; a classifier needs two classes",
            id="41 one class only",
        ),
        pytest.param(
            plain([["", 1, "x"], [2, "", "y"]]),
            {"missing": "drop"},
            "FILE: there is no row for the training split",
            id="41 no rows",
        ),
        pytest.param(
            plain([[1, 2, "x"], [3, 4, "y"]]),
            {},
            "dataset.test.size: 0.2 of 2 rows leaves a split empty",
            id="41 too few rows",
        ),
        pytest.param(
            GOOD + "1,2\n",
            {},
            "FILE:42: 2 values; the first line names 3 columns",
            id="42 a ragged row",
        ),
        pytest.param(
            GOOD + '1,"2,x\n1,2,y\n',
            {},
            "FILE:42: column 'b': a quote that is never closed",
            id="42 an unclosed quote",
        ),
        pytest.param(
            GOOD + "1,\0,x\n", {}, "FILE:42: a NUL byte; this is no text", id="42 a NUL byte"
        ),
        pytest.param(
            "a,a,y\n1,2,x\n", {}, "FILE:1: there are two columns 'a'", id="42 duplicate headers"
        ),
        pytest.param(
            GOOD.encode() + b"1,2,caf\xe9\n",
            {},
            f"FILE: not UTF-8 text: byte {len(GOOD) + 7:,} is 0xe9; save it as UTF-8",
            id="43 Latin 1",
        ),
        *(
            pytest.param(
                GOOD + f'1,"{text}",x\n',
                {},
                f"FILE:42: column 'b': {text!r} is not a finite number, but the rest of the column is numeric",
                id=f"44 {text}",
            )
            for text in ("1_0", "\uff11\uff12", "1,5")
        ),
    ],
)
def test_what_is_wrong_with_a_table_is_told_by_its_place(tmp_path, text, settings, said):
    """File and line, or byte, or column."""
    path = tmp_path / "a.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(MtrainError) as caught:
        checked(path, **settings)

    found = str(caught.value).replace(str(path), "FILE").splitlines()
    # The last line may say how numbers are written.
    assert found[: len(said.splitlines())] == said.splitlines()


def test_a_byte_order_mark_and_line_ends_of_windows_are_no_fault(tmp_path):
    """Case 43."""
    (tmp_path / "a.csv").write_bytes(
        b"\xef\xbb\xbf" + plain(two_classes()).replace("\n", "\r\n").encode()
    )

    found = checked(tmp_path / "a.csv")

    assert found.encoding.columns[0].name == "a"
    assert found.classes == ("x", "y")


X, Y = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20) % 2


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        pytest.param(
            {"x": np.where(np.arange(40).reshape(20, 2) == 7, np.nan, X), "y": Y},
            "training rows: nan in row 3, pixel 1; 1 values are not finite as float32",
            id="37 NaN",
        ),
        pytest.param(
            {"x": X, "y": Y - 1},
            "training labels must be 0, 1, 2, ..., got -1 in row 0",
            id="38 a negative label",
        ),
        pytest.param(
            {"x": X, "y": np.where(np.arange(20) == 5, 0.5, Y)},
            "training labels must be 0, 1, 2, ..., got 0.5 in row 5",
            id="38 a fractional label",
        ),
        pytest.param(
            {"x": X, "y": np.ones((20, 2))},
            "training labels must be one number a row, or one-hot, got [1. 1.] in row 0",
            id="38 two classes in a row",
        ),
        pytest.param(
            {"x": np.array([object()] * 20), "y": Y},
            "array 'x' holds Python objects; save it as numbers or text, as by x.astype(str)",
            id="49 objects",
        ),
    ],
)
def test_what_is_wrong_with_arrays_is_told_by_its_place(tmp_path, arrays, said):
    """Row and place in it."""
    np.savez(tmp_path / "a.npz", **arrays)

    with pytest.raises(MtrainError) as caught:
        check(load_config({"dataset": {"name": "npz", "path": str(tmp_path / "a.npz")}}, {}))

    assert str(caught.value) == f"{tmp_path / 'a.npz'}: {said}"


@pytest.mark.parametrize(
    ("name", "says"),
    [("a.csv", "not a file"), ("a.npz", "not a file"), ("im", "not a folder; a folder of images")],
)
def test_a_pipe_is_not_waited_for(tmp_path, name, says):
    """Case 48."""
    os.mkfifo(tmp_path / name)
    settings = {"a.csv": {"target": "y"}, "a.npz": {}, "im": {}}[name]
    kind = {"im": "images"}.get(name, name[2:])

    with pytest.raises(MtrainError) as caught:
        check(
            load_config({"dataset": {"name": kind, "path": str(tmp_path / name), **settings}}, {})
        )

    assert str(caught.value).startswith(f"{tmp_path / name}: {says}")


def test_a_single_array_is_not_unpickled(tmp_path):
    """Case 49."""
    np.save(tmp_path / "a.npy", np.array([object()]), allow_pickle=True)

    with pytest.raises(MtrainError) as caught:
        check(load_config({"dataset": {"name": "npz", "path": str(tmp_path / "a.npy")}}, {}))

    says = "a single array; save rows and labels by numpy.savez"
    assert str(caught.value) == f"{tmp_path / 'a.npy'}: {says}"
