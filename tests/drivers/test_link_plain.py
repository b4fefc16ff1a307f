"""The link alone, under the plainest product: when it opens, asks, loses and closes a port, and what it says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from drivers.dali import conditions
from drivers.dali.link import REOPEN_AFTER_S, Link
from drivers.errors import BusBusy, BusUnpowered, InterfaceSilent, PortUnavailable
from hil.virtual_time import VirtualClock, run_virtual

ASK_IDLE_AFTER_S = 5.0
ANSWERS_AFTER_S = 0.01


class Port:
    """A port that answers each question at once, unless it is told not to."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.missing = ""
        self.silent_to: set[bytes] = set()
        self.unpowered: set[int] = set()
        self.busy = False
        self.is_open = False
        self.tried_at: list[float] = []
        self.written: list[tuple[float, bytes]] = []
        self.lost: Callable[[str], None] = lambda _reason: None
        self.received: Callable[[bytes], None] = lambda _content: None

    async def open(
        self,
        baud: int,
        received: Callable[[bytes], None],
        lost: Callable[[str], None],
        lines: tuple[bool, bool] | None = None,
    ) -> Port:
        self.tried_at.append(self.clock.monotonic())
        if self.missing:
            raise PortUnavailable(self.missing)
        assert not self.is_open, "opened while it is open"
        self.is_open, self.received, self.lost = True, received, lost
        self.opened_with = (baud, lines)
        return self

    def write(self, content: bytes) -> None:
        assert self.is_open
        self.written.append((self.clock.monotonic(), content))
        if content not in self.silent_to:
            asyncio.get_running_loop().call_later(ANSWERS_AFTER_S, self.received, content)

    def close(self) -> None:
        self.is_open = False

    def asked_at(self, question: bytes) -> list[float]:
        return [at for at, content in self.written if content == question]


class Plain(Link):
    PRODUCT = "plain box"
    BAUD = 9600
    ASK_IDLE_AFTER_S = ASK_IDLE_AFTER_S

    def __init__(self, port: Port, listener: Callable[[str, int, str], None], channels: tuple[int, ...]) -> None:
        super().__init__(port.open, port.clock, listener, channels)
        self.port = port

    async def greet(self) -> None:
        await self.or_lose(lambda: self.ask("hello", b"hello", 0.5))

    async def ask_power(self, channel: int) -> None:
        if self.port.busy:
            raise BusBusy("full")
        await self.ask(f"power {channel}", b"power %d" % channel, 0.5)
        self.note_power(channel, channel not in self.port.unpowered)

    def received(self, content: bytes) -> None:
        self.replied(content.decode())
        self.wake()

    def tell(self, content: bytes) -> None:
        self.write(content)


class Bench:
    def __init__(self, clock: VirtualClock, channels: tuple[int, ...]) -> None:
        self.clock = clock
        self.port = Port(clock)
        self.heard: list[tuple[str, int, str]] = []
        self.link = Plain(self.port, lambda *heard: self.heard.append(heard), channels)

    def conditions(self) -> list[tuple[str, int]]:
        return [(condition, channel) for condition, channel, _ in self.heard]

    async def usable(self, channel: int = 1) -> bool:
        try:
            await self.clock.wait_for(self.link.wait_usable(channel), 0.001)
        except TimeoutError:
            return False
        return True


def linked(story: Callable[[Bench], Awaitable[None]], channels: tuple[int, ...] = (1,), missing: str = "") -> None:
    async def whole(clock: VirtualClock) -> None:
        bench = Bench(clock, channels)
        bench.port.missing = missing
        running = asyncio.ensure_future(bench.link.run())
        await clock.sleep(0.2)
        try:
            await story(bench)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert not bench.port.is_open, "the port is closed with the driver"
        with pytest.raises(PortUnavailable):
            bench.link.tell(b"x")

    run_virtual(whole, 1_768_500_000.0)


def test_a_port_that_is_missing_is_tried_each_second_and_told_once() -> None:
    async def story(bench: Bench) -> None:
        assert not await bench.usable()
        with pytest.raises(PortUnavailable, match="no such port"):
            bench.link.tell(b"x")
        await bench.clock.sleep(3.5)
        assert [round(at - bench.port.tried_at[0], 3) for at in bench.port.tried_at] == [0, 1, 2, 3]
        assert bench.heard == [(conditions.LOST, 0, "no such port")]
        bench.port.missing = ""
        await bench.clock.sleep(REOPEN_AFTER_S)
        assert bench.heard[1:] == [(conditions.CONNECTED, 0, "the DALI interface answers")]
        assert bench.port.opened_with == (9600, None)
        assert await bench.usable()
        bench.link.tell(b"x")

    linked(story, missing="no such port")


def test_before_a_port_was_ever_opened_there_is_a_sentence_too() -> None:
    async def whole(clock: VirtualClock) -> None:
        with pytest.raises(PortUnavailable, match="the DALI interface is not connected"):
            Bench(clock, (1,)).link.tell(b"x")

    run_virtual(whole, 1_768_500_000.0)


def test_lines_are_set_where_the_product_needs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Plain, "LINES", (True, False))

    async def story(bench: Bench) -> None:
        assert bench.port.opened_with == (9600, (True, False))

    linked(story)


def test_a_greeting_that_is_missing_once_is_put_again_and_twice_is_a_lost_port() -> None:
    async def story(bench: Bench) -> None:
        port = bench.port
        port.silent_to = {b"hello"}
        port.lost("pulled")
        await bench.clock.sleep(REOPEN_AFTER_S + 0.3)
        port.silent_to = set()  # the second one, half a second after the first
        await bench.clock.sleep(1.0)
        assert bench.conditions()[1:] == [(conditions.LOST, 0), (conditions.CONNECTED, 0)]
        assert len(port.tried_at) == 2
        port.silent_to = {b"hello"}
        port.lost("pulled again")
        await bench.clock.sleep(10)
        # It is told as what it was first; each second greeting in vain closes the port, and it is opened again.
        assert bench.heard[3:] == [(conditions.LOST, 0, "pulled again")]
        assert len(port.tried_at) > 5
        port.silent_to = set()
        await bench.clock.sleep(3)
        assert bench.conditions()[4:] == [(conditions.CONNECTED, 0)]

    linked(story)


def test_an_interface_that_falls_silent_is_lost_by_a_sentence() -> None:
    async def story(bench: Bench) -> None:
        bench.port.silent_to = {b"hello"}
        with pytest.raises(InterfaceSilent):
            await bench.link.greet()
        assert not bench.port.is_open
        assert not await bench.usable()
        await bench.clock.sleep(0.01)
        assert bench.heard[1:] == [
            (conditions.LOST, 0, "the plain box does not answer: check its cable and its supply")
        ]

    linked(story)


def test_who_waits_for_an_answer_hears_at_once_that_the_port_is_lost() -> None:
    async def story(bench: Bench) -> None:
        waiting = asyncio.ensure_future(bench.link.until(lambda: False, 100))
        await bench.clock.sleep(1)
        began = bench.clock.monotonic()
        bench.port.lost("pulled")
        with pytest.raises(PortUnavailable, match="pulled"):
            await waiting
        assert bench.clock.monotonic() - began < 0.01
        assert not await bench.usable()

    linked(story)


def test_an_idle_bus_is_asked_for_its_voltage_and_a_busy_one_is_not() -> None:
    async def story(bench: Bench) -> None:
        for _ in range(20):
            await bench.clock.sleep(1)
            bench.link.tell(b"x")
        assert len(bench.port.asked_at(b"power 1")) == 1  # when it was opened
        last = bench.clock.monotonic()
        await bench.clock.sleep(3 * ASK_IDLE_AFTER_S)
        asked = bench.port.asked_at(b"power 1")[1:]
        assert len(asked) in (2, 3)
        assert all(at - last >= ASK_IDLE_AFTER_S for at in asked)

    linked(story)


def test_a_bus_without_voltage_is_asked_each_second_and_the_other_goes_on() -> None:
    async def story(bench: Bench) -> None:
        bench.link.note_power(2, False)
        bench.link.note_power(2, False)
        bench.link.note_power(3, False)  # no bus of ours
        assert bench.heard[1:] == [(conditions.UNPOWERED, 2, "DALI bus 2 has no voltage, or is shorted")]
        assert (await bench.usable(1), await bench.usable(2)) == (True, False)
        bench.link.refuse_unpowered(1)
        with pytest.raises(BusUnpowered, match="DALI bus 2 has no voltage: check its supply and its wiring"):
            bench.link.refuse_unpowered(2)
        bench.port.unpowered = {2}
        bench.port.written.clear()
        began = bench.clock.monotonic()
        await bench.clock.sleep(3.5)
        assert [round(at - began, 1) for at in bench.port.asked_at(b"power 2")] == [1, 2, 3]
        assert bench.port.asked_at(b"power 1") == []
        bench.port.unpowered = set()
        await bench.clock.sleep(1)
        assert bench.heard[2:] == [(conditions.POWERED, 2, "DALI bus 2 has voltage again")]
        assert await bench.usable(2)
        bench.link.refuse_unpowered(2)

    linked(story, channels=(1, 2))


@pytest.mark.parametrize("trouble", ["busy", "silent"])
def test_a_question_for_voltage_that_fails_is_put_again_and_loses_no_port(trouble: str) -> None:
    async def story(bench: Bench) -> None:
        bench.link.note_power(1, False)
        bench.port.busy = trouble == "busy"
        bench.port.silent_to = {b"power 1"}
        await bench.clock.sleep(5)
        assert bench.port.is_open
        bench.port.busy, bench.port.silent_to = False, set()
        await bench.clock.sleep(15)  # a late reply counts as the oldest question's, so the newest one waits as long
        assert bench.conditions()[1:] == [(conditions.UNPOWERED, 1), (conditions.POWERED, 1)]

    linked(story)


def test_a_bus_that_has_no_voltage_when_its_port_comes_back_is_not_usable() -> None:
    async def story(bench: Bench) -> None:
        bench.port.unpowered = {2}
        bench.port.lost("pulled")
        await bench.clock.sleep(REOPEN_AFTER_S + 0.1)
        assert bench.conditions()[1:] == [(conditions.LOST, 0), (conditions.UNPOWERED, 2), (conditions.CONNECTED, 0)]
        assert (await bench.usable(1), await bench.usable(2)) == (True, False)

    linked(story, channels=(1, 2))
