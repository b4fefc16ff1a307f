"""Makes the record of one bus a page to print: plain HTML that runs no script and fetches nothing."""

from __future__ import annotations

from html import escape

from agent.commissioning.findings import BusRecord, FoundGear
from agent.commissioning.record import level_text, local_time
from agent.commissioning.texts import sentence, word
from agent.config.board import Board
from agent.version import __version__

_STYLE = """
body { font: 10pt/1.4 sans-serif; color: #000; background: #fff; margin: 2em auto; max-width: 60em; padding: 0 1em }
h1 { font-size: 16pt; margin: 0 } h2 { font-size: 12pt; margin: 1.5em 0 .4em }
h3 { font-size: 10pt; margin: 1em 0 .2em }
table { border-collapse: collapse; width: 100% }
th, td { border: 1px solid #999; padding: .2em .5em; text-align: left; vertical-align: top; overflow-wrap: anywhere }
th { background: #eee } dt { float: left; clear: left; width: 14em; color: #444 } dd { margin: 0 0 0 14em }
.trouble { font-weight: bold } .line { margin-top: 3em; border-top: 1px solid #000; width: 24em }
tr, section { break-inside: avoid }
@page { size: A4; margin: 15mm }
"""

_COLUMNS = (
    "address",
    "luminaire",
    "GTIN",
    "serial number",
    "nominal power",
    "types",
    "groups",
    "power on level",
    "system failure level",
    "fade time",
)


def page(board: Board, record: BusRecord, language: str) -> str:
    """Returns the whole page in HTML, in the language "en" or "nl"."""
    title = f"{word('title', language)}: {board.name}, {word('bus', language).lower()} {record.bus}"
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="{language}"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        _head(board, record, language),
        f"<h2>{word('findings', language)}</h2>",
        _findings(record, language),
        *(_gear(record, language) if record.compared else ()),
        f'<p class="line">{word("signature", language)}</p>',
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _gear(record: BusRecord, language: str) -> list[str]:
    return [
        f"<h2>{word('gear', language)}</h2>",
        _table(record, language),
        f"<h2>{word('details', language)}</h2>",
        *(_details(gear, language) for gear in record.gear),
    ]


def _head(board: Board, record: BusRecord, language: str) -> str:
    frames = sum(record.frames.values())
    rows = [
        ("board", f"{board.name} ({board.gateway})"),
        ("interface", f"{record.interface}, {record.port}, {record.channel}"),
        ("date", f"{local_time(board, record.began)} ({board.timezone})"),
        ("took", f"{record.took_s:.1f} s, {frames} {word('frames', language)}"),
        *([("gear count", str(len(record.gear)))] if record.compared else []),
        ("version", f"lichtmast {__version__}"),
    ]
    note = f"<p><strong>{word('dry run', language)}</strong></p>" if record.dry_run else ""
    return note + _list([(word(key, language), value) for key, value in rows])


def _findings(record: BusRecord, language: str) -> str:
    if not record.findings:
        return f"<p>{word('none', language)}</p>"
    items = [
        f'<li class="{one.kind}">{word(one.kind, language)}: {escape(sentence(one, language))}</li>'
        for one in record.findings
    ]
    agree = f"<p>{word('none', language)}</p>" if record.is_right and record.compared else ""
    return f"{agree}<ul>{''.join(items)}</ul>"


def _table(record: BusRecord, language: str) -> str:
    head = "".join(f"<th>{escape(word(column, language))}</th>" for column in _COLUMNS)
    rows = [
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in _cells(gear, language))}</tr>" for gear in record.gear
    ]
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _cells(gear: FoundGear, language: str) -> list[str]:
    nameplate, luminaire = gear.banks.get("gear", {}), gear.banks.get("luminaire", {})
    name = gear.luminaire or word("not on the board", language)
    levels = [gear.settings.get("power_on_level"), gear.settings.get("system_failure_level")]
    return [
        str(gear.short_address),
        f"{name} ({word('new', language)})" if gear.is_new else name,
        nameplate.get("GTIN") or "",
        nameplate.get("serial number") or "",
        luminaire.get("nominal power") or "",
        ", ".join(str(one) for one in gear.device_types or ()),
        ", ".join(str(one) for one in gear.groups),
        *("" if level is None else level_text(level) for level in levels),
        str(gear.settings.get("fade_time", "")),
    ]


def _details(gear: FoundGear, language: str) -> str:
    rows = [
        (name, word("unknown", language) if value is None else value)
        for bank in gear.banks.values()
        for name, value in bank.items()
    ]
    title = f"{gear.short_address}: {gear.luminaire or word('not on the board', language)}"
    return f"<section><h3>{escape(title)}</h3>{_list(rows)}</section>" if rows else ""


def _list(rows: list[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in rows) + "</dl>"
