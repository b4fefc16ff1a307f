"""Each has its turn: what fails for one keeps none of the others from theirs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from drivers.errors import BusUnpowered, DriverError, PortUnavailable
from protocols.errors import ConversationFailed

T = TypeVar("T")


async def each_in_turn(each: Iterable[T], work: Callable[[T], Awaitable[object]]) -> None:
    """Awaits the work for one after the other. Raises the first DriverError or ConversationFailed once all have had
    their turn; at once where there is no bus any more."""
    failure: DriverError | ConversationFailed | None = None
    for one in each:
        try:
            await work(one)
        except (PortUnavailable, BusUnpowered):
            raise
        except (DriverError, ConversationFailed) as error:
            failure = failure or error
    if failure is not None:
        raise failure
