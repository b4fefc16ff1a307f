"""`lichtmast-safe-level BOARD`: sends the safe level to every lamp, when the agent is gone for good.

A supervisor calls it after a stop for good or a failed restart. Gear with a bus supply of its own keeps its last level
when the gateway dies, so somebody must tell it: a lamp may burn by day, but is never dark at night. It is apart from
the agent on purpose: no event loop, no journal, and it takes what it can of a board that `check` would refuse.
"""

from __future__ import annotations

import sys
import time
import tomllib
from pathlib import Path

import serial

from protocols.dali import addresses, gear_commands, levels
from protocols.dali_interfaces import atx_hat

TELLS = 3
"""Times that each bus is told: a frame may fall to another master's, or to a half-finished command of the agent's."""
LINE_WITHIN_S = 0.2
OPENS = 20
OPEN_AGAIN_AFTER_S = 0.5
"""The agent that was just killed may hold the port for a moment more."""


def send_safe_level(board_path: Path) -> list[str]:
    """Sends the board's safe level by broadcast on each of its buses; returns a sentence for each that failed."""
    board = tomllib.loads(board_path.read_text(encoding="utf-8"))
    level = _level(board.get("board"))
    buses = board.get("bus")
    failed = []
    for bus in buses if isinstance(buses, list) else [buses]:
        if not isinstance(bus, dict):
            continue
        port, channel = str(bus.get("port", "")), bus.get("channel", 1)
        try:
            _tell(port, int(channel) if channel in (1, 2, 3, 4) else 1, level)
        except (serial.SerialException, OSError) as error:
            failed.append(f"{bus.get('name', port)}: the safe level could not be sent on {port}: {error}")
    return failed


def _level(table: object) -> int:
    """The level of the board's safe_percent; full light where it has none that can be used."""
    percent = table.get("safe_percent") if isinstance(table, dict) else None
    if isinstance(percent, int | float) and not isinstance(percent, bool) and 0 < percent <= 100:
        return levels.level_of(percent)
    return levels.MAX_LEVEL


def _tell(port: str, channel: int, level: int) -> None:
    transmissions = [
        # At once: whatever fade the gear has stored would keep the street dark for up to a minute and a half.
        gear_commands.special("DTR0", 0),
        gear_commands.command(addresses.BROADCAST, "SET FADE TIME"),
        gear_commands.level(addresses.BROADCAST, level),
    ]
    with _opened(port) as device:
        device.write(b"\n")  # ends a command that was cut off in the middle
        for _ in range(TELLS):
            for transmission in transmissions:
                device.write(atx_hat.encode(channel, transmission))
                device.read_until(b"\n")


def _opened(port: str) -> serial.Serial:
    for _ in range(OPENS - 1):
        try:
            return serial.Serial(port, atx_hat.BAUD, timeout=LINE_WITHIN_S, write_timeout=LINE_WITHIN_S, exclusive=True)
        except (serial.SerialException, OSError):
            time.sleep(OPEN_AGAIN_AFTER_S)
    return serial.Serial(port, atx_hat.BAUD, timeout=LINE_WITHIN_S, write_timeout=LINE_WITHIN_S, exclusive=True)


def command() -> None:
    """The console script. Exit codes: 0 every bus was told, 1 one could not be, 2 wrong use or an unreadable board."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: lichtmast-safe-level BOARD\n")
        sys.exit(2)
    try:
        failed = send_safe_level(Path(sys.argv[1]))
    except (OSError, tomllib.TOMLDecodeError) as error:
        sys.stderr.write(f"{sys.argv[1]} cannot be read: {error}\n")
        sys.exit(2)
    for sentence in failed:
        sys.stderr.write(f"{sentence}\n")
    sys.exit(1 if failed else 0)
