"""Finds the line of each key of a TOML 1.0 document, which tomllib does not give.

The scanner checks nothing: it reads only documents that tomllib has accepted.
"""

from __future__ import annotations

import re
import tomllib

# The path of a key: names, and the index in an array or an array of tables, as in ("luminaire", 0, "power_w").
Path = tuple[str | int, ...]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
# Numbers, booleans, dates and times end with their line, or with their element of an array or inline table.
_PLAIN = re.compile(r"[^,\]}#\n]*")
_STRINGS = (
    # The closing quotes of a multi-line string may follow one or two quotes that belong to it.
    re.compile(r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})', re.DOTALL),
    re.compile(r"'''.*?'''(?:'{0,2})", re.DOTALL),
    re.compile(r'"(?:[^"\\\n]|\\.)*"'),
    re.compile(r"'[^'\n]*'"),
)


def line_map(text: str) -> dict[Path, int]:
    """Returns the line (from 1) of every table header, key and array element. tomllib must have accepted the text."""
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return scanner.lines


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._line = 1
        self._counted = 0
        self._counts: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        while True:
            self._take(_BLANK)
            if self.at >= len(self.text):
                return
            if self._next("["):
                double = self._next("[")
                names = self._key()
                self.at += 2 if double else 1
                table = self._header(names, double)
            else:
                self._assignment(table)

    def _header(self, names: list[str], double: bool) -> Path:
        path: Path = ()
        for name in names[:-1]:
            path = self._latest((*path, name))
        path = (*path, names[-1])
        self._note(path)
        if double:
            self._counts[path] = self._counts.get(path, 0) + 1
        path = self._latest(path)
        self._note(path)
        return path

    def _latest(self, path: Path) -> Path:
        """Returns the table that a header means by this path: in an array of tables, the newest one."""
        self._note(path)
        count = self._counts.get(path, 0)
        return (*path, count - 1) if count else path

    def _assignment(self, table: Path) -> None:
        path = table
        line = self._line_here()
        for name in self._key():
            path = (*path, name)
            self.lines.setdefault(path, line)
        self.at += 1  # the equals sign
        self._take(_SPACE)
        self._value(path)

    def _key(self) -> list[str]:
        names = []
        while True:
            self._take(_SPACE)
            if self.text[self.at] in "\"'":
                names.append(str(tomllib.loads(f"k = {self._string()}")["k"]))
            else:
                names.append(self._take(_BARE_KEY))
            self._take(_SPACE)
            if not self._next("."):
                return names

    def _value(self, path: Path) -> None:
        if self.at >= len(self.text):
            return
        if self.text[self.at] in "\"'":
            self._string()
        elif self._next("["):
            self._array(path)
        elif self._next("{"):
            self._inline_table(path)
        else:
            self._take(_PLAIN)

    def _array(self, path: Path) -> None:
        index = 0
        while True:
            self._take(_BLANK)
            if self._next("]"):
                return
            self._note((*path, index))
            self._value((*path, index))
            index += 1
            self._take(_BLANK)
            self._next(",")

    def _inline_table(self, path: Path) -> None:
        while True:
            self._take(_BLANK)
            if self._next("}"):
                return
            self._assignment(path)
            self._take(_BLANK)
            self._next(",")

    def _string(self) -> str:
        for pattern in _STRINGS:
            found = pattern.match(self.text, self.at)
            if found:
                self.at = found.end()
                return found.group()
        self.at += 1
        return '""'

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if not found:
            return ""
        self.at = found.end()
        return found.group()

    def _next(self, character: str) -> bool:
        if self.text.startswith(character, self.at):
            self.at += 1
            return True
        return False

    def _note(self, path: Path) -> None:
        self.lines.setdefault(path, self._line_here())

    def _line_here(self) -> int:
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line
