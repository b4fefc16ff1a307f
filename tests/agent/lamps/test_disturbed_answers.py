"""One answer with a flipped bit, or a lost one, is no failure: it neither raises an alarm nor ends one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.lamps.luminaire import StatusBit
from tests.rigs.lamp_bus import HALF, QUERY_STATUS, LampBus, on_the_bus


def disturb_next(
    patch: pytest.MonkeyPatch, bus: LampBus, number: int, opcode: int, change: Callable[[int], int | None]
) -> None:
    """Changes the next answer of this gear to this query on its way."""
    gear = bus.street.gear[number]
    receive = gear.receive

    def disturbed(address: int, asked: int, sequence: int, now: float) -> int | None:
        answer = receive(address, asked, sequence, now)
        if asked != opcode or answer is None:
            return answer
        patch.setattr(gear, "receive", receive)
        return change(answer)

    patch.setattr(gear, "receive", disturbed)


@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_status_bit_raises_no_alarm(bit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        available = list(bus.observed.availability)
        disturb_next(monkeypatch, bus, 1, QUERY_STATUS, lambda status: status ^ 1 << bit)
        await bus.control.health.poll_status(bus.lamps[1])
        await bus.cycles(2)
        assert bus.told() == []
        assert bus.observed.availability == available
        assert bus.observed.outages == []

    on_the_bus(story)


def test_a_flipped_status_bit_ends_no_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(bus: LampBus) -> None:
        bus.street.lamp_failed(1)
        bus.ask_for(50.0)
        await bus.cycles(3)
        assert bus.told() == [("lampFailure", "L1", True)]
        disturb_next(monkeypatch, bus, 1, QUERY_STATUS, lambda status: status & ~StatusBit.LAMP_FAILURE)
        await bus.control.health.poll_status(bus.lamps[1])
        assert bus.told() == [("lampFailure", "L1", True)]
        assert bus.lamps[1].condition.lamp_failed

    on_the_bus(story)


def test_a_bit_that_is_set_is_believed_at_the_second_time() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        bus.street.lamp_failed(1)
        bus.forget_frames()
        await bus.control.health.poll_status(bus.lamps[1])
        assert bus.told() == [("lampFailure", "L1", True)]
        assert bus.queries(QUERY_STATUS) == [3, 3]

    on_the_bus(story)


@pytest.mark.parametrize("opcode", [0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA8, 0x90])
def test_gear_that_never_answers_one_query_is_not_gone(opcode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(bus: LampBus) -> None:
        gear = bus.street.gear[1]
        receive = gear.receive

        def silent(address: int, asked: int, sequence: int, now: float) -> int | None:
            answer = receive(address, asked, sequence, now)
            return None if asked == opcode and address & 1 else answer

        monkeypatch.setattr(gear, "receive", silent)
        for percent in (50.0, 70.0, 50.0):
            bus.ask_for(percent)
            await bus.cycles(12)
        assert bus.told() == []
        assert bus.lamps[1].condition.answers
        assert bus.levels() == [HALF] * 3

    on_the_bus(story)
