"""Archives of arrays as strangers make them."""

from __future__ import annotations

import io
import math
import pickle
import random
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from strangers import Payload, change_state, checkpoint_of, members_of, npy, put, zipped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD_HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (64,), }"


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
        lambda members, name, _: bomb(name), "bytes cannot be the arrays of its", hidden=1000
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
    "nothing": Archive(lambda *_: b"", "not arrays as mtrain writes them"),
}


def replace_arrays(run: Path, outside: Path, archive: Archive, name: str) -> None:
    path = checkpoint_of(run) / "arrays.npz"
    path.write_bytes(archive.make(members_of(path), f"{name}.npy", outside))
    change_state(run, put(config__model__hidden=[archive.hidden]))
