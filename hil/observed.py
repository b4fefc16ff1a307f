"""The observations of a bench during a story: the course of each lamp's level, and the frames by name (IEC 62386-102,
-103).

Benches tell an observation and a report listens. Without a listener, no observation is put together.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.config.board import Board
from hil.devices.dali_bus import Result, TracedFrame
from hil.devices.street import Street
from hil.emulated_board import EmulatedBoard
from protocols.dali import gear_commands, naming
from protocols.dali.frames import COLLISION, NO_ANSWER, ForwardFrame, answered


@dataclass(frozen=True)
class Frame:
    """A forward frame that has passed. `at` is Unix seconds of the story's time; `answer` is empty if none was due."""

    at: float
    bus: str
    content: str
    address: str
    command: str
    answer: str


@dataclass(frozen=True)
class Course:
    """A lamp's level over the story: pairs of Unix seconds of the story's time and a level 0..254, in order of time."""

    luminaire: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Observation:
    """All that a bench saw from `began` to `ended` (Unix seconds of the story's time).

    With `true_levels`, the levels are those of the emulated lamps at every instant; without it, they are the answers of
    gear at single instants. `clock_set` means that the story has set its clock, so that only the time since its start
    has a meaning. `failed` means that an error ended the story, at `ended`.
    """

    board: str
    timezone: str
    began: float
    ended: float
    true_levels: bool
    clock_set: bool
    failed: bool
    courses: tuple[Course, ...]
    frames: tuple[Frame, ...]


Listener = Callable[[Observation], None]
_listeners: list[Listener] = []


@contextlib.contextmanager
def listening() -> Iterator[list[Observation]]:
    """Yields a list, which receives each observation that a bench tells inside the `with`."""
    heard: list[Observation] = []
    listener: Listener = heard.append
    _listeners.append(listener)
    try:
        yield heard
    finally:
        _listeners.remove(listener)


def tell(observe: Callable[[], Observation]) -> None:
    """Tells each listener the observation of a bench that has come to its end. Without one, `observe` is not called."""
    if _listeners:
        seen = observe()
        for listener in _listeners:
            listener(seen)


def described(board: Board) -> str:
    """Returns the board in one line: its gateway, the number of its lamps, and its interface products."""
    count = len(board.luminaires)
    interfaces = ", ".join(dict.fromkeys(bus.interface for bus in board.buses))
    return f"{board.gateway}, {count} luminaire{'' if count == 1 else 's'} on {interfaces}"


@contextlib.contextmanager
def emulated_board_seen(board: Board, emulated: EmulatedBoard, wall: Callable[[], float]) -> Iterator[None]:
    """Tells, at the end of the `with`, what the emulated devices saw of the story inside it. `wall` is the story's wall
    clock."""
    loop = asyncio.get_running_loop()
    began_wall, began = wall(), loop.time()
    failed = True
    try:
        yield
        failed = False
    finally:
        ended = loop.time()
        clock_set = abs((wall() - began_wall) - (ended - began)) > 1.0
        zero = began_wall - began
        tell(
            lambda: Observation(
                board=described(board),
                timezone=board.timezone,
                began=began_wall,
                ended=zero + ended,
                true_levels=True,
                clock_set=clock_set,
                failed=failed,
                courses=tuple(_true_course(lamp.name, emulated, zero) for lamp in board.luminaires),
                frames=tuple(_emulated_frames(emulated, zero)),
            )
        )


def _true_course(luminaire: str, emulated: EmulatedBoard, zero: float) -> Course:
    street, number = emulated.place(luminaire)
    return Course(luminaire, tuple((zero + point.time, point.level) for point in street.curve(number)))


def _emulated_frames(emulated: EmulatedBoard, zero: float) -> list[Frame]:
    frames = [frame for bus, street in emulated.streets.items() for frame in frames_on(street, bus, zero)]
    return sorted(frames, key=lambda frame: frame.at)


def frames_on(street: Street, bus: str, zero: float) -> list[Frame]:
    """Returns the frames that an emulated street still remembers, oldest first.

    `bus` is the street's name in them; `zero` is the Unix time at which the loop's clock was 0.
    """
    namer = naming.Namer()
    return [_emulated_frame(bus, traced, namer, zero) for traced in street.bus.trace]


def _emulated_frame(bus: str, traced: TracedFrame, namer: naming.Namer, zero: float) -> Frame:
    frame = ForwardFrame(traced.bits, traced.value)
    named = namer.name(frame)
    content = frame.to_bytes().hex()
    return Frame(zero + traced.time, bus, content, named.address, named.text, _emulated_answer(named.command, traced))


def _emulated_answer(command: str, traced: TracedFrame) -> str:
    if traced.outcome is Result.ANSWER:
        return naming.reply_text(command, answered(traced.answer))
    if traced.outcome is Result.GARBLED:
        return naming.reply_text(command, COLLISION)
    if traced.outcome is Result.SILENCE:
        return naming.reply_text(command, NO_ANSWER) if _asks(command) else ""
    return str(traced.outcome.value)


def _asks(command: str) -> bool:
    row = gear_commands.COMMANDS.get(command) or gear_commands.SPECIAL_COMMANDS.get(command)
    return row.answer if row else command.startswith("QUERY")


LOOKS_AGAIN_S = 0.05


async def watch_frames(socket: Path, seen: Callable[[Frame], None]) -> None:
    """Calls `seen` with each frame that a running agent reports at its monitor's socket, until the agent closes it.

    It waits until the socket exists.
    """
    while True:
        try:
            reader, writer = await asyncio.open_unix_connection(socket)
            break
        except (FileNotFoundError, ConnectionRefusedError):
            await asyncio.sleep(LOOKS_AGAIN_S)
    try:
        async for line in reader:
            row = json.loads(line)
            command = row["command"] if row["number"] is None else f"{row['command']} {row['number']}"
            by = "" if row["by"] == "us" else f" ({row['by']})"
            seen(Frame(row["at"], row["bus"], row["frame"], row["address"], command + by, row["meaning"] or ""))
    finally:
        writer.close()
