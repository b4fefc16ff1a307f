"""`lichtmast check FILE...`: every problem of boards and programs, or what a good one means tonight. Opens no port."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from datetime import date

from agent.almanac import ZoneAlmanac
from agent.config.board import Board, read_board
from agent.config.document import Document, read_document
from agent.config.problems import ConfigError, Problem, shown
from agent.config.program import load_program, read_program
from agent.interfaces import Clock
from agent.schedule.evaluate import Change, night
from agent.schedule.program import NOON_S, Program, mark_text

SUMMARY = "validate board and program files; show tonight's times"

# What becomes of the lamps when the gateway dies, by what feeds the bus (IEC 62386-102, SYSTEM FAILURE LEVEL).
_STAYS_DARK = "A gateway that dies by day stays dark at night: {}, so each lamp keeps its last level."
_DEAD_GATEWAY = {
    "gateway": "A dead gateway takes the bus supply with it: the lamps go to their SYSTEM FAILURE LEVEL, even by day.",
    "separate": _STAYS_DARK.format("the bus supply outlives it"),
    "gear": _STAYS_DARK.format("the gear itself feeds the bus"),
}


@dataclass(frozen=True)
class Night:
    """One night's changes of level; `begins` is the date of its evening."""

    begins: date
    almanac: ZoneAlmanac
    changes: list[Change]

    def local(self, change: Change) -> str:
        """The change's time by the local clock, to the nearest minute."""
        return time.strftime("%H:%M", time.gmtime(change.unix + 30 + self.almanac.utc_offset_s(change.unix)))


@dataclass
class Checked:
    """What was found out about one file."""

    path: str
    kind: str = "unknown"
    problems: tuple[Problem, ...] = ()
    board: Board | None = None
    program: Program | None = None
    night: Night | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="a board or a program")
    parser.add_argument(
        "--night",
        type=_date,
        metavar="DATE",
        help="show the night that begins on this date (YYYY-MM-DD), instead of tonight",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shown(text)} is no date: write it as 2026-01-15") from None


async def run(arguments: argparse.Namespace, clock: Clock) -> int:
    results = [_checked(path, arguments.night, clock) for path in arguments.files]
    if arguments.json:
        print(json.dumps({"files": [_as_json(result) for result in results]}, indent=2))
    else:
        print("\n".join(line for result in results for line in _as_text(result)))
    return 2 if any(result.problems for result in results) else 0


def _checked(path: str, wanted: date | None, clock: Clock) -> Checked:
    result = Checked(path)
    try:
        document = read_document(path)
        result.kind = _kind(document)
        if result.kind == "program":
            result.program = read_program(document)
        else:
            result.board = read_board(document)
            result.program = load_program(result.board.program)
            result.night = _night(result.board, result.program, wanted, clock)
    except ConfigError as error:
        result.problems = error.problems
    return result


def _kind(document: Document) -> str:
    if {"board", "bus", "luminaire"} & document.root.keys():
        return "board"
    if {"program", "step"} & document.root.keys():
        return "program"
    text = "this is neither a board nor a program: begin it with [board] or [program]"
    raise ConfigError([Problem(document.path, 0, text)])


def _night(board: Board, program: Program, wanted: date | None, clock: Clock) -> Night | None:
    """The asked night; else this one or, once it is over, the next; None where the clock does not know the date."""
    almanac = ZoneAlmanac(board.timezone)
    if wanted:
        at = almanac.local_to_unix(wanted.year, wanted.month, wanted.day, NOON_S)
    elif clock.valid():
        at = clock.wall()
        changes = night(program, almanac, board.latitude, board.longitude, at)
        morning = (at + almanac.utc_offset_s(at)) % 86400 < NOON_S
        if morning and (not changes or (changes[-1].percent == 0 and changes[-1].unix <= at)):
            at += NOON_S
    else:
        return None
    changes = night(program, almanac, board.latitude, board.longitude, at)
    evening = time.gmtime(at + almanac.utc_offset_s(at) - NOON_S)
    return Night(date(evening.tm_year, evening.tm_mon, evening.tm_mday), almanac, changes)


def _as_text(result: Checked) -> list[str]:
    if result.problems:
        return [str(problem) for problem in result.problems]
    lines = [f"{result.path}: a good {result.kind}"]
    program, board = result.program, result.board
    assert program
    if board is None:
        lines.append(f"  {program.name}: on at {mark_text(program.on)}, off at {mark_text(program.off)}")
        lines.extend(
            f"    from {mark_text(step.at):<14}{step.percent:g} %, fade {step.fade_s:g} s" for step in program.steps
        )
        return lines
    power_w = sum(luminaire.power_w for luminaire in board.luminaires)
    lines.append(f"  {board.name} (gateway {board.gateway}): {_luminaires(len(board.luminaires))}, {power_w:g} W")
    for bus in board.buses:
        count = sum(luminaire.bus == bus.name for luminaire in board.luminaires)
        lines.append(f"  bus {bus.name}: {bus.interface} at {bus.port}, channel {bus.channel}, {_luminaires(count)}")
    lines.extend(_night_text(program, board, result.night))
    lines.append(f"  {_DEAD_GATEWAY[board.bus_supply]}")
    return lines


def _luminaires(count: int) -> str:
    return "1 luminaire" if count == 1 else f"{count} luminaires"


def _night_text(program: Program, board: Board, found: Night | None) -> list[str]:
    if found is None:
        return [f"  program {program.name}; this machine's clock is not set: name a night with --night YYYY-MM-DD"]
    lines = [f"  program {program.name}, the night that begins on {found.begins} ({board.timezone}):"]
    lit = False
    for change in found.changes:
        what = "off" if change.percent == 0 else f"{change.percent:g} %" if lit else f"on at {change.percent:g} %"
        lit = change.percent > 0
        lines.append(f"    {found.local(change)}  {what}" + (f", fade {change.fade_s:g} s" if change.fade_s else ""))
    if not lit and not found.changes:
        lines.append("    no light: the sun does not set, or the program's period is empty in this night")
    return lines


def _as_json(result: Checked) -> dict[str, object]:
    return {
        "path": result.path,
        "kind": result.kind,
        "problems": [{"path": each.path, "line": each.line, "text": each.text} for each in result.problems],
        "board": result.board and _board_json(result.board),
        "program": result.program and _program_json(result.program),
        "night": result.night and _night_json(result.night),
    }


def _board_json(board: Board) -> dict[str, object]:
    return {
        "gateway": board.gateway,
        "name": board.name,
        "timezone": board.timezone,
        "luminaires": [luminaire.name for luminaire in board.luminaires],
        "buses": [bus.name for bus in board.buses],
        "dead_gateway": _DEAD_GATEWAY[board.bus_supply],
    }


def _program_json(program: Program) -> dict[str, object]:
    steps = [{"at": mark_text(step.at), "percent": step.percent, "fade_s": step.fade_s} for step in program.steps]
    return {"name": program.name, "on": mark_text(program.on), "off": mark_text(program.off), "steps": steps}


def _night_json(found: Night) -> dict[str, object]:
    changes = [
        {"unix": round(each.unix), "local": found.local(each), "percent": each.percent, "fade_s": each.fade_s}
        for each in found.changes
    ]
    return {"begins": found.begins.isoformat(), "changes": changes}
