"""Reads TOML files into documents, which know the lines of their keys and collect the problems found in them."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from agent.config import toml_lines
from agent.config.problems import ConfigError, Problem
from agent.hardware.files import read_plain

# tomllib gives the place of a syntax error only within its sentence.
_AT_LINE = re.compile(r"^(.*?) \(at line (\d+), column (\d+)\)$", re.DOTALL)

# The beginnings of files that are often taken for others. No TOML file begins like this.
_FOREIGN = tuple(
    (re.compile(rb"(?:\xef\xbb\xbf)?" + beginning, re.IGNORECASE | re.DOTALL), kind)
    for beginning, kind in (
        (rb"\x89PNG", "a PNG picture"),
        (rb"\xff\xd8\xff", "a JPEG picture"),
        (rb"%PDF-", "a PDF document"),
        (rb"PK\x03\x04", "a ZIP archive"),
        (rb"\s*(?:<\?xml.{,500}?)?<svg", "an SVG drawing"),
        (rb"\s*(?:<!doctype html|<html)", "an HTML page"),
        (rb"\s*<", "an XML file"),
        (rb"\s*(?:\{|\[\s*\{)", "a JSON file"),
    )
)


@dataclass
class Document:
    """A TOML file that was read. `root` is its content as tomllib parses it, and `lines` the line of each key."""

    path: str
    root: dict[str, object]
    lines: dict[toml_lines.Path, int]
    problems: list[Problem] = field(default_factory=list)

    def line(self, where: toml_lines.Path) -> int:
        """Returns the line of this key, or of the nearest table around it that is written in the file, or 0."""
        while where:
            if where in self.lines:
                return self.lines[where]
            where = where[:-1]
        return 0

    def report(self, where: toml_lines.Path, text: str) -> None:
        """Adds a problem at this key. The sentence says what is wrong and what to write instead."""
        self.problems.append(Problem(self.path, self.line(where), text))

    def refuse(self) -> None:
        """Raises ConfigError with all problems reported so far, if there are any."""
        if self.problems:
            raise ConfigError(self.problems)


def read_document(path: str | Path) -> Document:
    """Returns the parsed file. Raises ConfigError if it cannot be read or is not TOML."""
    return document_of(str(path), read_content(path))


def read_content(path: str | Path) -> bytes:
    """Returns the bytes of a file. Raises ConfigError if it cannot be read, is no plain file, or is larger than any
    file of Lichtmast."""
    try:
        return read_plain(path)
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        sentence = f"{reason[:1].lower()}{reason[1:]}: give the path of a TOML file that can be read"
        raise _refused(str(path), 0, sentence) from None


def document_of(name: str, content: bytes) -> Document:
    """Returns the parsed bytes of a file. Raises ConfigError if they are not TOML. Problems name the file `name`."""
    for pattern, kind in _FOREIGN:
        if pattern.match(content):
            raise _refused(name, 0, f"this is {kind}, not a TOML file: give the path of the .toml file itself")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused(name, line, "this is not UTF-8 text: save the file with that encoding") from None
    return parse_document(name, text)


def parse_document(name: str, text: str) -> Document:
    """Returns the parsed text of a file. Raises ConfigError if it is not TOML. Problems name the file `name`."""
    try:
        return Document(name, tomllib.loads(text), toml_lines.line_map(text))
    except RecursionError:
        raise _refused(name, 0, "its brackets are nested too deeply: write plain tables") from None
    except ValueError as error:
        found = _AT_LINE.match(str(error))
        line = int(found.group(2)) if found else text.count("\n") + 1 if "end of document" in str(error) else 0
        reason = found.group(1) if found else str(error).removesuffix(" (at end of document)")
        raise _refused(name, line, f"not valid TOML: {reason[:1].lower()}{reason[1:]}") from None


def content_hash(content: bytes) -> str:
    """Returns the SHA-256 of a file's bytes in hex. It shows whether the file has changed."""
    return hashlib.sha256(content).hexdigest()


def _refused(name: str, line: int, text: str) -> ConfigError:
    return ConfigError([Problem(name, line, text)])
