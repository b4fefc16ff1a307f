"""A host at the other end of an emulated street's serial port: lines out, lines in, on the virtual clock."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import Awaitable, Callable
from typing import TypeVar

from hil.devices.street import Street
from hil.virtual_time import VirtualClock, run_virtual

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
