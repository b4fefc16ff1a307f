"""Reads calendars, TOML files that give each night its program. A night belongs to the day of its evening."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from agent.config.calendar_rules import check_rules
from agent.config.document import Document, read_document
from agent.config.file_kinds import require_kind
from agent.config.keys import Key, Type, format_key
from agent.config.problems import ConfigError, did_you_mean, shown
from agent.config.program import is_path, load_program
from agent.config.tables import Row, Table, read_tables
from agent.schedule.calendars import LAST, Calendar, Rule, SpecialDay, special_names
from agent.schedule.civil import days_in_month
from agent.schedule.program import Program

# The newest format of calendar files that this version reads.
FORMAT = 1

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
OCCURRENCES = ("each", "first", "second", "third", "fourth", "fifth", "last")
DATE = "([0-9]{4}-)?[0-9]{2}-[0-9]{2}"

TABLES = (
    Table(
        "calendar",
        "what the calendar is called, and the program of every night that no rule claims",
        (
            format_key(FORMAT),
            Key(
                "name",
                Type.TEXT,
                "small letters, digits and hyphens, at most 40",
                pattern=r"[a-z0-9-]{1,40}",
                example='"centre"',
            ),
            Key("program", Type.TEXT, "a ready program's name, or a file's path from this file's folder", "d60"),
        ),
    ),
    Table(
        "day",
        "a special day of your own, for the rules to name",
        (
            Key(
                "name",
                Type.TEXT,
                "small letters, digits and hyphens, at most 40",
                pattern=r"[a-z0-9-]{1,40}",
                example='"kermis"',
            ),
            Key("dates", Type.TEXTS, "its dates: of each year, or of one", pattern=DATE, example='["2026-07-03"]'),
        ),
        many=True,
        required=False,
    ),
    Table(
        "rule",
        "the nights in which another program holds; the first rule that fits a night decides it",
        (
            Key("program", Type.TEXT, "a ready program's name, or a file's path from this file's folder"),
            Key("weekdays", Type.TEXTS, "on these weekdays", (), choices=WEEKDAYS),
            Key("occurrence", Type.TEXT, "which of them in the month", "each", choices=OCCURRENCES),
            Key("dates", Type.TEXTS, "on these dates", (), pattern=DATE, example='["12-24", "2026-12-31"]'),
            Key("from", Type.TEXT, "from this date on, with until", None, pattern=DATE, example='"12-15"'),
            Key("until", Type.TEXT, "until this date, itself included", None, pattern=DATE, example='"01-06"'),
            Key(
                "days",
                Type.TEXTS,
                f"on these special days: {', '.join(sorted(special_names()))}, or your own",
                (),
                pattern=r"[a-z0-9-]{1,40}",
                example='["koningsdag"]',
            ),
        ),
        many=True,
        required=False,
    ),
)


def load_calendar(
    path: str | Path,
    program: Callable[[str | Path], Program] = load_program,
    read: Callable[[str | Path], Document] = read_document,
) -> Calendar:
    """Returns the calendar in this file. Raises ConfigError with every problem in it and in its programs.

    `program` loads a program by its ready name or its path, and `read` reads the calendar's file.
    """
    return read_calendar(read(path), program)


def read_calendar(document: Document, program: Callable[[str | Path], Program] = load_program) -> Calendar:
    """Returns the calendar in a document. Raises ConfigError with every problem in it and in its programs.

    `program` loads a program by its ready name or its path.
    """
    require_kind(document, "calendar", tuple(table.name for table in TABLES))
    rows = read_tables(document, TABLES)
    special = tuple(_special(document, rows["day"]))
    known = {*special_names(), *(row.text("name") for row in rows["day"] if row.has("name"))}
    loaded = _programs(document, [*rows["calendar"], *rows["rule"]], program)
    rules = [_rule(document, row, known, loaded) for row in rows["rule"]]
    whole = [rule for rule in rules if rule]
    if len(whole) == len(rules):
        check_rules(document, [row.where for row in rows["rule"]], whole, special)
    document.refuse()
    row = rows["calendar"][0]
    return Calendar(row.text("name"), loaded[row.text("program")], tuple(whole), special)


def _programs(document: Document, rows: list[Row], load: Callable[[str | Path], Program]) -> dict[str, Program]:
    """Returns the programs that the rows name, each loaded once. The problems of a program are reported with its own
    file and line."""
    folder = Path(document.path).parent
    found: dict[str, Program] = {}
    refused: set[str] = set()
    for row in rows:
        if not row.has("program"):
            continue
        name = row.text("program")
        if name in found or name in refused:
            continue
        try:
            found[name] = load(folder / name if is_path(name) else name)
        except ConfigError as error:
            refused.add(name)
            where = (*row.where, "program")
            document.report(where, f"program = {shown(name)} cannot be used: {error.problems[0].text}")
            document.problems.extend(problem for problem in error.problems if problem.line)
    return found


def _rule(document: Document, row: Row, known: set[str], programs: dict[str, Program]) -> Rule | None:
    """Returns the rule of a row, or None if something in the row is wrong; the document then has the problem."""
    before = len(document.problems)
    conditions = {"weekdays", "dates", "from", "until", "days"}
    if not conditions & row.written:
        document.report(
            row.where,
            "this rule has no condition, so it would hold every night: add weekdays, dates, from and until, or days;"
            " or make its program that of [calendar]",
        )
    for end, other in (("from", "until"), ("until", "from")):
        if end in row.written and other not in row.written:
            document.report((*row.where, end), f"{end} stands without {other}: write both")
    if row.has("occurrence") and row.text("occurrence") != "each" and "weekdays" not in row.written:
        document.report(
            (*row.where, "occurrence"), 'occurrence stands without weekdays: add them, such as weekdays = ["friday"]'
        )
    if row.has("days"):
        for name in row.texts("days"):
            if name not in known:
                document.report(
                    (*row.where, "days"),
                    f"{shown(name)} is no special day: {did_you_mean(name, known)}; or add a [[day]] of that name",
                )
    dates = _dates(document, row, "dates")
    first = _date(document, row, "from") if row.has("from") else None
    last = _date(document, row, "until") if row.has("until") else None
    if first and last:
        _check_range(document, row, first, last)
    # A wrong key or an unusable program was reported above or by the readers of its table.
    complete = row.has("program", "weekdays", "occurrence", "dates", "days") and row.text("program") in programs
    if not complete or len(document.problems) > before or bool({"from", "until"} & row.written) != bool(first and last):
        return None
    nth = OCCURRENCES.index(row.text("occurrence"))
    return Rule(
        programs[row.text("program")],
        tuple(sorted({WEEKDAYS.index(name) + 1 for name in row.texts("weekdays")})),
        LAST if row.text("occurrence") == "last" else nth,
        dates,
        first,
        last,
        row.texts("days"),
    )


def _special(document: Document, rows: list[Row]) -> list[SpecialDay]:
    found: dict[str, Row] = {}
    days = []
    for row in rows:
        dates = _dates(document, row, "dates") if row.has("dates") else ()
        if not row.has("name"):
            continue
        name = row.text("name")
        if name in found:
            line = document.line((*found[name].where, "name"))
            document.report(
                (*row.where, "name"), f"the day {shown(name)} stands at line {line} already: put all its dates there"
            )
        found.setdefault(name, row)
        days.append(SpecialDay(name, dates))
    return days


def _check_range(document: Document, row: Row, first: tuple[int, int, int], last: tuple[int, int, int]) -> None:
    if bool(first[0]) != bool(last[0]):
        document.report((*row.where, "until"), "from and until must both have a year, or both none: write them alike")
    elif first[0] and last < first:
        document.report((*row.where, "until"), "until is before from, so no night lies between: swap them")


def _dates(document: Document, row: Row, name: str) -> tuple[tuple[int, int, int], ...]:
    if not row.has(name):
        return ()
    found = [_parsed(document, row, name, text) for text in row.texts(name)]
    return tuple(date for date in found if date)


def _date(document: Document, row: Row, name: str) -> tuple[int, int, int] | None:
    return _parsed(document, row, name, row.text(name))


def _parsed(document: Document, row: Row, name: str, text: str) -> tuple[int, int, int] | None:
    """Returns the (year or 0, month, day) of "12-24" or "2026-12-24". Reports a date that does not exist, and returns
    None for it."""
    numbers = [int(part) for part in re.split("-", text)]
    year, month, day = numbers if len(numbers) == 3 else (0, *numbers)
    # 2024 was a leap year: 29 February exists in some years.
    if 1 <= month <= 12 and 1 <= day <= days_in_month(year or 2024, month):
        return year, month, day
    document.report((*row.where, name), f'{shown(text)} is no date: write month and day such as "12-24"')
    return None
