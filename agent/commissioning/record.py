"""Makes the record of a commissioning (gear, settings, findings) JSON, and text for a terminal."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from agent.almanac import ZoneAlmanac
from agent.commissioning.findings import BusRecord
from agent.commissioning.texts import sentence, word
from agent.config.board import Board
from agent.version import __version__
from protocols.dali import levels


def as_json(board: Board, records: Sequence[BusRecord]) -> dict[str, object]:
    """Returns the records as one object of JSON's types; times are Unix seconds (UTC)."""
    return {
        "gateway": board.gateway,
        "board": board.name,
        "board_file": str(board.path),
        "version": __version__,
        "buses": [_bus_as_json(record) for record in records],
    }


def as_text(record: BusRecord, language: str) -> list[str]:
    """Returns the lines of a record for a terminal, in the language "en" or "nl"."""
    title = f"{word('bus', language)} {record.bus}"
    lines = [f"{title} ({word('dry run', language)})" if record.dry_run else title]
    for gear in record.gear:
        name = gear.luminaire or word("not on the board", language)
        nominal = gear.banks.get("luminaire", {}).get("nominal power")
        serial = gear.banks.get("gear", {}).get("serial number")
        parts = [f"  {gear.short_address:2}  {name}"]
        parts += [word("new", language)] if gear.is_new else []
        parts += [nominal] if nominal else []
        parts += [f"{word('serial number', language).lower()} {serial}"] if serial else []
        lines.append(", ".join(parts))
    lines += [f"  {word(finding.kind, language)}: {sentence(finding, language)}" for finding in record.findings]
    frames = sum(record.frames.values())
    return [*lines, f"  {frames} {word('frames', language)}, {record.took_s:.1f} s"]


def local_time(board: Board, unix: float) -> str:
    """Returns an instant in the board's local time, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(unix + ZoneAlmanac(board.timezone).utc_offset_s(unix)))


def level_text(level: int) -> str:
    """Returns a level (0-255) with its light in percent, as installers read it."""
    if level > levels.MAX_LEVEL:
        return "MASK"
    return f"{level} ({levels.percent_of(level):.3g} %)"


def _bus_as_json(record: BusRecord) -> dict[str, object]:
    findings = [
        {"name": one.name, "kind": one.kind, "subject": one.subject, **one.facts, "sentence": sentence(one, "en")}
        for one in record.findings
    ]
    whole = dataclasses.asdict(record)
    for told, gear in zip(whole["gear"], record.gear, strict=True):
        told["supply"] = None if gear.supply is None else gear.supply._asdict()
    return {**whole, "findings": findings, "right": record.is_right}
