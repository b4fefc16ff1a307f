"""Loads the plans to preview: a ready program, a program's or calendar's file for a whole street, or a board's own.

A plan that the agent would refuse is refused here too: its preview would mislead, because no lamp can ever follow it.
"""

from __future__ import annotations

from agent.config.board import Board
from agent.config.plan import ProgramFiles, darkness_problems, load_plan
from agent.config.problems import ConfigError, Problem
from agent.config.program import is_path
from agent.preview.forecast import Subject
from agent.preview.street import Street
from agent.schedule.calendars import Calendar
from agent.schedule.plan import Floor, Plan, PlannedLuminaire

# Without a board there is no installer's floor, and the program counts as it was written.
NO_FLOOR = Floor(night_percent=0, dark_allowed=True)


def load_subject(name_or_path: str, street: Street, board: Board | None, files: ProgramFiles) -> Subject:
    """Returns a program or calendar for every luminaire of the street, in place of the programs of its groups.

    Raises ConfigError with every problem in it, among them nights that are dark although the program does not say so.
    """
    calendar = _calendar(name_or_path, files)
    problems = [
        problem
        for program in calendar.programs()
        for problem in darkness_problems(program, files.document(program), street.place)
    ]
    if board and not board.dark_allowed:
        problems += [
            Problem(
                str(board.path),
                0,
                f"the program {program.name} leaves the street dark at times (dark = true), which this board does not"
                " allow: write dark_allowed = true in [board] if the owner of the street agrees, or take another",
            )
            for program in calendar.programs()
            if program.dark
        ]
    if problems:
        raise ConfigError(problems)
    if not board:
        return calendar.name, Plan([PlannedLuminaire(lamp.name, calendar) for lamp in street.lamps], NO_FLOOR)
    luminaires = [PlannedLuminaire(each.name, calendar, each.groups, each.output) for each in board.luminaires]
    floor = Floor(board.night_floor_percent, board.dark_allowed, board.longest_override_s)
    return calendar.name, Plan(luminaires, floor, (), board.paths, board.safe_percent)


def own_subject(board: Board, files: ProgramFiles) -> Subject:
    """Returns the board's own plan, with the programs and calendars of its groups. Raises ConfigError with every
    problem in them."""
    return "the board's own", load_plan(board, None, files)


def _calendar(name_or_path: str, files: ProgramFiles) -> Calendar:
    if is_path(name_or_path) and "calendar" in files.read(name_or_path).root:
        return files.load_calendar(name_or_path)
    program = files.load(name_or_path)
    return Calendar(program.name, program)
