"""What is the LUBA interfaces' own: numbers, ticks, a buffer, a supply. What all keep stands in hil/contract/."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import pytest

from agent.hardware.serial_port import port_opener
from drivers.dali.bus import LEVELS, TELEMETRY, DaliBus
from drivers.dali.luba import Luba as Driver
from drivers.errors import BusBusy, BusUnpowered, DriverError, InterfaceSilent
from hil.contract.bench import LEVELS as SHOWN
from hil.contract.bench import NIGHT, Bench, on_bench
from hil.devices.luba import Luba
from hil.devices.street import Lamp, Street
from hil.virtual_time import VirtualClock, run_virtual
from protocols.dali import addresses, gear_commands, sequences
from protocols.dali.frames import COLLISION, NO_ANSWER, ForwardFrame, Reply


def device(bench: Bench) -> Luba:
    assert isinstance(bench.street.interface, Luba)
    return bench.street.interface


async def ask(bus: DaliBus, gear: int) -> Reply:
    return await bus.run(sequences.query(addresses.short(gear), "QUERY ACTUAL LEVEL"), TELEMETRY)


@pytest.mark.parametrize("refused", [1, 3, 19])
def test_a_full_buffer_is_waited_for(refused: int) -> None:
    async def story(bench: Bench) -> None:
        device(bench).refuse_next = refused
        assert await ask(bench.bus, 1) == Reply(Reply.VALUE, SHOWN[1])
        assert device(bench).refuse_next == 0

    on_bench("luba", story)


def test_a_buffer_that_stays_full_is_busy() -> None:
    async def story(bench: Bench) -> None:
        device(bench).refuse_next = 1000
        with pytest.raises(BusBusy, match="no room"):
            await ask(bench.bus, 1)
        device(bench).refuse_next = 0
        assert await ask(bench.bus, 2) == Reply(Reply.VALUE, SHOWN[2])

    on_bench("luba", story)


@pytest.mark.parametrize(("has_supply", "switch"), [(True, 0x80), (False, 0)])
def test_a_supply_that_can_be_switched_is_on(has_supply: bool, switch: int) -> None:
    async def story(bench: Bench) -> None:
        device(bench).has_supply = has_supply
        bench.street.unplug()
        await bench.clock.sleep(2)
        bench.street.plug()
        await bench.clock.sleep(3)
        assert device(bench).settings == bytes([0, 0x12, switch])

    on_bench("luba", story)


def test_frames_keep_the_time_of_their_priority() -> None:
    async def story(bench: Bench) -> None:
        for priority, settled_s in ((1, 0.0135), (2, 0.0149), (3, 0.0163), (4, 0.0179), (5, 0.0195)):
            frame = gear_commands.level(addresses.short(1), 100)
            await bench.interface.transmit(1, frame, 1)
            await bench.interface.transmit(1, frame, priority)
            before, after = list(bench.street.bus.trace)[-2:]
            assert after.time - before.time == pytest.approx(settled_s + 17 / 1200, abs=1e-4)

    on_bench("luba", story)


def test_a_pair_that_collisions_hold_up_begins_again() -> None:
    async def story(bench: Bench) -> None:
        pair = gear_commands.command(addresses.short(2), "REMOVE FROM SCENE", 3)
        bench.street.gear[2].variables.scenes[3] = 77
        bench.later(0.02, lambda: bench.street.transmit_collisions(5))
        assert await bench.interface.transmit(1, pair, 1) == NO_ANSWER
        assert bench.street.gear[2].variables.scenes[3] == 255
        assert bench.frames_of(0x0553) == 3, "the first of the broken pair, and a pair"

    on_bench("luba", story)


def test_no_answer_is_proved_even_when_usb_holds_back_the_answer() -> None:
    async def story(bench: Bench) -> None:
        for number in range(40):
            gear = number % 5
            asking = asyncio.create_task(ask(bench.bus, gear))
            # The line begins to lag between the event that the frame was sent and the answer.
            await bench.clock.sleep(0.001 * number)
            bench.port.delay_s = 0.05
            assert await asking == Reply(Reply.VALUE, SHOWN[gear])
            bench.port.delay_s = 0.0
            await bench.clock.sleep(0.1)

    on_bench("luba", story)


def test_an_event_that_got_lost_is_an_error_and_no_silence() -> None:
    async def story(bench: Bench) -> None:
        errors = 0
        for number in range(60):
            bench.port.lose(3)
            with contextlib.suppress(DriverError):
                assert await ask(bench.bus, number % 5) == Reply(Reply.VALUE, SHOWN[number % 5])
                errors -= 1
            errors += 1
            bench.port.lose(0)
            await bench.clock.sleep(0.5)
        assert errors > 20
        assert await ask(bench.bus, 3) == Reply(Reply.VALUE, SHOWN[3])

    on_bench("luba", story)


@pytest.mark.parametrize("collisions", [3, 4, 5, 6])
def test_a_given_up_query_that_waits_in_the_buffer_spoils_no_other(collisions: int) -> None:
    async def story(bench: Bench) -> None:
        bench.street.late_answer(1, 28)
        for wait_s in (0.001, 0.004, 0.02, 0.05):
            bench.street.transmit_collisions(collisions)
            given_up = asyncio.create_task(ask(bench.bus, 1))
            await bench.clock.sleep(wait_s)
            given_up.cancel()
            await asyncio.gather(given_up, return_exceptions=True)
            assert await ask(bench.bus, 2) == Reply(Reply.VALUE, SHOWN[2])

    on_bench("luba", story)


@pytest.mark.parametrize("break_it", [lambda bench: bench.port.lose(1), lambda bench: bench.port.garble(1)])
def test_an_answer_that_came_broken_is_an_error_and_no_silence(break_it: Callable[[Bench], None]) -> None:
    async def story(bench: Bench) -> None:
        silent = 0
        for number in range(40):
            gear = number % 5
            asking = asyncio.create_task(ask(bench.bus, gear))
            before = bench.street.statistics.backward_frames
            while bench.street.statistics.backward_frames == before:
                await bench.clock.sleep(0.001)
            await bench.clock.sleep(0.006)  # the event that the query was sent is over; the answer's is not
            break_it(bench)
            try:
                reply = await asking
            except InterfaceSilent:
                silent += 1
            else:
                assert reply.kind == Reply.VALUE, number
            bench.port.lose(0)
            bench.port.garble(0)
            await bench.clock.sleep(0.3)
        assert silent > 20

    on_bench("luba", story)


def test_another_masters_frames_are_told() -> None:
    async def story(bench: Bench) -> None:
        bench.street.bus.other_controller(0xA307)
        await bench.clock.sleep(0.1)
        await bench.bus.run(sequences.dim(addresses.short(0), 10), LEVELS)
        assert bench.foreign == [(1, ForwardFrame(16, 0xA307))]

    on_bench("luba", story)


def _received(line: int, bits: int, value: int, tick: int) -> bytes:
    """The event that this came over a line (0: the first) at this tick."""
    content = bytes([0x31, 4 + bits // 8, tick >> 8 & 0xFF, tick & 0xFF, line, 0x80 | (bits or 63)])
    content += value.to_bytes(bits // 8, "big")
    check = 0
    for byte in content:
        check ^= byte
    return b"\x59" + content + bytes([check])


@pytest.mark.parametrize("bits", [8, 0])
@pytest.mark.parametrize("gear", [63, 2])
def test_what_comes_over_another_line_is_no_answer(gear: int, bits: int) -> None:
    async def story(bench: Bench) -> None:
        for after_ms in range(60):
            asking = asyncio.create_task(ask(bench.bus, gear))
            await bench.clock.sleep(after_ms / 1000)
            bench.port.write(_received(1, bits, 0x11 if bits else 0, int(bench.street.loop.time() * 1000)))
            assert await asking == (NO_ANSWER if gear == 63 else Reply(Reply.VALUE, SHOWN[gear])), after_ms

    on_bench("luba", story)


@pytest.mark.parametrize(("bits", "reply"), [(8, Reply(Reply.VALUE, 0x11)), (0, COLLISION)])
def test_an_answer_counts_by_its_tick_and_only_in_the_window(bits: int, reply: Reply) -> None:
    """It ends 13.0 to 19.9 ms after the query, and both ticks are whole milliseconds."""

    async def story(bench: Bench) -> None:
        taken = []
        for after_ticks in range(30):
            asking = asyncio.create_task(ask(bench.bus, 63))
            frames = bench.street.statistics.forward_frames
            while bench.street.statistics.forward_frames == frames:
                await bench.clock.sleep(0.0005)
            sent = bench.street.bus.last_edge + 0.00245
            await bench.clock.sleep(sent + 0.005 - bench.street.loop.time())
            bench.port.write(_received(0, bits, 0x11 if bits else 0, int(sent * 1000) + after_ticks))
            answer = await asking
            assert answer in (reply, NO_ANSWER)
            if answer == reply:
                taken.append(after_ticks)
        assert taken == list(range(11, 23))

    on_bench("luba", story)


def test_two_lines_at_once_each_hear_their_own_gear() -> None:
    async def story(clock: VirtualClock) -> None:
        streets = [Street([Lamp(i, 25.0, level=200 + i) for i in range(3)], traffic=clock, product=Luba)]
        second = [Lamp(i, 25.0, level=100 + i) for i in range(3)]
        streets.append(Street(second, hat=streets[0].interface, seed=2))
        assert streets[0].port is not None
        foreign: list[tuple[int, ForwardFrame]] = []
        interface = Driver(
            port_opener(streets[0].port.path, clock),
            clock,
            lambda *_told: None,
            (1, 2),
            lambda channel, frame: foreign.append((channel, frame)),
        )
        running = asyncio.create_task(interface.run())
        buses = [DaliBus(interface, 1), DaliBus(interface, 2)]
        await buses[1].wait_usable()

        async def sweep(line: int) -> None:
            for gear in (0, 1, 2, 63) * 10:
                expected = NO_ANSWER if gear == 63 else Reply(Reply.VALUE, (200, 100)[line] + gear)
                assert await ask(buses[line], gear) == expected

        await asyncio.gather(sweep(0), sweep(1))
        streets[1].late_answer(0, 30)
        for _ in range(20):
            assert await ask(buses[1], 0) == NO_ANSWER
            assert await ask(buses[0], 0) == Reply(Reply.VALUE, 200)
        streets[1].bus.other_controller(0xA307)
        await clock.sleep(0.1)
        assert foreign == [(2, ForwardFrame(16, 0xA307))]
        streets[1].bus_power(False)
        await clock.sleep(2)
        with pytest.raises(BusUnpowered):
            await ask(buses[1], 0)
        assert await ask(buses[0], 1) == Reply(Reply.VALUE, 201)
        assert [street.statistics.settling_violations for street in streets] == [0, 0]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        streets[0].close()

    run_virtual(story, NIGHT)


def test_after_a_caller_gave_up_nothing_is_asked_until_nothing_can_come_of_its_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story(bench: Bench) -> None:
        assert isinstance(bench.interface, Driver)
        written: list[float] = []
        write = bench.interface.write

        def noted(content: bytes) -> None:
            written.append(bench.clock.monotonic())
            write(content)

        monkeypatch.setattr(bench.interface, "write", noted)
        given_up = asyncio.create_task(ask(bench.bus, 1))
        await bench.clock.sleep(0.03)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        assert await ask(bench.bus, 2) == Reply(Reply.VALUE, SHOWN[2])
        assert written[1] - written[0] >= Driver.OWED_S - 1e-6
        began = bench.clock.monotonic()
        assert await ask(bench.bus, 2) == Reply(Reply.VALUE, SHOWN[2])
        assert bench.clock.monotonic() - began < Driver.OWED_S

    on_bench("luba", story)


def test_a_frame_that_is_refused_for_another_reason_is_busy_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hil.devices.luba.BUFFER_FULL", 3)  # quiescent mode: another host has put it to rest

    async def story(bench: Bench) -> None:
        device(bench).refuse_next = 1
        with pytest.raises(BusBusy, match=r"refuses frames for DALI bus 1 \(reason 3\): see that nobody else uses it"):
            await ask(bench.bus, 1)
        assert await ask(bench.bus, 1) == Reply(Reply.VALUE, SHOWN[1])

    on_bench("luba", story)
