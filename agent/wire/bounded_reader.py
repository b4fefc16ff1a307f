"""Reads an MQTT connection within bounds, in place of aiomqtt's reader, which takes all that a peer sends as it comes.

paho holds a packet of up to 256 MB (MQTT-2.2.3) whole, and a flood of small ones leaves the lamps no processor. Here a
rush is followed by a steady rate, and of a packet that is too long only the head is kept. Unread bytes wait in the
kernel and then at the broker, which has bounds of its own.
"""

from __future__ import annotations

import asyncio
from typing import Any

LARGEST_TOPIC_BYTES = 512
"""The topics in use have 60. A longer one makes the payload seem shorter, which is then garbage."""

READ_BYTES = 65_536
"""The most bytes that are read between two turns of the event loop."""

RUSH_PACKETS = 200
PACKETS_EACH_S = 50.0
"""A batch is acknowledged by two packets: 1,250 records a second, a day of 64 luminaires in six seconds."""

RUSH_BYTES = 1024 * 1024
BYTES_EACH_S = 4 * 1024 * 1024
"""Bytes that are thrown away cost little, and a message behind them should not wait long."""


class Reading:
    """The reader of one connection. Of each packet `longest` bytes are kept. With `sparingly` the reading pauses after
    a rush, as the rates above say."""

    def __init__(
        self,
        paho: Any,
        sock: Any,
        loop: asyncio.AbstractEventLoop,
        disconnected: asyncio.Future[Any],
        *,
        longest: int,
        sparingly: bool,
    ) -> None:
        self._paho, self._sock, self._loop, self._disconnected = paho, sock, loop, disconnected
        self._longest, self._sparingly = longest, sparingly
        self._packets, self._bytes = float(RUSH_PACKETS), float(RUSH_BYTES)
        self._looked_at = loop.time()
        self._left = 0
        self._receive = paho._sock_recv
        paho._sock_recv = self._receive_some

    def go_on(self) -> None:
        """Reads from now on, whenever there is something."""
        number = self._sock.fileno()
        if number >= 0 and not self._disconnected.done():
            self._loop.add_reader(number, self.read)

    def _receive_some(self, size: int) -> bytes:
        if self._left <= 0:
            raise BlockingIOError  # paho comes back to the packet where it left it
        some: bytes = self._receive(min(size, self._left))
        self._left -= len(some)
        return some

    @property
    def held_bytes(self) -> int:
        """How many bytes of the packet that is coming in are kept."""
        return len(self._paho._in_packet["packet"])

    def read(self) -> None:
        """Takes what the connection has, as much as one turn of the event loop may."""
        self._left = READ_BYTES
        try:
            self._paho.loop_read()
        except asyncio.CancelledError:
            return  # from aiomqtt, which looks at the future of a connection that was given up while it was made
        except Exception as error:  # noqa: BLE001 - a broken connection has many names; aiomqtt does the same
            if not self._disconnected.done():
                self._disconnected.set_exception(error)
            return
        # The head that is left is longer than any payload may be, so that it is dropped once the packet has ended.
        del self._paho._in_packet["packet"][self._longest :]
        if self._sparingly:
            self._spend(READ_BYTES - self._left)

    def _spend(self, count: int) -> None:
        now = self._loop.time()
        passed_s, self._looked_at = now - self._looked_at, now
        self._packets = min(RUSH_PACKETS, self._packets + passed_s * PACKETS_EACH_S) - 1
        self._bytes = min(RUSH_BYTES, self._bytes + passed_s * BYTES_EACH_S) - count
        wait_s = max(-self._packets / PACKETS_EACH_S, -self._bytes / BYTES_EACH_S)
        number = self._sock.fileno()
        if wait_s > 0 and number >= 0:
            self._loop.remove_reader(number)
            self._loop.call_later(wait_s, self.go_on)
