"""Runs, checkpoints, histories, configs and models of strangers: nothing in them is run or believed."""

from __future__ import annotations

import copy
import csv
import hashlib
import io
import json
import math
import os
import pickle
import random
import re
import shutil
import stat
import struct
import subprocess
import sys
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import HANGS

from mtrain.cli.main import run as mtrain
from mtrain.config.loading.reader import parse
from mtrain.errors import MtrainError
from mtrain.run.checkpoint import SCHEMA, read_checkpoint, read_checkpoint_arrays
from mtrain.run.history import HistoryFile, read_history

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND = str(Path(sys.executable).with_name("mtrain"))

MARKER = "a-payload-was-run"
SECRET = "a secret that is nobody's business"

GOOD_HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (64,), }"


class Payload:
    """Makes a folder when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, (MARKER,)


@dataclass(frozen=True)
class Case:
    """What a stranger made of a run, and what is said of it."""

    make: Callable[[Path, Path], object]
    """Changes the run in the first folder; the second is outside of it."""

    says: str
    command: tuple[str, ...] = ("evaluate", "RUN")
    status: int = 1


# --- Making them


def checkpoint_of(run: Path) -> Path:
    return run / "checkpoints" / (run / "checkpoints" / "best").read_text().strip()


def sign(checkpoint: Path) -> None:
    """Make SHA256SUMS right, as anybody can."""
    lines = [
        f"{hashlib.sha256((checkpoint / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("arrays.npz", "state.json")
    ]
    (checkpoint / "SHA256SUMS").write_text("".join(lines))


def change_json(path: Path, change: Callable[[Any], Any]) -> None:
    """Change what a file says; `change` works in place, or returns what it says from now on."""
    data = json.loads(path.read_text())
    changed = change(data)
    if isinstance(changed, str | bytes):
        path.write_bytes(changed if isinstance(changed, bytes) else changed.encode())
    else:
        path.write_text(json.dumps(data if changed is None else changed))


def change_state(run: Path, change: Callable[[Any], Any]) -> None:
    checkpoint = checkpoint_of(run)
    change_json(checkpoint / "state.json", change)
    sign(checkpoint)


def put(**values: Any) -> Callable[[Any], None]:
    """Sets `a__b=value` at `["a"]["b"]`."""

    def change(data):
        for keys, value in values.items():
            *parents, last = keys.split("__")
            inner = data
            for parent in parents:
                inner = inner[parent]
            inner[last] = value

    return change


def column(**changes: Any) -> dict[str, Any]:
    """What a checkpoint says of a column of numbers."""
    whole = {"name": "x", "kind": "number", "fill": None, "categories": [], "constant": None}
    return whole | changes


def as_text(old: str, new: str) -> Callable[[Any], str]:
    """Replaces text of the JSON document, so that what Python cannot write can stand there."""

    def change(data):
        text = json.dumps(data)
        assert old in text
        return text.replace(old, new, 1)

    return change


def nested(levels: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(levels):
        inner = [inner]
    return inner


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(
    *entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_STORED
) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Duplicate name")
        for name, data in entries:
            file.writestr(name, data)
    return content.getvalue()


def npy(array: Any, **options: Any) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, np.asanyarray(array), **options)
    return content.getvalue()


def npy_saying(header: str, values: bytes = bytes(256)) -> bytes:
    """An array with any text as its header, filled up as NumPy does."""
    encoded = f"{header:117}\n".encode("latin-1")
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(encoded)) + encoded + values


def zeros_deflated(megabytes: int) -> bytes:
    """Megabytes of zeros, deflated, of which only one is ever made."""
    one = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = one.compress(bytes(2**20)) + one.flush(zlib.Z_FULL_FLUSH)
    return block * megabytes + one.flush(zlib.Z_FINISH)


def bomb(name: str, megabytes: int = 2048) -> bytes:
    """A small zip whose only member is gigabytes of zeros, by its directory and in truth."""
    content = bytearray(zipped((name, b""), method=zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        empty = file.getinfo(name).compress_size
    deflated, header = zeros_deflated(megabytes), 30 + len(name)
    sizes = struct.pack("<II", len(deflated), megabytes * 2**20)
    content[header : header + empty] = deflated
    content[18:26] = sizes
    directory = header + len(deflated)
    content[directory + 20 : directory + 28] = sizes
    content[-6:-2] = struct.pack("<I", directory)
    return bytes(content)


def encrypted(content: bytes, name: str) -> bytes:
    """With the flag of an encrypted member at `name`, in both places where it stands."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        start = file.getinfo(name).header_offset
    changed = bytearray(content)
    changed[start + 6] |= 1
    changed[changed.rindex(name.encode()) - 46 + 8] |= 1
    return bytes(changed)


def placed(content: bytes, name: str, offset: int) -> bytes:
    """With the member at `name` said to begin elsewhere."""
    changed = bytearray(content)
    entry = changed.rindex(name.encode()) - 46
    changed[entry + 42 : entry + 46] = struct.pack("<I", offset)
    return bytes(changed)


def link_member(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, target.encode()


# --- What is in arrays.npz: of the members, the name of one that is read, and where outside is


Members = dict[str, bytes]


@dataclass(frozen=True)
class Archive:
    """What a stranger made of `arrays.npz`."""

    make: Callable[[Members, str, Path], bytes]
    """From the members as they were, the name of one that is read, and a folder outside."""

    says: str
    hidden: int = 64
    """Units of the model that the config claims: of a larger one the file may be larger."""


def instead(content: Callable[[], bytes]) -> Callable[[Members, str, Path], bytes]:
    """The one member as something else."""
    return lambda members, name, _: zipped(*{**members, name: content()}.items())


def besides(*entries: Any) -> Callable[[Members, str, Path], bytes]:
    """More members."""
    return lambda members, name, _: zipped(*members.items(), *entries)


def with_header(header: str) -> Callable[[Members, str, Path], bytes]:
    return instead(lambda: npy_saying(header))


ARRAYS = {
    "pickled_objects": Archive(
        instead(lambda: npy(np.array([Payload()] * 64, object), allow_pickle=True)),
        "must be float32 (64,), got ",
    ),
    "pickled_structure": Archive(
        instead(lambda: npy(np.array([(Payload(),)] * 64, [("a", "O")]), allow_pickle=True)),
        "not arrays as mtrain writes them",
    ),
    "more_members": Archive(besides(("x.npy", npy(np.zeros(3, np.float32)))), "'x' is not of it"),
    "torch_pickle": Archive(
        besides(("archive/data.pkl", pickle.dumps(Payload()))), "'archive/data.pkl' is not of it"
    ),
    "no_such_member": Archive(
        lambda members, name, _: zipped(*(item for item in members.items() if item[0] != name)),
        "is missing",
    ),
    "another_shape": Archive(
        instead(lambda: npy(np.zeros(65, np.float32))), "must be float32 (64,), got "
    ),
    "no_shape": Archive(instead(lambda: npy(np.float32(1))), "must be float32 (64,), got "),
    "float64": Archive(instead(lambda: npy(np.zeros(64))), "must be float32 (64,), got "),
    "big_endian": Archive(instead(lambda: npy(np.zeros(64, ">f4"))), "must be float32 (64,), got "),
    "fortran_order": Archive(
        instead(lambda: npy(np.zeros((8, 8), np.float32, order="F"))),
        "not arrays as mtrain writes them",
    ),
    "huge_shape": Archive(
        with_header(GOOD_HEADER.replace("(64,)", "(1000000000000,)")),
        "must be float32 (64,), got ",
    ),
    "shape_of_very_many_digits": Archive(
        with_header(GOOD_HEADER.replace("64", "0x" + 4000 * "f")),
        "not arrays as mtrain writes them",
    ),
    "fewer_bytes": Archive(
        instead(lambda: npy_saying(GOOD_HEADER, bytes(255))), "bytes, which its header denies"
    ),
    "more_bytes": Archive(
        instead(lambda: npy_saying(GOOD_HEADER, bytes(257))), "bytes, which its header denies"
    ),
    "empty_member": Archive(instead(lambda: b""), "not arrays as mtrain writes them"),
    "another_format_version": Archive(
        instead(lambda: npy(np.zeros(64, np.float32), version=(3, 0))),
        "not arrays as mtrain writes them",
    ),
    "header_with_open_brackets": Archive(with_header("{'descr': ("), "not arrays as mtrain writes"),
    "header_of_10000_brackets": Archive(with_header(10_000 * "("), "not arrays as mtrain writes"),
    "header_badly_indented": Archive(with_header("x\n  y\n z"), "not arrays as mtrain writes them"),
    "header_with_an_empty_type": Archive(
        with_header(GOOD_HEADER.replace("'<f4'", "()")), "not arrays as mtrain writes them"
    ),
    "header_with_half_a_type": Archive(
        with_header(GOOD_HEADER.replace("<f4", "f4,(")), "not arrays as mtrain writes them"
    ),
    "header_of_python_2": Archive(
        with_header(GOOD_HEADER.replace("64", "64L")), "not arrays as mtrain writes them"
    ),
    "header_with_a_bad_escape": Archive(
        with_header(GOOD_HEADER.replace("<f4", r"<f4\d")), "not arrays as mtrain writes them"
    ),
    "nan": Archive(
        instead(lambda: npy(np.full(64, math.nan, np.float32))), "holds a value that is not finite"
    ),
    "infinity": Archive(
        instead(lambda: npy(np.array([math.inf] + 63 * [0], np.float32))),
        "holds a value that is not finite",
    ),
    "name_with_dots": Archive(besides(("../evil.npy", npy(np.zeros(3)))), "'../evil' is not of it"),
    "absolute_name": Archive(
        lambda members, _, outside: zipped(*members.items(), (f"{outside}/evil.npy", npy(0))),
        "is not of it",
    ),
    "link": Archive(
        lambda members, name, outside: zipped(
            *{**members, "x": b""}.items(), link_member("evil", f"{outside}/secret.txt")
        ),
        "'evil' is not of it",
    ),
    "name_twice": Archive(
        lambda members, name, _: zipped(*members.items(), (name, members[name])),
        "a name stands twice",
    ),
    "name_twice_but_for_its_ending": Archive(
        lambda members, name, _: zipped(
            *members.items(), (name.removesuffix(".npy"), members[name])
        ),
        "a name stands twice",
    ),
    "deflated": Archive(  # so a file of some kilobytes could hold a history of gigabytes
        lambda members, name, _: zipped(*members.items(), method=zipfile.ZIP_DEFLATED),
        "is not stored as mtrain stores it",
    ),
    "bzip2": Archive(
        lambda members, name, _: zipped(*members.items(), method=zipfile.ZIP_BZIP2),
        "is not stored as mtrain stores it",
    ),
    "two_gigabytes_of_zeros": Archive(
        lambda members, name, _: bomb(name), "history/scalars/loss is missing", hidden=1000
    ),
    "100000_members": Archive(
        lambda members, _, __: zipped(*((f"x{number}", b"") for number in range(100_000))),
        "its end is not that of a short list of arrays",
        hidden=20_000,
    ),
    "no_zip": Archive(
        lambda *_: random.Random(0).randbytes(100_000), "not arrays as mtrain writes them"
    ),
    "cut_short": Archive(
        lambda members, *_: zipped(*members.items())[:-100], "not arrays as mtrain writes them"
    ),
    "encrypted": Archive(
        lambda members, name, _: encrypted(zipped(*members.items()), name),
        "not arrays as mtrain writes them",
    ),
    "member_beyond_the_end": Archive(
        lambda members, name, _: placed(zipped(*members.items()), name, 2**31 - 1),
        "not arrays as mtrain writes them",
    ),
    "member_in_the_place_of_another": Archive(
        lambda members, name, _: placed(zipped(*members.items(), ("x", b"")), name, 0),
        "'x' is not of it",
    ),
    "nothing": Archive(lambda *_: b"", "0 bytes cannot be the arrays of its config's"),
}


def replace_arrays(run: Path, outside: Path, archive: Archive, name: str) -> None:
    path = checkpoint_of(run) / "arrays.npz"
    path.write_bytes(archive.make(members_of(path), f"{name}.npy", outside))
    change_state(run, put(config__model__hidden=[archive.hidden]))


# --- What state.json says


STATES = {
    "nan": (as_text('"seconds": 0.0', '"seconds": NaN'), "NaN is no number in JSON"),
    "infinity": (
        as_text('"seconds": 0.0', '"seconds": 1e999'),
        "seconds: Input should be a valid number",
    ),
    "seconds_beyond_any_float": (put(seconds=10**400), "state.json: not "),
    "a_key_twice": (as_text('"schema": ', '"schema": 1, "schema": '), "'schema' stands twice"),
    "the_last_of_50000_keys_twice": (
        lambda _: "{" + "".join(f'"{n}": 0, ' for n in range(50_000)) + '"49999": 0}',
        "'49999' stands twice",
    ),
    "100000_levels": (lambda _: 100_000 * "[", "not JSON as mtrain writes it"),
    "100000_levels_inside": (
        as_text('"seconds": 0.0', f'"seconds": {100_000 * "["}{100_000 * "]"}'),
        "not JSON as mtrain writes it",
    ),
    "a_config_of_300_levels": (put(config__dataset=nested(300)), "state.json: "),
    "a_config_of_600_levels": (put(config__dataset=nested(600)), "state.json: "),
    "a_config_of_900_levels": (put(config__dataset=nested(900)), "state.json: "),
    "not_json": (lambda _: b"\x80\x05\x95", "not JSON as mtrain writes it"),
    "a_pickle": (lambda _: pickle.dumps(Payload()), "not JSON as mtrain writes it"),
    "not_a_mapping": (lambda _: "[]", "not a checkpoint as mtrain"),
    "a_number": (lambda _: "2", "not a checkpoint as mtrain"),
    "another_schema": (
        put(schema=9),
        f"its schema is 9, this mtrain reads {SCHEMA}; train it again",
    ),
    "nothing_but_a_schema": (lambda _: f'{{"schema": {SCHEMA}}}', "config: Field required"),
    "a_huge_model": (
        put(config__model__hidden=[100_000] * 100),
        "bytes cannot be the arrays of its config's 990,",
    ),
    "a_model_of_no_units": (put(config__model__hidden=[0]), "model.hidden[0]: must be at least 1"),
    "code_for_a_model": (put(config__model__activation="os:system"), "model.activation: unknown"),
    "a_config_that_is_a_list": (put(config=[]), "config: Input should be an object"),
    "20000_unknown_settings": (
        lambda state: state["config"].update({f"k{n}": 1 for n in range(20_000)}),
        "k0: unknown setting",
    ),
    "a_setting_of_5000_digits": (as_text('"seed": 0', f'"seed": {5000 * "9"}'), "not JSON"),
    "a_setting_of_half_a_character": (
        put(config__name="\ud800"),
        "not JSON as mtrain writes it",
    ),
    "a_shape_below_zero": (
        put(encoding__shape=[-64]),
        "encoding.shape.0: Input should be greater than or equal to 1",
    ),
    "a_shape_by_a_fraction": (
        put(encoding__shape=[64.5]),
        "encoding.shape.0: Input should be a valid integer",
    ),
    "a_shape_that_is_true": (
        put(encoding__shape=[True]),
        "encoding.shape.0: Input should be a valid integer",
    ),
    "a_shape_beyond_the_file": (
        put(encoding__shape=[10**9, 1000]),
        "bytes cannot be the arrays of its config's 64,000,",
    ),
    "a_shape_of_4299_digits": (
        as_text('"shape": [8, 8]', f'"shape": [{4299 * "9"}]'),
        "state.json: not ",
    ),
    "no_shape": (put(encoding__shape=[]), "rows are either arrays of a shape or have columns"),
    "no_encoding": (put(encoding=None), "state.json: not a checkpoint as mtrain"),
    "a_mean_too_few": (
        put(encoding__mean=[0.0] * 63, encoding__deviation=[1.0] * 63),
        "63 means of 64 inputs",
    ),
    "a_mean_without_deviation": (put(encoding__mean=[0.0] * 64), "as many means as deviations"),
    "a_mean_that_is_text": (
        put(encoding__mean=["0"] * 64),
        "encoding.mean.0: Input should be a valid number",
    ),
    "a_deviation_of_zero": (
        put(encoding__mean=[0.0] * 64, encoding__deviation=[0.0] * 64),
        "what divides must be above 0",
    ),
    "a_divisor_below_zero": (put(encoding__divisor=-16.0), "what divides must be above 0"),
    "a_column_of_no_kind": (
        put(encoding__shape=[], encoding__columns=[column(kind="code")]),
        "encoding.columns.0.kind: Input should be 'number', 'boolean' or 'text'",
    ),
    "a_column_twice": (
        put(encoding__shape=[], encoding__divisor=None, encoding__columns=[column(), column()]),
        "a column is there twice",
    ),
    "categories_twice": (
        put(encoding__shape=[], encoding__columns=[column(kind="text", categories=["a", "a"])]),
        "categories must be sorted, each there once",
    ),
    "a_column_without_a_name": (
        put(encoding__shape=[], encoding__columns=[column(name=7)]),
        "encoding.columns.0.name: Input should be a valid string",
    ),
    "classes_that_are_numbers": (
        put(classes=list(range(10))),
        "classes.0: Input should be a valid str",
    ),
    "classes_that_are_text": (put(classes="0123456789"), "classes: Input should be a valid array"),
    "classes_that_are_nested": (
        put(classes=[["a"]] * 10),
        "classes.0: Input should be a valid string",
    ),
    "one_class": (put(classes=["a"]), "classes: must be at least 2 names, got 1"),
    "a_class_of_half_a_character": (put(classes=["\ud800", *"123456789"]), "not JSON"),
    "classes_of_one_name": (put(classes=10 * ["a"]), "classes"),
    "classes_named_as_averages": (put(classes=["accuracy", "macro avg", *"23456789"]), "classes"),
    "a_history_of_a_column_more": (
        lambda state: state["history"]["scalars"].append("x"),
        "history/scalars/x is missing",
    ),
    "a_history_of_a_column_less": (
        lambda state: state["history"]["scalars"].remove("loss"),
        "'history/scalars/loss' is not of it",
    ),
    "a_history_of_other_splits": (
        put(history__counts=["train"], history__per_class={}),
        "is not of it",
    ),
    "a_history_of_columns_that_are_numbers": (
        put(history__scalars=[1]),
        "history.scalars.0: Input should be a valid string",
    ),
    "a_history_of_fewer_seconds": (
        put(history__seconds=[1.0] * 3),
        "its history has 3 epochs, its cursor 4",
    ),
    "a_history_of_text": (
        put(history__seconds=[*"abcd"]),
        "history.seconds.0: Input should be a valid",
    ),
    "a_history_beyond_any_float": (put(history__seconds=[10**400] * 4), "state.json: not "),
    "a_history_of_no_list": (put(history__per_class=[]), "not a checkpoint as mtrain"),
    "no_history": (put(history=None), "history: Input should be an object"),
    "an_identity_of_lists": (put(identity={"threads": [1]}), "identity.threads"),
    "code_outside_of_the_run": (
        lambda state: state["identity"].update({"code.../secret.py": "0"}),
        "'../secret.py' cannot be a file of the run",
    ),
    "code_at_an_absolute_path": (
        lambda state: state["identity"].update({"code./etc/hostname.py": "0"}),
        "'/etc/hostname.py' cannot be a file of the run",
    ),
    "utf_16": (lambda state: json.dumps(state).encode("utf-16"), "not JSON as mtrain writes it"),
    "utf_32": (lambda state: json.dumps(state).encode("utf-32"), "not JSON as mtrain writes it"),
    "a_cursor_of_another_epoch": (put(cursor__epoch=3), "it is epoch-0003"),
    "a_cursor_within_an_epoch": (put(cursor__step=7), "it is epoch-0005-step-000007"),
    "a_cursor_below_zero": (put(cursor__epoch=-1), "cursor.epoch: Input should be greater"),
    "a_cursor_of_4300_digits": (as_text('"epoch": 4,', f'"epoch": {4300 * "9"},'), "state.json"),
    "a_cursor_that_is_none": (put(cursor=None), "not a checkpoint as mtrain"),
    "best_outside": (put(best="../../x"), "best must name"),
    "best_that_is_no_name": (put(best=["epoch-0004"]), "not a checkpoint as mtrain"),
    "best_of_an_epoch_to_come": (put(best="epoch-0099"), "best must name"),
}


# --- What the columns of its history say


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("counts/val/tp", np.full((4, 10), -5), "tp must not be negative"),
        ("counts/val/tp", np.full((4, 10), 0.5), "must be int64 (4, 10), got <f8"),
        ("counts/val/tp", np.zeros((4, 9), np.int64), "must be int64 (4, 10), got <i8 (4, 9)"),
        ("scalars/loss", np.ones(3), "must be float64 (4,), got <f8 (3,)"),
        ("scalars/loss", np.full(4, 1e300), "loss holds a number too large to be a figure"),
        ("per_class/val/recall", np.full((4, 10), 1e300), "recall holds a number too large"),
    ],
)
def test_a_history_that_no_training_has_is_refused(small_run, tmp_path, capsys, name, values, says):
    """Its columns are arrays of the checkpoint."""
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    path = checkpoint_of(run) / "arrays.npz"
    members = {**members_of(path), f"history/{name}.npy": npy(values)}
    path.write_bytes(zipped(*members.items()))
    sign(path.parent)

    assert mtrain(["evaluate", str(run)]) == 1
    assert says in capsys.readouterr().err


# --- Links and FIFOs


def moved_outside(name: str) -> Callable[[Path, Path], None]:
    """The file or folder lies outside, and a link where it was."""

    def make(run: Path, outside: Path) -> None:
        path = run / name
        path.rename(outside / path.name)
        path.symlink_to(outside / path.name)

    return make


def linked_nowhere(run: Path, outside: Path) -> None:
    shutil.rmtree(run / "charts")
    (run / "charts").symlink_to(outside / "charts")


LINKED = (
    *("checkpoints", "checkpoints/epoch-0004", "checkpoints/best", "checkpoints/last"),
    *(f"checkpoints/epoch-0004/{name}" for name in ("arrays.npz", "state.json", "SHA256SUMS")),
    *("config.yaml", "environment.json", "history.json", "history.csv"),
    *("by_class.csv", ".lock"),
    *("charts", "charts/learning_curves.png"),
    *("evaluation", "evaluation/test", "evaluation/test/metrics.json"),
)

LINKS = {
    **{
        f"{command}-{name}": Case(
            moved_outside(name), "is a symbolic link; a run holds none", (command, "RUN")
        )
        for command in ("evaluate", "plot", "resume")
        for name in LINKED
    },
    "evaluate-a_checkpoint_by_its_name": Case(
        moved_outside("checkpoints/epoch-0004"),
        "is a symbolic link; a run holds none",
        ("evaluate", "RUN/checkpoints/epoch-0004"),
    ),
    "plot-a_history_by_its_name": Case(
        moved_outside("history.json"),
        "is a symbolic link; a run holds none",
        ("plot", "RUN/history.json"),
    ),
    "plot-charts_that_are_not_there_yet": Case(
        linked_nowhere, "is a symbolic link; a run holds none", ("plot", "RUN")
    ),
}


def waits(name: str) -> Callable[[Path, Path], None]:
    """A FIFO in the file's place."""

    def make(run: Path, _: Path) -> None:
        (run / name).unlink()
        os.mkfifo(run / name)

    return make


IN_CHECKPOINT = "checkpoints/epoch-0004"

FIFOS = {
    "evaluate-state.json": Case(waits(f"{IN_CHECKPOINT}/state.json"), "state.json: not a file"),
    "evaluate-arrays.npz": Case(waits(f"{IN_CHECKPOINT}/arrays.npz"), "cannot be the arrays"),
    "evaluate-SHA256SUMS": Case(waits(f"{IN_CHECKPOINT}/SHA256SUMS"), "SHA256SUMS: not a file"),
    "evaluate-best": Case(waits("checkpoints/best"), "best: not a file"),
    "evaluate-itself": Case(
        waits("history.json"), "neither a folder nor a file", ("evaluate", "RUN/history.json")
    ),
    "plot-history.json": Case(waits("history.json"), "no history.json", ("plot", "RUN")),
    "plot-itself": Case(waits("history.json"), "not a file", ("plot", "RUN/history.json")),
    "resume-config.yaml": Case(
        waits("config.yaml"), "config.yaml: not a file", ("resume", "RUN"), status=2
    ),
    "resume-state.json": Case(
        waits(f"{IN_CHECKPOINT}/state.json"), "state.json: not a file", ("resume", "RUN")
    ),
    "resume-arrays.npz": Case(
        waits(f"{IN_CHECKPOINT}/arrays.npz"), "cannot be the arrays", ("resume", "RUN")
    ),
}


# --- What config.yaml says


def written(content: bytes | str) -> Callable[[Path, Path], object]:
    encoded = content.encode() if isinstance(content, str) else content
    return lambda run, _: (run / "config.yaml").write_bytes(encoded)


def of_100_megabytes(run: Path, _: Path) -> None:
    with (run / "config.yaml").open("r+b") as file:
        file.truncate(100_000_000)


CONFIGS = {
    "a_tag_that_runs_code": (
        written(f"name: !!python/object/apply:os.mkdir [{MARKER}]\n"),
        "config.yaml:1: the tag 'tag:yaml.org,2002:python/object/apply:os.mkdir' is not supported",
    ),
    "a_tag_by_another_name": (
        written(
            f"%TAG ! tag:yaml.org,2002:python/\n---\nname: !object/apply:os.mkdir [{MARKER}]\n"
        ),
        "config.yaml:3: the tag",
    ),
    "a_bomb_of_aliases": (
        written(
            "a: &a [x, x, x, x, x, x, x, x, x]\n"
            + "".join(
                f"{b}: &{b} [{', '.join(9 * [f'*{a}'])}]\n"
                for a, b in zip("abcdefgh", "bcdefghi", strict=True)
            )
        ),
        "config.yaml:1: anchors and aliases are not supported",
    ),
    "an_alias_of_itself": (written("a: &a [*a]\n"), "config.yaml:1: anchors and aliases"),
    "an_alias_of_nothing": (written("a: *b\n"), "config.yaml:1: anchors and aliases"),
    "merged_into_itself": (written("a: &a\n  <<: *a\n"), "config.yaml:1: anchors and aliases"),
    "10000_levels": (written(10_000 * "["), "config.yaml:1: nested more than 20 levels deep"),
    "10000_levels_of_mappings": (written("a: {" + 9_999 * "a: {"), "nested more than 20 levels"),
    "10000_levels_of_keys": (written(10_000 * "? "), "config.yaml:1: a key must be text"),
    "100_megabytes": (of_100_megabytes, "100,000,000 bytes is too large for a config"),
    "utf_16": (written("name: x\n".encode("utf-16")), "config.yaml: not UTF-8 text (byte 0)"),
    "binary": (written(random.Random(0).randbytes(10_000)), "config.yaml: not UTF-8 text"),
    "zeros": (written(bytes(1000)), "config.yaml:1: the character U+0000 cannot"),
    "a_pickle": (written(pickle.dumps(Payload())), "config.yaml: not UTF-8 text (byte 0)"),
    "nothing": (written(b""), "config.yaml: is empty"),
    "no_mapping": (written("[a, b]"), "config.yaml: must be a mapping of settings"),
    "two_documents": (written("name: x\n---\nname: y\n"), "config.yaml:3: a second document"),
    "a_character_beyond_unicode": (written(r'name: "\UFFFFFFFF"'), "config.yaml"),
    "a_version_of_5000_digits": (written(f"%YAML 1.{5000 * '9'}\n---\nname: x\n"), "config.yaml"),
    "a_number_of_5000_digits": (written(f"seed: {5000 * '9'}\n"), "config.yaml:1: seed: "),
    "a_number_of_4000_hex_digits": (written(f"seed: 0x{4000 * 'f'}\n"), "config.yaml:1: seed: "),
    "a_key_9000_times": (written(9_000 * "a: 1\n"), "config.yaml:2: a: set twice"),
    "a_key_15000_times": (written(15_000 * "a: 1\n"), "config.yaml:10000: more than 10,000 values"),
    "9000_unknown_settings": (
        written("".join(f"k{n}: 1\n" for n in range(9_000))),
        "unknown setting",
    ),
    "a_list_of_40000_numbers": (
        written(f"model: {{hidden: [{40_000 * '1,'}]}}\n"),
        "config.yaml:1: more than 10,000 values",
    ),
    "a_megabyte": (written(f"model: {{hidden: [{490_000 * '1,'}]}}\n"), "too large for a config"),
}


# --- What history.json says


HISTORIES = {
    "cut_short": (lambda history: json.dumps(history)[:-200], "not JSON as mtrain writes it"),
    "nothing": (lambda _: "", "not JSON as mtrain writes it"),
    "nan": (as_text('"epoch": [1', '"epoch": [NaN'), "NaN is no number in JSON"),
    "a_key_twice": (as_text('"schema": 1', '"schema": 1, "schema": 1'), "'schema' stands twice"),
    "the_last_of_50000_keys_twice": (STATES["the_last_of_50000_keys_twice"][0], "stands twice"),
    "100000_levels": (lambda _: 100_000 * "[", "not JSON as mtrain writes it"),
    "five_million_lists": (
        lambda _: f'{{"schema": 1, "run": "x", "classes": [{5_000_000 * "[],"}1]}}',
        "history.json: not ",
    ),
    "100000_levels_of_mappings": (lambda _: 100_000 * '{"a":', "not JSON as mtrain writes it"),
    "100000_levels_inside": (
        as_text('"schema": 1', f'"run": {100_000 * "["}{100_000 * "]"}, "schema": 1'),
        "not JSON as mtrain writes it",
    ),
    "binary": (lambda _: random.Random(0).randbytes(1000), "not JSON as mtrain writes it"),
    "a_pickle": (lambda _: pickle.dumps(Payload()), "not JSON as mtrain writes it"),
    "no_mapping": (lambda _: "[]", "not a mapping"),
    "another_schema": (put(schema="1"), "its schema is '1', this mtrain reads 1"),
    "numbers_of_5000_digits": (as_text('"schema": 1', f'"schema": {5000 * "1"}'), "not JSON"),
    "numbers_beyond_any_float": (put(history__loss=[10**400] * 4), "history.json: not "),
    "numbers_beyond_any_axis": (put(history__loss=[1e300] * 4), "too large to be a figure"),
    "negative_counts": (
        lambda history: history["counts"]["val"].update(tp=[10 * [-5]] * 4),
        "not a history",
    ),
    "no_epoch": (
        lambda _: {
            "schema": 1,
            "run": "x",
            "classes": ["a", "b"],
            "epoch": [],
            "seconds": [],
            "history": {},
            "counts": {},
            "per_class": {},
            "segments": [],
        },
        "holds no epoch yet, there is nothing to draw",
    ),
}


def history_case(change: Callable[[Any], Any], says: str) -> Case:
    return Case(lambda run, _: change_json(run / "history.json", change), says, ("plot", "RUN"))


CASES = {
    **{
        f"arrays/{name}": Case(
            lambda run, outside, a=archive: replace_arrays(run, outside, a, "model/hidden_1/bias"),
            archive.says,
            ("CHECKPOINT",),
        )
        for name, archive in ARRAYS.items()
    },
    **{
        f"state/{name}": Case(lambda run, _, change=change: change_state(run, change), says)
        for name, (change, says) in STATES.items()
    },
    **{f"link/{name}": case for name, case in LINKS.items()},
    **{f"fifo/{name}": case for name, case in FIFOS.items()},
    **{
        f"config/{name}": Case(make, says, ("resume", "RUN"), status=2)
        for name, (make, says) in CONFIGS.items()
    },
    **{f"history/{name}": history_case(change, says) for name, (change, says) in HISTORIES.items()},
}


# --- Asking mtrain


@dataclass(frozen=True)
class Answer:
    """What a process of its own said to a case."""

    run: Path
    outside: Path
    said: dict[str, Any]
    changed: list[str]
    """Paths below the case's folder whose content is not what it was."""


@pytest.fixture(scope="module")
def small_run(shared_run, tmp_path_factory):
    """The finished run, as quick to copy as can be."""
    run = tmp_path_factory.mktemp("hostile") / "run"
    shutil.copytree(shared_run, run)
    for chart in run.rglob("*.png"):
        chart.write_bytes(b"\x89PNG")
    return run


@pytest.fixture(scope="module")
def shapes(small_run):
    """What the model's variables are."""
    with np.load(checkpoint_of(small_run) / "arrays.npz") as arrays:
        return {
            name: (arrays[name].dtype.name, arrays[name].shape)
            for name in arrays.files
            if name.startswith("model/")
        }


@pytest.fixture(scope="module")
def ask(small_run, shapes, tmp_path_factory):
    """Makes cases, and lets one child answer them, each in a process of its own."""

    def all_of(cases: dict[str, Case]) -> dict[str, Answer]:
        folder = tmp_path_factory.mktemp("cases")
        places, jobs, before = {}, [], {}
        for number, (name, case) in enumerate(cases.items()):
            run, outside = folder / str(number) / "run", folder / str(number) / "outside"
            for place in (outside, outside.with_name("working")):
                place.mkdir(parents=True)
            (outside / "secret.txt").write_text(SECRET)
            shutil.copytree(small_run, run)
            case.make(run, outside)
            places[name] = run, outside
            before[name] = content_of(run.parent)
            jobs.append(job_of(case, run, shapes))
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("sandbox.py"))],
            input=json.dumps(jobs),
            capture_output=True,
            text=True,
            check=False,
            timeout=HANGS,
        )
        assert done.returncode == 0, done.stderr
        answers = {}
        for (name, (run, outside)), said in zip(
            places.items(), json.loads(done.stdout), strict=True
        ):
            after = content_of(run.parent)
            paths = sorted(before[name].keys() | after.keys())
            changed = [path for path in paths if before[name].get(path) != after.get(path)]
            answers[name] = Answer(run, outside, said, changed)
        return answers

    return all_of


@pytest.fixture(scope="module")
def answers(ask):
    """To all that is to be refused."""
    return ask(CASES)


def job_of(case: Case, run: Path, shapes: Any) -> dict[str, Any]:
    place = {"working": str(run.with_name("working"))}
    if case.command == ("CHECKPOINT",):
        return {**place, "checkpoint": str(checkpoint_of(run)), "shapes": shapes}
    return {**place, "command": [argument.replace("RUN", str(run)) for argument in case.command]}


def content_of(folder: Path) -> dict[str, str]:
    """Every path below a folder, and a hash of what it is; links are not followed."""
    found = {}
    for path in folder.rglob("*"):
        kind = path.lstat().st_mode
        if stat.S_ISLNK(kind):
            content = str(path.readlink()).encode()
        else:
            content = path.read_bytes() if stat.S_ISREG(kind) else b""
        # The lock's own file comes and goes.
        if path.name not in {".lock", ".writer"}:
            found[str(path.relative_to(folder))] = (
                f"{stat.S_IFMT(kind)} {hashlib.sha256(content).hexdigest()}"
            )
    return found


def check_refused(answer: Answer, case: Case) -> None:
    """A few lines in time, and nothing else."""
    said = answer.said
    lines = said["stderr"].splitlines()
    shown = said["stderr"][-2000:]
    assert said["status"] == case.status, shown
    assert case.says in said["stderr"], shown
    assert [line for line in lines if not line.startswith("mtrain: ")] == []
    assert said["stdout"] == ""
    assert "\x1b" not in said["stderr"]
    assert SECRET not in said["stderr"]
    check_harmless(answer)
    assert len(lines) <= 100, f"{len(lines):,} lines"
    assert max(map(len, lines)) <= 2000
    assert said["bytes"] <= 200_000_000, f"{said['bytes']:,} bytes"
    assert said["seconds"] <= 10, f"{said['seconds']} s"


def check_harmless(answer: Answer) -> None:
    """Nothing was run, nothing outside the run was opened, nothing at all changed."""
    said, outside = answer.said, str(answer.outside)
    assert said["ran"] == []
    assert [path for path in said["opened"] if path.startswith(outside)] == []
    assert [path for path in said["changed"] if not path.startswith(str(answer.run))] == []
    assert answer.changed == []


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_that_are_not_those_of_the_config_are_refused(answers, name):
    """By what reads them, once TensorFlow is loaded and says what they must be."""
    check_refused(answers[f"arrays/{name}"], CASES[f"arrays/{name}"])


@pytest.mark.parametrize("name", STATES)
def test_a_state_that_no_training_has_is_refused(answers, name):
    """Whatever SHA256SUMS says: anybody can sign."""
    check_refused(answers[f"state/{name}"], CASES[f"state/{name}"])


@pytest.mark.parametrize("name", LINKS)
def test_a_link_out_of_the_run_is_not_followed(answers, name):
    """To a file, to a folder, or to where there is nothing yet."""
    check_refused(answers[f"link/{name}"], LINKS[name])


@pytest.mark.parametrize("name", FIFOS)
def test_nothing_waits_for_a_fifo(answers, name):
    """It is no file, and that is said."""
    check_refused(answers[f"fifo/{name}"], FIFOS[name])


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_that_is_no_plain_data_is_refused(answers, name):
    """By `resume`, which reads that of the run."""
    check_refused(answers[f"config/{name}"], CASES[f"config/{name}"])


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_that_is_none_is_refused(answers, name):
    """By `plot`."""
    check_refused(answers[f"history/{name}"], CASES[f"history/{name}"])


def test_the_same_without_malice_is_accepted(ask, small_run, tmp_path, capsys):
    """What refuses the rest is what is wrong with it."""

    def signed_again(run, _):
        change_state(run, lambda state: None)

    cases = {
        "read": Case(signed_again, "", ("CHECKPOINT",)),
        "plot": Case(signed_again, "", ("plot", "RUN")),
    }
    for answer in ask(cases).values():
        assert answer.said["status"] == 0
        assert answer.said["ran"] == []
        assert [path for path in answer.changed if not path.startswith("run/charts/")] == []

    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    signed_again(run, None)
    assert mtrain(["evaluate", str(run)]) == 0
    assert capsys.readouterr().err == ""


def test_the_payloads_would_run(tmp_path, monkeypatch):
    """For whoever loads them as they ask to be."""
    monkeypatch.chdir(tmp_path)
    config, _ = CONFIGS["a_tag_that_runs_code"]
    config(tmp_path, tmp_path)
    np.save("x.npy", np.array([Payload()], object), allow_pickle=True)
    for load in (
        lambda: yaml.unsafe_load((tmp_path / "config.yaml").read_text()),
        lambda: np.load("x.npy", allow_pickle=True),
    ):
        load()
        Path(MARKER).rmdir()


def test_the_bomb_is_one(tmp_path):
    """Two gigabytes for whoever reads all of its member, which is two megabytes."""
    content = bomb("x.npy")
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with zipfile.ZipFile(path) as file:
        assert len(content) < 3_000_000
        assert file.getinfo("x.npy").file_size == 2**31
        with file.open("x.npy") as member:
            assert member.read(10_000_000) == bytes(10_000_000)


# --- Where TensorFlow is loaded before there is an answer


@pytest.mark.parametrize(
    "name",
    [
        "pickled_objects",
        "another_shape",
        "nan",
        "more_members",
        "two_gigabytes_of_zeros",
        "encrypted",
    ],
)
def test_evaluate_says_what_is_wrong_with_the_weights(
    small_run, tmp_path, monkeypatch, capsys, name
):
    """Status 1, one line, nothing written, no payload run."""
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    archive = ARRAYS[name]
    replace_arrays(run, tmp_path, archive, "model/hidden_1/bias")
    before = content_of(run)
    monkeypatch.chdir(tmp_path)

    assert mtrain(["evaluate", str(run)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert archive.hidden != 64 or archive.says in said.err
    assert content_of(run) == before
    assert not Path(MARKER).exists()


@pytest.mark.parametrize("n_classes", [2, 3, 11])
def test_a_model_of_other_classes_than_the_data_is_refused(small_run, tmp_path, capsys, n_classes):
    """Its arrays fit its own state, and the labels of the data do not."""
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    outputs = 1 if n_classes == 2 else n_classes
    path = checkpoint_of(run) / "arrays.npz"
    output = {
        "model/output/kernel.npy": npy(np.zeros((64, outputs), np.float32)),
        "model/output/bias.npy": npy(np.zeros(outputs, np.float32)),
    }
    for split in ("train", "val"):
        for count in ("tp", "fp", "fn"):
            ones = npy(np.ones((4, n_classes), np.int64))
            output[f"history/counts/{split}/{count}.npy"] = ones
    members = {k: v for k, v in members_of(path).items() if not k.startswith("history/per_class")}
    path.write_bytes(zipped(*{**members, **output}.items()))
    names = [f"c{k}" for k in range(n_classes)]
    change_state(run, put(classes=names, history__per_class={}))
    status, message = mtrain(["evaluate", str(run)]), capsys.readouterr().err
    assert status in {1, 2}
    assert "classes" in message


def test_weights_whose_outputs_are_not_finite_are_refused(small_run, tmp_path, capsys):
    """Each is finite; the sums are not, and NaN is no probability."""
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    path = checkpoint_of(run) / "arrays.npz"
    members = members_of(path)
    for name in [name for name in members if name.startswith("model/")]:
        with np.load(path) as arrays:
            members[name] = npy(np.full_like(arrays[name.removesuffix(".npy")], 3e38))
    path.write_bytes(zipped(*members.items()))
    sign(path.parent)

    assert mtrain(["evaluate", str(run)]) in {1, 4}
    assert "finite" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda state: state["history"]["segments"][0].update(x=10**30),
            id="a_number_of_31_digits",
        ),
        pytest.param(
            lambda state: state["history"]["segments"][0].update(x="\ud800"), id="half_a_character"
        ),
        pytest.param(put(history__run="\ud800"), id="a_run_of_half_a_character"),
        pytest.param(put(history__segments=[]), id="no_segments"),
    ],
)
def test_resume_goes_on_or_says_why_not(small_run, tmp_path, capsys, change):
    """A history that can be read can be written again, an epoch later."""
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    change_state(run, change)
    status = mtrain(["resume", str(run), "training.epochs=5", "--quiet"])

    said = capsys.readouterr()
    assert (status, said.err == "") in {(0, True), (1, False), (2, False)}


def test_a_finished_run_whose_history_says_nothing_of_its_end_is_reported_again(
    small_run, tmp_path
):
    """`history.json` without any segment is no reason to fail."""
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    change_json(run / "history.json", put(segments=[]))

    assert mtrain(["resume", str(run), "--quiet"]) == 0
    assert json.loads((run / "history.json").read_text())["segments"][-1]["ended"] == "finished"


# --- Histories that can be drawn


@pytest.mark.parametrize("key", ["schema", "classes", "epoch", "seconds", "history", "counts"])
@pytest.mark.parametrize(
    "value",
    [
        None,
        2,
        1.5,
        "x",
        [],
        {},
        [[]],
        [None],
        ["1", "2", "3", "4"],
        [True] * 4,
        {"a": 1},
        {"a": []},
    ],
    ids=json.dumps,
)
def test_a_history_of_wrong_types_is_refused(small_run, tmp_path, key, value):
    """At the top."""
    path = tmp_path / "history.json"
    shutil.copy(small_run / "history.json", path)
    change_json(path, put(**{key: value}))
    with pytest.raises(MtrainError, match="not a history as mtrain writes it"):
        read_history(path)


@pytest.mark.parametrize("where", ["seconds", "history__loss"])
@pytest.mark.parametrize("value", ["1", True, [1.0], {}], ids=json.dumps)
def test_a_figure_that_is_no_number_is_refused(small_run, tmp_path, where, value):
    """Text that looks like one included."""
    path = tmp_path / "history.json"
    shutil.copy(small_run / "history.json", path)
    change_json(path, put(**{where: 4 * [value]}))
    with pytest.raises(MtrainError, match="not a history as mtrain writes it"):
        read_history(path)


def test_a_run_of_a_long_name_is_drawn(ask):
    """No chart grows with it."""
    answer = ask({"x": history_case(put(run=255 * "x"), "")})["x"]

    assert answer.said["status"] == 0, answer.said["stderr"][-300:]
    assert answer.said["stderr"] == ""


# --- What no test thought of


EXTREMES = st.sampled_from(
    [*(10**30, 10**400, -(2**63), 2**64, 1e308, -0.0, math.nan, math.inf), "", "\ud800", "\x1b[2J"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | EXTREMES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=9,
)


STEPS = st.lists(st.integers(0, 30), min_size=1, max_size=5)
CHANGES = st.lists(
    st.tuples(STEPS, st.sampled_from(["put", "drop"]), JSON)
    | st.tuples(STEPS, st.just("copy"), STEPS),
    min_size=1,
    max_size=3,
)


def altered(data: Any, changes: list[tuple[list[int], str, Any]]) -> Any:
    """`data` with some of what is in it replaced by anything, left out, or put elsewhere."""
    data = copy.deepcopy(data)
    for steps, how, what in changes:
        if not data:
            break
        parent, key = place_in(data, steps)
        if how == "put":
            parent[key] = what
        elif how == "drop":
            del parent[key]
        else:
            other, its_key = place_in(data, what)
            parent[key] = copy.deepcopy(other[its_key])
    return data


def place_in(data: Any, steps: list[int]) -> tuple[Any, Any]:
    """The container and the key that so many steps into `data` lead to."""
    inner = data
    for step in steps:
        parent, keys = inner, list(inner) if isinstance(inner, dict) else range(len(inner))
        key = keys[step % len(keys)]
        inner = parent[key]
        if not (inner and isinstance(inner, dict | list)):
            break
    return parent, key


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("scratch")


many_examples = settings(max_examples=150)


@many_examples
@given(
    content=st.binary()
    | st.text().map(str.encode)
    | JSON.map(lambda data: json.dumps(data).encode())
)
def test_whatever_is_in_a_history_it_is_read_or_refused(scratch, content):
    """Bytes, text, JSON."""
    path = scratch / "history.json"
    path.write_bytes(content)
    with pytest.raises(MtrainError):
        read_history(path)


@many_examples
@given(changes=CHANGES)
def test_whatever_is_changed_in_a_history_it_is_read_or_refused(scratch, small_run, changes):
    """And what is read can be written, and read again as the same."""
    path = scratch / "history.json"
    history = json.loads((small_run / "history.json").read_text())
    path.write_text(json.dumps(altered(history, changes)))
    history, refusal = tried(read_history, path)
    if history is None:
        assert refusal.startswith(f"{path}: not ")
    else:
        HistoryFile(history, path).write(flush=False)
        again = read_history(path)
        assert (again.epoch, again.classes) == (history.epoch, history.classes)


@many_examples
@given(changes=CHANGES)
def test_whatever_is_changed_in_a_state_it_is_read_or_refused(scratch, small_run, changes):
    """However it is signed."""
    path = scratch / checkpoint_of(small_run).name
    if not path.exists():
        shutil.copytree(checkpoint_of(small_run), path)
    state = json.loads((checkpoint_of(small_run) / "state.json").read_text())
    (path / "state.json").write_text(json.dumps(altered(state, changes)))
    sign(path)
    checkpoint, refusal = tried(read_checkpoint, path)
    assert checkpoint.name == path.name if checkpoint else refusal.startswith(f"{path}/")


@many_examples
@given(data=st.data())
def test_whatever_a_header_says_the_array_is_read_or_refused(scratch, data):
    """Characters left out, put in or exchanged; no warning either."""
    header = list(GOOD_HEADER)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(header) - 1))
        new = data.draw(st.sampled_from([*"()[]{}'\",:\\\n L0x1Of<>-+*.#\t\0\xff", ""]))
        header[at : at + data.draw(st.integers(0, 1))] = new
    path = scratch / "arrays.npz"
    path.write_bytes(zipped(("model/a.npy", npy_saying("".join(header)))))
    shapes = {"model/a": ("float32", (64,))}
    arrays, refusal = tried(read_checkpoint_arrays, scratch, shapes, "model/")
    assert not arrays["model/a"].any() if arrays else refusal.startswith(f"{path}: ")


FRAGMENTS = st.lists(
    st.sampled_from([*"[]{}:,-?&*!|>'\"%@`#\n\t \\xuU0f~é\u2028\x85\0", r"\U", "!!", "%YAML 1."])
    | st.sampled_from(["%TAG ! ", "---\n", "...\n", "0x", r'"\ud800"', "&a ", "*a", "<<: ", "a: "])
    | st.sampled_from([r'"\UFFFFFFFF"', r'"\U00110000"', 5000 * "9", 30 * "[", "!<%ff> "]),
    max_size=30,
).map("".join)


@many_examples
@given(text=st.text() | FRAGMENTS)
def test_whatever_text_a_config_is_it_is_parsed_or_refused(text):
    """Nothing else is raised, whatever PyYAML meets."""
    document, refusal = tried(parse, text, "x")
    assert document.data is None or () in document.lines if document else refusal.startswith("x:")


def tried(call: Callable[..., Any], *arguments: Any) -> tuple[Any, str]:
    """What a call returns, or else why mtrain refuses."""
    try:
        return call(*arguments), ""
    except MtrainError as error:
        return None, str(error)


# --- Other programs' models


@pytest.fixture(scope="module")
def models(shared_run, tmp_path_factory):
    """A file or a folder of each kind, by its kind; those of Keras and TensorFlow are theirs."""
    import keras
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("models")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Keras' own
        model.save(folder / "keras.keras")
        model.save(folder / "hdf5.h5")
        model.save_weights(folder / "weights.weights.h5")
    tf.saved_model.save(tf.Module(), str(folder / "savedmodel"))
    tf.train.Checkpoint(model=model).save(str(folder / "tf_checkpoint" / "ckpt"))
    (folder / "torch").write_bytes(
        zipped(("archive/data.pkl", pickle.dumps(Payload())), ("archive/data/0", bytes(100)))
    )
    (folder / "large_torch").write_bytes(
        zipped(
            ("archive/data.pkl", pickle.dumps(Payload())),
            *((f"archive/data/{number}", bytes(100)) for number in range(5000)),
        )
    )
    for protocol in range(6):
        (folder / f"pickle_{protocol}").write_bytes(pickle.dumps(Payload(), protocol))
    np.savez(folder / "npz.npz", np.array([Payload()], object))
    (folder / "zip").write_bytes(zipped(("a.txt", b"")))
    (folder / "text").write_text("a text")
    (folder / "nothing").write_bytes(b"")
    return folder


MODELS = {
    "keras.keras": "a Keras model file (.keras)",
    "hdf5.h5": "an HDF5 file, as Keras' .h5",
    "weights.weights.h5": "an HDF5 file, as Keras' .h5",
    "savedmodel": "a TensorFlow SavedModel",
    "tf_checkpoint": "a TensorFlow checkpoint",
    "torch": "a PyTorch file with a pickle",
    "large_torch": "a PyTorch file with a pickle",
    **{f"pickle_{protocol}": "a pickle" for protocol in range(2, 6)},
    **{f"pickle_{protocol}": "a file" for protocol in range(2)},
    "npz.npz": "a NumPy archive (.npz)",
    "zip": "a zip archive",
    "text": "a file",
    "nothing": "a file",
}

NAMES = ("model.keras", "model.h5", "arrays.npz", "state.json", "best", "epoch-0004")


@pytest.fixture(scope="module")
def answers_to_models(ask, models):
    """To each model under its own name and under those of others, in a run's own folders."""

    def beside(model: str, name: str) -> Callable[[Path, Path], None]:
        def make(run: Path, _: Path) -> None:
            place = run / name
            if place.exists():
                shutil.rmtree(place)
            if (models / model).is_dir():
                shutil.copytree(models / model, place)
            else:
                shutil.copy(models / model, place)

        return make

    return ask(
        {
            f"{model} as {name}": Case(beside(model, name), says, ("evaluate", f"RUN/{name}"))
            for model, says in MODELS.items()
            for name in (model, *NAMES, "checkpoints/epoch-0004")
        }
    )


@pytest.mark.parametrize("name", [None, *NAMES, "checkpoints/epoch-0004"])
@pytest.mark.parametrize("model", MODELS)
def test_models_of_other_programs_are_refused_whatever_their_name(answers_to_models, model, name):
    """Told by what they hold; why is said, and nothing of them is loaded."""
    answer = answers_to_models[f"{model} as {name or model}"]
    check_refused(
        answer, Case(lambda *_: None, f"{MODELS[model]}, no checkpoint of mtrain; it reads")
    )


# --- Names of classes


HOSTILE_NAMES = (
    *(
        "\x1b[2J\x1b]0;title\x07clear",
        "[/x]",
        "[bold red]x[/]",
        r"$\frac$",
        "_x",
        "{0}%s",
        "a,b\n=c",
    ),
    *("=cmd()", "+cmd()", "-cmd()", "@cmd()", "\t=cmd()", "\r=cmd()"),
    *(
        "\u202eright to left",
        "שלום",
        "مرحبا",
        "मराठी",
        "中文",
        "<script>alert(1)</script>",
        "x" * 255,
    ),
)


@pytest.fixture
def run_of_hostile_names(idx_folder, tmp_path, capsys):
    """A short training on classes that a stranger named, and what it printed."""
    folder = idx_folder(classes=len(HOSTILE_NAMES), train=200, test=100)
    config = tmp_path / "hostile.yaml"
    # JSON is YAML, and has an escape for each of these characters.
    dataset = {"name": "mnist", "path": str(folder), "classes": HOSTILE_NAMES}
    settings = {
        "dataset": dataset,
        "model": {"hidden": 4},
        "optimizer": {"name": "sgd", "learning_rate": 1e-6},
    }
    config.write_text(json.dumps({**settings, "training": {"epochs": 2}}))
    out = tmp_path / "run"
    assert mtrain(["fit", str(config), "--out", str(out)]) == 0
    return out, "".join(capsys.readouterr())


@pytest.mark.renders
def test_names_of_classes_are_inert_wherever_they_are_shown(run_of_hostile_names, tmp_path, capsys):
    """In a terminal, a spreadsheet, JSON and charts; no warning either."""
    run, printed = run_of_hostile_names
    assert mtrain(["evaluate", str(run)]) == 0
    assert mtrain(["plot", str(run), "--format", "svg", "--out", str(tmp_path / "svg")]) == 0
    printed += "".join(capsys.readouterr())
    with (run / "evaluation/test/errors.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    metrics = json.loads((run / "evaluation/test/metrics.json").read_text())
    report = json.loads((run / "evaluation/test/classification_report.json").read_text())
    history = read_history(run)

    assert "[/x]" in printed
    assert [c for c in printed if not (c.isprintable() or c == "\n")] == []
    assert {"true", "predicted"} <= set(rows[0])
    cells = {cell for row in rows for cell in row}
    assert {f"'{name}" for name in HOSTILE_NAMES if re.match("[-=+@]", name)} <= cells
    assert {r"\r=cmd()", r"\t=cmd()"} <= cells
    assert [cell for cell in cells if re.match(r"[-=+@\t\r]", cell) and not is_number(cell)] == []
    assert tuple(entry["name"] for entry in metrics["classes"]) == HOSTILE_NAMES
    assert report.keys() == {*HOSTILE_NAMES, "accuracy", "macro avg", "weighted avg"}
    assert history.classes == HOSTILE_NAMES
    for chart in [*run.rglob("charts/*.png"), *run.rglob("evaluation/test/*.png")]:
        assert chart.read_bytes().startswith(b"\x89PNG")
        assert len(chart.read_bytes()) > 5000
    for chart in (tmp_path / "svg").iterdir():
        tags = {element.tag.rpartition("}")[2] for element in ET.parse(chart).iter()}
        assert "script" not in tags
    assert len(list(run.rglob("*.png"))) == 7
    assert len(list((tmp_path / "svg").iterdir())) == 3


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# --- System calls


OPENING = ("open", "openat", "openat2")
CHANGING = (
    *("creat", "truncate", "mkdir", "mkdirat", "rename", "renameat", "renameat2", "rmdir"),
    *("unlink", "unlinkat", "symlink", "symlinkat", "link", "linkat", "mknod", "mknodat"),
    *("chmod", "fchmodat", "chown", "fchownat"),
)
LEAVING = ("connect", "execve", "execveat")


def strace_works() -> bool:
    if shutil.which("strace") is None:
        return False
    command = ["strace", "-f", "-qq", "-o", "/dev/null", sys.executable, "-c", ""]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def network_is_asked_for(run: Path, _: Path) -> None:
    change_state(run, put(config__dataset={"name": "mnist"}))


def payload_in_the_weights(run: Path, outside: Path) -> None:
    replace_arrays(run, outside, ARRAYS["pickled_objects"], "model/hidden_1/bias")


def leaves_the_folder(run: Path, outside: Path) -> None:
    replace_arrays(run, outside, ARRAYS["name_with_dots"], "model/hidden_1/bias")


@pytest.mark.skipif(not strace_works(), reason="strace is not installed, or may not trace")
@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(payload_in_the_weights, "must be float32 (64,), got ", id="a_pickle"),
        pytest.param(leaves_the_folder, "'../evil' is not of it", id="a_name_with_dots"),
        pytest.param(moved_outside("checkpoints"), "is a symbolic link", id="a_link"),
        pytest.param(network_is_asked_for, "downloads", id="data_of_the_network"),
    ],
)
def test_evaluating_a_strangers_run_does_nothing_outside_of_it(small_run, tmp_path, make, says):
    """No file is opened to be written, no secret is opened, no network, no other program."""
    run, outside, home = (tmp_path / name for name in ("run", "outside", "home"))
    shutil.copytree(small_run, run)
    for folder in (outside, home):
        folder.mkdir()
        (folder / "secret.txt").write_text(SECRET)
    (home / "keras.json").write_text("{}")  # Keras writes one where there is none
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    make(run, outside)
    before = content_of(tmp_path)
    log = tmp_path / "calls"
    own = {"HOME": home, "KERAS_HOME": home, "TMPDIR": temporary, "MPLCONFIGDIR": temporary}
    watched = ("-e", f"trace={','.join(OPENING + CHANGING + LEAVING)}", "-e", "signal=none")
    done = subprocess.run(
        ["strace", "-f", "-qq", "-s", "4096", *watched, "-o", log, COMMAND, "evaluate", run],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=HANGS,
        env=os.environ
        | {name: str(path) for name, path in own.items()}
        | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    calls = re.findall(r"^\d+ +(\w+)\((.*)", log.read_text(), re.MULTILINE)
    log.unlink()

    assert done.returncode == 1, done.stderr
    assert says in done.stderr
    assert len([name for name, _ in calls if name in OPENING]) > 100
    # What TensorFlow and scikit-learn do before any file of the run is looked at.
    theirs = re.compile(rf'"({temporary}/|{temporary}"|/dev/(null|tty|shm/)|/proc/self/)')
    changing = [call for call in calls if changes(*call) and not theirs.search(call[1])]
    assert changing == []
    assert [call for call in calls if "secret.txt" in call[1]] == []
    assert [call for call in calls if "AF_INET" in call[1]] == []
    programs = {re.search('"(.*?)"', what)[1] for name, what in calls if name.startswith("exec")}
    assert {Path(program).name for program in programs} <= {"mtrain", "uname", "fc-list"}
    changed = before.items() ^ content_of(tmp_path).items()
    assert {path for path, _ in changed if not path.startswith("temporary")} == set()


def changes(call: str, what: str) -> bool:
    """Whether a system call that did not fail changed something."""
    opened = call in OPENING and re.search("O_(WRONLY|RDWR|CREAT|TRUNC|APPEND)", what)
    return bool(opened or call in CHANGING) and " = -1 E" not in what
