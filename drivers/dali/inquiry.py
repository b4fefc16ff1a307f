"""Runs an inquiry: its conversations one after the other, with the bus free for others in between.

Inquiries are described in protocols/dali/inquiries.py; one may also yield a Pause, for which the given clock waits.
"""

from protocols.dali.frames import Pause
from protocols.errors import ConversationFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any  # noqa: TID251 - only type checkers come here

    from drivers.dali.bus import DaliBus
    from drivers.interfaces import Clock, T


async def run_inquiry(
    bus: "DaliBus", clock: "Clock", inquiry: "Generator[Generator[Any, Any, Any] | Pause, Any, T]", priority: int
) -> "T":
    """Runs the inquiry and returns its result. Raises the inquiry's own errors, or a DriverError, which closes it."""
    try:
        piece = next(inquiry)
        while True:
            result = None
            if isinstance(piece, Pause):
                await clock.sleep(piece.seconds)
            else:
                try:
                    result = await bus.run(piece, priority)
                except ConversationFailed as failure:
                    piece = inquiry.throw(failure)
                    continue
            piece = inquiry.send(result)
    except StopIteration as end:
        whole: T = end.value
        return whole
    finally:
        inquiry.close()
