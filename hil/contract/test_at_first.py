"""The first tests of an interface, before its contract is tried: its parts, an answer, its buses, its safe level."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent.hardware.serial_port import port_opener
from agent.parts.interfaces import INTERFACES, driver_of
from agent.parts.named import part
from agent.safe_level import PRIORITY, SENT_WITHIN_S, safe_level_frames
from drivers.dali import conditions
from drivers.dali.bus import TELEMETRY, DaliBus
from hil.contract.bench import LEVELS, NIGHT, Bench, all_right, on_bench, street_of
from hil.devices.street import Lamp, Street
from hil.emulated_board import emulation_of
from hil.virtual_time import VirtualClock, run_virtual
from protocols.dali import addresses, sequences
from protocols.dali.frames import Reply

USABLE_WITHIN_S = 5.0
SAFE_LEVEL = 241


def test_the_parts_are_there(product: str) -> None:
    found = INTERFACES.find(product)
    for place in (found.driver, found.emulation):
        part(place)  # raises a sentence where there is nothing to import
    wrong = [
        what
        for what, is_right in (
            ("no title: write what the product is called", found.title),
            ("no baud rate: write the product's", found.baud > 0),
            ("no bus: write as `channels` how many the product has", found.channels > 0),
            ("no chatter: write messages that the product may say unasked", found.chatter),
        )
        if not is_right
    ]
    if wrong:
        pytest.fail(f"the descriptor of {product} has {'; it has '.join(wrong)}", pytrace=False)


def test_the_driver_connects_and_each_gear_answers(product: str) -> None:
    async def story(bench: Bench) -> None:
        try:
            await bench.clock.wait_for(bench.bus.wait_usable(), USABLE_WITHIN_S)
        except TimeoutError:
            raise AssertionError(
                f"within {USABLE_WITHIN_S:g} s the driver of {product} has not found a bus that can be used; its"
                f" listener has heard {bench.heard}"
            ) from None
        assert bench.heard == [(conditions.CONNECTED, 0)], "the driver connects once, and tells its listener so"
        await all_right(bench)

    on_bench(product, story)


def test_each_of_its_buses_answers_for_itself(product: str, tmp_path: Path) -> None:
    channels = range(1, INTERFACES.find(product).channels + 1)

    async def whole(clock: VirtualClock) -> list[Reply]:
        link, streets = tmp_path / "port", list[Street]()
        for channel in channels:
            streets.append(
                Street(
                    [Lamp(0, 25.0, level=100 + channel)],
                    traffic=clock,
                    link=None if streets else link,
                    product=emulation_of(product),
                    hat=streets[0].interface if streets else None,
                )
            )
        interface = driver_of(product)(
            port_opener(str(link), clock), clock, lambda *_said: None, tuple(channels), lambda *_heard: None
        )
        running = asyncio.create_task(interface.run())
        try:
            replies = []
            for channel in channels:
                bus = DaliBus(interface, channel, clock)
                await clock.wait_for(bus.wait_usable(), USABLE_WITHIN_S)
                query = sequences.query(addresses.short(0), "QUERY ACTUAL LEVEL")
                replies.append(await bus.run(query, TELEMETRY))
            return replies
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            streets[0].close()

    expected = [Reply(Reply.VALUE, 100 + channel) for channel in channels]
    assert run_virtual(whole, NIGHT) == expected, f"the descriptor says that {product} has {len(channels)} buses"


def test_its_messages_light_the_street_for_a_host_that_waits_for_no_reply(product: str, tmp_path: Path) -> None:
    """lichtmast-safe-level sends the messages in this way when the agent is gone."""
    found = INTERFACES.find(product)

    async def whole(clock: VirtualClock) -> tuple[list[int], int]:
        street = street_of(found, clock, tmp_path / "port")
        try:
            open_port = port_opener(str(tmp_path / "port"), clock)
            port = await open_port(found.baud, lambda _piece: None, lambda _reason: None, found.lines)
            sent = [found.messages(1, frame, PRIORITY) for frame in safe_level_frames(SAFE_LEVEL)]
            for content in [*found.greeting, *(message for messages in sent for message in messages)]:
                port.write(content)
                await clock.sleep(SENT_WITHIN_S)
            port.close()
            return [street.level(gear) for gear in range(len(LEVELS))], street.statistics.settling_violations
        finally:
            street.close()

    assert run_virtual(whole, NIGHT) == ([SAFE_LEVEL] * len(LEVELS), 0)
