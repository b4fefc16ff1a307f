"""Stops work on a signal that asks the process to end: cancels work on an event loop, and unwinds other work."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that ask a process to end. A signal that was ignored from the start (`nohup`) stays ignored."""


class Stopped(KeyboardInterrupt):
    """Raised if a signal asked for the end before the work was done; `number` is that signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def stoppable() -> Iterator[list[int]]:
    """Makes a signal that asks for the end raise KeyboardInterrupt in the work inside, as Ctrl-C does. Yields the list
    of the signals that came. Run an event loop by `run_until_stopped` instead: the exception could strike while the
    loop starts a thread, and nothing unwinds that."""
    by: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        by.append(number)
        raise KeyboardInterrupt

    before = {}
    if threading.current_thread() is threading.main_thread():
        others = [number for number in _heeded() if number != signal.SIGINT]
        before = {number: signal.signal(number, stop) for number in others}
    try:
        yield by
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_until_stopped(
    work: Coroutine[None, None, T], loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> T:
    """Runs `work` on a loop of its own and returns its result. A signal that asks for the end cancels `work`,
    which may clean up and still return a result. If it returns none, raises Stopped once all tasks of the loop have
    ended."""
    by: list[int] = []
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(_heeding_signals(work, by))
    except asyncio.CancelledError:
        if by:
            raise Stopped(by[0]) from None
        raise


async def _heeding_signals(work: Coroutine[None, None, T], by: list[int]) -> T:
    task = asyncio.current_task()
    assert task is not None

    def stop(number: int) -> None:
        by.append(number)
        task.cancel()

    loop = asyncio.get_running_loop()
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in _heeded()}
        for number in before:
            loop.add_signal_handler(number, stop, number)
    try:
        return await work
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


def _heeded() -> list[signal.Signals]:
    return [number for number in STOPS if signal.getsignal(number) is not signal.SIG_IGN]
