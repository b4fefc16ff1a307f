"""Finds oddities in a good plan, for `check` to show: steps below the lighting class, morning steps that sunrise cuts
off, calendar rules that claim the same night. The writer may not have meant them, but they never stop the agent."""

from __future__ import annotations

from datetime import date

from agent.config.board import Board
from agent.config.darkness import trimmed_steps
from agent.config.document import Document
from agent.config.lighting_class import AVERAGE, Design
from agent.config.plan import ProgramFiles
from agent.config.problems import Problem
from agent.schedule.calendars import Calendar
from agent.schedule.civil import date_of_day, day_of_date
from agent.schedule.place import Place
from agent.schedule.plan import Plan
from agent.schedule.program import LUX, PHOTOCELL, Program, mark_text

# Rules are compared over four years, because Easter and the weekdays move from year to year.
_FIRST_DAY = day_of_date(2026, 1, 1)
_DAYS = 4 * 365


def program_findings(program: Program, document: Document, place: Place) -> list[Problem]:
    """Returns a finding for each morning step (or morning `on`) that comes after the lamps are off in some nights, as
    early sunrises in summer make it."""
    found = []
    for index, (nights, first, last) in trimmed_steps(program, place).items():
        where = ("program", "on") if index < 0 else ("step", index, "at")
        key, mark = ("on", program.on) if index < 0 else ("at", program.steps[index].at)
        found.append(
            Problem(
                document.path,
                document.line(where),
                f'{key} = "{mark_text(mark)}" comes when the lamps are off already in {nights} nights of a year'
                f" ({first:%d %b} to {last:%d %b} at the most): it is left out there, and nothing burns by day",
            )
        )
    return found


def board_findings(board: Board, plan: Plan, files: ProgramFiles, place: Place) -> list[Problem]:
    """Returns the findings of a board's plan, sorted and each once: morning steps that come too late, steps below the
    class of a lighting design, and sources that no sensor of the board can feed."""
    found = [
        finding for program in plan.programs for finding in program_findings(program, files.document(program), place)
    ]
    designs = {group.name: group.design for group in board.groups if group.design}
    below: dict[tuple[Design, int], tuple[Program, Design, list[str]]] = {}
    for luminaire in board.luminaires:
        design = luminaire.design or next((designs[name] for name in luminaire.groups if name in designs), None)
        if design is None:
            continue
        for program in plan.luminaires[luminaire.name].calendar.programs():
            below.setdefault((design, id(program)), (program, design, []))[2].append(luminaire.name)
    for program, design, names in below.values():
        found.extend(_below_class(program, design, names, files.document(program)))
    found.extend(_unknown_sources(board, plan, files))
    return sorted(set(found))


def calendar_findings(calendar: Calendar, document: Document) -> list[Problem]:
    """Returns a finding for each pair of rules that give one night different programs. The earlier rule wins."""
    clashes: dict[tuple[int, int], date] = {}
    for day in range(_FIRST_DAY, _FIRST_DAY + _DAYS):
        holding = [at for at, rule in enumerate(calendar.rules) if rule.holds(day, calendar.special)]
        for later in holding[1:]:
            if calendar.rules[later].program is not calendar.rules[holding[0]].program:
                clashes.setdefault((holding[0], later), date(*date_of_day(day)))
    return [
        Problem(
            document.path,
            document.line(("rule", later)),
            f"this rule and the one at line {document.line(('rule', first))} claim the same nights, such as {night}:"
            f" the earlier one wins ({calendar.rules[first].program.name})",
        )
        for (first, later), night in clashes.items()
    ]


def _below_class(program: Program, design: Design, names: list[str], document: Document) -> list[Problem]:
    floor = design.floor_percent()
    concerned = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    return [
        Problem(
            document.path,
            document.line(("step", index, "percent")),
            f"{step.percent:g} % of {design.maintained:g} {design.unit} is below class {design.dimmed_class}"
            f" ({AVERAGE[design.dimmed_class]:g} {design.unit} on average), which quiet hours must keep for {concerned}"
            f" (a {design.lighting_class} design): at least {_rounded_up(floor):g} % does",
        )
        for index, step in enumerate(program.steps)
        if 0 < step.percent < floor - 1e-9
    ]


def _rounded_up(percent: float) -> float:
    """Returns the next tenth of a percent, so that a step at the figure shown reaches the class."""
    return -(-round(percent * 10, 6) // 1) / 10


def _unknown_sources(board: Board, plan: Plan, files: ProgramFiles) -> list[Problem]:
    """Returns a finding for each dynamic control and photocell that no sensor of the board can feed."""
    kinds = {sensor.kind for sensor in board.sensors}
    names = {sensor.name for sensor in board.sensors}
    found = []
    for program in plan.programs:
        document = files.document(program)
        sources = [(("dynamic", at, "source"), each.source) for at, each in enumerate(program.dynamics)]
        for where, source in sources:
            if source not in kinds | names:
                found.append(_no_sensor(document, document.line(where), source))
        photocell = program.photocell
        light = photocell and photocell.source == PHOTOCELL and kinds & {LUX, PHOTOCELL}
        if photocell and photocell.source not in names and not light:
            found.append(_no_sensor(document, document.line(("photocell",)), photocell.source))
    return found


def _no_sensor(document: Document, line: int, source: str) -> Problem:
    return Problem(
        document.path,
        line,
        f'no [[sensor]] of the board is "{source}" or of that kind: the program waits for what never comes; add one, or'
        " take another program",
    )
