"""One table a kind of file: keys with type, range, default, meaning. Checks, JSON Schema and docs derive from it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import cast

from agent.config.document import Document
from agent.config.problems import did_you_mean, shown
from agent.config.toml_lines import Path
from agent.schedule.program import Mark, MarkError, parse_mark


class Type(Enum):
    """What a value is, in the words of the error that asks for it."""

    TEXT = "a text in quotes"
    NUMBER = "a number"
    WHOLE = "a whole number"
    MARK = 'a time such as "22:00", or "sunset" or "sunrise" with an offset such as "+00:20"'
    SPAN = 'seconds, or a text "minutes:seconds" or "hours:minutes:seconds",'


SPAN_PATTERN = r"(?:([0-9]{1,4}):)?([0-5]?[0-9]):([0-5][0-9](?:\.[0-9]{1,3})?)"
"""What a SPAN may be as a text. As a number it is seconds, and seconds are what the program gets."""


class _Required(Enum):
    REQUIRED = "required"


REQUIRED = _Required.REQUIRED


@dataclass(frozen=True)
class Key:
    """One key. `meaning` is a phrase that stands in the schema and the docs; `example` is what an error proposes."""

    name: str
    type: Type
    meaning: str
    default: str | int | float | _Required | None = REQUIRED
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    example: str = ""
    beyond: str = ""  # what to do about a value above `high`, where another number is not the remedy

    def wanted(self) -> str:
        """What to write, as a phrase."""
        if self.choices:
            return " or ".join(f'"{choice}"' for choice in self.choices)
        phrase = self.type.value
        if self.low is not None and self.high is not None:
            phrase = f"{self.low:g}" if self.low == self.high else f"{phrase} from {self.low:g} to {self.high:g}"
        return phrase + (f", such as {self.example}" if self.example else "")


def format_key(newest: int) -> Key:
    """The key `format`, with which each kind of file states its version. Within one format, changes only add."""
    return Key(
        "format",
        Type.WHOLE,
        "the version of this file's format",
        newest,
        low=1,
        high=newest,
        beyond=f"this version of Lichtmast reads up to format {newest}: update it, or write the file in that format",
    )


@dataclass(frozen=True)
class Table:
    """One [table], or [[table]] where there may be `many`. A table that is not `required` may be left out."""

    name: str
    meaning: str
    keys: tuple[Key, ...]
    many: bool = False
    required: bool = True

    @property
    def header(self) -> str:
        return f"[[{self.name}]]" if self.many else f"[{self.name}]"


@dataclass(frozen=True)
class Row:
    """One table as it was read. A key that is wrong, or missing without a default, is not in `values`."""

    where: Path
    values: dict[str, object] = field(default_factory=dict)
    written: frozenset[str] = frozenset()

    def has(self, *names: str) -> bool:
        """Whether all these keys hold a good value."""
        return all(name in self.values for name in names)

    def text(self, name: str) -> str:
        return cast(str, self.values[name])

    def number(self, name: str) -> float:
        return float(cast(float, self.values[name]))

    def whole(self, name: str) -> int:
        return cast(int, self.values[name])

    def mark(self, name: str) -> Mark:
        return cast(Mark, self.values[name])


def read_tables(document: Document, tables: Sequence[Table]) -> dict[str, list[Row]]:
    """Every table of the document, checked key by key; what is wrong is reported in the document."""
    known = {table.name: table for table in tables}
    for name in document.root:
        if name not in known:
            remedy = did_you_mean(name, known)
            document.report((name,), f"{shown(name)} is no table or key of this kind of file: {remedy}")
    return {table.name: _rows(document, table) for table in tables}


def _rows(document: Document, table: Table) -> list[Row]:
    if table.name not in document.root:
        if table.required:
            document.report((), f"there is no {table.header}: add one ({table.meaning})")
            return []
        # A table that is left out stands for its defaults, where it has them.
        complete = not table.many and all(key.default is not REQUIRED for key in table.keys)
        return [_row(document, table, (), {})] if complete else []
    found = document.root[table.name]
    if table.many:
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            document.report((table.name,), f"write {table.header}, with double brackets: there may be several")
            return []
        return [_row(document, table, (table.name, index), each) for index, each in enumerate(found)]
    if not isinstance(found, dict):
        document.report((table.name,), f"write {table.header} on a line of its own, once, and its keys below")
        return []
    return [_row(document, table, (table.name,), found)]


def _row(document: Document, table: Table, where: Path, found: dict[str, object]) -> Row:
    known = {key.name: key for key in table.keys}
    for name in found:
        if name not in known:
            document.report((*where, name), f"{shown(name)} is no key of {table.header}: {did_you_mean(name, known)}")
    values: dict[str, object] = {}
    for key in table.keys:
        if key.name in found:
            value, wrong = _checked(key, found[key.name])
            if wrong:
                document.report((*where, key.name), f"{key.name} = {shown(found[key.name])}: {wrong}")
            else:
                values[key.name] = value
        elif key.default is REQUIRED:
            document.report(where, f"{table.header} has no {key.name}: write {key.wanted()} ({key.meaning})")
        elif key.default is not None:
            values[key.name] = parse_mark(str(key.default)) if key.type is Type.MARK else key.default
    return Row(where, values, frozenset(found))


def _checked(key: Key, value: object) -> tuple[object, str]:
    """The value as the program uses it, and what is wrong with it ("" for nothing)."""
    wrong = f"write {key.wanted()}" + (f" ({key.meaning})" if key.pattern else "")
    if key.type in (Type.TEXT, Type.MARK):
        if not isinstance(value, str):
            return None, wrong
        if key.type is Type.MARK:
            try:
                return parse_mark(value), ""
            except MarkError as error:
                return None, str(error)
        if (key.choices and value not in key.choices) or not re.fullmatch(key.pattern or r"[^\x00-\x1f]+", value):
            return None, wrong
        return value, ""
    if key.type is Type.SPAN and isinstance(value, str):
        found = re.fullmatch(SPAN_PATTERN, value)
        if not found:
            return None, wrong
        value = int(found[1] or 0) * 3600 + int(found[2]) * 60 + float(found[3])
    # In Python a boolean is an integer; in TOML it is not.
    if isinstance(value, bool) or not isinstance(value, int if key.type is Type.WHOLE else (int, float)):
        return None, wrong
    if not math.isfinite(value) if isinstance(value, float) else False:
        return None, wrong
    if key.beyond and key.high is not None and value > key.high:
        return None, key.beyond
    if (key.low is not None and value < key.low) or (key.high is not None and value > key.high):
        return None, wrong
    return value, ""
