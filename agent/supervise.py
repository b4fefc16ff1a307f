"""Keeps parts running: the one place that catches every exception of a part, reports it, and starts the part again.

The exception ends that part's cycle. It never ends another part, and it never ends the lamps' control for long.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from agent.interfaces import Clock
from agent.records.alarms import EventLog

log = logging.getLogger("lichtmast")

RESTART_AFTER_S = 5.0
"""Seconds between the failure of a part and its restart."""
STEADY_AFTER_S = 300.0
"""A part that has run for this many seconds since its restart is well again."""


async def keep_running(name: str, part: Callable[[], Awaitable[None]], clock: Clock, events: EventLog) -> None:
    """Runs `part()`, and runs it again RESTART_AFTER_S after each exception. Returns when the part returns: it was then
    stopped on purpose."""
    while True:
        recovery = asyncio.ensure_future(_end_failure_when_steady(name, clock, events))
        try:
            await part()
            return
        except Exception as error:
            log.debug("part %s failed", name, exc_info=True)
            text = f"the part {name} failed ({type(error).__name__}: {error}); it is started again"
        finally:
            recovery.cancel()
        events.begin("partFailed", name, text)
        await clock.sleep(RESTART_AFTER_S)


async def _end_failure_when_steady(name: str, clock: Clock, events: EventLog) -> None:
    """Ends the part's failure event once the part has run for STEADY_AFTER_S."""
    await clock.sleep(STEADY_AFTER_S)
    events.end("partFailed", name, f"the part {name} runs steadily again")
