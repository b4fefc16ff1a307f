"""A clock that jumps: an asyncio loop whose selector, when nothing is ready, moves on to the next timer at once.

A night then takes seconds, with real ptys, sockets and threads. Three things keep it exact: it never jumps while bytes
are in flight on a pty (they pass through a kernel worker, so both ends report what they wrote and read), it stands
still while somebody waits for the real world (a socket, a thread), and its resolution is far below a bit time.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, TypeVar, TypeVarTuple

from agent.hardware.clock_belief import Belief, Moment
from agent.hardware.stopping import run_until_stopped

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

HELD_LIMIT_S = 30.0
"""Real seconds after which a clock that is still held, with nothing happening, is a fault of the story."""

LOOKS_EACH_ROUNDS = 8

EARLIEST = 0.0
"""Stories are set in years before the release too."""
UP_FOR_S = 86_400.0
"""So long the machine has been up when a story begins."""

SPINS = 50
"""Looks at a pty whose bytes are in flight, before going to sleep on it: they come within microseconds, and going to
sleep costs more than they take."""


class HeldTooLong(RuntimeError):
    """Something waited for the real world, and the real world did not answer within HELD_LIMIT_S."""


class _JumpingSelector(selectors.BaseSelector):
    """The machine's selector, but a wait becomes a jump of `now` unless something holds it."""

    def __init__(self) -> None:
        self._real = selectors.EpollSelector()
        # The kernel's own poll, for the many looks that find nothing.
        self._look = self._real._selector.poll  # type: ignore[attr-defined]
        self.now = 0.0
        self._rounds = 0
        self.holds: Counter[str] = Counter()
        self.in_flight: Counter[str] = Counter()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Any:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            # Callbacks are waiting, so no time will pass: the world may wait a few rounds, which spares most polls.
            self._rounds += 1
            return self._real.select(0) if self._rounds % LOOKS_EACH_ROUNDS == 0 else []
        ready = self._real.select(0)
        if ready:
            return ready
        if timeout is None or self.holds or self.in_flight:
            for _ in range(SPINS if self.in_flight else 0):
                if self._look(0, 1):
                    return self._real.select(0)
            ready = self._real.select(HELD_LIMIT_S)
            if not ready:
                held_by = [*self.holds, *(f"bytes in flight on {port}" for port in self.in_flight)]
                by = ", ".join(held_by) or "nothing: no timer is set, so it waits for ever"
                raise HeldTooLong(f"virtual time was held for {HELD_LIMIT_S:g} s by {by}")
            return ready
        self.now += timeout
        return ready

    def moved(self, port: str, count: int) -> None:
        """`count` more bytes (negative: fewer) are in flight on the port."""
        left = self.in_flight[port] + count
        if left:
            self.in_flight[port] = left
        else:
            del self.in_flight[port]

    def release(self, what: str) -> None:
        self.holds[what] -= 1
        if not self.holds[what]:
            del self.holds[what]


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time. A thread that it started holds its time until the thread is done."""

    def __init__(self) -> None:
        self.jumping = _JumpingSelector()
        super().__init__(self.jumping)
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self.jumping.now

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        what = f"a thread in {getattr(func, '__qualname__', func)}"
        self.jumping.holds[what] += 1
        future.add_done_callback(lambda _done: self.jumping.release(what))
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Without a time-out (Python 3.12 gives one): virtual time would jump over it while the threads end."""
        await super().shutdown_default_executor()

    @contextmanager
    def turns_timed(self, tell: Callable[[float], None]) -> Iterator[None]:
        """Inside, each turn of the loop calls `tell` with the processor seconds for which it kept all else waiting."""
        select, left = self.jumping.select, time.thread_time()

        def timed(timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            nonlocal left
            tell(time.thread_time() - left)
            ready = select(timeout)
            left = time.thread_time()
            return ready

        self.jumping.select = timed  # type: ignore[method-assign]
        try:
            yield
        finally:
            self.jumping.select = select  # type: ignore[method-assign]


class VirtualClock:
    """The Clock of agent/interfaces.py on a VirtualLoop. A story may move `wall` and state its validity; after
    `machine_starts` the validity follows, as on a machine, from what the agent knows."""

    def __init__(self, loop: VirtualLoop, start_wall: float, *, valid: bool = True) -> None:
        self._loop = loop
        self._wall_at_zero = start_wall - loop.time()
        self._stated: bool | None = valid
        self._synchronised = valid
        self._starts = 0
        self._started_at = loop.time() - UP_FOR_S
        self._chip: float | None = None
        self._not_before = float("-inf")
        self._belief = self._fresh_belief()

    def wall(self) -> float:
        return self._wall_at_zero + self._loop.time()

    def valid(self) -> bool:
        derived = self._belief.holds(Moment(self.wall(), self._since_start_s(), self._synchronised))
        return derived if self._stated is None else self._stated

    def synchronised(self) -> bool:
        return self._synchronised

    def begin(self, *, battery: bool, memory: object) -> None:
        self._belief = self._fresh_belief()
        self._belief.not_before(self._not_before)  # its journal was read before it began
        self._belief.begin(battery=battery, memory=memory)

    def memory(self) -> object:
        return self._belief.memory()

    def mains_was_lost(self) -> None:
        self._belief.mains_was_lost(self._since_start_s())

    def not_before(self, wall: float) -> None:
        self._not_before = max(self._not_before, wall)
        self._belief.not_before(wall)

    def monotonic(self) -> float:
        return self._loop.time()

    def set_wall(self, wall: float, *, valid: bool = True) -> None:
        """What a wrong battery clock, or time synchronisation, does: the wall clock jumps; monotonic time does not.
        The story states whether it can be believed."""
        self._wall_at_zero = wall - self._loop.time()
        self._stated = self._synchronised = valid

    def machine_starts(self, wall: float, chip: float | None = None) -> None:
        """The machine was off, and starts with this wall time, without a reference. `chip` is what its battery clock
        shows, which goes on from there (NaN: it has lost the time; None: there is none to ask)."""
        self._wall_at_zero = wall - self._loop.time()
        self._chip = None if chip is None else chip - self._loop.time()
        self._stated, self._synchronised = None, False
        self._starts += 1
        self._started_at = self._loop.time()

    def reference(self, wall: float | None) -> None:
        """A reference comes and sets this time, or (None) is gone."""
        self._synchronised = wall is not None
        if wall is not None:
            self._wall_at_zero = wall - self._loop.time()

    def set_by_hand(self, wall: float) -> None:
        """The clock is set by hand; the machine then knows of no reference."""
        self._wall_at_zero = wall - self._loop.time()
        self._synchronised = False

    def _since_start_s(self) -> float:
        return self._loop.time() - self._started_at

    def _fresh_belief(self) -> Belief:
        """What a new process has, before it was told anything."""
        chip = self._chip
        return Belief(f"start {self._starts}", lambda: None if chip is None else chip + self._loop.time(), EARLIEST)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    async def sleep_until(self, wall: float) -> None:
        await asyncio.sleep(max(0.0, wall - self.wall()))

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        async with asyncio.timeout(seconds):
            return await awaitable

    @contextmanager
    def waiting_for_the_world(self, what: str) -> Iterator[None]:
        self._loop.jumping.holds[what] += 1
        try:
            yield
        finally:
            self._loop.jumping.release(what)

    def bytes_written(self, port: str, count: int) -> None:
        self._loop.jumping.moved(port, count)

    def bytes_read(self, port: str, count: int) -> None:
        self._loop.jumping.moved(port, -count)

    def port_closed(self, port: str) -> None:
        self._loop.jumping.in_flight.pop(port, None)


def run_virtual(story: Callable[[VirtualClock], Awaitable[T]], start_wall: float, *, valid: bool = True) -> T:
    """Runs `await story(clock)` on a loop of its own, with the wall clock starting at `start_wall` (Unix seconds)."""

    async def whole() -> T:
        return await story(clock)

    loop = VirtualLoop()
    clock = VirtualClock(loop, start_wall, valid=valid)
    return run_until_stopped(whole(), lambda: loop)
