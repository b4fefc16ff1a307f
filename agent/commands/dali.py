"""`lichtmast dali BOARD ADDRESS COMMAND [NUMBER]`: sends one command by its standard name, and shows the answer."""

from __future__ import annotations

import argparse
import json
import sys

from agent.buses.dali_words import conversation_of
from agent.buses.open_bus import chosen, open_buses
from agent.config.board import load_board
from agent.errors import WrongUse
from agent.interfaces import Clock
from drivers.dali.bus import CONFIGURATION
from drivers.errors import DriverError
from protocols.dali import naming
from protocols.dali.frames import Reply
from protocols.errors import ProtocolError, ValueOutOfRange

ADDRESSES = (
    "0-63 for a gear, g0-g15 for a group, all, unaddressed, - for special commands;"
    " control devices: d0-d63, dg0-dg31, dall, dunaddressed, d- for their special commands, d5.2 for instance 2 of d5"
)

WHEN_STOPPED = "the command may have gone out already"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "board", metavar="BOARD", help="the board whose bus carries the command; no agent may be running on it"
    )
    parser.add_argument("address", metavar="ADDRESS", help=ADDRESSES)
    parser.add_argument(
        "command",
        metavar="COMMAND",
        help='its name in IEC 62386, such as "QUERY ACTUAL LEVEL"; or LEVEL, to set a level',
    )
    parser.add_argument(
        "number",
        metavar="NUMBER",
        nargs="*",
        help="the command's level (128, 50%%, MASK), scene, group or data, if it takes one",
    )
    parser.add_argument("--bus", metavar="NAME", help="the bus, if the board has several")
    for register in ("dtr0", "dtr1", "dtr2"):
        parser.add_argument(
            f"--{register}", metavar="BYTE", help=f"load {register.upper()} first, for a command that uses it"
        )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


async def run(arguments: argparse.Namespace, clock: Clock) -> int:
    board = load_board(arguments.board)
    bus = chosen(board, arguments.bus)
    registers = [arguments.dtr0, arguments.dtr1, arguments.dtr2]
    try:
        asked = conversation_of(arguments.address, arguments.command, arguments.number, registers)
    except ValueOutOfRange as error:
        raise WrongUse(str(error)) from error
    try:
        async with open_buses([bus], clock) as (opened,):
            await opened.wait_connected()
            reply = await opened.dali.run(asked.conversation, CONFIGURATION)
    except (DriverError, ProtocolError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    meaning = naming.reply_text(asked.command, reply) if asked.answer else None
    if arguments.json:
        found = {"bus": bus.name, "address": arguments.address, "command": asked.command}
        answer = {"answer": reply.kind, "value": reply.value, "meaning": meaning} if asked.answer else {"answer": None}
        print(json.dumps({**found, **answer}))
    else:
        print("sent" if meaning is None else meaning)
    unanswered = reply.kind == Reply.NO_ANSWER and not naming.is_yes_or_no(asked.command)
    return 1 if asked.answer and unanswered else 0
