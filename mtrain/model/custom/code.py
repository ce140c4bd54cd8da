"""Custom code: imported, and named in its errors."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import sysconfig
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtrain.config.catalog.names import suggestion
from mtrain.config.experiment.custom_code import code_folders
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import ModuleType

    from mtrain.config.experiment.custom_code import CustomCode


LONG = 200
"""An error's line of more characters is cut to its first sentence."""


@dataclass(frozen=True, eq=False)
class ImportedCode:
    """Imported custom code."""

    objects: Mapping[str, Any]
    """By `package.module:object`."""

    folders: tuple[Path, ...] = ()
    """The folders searched for modules before the installed ones."""

    loaded_before: frozenset[str] = frozenset()
    """Names of the modules that were loaded before."""

    def modules(self) -> dict[str, ModuleType]:
        """The modules imported so far from `folders`, by name."""
        if not self.folders:
            return {}  # TensorFlow has thousands of modules to search
        return {
            name: module
            for name, module in list(sys.modules.items())
            if name.partition(".")[0] not in self.loaded_before
            and _below(_file(module), self.folders)
        }

    def files(self) -> dict[str, bytes]:
        """The content of these modules, by their path below the folder they were found in."""
        files = map(_file, self.modules().values())
        return {str(_below(file, self.folders)): file.read_bytes() for file in files}

    def installed(self) -> dict[str, bytes]:
        """The content of named modules that are installed, by name."""
        names = {name.partition(":")[0] for name in self.objects}
        files = {name: _file(sys.modules[name]) for name in sorted(names)}
        return {
            name: file.read_bytes()
            for name, file in files.items()
            if file.is_file() and not _below(file, self.folders)
        }

    @contextmanager
    def attributing_errors(self, config: CustomCode | None = None) -> Iterator[None]:
        """Turn an error into a `MtrainError` that names the user's file and line.

        Without `config`, the code at work, only errors with a line of custom code in their
        traceback.
        """
        try:
            yield
        except MtrainError:
            raise
        except (Exception, SystemExit) as error:
            if (place := self._place(config, error)) is None:
                raise
            problem = ": ".join(filter(None, (type(error).__name__, _first_line(error))))
            raise MtrainError(problem, where=place) from error

    def _place(self, config: CustomCode | None, error: BaseException) -> str | None:
        """The last line of the traceback in custom code; else the first line of the object."""
        if isinstance(error, SyntaxError) and error.filename is not None:
            return f"{_shown(error.filename)}:{error.lineno}"
        names = {name.partition(":")[0] for name in self.objects}
        names |= set() if config is None else {config.module}
        modules = {str(_file(sys.modules[name])) for name in names if name in sys.modules}
        lines = [(f.filename, f.lineno) for f in traceback.extract_tb(error.__traceback__)]
        # Errors of the running loop have no frame, but TensorFlow's note on where it was traced.
        lines = [*re.findall(r'File "(.+)", line (\d+)', str(error)), *lines]
        theirs = [f for f in lines if f[0] in modules or _below(Path(f[0]), self.folders)]
        if theirs:
            return f"{_shown(theirs[-1][0])}:{theirs[-1][1]}"
        if config is None:
            return None
        try:
            target = self.objects[config.name]
            return f"{_shown(inspect.getfile(target))}:{inspect.getsourcelines(target)[1]}"
        except (KeyError, OSError, TypeError):  # created by code, or not a function
            return config.name


NO_CODE = ImportedCode({})
"""The code of an experiment without custom code."""


@contextmanager
def imported(codes: Iterable[CustomCode], folder: Path) -> Iterator[ImportedCode]:
    """Custom code by its name, importable as long as the context lasts.

    Modules in `folder`, or its `code`, come before installed ones; without custom code nothing
    there can be imported. Raises `MtrainError` with the user's file and line for errors in it.
    """
    if not (codes := tuple(codes)):
        yield NO_CODE
        return
    folders = tuple(place.absolute() for place in code_folders(folder) if place.is_dir())
    # Modules of another run, or of the program, may have the same names.
    tops = {code.module.partition(".")[0] for code in codes}
    aside = {
        name: sys.modules.pop(name)
        for name in list(sys.modules)
        if name.partition(".")[0] in tops and not _is_installed(_file(sys.modules[name]))
    }
    code = ImportedCode({}, folders, frozenset(sys.modules))
    searched, dont_write = [str(place) for place in folders], sys.dont_write_bytecode
    sys.path[:0] = searched
    sys.dont_write_bytecode = True  # no caches in a run's folder
    importlib.invalidate_caches()
    try:
        yield replace(code, objects={one.name: _import(one, code) for one in codes})
    finally:
        sys.dont_write_bytecode = dont_write
        for place in searched:
            if place in sys.path:
                sys.path.remove(place)
        for name in code.modules():
            del sys.modules[name]
        sys.modules.update(aside)


def _import(code: CustomCode, searched: ImportedCode) -> Any:
    with searched.attributing_errors(code):
        module = importlib.import_module(code.module)
    top = code.module.partition(".")[0]
    beside = [
        file
        for place in searched.folders
        for file in (place / f"{top}.py", place / top / "__init__.py")
        if file.is_file()
    ]
    if beside and not _below(_file(module), searched.folders):
        raise MtrainError(
            f"an installed module is {top!r}, too", where=_shown(beside[0]), remedy="rename this"
        )
    if not hasattr(module, code.object):
        there = [
            name
            for name, value in vars(module).items()
            if getattr(value, "__module__", None) == module.__name__
        ]
        raise MtrainError(
            f"no {code.object!r} is there; {suggestion(code.object, there)}", where=code.name
        )
    return getattr(module, code.object)


def _first_line(error: BaseException) -> str:
    """The message of an error, without Keras' additions."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    lines = re.sub(r"\x1b\[\d*m", "", text).splitlines()
    said = (line.strip() for line in lines if not line.startswith("Exception encountered when"))
    line = next(filter(None, said), "")
    # TensorFlow adds advice that does not apply here.
    return line if len(line) <= LONG else re.split(r"(?<=\.) (?=[A-Z])", line)[0]


def _file(module: ModuleType) -> Path:
    return Path(getattr(module, "__file__", None) or "")


def _is_installed(file: Path) -> bool:
    """Whether it comes with Python or was installed into it."""
    standard = file.is_relative_to(sysconfig.get_path("stdlib")) or not file.is_absolute()
    return standard or bool({"site-packages", "dist-packages"} & set(file.parts))


def _below(file: Path, folders: tuple[Path, ...]) -> str | None:
    """The path of a file below the innermost of `folders`; None elsewhere."""
    for place in reversed(folders):
        # An environment may lie beside the config.
        if file.is_relative_to(place) and not _is_installed(file):
            return file.relative_to(place).as_posix()
    return None


def _shown(file: str | Path) -> Path:
    """A path as short as it can be from here."""
    path = Path(file)
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
