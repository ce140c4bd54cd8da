"""Images as phones, microscopes and web pages write them: formats, 16 bits, transparency, folders."""

from __future__ import annotations

import struct
import warnings
import zlib

import numpy as np
import pytest
from conftest import dataset_config, read_inputs
from image_folders import ALL, load, pixels, put
from numpy.testing import assert_array_equal
from PIL import Image

from mtrain.cli.main import run
from mtrain.config.loading.load import load_config
from mtrain.data.load import load_dataset
from mtrain.data.sources.image_files import read_image
from mtrain.errors import MtrainError, UsageError
from mtrain.workflows.check import check


def facts(path, **settings):
    """What `check` says was done, without the folder's name."""
    config = load_config({"dataset": {"name": "images", "path": str(path), **settings}}, {})
    return [fact.removeprefix(f"{path}: ") for fact in check(config).facts]


@pytest.fixture
def folder(tmp_path):
    """Where images are put."""
    path = tmp_path / "images"
    path.mkdir()
    return path


def png_of_16_bits(values):
    """A PNG as the standard has it; Pillow writes none of 16 bits a color."""
    height, width, *colors = values.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[colors[0] if colors else 1]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    content = b"\x89PNG\r\n\x1a\n"
    for name, data in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ):
        checked = name + data
        content += struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))
    return content


@pytest.mark.parametrize("ending", ["png", "bmp", "webp", "gif", "tif", "tiff", "jpg", "jfif"])
@pytest.mark.parametrize("image_format", ["PNG", "BMP", "WEBP", "GIF", "TIFF", "JPEG"])
def test_formats_are_told_by_their_content(folder, ending, image_format):
    """Whatever the name says: web pages call a WebP `.jpg`."""
    how = {"lossless": True} if image_format == "WEBP" else {}
    file = put(folder, f"a/0.{ending}", format=image_format, **how)
    put(folder, "b/0.png", pixels(1))
    data = load(folder, **ALL)

    with Image.open(file) as kept:
        assert kept.format == image_format
        assert_array_equal(data.train.features[0], np.asarray(kept.convert("RGB")).ravel())


def test_gray_of_16_bits_keeps_them(folder):
    """Pixels are from 0 to 65,535; bytes beside them are brought there, and nothing is cut off."""
    deep = np.arange(24, dtype=np.uint16).reshape(4, 6) * 2000
    put(folder, "a/0.png", deep)
    put(folder, "b/0.png", pixels(1, colors=1))
    data = load(folder, color="gray", **ALL)

    assert data.encoding.divisor == 65_535
    assert_array_equal(data.train.features[0], deep.ravel())
    assert_array_equal(data.test.features[0], pixels(1, colors=1).ravel() * 257.0)
    colors = load(folder, **ALL).train.features[0].reshape(4, 6, 3)
    assert_array_equal(colors, np.repeat(deep[:, :, np.newaxis], 3, axis=2))
    assert facts(folder, **ALL) == ["1 image of 16 bits a pixel, from 0 to 65,535"]


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_gray_of_16_bits_is_brought_to_a_size(folder, ending):
    """By the same filter as bytes, in all 16 bits."""
    level = np.full((8, 8), 1234, np.uint16)
    put(folder, f"a/0.{ending}", level)
    put(folder, "b/0.png", pixels(1, colors=1))

    assert set(load(folder, color="gray", size=4, **ALL).train.features[0]) == {1234}


@pytest.mark.parametrize("colors", [2, 3, 4])
def test_colors_of_16_bits_are_read_as_8(folder, colors):
    """With transparency and without; and that is said."""
    values = np.random.default_rng(0).integers(0, 65_536, (4, 6, colors)).astype(np.uint16)
    if colors != 3:
        values[:, :, -1] = 65_535
    (folder / "a").mkdir()
    (folder / "a" / "0.png").write_bytes(png_of_16_bits(values))
    put(folder, "b/0.png")
    row = load(folder, **ALL).train.features[0].reshape(4, 6, 3)

    expected = values[:, :, :3] if colors > 2 else np.repeat(values[:, :, :1], 3, axis=2)
    assert np.abs(row - expected / 257).max() <= 1
    assert facts(folder, **ALL) == ["1 image of 16 bits a color, read as 8 bits"]


def test_predicting_reads_16_bits_as_the_training_did(folder, tmp_path):
    """Bytes for a model of 16 bits, 16 bits for a model of bytes."""
    put(folder, "a/0.png", np.full((2, 2), 257 * 40, np.uint16))
    put(folder, "b/0.png", np.full((2, 2), 257 * 80, np.uint16))
    put(tmp_path, "bytes/a/0.png", np.full((2, 2), 40, np.uint8))
    put(tmp_path, "bytes/b/0.png", np.full((2, 2), 80, np.uint8))
    inputs = []
    for trained, given in ((folder, tmp_path / "bytes"), (tmp_path / "bytes", folder)):
        config = dataset_config(name="images", path=str(trained), color="gray", **ALL)
        encoding = load_dataset(config).encoding
        split, _ = read_inputs(given, config, encoding, 10**9)
        inputs.append(split.features / encoding.divisor)

    np.testing.assert_allclose(inputs[0], inputs[1], rtol=1e-6)
    np.testing.assert_allclose(inputs[0][:, 0], [40 / 255, 80 / 255], rtol=1e-6)


DRAWN = np.zeros((4, 6, 4), np.uint8)
DRAWN[1:3, 2:5, 3] = 255  # black, in the alpha channel alone


@pytest.mark.parametrize(
    ("background", "under", "called"),
    [
        (None, (255, 255, 255), "white"),
        ("white", (255, 255, 255), "white"),
        ("Black", (0, 0, 0), "black"),
        (128, (128, 128, 128), "[128, 128, 128]"),
        ([10, 20, 30], (10, 20, 30), "[10, 20, 30]"),
    ],
)
@pytest.mark.parametrize("ending", ["png", "webp", "tif"])
def test_transparency_is_put_over_one_background(folder, background, under, called, ending):
    """White, unless `dataset.background` says otherwise; what is drawn in alpha alone is seen."""
    how = {"lossless": True, "exact": True} if ending == "webp" else {}
    put(folder, f"a/0.{ending}", DRAWN, **how)
    put(folder, "b/0.png")
    settings = ALL if background is None else {**ALL, "background": background}
    row = load(folder, **settings).train.features[0].reshape(4, 6, 3)

    expected = np.where(DRAWN[:, :, 3:] == 255, 0, np.array(under, np.uint8))
    assert_array_equal(row, expected)
    assert facts(folder, **settings) == [
        f"1 image with transparency, put over {called} (dataset.background)"
    ]


@pytest.mark.parametrize("transparency", [7, bytes([0, 128, *[255] * 254])])
def test_a_palette_with_transparency_is_silent(folder, transparency):
    """One transparent color, or an alpha of each; Python's warnings are errors here."""
    indexed = (np.arange(24, dtype=np.uint8) % 9).reshape(4, 6)
    image = Image.fromarray(indexed)
    image.putpalette([value for k in range(256) for value in (k, 255 - k, 2 * k % 256)])
    (folder / "a").mkdir()
    image.save(folder / "a" / "0.png", transparency=transparency)
    put(folder, "b/0.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = load(folder, **ALL).train.features[0]

    with Image.open(folder / "a" / "0.png") as kept:
        colors = kept.convert("RGBA")
    white = Image.new("RGBA", colors.size, "white")
    assert_array_equal(row, np.asarray(Image.alpha_composite(white, colors).convert("RGB")).ravel())


@pytest.mark.parametrize(
    "background", ["red", 256, -1, [1, 2], [1, 2, 300], 0.5, True, None, "128"]
)
def test_a_background_that_is_no_color_is_refused(background):
    """With what it can be."""
    with pytest.raises(UsageError) as error:
        dataset_config(name="images", path="x", background=background)

    assert str(error.value).startswith(
        "config: dataset.background: must be white, black, a gray (0 to 255), or a list of red, "
        "green and blue, "
    )


def test_of_several_frames_the_first_is_read(folder):
    """And that is said."""
    first, second = (Image.fromarray(pixels(seed, colors=1)) for seed in (1, 2))
    (folder / "a").mkdir()
    first.save(folder / "a" / "0.gif", save_all=True, append_images=[second])
    first.save(folder / "a" / "1.tif", save_all=True, append_images=[second])
    put(folder, "b/0.png", pixels(colors=1))
    data = load(folder, color="gray", **ALL)

    assert_array_equal(data.train.features, [pixels(1, colors=1).ravel()] * 2)
    assert facts(folder, color="gray", **ALL) == [
        "2 images of several frames or pages, of which the first is read"
    ]


def test_pixels_of_other_kinds_are_refused(folder):
    """Floats have no largest value."""
    put(folder, "a/0.tif", np.ones((4, 6), np.float32))
    put(folder, "b/0.png")

    with pytest.raises(MtrainError) as error:
        load(folder)
    assert str(error.value) == (
        f"{folder}/a/0.tif: its pixels are of the mode F; images have 8 or 16 bits a color"
    )


def refuse_vanished(folder, tmp_path, capsys):
    """The lines of `check --strict` that say what was left out."""
    config = tmp_path / "c.yaml"
    config.write_text(
        "dataset: {name: images, path: images, validation: {size: 2}, test: {size: 2}}\n"
    )
    assert run(["check", str(config), "--strict"]) == 1
    said = capsys.readouterr().err.splitlines()
    return [line for line in said if "left out" in line]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (["owl/0.heic", "owl/1.heic", "owl/2.svg"], "3 files of no known kind (.heic, .svg)"),
        (["owl/more/0.png", "owl/more/1.png"], "2 images one folder deeper, as in 'more'"),
        (["owl/more/0.png", "owl/x"], "1 image one folder deeper, as in 'more' and 1 file of no known kind (without an ending)"),
        ([], "it is empty"),
    ],
)  # fmt: skip
def test_a_class_of_which_nothing_is_read_is_named(folder, tmp_path, capsys, files, why):
    """With why; an error in `check --strict`."""
    for k in range(12):
        put(folder, f"{('cat', 'dog')[k % 2]}/{k}.png", pixels(k))
    (folder / "owl").mkdir()
    for name in files:
        path = put(folder, name, format="PNG")
        assert path.exists()

    assert refuse_vanished(folder, tmp_path, capsys) == [
        f"mtrain: {folder}: class 'owl' is left out: {why} [unread-images]"
    ]


def test_images_beside_those_that_are_read_are_named(folder, tmp_path, capsys):
    """In a folder of a class, and beside the folders."""
    for k in range(12):
        put(folder, f"{('cat', 'dog')[k % 2]}/{k}.png", pixels(k))
    put(folder, "cat/more/0.png")
    put(folder, "0.png")

    assert refuse_vanished(folder, tmp_path, capsys) == [
        f"mtrain: {folder}: 1 image beside its folders left out: they have no class [unread-images]",
        f"mtrain: {folder}: class 'cat': left out: 1 image one folder deeper, as in 'more' [unread-images]",
    ]


def test_files_that_computers_make_of_themselves_are_none(folder):
    """Of Windows and macOS, beside images."""
    for k in range(60):
        put(folder, f"{('cat', 'dog')[k % 2]}/{k}.png", pixels(k))
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store"):
        (folder / "cat" / name).write_bytes(b"\1")

    assert load(folder).notes == ()


def test_folders_that_look_alike_are_said(folder):
    """They are two classes all the same; so are labels of npz files."""
    for k in range(60):
        put(folder, f"{('cat', 'Cat')[k % 2]}/{k}.png", pixels(k))
    rows = np.random.default_rng(0).normal(size=(60, 3))
    np.savez(folder / "a.npz", x=rows, y=np.array(["cat", "Cat"])[np.arange(60) % 2])

    for data in (load(folder), load_dataset(dataset_config(name="npz", path=f"{folder}/a.npz"))):
        assert data.notes == ("labels 'Cat' and 'cat' look alike, and are 2 classes",)


@pytest.mark.parametrize("train", ["train", "Training", "train_set"])
@pytest.mark.parametrize(
    ("name", "split"),
    [
        *((name, "val") for name in ("val", "Valid", "validation", "dev", "eval", "val_set")),
        *(
            (name, "test")
            for name in ("TEST", "testing", "test_set", "holdout", "hold-out", "unseen")
        ),
    ],
)
def test_folders_of_splits_have_usual_names(folder, train, name, split):
    """In any case; none is dropped."""
    for k in range(20):
        put(folder, f"{train}/{'ab'[k % 2]}/{k}.png", pixels(k))
    for k in range(6):
        put(folder, f"{name}/{'ab'[k % 2]}/{k}.png", pixels(100 + k))
    data = load(folder) if split == "val" else load(folder, validation=None)

    assert len(data.splits[split]) == 6
    assert data.notes == ()


def test_a_folder_beside_train_that_is_no_split_is_named(folder):
    """Two of the same split are refused, for either could be meant."""
    for k in range(20):
        put(folder, f"train/{'ab'[k % 2]}/{k}.png", pixels(k))
    put(folder, "extra/a/0.png")
    (folder / "notes").mkdir()

    assert load(folder).notes == (
        f"{folder}: its folder 'extra' is not read (1 image); splits are folders called train, val "
        "and test",
    )
    put(folder, "dev/a/0.png")
    put(folder, "val/a/0.png")
    with pytest.raises(MtrainError) as error:
        load(folder)
    assert str(error.value) == (
        f"{folder}: 'dev' and 'val' would both be its validation split; keep one"
    )


def test_images_that_are_deeper_than_classes_are_named(folder):
    """A folder too many, as archives have it."""
    put(folder, "pets/cat/0.png")
    with pytest.raises(MtrainError) as error:
        load(folder)

    assert str(error.value).endswith(" files; the first is pets/cat/0.png")


def test_predicting_walks_as_training_does(folder):
    """Hidden folders, and those that a Mac leaves, are none; a link to itself is no loop."""
    for k in range(6):
        put(folder, f"{'ab'[k % 2]}/{k}.png", pixels(k))
    for hidden in (".ipynb_checkpoints", "a/.git", "__MACOSX/a", "a/@eaDir"):
        put(folder, f"{hidden}/0.png")
    (folder / "a" / "itself").symlink_to(folder)
    config = dataset_config(name="images", path=str(folder), **ALL)
    data = load_dataset(config)
    split, notes = read_inputs(folder, config, data.encoding, 10**9)

    trained = [name for some in data.splits.values() for name in some.names]
    assert list(split.names) == sorted(trained)
    assert notes == ()


def test_predicting_says_what_it_did_to_images(folder, tmp_path):
    """Brought to the size of the training, turned to gray, put over the background."""
    for k in range(6):
        put(folder, f"{'ab'[k % 2]}/{k}.png", pixels(k, colors=1))
    config = dataset_config(name="images", path=str(folder), size=4, color="gray", **ALL)
    encoding = load_dataset(config).encoding
    put(tmp_path, "new/0.png")
    put(tmp_path, "new/1.png", DRAWN)
    put(tmp_path, "new/2.png", pixels(3, height=4, width=4, colors=1))
    _, notes = read_inputs(tmp_path / "new", config, encoding, 10**9)

    where = tmp_path / "new"
    assert notes == (
        f"{where}: 1 image with transparency, put over white (dataset.background)",
        f"{where}: 2 images brought to 4 x 4 pixels",
        f"{where}: 1 image in color turned to gray",
    )


@pytest.mark.parametrize("depth", [8, 16])
def test_a_tiff_whose_white_is_zero(tmp_path, depth):
    """Is turned, of 16 bits as of 8."""
    largest = 2**depth - 1
    values = np.array([[0, largest], [largest // 3, largest // 5]], f"uint{depth}")
    Image.fromarray(values).save(tmp_path / "a.tif", tiffinfo={262: 0})
    with Image.open(tmp_path / "a.tif") as image:
        assert image.tag_v2[262] == 0
        stored = np.frombuffer((tmp_path / "a.tif").read_bytes(), np.uint8)
    pixels, _ = read_image(tmp_path / "a.tif", (2, 2), resize=False)

    # What is stored is what a reader turns: Pillow writes bytes turned already, 16 bits as they are.
    raw = values.tobytes()
    is_raw = raw in stored.tobytes()
    np.testing.assert_array_equal(pixels, largest - values if is_raw else values)
