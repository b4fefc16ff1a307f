"""What is the SevenLab interface's own: its clock's milliseconds, windows, refusals and pairs. What all keep stands in
hil/contract/. The other end here is a script: it says what a test lets it say, of the moments that the test names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from drivers.dali import conditions
from drivers.dali.sender import QUIET_AFTER_EDGE_S
from drivers.dali.settling import SETTLE_S
from drivers.dali.sevenlab import PAIR_MS, SevenLab
from drivers.errors import BusBusy, BusUnpowered, DriverError, InterfaceSilent
from hil.virtual_time import VirtualClock, run_virtual
from protocols.dali import addresses, gear_commands, sequences
from protocols.dali.frames import COLLISION, NO_ANSWER, ForwardFrame, Reply, Transmission, answered

INFORMATION = b"DALI USB interface - SevenLab 2024\r\nVersion 3.5.1 \r\n\r\n"
QUERY = next(sequences.query(addresses.short(1), "QUERY ACTUAL LEVEL"))
PAIR = gear_commands.command(addresses.short(2), "REMOVE FROM SCENE", 3)
LEVEL = gear_commands.level(addresses.short(1), 100)
PING = b"S1 10 AD00\r"
AT = 0x12C
"""The millisecond in which our frame begins, where nothing else is said."""


def ours(frame: Transmission = QUERY, at_ms: int = AT) -> bytes:
    return record(at_ms, frame.frame.bits, frame.frame.value, own=True)


def record(at_ms: int, code: int, content: int = 0, *, own: bool = False) -> bytes:
    return b"{%08x%s%02x %08x}\r\n" % (at_ms & 0xFFFFFFFF, b">" if own else b":", code, content)


class Script:
    """The interface: says what it is when it is asked, that a ping went out, and then for each command what comes next
    in `says`: pieces of (seconds after the command, bytes)."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.says: list[list[tuple[float, bytes]]] = []
        self.pings = True
        self.written: list[tuple[float, bytes]] = []
        self.heard: list[tuple[str, int]] = []
        self.foreign: list[tuple[int, ForwardFrame]] = []
        self.driver = SevenLab(
            self.open,
            clock,
            lambda condition, channel, _sentence: self.heard.append((condition, channel)),
            (1,),
            lambda channel, frame: self.foreign.append((channel, frame)),
        )
        self.received: Callable[[bytes], None] = lambda _content: None

    async def open(
        self,
        baud: int,
        received: Callable[[bytes], None],
        lost: Callable[[str], None],
        lines: tuple[bool, bool] | None = None,
    ) -> Script:
        assert baud == 500_000
        self.received = received
        return self

    def write(self, content: bytes) -> None:
        self.written.append((self.clock.monotonic(), content))
        if content == b"?":
            self.say(0.001, INFORMATION)
        elif content == PING:
            if self.pings:
                self.say(0.02, record(AT, 16, 0xAD00, own=True))
        elif self.says:
            for after_s, said in self.says.pop(0):
                self.say(after_s, said)

    def close(self) -> None: ...

    def say(self, after_s: float, content: bytes) -> None:
        asyncio.get_running_loop().call_later(after_s, self.received, content)

    def commands(self) -> list[bytes]:
        return [content for _, content in self.written if content not in (b"?", PING)]

    async def ask(self, *pieces: tuple[float, bytes], frame: Transmission = QUERY) -> Reply:
        self.says = [list(pieces)]
        return await self.driver.transmit(1, frame, 4)


def scripted(story: Callable[[Script], Awaitable[None]]) -> None:
    async def whole(clock: VirtualClock) -> None:
        script = Script(clock)
        running = asyncio.ensure_future(script.driver.run())
        try:
            await clock.wait_for(script.driver.wait_usable(1), 5)
            script.written.clear()
            await clock.wait_for(story(script), 60)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run_virtual(whole, 1_768_500_000.0)


@pytest.mark.parametrize(
    ("after_ms", "reply"),
    [
        # A query takes 14.17 ms. Gear begin from 5.5 ms after that, the interface waits for 13.4 ms; and two times of
        # its clock may be wrong by a millisecond against each other.
        (18, NO_ANSWER),
        (19, answered(0x7F)),
        (28, answered(0x7F)),
        (29, NO_ANSWER),
        (60, NO_ANSWER),
    ],
)
@pytest.mark.parametrize("at_ms", [AT, 0xFFFFFFF8], ids=["", "where its clock turns over"])
def test_an_answer_counts_when_it_began_in_its_window(at_ms: int, after_ms: int, reply: Reply) -> None:
    async def story(script: Script) -> None:
        found = await script.ask((0.02, ours(at_ms=at_ms)), (0.04, record(at_ms + after_ms, 8, 0x7F)))
        assert found == reply
        assert script.driver.late_answers == (reply == NO_ANSWER)

    scripted(story)


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        (record(AT + 22, 0x83, 1250 << 8 | 3), COLLISION),
        (record(AT + 22, 0x87), COLLISION),
        (record(AT + 35, 0x81), NO_ANSWER),
        (record(AT + 22, 16, 0x01FE), NO_ANSWER),  # another master's frame: gear do not answer after it
        (record(AT - 40, 8, 0x7F) + record(AT + 22, 8, 0x11), answered(0x11)),  # what came before our query is not its
        (record(AT + 10, 8, 0x7F) + record(AT + 22, 8, 0x11), answered(0x11)),
        (record(AT + 60, 0x83, 1250 << 8 | 3) + record(AT + 22, 8, 0x11), answered(0x11)),  # bits of another time
        (record(AT + 22, 8, 0x11) + record(AT + 24, 8, 0x7F), answered(0x11)),
        (b"rubbish\r\n" + record(AT + 22, 8, 0x11), answered(0x11)),
    ],
)
def test_what_an_answer_is_and_what_is_none(said: bytes, reply: Reply) -> None:
    async def story(script: Script) -> None:
        assert await script.ask((0.02, ours()), (0.035, said)) == reply
        assert script.driver.noise_reports == said.count(b"rubbish")
        assert script.commands() == [b"Q4 10 3A0\r"]

    scripted(story)


def test_a_late_answer_is_counted_where_nobody_waits_any_more() -> None:
    async def story(script: Script) -> None:
        script.received(record(AT, 8, 0x7F))
        assert script.driver.late_answers == 1
        assert await script.ask((0.02, record(AT - 30, 8, 0x7F) + ours() + record(AT + 20, 8, 5))) == answered(5)
        assert script.driver.late_answers == 2

    scripted(story)


def test_after_no_answer_the_bus_is_left_quiet_for_gear_that_answer_late() -> None:
    async def story(script: Script) -> None:
        silent = ((0.02, ours()), (0.036, record(AT + 33, 0x81)))
        compare = gear_commands.special("COMPARE")
        edge_s = 0.02 - 0.00289  # from the command until the query's last edge, as the record of it is heard
        for frame, quiet_s in ((QUERY, QUIET_AFTER_EDGE_S - (0.036 - edge_s)), (compare, 0.0)):
            await script.clock.sleep(1)
            said = tuple((after_s, content.replace(ours(), ours(frame))) for after_s, content in silent)
            assert await script.ask(*said, frame=frame) == NO_ANSWER
            ended = script.clock.monotonic()
            assert await script.ask((0.02, ours()), (0.035, record(AT + 22, 8, 9))) == answered(9)
            assert script.written[-1][0] - ended == pytest.approx(quiet_s, abs=1e-6)
            ended = script.clock.monotonic()
            await script.ask((0.02, ours()), (0.035, record(AT + 22, 8, 9)))
            assert script.written[-1][0] == ended

    scripted(story)


@pytest.mark.parametrize("priority", [1, 2, 5])
def test_a_frame_is_handed_over_shortly_before_the_bus_has_settled(priority: int) -> None:
    async def story(script: Script) -> None:
        await script.ask((0.02, ours(LEVEL)), frame=LEVEL)
        said = script.clock.monotonic()
        await script.driver.wait_settled(1, priority)
        # The record is said once the stop condition is over, 2.45 ms, and is 22 characters of 20 us long.
        waited_s = script.clock.monotonic() - said
        assert waited_s == pytest.approx(SETTLE_S[priority] - SevenLab.HAND_OVER_S - 0.00289, abs=1e-6)
        await script.clock.sleep(1)
        waited = script.clock.monotonic()
        await script.driver.wait_settled(1, priority)
        assert script.clock.monotonic() == waited

    scripted(story)


@pytest.mark.parametrize(("between_ms", "sends"), [(17, 1), (PAIR_MS, 1), (PAIR_MS + 1, 2), (-17 & 0xFFFFFFFF, 2)])
def test_a_pair_that_gear_would_not_take_as_one_goes_out_again(between_ms: int, sends: int) -> None:
    async def story(script: Script) -> None:
        well = [(0.04, ours(PAIR) + ours(PAIR, AT + 17))]
        script.says = [[(0.04, ours(PAIR) + ours(PAIR, AT + between_ms))], well]
        assert await script.driver.transmit(1, PAIR, 3) == NO_ANSWER
        assert script.commands() == [b"S3 10+553\r"] * sends

    scripted(story)


@pytest.mark.parametrize(("place", "sends"), [(0, 1), (1, 2), (2, 1)])
def test_a_pair_that_another_masters_frame_has_parted_goes_out_again(place: int, sends: int) -> None:
    async def story(script: Script) -> None:
        both = [ours(PAIR), ours(PAIR, AT + 40)]
        other = record(AT + 20, 16, 0xFE00)
        script.says = [[(0.04, b"".join([*both[:place], other, *both[place:]]))], [(0.04, b"".join(both))]]
        assert await script.driver.transmit(1, PAIR, 3) == NO_ANSWER
        assert len(script.commands()) == sends
        await script.clock.sleep(0.1)
        assert script.foreign == [(1, ForwardFrame(16, 0xFE00))]

    scripted(story)


def test_a_single_frame_is_not_parted_by_anything() -> None:
    async def story(script: Script) -> None:
        assert await script.ask((0.02, record(AT - 20, 16, 0xFE00) + ours(LEVEL)), frame=LEVEL) == NO_ANSWER
        assert len(script.commands()) == 1

    scripted(story)


@pytest.mark.parametrize("said", [record(AT, code, own=True) for code in (0x84, 0x85, 0x86, 0x87)])
def test_a_frame_that_met_another_masters_goes_out_four_times_in_all(said: bytes) -> None:
    async def story(script: Script) -> None:
        script.says = [[(0.02, said)]] * (SevenLab.SENDS - 1) + [[(0.02, ours()), (0.035, record(AT + 22, 8, 3))]]
        assert await script.driver.transmit(1, QUERY, 4) == answered(3)
        script.says = [[(0.02, said)]] * SevenLab.SENDS
        with pytest.raises(BusBusy, match="another master on DALI bus 1 collides with every frame"):
            await script.driver.transmit(1, QUERY, 4)
        assert len(script.commands()) == 2 * SevenLab.SENDS

    scripted(story)


def test_a_refused_command_is_named_with_its_code_and_spoils_no_other() -> None:
    async def story(script: Script) -> None:
        script.says = [[(0.001, record(AT, 0xA3))]] * SevenLab.SENDS
        with pytest.raises(InterfaceSilent, match=r"the SevenLab DALI interface refuses 'Q4 10 3A0' \(A3\)"):
            await script.driver.transmit(1, QUERY, 4)
        script.says = [[(0.001, record(AT, 0xA2))], [(0.02, ours()), (0.035, record(AT + 22, 8, 3))]]
        script.written.clear()
        assert await script.driver.transmit(1, QUERY, 4) == answered(3)
        # What filled the queue has gone out before the command is given again.
        (_, last), (first_at, first), (asked_at, asked), (again_at, again) = script.written[-4:]
        assert (last, first, asked, again) == (b"?", b"Q4 10 3A0\r", b"?", b"Q4 10 3A0\r")
        assert asked_at - first_at >= SevenLab.OWED_S
        assert again_at > asked_at
        assert script.heard == [(conditions.CONNECTED, 0)]

    scripted(story)


def test_where_only_others_are_heard_they_leave_no_gap() -> None:
    async def story(script: Script) -> None:
        with pytest.raises(BusBusy, match="other masters on DALI bus 1 leave no gap for a frame"):
            await script.ask(*((0.02 * number, record(AT + 20 * number, 16, 0xFE00)) for number in range(1, 10)))
        assert script.heard == [(conditions.CONNECTED, 0)]
        assert await script.ask((0.02, ours()), (0.035, record(AT + 22, 8, 9))) == answered(9)

    scripted(story)


@pytest.mark.parametrize("carries", [True, False])
def test_a_frame_of_which_nothing_is_said_was_lost_on_the_line_or_has_no_voltage(carries: bool) -> None:
    async def story(script: Script) -> None:
        script.pings = carries
        error, text = (
            (InterfaceSilent, "what the SevenLab DALI interface said of a frame was lost on its line: check its cable")
            if carries
            else (BusUnpowered, "DALI bus 1 has no voltage: check its supply and its wiring")
        )
        with pytest.raises(DriverError, match=text) as raised:
            await script.ask()
        assert raised.type is error
        assert script.heard[1:] == ([] if carries else [(conditions.UNPOWERED, 1)])

    scripted(story)


def test_a_bus_that_was_low_for_a_moment_is_told_so_that_all_levels_are_told_again() -> None:
    async def story(script: Script) -> None:
        script.received(record(AT, 0x92, 600_000))
        assert script.heard[1:] == [(conditions.UNPOWERED, 1), (conditions.POWERED, 1)]
        await script.driver.wait_usable(1)

    scripted(story)


def test_a_low_bus_is_believed_but_not_in_the_place_of_an_answer() -> None:
    async def story(script: Script) -> None:
        # A timeout, 81, of which one bit was changed on the line, says the same.
        said = ((0.02, ours()), (0.036, record(AT + 33, 0x91)), (0.04, record(AT + 22, 8, 7)))
        assert await script.ask(*said) == answered(7)
        assert script.heard[1:] == []
        with pytest.raises(BusUnpowered):
            await script.ask((0.01, record(AT, 0x91)))
        assert script.heard[1:] == [(conditions.UNPOWERED, 1)]

    scripted(story)


def test_only_others_frames_are_foreign_and_24_bits_count_too() -> None:
    async def story(script: Script) -> None:
        await script.ask((0.02, ours(LEVEL)), frame=LEVEL)
        script.received(record(AT, 24, 0xC13000))
        assert script.foreign == [(1, ForwardFrame(24, 0xC13000))]
        script.driver.foreign = None
        script.received(record(AT, 24, 0xC13000))

    scripted(story)


def test_a_caller_who_gives_up_leaves_a_doubt_that_is_cleared_before_the_next_frame() -> None:
    async def story(script: Script) -> None:
        given_up = asyncio.ensure_future(script.ask((0.2, ours() + record(AT + 22, 8, 1))))
        await script.clock.sleep(0.01)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        began = script.written[-1][0]
        assert await script.ask((0.1, ours()), (0.13, record(AT + 22, 8, 2))) == answered(2)
        # Its frame and its answer may have been under way: the next one goes out once they cannot be any more.
        asked_at, asked = script.written[-2]
        assert asked == b"?"
        assert asked_at == pytest.approx(began + SevenLab.OWED_S, abs=0.001)

    scripted(story)
