"""An installation in the console, to be copied into a bug report."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from mtrain.escape import bytes_as_text, inert

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mtrain.records.installation import Installation


def print_installation(installation: Installation, stream: TextIO) -> None:
    """A fact a line; no line is broken, whatever the width of the terminal."""
    for line in _lines(installation):
        print(inert(line), file=stream)


def _lines(installation: Installation) -> Iterator[str]:
    commit = "" if installation.commit is None else f", commit {installation.commit}"
    yield f"mtrain {installation.version}"
    yield f"folder: {installation.folder} ({installation.origin}{commit})"
    yield f"Python: {installation.python} ({installation.executable})"
    yield f"platform: {installation.platform}"
    yield f"processor: {installation.processor}"
    yield f"CPUs: {installation.cpus}"
    yield f"memory: {bytes_as_text(installation.memory)}"
    for package, version in installation.versions.items():
        yield f"{package}: {version or 'no package of this name'}"
    for extra, versions in installation.extras.items():
        yield f"extra {extra}: {_extra(versions)}"
    flags = ", ".join(f"{name}={value}" for name, value in installation.flags.items())
    yield f"variables: {flags or 'none'}"


def _extra(versions: Mapping[str, str | None]) -> str:
    if not any(versions.values()):
        return "not installed"
    return ", ".join(f"{package} {version or 'missing'}" for package, version in versions.items())
