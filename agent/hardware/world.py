"""Tells a virtual clock of the world outside of its reach, and spares the machine's clock from it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from agent.interfaces import Clock, World


class _Unwatched:
    """The world of a clock that nothing has to be told: time passes by itself."""

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
    """Returns what to tell of the world: the clock, where it is one that can jump, else what ignores all of it."""
    return clock if isinstance(clock, World) else _UNWATCHED
