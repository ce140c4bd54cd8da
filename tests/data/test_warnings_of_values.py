"""What `check` and `init` say of values that may be missing, wrong or of another notation."""

from __future__ import annotations

import numpy as np
import pytest
from doubtful_tables import N, columns, config, permutation, proposed, table, warnings

from mtrain.cli.main import run
from mtrain.config.loading.load import load_config
from mtrain.data.load import load_dataset
from mtrain.workflows.check import check

# --- What `init` leaves out so that `check` takes the rest


def test_init_leaves_out_what_does_not_fit_and_says_why(tmp_path):
    """Dates and times of a CSV, a slip, names of which some are numbers, infinity."""
    content = {
        "when": [f"2020-01-{k % 28 + 1:02}" for k in range(N)],
        "day": [f"{k % 28 + 1}.3.2021 12:00" for k in range(N)],
        "at": [f"{k % 24}:30" for k in range(N)],
        "on": [f"{k % 28 + 1} Jan 2021" for k in range(N)],
        "zip": ["98115-4820" if k == 50 else 98100 + k % 13 for k in range(N)],
        "title": [k if k % 4 == 0 else f"Film {k}" for k in range(N)],
        "big": ["1e400" if k == 9 else k / 7 for k in range(N)],
    } | columns()

    found, text = proposed(tmp_path, table(tmp_path / "a.csv", content))

    assert found["features"] == ["when", "a", "b"]
    assert found["dates"] == ["when"]
    assert "categorical" not in found
    for reason in (
        "'day' has dates or times, such as '1.3.2021 12:00'",
        "'at' has dates or times, such as '0:30'",
        "'on' has dates or times, such as '1 Jan 2021'",
        "'zip' has '98115-4820' (line 52), which is not a finite number",
        "'title' has a different text in each row",
        "'big' has '1e400' (line 11), which is beyond float32",
    ):
        assert reason in text


@pytest.mark.parametrize("marker", [-999, 9999, -99])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_number_that_may_mean_missing(tmp_path, capsys, kind, marker):
    """Far from all others, in several rows; said by `check` and `init`, beside NA as well."""
    values = [float(marker) if k % 12 == 5 else k % 60 / 2 for k in range(N)]
    path = table(tmp_path / f"a.{kind}", columns(c=[*values[:-1], None]))
    said = (
        f"column 'c': {marker} in 10 rows is far from all other values; if it stands for a missing "
        f"value: dataset.missing_values: [{marker}]"
    )

    assert warnings(path, missing="median")["missing-marker"] == [said]
    proposed(tmp_path, path)
    assert said in capsys.readouterr().err
    given = warnings(path, missing="median", missing_values=[marker])
    assert "missing-marker" not in given


@pytest.mark.parametrize(
    "values",
    [
        [999.0 if k == 5 else k % 60 / 2 for k in range(N)],
        [k * 9.0 for k in range(112)] + [999.0] * 8,
        [99.0] * 60 + [float(k) for k in range(60)],
        [99.0, 100.0] * 60,
    ],
    ids=["one", "next to others", "within reach", "two values"],
)
def test_a_number_that_is_one_of_many_means_nothing(tmp_path, values):
    """A single row, or values near to it."""
    assert "missing-marker" not in warnings(table(tmp_path / "a.csv", columns(c=values)))


@pytest.mark.parametrize("far", ["1e6", "9999999", "-1e30"])
def test_a_number_that_makes_all_others_nearly_equal(tmp_path, capsys, far):
    """With its place, said by `init`, `check` and `fit`: scaled, the others hardly differ."""
    values = [f"{k % 60 / 20}" for k in range(N)]
    values[5] = far
    path = table(tmp_path / "a.csv", columns(c=values))
    said = (
        f"column 'c': {float(far):.10g} ({path}:7) is far from the other values, 0 to 2.95; scaled, "
        "these are nearly equal: is it a mistake?"
    )

    assert warnings(path)["outlier"] == [said.replace(str(path), "FILE")]
    proposed(tmp_path, path)
    assert said in capsys.readouterr().err
    assert said in load_dataset(config(path).dataset).notes
    assert "outlier" not in warnings(path, scale="none")


@pytest.mark.parametrize(
    "values",
    [
        [0.0] * (N - 1) + [1.0],
        np.random.default_rng(0).lognormal(0, 2, N).tolist(),
        [float(k) for k in range(N - 1)] + [500.0],
        [-999.0 if k < 2 else k / 10 for k in range(N)],
    ],
    ids=["rare", "skewed", "a large one", "a marker"],
)
def test_values_that_are_no_outliers(tmp_path, values):
    """A flag that few rows have, a long tail, a number some times as large as the others."""
    assert "outlier" not in warnings(table(tmp_path / "a.csv", columns(c=values)))


@pytest.mark.parametrize("name", ["NULL", "N/A", "nan"])
def test_a_category_that_may_mean_missing(tmp_path, name):
    """In a column of text; not where the config says that it is missing."""
    values = [name if k % 3 else "north" if k % 2 else "south" for k in range(N)]
    path = table(tmp_path / "a.csv", columns(c=values))
    said = (
        f"column 'c': '{name}' in 80 rows is a category; if it stands for a missing value: "
        f"dataset.missing_values: ['{name}']"
    )

    assert warnings(path)["missing-marker"] == [said]
    given = warnings(path, missing="mean", missing_values=[name])
    assert "missing-marker" not in given


def test_bytes_that_are_small(tmp_path):
    """Divided by 255 they are nearly 0; the same numbers as another type are scaled."""
    pixels = np.random.default_rng(0).integers(0, 17, (N, 8, 8))
    labels = np.arange(N) % 3
    found = {}
    for kind in ("uint8", "float32"):
        np.savez(tmp_path / "a.npz", x=pixels.astype(kind), y=labels)
        settings = {"dataset": {"name": "npz", "path": str(tmp_path / "a.npz")}}
        found[kind] = [
            w for w in check(load_config(settings, {})).warnings if w.kind == "small-bytes"
        ]

    assert found == {
        "uint8": [
            "the largest byte is 16, and inputs are divided by 255; dataset.scale: standard may "
            "suit them better"
        ],
        "float32": [],
    }


def test_init_says_that_bytes_are_small(tmp_path, capsys):
    pixels = np.random.default_rng(0).integers(0, 17, (N, 8, 8)).astype("uint8")
    np.savez(tmp_path / "a.npz", x=pixels, y=np.arange(N) % 3)
    assert run(["init", str(tmp_path / "a.yaml"), "--data", str(tmp_path / "a.npz")]) == 0
    assert "the largest byte is 16, and inputs are divided by 255" in capsys.readouterr().err


MARKED = {
    "percent": ([f"{k / 7:.1f}%" for k in range(N)], "0.0%"),
    "currency": ([f"${k:,}.50" for k in range(1000, 1000 + N)], "$1,000.50"),
    "currency-behind": ([f"{k} EUR" for k in range(N)], "0 EUR"),
    "unit": ([f"{k / 7:.1f} cm" if k % 9 else "N/A" for k in range(N)], "0.1 cm"),
    "degrees": ([f"{k / 7:.1f} °C" for k in range(N)], "0.0 °C"),
    "minus": ([f"\u2212{k}.5" if k % 2 else f"{k}.5" for k in range(N)], "\u22121.5"),
    "brackets": ([f"({k}.5)" if k % 2 else f"{k}.5" for k in range(N)], "(1.5)"),
}


@pytest.mark.parametrize(("texts", "example"), MARKED.values(), ids=MARKED)
def test_numbers_with_signs_or_units(tmp_path, texts, example):
    """`init` leaves them out with an example, `check` warns where they are categories."""
    path = table(tmp_path / "a.csv", columns(c=texts))

    found, text = proposed(tmp_path, path)
    assert found["features"] == ["a", "b"]
    assert f"'c' has numbers with a sign or a unit, such as {example!r}" in text
    assert warnings(path, missing="median", categorical=["c"])["text-numbers"] == [
        f"column 'c' is text such as {example!r}; a number is read as one without sign or unit"
    ]


@pytest.mark.parametrize("form", ["A{}", "#{}", "1.{}.0", "{}-{}", "{}/5", "room {}"])
def test_names_with_numbers_are_no_numbers(tmp_path, form):
    """Codes, versions and names, which have no sign or unit; nor have a few sizes to choose from."""
    content = columns(
        c=[form.format(k, k) for k in range(N)], size=[f"{k % 5} mm" for k in range(N)]
    )

    assert "text-numbers" not in warnings(table(tmp_path / "a.csv", content))


def test_init_leaves_out_infinity_of_parquet(tmp_path):
    """Which reading would refuse."""
    path = table(tmp_path / "a.parquet", columns(c=[np.inf if k == 5 else k / 7 for k in range(N)]))

    found, text = proposed(tmp_path, path)

    assert found["features"] == ["a", "b"]
    assert "'c' has inf (row 5), which is not a finite number" in text


def test_init_leaves_out_columns_of_too_many_categories(tmp_path):
    """1,200 tail numbers of 6,000 flights; each would be an input."""
    generator = np.random.default_rng(0)
    content = {
        "tail": [f"N{k}" for k in generator.permutation(6000) % 1200],
        "x": generator.normal(size=6000).tolist(),
        "y": ["ab"[k] for k in generator.integers(0, 2, 6000)],
    }

    found, text = proposed(tmp_path, table(tmp_path / "a.csv", content))

    assert found["features"] == ["x"]
    assert "'tail' has 1,200 different texts" in text


def test_of_many_columns_init_names_those_left_out(tmp_path):
    """`exclude`, where a list of features would hide them."""
    generator = np.random.default_rng(0)
    wide = {f"c{k}": generator.normal(size=N).round(3).tolist() for k in range(60)}

    found, _ = proposed(tmp_path, table(tmp_path / "a.csv", columns(id=permutation(), **wide)))

    assert found["exclude"] == ["id"]
    assert "features" not in found


# --- Names of warnings


@pytest.mark.parametrize(
    ("text", "is_doubtful"),
    [
        (lambda n: f"{n:,}".replace(",", ".") if n < 10**6 else "0", True),  # 783, 2.986, 22.255
        (lambda n: f"{n / 1000:.3f}", False),  # measured to three digits
        (lambda n: f"{n / 1000:.3f}".rstrip("0").rstrip("."), False),
        (lambda n: str(n % 1000), False),
    ],
)
def test_points_that_may_stand_between_thousands_are_doubted(tmp_path, capsys, text, is_doubtful):
    """By `check` and `init`, with the settings by which they do, and with those no more."""
    numbers = [(k * 7919) % 30_000 + 100 for k in range(N)]
    others = {"a": [k % 7 for k in range(N)], "b": [k % 5 for k in range(N)]}
    path = table(tmp_path / "a.csv", columns(count=[text(n) for n in numbers]) | others)
    assert ("thousands" in warnings(path)) == is_doubtful
    proposed(tmp_path, path)
    assert ("three digits behind it; if so" in capsys.readouterr().err) == is_doubtful
    if is_doubtful:
        assert "and dataset.decimal: ','" in warnings(path)["thousands"][0]
        assert "thousands" not in warnings(path, decimal=",", thousands=".")
        # Once for all splits of a folder, and whatever stands for a missing value.
        (tmp_path / "rows").mkdir()
        content = columns(count=[text(n) for n in numbers]) | others
        content = {k: [*some, "NA" if k == "count" else some[0]] for k, some in content.items()}
        for split in ("train", "test"):
            table(tmp_path / "rows" / f"{split}.csv", content)
        assert len(warnings(tmp_path / "rows", missing="median")["thousands"]) == 1
        # Another column shows that a point stands before decimals.
        path = table(tmp_path / "a.csv", columns(count=[text(n) for n in numbers]))
        assert "thousands" not in warnings(path)


@pytest.mark.parametrize("marker", [-99.9, -999.9, 9999.9, -9.99, -32768, 1e20, -888, -77, -1, 999])
def test_markers_of_missing_values_are_asked_about(tmp_path, marker):
    """Those that weather stations, programs and questionnaires write."""
    values = [20 + k / 100 if k % 9 else marker for k in range(N)]

    (text,) = warnings(table(tmp_path / "a.csv", columns(c=values)))["missing-marker"]
    assert f"dataset.missing_values: [{marker:.6g}]" in text.replace(
        "100000000000000000000", "1e+20"
    )
