"""An inquiry: the bus is free between its conversations, its pauses are waited for, and it is closed at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import pytest

from drivers.dali.bus import CONFIGURATION, DISCOVERY, LEVELS, DaliBus
from drivers.dali.inquiry import run_inquiry
from drivers.errors import InterfaceSilent
from hil.virtual_time import VirtualClock
from protocols.dali import addresses, gear_commands, sequences
from protocols.dali.frames import NO_ANSWER, Pause, Reply, answered
from protocols.errors import ConversationFailed, NotAnswered
from tests.drivers.test_bus import frames, on_a_bus
from tests.rigs.fake_interface import FRAME_S, FakeInterface

LEVEL = gear_commands.level(addresses.short(1), 100)
Inquiry = Generator[Any, Any, str]


def test_results_come_back_pauses_are_waited_for_and_others_go_between() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        closed: list[bool] = []

        def inquiry() -> Inquiry:
            try:
                value = yield sequences.query_value(addresses.short(1), "QUERY STATUS")
                assert (yield Pause(2.0)) is None
                more = yield frames(7, 8)
                return f"{value} {more}"
            finally:
                closed.append(True)

        began = clock.monotonic()
        running = asyncio.ensure_future(run_inquiry(bus, clock, inquiry(), DISCOVERY))
        await clock.sleep(1.0)
        await bus.run(frames(99), LEVELS)
        assert await running == "5 None"
        assert interface.values == [0x0390, 99, 7, 8]
        assert [priority for _, priority in interface.sent] == [DISCOVERY, LEVELS, DISCOVERY, 1]
        assert clock.monotonic() - began == pytest.approx(2.0 + 3 * FRAME_S, abs=0.02)
        assert closed == [True]

    on_a_bus(story, lambda value: answered(5) if value == 0x0390 else NO_ANSWER)


def test_a_conversation_that_fails_is_the_inquirys_to_judge() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        def goes_on() -> Inquiry:
            failed = []
            for number in (1, 2):
                try:
                    yield sequences.query_value(addresses.short(number), "QUERY STATUS")
                except ConversationFailed:
                    failed.append(number)
            yield frames(7)
            return f"{failed}"

        def gives_up() -> Inquiry:
            yield sequences.query_value(addresses.short(1), "QUERY STATUS")
            return "never"

        assert await run_inquiry(bus, clock, goes_on(), CONFIGURATION) == "[1, 2]"
        with pytest.raises(NotAnswered):
            await run_inquiry(bus, clock, gives_up(), CONFIGURATION)
        assert interface.values == [0x0390, 0x0590, 7, 0x0390]

    on_a_bus(story)


def test_an_interface_that_fails_ends_it_where_it_stands_and_it_is_closed() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        closed: list[int] = []

        def inquiry(number: int) -> Inquiry:
            try:
                yield frames(number)
                yield Pause(60.0)
                return "whole"
            finally:
                closed.append(number)

        kept = inquiry(66)  # without this name, the inquiry would be closed when it is thrown away
        with pytest.raises(InterfaceSilent):
            await run_inquiry(bus, clock, kept, CONFIGURATION)
        assert closed == [66]
        given_up = inquiry(1)
        running = asyncio.ensure_future(run_inquiry(bus, clock, given_up, CONFIGURATION))
        await clock.sleep(1.0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert closed == [66, 1]
        assert await bus.send(LEVEL) == Reply(Reply.NO_ANSWER, None)

    on_a_bus(story, lambda value: InterfaceSilent("silent") if value == 66 else NO_ANSWER)
