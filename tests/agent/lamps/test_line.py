"""One DALI bus with its lamps and sensors, and the lines behind one port: each acts on the news of its own bus."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.app import Agent
from agent.lamps.questions import CYCLE_S
from drivers.dali.conditions import CONNECTED, LOST, POWERED, UNPOWERED
from protocols.dali import addresses, gear_commands
from protocols.dali.frames import ForwardFrame
from tests.rigs.gateway import BusOf, Gateway, at_a_gateway, told
from tests.rigs.lamp_bus import FULL, ONE_PERCENT

SENSOR = '[[sensor]]\nname = "P1"\nbus = "S"\ndevice = 0\nkind = "presence"\nat = "L01"\n'
BUSES = (BusOf("L"), BusOf("S", lamps=0, channel=2))


def names_of_parts(agent: Agent) -> list[list[str]]:
    return [[part.name for part in line.parts(lambda: None)] for line in agent.lines]


def dim_unseen(gateway: Gateway) -> None:
    """Dims every lamp to 1 % without a frame on the bus."""
    now = gateway.clock.monotonic()
    for gear in gateway.street.gear:
        gear.run(now)
        gear.arc.go_to(ONE_PERCENT, now)
        gear.redraw(now)


def test_each_line_runs_what_hangs_on_its_bus(tmp_path: Path) -> None:
    async def story(gateway: Gateway) -> None:
        async with gateway.agent() as agent:
            assert names_of_parts(agent) == [["control of L"], ["sensors of S"], []]
            assert [[each.name for each in line.luminaires] for line in agent.lines] == [["L01", "L02", "L03"], [], []]

    at_a_gateway(story, tmp_path, buses=(*BUSES, BusOf("spare", 0, "spare")), more=SENSOR)


@pytest.mark.parametrize(
    ("trouble", "over", "event"),
    [(LOST, CONNECTED, "communicationFailure"), (UNPOWERED, POWERED, "supplyLoss")],
)
def test_a_line_that_comes_back_has_its_levels_told_again(trouble: str, over: str, event: str, tmp_path: Path) -> None:
    async def story(gateway: Gateway) -> None:
        async with gateway.agent() as agent:
            await gateway.until(65.0)
            (line,) = agent.lines
            line.hear(trouble, "gone")
            dim_unseen(gateway)
            await gateway.clock.sleep(1.0)
            assert gateway.levels() == [ONE_PERCENT] * 3
            line.hear(over, "back")
            await gateway.clock.sleep(1.0)
            assert gateway.levels() == [FULL] * 3
            await gateway.clock.sleep(10.0)
            assert await told(agent) == [(event, "L", True), (event, "L", False)]

    at_a_gateway(story, tmp_path)


def test_a_line_that_comes_back_has_its_sensors_set_up_again(tmp_path: Path) -> None:
    async def story(gateway: Gateway) -> None:
        async with gateway.agent() as agent:
            await gateway.until(30.0)
            street, number = gateway.emulated.sensor("P1")
            instance = street.devices[number].instances[0]
            instance.reset()
            await gateway.clock.sleep(20.0)
            kept = instance.event_filter
            agent.lines[1].hear(POWERED, "back")
            await gateway.clock.sleep(5.0)
            assert instance.event_filter != kept

    at_a_gateway(story, tmp_path, buses=BUSES, more=SENSOR)


def test_what_a_sensor_says_on_one_line_reaches_the_lamps_of_another_at_once(tmp_path: Path) -> None:
    async def story(gateway: Gateway) -> None:
        async with gateway.agent() as agent:
            await gateway.until(300.0)
            before = gateway.levels()
            assert before[0] < FULL
            # Far from the next cycle, in which each control looks by itself.
            await gateway.clock.sleep(CYCLE_S + 2.0 - gateway.clock.wall() % CYCLE_S)
            street, number = gateway.emulated.sensor("P1")
            street.presence(number, True)
            await gateway.clock.sleep(4.0)
            assert gateway.levels() == [FULL, *before[1:]]
            assert await told(agent) == []

    at_a_gateway(story, tmp_path, buses=BUSES, more=SENSOR, program="motion-20-100")


def test_another_masters_level_is_overruled_on_the_line_where_it_was_seen(tmp_path: Path) -> None:
    async def story(gateway: Gateway) -> None:
        async with gateway.agent() as agent:
            await gateway.until(65.0)
            dim_unseen(gateway)
            frame: ForwardFrame = gear_commands.level(addresses.BROADCAST, ONE_PERCENT).frame
            agent.lines[1].hear_foreign_frame(frame)
            await gateway.clock.sleep(1.0)
            assert gateway.levels() == [ONE_PERCENT] * 3
            agent.lines[0].hear_foreign_frame(frame)
            await gateway.clock.sleep(1.0)
            assert gateway.levels() == [FULL] * 3
            assert await told(agent, "foreignMaster") == [("foreignMaster", "L", True)]

    at_a_gateway(story, tmp_path, buses=BUSES, more=SENSOR)


def test_another_masters_frame_concerns_the_lamps_of_its_own_bus(tmp_path: Path) -> None:
    async def story(gateway: Gateway) -> None:
        async with gateway.agent():
            await gateway.until(65.0)
            buses = [gateway.emulated.streets[name].bus for name in ("L", "S")]
            for bus in buses:
                bus.trace.clear()
            buses[1].other_controller(0xFE00)  # every lamp of bus S off
            await gateway.clock.sleep(3.0)
            assert gateway.levels() == [FULL] * 6
            quiet, told_again = ([frame.value for frame in bus.trace if not frame.value & 0x100] for bus in buses)
            assert quiet == []
            assert told_again[0] == 0xFE00
            assert len(told_again) > 1

    at_a_gateway(story, tmp_path, buses=(BusOf("L"), BusOf("S", channel=2)))
