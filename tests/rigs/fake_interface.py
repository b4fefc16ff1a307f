"""A DALI interface without bytes or gear: what it was given is written down, and replies come from a function."""

from __future__ import annotations

from collections.abc import Callable

from drivers.interfaces import Clock
from protocols.dali.frames import NO_ANSWER, Reply, Transmission

FRAME_S = 0.03


class FakeInterface:
    """Takes FRAME_S for each frame. `sent` holds (frame value, priority) from the moment that it is handed over."""

    def __init__(self, clock: Clock, reply: Callable[[int], Reply | Exception] = lambda value: NO_ANSWER) -> None:
        self._clock = clock
        self._reply = reply
        self.sent: list[tuple[int, int]] = []
        self.under_way = 0

    @property
    def values(self) -> list[int]:
        return [value for value, _ in self.sent]

    async def run(self) -> None: ...

    async def wait_usable(self, channel: int) -> None: ...

    async def wait_settled(self, channel: int, priority: int) -> None:
        await self._clock.sleep(0.001 * priority)

    async def transmit(self, channel: int, transmission: Transmission, priority: int) -> Reply:
        assert not self.under_way, "two frames at once on one bus"
        self.under_way += 1
        try:
            self.sent.append((transmission.frame.value, priority))
            await self._clock.sleep(FRAME_S)
        finally:
            self.under_way -= 1
        reply = self._reply(transmission.frame.value)
        if isinstance(reply, Exception):
            raise reply
        return reply
