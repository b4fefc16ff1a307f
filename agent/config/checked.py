"""Checks one file: its problems, its oddities, and the night that a good file leads to."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import date

from agent.almanac import ZoneAlmanac
from agent.config.board import Board, read_board
from agent.config.bus_checks import driver_problems, interface_findings
from agent.config.calendar import read_calendar
from agent.config.document import Document, read_document
from agent.config.file_kinds import refuse_unknown_kind
from agent.config.findings import board_findings, calendar_findings, program_findings
from agent.config.plan import ProgramFiles, darkness_problems, load_plan, place_of
from agent.config.problems import ConfigError, Problem
from agent.config.program import read_program
from agent.interfaces import Clock
from agent.schedule.calendars import Calendar
from agent.schedule.evaluate import Change
from agent.schedule.night import night_of
from agent.schedule.place import Place
from agent.schedule.plan import Plan
from agent.schedule.program import NOON_S, Program

# De Bilt: the place at which a program without a board is judged.
_NETHERLANDS = ("Europe/Amsterdam", 52.10, 5.18)

# The behaviour of the lamps after a power cut, while no network tells the gateway the time.
_LIT = "the lamps burn at {:g} %, by day too"
_BY_CELL = "lamps with a photocell follow it, and all others burn at {:g} %, by day too"


@dataclass(frozen=True)
class Part:
    """Luminaires that share a program in a night, and their changes of level. The board's floor is applied to them."""

    luminaires: list[str]
    program: Program
    changes: list[Change]


@dataclass(frozen=True)
class Night:
    """One night of a board. `begins` is the date of its evening, and the first part holds the first luminaire."""

    begins: date
    almanac: ZoneAlmanac
    parts: list[Part]

    def local(self, change: Change) -> str:
        """Returns the local time "hh:mm" of a change, to the nearest minute."""
        return time.strftime("%H:%M", time.gmtime(change.unix + 30 + self.almanac.utc_offset_s(change.unix)))


@dataclass
class Checked:
    """The result of checking one file. Only a good board has a `night`."""

    path: str
    kind: str = "unknown"
    problems: tuple[Problem, ...] = ()
    board: Board | None = None
    program: Program | None = None
    calendar: Calendar | None = None
    night: Night | None = None
    without_network: str = ""
    findings: list[Problem] = field(default_factory=list)


def check_file(path: str, wanted: date | None, clock: Clock) -> Checked:
    """Reads a board, a program or a calendar, with all files that it names, and returns what was found.

    `wanted` is the date of the evening of the night to show of a board. None stands for the present night, or for the
    next one once the present night's lamps are off.
    """
    result = Checked(path)
    try:
        document = read_document(path)
        result.kind = refuse_unknown_kind(document)
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


def _check_program(result: Checked, document: Document) -> None:
    zone, latitude, longitude = _NETHERLANDS
    place = Place(ZoneAlmanac(zone), latitude, longitude)
    result.program = read_program(document)
    problems = darkness_problems(result.program, document, place)
    if problems:
        raise ConfigError(problems)
    result.findings = program_findings(result.program, document, place)


def _check_board(result: Checked, document: Document, wanted: date | None, clock: Clock) -> None:
    board = read_board(document)
    interfaces = [bus.interface for bus in board.buses]
    problems = driver_problems(document, interfaces)
    if problems:
        raise ConfigError(problems)
    result.board = board
    files = ProgramFiles()
    plan = load_plan(board, files=files)
    place = place_of(board)
    result.program = plan.luminaires[plan.names[0]].calendar.program
    result.night = _night(board, plan, place, wanted, clock)
    result.without_network = _without_network(board, plan)
    result.findings = board_findings(board, plan, files, place) + interface_findings(document, interfaces)


def _without_network(board: Board, plan: Plan) -> str:
    """Returns a sentence on the lamps after a power cut, while no network tells the time."""
    in_doubt = (_BY_CELL if plan.photocells else _LIT).format(board.safe_percent)
    if board.battery_clock:
        return f"After a power cut without a network the battery clock goes on. Where that is in doubt, {in_doubt}."
    return f"After a power cut, until a network tells the time, {in_doubt}: this board has no battery clock (rtc)."


def _night(board: Board, plan: Plan, place: Place, wanted: date | None, clock: Clock) -> Night | None:
    """Returns the night of the wanted evening. Without one, returns the present night, or the next once the present
    one's lamps are off; None if the clock does not know the date."""
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
