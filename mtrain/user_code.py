"""The user's own code: imported, and named where it goes wrong."""

from __future__ import annotations

import importlib
import re
import sys
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtrain.config.names import suggestion
from mtrain.config.own_code import code_folders
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import ModuleType

    from mtrain.config.own_code import OwnCode


@dataclass(frozen=True, eq=False)
class UserCode:
    """What was imported."""

    objects: Mapping[str, Any]
    """By `package.module:object`."""

    files: Mapping[str, bytes]
    """The modules beside the config, by their path below its folder, or below its `code`."""

    folders: tuple[Path, ...] = ()
    """Where modules were looked for before the installed ones."""

    @contextmanager
    def blaming(self, config: OwnCode) -> Iterator[None]:
        """Turn what goes wrong into a `MtrainError` that names the user's file and line."""
        try:
            yield
        except MtrainError:
            raise
        except (Exception, SystemExit) as error:
            what = ": ".join(filter(None, (type(error).__name__, _first_line(error))))
            raise MtrainError(f"{self._place(config, error)}: {what}") from error

    def _place(self, config: OwnCode, error: BaseException) -> str:
        """The last line of the traceback that is the user's; where none is, their object's first."""
        if isinstance(error, SyntaxError) and error.filename is not None:
            return f"{_shown(error.filename)}:{error.lineno}"
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if self._is_theirs(config, Path(frame.filename))
        ]
        if frames:
            return f"{_shown(frames[-1].filename)}:{frames[-1].lineno}"
        found = self.objects.get(config.name)
        function = getattr(found, "__init__", None) if isinstance(found, type) else found
        if (code := getattr(function, "__code__", None)) is None:
            return config.name
        return f"{_shown(code.co_filename)}:{code.co_firstlineno}"

    def _is_theirs(self, config: OwnCode, file: Path) -> bool:
        if any(file.is_relative_to(folder) for folder in self.folders):
            return "site-packages" not in file.parts  # an environment may lie beside the config
        module = sys.modules.get(config.module)
        return module is not None and str(file) == getattr(module, "__file__", None)


NO_CODE = UserCode({}, {})
"""Of an experiment that has none."""


@contextmanager
def imported(codes: Iterable[OwnCode], folder: Path) -> Iterator[UserCode]:
    """Own code by its name, importable as long as the context lasts.

    Modules in `folder`, or its `code`, come before installed ones. Raises `MtrainError` with the
    user's file and line for what goes wrong in it.
    """
    folders = tuple(place.absolute() for place in code_folders(folder) if place.is_dir())
    before, dont_write = set(sys.modules), sys.dont_write_bytecode
    sys.path[:0] = map(str, folders)
    sys.dont_write_bytecode = True  # a run's folder is no place for caches
    importlib.invalidate_caches()
    try:
        nothing = UserCode({}, {}, folders)
        objects = {code.name: _import(code, nothing) for code in codes}
        new = [sys.modules[name] for name in set(sys.modules) - before]
        files = {
            found.as_posix(): file for file in map(_file, new) if (found := _below(file, folders))
        }
        yield UserCode(objects, {name: file.read_bytes() for name, file in files.items()}, folders)
    finally:
        sys.dont_write_bytecode = dont_write
        for place in folders:
            sys.path.remove(str(place))
        # Another run's modules may have the same names.
        for name in set(sys.modules) - before:
            if _below(_file(sys.modules[name]), folders):
                del sys.modules[name]


def _import(code: OwnCode, nothing: UserCode) -> Any:
    with nothing.blaming(code):
        module = importlib.import_module(code.module)
    top = code.module.partition(".")[0]
    beside = [
        file
        for place in nothing.folders
        for file in (place / f"{top}.py", place / top / "__init__.py")
        if file.is_file()
    ]
    if beside and not _below(_file(module), nothing.folders):
        raise MtrainError(
            f"{_shown(beside[0])}: Python has a module {top!r} of its own; rename this"
        )
    if not hasattr(module, code.object):
        there = [
            name
            for name, value in vars(module).items()
            if getattr(value, "__module__", None) == module.__name__
        ]
        raise MtrainError(
            f"{code.name}: no {code.object!r} is there; {suggestion(code.object, there)}"
        )
    return getattr(module, code.object)


def _first_line(error: BaseException) -> str:
    """What an error says, without what Keras says before it and how."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    lines = re.sub(r"\x1b\[\d*m", "", text).splitlines()
    said = (line.strip() for line in lines if not line.startswith("Exception encountered when"))
    return next(filter(None, said), "")


def _file(module: ModuleType) -> Path:
    return Path(getattr(module, "__file__", None) or "")


def _below(file: Path, folders: tuple[Path, ...]) -> Path | None:
    """The path of a file below the innermost of `folders`; None elsewhere."""
    for place in reversed(folders):
        if file.is_relative_to(place) and "site-packages" not in file.parts:
            return file.relative_to(place)
    return None


def _shown(file: str | Path) -> Path:
    """A path as short as it can be from here."""
    path = Path(file)
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
