"""A serial port made of a pseudo-terminal pair: the device's end here, a path like a real port's for the host.

The cable can be pulled and put back, and can garble, lose, split, delay or swallow what the device says; it can garble
and lose what the host says.
"""

from __future__ import annotations

import asyncio
import os
import random
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

READ_AT_ONCE = 4096
FROM_HOST, TO_HOST = "host >", "host <"


class Traffic(Protocol):
    """A listener that counts the bytes under way; `port` is the real path of the terminal."""

    def bytes_written(self, port: str, count: int) -> None: ...
    def bytes_read(self, port: str, count: int) -> None: ...
    def port_closed(self, port: str) -> None: ...


class SerialPort:
    """The device's end of a serial line. `received` is called with each piece that the host has written.

    Until the host has written its first byte, all that the device sends is lost, as on a real wire without a host. The
    host is gone when it closes the port.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        received: Callable[[bytes], None],
        *,
        link: Path | None = None,
        traffic: Traffic | None = None,
        seed: int = 0,
    ) -> None:
        self.path = ""
        self.link = link
        self.delay_s = 0.0
        self.mute = False
        self.host_there = False
        self.damaged_commands = 0
        self.listener: Callable[[str, bytes], None] | None = None
        """Called with each piece as it arrives, after the faults of the cable: FROM_HOST or TO_HOST, and the bytes."""
        self._loop = loop
        self._received = received
        self._traffic = traffic
        self._rng = random.Random(f"{seed}/cable")
        self._master = self._slave = -1
        self._garble = self._lose = self._split = 0
        self._garble_commands = self._lose_of_commands = 0
        self._line_free_at = 0.0

    @property
    def plugged(self) -> bool:
        return self._master >= 0

    def plug(self) -> str:
        """Puts the cable in, unless it is in: makes a new terminal and the link to it. Returns the terminal's path."""
        if self.plugged:
            return self.path
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.path.realpath(os.ttyname(self._slave))
        if self.link is not None:
            fresh = self.link.with_name(f".{self.link.name}.{os.getpid()}")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(self.path)
            fresh.replace(self.link)
        self._loop.add_reader(self._master, self._readable)
        return self.path

    def unplug(self) -> None:
        """Pulls the cable: the host's reads and writes fail, and the link is gone."""
        if not self.plugged:
            return
        self._loop.remove_reader(self._master)
        os.close(self._master)
        self._close_slave()
        self._master = -1
        if self.link is not None and self.link.is_symlink() and str(self.link.readlink()) == self.path:
            self.link.unlink()
        self._host_gone()

    def garble(self, lines: int) -> None:
        """Flips a bit or two in each of the next lines that the device sends."""
        self._garble = lines

    def lose(self, lines: int) -> None:
        """Loses one byte of each of the next lines that the device sends."""
        self._lose = lines

    def garble_commands(self, pieces: int) -> None:
        """Flips one bit in each of the next pieces that the host sends."""
        self._garble_commands = pieces

    def lose_of_commands(self, pieces: int) -> None:
        """Loses one byte of each of the next pieces that the host sends."""
        self._lose_of_commands = pieces

    def split(self, lines: int) -> None:
        """Delivers each of the next lines in two pieces, 0.5 to 5 ms apart."""
        self._split = lines

    def write(self, content: bytes) -> None:
        """Delivers a line that the device has just finished sending, with the faults of the cable."""
        if not self.plugged or self.mute or not self.host_there:
            return
        if self._garble:
            self._garble -= 1
            content = self._garbled(content)
        if self._lose:
            self._lose -= 1
            content = self._without_one(content)
        now = self._loop.time()
        if self._split and len(content) > 1:
            self._split -= 1
            cut = self._rng.randrange(1, len(content))
            pieces = [content[:cut], content[cut:]]
        else:
            pieces = [content]
        due = max(now + self.delay_s, self._line_free_at)
        for number, piece in enumerate(pieces):
            due += self._rng.uniform(0.0005, 0.005) if number else 0.0
            if due <= now:
                self._put(self._master, piece)
            else:
                self._line_free_at = due
                self._loop.call_at(due, self._put, self._master, piece)

    def _without_one(self, content: bytes) -> bytes:
        lost = self._rng.randrange(len(content))
        return content[:lost] + content[lost + 1 :]

    def _garbled(self, content: bytes) -> bytes:
        for _ in range(self._rng.randint(1, 2)):
            content = self._flipped(content)
        return content

    def _flipped(self, content: bytes) -> bytes:
        broken = bytearray(content)
        broken[self._rng.randrange(len(broken))] ^= 1 << self._rng.randrange(8)
        return bytes(broken)

    def _put(self, master: int, piece: bytes) -> None:
        if master != self._master or not self.plugged or not self.host_there:
            return
        try:
            count = os.write(master, piece)
        except BlockingIOError:
            return  # the host does not read: a real line has no room to wait either
        if self._traffic is not None:
            self._traffic.bytes_written(self.path, count)
        if self.listener is not None:
            self.listener(TO_HOST, piece)

    def _readable(self) -> None:
        try:
            content = os.read(self._master, READ_AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            content = b""
        if not content:
            self._wait_for_host()
            return
        if not self.host_there:
            # From now on the host's end alone keeps the terminal open, so that its closing shows as a hang-up.
            self.host_there = True
            self._close_slave()
        if self._traffic is not None:
            self._traffic.bytes_read(self.path, len(content))
        if self._garble_commands:
            self._garble_commands -= 1
            self.damaged_commands += 1
            content = self._flipped(content)
        if self._lose_of_commands:
            self._lose_of_commands -= 1
            self.damaged_commands += 1
            content = self._without_one(content)
        if self.listener is not None:
            self.listener(FROM_HOST, content)
        self._received(content)

    def _wait_for_host(self) -> None:
        """Notes that the host has closed the port, and holds the terminal open until the next host speaks."""
        self._close_slave()
        self._slave = os.open(self.path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._slave)
        self._host_gone()

    def _host_gone(self) -> None:
        self.host_there = False
        self._line_free_at = 0.0
        if self._traffic is not None:
            self._traffic.port_closed(self.path)

    def _close_slave(self) -> None:
        if self._slave >= 0:
            os.close(self._slave)
            self._slave = -1
