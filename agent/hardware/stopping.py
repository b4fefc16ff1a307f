"""How work is stopped: a signal that asks for the end cancels what a loop runs, and unwinds what runs without one."""

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
"""What asks a process to end. One that is ignored from the start (`nohup`) stays so."""


class Stopped(KeyboardInterrupt):
    """This signal asked for the end before the work was done."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def stoppable() -> Iterator[list[int]]:
    """Inside, a signal that asks for the end raises KeyboardInterrupt wherever the work is, as Ctrl-C does. Gives the
    list of the signals that did. Run a loop inside by `run_until_stopped`: the exception could strike while the loop
    starts a thread, and nothing unwinds that."""
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
    """Runs `work` on a loop of its own and returns its result. A signal that asks for the end cancels it: `work` may
    clean up and return a result all the same. Otherwise raises Stopped, once all tasks of the loop have ended."""
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
