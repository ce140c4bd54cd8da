"""What CSV files are written like: quotes, delimiters, gzip, folders that are columns."""

from __future__ import annotations

import base64
import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import dataset_config
from numpy.testing import assert_allclose, assert_array_equal

from mtrain.cli.main import run
from mtrain.data.load import load_dataset
from mtrain.data.sources.csv_text import BLOCK
from mtrain.errors import MtrainError

AS_IT_IS = {"scale": "none", "validation": None, "test": {"size": 1, "how": "tail"}}


def load(path, **settings):
    """The rows, all but the last to train on, and numbers as they are."""
    return load_dataset(
        dataset_config(**{"name": "csv", "path": str(path), "target": "y", **AS_IT_IS, **settings})
    )


def text(tmp_path, content, name="t.csv"):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path, **settings):
    with pytest.raises(MtrainError) as error:
        load(path, **settings)
    return str(error.value).replace(str(path), "PATH")


TEXT = "text after a closing quote; a quote within a value is written twice"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('x,y\n"1"2,a\n3,b\n', f"PATH:2: column 'x': {TEXT}"),
        ('x,y\n1,a\n3,"b"c\n4,a\n', f"PATH:3: column 'y': {TEXT}"),
        ('x,y\n1,a\n3,"b"c', f"PATH:3: column 'y': {TEXT}"),
        ('x;z;y\r\n1;2;a\r\n3;"4" 5;b\r\n', f"PATH:3: column 'z': {TEXT}"),
        ('x,z,y\r1,"two\rlines",a\r2,"q"r,b\r', f"PATH:4: column 'z': {TEXT}"),
        ('x,z,y\n"1","2","a"\n"3","4""5"6,"b"\n', f"PATH:3: column 'z': {TEXT}"),
        ('x,z,y\n1,"q,\n",a\n2,"q,\n"r,b\n', f"PATH:4: column 'z': {TEXT}"),
        ('x,y\n1,a\n""3,b\n', f"PATH:3: column 'x': {TEXT}"),
        ('"x"z,y\n1,a\n', f"PATH:1: column 1: {TEXT}"),
        ('x,"y"z\n1,a\n', f"PATH:1: column 2: {TEXT}"),
        ('\ufeff"x"z,y\n1,a\n', f"PATH:1: column 1: {TEXT}"),
        ('x,y\n1,a\n2,"b""\n', "PATH:3: column 'y': a quote that is never closed"),
        ('x,y\n1,5" nail\n2,"b"c\n', f"PATH:3: column 'y': {TEXT}"),
        ('x,y\n1,"a"\n2, "b"\n', "PATH:3: column 'y': a space before a quote; remove it"),
        ('x,y\n1,"a"\n \t"2","b"\n', "PATH:3: column 'x': a space before a quote; remove it"),
        ('x\ty\n1\t "a"\n2\t"b"\n', "PATH:2: column 'y': a space before a quote; remove it"),
        ('x,z,y\r"1,1",2, "b"\r', "PATH:2: column 'y': a space before a quote; remove it"),
        ('x, "y"\n1,a\n2,b\n', "PATH:1: column 2: a space before a quote; remove it"),
    ],
)  # fmt: skip
def test_text_after_a_closing_quote_is_refused(tmp_path, content, message):
    """With line and column, in rows and in names; a quote written twice closes nothing."""
    assert refusal(text(tmp_path, content)) == message


@pytest.mark.parametrize("at", [BLOCK - 1, BLOCK, BLOCK + 1])
def test_quotes_are_looked_at_over_the_end_of_a_block(tmp_path, at):
    """Where one block of bytes ends and the next begins."""
    start = b'x,z,y\n1,"a",a\n1,'
    for end, is_right in ((b'"b"\n', False), (b'",b\n', True)):
        value = b'"' + b"q" * (at - len(start) - 2)
        path = text(tmp_path, start + value + b'"c' * (not is_right) + end)
        if is_right:
            assert len(load(path, features=["x"]).train) == 1
        else:
            assert refusal(path).startswith("PATH:3: column 'z': text after a closing quote")


@pytest.mark.parametrize(
    "content",
    [
        'x,y\n"1" ,"a"\t\n 2,b\n',
        'x,y\n"1","a"\n"2","b"',
        'z,x,y\n"",1,a\n"""",2,b\n',
        'z,x,y\n"a ""b"" c",1,a\n"a,\n""b""\n",2,b\n',
        'z,x,y\n5" nail,1,a\n6" or 7" nail,2,b\n',
        '"x" ,y\n1,a\n2,b\n',
    ],
)
def test_quotes_that_are_right_are_read(tmp_path, content):
    """Space after them is nothing; a quote within a value without quotes is one of its signs."""
    data = load(text(tmp_path, content), features=["x"])

    assert [data.train.features[0, 0], data.test.features[0, 0]] == [1, 2]
    assert data.classes == ("a", "b")


@pytest.mark.parametrize(
    "content",
    [
        '"x,x\nx,x";y\n1;a\n2;b\n',
        '"a,\nb,\nc,";x;y\n0;1;a\n0;2;b\n',
        "sep=;\nx, or so;x;y\n0;1;a\n0;2;b\n",
        "\ufeffsep=;\r\nx;y\r\n1;a\r\n2;b\r\n",
        '"sep=;"\nx;y\n1;a\n2;b\n',
        "sep=\t\nx\ty\n1\ta\n2\tb\n",
        "sep=:\nx:y\n1:a\n2:b\n",
        "price, EUR;size, m;of, or;x;y\n1,5;2;3;1;a\n1;2;3,1;2;b\n",
        "a, b;x;y\n0;1;a\n0;2;b\n",
        "a|b|c,x,y\n0,1,a\n0,2,b\n",
    ],
)
def test_the_delimiter_is_that_of_the_rows(tmp_path, content):
    """Not one that stands in names; a first line `sep=;` says it."""
    path = text(tmp_path, content)
    features = None if content.startswith('"x,x') else ["x"]
    data = load(path, features=features)

    assert data.classes == ("a", "b")
    assert [data.train.features[0, 0], data.test.features[0, 0]] == [1, 2]


def test_lines_are_counted_behind_the_line_of_the_delimiter(tmp_path):
    """As an editor counts them."""
    path = text(tmp_path, "sep=;\nx;y\n1;a\nq;b\n")
    assert refusal(path).startswith("PATH:4: column 'x': 'q' ")
    assert refusal(text(tmp_path, "sep=;\nx;y\n1;a\n2;b;c\n")) == (
        "PATH:4: 3 values; the first line names 2 columns"
    )


ONE_COLUMN = (
    "; is it a title or a comment? The names stand in the first line; values are separated by commas, "
    "semicolons, tabs or vertical bars"
)


@pytest.mark.parametrize(
    ("content", "first"),
    [
        ("Measured in May\n\nx,y\n1,a\n2,b\n", "Measured in May"),
        ("# Measured in May\nx;y\n1;a\n2;b\n", "# Measured in May"),
        ("  x     y\n  1     a\n  2     b\n", "x     y"),
        ("Measured in May;\nx;y\n1;a\n2;b\n", "Measured in May"),
    ],
    ids=["title", "comment", "spaces", "title of a spreadsheet"],
)
def test_a_first_line_of_one_name(tmp_path, capsys, content, first):
    """It may be no line of names; said by reading and by `init`."""
    path = text(tmp_path, content)
    says = f"the first line names one column, {first!r}{ONE_COLUMN}"

    assert refusal(path).endswith(f"PATH has no column 'y'; {says}")
    assert run(["init", str(tmp_path / "c.yaml"), "--data", str(path)]) == 1
    assert capsys.readouterr().err.endswith(f"{path}: {says}\n")


def test_values_below_a_title(tmp_path):
    """Which is called as the target is."""
    says = "PATH: the first line names one column, 'y'" + ONE_COLUMN
    assert refusal(text(tmp_path, "y\n1,a\n2,b\n")) == says


@pytest.mark.parametrize("name", ["t.csv.gz", "t.tsv.gz", "t.CSV.GZ", "t.csv"])
def test_gzipped_csv_is_read_as_any_other(tmp_path, name):
    """Whatever it is called; errors have the line of what is in it."""
    sign = "\t" if "tsv" in name else ","
    rows = [f"x{sign}y", f"1{sign}a", f"2{sign}b", f"3{sign}a"]
    content = "\n".join([*rows, ""]).encode()
    halves = gzip.compress(content[:9]) + gzip.compress(content[9:])  # as `cat` puts them together
    data = load(text(tmp_path, halves, name))
    assert_array_equal(data.train.features, [[1], [2]])
    assert data.sha256 == load(text(tmp_path, content, "plain.csv")).sha256

    wrong = gzip.compress(content + f"4{sign}b{sign}c\n".encode())
    assert refusal(text(tmp_path, wrong, name)) == (
        "PATH:5: 3 values; the first line names 2 columns"
    )


def test_gzipped_files_of_a_folder_are_found(tmp_path):
    """Beside others."""
    text(tmp_path, "x,y\n1,a\n", "rows/1.csv")
    text(tmp_path, gzip.compress(b"x,y\n2,b\n3,a\n"), "rows/2.csv.gz")

    assert_array_equal(load(tmp_path / "rows").train.features, [[1], [2]])


@pytest.mark.parametrize("cut", [slice(None, -9), slice(None, 14), slice(20, None)])
def test_a_damaged_gzip_file_is_refused(tmp_path, cut):
    """In one line."""
    content = gzip.compress(b"x,y\n" + b"1,a\n2,b\n" * 100)
    damaged = b"\x1f\x8b" + content[cut] if cut.start else content[cut]

    assert refusal(text(tmp_path, damaged, "t.csv.gz")).startswith("PATH: damaged gzip file: ")


def partitioned(folder, kind, **files):
    """Files of two rows each, with x from the number given."""
    for place, start in files.items():
        path = folder / place / f"part-0.{kind}"
        path.parent.mkdir(parents=True)
        if kind == "csv":
            path.write_text(f"x,y\n{start},a\n{start + 1},b\n")
        else:
            pq.write_table(pa.table({"x": [start, start + 1], "y": ["a", "b"]}), path)
    return folder


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("pattern", ["", "year=*/*/*", "year=*/where=*/part-0.*"])
def test_folders_of_partitions_are_columns(tmp_path, kind, pattern):
    """As Spark and others write them: numbers are numbers, text is unquoted, a default is missing."""
    missing = "year=__HIVE_DEFAULT_PARTITION__/where=here"
    places = {"year=2023/where=New%20York": 1, "year=2024/where=here": 3, missing: 5}
    folder = partitioned(tmp_path / "rows", kind, **places)
    data = load(folder / pattern, name=kind, missing="zero")

    columns = {column.name: column for column in data.encoding.columns}
    assert [(c.name, c.kind) for c in columns.values()] == [("x", "number"), ("year", "number"), ("where", "text")]  # fmt: skip
    assert columns["where"].categories == ("New York", "here")
    assert_array_equal(data.train.features[:, :2], [[1, 2023], [2, 2023], [3, 2024], [4, 2024], [5, 0]])  # fmt: skip
    assert_array_equal(data.train.features[:, 3], [0, 0, 1, 1, 1])


def test_a_column_of_the_file_is_not_that_of_its_folder(tmp_path):
    """The file has what was written last."""
    folder = partitioned(tmp_path / "rows", "csv", **{"x=7": 1, "x=8": 3})

    assert_array_equal(load(folder).train.features, [[1], [2], [3]])


def test_a_folder_that_lacks_a_partition_is_refused(tmp_path):
    """By name."""
    folder = partitioned(tmp_path / "rows", "parquet", **{"year=2023": 1, "month=1": 3})

    assert refusal(folder, name="parquet") == (
        "PATH/year=2023/part-0.parquet: no column 'month', which other files of PATH have"
    )


WIDE_INTEGERS = """
UEFSMRUAFUwVTCwVBBUAFQYVBgAAAgAAAAQBAQAAAAAAAAAAAAAAAAAAAP7///////////////////8VDhklAAYZGANiaWcV
ABYEFm4WbiYIABUEFRQVFEwVBBUAAAABAAAAYQEAAABiFQAVEhUSLBUEFRAVBhUGAAACAAAABAEBAwIVDBk1AAYQGRgBeRUA
FgQWYhZiJtIBJqQBABkcFggVbhYAAAAZHBbSARU0FgAAABUCGTxIBHJvb3QVBAAVDhUgFQIYA2JpZwAVDCUCGAF5JQBMHAAA
ABYEGRwZLCZ2HBUOGSUABhkYA2JpZxUAFgQWbhZuJggAFroCFRQAJrQCHBUMGTUABhAZGAF5FQAWBBZiFmIm0gEmpAEAFs4C
FRYAFtABFgQmCBbQARQAABkcGAxBUlJPVzpzY2hlbWEY6AEvLy8vLzZRQUFBQUVBQUFBOHYvLy94UUFBQUFFQUFFQUFBQUtB
QXNBQ0FBS0FBUUErUC8vL3d3QUFBQUlBQWdBQUFBRUFBSUFBQUF3QUFBQUJBQUFBTVQvLy84Y0FBQUFFQUFBQUFnQUFBQUJG
QUFBQUFBQUFQei8vLzhFQUFRQUFRQUFBSGtBQUFEcy8vLy9PQUFBQUNBQUFBQVlBQUFBQVFJQUFCQUFFZ0FFQUJBQUVRQUlB
QUFBREFBQUFBQUE5UC8vLzRBQUFBQUJBQUFBQ0FBSkFBUUFDQUFEQUFBQVltbG5BQT09ABhOUG9sYXJzIChweXRob24pIHZl
cnNpb24gMi4xLjAgKGJ1aWxkIDdmOTAyYmQzZmZkMjdmZjgyZDE0Mjc4YTA5YTI5NWZmMmY3YWVkOTIpGSwcAAAcAAAA0wEA
AFBBUjE=
"""
"""What polars 2.1.0 writes of a column of 128-bit integers called `big`, and a column `y`."""


def test_integers_of_128_bits_are_refused_with_what_helps(tmp_path):
    """As polars makes of a signed and an unsigned integer; pyarrow cannot open such a file."""
    path = text(tmp_path, base64.b64decode(WIDE_INTEGERS), "t.parquet")

    assert refusal(path, name="parquet") == (
        "PATH: a column is of 128-bit integers, and pyarrow reads no file with such; write it with 64 "
        "bits, in polars by `.cast(pl.Int64)`, or as decimals or text"
    )


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_texts_of_parquet_are_trimmed_as_those_of_csv(tmp_path, kind):
    """Names of columns as well; what is empty is missing, and views keep their gaps."""
    columns = {" word ": [" a", "b ", "a", None, "  ", "b", ""], "y": ["p", "q ", " p", "q", "p", "q", "p"]}  # fmt: skip
    arrays = {name: pa.array(values, kind) for name, values in columns.items()}
    pq.write_table(pa.table(arrays), tmp_path / "t.parquet")
    rows = zip(*columns.values(), strict=True)
    text(tmp_path, "".join(f"{x or ''},{y}\n" for x, y in [tuple(columns), *rows]))

    typed = load(tmp_path / "t.parquet", name="parquet", missing="zero")
    plain = load(tmp_path / "t.csv", missing="zero")
    assert typed.classes == plain.classes == ("p", "q")
    assert typed.encoding == plain.encoding
    assert [column.name for column in typed.encoding.columns] == ["word"]
    assert_array_equal(typed.train.features, [[1, 0], [0, 1], [1, 0], [0, 0], [0, 0], [0, 1]])
    assert_array_equal(plain.train.features, typed.train.features)


def test_two_columns_of_parquet_that_are_one_when_trimmed_are_refused(tmp_path):
    """As in CSV."""
    pq.write_table(pa.table([[1], [2], ["a"]], ["b", "b ", "y"]), tmp_path / "t.parquet")

    assert refusal(tmp_path / "t.parquet", name="parquet") == "PATH: there are two columns 'b'"


def test_dictionaries_of_any_index_are_text(tmp_path):
    """Of small and large indices."""
    words = pa.array(["a", "b", None, "a"])
    kinds = [pa.dictionary(index, text) for index in (pa.int8(), pa.int32()) for text in (pa.string(), pa.large_string())]  # fmt: skip
    arrays = {f"c{i}": words.cast(pa.string()).dictionary_encode().cast(kind) for i, kind in enumerate(kinds)}  # fmt: skip
    pq.write_table(pa.table({**arrays, "y": ["p", "q", "p", "q"]}), tmp_path / "t.parquet")
    data = load(tmp_path / "t.parquet", name="parquet", missing="zero")

    assert_allclose(data.train.features, np.tile([[1, 0], [0, 1], [0, 0]], 4))


def test_a_spreadsheet_called_csv_is_said_to_be_none(tmp_path):
    """What begins as a zip file is an .xlsx or .ods as a rule."""
    path = text(tmp_path, b"PK\3\4\x14\0\6\0", "rows.csv")
    with pytest.raises(MtrainError) as error:
        load(path)
    assert str(error.value) == f"{path}: a zip file, as spreadsheets are; export its table as CSV"


@pytest.mark.parametrize("empty", [1, 3])
def test_columns_without_names_can_be_left_out(tmp_path, empty):
    """As a spreadsheet writes those that were cleared: all at once, or by naming the others."""
    path = text(
        tmp_path,
        f"a,b,y{',' * empty}\n1,2,u{',' * empty}\n3,4,v,{'x' * (empty == 3)}{',' * (empty - 1)}\n",
    )

    for settings in ({"exclude": [""]}, {"features": ["a", "b"]}):
        data = load(path, **settings)
        assert [column.name for column in data.encoding.columns] == ["a", "b"]
    with pytest.raises(MtrainError, match=r"column 4 has no name; .*dataset\.exclude: \[\"\"\]"):
        load(path)
