"""Print the changelog's section of a release, whose tag must be the version of the code.

    python docs/scripts/release_notes.py v0.2.0

The workflow that releases mtrain runs it before anything is built. It needs Python alone.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Print the section, or a problem; the exit status is then 1."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tag", help="such as v0.2.0")
    tag = parser.parse_args().tag
    code = (ROOT / "mtrain" / "__init__.py").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    try:
        print(release_notes(tag, code, changelog))
    except ValueError as error:
        sys.exit(str(error))


def release_notes(tag: str, code: str, changelog: str) -> str:
    """The section of the version in `changelog`, without its heading.

    Raises `ValueError` if `tag` is not the version in `code`, or the section is missing or empty.
    """
    version = re.search(r'^__version__ = "(.*)"$', code, re.MULTILINE)
    if version is None or tag != f"v{version[1]}":
        found = "no __version__" if version is None else f"version {version[1]}"
        raise ValueError(f"tag {tag}: mtrain/__init__.py has {found}")
    heading = rf"^## \[{re.escape(version[1])}\][^\n]*\n"
    section = re.search(rf"{heading}(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if section is None or not section[1].strip():
        raise ValueError(f"tag {tag}: CHANGELOG.md has no section ## [{version[1]}] with a text")
    return section[1].strip()


if __name__ == "__main__":
    main()
