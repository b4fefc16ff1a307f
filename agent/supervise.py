"""Keeps parts running: the one place that catches whatever a part raises, reports it, and starts that part again.

One part's exception ends that part's cycle; it never ends another part, and never the lamps' control for long.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from agent.interfaces import Clock
from agent.records.alarms import EventLog

log = logging.getLogger("lichtmast")

RESTART_AFTER_S = 5.0
STEADY_AFTER_S = 300.0
"""A part that has run this long since its restart is well again."""


async def keep_running(name: str, part: Callable[[], Awaitable[None]], clock: Clock, events: EventLog) -> None:
    """Runs `part()`, again after RESTART_AFTER_S whenever it raises. A part that returns was stopped on purpose."""
    while True:
        well_again = asyncio.ensure_future(_well_again(name, clock, events))
        try:
            await part()
            return
        except Exception as error:
            log.debug("part %s failed", name, exc_info=True)
            text = f"the part {name} failed ({type(error).__name__}: {error}); it is started again"
        finally:
            well_again.cancel()
        events.begin("partFailed", name, text)
        await clock.sleep(RESTART_AFTER_S)


async def _well_again(name: str, clock: Clock, events: EventLog) -> None:
    await clock.sleep(STEADY_AFTER_S)
    events.end("partFailed", name, f"the part {name} runs steadily again")
