"""A host at the other end of an emulated bus, on the virtual clock.

`Host` writes and reads lines at a street's serial port. `DeviceBench` runs our 24-bit conversations straight on the
wires, against emulated control devices.
"""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar

from hil.devices.control_device import ControlDevice
from hil.devices.dali_bus import DaliBus, Outcome, Result
from hil.devices.street import Street
from hil.virtual_time import VirtualClock, run_virtual
from protocols.dali.frames import COLLISION, NO_ANSWER, ForwardFrame, Reply, Transmission, answered

T = TypeVar("T")
NIGHT = 1_768_500_000.0


class Host:
    """Opens the port as a program would. `replies` holds (loop time, line) as they arrive."""

    def __init__(self, path: str, clock: VirtualClock) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self.path = os.path.realpath(path)
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._fd)
        self._buffer = b""
        self.hung_up = False
        self.replies: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._loop.add_reader(self._fd, self._readable)

    def write(self, content: bytes) -> None:
        written = 0
        while written < len(content):
            written += os.write(self._fd, content[written:])
        self._clock.bytes_written(self.path, len(content))

    async def ask(self, line: bytes, *, wait_s: float = 0.2, settle_s: float = 0.006) -> bytes | None:
        """The next line after this one, or None after `wait_s`; then the bus gets its time to settle."""
        while not self.replies.empty():
            self.replies.get_nowait()
        self.write(line + b"\n")
        reply = await self.next_line(wait_s)
        await asyncio.sleep(settle_s)
        return reply

    async def next_line(self, wait_s: float = 0.2) -> bytes | None:
        try:
            async with asyncio.timeout(wait_s):
                return (await self.replies.get())[1]
        except TimeoutError:
            return None

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
            self._clock.port_closed(self.path)

    def _readable(self) -> None:
        try:
            content = os.read(self._fd, 4096)
        except OSError:
            content = b""
        if not content:
            self.hung_up = True
            self.close()
            return
        self._clock.bytes_read(self.path, len(content))
        *lines, self._buffer = (self._buffer + content).split(b"\n")
        for line in lines:
            self.replies.put_nowait((self._loop.time(), line))


def on_a_street(
    build: Callable[[VirtualClock], Street], story: Callable[[Street, Host, VirtualClock], Awaitable[T]]
) -> T:
    """Runs the story with the street built and its port opened, on virtual time."""

    async def whole(clock: VirtualClock) -> T:
        street = build(clock)
        assert street.port is not None
        host = Host(street.port.path, clock)
        try:
            return await story(street, host, clock)
        finally:
            host.close()
            street.close()

    return run_virtual(whole, NIGHT)


class DeviceBench:
    """`cut_after` frames the host vanishes; `events` are those that came through."""

    def __init__(self, devices: list[ControlDevice]) -> None:
        self.devices = devices
        self.loop = asyncio.get_running_loop()
        self.bus = DaliBus((), self.loop, devices=devices)
        self.events: list[ForwardFrame] = []
        self.bus.event_message.append(lambda value: self.events.append(ForwardFrame(24, value)))
        self.frames = 0
        self.names: list[Transmission] = []

    async def run(self, conversation: Generator[Transmission, Reply, T], *, cut_after: int | None = None) -> T | None:
        """The conversation's result; None where it was cut."""
        left = cut_after
        try:
            transmission = next(conversation)
            while left is None or left > 0:
                left = None if left is None else left - 1
                transmission = conversation.send(await self._transmit(transmission))
        except StopIteration as ended:
            result: T = ended.value
            return result
        conversation.close()
        return None

    async def _transmit(self, transmission: Transmission) -> Reply:
        self.names.append(transmission)
        for _ in range(2 if transmission.twice else 1):
            outcome = await self._frame(int(transmission.frame.value))
        if outcome.result is Result.ANSWER:
            return answered(outcome.value)
        return COLLISION if outcome.result is Result.GARBLED else NO_ANSWER

    async def _frame(self, value: int) -> Outcome:
        while True:
            self.frames += 1
            done: asyncio.Future[Outcome] = self.loop.create_future()
            self.bus.transmit(24, value, done.set_result, settle=True)
            outcome = await done
            await asyncio.sleep(max(0.0, outcome.free - self.loop.time()))
            if outcome.result is not Result.COLLISION:
                return outcome


def with_devices(devices: list[ControlDevice], story: Callable[[DeviceBench], Awaitable[T]]) -> T:
    """The story's result, on virtual time."""

    async def whole(_clock: VirtualClock) -> T:
        return await story(DeviceBench(devices))

    return run_virtual(whole, NIGHT)
