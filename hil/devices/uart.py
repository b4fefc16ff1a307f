"""A device's end of an RS232 line: each byte takes its time on the wire, both ways, 8N1."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

TURNAROUND_LIMIT_S = 0.05
"""A host that is silent for longer was not waiting to send."""


class Uart:
    """Bytes from the host go to `heard` one by one, with the loop time at which each is in."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        send: Callable[[bytes], None],
        heard: Callable[[int, float], None],
        baud: int,
    ) -> None:
        self.loop = loop
        self.powered = True
        """Without power the device neither hears nor speaks."""
        self.turnarounds: deque[tuple[float, bytes]] = deque(maxlen=200_000)
        """Pairs of a turnaround and the host's command: seconds from the last byte that the device said to the first
        byte of the command, if at most 50 ms."""
        self._send = send
        self._heard = heard
        self._character_s = 10 / baud
        self._received_until = self._sent_until = 0.0
        self._said_at: float | None = None

    def receive(self, content: bytes) -> None:
        """Takes bytes from the host, which need not be a whole message."""
        if not self.powered:
            return
        now = self.loop.time()
        if self._said_at is not None and now - self._said_at <= TURNAROUND_LIMIT_S:
            self.turnarounds.append((now - self._said_at, content))
        self._said_at = None
        self._received_until = max(now, self._received_until)
        for byte in content:
            self._received_until += self._character_s
            self._heard(byte, self._received_until)

    def say(self, content: bytes, ready: float = 0.0) -> None:
        """Sends these bytes after those that are being sent, and the first of them not before `ready`."""
        if ready > self.loop.time():
            self.loop.call_at(ready, self.say, content)
            return
        self._sent_until = max(self.loop.time(), self._sent_until) + len(content) * self._character_s
        self.loop.call_at(self._sent_until, self._said, content)

    def _said(self, content: bytes) -> None:
        if self.powered:
            self._said_at = self.loop.time()
            self._send(content)
