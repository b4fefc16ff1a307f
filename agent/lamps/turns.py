"""Gives each of several items its turn: a failure of one does not keep the others from theirs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from drivers.errors import BusUnpowered, DriverError, PortUnavailable
from protocols.errors import ConversationFailed

T = TypeVar("T")


async def each_in_turn(each: Iterable[T], work: Callable[[T], Awaitable[object]]) -> None:
    """Awaits the work for each item, one after the other. Raises the first DriverError or ConversationFailed once all
    have had their turn; PortUnavailable and BusUnpowered at once, because then there is no bus any more."""
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
