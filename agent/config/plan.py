"""Makes the plan of a board: reads its programs and calendars, resolves its groups, and takes the installer's floor.

A program that leaves the street dark is refused unless the program says so itself and the board allows it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agent.almanac import ZoneAlmanac
from agent.config.board import Board
from agent.config.calendar import load_calendar
from agent.config.darkness import darkest_night
from agent.config.document import Document, read_document
from agent.config.problems import ConfigError, Problem
from agent.config.program import program_path, read_program
from agent.config.toml_lines import Path as Where
from agent.schedule.calendars import Calendar
from agent.schedule.place import Place
from agent.schedule.plan import Floor, Plan, PlannedLuminaire
from agent.schedule.program import Program


class ProgramFiles:
    """Reads programs and calendars, and knows the file of each program.

    Each program is read once, so that luminaires with one program share one value. `paths` lists the files read.
    """

    def __init__(self, read: Callable[[str | Path], Document] = read_document) -> None:
        self.read = read
        self.paths: list[str] = []
        self._found: dict[str, tuple[Program, Document]] = {}
        self._refused: dict[str, ConfigError] = {}

    def load(self, name_or_path: str | Path) -> Program:
        """Returns the ready program of this name, or the program in this file. Raises ConfigError with every problem in
        it."""
        path = str(program_path(name_or_path))
        if path in self._refused:
            raise self._refused[path]
        if path not in self._found:
            self._note(path)
            try:
                document = self.read(path)
                self._found[path] = (read_program(document), document)
            except ConfigError as error:
                self._refused[path] = error
                raise
        return self._found[path][0]

    def load_calendar(self, path: str) -> Calendar:
        """Returns the calendar in this file. Raises ConfigError with every problem in it and in its programs."""
        self._note(path)
        return load_calendar(path, self.load, self.read)

    def document(self, program: Program) -> Document:
        """Returns the document that a program was read from."""
        return next(document for found, document in self._found.values() if found is program)

    def _note(self, path: str) -> None:
        if path not in self.paths:
            self.paths.append(path)


def place_of(board: Board) -> Place:
    """Returns the board's place with its civil time. target_of() and changes() cache their nights in it."""
    return Place(ZoneAlmanac(board.timezone), board.latitude, board.longitude)


def load_plan(board: Board, program: str | None = None, files: ProgramFiles | None = None) -> Plan:
    """Returns the plan of a board, without overrides. Raises ConfigError with every problem in its programs and
    calendars.

    `program`, a ready program's name or a path, replaces the board's own program and calendar, but not those of its
    groups. The caller can ask `files` afterwards which files were read.
    """
    files = files or ProgramFiles()
    problems: list[Problem] = []
    lines = _Lines(board)

    def calendar(program: str, path: str, where: Where) -> Calendar | None:
        key = (*where, "calendar" if path else "program")
        try:
            found = files.load_calendar(path) if path else _calendar_of(files.load(program))
        except ConfigError as error:
            problems.extend(error.problems)
            return None
        if not board.dark_allowed:
            problems.extend(
                Problem(
                    str(board.path),
                    lines.line(key),
                    f"the program {each.name} leaves the street dark at times (dark = true), which this board does not"
                    " allow: write dark_allowed = true in [board] if the owner of the street agrees, or take another"
                    " program",
                )
                for each in found.programs()
                if each.dark
            )
        return found

    whole = calendar(program, "", ("board",)) if program else calendar(board.program, board.calendar, ("board",))
    groups = {
        group.name: calendar(group.program, group.calendar, ("group", index))
        for index, group in enumerate(board.groups)
        if group.program or group.calendar
    }
    place = place_of(board)
    for each in _distinct([whole, *groups.values()]):
        problems.extend(darkness_problems(each, files.document(each), place))
    if problems or whole is None:
        raise ConfigError(problems)
    luminaires = []
    for luminaire in board.luminaires:
        own = next((groups[name] for name in luminaire.groups if name in groups), None)
        luminaires.append(PlannedLuminaire(luminaire.name, own or whole, luminaire.groups, luminaire.output))
    floor = Floor(board.night_floor_percent, board.dark_allowed, board.longest_override_s)
    return Plan(luminaires, floor, (), board.paths, board.safe_percent)


def darkness_problems(program: Program, document: Document, place: Place) -> list[Problem]:
    """Returns the problem of a program that leaves the street dark at this place and does not say that this is meant.

    The list is empty for all other programs.
    """
    if program.dark:
        return []
    dark = darkest_night(program, place)
    if dark is None:
        return []
    return [
        Problem(
            document.path,
            document.line(("program", "off" if ("program", "off") in document.lines else "on")),
            f"{program.name} would leave the street dark in some nights, such as {dark}: correct on and off, or write"
            " dark = true in [program] if that is meant (the board must allow it too)",
        )
    ]


def _calendar_of(program: Program) -> Calendar:
    """Returns a calendar that has this program in every night."""
    return Calendar(program.name, program)


def _distinct(calendars: list[Calendar | None]) -> list[Program]:
    """Returns the programs of these calendars, each value once."""
    found: list[Program] = []
    for calendar in calendars:
        for program in calendar.programs() if calendar else ():
            if not any(program is each for each in found):
                found.append(program)
    return found


class _Lines:
    """The lines of a board's keys. The file is read again for them, and only if there is a problem."""

    def __init__(self, board: Board) -> None:
        self._path = board.path

    def line(self, where: Where) -> int:
        try:
            return read_document(self._path).line(where)
        except ConfigError:
            return 0
