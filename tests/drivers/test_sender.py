"""What a newcomer's driver gets from its base, under the smallest product that one could build: two drivers of a box
that answers by a script, one bound by arrival and one by the box's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from drivers.dali import conditions
from drivers.dali.by_arrival import ByArrival
from drivers.dali.by_clock import ByClock, TimedFrame
from drivers.dali.sender import IDENTITY, NOT_SENT, PAIR_S, QUIET_AFTER_EDGE_S, Sender
from drivers.dali.settling import SETTLE_S
from drivers.errors import BusBusy, BusUnpowered, InterfaceSilent
from drivers.interfaces import Outcome
from hil.virtual_time import VirtualClock, run_virtual
from protocols.dali import addresses, gear_commands, sequences
from protocols.dali.frames import COLLISION, NO_ANSWER, ForwardFrame, Reply, Transmission, answered

QUERY = next(sequences.query(addresses.short(1), "QUERY ACTUAL LEVEL"))
PAIR = gear_commands.command(addresses.short(2), "REMOVE FROM SCENE", 3)
LEVEL = gear_commands.level(addresses.short(1), 100)
FRAME_S = 17 / 1200
ANSWERED_S = FRAME_S + 0.0055 + 9 / 1200
"""From a command's last byte to the earliest end of an answer to its frame."""


class Words:
    """The box's codec: a blank after each word."""

    def __init__(self) -> None:
        self.begun = b""

    def feed(self, content: bytes) -> list[bytes]:
        *words, self.begun = (self.begun + content).split(b" ")
        return words

    def drop_rest(self) -> None:
        self.begun = b""


class Box(ByArrival):
    """A driver as its writer fills it in: three methods and some constants."""

    PRODUCT = "box"
    BAUD = 1_000_000
    READER = Words
    IDENTIFY = b"who"

    def encode(self, channel: int, transmission: Transmission, priority: int) -> bytes:
        return b"f"

    def makes_pair(self, transmission: Transmission) -> bool:
        return False

    async def ask_bus(self, channel: int) -> None:
        await self.ask("bus", b"bus")

    def take(self, message: bytes, now: float) -> None:
        if message == b"me":
            self.replied(IDENTITY)
        elif message in (b"on", b"off"):
            self.replied("bus")
            if message == b"on":
                self.note_power(1, True)
            else:
                self.hear_no_voltage(1, now)
        elif message == b"other":
            self.hear_foreign(1, ForwardFrame(16, 0xFE00))
        else:
            self.hear_edge(1, now)
            outcomes: dict[bytes, Outcome] = {b"no": NO_ANSWER, b"x": COLLISION, b"busy": NOT_SENT}
            self.hear(1, outcomes.get(message) or answered(message[-1]), now)


class Clocked(ByClock):
    """The other kind: `s` and a tick for a frame of ours, `a`, a tick and a byte for an answer, 0 to 99 each."""

    PRODUCT = "clocked box"
    BAUD = 1_000_000
    READER = Words
    IDENTIFY = b"who"
    CLOCK_TICKS = 100

    def encode(self, channel: int, transmission: Transmission, priority: int) -> bytes:
        return b"f"

    def window(self, frame: ForwardFrame) -> tuple[float, float]:
        return 5, 12

    async def ask_bus(self, channel: int) -> None:
        await self.ask("bus", b"bus")

    async def carry(self, sending: TimedFrame, content: bytes) -> Outcome:
        self.write(content)
        if not await self.comes(sending.over, 0.1):
            await self.or_lose(lambda: self.identify(1))
        self.in_doubt = False
        return sending.reply or NO_ANSWER

    def take(self, message: bytes, now: float) -> None:
        if message == b"me":
            self.replied(IDENTITY)
        elif message == b"on":
            self.replied("bus")
        elif message[:1] == b"s":
            self.hear_edge(1, now)
            if self.sending is not None:
                self.sending.sent_at.append(int(message[1:3]))
        else:
            self.hear_backward(1, answered(int(message[3:5])), int(message[1:3]))


class Bench:
    """The box at the other end: says what `script` holds for each frame, as (seconds after it, bytes)."""

    def __init__(self, clock: VirtualClock, driver: type[Sender]) -> None:
        self.clock = clock
        self.script: list[list[tuple[float, bytes]]] = []
        self.written: list[tuple[float, bytes]] = []
        self.knows_itself = True
        self.heard: list[tuple[str, int]] = []
        self.foreign: list[tuple[int, ForwardFrame]] = []
        self.received: Callable[[bytes], None] = lambda _content: None
        self.driver = driver(
            self.open,
            clock,
            lambda condition, channel, _sentence: self.heard.append((condition, channel)),
            (1,),
            lambda channel, frame: self.foreign.append((channel, frame)),
        )

    async def open(
        self,
        baud: int,
        received: Callable[[bytes], None],
        lost: Callable[[str], None],
        lines: tuple[bool, bool] | None = None,
    ) -> Bench:
        self.received = received
        return self

    def write(self, content: bytes) -> None:
        self.written.append((self.clock.monotonic(), content))
        if content == b"f":
            said = self.script.pop(0) if self.script else []
        else:
            said = [(0.001, {b"who": b"me ", b"bus": b"on "}[content])]
            if content == b"who" and not self.knows_itself:
                said = []
        for after_s, words in said:
            asyncio.get_running_loop().call_later(after_s, self.received, words)

    def close(self) -> None: ...

    def frames_at(self) -> list[float]:
        return [at for at, content in self.written if content == b"f"]

    async def ask(self, *said: tuple[float, bytes], frame: Transmission = QUERY, priority: int = 2) -> Reply:
        self.script = [list(said)]
        return await self.driver.transmit(1, frame, priority)


def on_bench(story: Callable[[Bench], Awaitable[None]], driver: type[Sender] = Box) -> None:
    async def whole(clock: VirtualClock) -> None:
        bench = Bench(clock, driver)
        running = asyncio.ensure_future(bench.driver.run())
        await bench.driver.wait_usable(1)
        await clock.sleep(1)
        try:
            await story(bench)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run_virtual(whole, 1_768_500_000.0)


@pytest.mark.parametrize(("word", "reply"), [(b"vA ", answered(0x41)), (b"no ", NO_ANSWER), (b"x ", COLLISION)])
def test_what_comes_in_time_is_the_reply(word: bytes, reply: Reply) -> None:
    async def story(bench: Bench) -> None:
        assert await bench.ask((0.03, word)) == reply
        assert bench.driver.late_answers == 0

    on_bench(story)


def test_a_value_before_a_backward_frame_can_have_ended_is_no_reply() -> None:
    async def story(bench: Bench) -> None:
        for early_s, early in ((1e-4, True), (-1e-4, False)):
            before = bench.driver.late_answers
            reply = await bench.ask((ANSWERED_S - early_s, b"vA "), (0.04, b"vB "))
            assert reply == answered(0x42 if early else 0x41)
            await bench.clock.sleep(0.1)
            assert bench.driver.late_answers - before == 1  # the other one, which came in no query's time

    on_bench(story)


def test_a_missing_reply_is_an_error_and_the_next_frame_comes_after_the_fence() -> None:
    async def story(bench: Bench) -> None:
        with pytest.raises(InterfaceSilent, match="the box does not answer"):
            await bench.ask()
        bench.received(b"v")  # has begun, and would spoil the identity
        assert await bench.ask((0.03, b"vB ")) == answered(0x42)
        # The identity came whole at once, so it was asked for once.
        assert [content for _, content in bench.written[-3:]] == [b"f", b"who", b"f"]

    on_bench(story)


def test_a_caller_who_gave_up_leaves_a_doubt() -> None:
    async def story(bench: Bench) -> None:
        bench.script = [[(0.09, b"vA ")]]
        given_up = asyncio.ensure_future(bench.driver.transmit(1, QUERY, 2))
        await bench.clock.sleep(0.01)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        assert await bench.ask((0.03, b"vB ")) == answered(0x42)
        (first_at, first), (asked_at, asked), (_, second) = bench.written[-3:]
        assert (first, asked, second) == (b"f", b"who", b"f")
        assert asked_at - first_at >= Box.OWED_S - 1e-9

    on_bench(story)


def test_what_is_said_of_a_time_before_the_last_edge_moves_it_not_back() -> None:
    async def story(bench: Bench) -> None:
        bench.driver.hear_edge(1, 20.0)
        bench.driver.hear_edge(1, 10.0)
        assert bench.driver.last_edge(1) == 20.0
        assert bench.driver.last_edge(2) == 0.0

    on_bench(story)


def test_an_interface_that_does_not_know_itself_twice_is_lost() -> None:
    async def story(bench: Bench) -> None:
        with pytest.raises(InterfaceSilent):
            await bench.ask()
        bench.knows_itself = False
        with pytest.raises(InterfaceSilent):
            await bench.ask((0.03, b"vB "))
        await bench.clock.sleep(0.1)
        assert bench.heard == [(conditions.CONNECTED, 0), (conditions.LOST, 0)]
        assert len(bench.frames_at()) == 1

    on_bench(story)


@pytest.mark.parametrize(("frame", "quiet"), [(QUERY, True), (LEVEL, False), (gear_commands.special("COMPARE"), False)])
def test_after_a_silence_the_bus_is_quiet_for_late_answers(frame: Transmission, quiet: bool) -> None:
    async def story(bench: Bench) -> None:
        await bench.ask((0.03, b"no "), frame=frame)
        edge = bench.clock.monotonic()
        await bench.ask((0.03, b"vB "), priority=1)
        wait_s = QUIET_AFTER_EDGE_S if quiet else SETTLE_S[1] - 1e-5
        assert bench.frames_at()[-1] - edge == pytest.approx(wait_s, abs=1e-6)

    on_bench(story)


def test_a_collided_frame_goes_out_again_and_at_last_the_bus_is_busy() -> None:
    async def story(bench: Bench) -> None:
        bench.script = [[(0.02, b"busy ")], [(0.03, b"vB ")]]
        assert await bench.driver.transmit(1, QUERY, 2) == answered(0x42)
        bench.script = [[(0.02, b"busy ")]] * Box.SENDS
        with pytest.raises(BusBusy, match="another master on DALI bus 1 collides with every frame"):
            await bench.driver.transmit(1, QUERY, 2)
        assert len(bench.frames_at()) == 2 + Box.SENDS

    on_bench(story)


@pytest.mark.parametrize(("second_s", "frames"), [(PAIR_S - SETTLE_S[1] - 0.001, 2), (PAIR_S - SETTLE_S[1] + 0.001, 3)])
def test_a_pair_that_took_too_long_begins_again(second_s: float, frames: int) -> None:
    async def story(bench: Bench) -> None:
        bench.script = [[(0.03, b"no ")], [(second_s, b"no ")], [(0.03, b"no ")]]
        assert await bench.driver.transmit(1, PAIR, 2) == NO_ANSWER
        assert len(bench.frames_at()) == frames

    on_bench(story)


def test_a_bus_that_loses_its_voltage_ends_the_frame_and_refuses_the_next() -> None:
    async def story(bench: Bench) -> None:
        with pytest.raises(BusUnpowered):
            await bench.ask((0.01, b"off "))
        with pytest.raises(BusUnpowered):
            await bench.ask((0.03, b"vB "))
        assert len(bench.frames_at()) == 1
        await bench.clock.sleep(1.1)  # asked each second
        assert bench.heard[1:] == [(conditions.UNPOWERED, 1), (conditions.POWERED, 1)]
        assert await bench.ask((0.03, b"vB ")) == answered(0x42)

    on_bench(story)


def test_other_masters_frames_are_told() -> None:
    async def story(bench: Bench) -> None:
        bench.received(b"other ")
        assert bench.foreign == [(1, ForwardFrame(16, 0xFE00))]

    on_bench(story)


@pytest.mark.parametrize(
    ("sent", "answer", "taken"),
    [(10, 14, False), (10, 15, True), (10, 22, True), (10, 23, False), (95, 3, True), (10, 9, False), (10, 65, False)],
)
def test_by_the_interfaces_clock_an_answer_lies_in_its_querys_window(sent: int, answer: int, taken: bool) -> None:
    async def story(bench: Bench) -> None:
        reply = await bench.ask((0.02, b"s%02d " % sent), (0.03, b"a%02d42 " % answer))
        assert reply == (answered(42) if taken else NO_ANSWER)
        assert bench.driver.late_answers == (not taken)
        # However late on the line: the fence brings in what the interface had to say before.
        assert await bench.ask((0.1005, b"s10 a1642 ")) == answered(42)

    on_bench(story, Clocked)


def test_an_answer_before_the_query_was_told_is_a_late_one() -> None:
    async def story(bench: Bench) -> None:
        assert await bench.ask((0.01, b"a1642 "), (0.02, b"s10 "), (0.03, b"a1743 ")) == answered(43)
        assert bench.driver.late_answers == 1

    on_bench(story, Clocked)
