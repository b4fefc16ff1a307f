"""What is the DALI SCI2's own: pairs that the host sends, an early NO, one error for two things, the wrong layout."""

from __future__ import annotations

import asyncio

import pytest

from agent.hardware.serial_port import port_opener
from drivers.dali.bus import TELEMETRY, DaliBus
from drivers.dali.sci2 import Sci2 as Driver
from drivers.dali.sci2 import Sci2Newer as DriverNewer
from drivers.errors import DriverError, InterfaceSilent
from hil.contract.bench import LEVELS as SHOWN
from hil.contract.bench import NIGHT, Bench, on_bench
from hil.devices.sci2 import Sci2, Sci2Newer
from hil.devices.street import Lamp, Street
from hil.virtual_time import VirtualClock, run_virtual
from protocols.dali import addresses, gear_commands, sequences
from protocols.dali.frames import COLLISION, NO_ANSWER, ForwardFrame, Reply

MODELS = pytest.mark.parametrize("model", ["sci2", "sci2_2"])


async def ask(bus: DaliBus, gear: int) -> Reply:
    return await bus.run(sequences.query(addresses.short(gear), "QUERY ACTUAL LEVEL"), TELEMETRY)


@MODELS
def test_an_answer_that_begins_after_the_interface_said_no_is_one(model: str) -> None:
    async def story(bench: Bench) -> None:
        for delay_s in (0.0056, 0.0099, 0.0101, 0.0104, 0.0123):
            bench.street.gear[2].answer_delay_s = delay_s
            assert await ask(bench.bus, 2) == Reply(Reply.VALUE, SHOWN[2]), delay_s
            compare = gear_commands.command(addresses.short(2), "QUERY CONTROL GEAR PRESENT")
            assert (await bench.interface.transmit(1, compare, 1)).is_yes

    on_bench(model, story)


@MODELS
@pytest.mark.parametrize("held_up", [1, 5])
def test_a_pair_that_collisions_hold_up_begins_again(model: str, held_up: int) -> None:
    async def story(bench: Bench) -> None:
        pair = gear_commands.command(addresses.short(2), "REMOVE FROM SCENE", 3)
        bench.street.gear[2].variables.scenes[3] = 77
        bench.later(0.02, lambda: bench.street.transmit_collisions(held_up))
        try:
            assert await bench.interface.transmit(1, pair, 1) == NO_ANSWER
        except DriverError:
            assert model == "sci2_2", "the newer model tries a pair as one frame, four times"
            assert held_up > 3
        else:
            assert bench.street.gear[2].variables.scenes[3] == 255

    on_bench(model, story)


@MODELS
def test_several_answers_are_told_from_a_frame_that_did_not_go_out(model: str) -> None:
    async def story(bench: Bench) -> None:
        everybody = sequences.query(addresses.BROADCAST, "QUERY ACTUAL LEVEL")
        assert await bench.bus.run(everybody, TELEMETRY) == COLLISION
        bench.street.transmit_collisions(2)
        assert await ask(bench.bus, 4) == Reply(Reply.VALUE, SHOWN[4])

    on_bench(model, story)


@pytest.mark.parametrize("into_s", [0.003, 0.008, 0.014, 0.018])
def test_an_error_that_was_about_something_else_sends_nothing_into_a_frame_under_way(into_s: float) -> None:
    async def story(bench: Bench) -> None:
        asking = asyncio.create_task(ask(bench.bus, 4))
        await bench.clock.sleep(into_s)
        bench.port.write(bytes.fromhex("6700000364"))
        assert await asking == Reply(Reply.VALUE, SHOWN[4])
        assert isinstance(bench.street.interface, Sci2)
        assert bench.street.interface.ignored_commands == 0

    on_bench("sci2", story)


@MODELS
def test_a_message_that_never_ended_does_not_take_the_next_one_with_it(model: str) -> None:
    async def story(bench: Bench) -> None:
        for begun in ("62000003", "62", "6161", "620000"):
            bench.port.write(bytes.fromhex(begun))
            await bench.clock.sleep(0.01)
            assert await ask(bench.bus, 63) == NO_ANSWER
            assert await ask(bench.bus, 3) == Reply(Reply.VALUE, SHOWN[3])

    on_bench(model, story)


@MODELS
def test_the_host_settles_the_bus(model: str) -> None:
    async def story(bench: Bench) -> None:
        for priority, settled_s in ((1, 0.0135), (2, 0.0149), (5, 0.0195)):
            frame = gear_commands.level(addresses.short(1), 100)
            await bench.interface.transmit(1, frame, 1)
            await bench.interface.transmit(1, frame, priority)
            before, after = list(bench.street.bus.trace)[-2:]
            assert settled_s - 1e-6 <= after.time - before.time - 17 / 1200 <= settled_s + 2e-4
        assert bench.street.statistics.settling_violations == 0

    on_bench(model, story)


@MODELS
def test_another_masters_frames_are_told(model: str) -> None:
    async def story(bench: Bench) -> None:
        bench.street.bus.other_controller(0xA307)
        await bench.clock.sleep(0.1)
        assert bench.foreign == [(1, ForwardFrame(16, 0xA307))]

    on_bench(model, story)


@pytest.mark.parametrize(("driver", "product"), [(Driver, Sci2Newer), (DriverNewer, Sci2)])
def test_connecting_with_the_wrong_layout_moves_no_lamp(driver: type[Driver], product: type[Sci2]) -> None:
    async def story(clock: VirtualClock) -> None:
        street = Street([Lamp(0, 25.0, level=200), Lamp(1, 25.0, level=100)], traffic=clock, product=product)
        assert street.port is not None
        interface = driver(port_opener(street.port.path, clock), clock, lambda *_told: None)
        running = asyncio.create_task(interface.run())
        await interface.wait_usable(1)
        await clock.sleep(10)
        assert street.statistics.forward_frames > 5, "it asks whether the bus has voltage"
        assert [street.level(0), street.level(1)] == [200, 100]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        street.close()

    run_virtual(story, NIGHT)


def test_a_command_that_the_model_does_not_know_is_an_error_that_names_the_remedy() -> None:
    async def story(bench: Bench) -> None:
        bench.later(0.01, lambda: bench.port.write(bytes.fromhex("6700000463")))
        with pytest.raises(InterfaceSilent, match="other model"):
            await ask(bench.bus, 0)

    on_bench("sci2_2", story)


@MODELS
def test_an_answer_counts_only_when_it_can_have_come_over_the_bus(model: str) -> None:
    """A query takes 1.3 ms to be told and 14.2 ms on the bus; an answer begins 5.5 ms later and takes 7.5 ms: 28.5 ms.
    The interface says NO at 26.8 ms, and 16.5 ms later no answer is awaited any more."""

    async def story(bench: Bench) -> None:
        assert isinstance(bench.interface, Driver)
        taken = []
        for after_ms in range(50):
            await bench.clock.sleep(0.2)
            asking = asyncio.create_task(ask(bench.bus, 63))
            await bench.clock.sleep(after_ms / 1000)
            late = bench.interface.late_answers
            bench.port.write(bytes.fromhex("6200001173"))
            if await asking == Reply(Reply.VALUE, 0x11):
                taken.append(after_ms)
            await bench.clock.sleep(0.1)
            assert bench.interface.late_answers - late == (after_ms not in taken), after_ms
        assert taken == list(range(29, 44))

    on_bench(model, story)


@MODELS
def test_frames_that_nobody_asked_for_are_no_late_answers(model: str) -> None:
    async def story(bench: Bench) -> None:
        assert isinstance(bench.interface, Driver)
        bench.street.bus.other_controller(0xA307)
        await bench.clock.sleep(0.1)
        assert await ask(bench.bus, 63) == NO_ANSWER
        assert bench.interface.late_answers == 0

    on_bench(model, story)


@MODELS
def test_what_comes_in_one_piece_with_an_answer_or_after_a_no_is_heard(model: str) -> None:
    async def story(bench: Bench) -> None:
        others = bytes.fromhex("630001fe9c") + bytes.fromhex("630003fe9e")  # another master's frames, of 16 bits
        asking = asyncio.create_task(ask(bench.bus, 63))
        await bench.clock.sleep(0.03)
        bench.port.write(bytes.fromhex("6200001173") + others)
        assert await asking == Reply(Reply.VALUE, 0x11)
        await bench.clock.sleep(0.2)
        assert await ask(bench.bus, 63) == NO_ANSWER
        bench.port.write(others)
        await bench.clock.sleep(0.2)
        assert bench.foreign == [(1, ForwardFrame(16, 0x01FE)), (1, ForwardFrame(16, 0x03FE))] * 2

    on_bench(model, story)
