"""`lichtmast preview PROGRAM...`: shows side by side what programs will do in a night or a year.

It uses the very code that drives the lamps. It opens no port, and only reads.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from agent.almanac import UnknownTimezone
from agent.config.board import Board, load_board
from agent.config.plan import ProgramFiles
from agent.config.problems import shown
from agent.config.program import ready_programs
from agent.errors import WrongUse
from agent.hardware.files import require_writable, write_or_report
from agent.interfaces import Clock
from agent.preview.chart import signs_for
from agent.preview.forecast import (
    FIRST_YEAR,
    LAST_YEAR,
    Subject,
    evening_of,
    plots,
    preview_night,
    preview_year,
)
from agent.preview.learned import NoJournal, learned_powers
from agent.preview.report import as_json, as_text
from agent.preview.street import NoSuchPlace, Street, street_of
from agent.preview.subjects import load_subject, own_subject
from agent.savings.plot import sheet_svg
from agent.savings.power_model import PowerModel

FULL = "full"
WHEN_STOPPED = "nothing was written"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "programs",
        nargs="*",
        metavar="PROGRAM",
        help="a ready program's name, or the file of a program or a calendar (default: the board's)",
    )
    parser.add_argument(
        "--board", metavar="BOARD", help="the board that gives luminaires, place and baseline (default: an example)"
    )
    span = parser.add_mutually_exclusive_group()
    span.add_argument("--night", metavar="DATE", help="the night that begins on this date (default: tonight)")
    span.add_argument("--year", metavar="YEAR", help="a whole year, month by month")
    parser.add_argument(
        "--place",
        metavar="LAT,LON",
        help="degrees north and east, such as 52.10,5.18 (south of the equator: --place=-33.9,18.4)",
    )
    parser.add_argument(
        "--timezone", metavar="NAME", help="the time zone that the program follows, such as Europe/Amsterdam"
    )
    parser.add_argument(
        "--against",
        metavar="PROGRAM",
        default=FULL,
        help="the baseline: a program, or full for full power (default: full)",
    )
    parser.add_argument("--price", metavar="EUR", help="the variable part of the owner's price for a kWh")
    parser.add_argument(
        "--state", type=Path, metavar="DIR", help="the agent's state folder, for the full powers that it has measured"
    )
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the night, or two nights of the year")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace, clock: Clock) -> int:
    price = None if arguments.price is None else _price(arguments.price)
    where = None if arguments.place is None else _place(arguments.place)
    year = None if arguments.year is None else _year(arguments.year)
    evening = None if arguments.night is None else _date(arguments.night)
    if arguments.svg:
        require_writable(arguments.svg, "--svg")
    board = load_board(arguments.board) if arguments.board else None
    street = _street(board, where, arguments.timezone, arguments.state)
    files = ProgramFiles()
    subjects = _subjects(arguments.programs, street, board, files)
    against = None if arguments.against == FULL else load_subject(arguments.against, street, board, files)
    if year is not None:
        preview = preview_year(subjects, street, year, against, price)
    else:
        preview = preview_night(subjects, street, evening or _tonight(street, clock), against, price)
    picture = sheet_svg(plots(preview, against)) if arguments.svg else ""
    if arguments.json:
        print(json.dumps({**as_json(preview), "svg": str(arguments.svg) if arguments.svg else None}, indent=2))
    else:
        print("\n".join(as_text(preview, signs_for(sys.stdout.encoding))))
    if arguments.svg:
        if not write_or_report(arguments.svg, picture):
            return 1
        if not arguments.json:
            print(f"As a picture: {arguments.svg}")
    return 0


def _subjects(names: Sequence[str], street: Street, board: Board | None, files: ProgramFiles) -> list[Subject]:
    if names:
        return [load_subject(name, street, board, files) for name in names]
    if board is None:
        raise WrongUse(f"name a program to preview, such as {ready_programs()[0]}, or a board with --board")
    return [own_subject(board, files)]


def _street(board: Board | None, where: tuple[float, float] | None, timezone: str | None, state: Path | None) -> Street:
    learned: dict[str, float] = {}
    try:
        if state is not None:
            if board is None:
                raise WrongUse("--state needs --board: the board says which lamps were measured")
            declared = {
                each.name: PowerModel(each.power_w, each.min_power_w, each.standby_w) for each in board.luminaires
            }
            learned = learned_powers(state, board.gateway, declared)
        return street_of(board, where, timezone, learned)
    except (NoJournal, NoSuchPlace, UnknownTimezone) as error:
        raise WrongUse(str(error)) from error


def _tonight(street: Street, clock: Clock) -> date:
    if not clock.valid():
        raise WrongUse("this machine's clock is not set: name a night with --night YYYY-MM-DD, or a year with --year")
    return evening_of(street.almanac, clock.wall())


def _date(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise WrongUse(f"--night {shown(text)} is no date: write it as 2026-01-15") from None
    _year(str(found.year), "--night")
    return found


def _year(text: str, option: str = "--year") -> int:
    if not (text.isascii() and text.isdigit() and len(text) == 4 and FIRST_YEAR <= int(text) <= LAST_YEAR):
        raise WrongUse(f"{option} {shown(text)}: write a year from {FIRST_YEAR} to {LAST_YEAR}")
    return int(text)


def _place(text: str) -> tuple[float, float]:
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        latitude = longitude = math.nan
    # NaN lies in no range.
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise WrongUse(
            f"--place {shown(text)} is no place: write degrees north and east, as 52.10,5.18 (-90 to 90, -180 to 180)"
        )
    return latitude, longitude


def _price(text: str) -> float:
    try:
        price = float(text)
    except ValueError:
        price = math.nan
    if not 0 <= price <= 10:
        raise WrongUse(f"--price {shown(text)}: write euros per kWh from 0 to 10, as 0.25")
    return price
