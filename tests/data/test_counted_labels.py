"""Labels of other data that are numbers: which class is meant is known only where the config says it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import mtrain
from mtrain.errors import MtrainError

NAMES = np.array(["malignant", "benign"])
"""As scikit-learn counts them; the alphabet counts the other way round."""


def draw(rows, seed):
    values = np.random.default_rng(seed).normal(size=(rows, 2)).round(3)
    return values, (values.sum(axis=1) > 0).astype(int)


def table(path, rows, seed, *, named):
    values, code = draw(rows, seed)
    labels = NAMES[code] if named else code
    lines = [f"{a},{b},{label}" for (a, b), label in zip(values, labels, strict=True)]
    path.write_text("\n".join(["a,b,y", *lines, ""]))


def arrays(path, rows, seed, *, named):
    values, code = draw(rows, seed)
    np.savez(path, x=values, y=NAMES[code] if named else code)


def images(path, rows, seed, *, named):
    _, code = draw(rows, seed)
    for k, c in enumerate(code):
        folder = path / (str(NAMES[c]) if named else str(c))
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((2, 2), 200 * c + k % 50, np.uint8)).save(folder / f"{k}.png")


@pytest.mark.parametrize(
    ("kind", "write", "name"),
    [
        ("csv", table, "rows.csv"),
        ("npz", arrays, "rows.npz"),
        ("images", images, "rows"),
    ],
)
def test_numbers_are_no_names_of_classes(tmp_path, kind, write, name):
    """Counted by the alphabet, half of all labels or all of them would be another class."""
    for folder, named in (("trained", True), ("others", True), ("coded", False)):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / name, 60, len(folder), named=named)
    target = {"target": "y"} if kind == "csv" else {}
    dataset = {"name": kind, "path": str(tmp_path / "trained" / name), **target}
    config = {
        "dataset": dataset,
        "model": {"hidden": []},
        "optimizer": {"learning_rate": 0.1},
        "training": {"epochs": 10, "batch_size": 4},
    }
    out = mtrain.fit(config, out=tmp_path / "run", report=False).path

    assert mtrain.evaluate(out, data=tmp_path / "others" / name).accuracy > 0.8
    with pytest.raises(
        MtrainError, match="its labels are whole numbers, but the training had class names"
    ):
        mtrain.evaluate(out, data=tmp_path / "coded" / name)

    # Where the config lists the classes, numbers count them.
    config["dataset"]["classes"] = NAMES.tolist()
    out = mtrain.fit(config, out=tmp_path / "listed", report=False).path
    report = mtrain.evaluate(out, data=tmp_path / "coded" / name)
    assert "its labels count dataset.classes: 0 is 'malignant', ..." in report.data.notes[0]
    named = mtrain.evaluate(out, data=tmp_path / "others" / name)
    assert report.accuracy > 0.8 < named.accuracy


def test_truth_values_are_known_by_numbers(tmp_path):
    """0 is false, whatever program wrote it."""
    values, code = draw(60, 0)
    for name, labels in (("words", ["false", "true"]), ("codes", ["0", "1"])):
        rows = [f"{a},{b},{labels[c]}" for (a, b), c in zip(values, code, strict=True)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["a,b,y", *rows, ""]))
    dataset = {"name": "csv", "path": str(tmp_path / "words.csv"), "target": "y"}
    config = {"dataset": dataset, "model": {"hidden": []}, "training": {"epochs": 2}}
    out = mtrain.fit(config, out=tmp_path / "run", report=False).path

    by_words, by_codes = (
        mtrain.evaluate(out, data=tmp_path / f"{name}.csv") for name in ("words", "codes")
    )
    assert (by_codes.n, by_codes.accuracy) == (by_words.n, by_words.accuracy)
