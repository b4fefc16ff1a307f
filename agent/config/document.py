"""A TOML file that was read, with the lines of its keys and the problems found in it so far."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from agent.config import toml_lines
from agent.config.problems import ConfigError, Problem
from agent.hardware.files import read_plain

# tomllib tells the place of a syntax error only in its sentence.
_AT_LINE = re.compile(r"^(.*?) \(at line (\d+), column (\d+)\)$", re.DOTALL)


@dataclass
class Document:
    """`root` is what tomllib made of the file; `report` adds a problem at a key."""

    path: str
    root: dict[str, object]
    lines: dict[toml_lines.Path, int]
    problems: list[Problem] = field(default_factory=list)

    def line(self, where: toml_lines.Path) -> int:
        """The line of this key, or of the nearest table around it that stands in the file; else 0."""
        while where:
            if where in self.lines:
                return self.lines[where]
            where = where[:-1]
        return 0

    def report(self, where: toml_lines.Path, text: str) -> None:
        """Adds a problem at this key. The sentence says what is wrong and what to write instead."""
        self.problems.append(Problem(self.path, self.line(where), text))

    def refuse(self) -> None:
        """Raises ConfigError where anything was reported."""
        if self.problems:
            raise ConfigError(self.problems)


def read_document(path: str | Path) -> Document:
    """The file, read and parsed. Raises ConfigError where it cannot be."""
    return document_of(str(path), read_content(path))


def read_content(path: str | Path) -> bytes:
    """The file's bytes. Raises ConfigError where it cannot be read, is no plain file, or is larger than any of ours."""
    try:
        return read_plain(path)
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        sentence = f"{reason[:1].lower()}{reason[1:]}: give the path of a TOML file that can be read"
        raise _refused(str(path), 0, sentence) from None


def document_of(name: str, content: bytes) -> Document:
    """The bytes of a file, parsed; `name` stands in the problems. Raises ConfigError where they are not TOML."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused(name, line, "this is not UTF-8 text: save the file with that encoding") from None
    return parse_document(name, text)


def parse_document(name: str, text: str) -> Document:
    """The text, parsed; `name` stands in the problems. Raises ConfigError where it is not TOML."""
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
    """SHA-256 of a file's bytes, as hex: tells whether the file changed."""
    return hashlib.sha256(content).hexdigest()


def _refused(name: str, line: int, text: str) -> ConfigError:
    return ConfigError([Problem(name, line, text)])
