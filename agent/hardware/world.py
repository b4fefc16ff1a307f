"""Finds the listener that hears of the real world for a clock: a virtual clock needs that, the machine's does not."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from agent.interfaces import Clock, World


class _Unwatched:
    """Ignores all news of the world, for a clock that runs by itself."""

    def waiting_for_the_world(self, what: str) -> AbstractContextManager[None]:
        return nullcontext()

    def bytes_written(self, port: str, count: int) -> None:
        pass

    def bytes_read(self, port: str, count: int) -> None:
        pass

    def port_closed(self, port: str) -> None:
        pass


_UNWATCHED = _Unwatched()


def world_of(clock: Clock) -> World:
    """Returns the listener for news of the world: the clock, if it can jump, else one that ignores all of it."""
    return clock if isinstance(clock, World) else _UNWATCHED
