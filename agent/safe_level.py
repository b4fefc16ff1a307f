"""`lichtmast-safe-level BOARD`: sends the safe level to every lamp when the agent is gone for good.

A supervisor calls this command after the agent has stopped for good or could not be restarted. Gear on a bus with its
own supply keeps its last level when the gateway dies, so a command must bring it to the safe level: a lamp may burn by
day, but is never dark at night. The command shares little with the agent on purpose. It has no event loop and no
journal, and it uses every bus that it understands of a board that `check` would refuse. Buses that this board does not
reach may be reached by the last good board in the agent's state folder.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import termios
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import serial

from agent.hardware.files import read_plain
from agent.parts.interfaces import INTERFACES
from agent.parts.named import UnknownName, Unusable
from protocols.dali import addresses, gear_commands, levels
from protocols.dali.frames import Transmission
from protocols.dali_interfaces.product import Product

PRIORITY = 2
TIMES_SENT = 3
"""How often each bus is sent the safe level. A frame may be lost to a collision with another control device, or to a
command that the agent left half finished."""
SENT_WITHIN_S = 0.08
"""Seconds after which every interface has sent a frame, even one that is sent twice. They are short enough for a host
that sends the two frames of a pair itself: the gear still takes them for a pair."""
MOST_OPENINGS = 20
"""How often the command tries to open a port, OPEN_AGAIN_AFTER_S apart."""
OPEN_AGAIN_AFTER_S = 0.5
"""Seconds until the next try. An agent that was just killed may hold the port for a moment longer."""

LOADED_WITHIN_S = 5
"""Seconds that another package may take until its interface is known."""
READ_BYTES = 4096
MOST_BUSES = 64
"""More than a gateway has ports and channels for. A file of 70,000 buses is a mistake, and must not take an hour."""

DONE, FAILED, WRONG_USE = 0, 1, 2

USAGE = "usage: lichtmast-safe-level BOARD"
HELP = f"""{USAGE}

Sends the safe level of this board (safe_percent) to every lamp on each of its buses, when the agent is gone for good.
What this board does not reach is told by the last good board in $STATE_DIRECTORY, or in ./state.

  BOARD       the board file of this gateway
  -h, --help  show this text

exit codes: 0 every bus was told, 1 one could not be, 2 wrong use or no board that names a bus
"""
LAST_GOOD = "last-good-board.toml"

_REASONS = {
    errno.EAGAIN: "another program has it: stop that one first",
    errno.EACCES: "this user may not open it: add the user to the group dialout",
}


class BoardUnusable(ValueError):
    """The file cannot be read as a board. `wrong` says what is wrong. The message adds the remedy, which helps only
    with a file that the user named."""

    def __init__(self, wrong: str, remedy: str = "") -> None:
        super().__init__(f"{wrong}: {remedy}" if remedy else wrong)
        self.wrong = wrong


class Bus(NamedTuple):
    """A bus that the safe level can be sent to: it has a port and an interface that is known."""

    name: str
    port: str
    product: Product
    channel: int
    level: int

    @property
    def place(self) -> tuple[str, int]:
        """The real path of the port (which may have several names), and the channel: together they mean one pair of
        wires."""
        return os.path.realpath(self.port), self.channel


def buses_of(path: Path, *, only_own: bool = False) -> tuple[list[Bus], list[str]]:
    """Returns the buses of a board that can be reached, and a sentence for each that cannot. Raises BoardUnusable if
    the file cannot be read as TOML. With `only_own`, buses with an interface of another package are left out, and no
    code of that package runs."""
    try:
        board = tomllib.loads(read_plain(path).decode("utf-8", errors="replace"))
    except RecursionError:
        raise BoardUnusable(f"{path}: its brackets are nested too deeply", "write plain tables") from None
    except OSError as error:
        reason, remedy = error.strerror or "it cannot be read", "give the path of a TOML file that can be read"
        raise BoardUnusable(f"{path}: {reason[:1].lower()}{reason[1:]}", remedy) from None
    except ValueError as error:
        raise BoardUnusable(f"{path}: not valid TOML: {error}") from None
    level = _level(board.get("board"))
    found = board.get("bus", [])
    buses, unusable = [], []
    for number, table in enumerate(found[:MOST_BUSES] if isinstance(found, list) else [found], 1):
        if only_own and not _is_own(table):
            continue
        bus = _bus(table, number, level)
        if isinstance(bus, Bus):
            buses.append(bus)
        else:
            unusable.append(f"{path}: bus {number} {bus}")
    if isinstance(found, list) and len(found) > MOST_BUSES:
        unusable.append(f"{path}: it names {len(found)} buses, of which only {MOST_BUSES} are told")
    return buses, unusable


def _is_own(table: object) -> bool:
    """Returns whether a [[bus]] table names an interface of Lichtmast's own."""
    return isinstance(table, dict) and INTERFACES.own_of(_interface(table)) is not None


def _interface(table: dict[str, object]) -> str:
    name = table.get("interface", "atx_hat")
    return name if isinstance(name, str) else ""


def _bus(table: object, number: int, level: int) -> Bus | str:
    """Returns the bus that a [[bus]] table describes, or a phrase that says what is wrong with the table."""
    if not isinstance(table, dict):
        return "is no table: write [[bus]]"
    name, port = table.get("name"), table.get("port")
    channel, interface = table.get("channel"), _interface(table)
    if not isinstance(port, str) or not port or "\0" in port:
        return 'has no port: write one such as "/dev/ttyAMA0"'
    known_channel = 1
    try:
        with _time_limit(f"its package takes longer than {LOADED_WITHIN_S} s"):
            product = INTERFACES.find(interface)
        if isinstance(channel, int | float) and channel in range(1, product.channels + 1):
            known_channel = int(channel)
    except UnknownName:
        return f"has no interface that is known: write one of {', '.join(INTERFACES.names())}"
    except BaseException as error:  # noqa: BLE001 - another package may fail in any way: go on with the other buses
        return f'has the interface "{interface}", which cannot be used: {str(error) or type(error).__name__}'
    return Bus(name if isinstance(name, str) else f"bus {number}", port, product, known_channel, level)


@contextlib.contextmanager
def _time_limit(sentence: str) -> Iterator[None]:
    """Raises Unusable with the sentence if the work inside takes longer than LOADED_WITHIN_S."""

    def expire(_number: int, _frame: FrameType | None) -> None:
        raise Unusable(sentence)

    before = signal.signal(signal.SIGALRM, expire)
    signal.alarm(LOADED_WITHIN_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def send_safe_level(buses: list[Bus]) -> list[str]:
    """Sends its safe level to each of these buses, and returns a sentence for each bus that failed.

    A port that fails is tried again once every other bus has been tried, up to MOST_OPENINGS times.
    """
    left, failed = buses, list[str]()
    for attempt in range(MOST_OPENINGS):
        if attempt:
            time.sleep(OPEN_AGAIN_AFTER_S)
        again, failed = [], []
        for bus in left:
            try:
                _send(bus.port, bus.product, bus.channel, bus.level)
            except Exception as error:  # noqa: BLE001 - a port or another package's codec failed: go on with the rest
                again.append(bus)
                failed.append(f"{bus.name}: the safe level could not be sent on {bus.port}: {_reason(error)}")
        left = again
        if not left:
            break
    return failed


def _reason(error: Exception) -> str:
    """Returns the system's words for the failure of a port, which pyserial and termios wrap in words of their own."""
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, termios.error):
        number = next(iter(error.args), None)
    if not isinstance(number, int):
        return str(error) or type(error).__name__
    return _REASONS.get(number) or f"{os.strerror(number)}: check the cable, and the port in the board"


def send_safe_levels(board: Path, last_good: Path) -> tuple[int, list[str]]:
    """Sends the safe level to the buses of the board and, if one of them fails, to those of the last good board too.

    Returns the exit code, and a sentence for each thing that went wrong.
    """
    said, failed = list[str](), list[str]()
    try:
        # Code of another package may do anything, so the other buses are told before it runs.
        buses, _ = buses_of(board, only_own=True)
        failed = send_safe_level(buses)
        own = {bus.place for bus in buses}
        buses, unusable = buses_of(board)
        failed += send_safe_level([bus for bus in buses if bus.place not in own])
    except BoardUnusable as error:
        said.append(str(error))
        buses, unusable = [], []
    else:
        if not buses and not unusable:
            said.append(f"{board}: it names no bus: write [[bus]]")
    said += unusable + failed
    if not said:
        return DONE, said
    try:
        kept, kept_unusable = buses_of(last_good)
    except BoardUnusable as error:
        return FAILED if buses else WRONG_USE, [*said, f"nor is there a last good board to use: {error.wrong}"]
    tried = {bus.place for bus in buses}
    failed += kept_unusable + send_safe_level([bus for bus in kept if bus.place not in tried])
    said += [sentence for sentence in failed if sentence not in said]
    if not kept and not buses:
        return WRONG_USE, said
    return FAILED if failed or not kept else DONE, said


def _level(table: object) -> int:
    """Returns the level of the board's safe_percent, or full light if the board has no percent that can be used."""
    percent = table.get("safe_percent") if isinstance(table, dict) else None
    if isinstance(percent, int | float) and not isinstance(percent, bool) and 0 < percent <= 100:
        return levels.level_of(percent)
    return levels.MAX_LEVEL


def safe_level_frames(level: int) -> list[Transmission]:
    """Returns the frames that bring every gear of a bus to this level without a fade.

    They clear the FADE TIME that the gear has stored, which would keep the street dark for up to a minute and a half,
    and its EXTENDED FADE TIME, which counts when FADE TIME is 0 and would do so for up to 16 minutes (IEC 62386-102).
    """
    return [
        gear_commands.special("DTR0", 0),
        gear_commands.command(addresses.BROADCAST, "SET FADE TIME"),
        gear_commands.command(addresses.BROADCAST, "SET EXTENDED FADE TIME"),
        gear_commands.level(addresses.BROADCAST, level),
    ]


def _send(port: str, product: Product, channel: int, level: int) -> None:
    with _opened(port, product) as device:
        for content in product.greeting:
            device.write(content)
            device.read(READ_BYTES)
        for _ in range(TIMES_SENT):
            for transmission in safe_level_frames(level):
                for content in product.messages(channel, transmission, PRIORITY):
                    device.write(content)
                    device.read(READ_BYTES)  # only waits for SENT_WITHIN_S: the interface's answer does not matter here


def _opened(port: str, product: Product) -> serial.Serial:
    device = serial.Serial(None, product.baud, timeout=SENT_WITHIN_S, write_timeout=1.0, exclusive=True)
    if product.lines is not None:
        device.rts, device.dtr = product.lines
    device.port = port
    device.open()
    return device


def command() -> None:
    """Runs the console script `lichtmast-safe-level`. HELP lists its exit codes."""
    arguments = sys.argv[1:]
    if "-h" in arguments or "--help" in arguments:
        sys.stdout.write(HELP)
        sys.exit(DONE)
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write(f"{USAGE}\n")
        sys.exit(WRONG_USE)
    state = Path(os.environ.get("STATE_DIRECTORY") or "state")
    code, said = send_safe_levels(Path(arguments[0]), state / LAST_GOOD)
    for sentence in said:
        sys.stderr.write(f"{sentence}\n")
    sys.exit(code)
