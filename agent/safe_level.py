"""`lichtmast-safe-level BOARD`: sends the safe level to every lamp, when the agent is gone for good.

A supervisor calls it after a stop for good or a failed restart. Gear with a bus supply of its own keeps its last level
when the gateway dies, so somebody must tell it: a lamp may burn by day, but is never dark at night. It is apart from
the agent on purpose: no event loop, no journal, and it takes what it can of a board that `check` would refuse.
"""

from __future__ import annotations

import os
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import serial

from protocols.dali import addresses, gear_commands, levels
from protocols.dali.frames import Transmission
from protocols.dali_interfaces import atx_hat, luba, sci2, sevenlab

PRIORITY = 2
TELLS = 3
"""Times that each bus is told: a frame may fall to another master's, or to a half-finished command of the agent's."""
SENT_WITHIN_S = 0.08
"""A frame, even a pair, has gone out by then on every interface; and a pair that the host sends itself is still one."""
OPENS = 20
OPEN_AGAIN_AFTER_S = 0.5
"""The agent that was just killed may hold the port for a moment more."""

READ_BYTES = 4096


class _Product(NamedTuple):
    """How an interface product is spoken to without waiting for what it says: its line, what it is told first, and the
    messages that send a frame on one of its buses."""

    baud: int
    lines: tuple[bool, bool] | None
    greeting: tuple[bytes, ...]
    messages: Callable[[int, Transmission], list[bytes]]


def _sci2(transmission: Transmission, layout: sci2.Layout) -> list[bytes]:
    by_host = transmission.twice and not layout.flags_twice
    return [sci2.encode(transmission, layout)] * (2 if by_host else 1)


PRODUCTS = {
    # A line end first: it ends a command that was cut off in the middle.
    "atx_hat": _Product(atx_hat.BAUD, None, (b"\n",), lambda channel, frame: [atx_hat.encode(channel, frame)]),
    "luba": _Product(
        luba.BAUD, None, (luba.set_up(supply=True),), lambda channel, frame: [luba.encode(channel, frame, PRIORITY)]
    ),
    "sci2": _Product(sci2.BAUD, sci2.LINES, (), lambda _channel, frame: _sci2(frame, sci2.DATASHEET)),
    "sci2_2": _Product(sci2.BAUD, sci2.LINES, (), lambda _channel, frame: _sci2(frame, sci2.NEWER)),
    "sevenlab": _Product(sevenlab.BAUD, None, (b"\r",), lambda _channel, frame: [sevenlab.encode(frame, PRIORITY)]),
}


def send_safe_level(board_path: Path) -> list[str]:
    """Sends the board's safe level by broadcast on each of its buses; returns a sentence for each that failed."""
    board = tomllib.loads(board_path.read_text(encoding="utf-8", errors="replace"))
    level = _level(board.get("board"))
    buses = board.get("bus")
    failed = []
    for bus in buses if isinstance(buses, list) else [buses]:
        if not isinstance(bus, dict):
            continue
        port, channel = str(bus.get("port", "")), bus.get("channel", 1)
        name = str(bus.get("interface", "atx_hat"))
        if name not in PRODUCTS:
            failed.append(f"{bus.get('name', port)}: there is no interface {name}: write one of {', '.join(PRODUCTS)}")
            continue
        try:
            _tell(port, PRODUCTS[name], int(channel) if channel in (1, 2, 3, 4) else 1, level)
        except (serial.SerialException, OSError) as error:
            failed.append(f"{bus.get('name', port)}: the safe level could not be sent on {port}: {error}")
    return failed


def _level(table: object) -> int:
    """The level of the board's safe_percent; full light where it has none that can be used."""
    percent = table.get("safe_percent") if isinstance(table, dict) else None
    if isinstance(percent, int | float) and not isinstance(percent, bool) and 0 < percent <= 100:
        return levels.level_of(percent)
    return levels.MAX_LEVEL


def _tell(port: str, product: _Product, channel: int, level: int) -> None:
    transmissions = [
        # At once: whatever fade the gear has stored would keep the street dark for up to a minute and a half.
        gear_commands.special("DTR0", 0),
        gear_commands.command(addresses.BROADCAST, "SET FADE TIME"),
        gear_commands.level(addresses.BROADCAST, level),
    ]
    with _opened(port, product) as device:
        for content in product.greeting:
            device.write(content)
            device.read(READ_BYTES)
        for _ in range(TELLS):
            for transmission in transmissions:
                for content in product.messages(channel, transmission):
                    device.write(content)
                    device.read(READ_BYTES)  # returns after SENT_WITHIN_S: what the interface says does not matter here


def _opened(port: str, product: _Product) -> serial.Serial:
    for attempt in range(OPENS):
        try:
            device = serial.Serial(None, product.baud, timeout=SENT_WITHIN_S, write_timeout=1.0, exclusive=True)
            if product.lines is not None:
                device.rts, device.dtr = product.lines
            device.port = port
            device.open()
        except (serial.SerialException, OSError):
            if attempt == OPENS - 1:
                raise
            time.sleep(OPEN_AGAIN_AFTER_S)
        else:
            return device
    raise AssertionError("the last attempt raises or returns")


def command() -> None:
    """The console script. A board that cannot be read gives way to the last good one in the agent's state folder.

    Exit codes: 0 every bus was told, 1 one could not be, 2 wrong use or no board that can be read.
    """
    if len(sys.argv) != 2:
        sys.stderr.write("usage: lichtmast-safe-level BOARD\n")
        sys.exit(2)
    state = Path(os.environ.get("STATE_DIRECTORY", "state"))
    for board in (Path(sys.argv[1]), state / "last-good-board.toml"):
        try:
            failed = send_safe_level(board)
        except (OSError, tomllib.TOMLDecodeError) as error:
            sys.stderr.write(f"{board} cannot be read: {error}\n")
            continue
        for sentence in failed:
            sys.stderr.write(f"{sentence}\n")
        sys.exit(1 if failed else 0)
    sys.exit(2)
