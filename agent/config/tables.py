"""Tables of keys, and the rows read by them. A file's checks, JSON Schema and docs derive from its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from agent.config.document import Document
from agent.config.keys import REQUIRED, SPAN_PATTERN, Key, Type, checked, default_of, format_key
from agent.config.problems import did_you_mean, shown
from agent.config.toml_lines import Path
from agent.schedule.marks import Mark

__all__ = ("REQUIRED", "SPAN_PATTERN", "Key", "Row", "Table", "Type", "format_key", "read_tables")


@dataclass(frozen=True)
class Table:
    """A [table] of a file, or a [[table]] if there may be `many`. A table that is not `required` may be left out."""

    name: str
    meaning: str
    keys: tuple[Key, ...]
    many: bool = False
    required: bool = True

    @property
    def header(self) -> str:
        """The header as it stands in the file, with its brackets."""
        return f"[[{self.name}]]" if self.many else f"[{self.name}]"


@dataclass(frozen=True)
class Row:
    """A table as it was read from a file. `where` is its place in the document, and `written` names the keys that it
    has there. `values` has no key that is wrong, or that is missing and has no default."""

    where: Path
    values: dict[str, object] = field(default_factory=dict)
    written: frozenset[str] = frozenset()

    def has(self, *names: str) -> bool:
        """Returns whether all these keys have a good value."""
        return all(name in self.values for name in names)

    def text(self, name: str) -> str:
        return cast(str, self.values[name])

    def number(self, name: str) -> float:
        """Returns the value of a NUMBER or WHOLE key, or the seconds of a SPAN or HOURS key."""
        return float(cast(float, self.values[name]))

    def whole(self, name: str) -> int:
        return cast(int, self.values[name])

    def flag(self, name: str) -> bool:
        return cast(bool, self.values[name])

    def mark(self, name: str) -> Mark:
        return cast(Mark, self.values[name])

    def texts(self, name: str) -> tuple[str, ...]:
        return cast(tuple[str, ...], self.values[name])

    def curve(self, name: str) -> tuple[tuple[float, float], ...]:
        return cast(tuple[tuple[float, float], ...], self.values[name])


def read_tables(document: Document, tables: Sequence[Table]) -> dict[str, list[Row]]:
    """Returns the rows of each table of the document, checked key by key. Problems are reported to the document."""
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
        # A table that is left out has the defaults of its keys, if all of them have one.
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
            value, wrong = checked(key, found[key.name])
            if wrong:
                document.report((*where, key.name), f"{key.name} = {shown(found[key.name])}: {wrong}")
            else:
                values[key.name] = value
        elif key.default is REQUIRED:
            document.report(where, f"{table.header} has no {key.name}: write {key.wanted()} ({key.meaning})")
        elif key.default is not None:
            values[key.name] = default_of(key)
    return Row(where, values, frozenset(found))
