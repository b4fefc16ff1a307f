"""`lichtmast check FILE...`: finds every problem in boards, programs and calendars, or shows tonight by them.

It opens no port.
"""

from __future__ import annotations

import argparse
import json
from datetime import date

from agent.config.board import Board
from agent.config.checked import Checked, Night, Part, check_file
from agent.config.problems import Problem, shown
from agent.interfaces import Clock
from agent.schedule.calendars import Calendar
from agent.schedule.program import Program, mark_text

# How the lamps burn after the gateway has died, by the supply of the bus (IEC 62386-102, SYSTEM FAILURE LEVEL).
_STAYS_DARK = "A gateway that dies by day stays dark at night: {}, so each lamp keeps its last level."
_DEAD_GATEWAY = {
    "gateway": "A dead gateway takes the bus supply with it: the lamps go to their SYSTEM FAILURE LEVEL, even by day.",
    "separate": _STAYS_DARK.format("the bus supply outlives it"),
    "gear": _STAYS_DARK.format("the gear itself feeds the bus"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="a board, a program or a calendar")
    parser.add_argument(
        "--night",
        type=_date,
        metavar="DATE",
        help="show the night that begins on this date (YYYY-MM-DD) instead of tonight",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shown(text)} is no date: write it as 2026-01-15") from None


async def run(arguments: argparse.Namespace, clock: Clock) -> int:
    results = [check_file(path, arguments.night, clock) for path in arguments.files]
    if arguments.json:
        print(json.dumps({"files": [_as_json(result) for result in results]}, indent=2))
    else:
        print("\n".join(line for result in results for line in _as_text(result)))
    return 2 if any(result.problems for result in results) else 0


def _as_text(result: Checked) -> list[str]:
    if result.problems:
        return [str(problem) for problem in result.problems]
    lines = [f"{result.path}: a good {result.kind}"]
    lines.extend(f"  note: {finding}" for finding in result.findings)
    program, board = result.program, result.board
    if result.calendar:
        lines.append(f"  {result.calendar.name}: {result.calendar.program.name} where no rule holds")
        lines.extend(f"    rule {at + 1}: {rule.program.name}" for at, rule in enumerate(result.calendar.rules))
        return lines
    assert program
    if board is None:
        lines.append(f"  {program.name}: on at {mark_text(program.on)}, off at {mark_text(program.off)}")
        width = max(14, *(len(mark_text(step.at)) + 1 for step in program.steps))
        lines.extend(
            f"    from {mark_text(step.at):<{width}}{step.percent:g} %, fade {step.fade_s:g} s"
            for step in program.steps
        )
        lines.extend(
            f"    {each.source}: {each.operation} {each.percent:g} %, held {each.hold_s:g} s"
            for each in program.dynamics
        )
        if program.photocell:
            photocell = program.photocell
            lines.append(f"    {photocell.source}: on below {photocell.on_lux:g} lx, off from {photocell.off_lux:g} lx")
        return lines
    power_w = sum(luminaire.power_w for luminaire in board.luminaires)
    lines.append(f"  {board.name} (gateway {board.gateway}): {_luminaires(len(board.luminaires))}, {power_w:g} W")
    for bus in board.buses:
        count = sum(luminaire.bus == bus.name for luminaire in board.luminaires)
        lines.append(f"  bus {bus.name}: {bus.interface} at {bus.port}, channel {bus.channel}, {_luminaires(count)}")
    lines.extend(_night_text(board, result.night))
    lines.append(f"  {_DEAD_GATEWAY[board.bus_supply]}")
    lines.append(f"  {result.without_network}")
    return lines


def _luminaires(count: int) -> str:
    return "1 luminaire" if count == 1 else f"{count} luminaires"


def _night_text(board: Board, found: Night | None) -> list[str]:
    if found is None:
        return ["  this machine's clock is not set: name a night with --night YYYY-MM-DD"]
    lines = []
    for part in found.parts:
        whom = f", {', '.join(part.luminaires)}" if len(found.parts) > 1 else ""
        lines.append(
            f"  program {part.program.name}, the night that begins on {found.begins} ({board.timezone}){whom}:"
        )
        lines.extend(_part_text(part, found))
    return lines


def _part_text(part: Part, found: Night) -> list[str]:
    lines = []
    lit = False
    for change in part.changes:
        what = "off" if change.percent == 0 else f"{change.percent:g} %" if lit else f"on at {change.percent:g} %"
        lit = change.percent > 0
        lines.append(f"    {found.local(change)}  {what}" + (f", fade {change.fade_s:g} s" if change.fade_s else ""))
    if not part.changes:
        lines.append("    no light: the sun does not set, or the program's period is empty in this night")
    return lines


def _as_json(result: Checked) -> dict[str, object]:
    return {
        "path": result.path,
        "kind": result.kind,
        "problems": [_problem_json(each) for each in result.problems],
        "findings": [_problem_json(each) for each in result.findings],
        "board": result.board and _board_json(result.board, result.without_network),
        "program": result.program and _program_json(result.program),
        "calendar": result.calendar and _calendar_json(result.calendar),
        "night": result.night and _night_json(result.night),
    }


def _problem_json(problem: Problem) -> dict[str, object]:
    return {"path": problem.path, "line": problem.line, "text": problem.text}


def _calendar_json(calendar: Calendar) -> dict[str, object]:
    rules = [{"program": rule.program.name} for rule in calendar.rules]
    return {"name": calendar.name, "program": calendar.program.name, "rules": rules}


def _board_json(board: Board, without_network: str) -> dict[str, object]:
    return {
        "gateway": board.gateway,
        "name": board.name,
        "timezone": board.timezone,
        "luminaires": [luminaire.name for luminaire in board.luminaires],
        "buses": [bus.name for bus in board.buses],
        "dead_gateway": _DEAD_GATEWAY[board.bus_supply],
        "without_network": without_network,
    }


def _program_json(program: Program) -> dict[str, object]:
    steps = [{"at": mark_text(step.at), "percent": step.percent, "fade_s": step.fade_s} for step in program.steps]
    return {"name": program.name, "on": mark_text(program.on), "off": mark_text(program.off), "steps": steps}


def _night_json(found: Night) -> dict[str, object]:
    parts = [
        {"luminaires": part.luminaires, "program": part.program.name, "changes": _changes_json(part, found)}
        for part in found.parts
    ]
    return {"begins": found.begins.isoformat(), "changes": _changes_json(found.parts[0], found), "parts": parts}


def _changes_json(part: Part, found: Night) -> list[dict[str, object]]:
    return [
        {"unix": round(each.unix), "local": found.local(each), "percent": each.percent, "fade_s": each.fade_s}
        for each in part.changes
    ]
