"""The emulated HAT on its serial line: every command, its reply, and the time of the reply."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.devices.dali_bus import DaliBus
from hil.devices.dali_hat import DaliHat, WithoutVoltage
from hil.devices.street import Lamp, Street
from hil.virtual_time import VirtualClock, run_virtual
from tests.rigs.street_host import NIGHT, Host, on_a_street

CHARACTER_S = 10 / 19200
COMMAND_S = 6 * CHARACTER_S
FRAME_S = 17 / 1200


def two_lamps(clock: VirtualClock) -> Street:
    return Street([Lamp(0, 25.0, level=254), Lamp(1, 40.0, level=100)], traffic=clock)


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"h01A0", b"JFE"),
        (b"h03a0", b"J64"),
        (b"h05A0", b"N"),
        (b"hFF91", b"X"),
        (b"h0080", b"N"),
        (b"tFF25", b"N"),
        (b"l010203", b"N"),
        (b"m01020304", b"N"),
        (b"j12", b"N"),
        (b"v", b"V070801"),
        (b"d", b"D21"),
        (b"p", b"P1610000"),
        (b"u", b"U0450"),
        (b"q", b"Q00000000"),
        (b"h01A0\r", b"JFE"),
    ],
)
def test_each_command_has_its_reply(line: bytes, reply: bytes) -> None:
    async def story(_street: Street, host: Host, _clock: VirtualClock) -> bytes | None:
        return await host.ask(line)

    assert on_a_street(two_lamps, story) == reply


@pytest.mark.parametrize(
    "line", [b"", b"x", b"h", b"h01A", b"h01A00", b"hGGGG", b"h+1A0", b"h1_A0", b"1h01A0", b"9d", b"\xff" * 300]
)
def test_what_is_no_command_is_passed_over(line: bytes) -> None:
    async def story(_street: Street, host: Host, _clock: VirtualClock) -> list[bytes | None]:
        return [await host.ask(line), await host.ask(b"h01A0")]

    assert on_a_street(two_lamps, story) == [None, b"JFE"]


def test_replies_come_when_wire_and_serial_line_allow() -> None:
    async def story(street: Street, host: Host, _clock: VirtualClock) -> None:
        loop = asyncio.get_running_loop()
        for line, answered in ((b"h01A0\n", True), (b"h05A0\n", False), (b"h03A0\n", True)):
            begin = loop.time()
            host.write(line)
            at, reply = await host.replies.get()
            if answered:
                delay_s = street.gear[line == b"h03A0\n"].answer_delay_s
                assert 0.0055 <= delay_s <= 0.0105
                bus_s = FRAME_S + delay_s + 9 / 1200 + 0.00245
            else:
                bus_s = FRAME_S + 0.0124
            assert at - begin == pytest.approx(COMMAND_S + bus_s + (len(reply) + 1) * CHARACTER_S, abs=1e-9)
            await asyncio.sleep(0.01)

    on_a_street(two_lamps, story)


def test_the_line_in_pieces_counts_from_its_last_byte() -> None:
    async def story(_street: Street, host: Host, _clock: VirtualClock) -> None:
        loop = asyncio.get_running_loop()
        host.write(b"h05")
        await asyncio.sleep(0.05)
        begin = loop.time()
        host.write(b"A0\n")
        at, _ = await host.replies.get()
        assert at - begin == pytest.approx(3 * CHARACTER_S + FRAME_S + 0.0124 + 2 * CHARACTER_S, abs=1e-9)

    on_a_street(two_lamps, story)


def test_bytes_queue_on_the_serial_line() -> None:
    async def story(_clock: VirtualClock) -> None:
        loop = asyncio.get_running_loop()
        said_at: list[float] = []
        hat = DaliHat(loop, lambda _line: said_at.append(loop.time()), [DaliBus([], loop)])
        hat.receive(b"#" * 20 + b"\n")
        hat.receive(b"h05A0\n")
        await asyncio.sleep(1)
        assert said_at == [pytest.approx((21 + 6 + 2) * CHARACTER_S + FRAME_S + 0.0124)]

    run_virtual(story, NIGHT)


def test_twice_is_two_settled_frames_and_one_reply_or_two() -> None:
    async def story(street: Street, host: Host, _clock: VirtualClock) -> None:
        await host.ask(b"hA34D")
        assert await host.ask(b"t012D") == b"N"
        assert await host.next_line() is None
        assert await host.ask(b"h01A3") == b"J4D"
        street.hat.two_replies_to_twice = True
        assert await host.ask(b"t012C") == b"N"
        assert await host.next_line() == b"N"
        assert street.statistics.settling_violations == 0
        first, second = (frame.time for frame in list(street.bus.trace)[1:3])
        assert second - first == pytest.approx(FRAME_S + 0.0135)

    on_a_street(two_lamps, story)


def test_a_host_that_does_not_wait_violates_the_settling_time() -> None:
    async def story(street: Street, host: Host, _clock: VirtualClock) -> None:
        await host.ask(b"h01A0", settle_s=0.0)
        await host.ask(b"h01A0", settle_s=0.006)
        await host.ask(b"h01A0", settle_s=0.006)
        assert street.statistics.settling_violations == 1

    on_a_street(two_lamps, story)


def test_commands_that_pile_up_run_one_after_another_and_too_many_are_lost() -> None:
    async def story(_street: Street, host: Host, _clock: VirtualClock) -> None:
        host.write(b"h01A0\nh03A0\n" * 10)
        await asyncio.sleep(5)
        assert [host.replies.get_nowait()[1] for _ in range(9)] == [b"JFE", b"J64"] * 4 + [b"JFE"]
        assert host.replies.empty()

    on_a_street(two_lamps, story)


def test_four_buses_answer_under_their_own_digit(tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        first = Street([Lamp(0, 25.0, level=10)], traffic=clock, link=tmp_path / "hat")
        others = [Street([Lamp(0, 25.0, level=100 + bus)], hat=first.hat) for bus in range(3)]
        host = Host(str(tmp_path / "hat"), clock)
        assert await host.ask(b"h01A0") == b"J0A"
        for bus in range(3):
            assert await host.ask(b"%dh01A0" % (bus + 1)) == b"%dJ%02X" % (bus + 1, 100 + bus)
        assert await host.ask(b"v") == b"V070804"
        others[1].bus_power(False)
        assert await host.next_line() == b"2D01"
        with pytest.raises(ValueError, match="at most 4 buses"):
            Street([Lamp(0, 25.0)], hat=first.hat)
        with pytest.raises(ValueError, match="shares another street's port"):
            others[0].unplug()
        host.close()
        first.close()

    run_virtual(story, NIGHT)


def test_loss_and_return_of_bus_power_are_said_unasked() -> None:
    async def story(street: Street, host: Host, _clock: VirtualClock) -> None:
        await host.ask(b"d")
        street.bus_power(False)
        assert await host.next_line() == b"D01"
        assert await host.ask(b"h01A0") == b"D01"
        street.hat.without_voltage = WithoutVoltage.DONE
        assert await host.ask(b"h01A0") == b"N"
        street.hat.without_voltage = WithoutVoltage.NOTHING
        assert await host.ask(b"h01A0") is None
        street.bus_power(True)
        assert await host.next_line() == b"D21"
        street.bus_short()
        assert await host.next_line() == b"D11"
        assert await host.ask(b"d") == b"D11"
        street.bus_short(False)
        assert await host.next_line() == b"D21"
        assert await host.ask(b"h01A0") == b"JFE"

    on_a_street(two_lamps, story)


def test_voltage_lost_under_an_answer_leaves_no_answer() -> None:
    async def story(street: Street, host: Host, _clock: VirtualClock) -> None:
        host.write(b"h01A0\n")
        await asyncio.sleep(COMMAND_S + FRAME_S + 0.006)
        street.bus_power(False)
        lines = {await host.next_line(), await host.next_line()}
        assert lines == {b"N", b"D01"}

    on_a_street(two_lamps, story)


def test_a_frame_of_another_controller_is_reported() -> None:
    async def story(street: Street, host: Host, _clock: VirtualClock) -> None:
        await host.ask(b"d")
        street.bus.other_controller(0x0255)
        assert await host.next_line() == b"H0255"
        assert await host.ask(b"h03A0") == b"J55"
        host.write(b"h01A0\n")
        await asyncio.sleep(0.01)
        street.bus.other_controller(0x02C8)
        assert [await host.next_line(), await host.next_line()] == [b"JFE", b"H02C8"]
        assert street.level(1) == 200

    on_a_street(two_lamps, story)


def test_turnaround_is_from_a_reply_to_the_next_command() -> None:
    async def story(street: Street, host: Host, _clock: VirtualClock) -> None:
        for pause_s in (0.004, 0.007, 0.2, 0.0):
            await host.ask(b"h01A0", settle_s=pause_s)
        await host.ask(b"h01A0")
        assert [round(seconds, 6) for seconds, _ in street.hat.turnarounds] == [0.004, 0.007, 0.0]

    on_a_street(two_lamps, story)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(st.binary(max_size=80), st.sampled_from([b"h01", b"A0\n", b"t0120\n", b"\n", b"d\n"])), max_size=12
    )
)
def test_no_bytes_from_the_host_silence_it(pieces: list[bytes]) -> None:
    async def story(_clock: VirtualClock) -> None:
        loop = asyncio.get_running_loop()
        said: list[bytes] = []
        hat = DaliHat(loop, said.append, [DaliBus([], loop)])
        for piece in pieces:
            hat.receive(piece)
            await asyncio.sleep(0.001)
        hat.receive(b"\n")
        await asyncio.sleep(5)
        said.clear()
        hat.receive(b"v\n")
        await asyncio.sleep(1)
        assert said == [b"V070801\n"]
        said.clear()
        hat.receive(b"hFF91\n")
        await asyncio.sleep(1)
        assert said == [b"N\n"]

    run_virtual(story, NIGHT)
