"""Derives from the tables of keys the JSON Schema (draft 2020-12) for editors, and the key list of the docs."""

from __future__ import annotations

from collections.abc import Sequence

from agent.config import board_tables, calendar, program_tables
from agent.config.keys import HOURS_PATTERN, REQUIRED, SPAN_PATTERN, Key, Type
from agent.config.tables import Table

KINDS: dict[str, tuple[Table, ...]] = {
    "board": board_tables.TABLES,
    "program": program_tables.TABLES,
    "calendar": calendar.TABLES,
}

_JSON_TYPES: dict[Type, str | list[str]] = {
    Type.TEXT: "string",
    Type.MARK: "string",
    Type.HOURS: "string",
    Type.SPAN: ["number", "string"],
    Type.NUMBER: "number",
    Type.WHOLE: "integer",
    Type.FLAG: "boolean",
    Type.TEXTS: "array",
    Type.CURVE: "array",
}

# The texts that agent.schedule.marks.parse_mark accepts, as a regular expression.
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"
_OFFSET = "(0[0-9]|1[01]):[0-5][0-9]|12:00"
# Degrees from -18 to 10.
_PART = r"\.[0-9]{1,2}"
_ANGLE = rf"(-?0?[0-9]({_PART})?|-?10(\.0{{1,2}})?|-10{_PART}|-1[1-7]({_PART})?|-18(\.0{{1,2}})?)"
_EVENT = f"sunset|sunrise|dusk|dawn|midpoint|sun (below|above) {_ANGLE}"
MARK_PATTERN = f"^({_CLOCK}|({_EVENT})([+-]({_OFFSET}))?)$"


def json_schema(kind: str) -> dict[str, object]:
    """Returns the JSON Schema of this kind of file, a key of KINDS."""
    return schema_of(f"Lichtmast {kind}", KINDS[kind])


def markdown(kind: str) -> str:
    """Returns the keys of this kind of file (a key of KINDS) as Markdown tables, for the docs."""
    return "\n".join(table_markdown(table) for table in KINDS[kind])


def schema_of(title: str, tables: Sequence[Table]) -> dict[str, object]:
    """Returns the JSON Schema of any file that has these tables."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "properties": {table.name: _table_schema(table) for table in tables},
        "required": [table.name for table in tables if table.required],
        "additionalProperties": False,
    }


def _table_schema(table: Table) -> dict[str, object]:
    one: dict[str, object] = {
        "type": "object",
        "properties": {key.name: _key_schema(key) for key in table.keys},
        "required": [key.name for key in table.keys if key.default is REQUIRED],
        "additionalProperties": False,
    }
    if not table.many:
        return {"description": table.meaning, **one}
    return {"description": table.meaning, "type": "array", "minItems": 1, "items": one}


def _key_schema(key: Key) -> dict[str, object]:
    schema: dict[str, object] = {"description": key.meaning, "type": _JSON_TYPES[key.type]}
    if key.type is Type.TEXTS:
        items: dict[str, object] = {"type": "string"}
        items.update({"enum": list(key.choices)} if key.choices else {})
        items.update({"pattern": f"^({key.pattern})$"} if key.pattern else {})
        return {**schema, "items": items, "minItems": 1}
    if key.type is Type.CURVE:
        pair = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
        return {**schema, "items": pair, "minItems": 1}
    if key.type is Type.HOURS:
        return {**schema, "pattern": f"^{HOURS_PATTERN}$", "default": key.default}
    limits = {"minimum": key.low, "maximum": key.high}
    schema.update({name: limit for name, limit in limits.items() if limit is not None})
    if key.choices:
        schema["enum"] = list(key.choices)
    if key.pattern:
        schema["pattern"] = f"^({key.pattern})$"
    if key.type is Type.MARK:
        schema["pattern"] = MARK_PATTERN
    if key.type is Type.SPAN:
        schema["pattern"] = f"^{SPAN_PATTERN}$"
    if key.default is not REQUIRED and key.default is not None:
        schema["default"] = key.default
    return schema


def table_markdown(table: Table) -> str:
    """Returns the keys of one table as a Markdown table, the required keys first."""
    lines = [f"`{table.header}`: {table.meaning}.", "", "| key | value | default | meaning |", "|---|---|---|---|"]
    lines.extend(
        f"| `{key.name}` | {key.wanted()} | {_default_markdown(key)} | {key.meaning} |"
        for key in _required_first(table.keys)
    )
    return "\n".join([*lines, ""])


def _required_first(keys: Sequence[Key]) -> list[Key]:
    """Returns the keys with the required ones first."""
    return sorted(keys, key=lambda key: key.default is not REQUIRED)


def _default_markdown(key: Key) -> str:
    if key.default is REQUIRED:
        return "required"
    if key.default in (None, "", ()):
        return ""
    if isinstance(key.default, bool):
        return f"`{str(key.default).lower()}`"
    return f'`"{key.default}"`' if isinstance(key.default, str) else f"`{key.default}`"
