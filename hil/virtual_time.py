"""A clock that jumps: an asyncio loop whose selector, when nothing is ready, moves on to the next timer at once.

A night then takes seconds, with real ptys, sockets and threads. Three things keep the clock exact. It never jumps while
bytes are in flight on a pty (they pass through a kernel worker, so both ends report the bytes they wrote and read). It
stands still while a task waits for the real world (a socket, a thread). Its resolution is far below a bit time.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import os
import selectors
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import Context
from typing import TYPE_CHECKING, NoReturn, TypeVar, TypeVarTuple

from agent.hardware.clock_belief import Belief, Moment
from agent.hardware.stopping import run_until_stopped

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

HELD_LIMIT_S = 30.0
"""Real seconds after which a clock that is still held, with nothing happening, is a fault of the story."""

LOOKS_EACH_ROUNDS = 8
LOOKS_EACH_S = 0.5
"""While nothing holds the clock, the loop looks at the world no more often than this. Bytes of a socket may be that
late; on a network they may be later still."""
RESOLUTION_S = 1e-6
"""Timers this close together run in one turn of the loop; this is far below a bit time."""

EARLIEST = 0.0
"""Stories are set in years before the release too."""
UP_FOR_S = 86_400.0
"""The machine has been up for this long when a story begins."""


class HeldTooLong(RuntimeError):
    """A task waited for the real world, which did not answer within HELD_LIMIT_S."""


class _JumpingSelector(selectors.PollSelector):
    """The machine's selector, but a wait becomes a jump of `now` unless something holds it.

    poll(2), not epoll(7): it asks each terminal, which then waits for the kernel's worker, so that bytes that were just
    written are there at the first look. epoll would have to look until the worker has told it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._rounds = 0
        self._looks_at = 0.0
        self.holds: Counter[str] = Counter()
        self.in_flight: dict[str, int] = {}

    def register(self, fileobj: FileDescriptorLike, events: int, data: object = None) -> selectors.SelectorKey:
        os.fstat(fileobj if isinstance(fileobj, int) else fileobj.fileno())  # raises OSError if closed, as epoll does
        return super().register(fileobj, events, data)

    def _look(self, seconds: float) -> list[tuple[selectors.SelectorKey, int]]:
        """Returns what is ready. Forgets descriptors that were closed without a word, as epoll does by itself."""
        while True:
            ready = super().select(seconds)
            closed = [key for key, _ in ready if not _is_open(key.fd)]
            if not closed:
                return ready
            for key in closed:
                self.unregister(key.fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            # Callbacks are waiting, so no time will pass: the world may wait a few rounds, which spares most polls.
            self._rounds += 1
            return self._look(0) if self._rounds % LOOKS_EACH_ROUNDS == 0 else []
        if timeout is None or self.holds or self.in_flight:
            return self._look(HELD_LIMIT_S) or self._held_too_long()
        if self.now + timeout >= self._looks_at:
            ready = self._look(0)
            if ready:
                return ready
            self._looks_at = self.now + timeout + LOOKS_EACH_S
        self.now += timeout
        return []

    def _held_too_long(self) -> NoReturn:
        held_by = [*self.holds, *(f"bytes in flight on {port}" for port in self.in_flight)]
        by = ", ".join(held_by) or "nothing: no timer is set, so it waits for ever"
        raise HeldTooLong(f"virtual time was held for {HELD_LIMIT_S:g} s by {by}")

    def moved(self, port: str, count: int) -> None:
        """Counts `count` more bytes in flight on the port; a negative `count` takes bytes off."""
        left = self.in_flight.get(port, 0) + count
        if left:
            self.in_flight[port] = left
        else:
            self.in_flight.pop(port, None)

    def forget(self, port: str) -> None:
        """Notes that the port was closed at one end: none of its bytes is in flight, and the other end hears of it."""
        self.in_flight.pop(port, None)
        self._looks_at = self.now

    def release(self, what: str) -> None:
        self.holds[what] -= 1
        if not self.holds[what]:
            del self.holds[what]


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time. A thread that the loop started holds its time until the thread is done.

    The loop keeps its own heap of timers, because asyncio's timers compare themselves in Python, and a night sets more
    than a million of them.
    """

    _ready: deque[asyncio.Handle]
    _stopping: bool

    def __init__(self) -> None:
        self.jumping = _JumpingSelector()
        super().__init__(self.jumping)
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        """A heap by time; of two timers with equal times, the one that was set first comes first."""
        self._numbers = itertools.count()

    def time(self) -> float:
        return self.jumping.now

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def _timer_handle_cancelled(self, timer: asyncio.TimerHandle) -> None:
        """Leaves the cancelled timer in the heap until its time has come, which on this clock is soon."""

    def _run_once(self) -> None:
        """Makes one turn, as the machine's loops do: ready callbacks run first, then events of the world and timers."""
        ready, timers, jumping = self._ready, self._timers, self.jumping
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        timeout = timers[0][0] - jumping.now if timers else None
        brought = jumping.select(0 if ready or self._stopping else timeout)
        if brought:
            self._process_events(brought)  # type: ignore[attr-defined]
        due = jumping.now + RESOLUTION_S
        while timers and timers[0][0] < due:
            ready.append(heapq.heappop(timers)[2])
        for _ in range(len(ready)):  # callbacks that these make ready run in the next turn
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        what = f"a thread in {getattr(func, '__qualname__', func)}"
        self.jumping.holds[what] += 1
        future.add_done_callback(lambda _done: self.jumping.release(what))
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Ends the executor without the time-out of Python 3.12, which virtual time would jump over meanwhile."""
        await super().shutdown_default_executor()

    @contextmanager
    def turns_timed(self, tell: Callable[[float], None]) -> Iterator[None]:
        """Calls `tell`, for each turn of the loop inside the `with`, with the processor seconds that the turn took."""
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
        self._belief.not_before(self._not_before)  # the agent had read its journal before it began
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
        """Makes the wall clock jump, as a wrong battery clock or time synchronisation does; monotonic time goes on.

        `valid` states whether the agent may believe the clock.
        """
        self._wall_at_zero = wall - self._loop.time()
        self._stated = self._synchronised = valid

    def machine_starts(self, wall: float, chip: float | None = None) -> None:
        """Starts the machine anew, with this wall time and without a reference.

        `chip` is the time of its battery clock, which goes on from there. NaN means that the battery clock has lost the
        time, None that the machine has no battery clock.
        """
        self._wall_at_zero = wall - self._loop.time()
        self._chip = None if chip is None else chip - self._loop.time()
        self._stated, self._synchronised = None, False
        self._starts += 1
        self._started_at = self._loop.time()

    def reference(self, wall: float | None) -> None:
        """Gives the machine a time reference, which sets this wall time, or takes the reference away with None."""
        self._synchronised = wall is not None
        if wall is not None:
            self._wall_at_zero = wall - self._loop.time()

    def set_by_hand(self, wall: float) -> None:
        """Sets the clock by hand. The machine then knows of no reference."""
        self._wall_at_zero = wall - self._loop.time()
        self._synchronised = False

    def _since_start_s(self) -> float:
        return self._loop.time() - self._started_at

    def _fresh_belief(self) -> Belief:
        """Returns the belief of a new process, which knows nothing yet."""
        chip = self._chip
        return Belief(f"start {self._starts}", lambda: None if chip is None else chip + self._loop.time(), EARLIEST)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    async def sleep_until(self, wall: float) -> None:
        await asyncio.sleep(max(0.0, wall - self.wall()))

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        # As asyncio.timeout does it, in fewer steps: a night waits a hundred thousand times.
        task = asyncio.current_task()
        assert task is not None
        cancelled_before, expired = task.cancelling(), False

        def expire() -> None:
            nonlocal expired
            expired = True
            task.cancel()

        timer = self._loop.call_at(self._loop.time() + seconds, expire)
        try:
            return await awaitable
        except asyncio.CancelledError as error:
            if expired and task.uncancel() <= cancelled_before:
                raise TimeoutError from error
            raise
        finally:
            timer.cancel()

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
        self._loop.jumping.forget(port)


def run_virtual(story: Callable[[VirtualClock], Awaitable[T]], start_wall: float, *, valid: bool = True) -> T:
    """Runs `await story(clock)` on a loop of its own, with the wall clock starting at `start_wall` (Unix seconds)."""

    async def whole() -> T:
        return await story(clock)

    loop = VirtualLoop()
    clock = VirtualClock(loop, start_wall, valid=valid)
    return run_until_stopped(whole(), lambda: loop)
