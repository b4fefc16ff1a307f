"""`lichtmast override BOARD --percent P --all`: sets a level by hand for some luminaires for a while (TALQ 2.7.1).

It writes into the state folder of the gateway's agent, which takes it up within one control cycle.
"""

from __future__ import annotations

import argparse
import re
from datetime import datetime
from zoneinfo import ZoneInfo

from agent.commands import add_state_folder
from agent.config.board import Board, load_board
from agent.config.last_good import BOARD_COPY
from agent.config.problems import did_you_mean
from agent.errors import WrongUse
from agent.inputs.overrides import give
from agent.interfaces import Clock
from agent.schedule.override import DEFAULT_S, Override

SPAN = re.compile("([0-9]{1,3}):([0-5][0-9])")
FADE_S = 1.0
"""The fade of an override, in seconds: too slow to look like a flash, and quick enough to be seen to work."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "board", nargs="?", metavar="BOARD", help="the gateway's board file (default: the agent's own copy)"
    )
    add_state_folder(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--percent", type=_percent, metavar="P", help="the level, 0 to 100")
    what.add_argument("--resume", action="store_true", help="end the override: the program goes on")
    whom = parser.add_mutually_exclusive_group(required=True)
    whom.add_argument("--all", action="store_true", help="every luminaire of the gateway")
    whom.add_argument("--group", action="append", default=[], metavar="G", help="a group of the board (repeatable)")
    whom.add_argument("--luminaire", action="append", default=[], metavar="L", help="one luminaire (repeatable)")
    parser.add_argument("--for", dest="span_s", type=_span_s, metavar="HH:MM", help="how long (default: 02:00)")


def run(arguments: argparse.Namespace, clock: Clock) -> int:
    board = _board(arguments)
    _check_names(board, arguments.group, arguments.luminaire)
    if arguments.resume and arguments.span_s is not None:
        raise WrongUse("--for says how long an override lasts; --resume ends it at once: leave --for out")
    if not clock.valid():
        raise WrongUse("this machine's clock cannot be believed, so an override could not expire: set the clock first")
    now = clock.wall()
    span_s = DEFAULT_S if arguments.span_s is None else arguments.span_s
    lasting_s = min(span_s, board.longest_override_s)
    override = Override(
        arguments.percent, now, now + lasting_s, tuple(arguments.luminaire), tuple(arguments.group), FADE_S
    )
    try:
        give(arguments.state, override, clock)
    except OSError as error:
        raise WrongUse(f"the override cannot be written into {arguments.state}: {error}") from error
    whom = ", ".join([*arguments.group, *arguments.luminaire]) or f"all luminaires of {board.gateway}"
    if arguments.resume:
        print(f"{whom}: the program goes on")
        return 0
    until = datetime.fromtimestamp(now + lasting_s, ZoneInfo(board.timezone))
    print(f"{whom}: {arguments.percent:g} % until {until:%Y-%m-%d %H:%M} ({board.timezone})")
    if lasting_s < span_s:
        print(f"not longer: this board lets no override last more than {_clock_text(board.longest_override_s)}")
    floor_percent = max(board.night_floor_percent, 1.0)
    if arguments.percent < floor_percent:
        print(f"at night not below {floor_percent:g} %, the floor of this board")
    return 0


def _board(arguments: argparse.Namespace) -> Board:
    copy = arguments.state / BOARD_COPY
    if not copy.is_file():
        raise WrongUse(f"no agent has run with the state folder {arguments.state}: write --state DIR as for `run`")
    return load_board(arguments.board or copy, program_elsewhere=True)


def _check_names(board: Board, groups: list[str], luminaires: list[str]) -> None:
    known_groups = [group.name for group in board.groups]
    known_luminaires = [luminaire.name for luminaire in board.luminaires]
    for kind, asked, known in (("group", groups, known_groups), ("luminaire", luminaires, known_luminaires)):
        for name in asked:
            if name not in known:
                remedy = did_you_mean(name, known) if known else f"this board has no {kind}s: write --all"
                raise WrongUse(f"there is no {kind} {name} on the board of {board.gateway}: {remedy}")


def _percent(text: str) -> float:
    try:
        percent = float(text)
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        raise argparse.ArgumentTypeError(f"write a number from 0 to 100, not {text}")
    return percent


def _span_s(text: str) -> float:
    found = SPAN.fullmatch(text)
    seconds = 3600.0 * int(found[1]) + 60.0 * int(found[2]) if found else 0.0
    if not seconds:
        raise argparse.ArgumentTypeError(f"write hours and minutes such as 02:00, not {text}")
    return seconds


def _clock_text(seconds: float) -> str:
    minutes = int(seconds) // 60
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
