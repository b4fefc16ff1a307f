"""`lichtmast check FILE...`: every problem of boards, programs and calendars, or what a good one means tonight.

Opens no port.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, field
from datetime import date

from agent.almanac import ZoneAlmanac
from agent.config.board import Board, read_board
from agent.config.calendar import read_calendar
from agent.config.document import Document, read_document
from agent.config.findings import board_findings, calendar_findings, program_findings
from agent.config.plan import ProgramFiles, darkness_problems, load_plan, place_of
from agent.config.problems import ConfigError, Problem, shown
from agent.config.program import read_program
from agent.interfaces import Clock
from agent.schedule.calendars import Calendar
from agent.schedule.demand import night_of
from agent.schedule.evaluate import Change
from agent.schedule.place import Place
from agent.schedule.plan import Plan
from agent.schedule.program import NOON_S, Program, mark_text

SUMMARY = "validate board, program and calendar files; show tonight's times"

# De Bilt: where a program is judged that no board has named yet.
_NETHERLANDS = ("Europe/Amsterdam", 52.10, 5.18)

# What becomes of the lamps when the gateway dies, by what feeds the bus (IEC 62386-102, SYSTEM FAILURE LEVEL).
_STAYS_DARK = "A gateway that dies by day stays dark at night: {}, so each lamp keeps its last level."
_DEAD_GATEWAY = {
    "gateway": "A dead gateway takes the bus supply with it: the lamps go to their SYSTEM FAILURE LEVEL, even by day.",
    "separate": _STAYS_DARK.format("the bus supply outlives it"),
    "gear": _STAYS_DARK.format("the gear itself feeds the bus"),
}

# And what they do after a power cut, while no network tells the gateway the time.
_LIT = "the lamps burn at {:g} %, by day too"
_BY_CELL = "lamps with a photocell follow it, and all others burn at {:g} %, by day too"


@dataclass(frozen=True)
class Part:
    """Luminaires that share a program in a night, and its changes of level, the board's floor included."""

    luminaires: list[str]
    program: Program
    changes: list[Change]


@dataclass(frozen=True)
class Night:
    """One night of a board; `begins` is the date of its evening. The first part is the first luminaire's."""

    begins: date
    almanac: ZoneAlmanac
    parts: list[Part]

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
    calendar: Calendar | None = None
    night: Night | None = None
    without_network: str = ""
    findings: list[Problem] = field(default_factory=list)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="a board, a program or a calendar")
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
            _check_program(result, document)
        elif result.kind == "calendar":
            result.calendar = read_calendar(document, ProgramFiles().load)
            result.findings = calendar_findings(result.calendar, document)
        else:
            _check_board(result, document, wanted, clock)
    except ConfigError as error:
        result.problems = error.problems
    return result


def _kind(document: Document) -> str:
    if {"board", "bus", "luminaire"} & document.root.keys():
        return "board"
    if {"program", "step"} & document.root.keys():
        return "program"
    if {"calendar", "rule"} & document.root.keys():
        return "calendar"
    text = "this is neither a board nor a program nor a calendar: begin it with [board], [program] or [calendar]"
    raise ConfigError([Problem(document.path, 0, text)])


def _check_program(result: Checked, document: Document) -> None:
    zone, latitude, longitude = _NETHERLANDS
    place = Place(ZoneAlmanac(zone), latitude, longitude)
    result.program = read_program(document)
    problems = darkness_problems(result.program, document, place)
    if problems:
        raise ConfigError(problems)
    result.findings = program_findings(result.program, document, place)


def _check_board(result: Checked, document: Document, wanted: date | None, clock: Clock) -> None:
    board = result.board = read_board(document)
    files = ProgramFiles()
    plan = load_plan(board, files=files)
    place = place_of(board)
    result.program = plan.luminaires[plan.names[0]].calendar.program
    result.night = _night(board, plan, place, wanted, clock)
    result.without_network = _without_network(board, plan)
    result.findings = board_findings(board, plan, files, place)


def _without_network(board: Board, plan: Plan) -> str:
    """What the lamps do after a power cut, as long as no network tells the time."""
    in_doubt = (_BY_CELL if plan.photocells else _LIT).format(board.safe_percent)
    if board.battery_clock:
        return f"After a power cut without a network the battery clock goes on. Where that is in doubt, {in_doubt}."
    return f"After a power cut, until a network tells the time, {in_doubt}: this board has no battery clock (rtc)."


def _night(board: Board, plan: Plan, place: Place, wanted: date | None, clock: Clock) -> Night | None:
    """The asked night; else this one or, once it is over, the next; None where the clock does not know the date."""
    almanac = ZoneAlmanac(board.timezone)
    if wanted:
        at = almanac.local_to_unix(wanted.year, wanted.month, wanted.day, NOON_S)
    elif clock.valid():
        at = clock.wall()
        changes = _parts(plan, place, at)[0].changes
        morning = (at + almanac.utc_offset_s(at)) % 86400 < NOON_S
        if morning and (not changes or (changes[-1].percent == 0 and changes[-1].unix <= at)):
            at += NOON_S
    else:
        return None
    evening = time.gmtime(at + almanac.utc_offset_s(at) - NOON_S)
    return Night(date(evening.tm_year, evening.tm_mon, evening.tm_mday), almanac, _parts(plan, place, at))


def _parts(plan: Plan, place: Place, at: float) -> list[Part]:
    parts: list[Part] = []
    for name in plan.names:
        night = night_of(place, plan.luminaires[name].calendar, plan.floor, at)
        shared = next((part for part in parts if part.program is night.program), None)
        if shared:
            shared.luminaires.append(name)
            continue
        # A night begins dark, unless the lamps burn over noon.
        changes = night.changes if night.changes[0].percent > 0 else night.changes[1:]
        parts.append(Part([name], night.program, changes))
    return parts


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
