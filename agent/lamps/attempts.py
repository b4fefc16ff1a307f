"""Counts how often each part of the work on one bus fails in a row: a part that keeps failing is an event."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from agent.records.alarms import EventLog
from drivers.errors import BusUnpowered, DriverError, PortUnavailable
from protocols.errors import ConversationFailed

FAILURES_TO_REPORT = 3
"""Cycles in a row. A frame that is lost now and then on a noisy wire is sent again in the next cycle."""


class Attempts:
    """The failures of one bus, part by part. Each part is tried every `every_s` seconds; the event's text tells it."""

    def __init__(self, bus_name: str, every_s: float, events: EventLog) -> None:
        self._bus_name = bus_name
        self._every_s = every_s
        self._events = events
        self._failures: dict[str, int] = {}

    async def succeeds(self, part: str, work: Callable[[], Awaitable[object]], *, counts: bool = True) -> bool:
        """Awaits the work, and returns whether it succeeded. A part that fails three times in a row is an event. Where
        `counts` is False, a failure is not added to those before it."""
        try:
            await work()
        except (PortUnavailable, BusUnpowered):
            return False  # the interface has already reported it
        except (DriverError, ConversationFailed) as error:
            self._failures[part] = self._failures.get(part, 0) + counts
            if self._failures[part] >= FAILURES_TO_REPORT:
                text = f"{error}; it is tried again every {self._every_s:.0f} s"
                self._events.begin("busUnusable", self._bus_name, text)
            return False
        self._failures.pop(part, None)
        if not self._failures:
            self._events.end("busUnusable", self._bus_name, f"DALI bus {self._bus_name} can be used again")
        return True
