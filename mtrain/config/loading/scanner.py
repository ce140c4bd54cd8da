"""PyYAML's scanner with YAML 1.2's white space: tabs are allowed where they do not indent."""

from __future__ import annotations

import yaml
from yaml.scanner import ScannerError

UNICODE_BREAKS = "\x85\u2028\u2029"
"""Line breaks of YAML 1.1, which PyYAML reads; in YAML 1.2 they are characters like any other."""


class Loader(yaml.SafeLoader):
    """Scans and parses; nothing is constructed by it."""

    def scan_to_next_token(self) -> None:
        """Skip white space and comments, tabs too if they end a line or stand within one."""
        super().scan_to_next_token()
        while self._skip_tabs():
            super().scan_to_next_token()

    def _skip_tabs(self) -> bool:
        length = 0
        while self.peek(length) in {" ", "\t"}:
            length += 1
        if not length:
            return False
        ends_line = self.peek(length) in {"\0", "\r", "\n", "#"}
        before = self.buffer[self.pointer - self.column : self.pointer]
        # After "- " a tab would indent what follows: its column depends on the editor.
        within_line = bool(before.strip(" \t-?"))
        if not (ends_line or within_line or self.flow_level):
            return False
        self.forward(length)
        return True

    def fetch_key(self) -> None:
        """A key marked by `?`, but not in brackets, where `[?x]` would be read as a mapping."""
        if self.flow_level:
            raise ScannerError(None, None, "found '?' in brackets", self.get_mark())
        super().fetch_key()


def without_unicode_breaks(text: str) -> tuple[str, dict[int, int]]:
    """The text with other characters in place of `UNICODE_BREAKS`, and the table to put them back.

    The table is for `str.translate`.
    """
    breaks = [character for character in UNICODE_BREAKS if character in text]
    escapes = text.lower()
    unused = (
        code
        for code in range(0xE000, 0xF8FF)
        if chr(code) not in text and f"\\u{code:04x}" not in escapes
    )
    table = {ord(character): code for character, code in zip(breaks, unused, strict=False)}
    return text.translate(table), {code: character for character, code in table.items()}
