"""One table a kind of file: keys with type, range, default, meaning. Checks, JSON Schema and docs derive from it."""

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
        """A number; seconds of a span or of hours."""
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
