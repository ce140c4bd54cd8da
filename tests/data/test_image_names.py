"""Groups and times of images, from the names of their files."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import dataset_config
from image_folders import load, pixels, put

from mtrain.data.source import checked_rows
from mtrain.data.split import split_off
from mtrain.errors import MtrainError, SettingError, UsageError


@pytest.fixture
def scans(tmp_path):
    """Three scans of each of ten patients, each on a day of its own, in two classes."""
    for patient in range(10):
        for scan in range(3):
            day = 1 + (7 * patient + scan) % 30
            name = f"p{patient}_{scan}_2024-01-{day:02}.png"
            put(tmp_path / "ab"[(patient + scan) % 2], name, pixels(3 * patient + scan))
    return tmp_path


@pytest.mark.parametrize("pattern", ["^p[0-9]+", "^p([0-9]+)_", "p(?:[0-9]+)(?=_)"])
def test_an_image_belongs_to_what_its_name_says(scans, pattern):
    """All that matches, or the first group in parentheses; a patient is in one split."""
    data = load(scans, groups=pattern)

    patients = [
        {name.split("/")[1].split("_")[0] for name in split.names.tolist()}
        for split in data.splits.values()
    ]
    assert sum(map(len, patients)) == len(set().union(*patients)) == 10
    for split in data.splits.values():
        names = np.array([name.split("/")[1].split("_")[0] for name in split.names])
        assert ((split.groups[:, None] == split.groups) == (names[:, None] == names)).all()


def test_images_are_split_by_a_time_in_their_names(scans):
    """The latest are tested."""
    data = load(
        scans,
        time=r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
        test={"size": 6, "how": "time"},
        validation=None,
    )

    days = [sorted(name[-14:-4] for name in split.names.tolist()) for split in data.splits.values()]
    assert days[0][-1] < days[1][0]
    assert len(days[1]) == 6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"groups": "^q[0-9]+"},
            "a/p0_0_2024-01-01.png: dataset.groups, '^q[0-9]+', finds nothing in its name; likewise 29 "
            "more images",
        ),
        (
            {"groups": "p(0)?"},
            "a/p1_1_2024-01-09.png: dataset.groups, 'p(0)?', finds nothing in its name; likewise 26 "
            "more images",
        ),
        (
            {"time": "^p[0-9]", "fold": "1/2"},
            "a/p0_0_2024-01-01.png: its dataset.time is not a number, a date or a time, such as "
            "2024-05-31 or 2024-05-31 12:30; likewise 29 more images",
        ),
    ],
)
def test_a_name_without_a_group_or_time_is_refused(scans, settings, message):
    """With the image, and how many others there are."""
    with pytest.raises(MtrainError) as error:
        load(scans, **settings)

    assert str(error.value) == message


def test_what_is_no_regular_expression_is_refused():
    """With what is wrong with it."""
    with pytest.raises(UsageError) as error:
        dataset_config(name="images", path="x", groups="p(")

    assert str(error.value) == (
        "config: dataset.groups: is not a regular expression: missing ), unterminated subpattern at "
        "position 1, got 'p('"
    )


def test_rows_without_times_are_not_split_by_time():
    """Whatever would be taken for the latest."""
    rows = checked_rows(np.zeros((4, 1)), np.array([0, 1, 0, 1]), "here", "train")
    with pytest.raises(SettingError) as error:
        split_off(rows, 1, "time", 0, ("dataset", "test"))

    assert str(error.value) == "dataset.test.how: time is for rows that have one"
