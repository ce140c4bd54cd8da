"""Folders of images: what is read of them, and what is refused."""

from __future__ import annotations

import os
import struct
import zlib

import numpy as np
import pytest
from conftest import dataset_config, read_inputs, write_idx
from image_folders import ALL, load, pixels, put
from numpy.testing import assert_array_equal
from PIL import Image

from mtrain.cli.main import run
from mtrain.data.load import load_dataset
from mtrain.data.sources.idx import FILES, read_idx
from mtrain.errors import MtrainError, UsageError


def refusal(path, **settings):
    """What is said of data that cannot be, without the path they are in."""
    with pytest.raises(MtrainError) as error:
        load(path, **settings)
    return str(error.value).replace(str(path), "PATH")


@pytest.fixture
def folder(tmp_path):
    """Where images are put."""
    path = tmp_path / "images"
    path.mkdir()
    return path


def test_folders_are_classes_and_names_give_the_order(folder):
    """Classes in sorted order, numbers as numbers; in each the images by name."""
    images = {"10/a.png": 0, "9/c.bmp": 1, "9/b.PNG": 2, "9/a.bmp": 3}
    for name, seed in images.items():
        put(folder, name, pixels(seed))
    for name in ("9/.hidden.png", ".git/a.png"):
        put(folder, name)
    (folder / "9" / "notes.txt").write_text("no image")
    (folder / "11").mkdir()
    (folder / "readme.md").write_text("no class")
    data = load(folder, **ALL)

    assert data.classes == ("9", "10")
    assert data.train.names.tolist() == ["9/a.bmp", "9/b.PNG", "9/c.bmp"]
    assert data.test.names.tolist() == ["10/a.png"]
    assert_array_equal(data.train.features, [pixels(seed).ravel() for seed in (3, 2, 1)])
    assert data.encoding.divisor == 255
    assert data.notes[:2] == (
        f"{folder}: class '11' is left out: it is empty",
        f"{folder}: class '9': left out: 1 file of no known kind (.txt)",
    )


def test_names_go_with_their_rows(folder):
    """However the rows are drawn."""
    for k in range(20):
        put(folder, f"{'ab'[k % 2]}/{k:02}.png", np.full((2, 2), k, np.uint8))
    data = load(folder, color="gray", samples=7)

    for split in data.splits.values():
        assert [int(name[2:4]) for name in split.names] == split.features[:, 0].tolist()
        assert [data.classes[k] for k in split.labels] == [name[0] for name in split.names]


def test_train_val_and_test_are_splits(folder):
    """Those that are there; a class may be missing from one."""
    for split in ("train", "val", "test"):
        for k in range(10):
            put(folder, f"{split}/{'ab'[k % 2]}/{k}.png", pixels(len(split) * 10 + k))
        if split == "train":
            own = load(folder)
            assert [len(own.splits[name]) for name in ("train", "val", "test")] == [6, 2, 2]
    put(folder, "test/c/0.png")
    data = load(folder, validation={"samples": 4})

    assert data.classes == ("a", "b", "c")
    assert [len(data.splits[name]) for name in ("train", "val", "test")] == [10, 4, 11]
    assert data.notes == (
        "class 'c' has no row to train on; it has 1 of test, which cannot be learned",
    )


def test_train_can_be_a_class(folder):
    """Of vehicles: its images lie right in it."""
    for k in range(6):
        put(folder, f"{('plane', 'test', 'train')[k % 3]}/{k}.png")

    assert load(folder, **ALL).classes == ("plane", "test", "train")


def test_the_test_split_can_be_another_folder(folder, tmp_path):
    """With the same classes."""
    for k in range(6):
        put(folder, f"{'ab'[k % 2]}/{k}.png")
    put(tmp_path, "other/b/x.png", pixels(7))
    data = load(folder, test_path=str(tmp_path / "other"), validation=None)

    assert len(data.train) == 6
    assert data.test.labels.tolist() == [1]
    assert data.test.names.tolist() == ["b/x.png"]


def test_colours_are_those_of_pillow(folder):
    """Of gray, of a palette, with transparency, in CMYK: as gray or as red, green and blue."""
    image = Image.fromarray(pixels())
    modes = {"L": "png", "P": "png", "LA": "png", "RGBA": "png", "1": "bmp", "CMYK": "jpg"}
    for mode, ending in modes.items():
        (folder / mode).mkdir()
        image.convert(mode).save(folder / mode / f"a.{ending}")
    for color, mode in (("gray", "L"), ("rgb", "RGB")):
        data = load(folder, color=color, **ALL)
        rows = np.vstack([data.train.features, data.test.features])
        for name, row in zip(sorted(modes), rows, strict=True):
            with Image.open(folder / name / f"a.{modes[name]}") as kept:
                assert_array_equal(row, np.asarray(kept.convert(mode)).ravel(), err_msg=name)


def test_a_photo_taken_upright_is_read_upright(folder):
    """As its EXIF says: 6 is to be turned by a quarter to the right."""
    exif = Image.Exif()
    exif[0x0112] = 6
    put(folder, "a/turned.png", pixels(height=6, width=4), exif=exif)
    put(folder, "b/plain.png", np.rot90(pixels(height=6, width=4), -1))
    data = load(folder, **ALL)

    assert_array_equal(data.train.features, data.test.features)


@pytest.mark.parametrize(("size", "shape"), [(3, (3, 3)), ([2, 5], (2, 5))])
def test_size_brings_all_to_one(folder, size, shape):
    """Height and width, as Pillow's bilinear filter does; a palette is no scale of gray."""
    put(folder, "a/large.png", pixels(height=20, width=30))
    put(folder, "b/small.png", pixels(height=2, width=2))
    Image.fromarray(pixels(1)).convert("P").save(folder / "b" / "palette.png")
    data = load(folder, size=size, **ALL)

    for split in (data.train, data.test):
        for name, row in zip(split.names, split.features, strict=True):
            with Image.open(folder / name) as kept:
                image = kept.convert("RGB").resize(shape[::-1], Image.Resampling.BILINEAR)
            assert_array_equal(row.reshape(*shape, 3), np.asarray(image))


@pytest.mark.parametrize("size", [0, 10_001, 2.5, True, "28", [28], [1, 2, 3], [0, 5], {}])
def test_a_size_that_no_image_can_have_is_refused(folder, size):
    """Once, with what it could be."""
    with pytest.raises(UsageError) as error:
        load(folder, size=size)

    problem = "dataset.size: must be pixels (1 to 10,000), or a list of height and width, "
    assert str(error.value).startswith(f"config: {problem}")
    assert "\n" not in str(error.value)


def png_header(width, height, bits=8):
    """A PNG that says how large it is, and has no pixels."""
    data = b"IHDR" + struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    return b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no image", "no PNG, JPEG, BMP, WEBP, GIF, TIFF, whatever its name says"),
        (b"", "is empty"),
        (b"GIF89a" + bytes(20), "is a GIF that is cut off or damaged"),
        (b"\x89PNG\r\n\x1a\n1234", "is a PNG that is cut off or damaged"),
        (b"P5 6 4 255\n" + bytes(24), "no PNG, JPEG, BMP, WEBP, GIF, TIFF, whatever its name says"),
        (
            png_header(10_000, 10_000),
            "Image size (100000000 pixels) exceeds limit of 89478485 pixels, could be decompression "
            "bomb DOS attack.",
        ),
        (
            png_header(60_000, 60_000),
            "Image size (3600000000 pixels) exceeds limit of 178956970 pixels, could be "
            "decompression bomb DOS attack.",
        ),
    ],
)
def test_what_is_no_image_is_refused(folder, content, message):
    """By its name; before pixels are read of which there are too many."""
    put(folder, "a/0.png")
    (folder / "a" / "1.png").write_bytes(content)
    put(folder, "b/0.png")

    assert refusal(folder) == f"PATH/a/1.png: {message}"


def broken_images(folder, n):
    """Good images of two classes, and as many broken ones, each in its own way; the latter's names."""
    whole = put(folder, "a/whole.png").read_bytes()
    put(folder, "b/whole.png")
    contents = (b"", b"no image", whole[:60])
    names = [f"{'ab'[k % 2]}/{k:02}.png" for k in range(n)]
    for k, name in enumerate(names):
        (folder / name).write_bytes(contents[k % len(contents)])
    return sorted(names)


def test_all_broken_images_are_named_at_once(folder):
    """Of every class and split, in the order of their names; up to ten, and how many more."""
    for split, n in (("train", 7), ("test", 3)):
        broken_images(folder / split, n)
    lines = refusal(folder).split("\n")
    assert [line.partition(": ")[0] for line in lines] == [
        *(f"PATH/test/{name}" for name in ("a/00.png", "a/02.png", "b/01.png")),
        *(f"PATH/train/a/{k:02}.png" for k in (0, 2, 4, 6)),
        *(f"PATH/train/b/{k:02}.png" for k in (1, 3, 5)),
    ]
    assert lines[0].endswith("is empty")
    broken_images(folder / "train", 14)
    lines = refusal(folder).split("\n")
    assert len(lines) == 11
    assert lines[-1] == "PATH: 7 more images cannot be read"


@pytest.mark.parametrize("command", ["init", "check", "fit"])
def test_every_command_names_all_broken_images(folder, tmp_path, capsys, command):
    """A line each, with the name of the file first."""
    names = broken_images(folder, 5)
    config = tmp_path / "config.yaml"
    arguments = {"init": [str(config), "--data", str(folder)]}
    if command != "init":
        config.write_text("dataset: {name: images, path: images}\n")

    assert run([command, *arguments.get(command, [str(config)])]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in lines] == [f"{folder}/{name}" for name in names]


def test_all_broken_images_to_predict_are_named_at_once(folder, tmp_path):
    """As those of a training are."""
    config = dataset_config(name="images", path=str(folder), size=4, **ALL)
    for name in "ab":
        put(folder, f"{name}/0.png")
    encoding = load_dataset(config).encoding
    names = broken_images(tmp_path / "new", 3)
    with pytest.raises(MtrainError) as error:
        read_inputs(tmp_path / "new", config, encoding, 10**9)

    named = [line.partition(": ")[0] for line in str(error.value).split("\n")]
    assert named == [f"{tmp_path}/new/{name}" for name in names]


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "webp", "gif", "tif"])
def test_no_cut_or_flipped_image_is_a_traceback(folder, ending):
    """Cut short it is refused; whatever else is wrong, it is read or refused."""
    put(folder, "a/0.bmp")
    whole = put(folder, f"b/x.{ending}").read_bytes()
    broken = folder / "b" / f"x.{ending}"
    for share in (0.3, 0.6):
        broken.write_bytes(whole[: int(share * len(whole))])
        assert refusal(folder).startswith(f"PATH/b/x.{ending}: ")
    generator = np.random.default_rng(0)
    messages = []
    for _ in range(300):
        content = bytearray(whole)
        content[generator.integers(len(whole))] = generator.integers(256)
        broken.write_bytes(content)
        try:
            load(folder, **ALL)
        except MtrainError as error:
            messages.append(str(error))
    assert all(str(broken) in message for message in messages)


def test_a_broken_exif_is_no_traceback(folder):
    """That text stands where a number belongs is refused."""
    put(folder, "a/0.bmp")
    exif = Image.Exif()
    exif[0x0112], exif[0x011A] = 6, 1.0
    whole = put(folder, "b/x.jpg", pixels(height=6, width=4), exif=exif).read_bytes()
    at = whole.index(b"\x01\x1a\x00\x05") + 2
    for kind in range(1, 13):
        (folder / "b" / "x.jpg").write_bytes(whole[:at] + bytes([0, kind]) + whole[at + 2 :])
        try:
            load(folder, **ALL)
        except MtrainError as error:
            assert str(error).startswith(f"{folder}/b/x.jpg: cannot be read: ")  # noqa: PT017


def test_another_size_is_refused_with_the_remedy(folder):
    """The first that differs, by name."""
    put(folder, "a/0.png")
    put(folder, "b/0.png", pixels(height=5, width=5))

    assert refusal(folder) == (
        "PATH/b/0.png: 5 x 5 pixels, the first image has 4 x 6; dataset.size brings all to one size"
    )


def test_folders_that_are_no_classes_are_refused(folder):
    """None, one, a name that is none; a file, nothing at all."""
    none = (
        "no images; each class has a folder of its own here, with PNG, JPEG, BMP, WEBP, GIF, TIFF "
        "files"
    )
    assert refusal(folder) == f"PATH: {none}"
    put(folder, "0.png")
    (folder / "empty").mkdir()
    assert refusal(folder) == f"PATH: {none}; the first is 0.png"
    put(folder, "a/0.png")
    assert refusal(folder) == (
        "PATH: every image is in the folder 'a'; a classifier needs two classes"
    )
    put(folder, "accuracy/0.png")
    assert refusal(folder) == (
        "PATH: its folders are the classes: 'accuracy' is a key of the classification report; "
        "rename the class"
    )
    assert refusal(folder, classes=["a", "b"]) == (
        "dataset.classes: PATH has a folder 'accuracy', which is not one of them"
    )
    expected = "a folder of images for each class is expected here"
    assert refusal(folder / "0.png") == f"PATH: not a folder; {expected}"
    assert refusal(folder / "nowhere") == f"PATH: no such folder; {expected}"
    os.mkfifo(folder / "pipe")
    assert refusal(folder / "pipe") == f"PATH: not a folder; {expected}"


def test_a_split_without_images_is_refused(folder):
    """The folder says that it is meant."""
    put(folder, "train/a/0.png")
    put(folder, "train/b/0.png")
    (folder / "val").mkdir()

    assert refusal(folder).startswith("PATH/val: no images; ")
    assert refusal(folder / "train", test_path=str(folder / "val")).startswith(
        f"{folder}/val: no images; "
    )
    (folder / "val").rename(folder / "test")
    assert refusal(folder, test_path=str(folder / "train")) == (
        "dataset.test_path: PATH has a test split"
    )


def test_a_pipe_among_images_is_none(folder):
    """It would be waited for."""
    for k in range(4):
        put(folder, f"{'ab'[k % 2]}/{k}.png")
    os.mkfifo(folder / "a" / "pipe.png")
    (folder / "a" / "folder.png").mkdir()

    assert len(load(folder, **ALL).train) == 3


@pytest.mark.parametrize("names", ["ba", "10"])
def test_classes_can_be_given_and_folders_named_or_counted(folder, names):
    """In the order given."""
    for k, name in enumerate(names):
        for i in range(2):
            put(folder, f"{name}/{i}.png", pixels(k))
    data = load(folder, classes=["a", "b"], **ALL)

    assert data.classes == ("a", "b")
    assert data.train.labels.tolist() == [0, 0, 1]
    assert_array_equal(data.test.features[0], pixels(0).ravel())


def test_more_than_training_memory_is_refused(folder):
    """Before any image but the first is read."""
    put(folder, "a/0.png", pixels(height=100, width=100))
    (folder / "b").mkdir()
    (folder / "b" / "0.png").write_bytes(b"no image")

    assert refusal(folder, memory=59_900) == (
        "PATH: its values take 60 kB or more, beyond training.memory, 59.9 kB; data larger "
        "than that cannot be trained on yet"
    )
    assert refusal(folder, memory=60_000).startswith("PATH/b/0.png: no PNG")


def test_one_pixel_makes_another_fingerprint(folder):
    """The names of the files do not."""
    for k in range(4):
        put(folder, f"{'ab'[k % 2]}/{k}.png", pixels(k))
    before = load(folder, **ALL).sha256

    (folder / "a" / "0.png").rename(folder / "a" / "1.png")
    assert load(folder, **ALL).sha256 == before
    changed = pixels(3)
    changed[0, 0, 0] ^= 1
    put(folder, "b/3.png", changed)
    assert load(folder, **ALL).sha256 != before


HOSTILE = ("=cmd()", "\x1b[31mred", "\u202eabc", "$x$", "[/x]", "two\nlines", "_x")


def test_hostile_names_of_folders_and_files_are_inert(folder, tmp_path, capsys):
    """Escapes, formulas, right-to-left text, markup: trained, drawn and written all the same."""
    for k, name in enumerate(HOSTILE):
        for i in range(4):
            put(folder, f"{name}/{i}.png", pixels(10 * k + i, 2, 2))
    (folder / "$x$" / "0.png").rename(folder / "$x$" / os.fsdecode(b"=\xff\x1b.png"))
    config = tmp_path / "config.yaml"
    config.write_text(
        "dataset: {name: images, path: images, test: {size: 7}, validation: null}\n"
        "training: {epochs: 1}\n"
    )

    assert run(["fit", str(config), "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr()
    assert not {"\x1b", "\u202e"} & set(said.out + said.err)
    errors = (tmp_path / "run/evaluation/test/errors.csv").read_text()
    assert "\n=" not in errors
    assert ",=" not in errors


def test_a_folder_whose_name_is_no_text_is_refused(folder):
    """It cannot be the name of a class."""
    put(folder, "a/0.png")
    put(folder, os.fsdecode(b"b\xff/0.png"))

    assert refusal(folder) == "PATH: the name of its folder 'b\\\\xff' is not UTF-8"


def test_images_and_idx_of_the_same_pixels_train_to_the_same_weights(fashion_folder, tmp_path):
    """2,000 of Fashion-MNIST, as folders of PNG and as IDX in the same order; the same seed."""
    images, labels = (read_idx(fashion_folder / f"{name}.gz") for name in FILES["train"])
    order = np.argsort(labels[:2000], kind="stable")
    images, labels = images[:2000][order], labels[:2000][order]
    for row, (image, label) in enumerate(zip(images, labels, strict=True)):
        put(tmp_path, f"images/{label}/{row:04}.png", image)
    (tmp_path / "idx").mkdir()
    for name, values in zip(FILES["train"], (images, labels), strict=True):
        write_idx(tmp_path / "idx" / name, values)
    arrays = {}
    for name, more in (("images", ", color: gray"), ("idx", "")):
        config = tmp_path / f"{name}.yaml"
        config.write_text(
            f"seed: 5\ndataset: {{name: {name}, path: {name}{more}}}\ntraining: {{epochs: 2}}\n"
        )
        out = tmp_path / f"run-{name}"
        assert run(["fit", str(config), "--out", str(out), "--device", "cpu", "--quiet"]) == 0
        with np.load(out / "checkpoints/epoch-0002/arrays.npz") as file:
            arrays[name] = dict(file)

    assert arrays["images"].keys() == arrays["idx"].keys()
    for name, values in arrays["idx"].items():
        assert_array_equal(arrays["images"][name], values, err_msg=name)
