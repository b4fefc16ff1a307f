"""The clock that jumps: long waits cost no real time, and the clock never jumps over bytes in flight."""

import asyncio
import os
import socket
import threading

import pytest

from hil import virtual_time
from hil.virtual_time import VirtualClock, run_virtual


def test_a_day_passes_in_order() -> None:
    async def story(clock: VirtualClock) -> list[tuple[str, float]]:
        log: list[tuple[str, float]] = []

        async def note(name: str, after: float) -> None:
            await clock.sleep(after)
            log.append((name, clock.wall()))

        await asyncio.gather(note("late", 86_400.0), note("early", 0.000_5), note("noon", 43_200.0))
        return log

    log = run_virtual(story, 1000.0)
    assert [name for name, _ in log] == ["early", "noon", "late"]
    assert [wall for _, wall in log] == pytest.approx([1000.0005, 44_200.0, 87_400.0], abs=1e-5)


def test_timers_of_one_instant_run_in_the_order_in_which_they_were_set() -> None:
    async def story(clock: VirtualClock) -> list[int]:
        ran: list[int] = []
        loop = asyncio.get_running_loop()
        for number in range(50):
            loop.call_at(7.0, ran.append, number)
        await clock.sleep(10.0)
        return ran

    assert run_virtual(story, 0.0) == list(range(50))


def test_a_cancelled_timer_does_not_run() -> None:
    async def story(clock: VirtualClock) -> tuple[float, list[str]]:
        ran: list[str] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: ran.append(str(context["message"])))
        loop.call_at(1.0, ran.append, "cancelled").cancel()
        of_one_instant: list[asyncio.TimerHandle] = []
        loop.call_at(1.5, lambda: of_one_instant[0].cancel())
        of_one_instant.append(loop.call_at(1.5, ran.append, "cancelled by the first of its instant"))
        woken = loop.create_future()
        loop.call_at(2.0, woken.set_result, None)
        await woken
        return clock.monotonic(), ran

    assert run_virtual(story, 0.0) == (2.0, [])


def test_a_socket_is_heard_within_half_a_second_of_busy_time() -> None:
    async def story(clock: VirtualClock) -> float:
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        arrived = loop.create_future()

        def arrives() -> None:
            loop.remove_reader(ours)
            arrived.set_result(clock.monotonic())

        loop.add_reader(ours, arrives)
        await clock.sleep(1.0)
        theirs.send(b"hello")
        sent = clock.monotonic()
        for milliseconds in range(1000):
            loop.call_at(sent + milliseconds / 1000, lambda: None)
        await arrived
        ours.close()
        theirs.close()
        return float(arrived.result()) - sent

    assert run_virtual(story, 0.0) <= 0.502


def test_a_descriptor_that_was_closed_without_a_word_is_forgotten() -> None:
    """epoll(7) does so by itself; paho closes its socket while a writer is still on its way to the loop."""

    async def story(clock: VirtualClock) -> int:
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        called: list[None] = []
        loop.add_writer(ours.fileno(), called.append, None)
        descriptor = ours.detach()
        os.close(descriptor)
        await clock.sleep(5.0)
        theirs.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            loop.add_writer(descriptor, called.append, None)
        return len(called)

    assert run_virtual(story, 0.0) == 0


def test_a_thread_holds_the_clock() -> None:
    async def story(clock: VirtualClock) -> float:
        go = threading.Event()
        thread = asyncio.get_running_loop().run_in_executor(None, go.wait)
        timer = asyncio.ensure_future(clock.sleep(3600.0))
        for _ in range(20):  # the loop turns while the time stands still
            await asyncio.sleep(0)
        before = clock.monotonic()
        go.set()
        await thread
        held = clock.monotonic() - before
        await timer
        return held

    assert run_virtual(story, 0.0) == 0.0


def test_bytes_in_flight_on_a_pty_hold_the_clock() -> None:
    async def story(clock: VirtualClock) -> float:
        master, slave = os.openpty()
        loop = asyncio.get_running_loop()
        arrived = loop.create_future()

        def arrives() -> None:
            loop.remove_reader(slave)
            arrived.set_result(clock.monotonic())

        loop.add_reader(slave, arrives)
        timer = asyncio.ensure_future(clock.sleep(5.0))
        os.write(master, b"hello\n")
        clock.bytes_written("x", 6)
        at: float = await arrived
        clock.bytes_read("x", len(os.read(slave, 100)))
        await timer
        os.close(master)
        os.close(slave)
        return at

    assert run_virtual(story, 0.0) == 0.0


def test_a_hold_that_never_ends_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_time, "HELD_LIMIT_S", 0.01)

    async def story(clock: VirtualClock) -> None:
        with clock.waiting_for_the_world("a broker that is mute"):
            await clock.sleep(1.0)

    with pytest.raises(virtual_time.HeldTooLong, match="a broker that is mute"):
        run_virtual(story, 0.0)


def test_the_wall_clock_can_jump_alone() -> None:
    async def story(clock: VirtualClock) -> tuple[float, float, bool]:
        clock.set_wall(5.0, valid=False)
        await clock.sleep(1.0)
        return clock.monotonic(), clock.wall(), clock.valid()

    assert run_virtual(story, 1e9) == pytest.approx((1.0, 6.0, False))
