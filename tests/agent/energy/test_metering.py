"""Metering: the readings of the registers and the record made of them, compared with the lamps' own integrals."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agent.app import Agent
from agent.energy import closing
from agent.hardware import serial_port
from agent.records.journal import Journal
from agent.savings.ledger import LuminaireLedger
from hil.devices.street import Street
from tests.rigs.gateway import QUARTER_S, RESOLUTION_WH, BusOf, Gateway, at_a_gateway, bodies, counting, told
from tests.rigs.lamp_bus import FULL, NIGHT, OFF

EXPONENT, ENERGY, LOW_BYTES, LOWEST_BYTE = 0x04, range(0x05, 0x0B), range(0x09, 0x0B), 0x0A
CONTROL_WH = (3.0 + 1.0) / 4
SET_DTR0_TO_EXPONENT = 0xA300 | EXPONENT
SET_DTR0_TO_LOW_BYTES = 0xA300 | LOW_BYTES.start
READ_LOCATION = 0x01C5


class DisturbedBanks:
    """A gear's memory banks; each byte that is read of bank 202 goes through `change(location, byte)`."""

    def __init__(self, street: Street, number: int) -> None:
        self._banks = street.gear[number].banks
        self.change: Any = lambda _location, byte: byte
        street.gear[number].banks = self  # type: ignore[assignment]

    def __contains__(self, bank: int) -> bool:
        return bank in self._banks

    def read(self, bank: int, location: int, now: float) -> int | None:
        byte = self._banks.read(bank, location, now)
        changed: int | None = self.change(location, byte) if bank == 202 else byte
        return changed

    def write(self, bank: int, location: int, value: int, now: float) -> int | None:
        return self._banks.write(bank, location, value, now)

    def power_cycled(self) -> None:
        self._banks.power_cycled()


def waits_no_longer_than(agent: Agent, seconds: float) -> None:
    """Has quarters without a reading closed by the model after this many seconds, because six hours take long to
    emulate."""
    for entry in agent.metering.metered.values():
        entry.ledger.longest_wait_s = seconds


def starts(intervals: list[dict[str, Any]], name: str) -> list[int]:
    return [body["start"] for body in intervals if body["luminaire"] == name]


def quarters(first: float, until: float) -> list[int]:
    return list(range(int(first), int(until), QUARTER_S))


def test_a_sweep_at_the_start_and_at_each_quarter(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        async with here.agent() as agent:
            await here.until(2 * QUARTER_S + 60.0)
            readings = await bodies(agent, "reading")
            for name in here.names:
                mine = [body for body in readings if body["luminaire"] == name]
                offsets = [body["at"] - here.began for body in mine]
                assert [round(offset) // 60 for offset in offsets] == [0, 15, 30]
                for first, last in pairwise(mine):
                    read_wh = last["energy_wh"] - first["energy_wh"]
                    assert read_wh == pytest.approx(
                        here.true_wh(name, first["at"], last["at"]), abs=RESOLUTION_WH + 0.01
                    )
                assert {body["resolution_wh"] for body in mine} == {RESOLUTION_WH}
                # What the gear shows: the first reading may come before its first level.
                assert [body["level"] for body in mine][1:] == [FULL] * 2
                assert [body["status"] for body in mine][1:] == [0x04] * 2  # lamp on, and nothing else
            # The scale never changes: it is read once for each lamp.
            assert [frame.value for frame in here.street.bus.trace].count(SET_DTR0_TO_EXPONENT) == 3

    at_a_gateway(story, tmp_path)


def test_intervals_agree_with_the_lamps(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        async with here.agent() as agent:
            await here.until(8 * QUARTER_S + 60.0)
            intervals = await bodies(agent, "interval")
            for name in here.names:
                assert starts(intervals, name) == quarters(here.began, here.began + 8 * QUARTER_S)
                recorded_wh = sum(body["actual_wh"] for body in intervals if body["luminaire"] == name)
                true_wh = here.true_wh(name, here.began, here.began + 8 * QUARTER_S)
                assert recorded_wh == pytest.approx(true_wh, abs=2 * RESOLUTION_WH)
            assert {body["quality"] for body in intervals} == {"metered"}
            assert await told(agent) == []

    at_a_gateway(story, tmp_path)


def test_control_is_recorded_without_hole_or_double_over_a_restart(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        for until in (1.5, 1.7, 3.2, 4.1):
            async with here.agent() as agent:
                await here.until(until * QUARTER_S)
                control = await bodies(agent, "control")
        assert [body["start"] for body in control] == quarters(NIGHT, NIGHT + 4 * QUARTER_S)
        assert {(body["duration_s"], body["control_wh"]) for body in control} == {(QUARTER_S, CONTROL_WH)}

    at_a_gateway(story, tmp_path, start=NIGHT + 450.0)


def test_the_record_goes_on_after_a_restart_and_over_the_time_without_an_agent(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        async with here.agent():
            await here.until(2.5 * QUARTER_S)
        await here.until(5.3 * QUARTER_S)
        async with here.agent() as agent:
            await here.until(8 * QUARTER_S + 60.0)
            intervals = await bodies(agent, "interval")
        for name in here.names:
            assert starts(intervals, name) == quarters(here.began, here.began + 8 * QUARTER_S)
            mine = [body for body in intervals if body["luminaire"] == name]
            true_wh = here.true_wh(name, here.began, here.began + 8 * QUARTER_S)
            assert sum(body["actual_wh"] for body in mine) == pytest.approx(true_wh, abs=2 * RESOLUTION_WH)
            assert [body["quality"] for body in mine[:2]] == ["metered"] * 2
            assert {body["quality"] for body in mine[3:5]} == {"interpolated"}

    at_a_gateway(story, tmp_path)


@pytest.mark.parametrize("spoilt", [0x05, 0x07, 0x09])
def test_a_reading_that_was_disturbed_is_read_again(spoilt: int, tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        banks = DisturbedBanks(here.street, 0)
        async with here.agent() as agent:
            await here.until(QUARTER_S / 2)
            disturbed: list[int] = []

            def flip_once(location: int, byte: int) -> int:
                if location == spoilt and not disturbed:
                    disturbed.append(location)
                    return byte ^ 0x10
                return byte

            if spoilt < LOW_BYTES.start:
                here.street.unplug()  # gear that was out of sight is read whole
                await here.clock.sleep(5.0)
                here.street.plug()

            banks.change = flip_once
            await here.until(2 * QUARTER_S + 60.0)
            assert disturbed
            assert {name for name, _, _ in await told(agent)} <= {"communicationFailure"}
            intervals = [body for body in await bodies(agent, "interval") if body["luminaire"] == "L01"]
            true_wh = here.true_wh("L01", here.began, here.began + 2 * QUARTER_S)
            assert sum(body["actual_wh"] for body in intervals) == pytest.approx(true_wh, abs=2 * RESOLUTION_WH)

    at_a_gateway(story, tmp_path)


def only_low_bytes(location: int, byte: int | None) -> int | None:
    """Returns another register that happens to have equal low bytes."""
    return 0 if location in ENERGY and location not in LOW_BYTES else byte


def test_a_new_register_is_reported_and_the_record_goes_on_with_it(tmp_path: Path) -> None:
    """New gear starts up with its power, so its register is read whole, even if its low bytes are the expected ones."""

    async def story(here: Gateway) -> None:
        banks = DisturbedBanks(here.street, 0)
        async with here.agent() as agent:
            await here.until(QUARTER_S / 2)
            here.street.mains(False, 0)
            banks.change = only_low_bytes
            await here.clock.sleep(5.0)
            here.street.mains(True, 0)
            await here.until(4 * QUARTER_S + 60.0)
            assert await told(agent) == [("supplyLoss", "L01", True), ("registerReplaced", "L01", True)]
            intervals = [body for body in await bodies(agent, "interval") if body["luminaire"] == "L01"]
            assert [body["quality"] for body in intervals] == ["modelled", "metered", "metered", "metered"]
            true_wh = here.true_wh("L01", here.began + QUARTER_S, here.began + 4 * QUARTER_S)
            assert sum(body["actual_wh"] for body in intervals[1:]) == pytest.approx(true_wh, abs=2 * RESOLUTION_WH)

    at_a_gateway(story, tmp_path)


def test_a_register_that_changed_above_its_low_bytes_is_found_within_a_day(tmp_path: Path) -> None:
    """Nothing tells of new gear, and its low bytes go on as expected: the energy of the lamp is recorded all the
    same."""

    async def story(here: Gateway) -> None:
        banks = DisturbedBanks(here.street, 0)
        async with here.agent() as agent:
            await here.until(QUARTER_S / 2)
            banks.change = only_low_bytes
            await here.until(25 * 3600.0)
            assert await told(agent) == [("registerReplaced", "L01", True)]
            intervals = [body for body in await bodies(agent, "interval") if body["luminaire"] == "L01"]
            assert sum(body["quality"] == "modelled" for body in intervals) == 1
            true_wh = here.true_wh("L01", here.began, intervals[-1]["start"] + QUARTER_S)
            assert sum(body["actual_wh"] for body in intervals) == pytest.approx(true_wh, abs=1.0)

    at_a_gateway(story, tmp_path, buses=[BusOf("L", 1)])


def reads_of(here: Gateway) -> dict[int, int]:
    """Returns how many locations each short address was asked for since the trace was cleared."""
    frames = [frame.value for frame in here.street.bus.trace]
    return {number: frames.count(number << 9 | READ_LOCATION) for number in range(len(here.names))}


def test_a_sweep_reads_two_bytes_of_each_register_after_one_load_for_three(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        async with here.agent():
            await here.until(QUARTER_S - 10.0)
            here.street.bus.trace.clear()
            await here.until(QUARTER_S + 60.0)
            frames = [frame.value for frame in here.street.bus.trace]
            again = frames.count(SET_DTR0_TO_LOW_BYTES) - 2  # where a carry may have come in between
            assert again in (0, 1, 2)
            assert frames.count(0xC3CA) == 2 + again
            assert sum(reads_of(here).values()) == 2 * (5 + again)

    at_a_gateway(story, tmp_path, buses=[BusOf("L", 5)])


def test_registers_are_read_whole_once_a_day_and_not_all_at_once(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        whole: list[list[int]] = []
        async with here.agent() as agent:
            await here.until(QUARTER_S - 10.0)
            for quarter in range(1, 2 * 96):
                here.street.bus.trace.clear()
                await here.until(quarter * QUARTER_S + 30.0)
                whole.append([number for number, reads in reads_of(here).items() if reads >= 7])
            assert await told(agent) == []
        first = [sum(number in each for each in whole[:96]) for number in range(4)]
        both = [sum(number in each for each in whole) for number in range(4)]
        # The whole register is read too when its low bytes wrap, once in 6.5 kWh.
        assert all(1 <= count <= 2 for count in first), whole
        assert all(count <= 3 for count in both)
        assert max(len(each) for each in whole) <= 2

    at_a_gateway(story, tmp_path, buses=[BusOf("L", 4)])


@pytest.mark.parametrize("low_wh", [0.0, 6400.0], ids=["below", "as after a carry"])
def test_a_register_that_is_reset_is_read_whole_at_once(low_wh: float, tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        async with here.agent() as agent:
            await here.until(QUARTER_S / 2)
            began = here.clock.monotonic()

            def anew(location: int, byte: int | None) -> int | None:
                count = int((low_wh + 25.0 * (here.clock.monotonic() - began) / 3600) / RESOLUTION_WH)
                return count.to_bytes(6)[location - ENERGY.start] if location in ENERGY else byte

            DisturbedBanks(here.street, 0).change = anew
            await here.until(QUARTER_S + 60.0)
            ((name, subject, _),) = await told(agent)
            assert (name in ("registerReplaced", "registerJumped"), subject) == (True, "L01")
            reading = [body for body in await bodies(agent, "reading") if body["luminaire"] == "L01"][-1]
            assert reading["energy_wh"] == pytest.approx(low_wh + 25.0 / 8, abs=0.3)

    at_a_gateway(story, tmp_path)


def test_a_bank_that_another_master_has_left_latched_is_read_as_now(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        async with here.agent() as agent:
            await here.until(QUARTER_S / 2)
            here.street.gear[0].banks.write(202, 0x02, 0xAA, here.clock.monotonic())
            await here.until(QUARTER_S + 60.0)
            reading = [body for body in await bodies(agent, "reading") if body["luminaire"] == "L01"]
            rise_wh = reading[1]["energy_wh"] - reading[0]["energy_wh"]
            true_wh = here.true_wh("L01", reading[0]["at"], reading[1]["at"])
            assert rise_wh == pytest.approx(true_wh, abs=RESOLUTION_WH + 0.01)
            assert await told(agent) == []

    at_a_gateway(story, tmp_path)


def test_a_lamp_that_went_dark_by_itself_is_found_by_its_energy(tmp_path: Path) -> None:
    """No frame on the bus told its change, and its level is not asked for at each reading."""

    async def story(here: Gateway) -> None:
        async with here.agent() as agent:
            await here.until(2 * QUARTER_S + 60.0)
            now, gear = here.clock.monotonic(), here.street.gear[1]
            gear.run(now)
            gear.arc.go_to(OFF, now)
            gear.redraw(now)
            await here.until(3 * QUARTER_S + 60.0)
            assert here.levels() == [FULL] * 3
            assert await told(agent) == []

    at_a_gateway(story, tmp_path)


@pytest.mark.parametrize("last_byte", [0xFF, 0xFE], ids=["unknown", "not available now"])
def test_a_masked_register_is_no_reading(last_byte: int, tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        banks = DisturbedBanks(here.street, 0)
        async with here.agent() as agent:
            await here.until(QUARTER_S / 2)
            banks.change = lambda location, byte: (
                byte if location not in ENERGY else last_byte if location == LOWEST_BYTE else 0xFF
            )
            await here.until(1.5 * QUARTER_S)
            banks.change = lambda _location, byte: byte
            await here.until(2.5 * QUARTER_S)
            readings = [body for body in await bodies(agent, "reading") if body["luminaire"] == "L01"]
            assert [int(body["at"] - here.began) // QUARTER_S for body in readings] == [0, 2]
            intervals = [body for body in await bodies(agent, "interval") if body["luminaire"] == "L01"]
            assert [body["quality"] for body in intervals] == ["interpolated"] * 2
            true_wh = here.true_wh("L01", here.began, here.began + 2 * QUARTER_S)
            assert sum(body["actual_wh"] for body in intervals) == pytest.approx(true_wh, abs=2 * RESOLUTION_WH)
            assert await told(agent) == []

    at_a_gateway(story, tmp_path)


def test_a_register_that_is_not_measuring_yet_after_mains_return(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        async with here.agent() as agent:
            await here.until(QUARTER_S - 3.0)
            here.street.mains(False)
            await here.until(QUARTER_S - 1.0)
            here.street.mains(True)  # its measuring begins 2 s later: after the sweep
            await here.until(2 * QUARTER_S + 60.0)
            readings = await bodies(agent, "reading")
            masked = [body for body in readings if body["energy_wh"] > 1e9]
            assert masked == []
            assert {name for name, _, _ in await told(agent)} <= {"supplyLoss", "controlGearCommFailure"}
            for name in here.names:
                recorded_wh = sum(
                    body["actual_wh"] for body in await bodies(agent, "interval") if body["luminaire"] == name
                )
                true_wh = here.true_wh(name, here.began, here.began + 2 * QUARTER_S)
                assert recorded_wh == pytest.approx(true_wh, abs=2 * RESOLUTION_WH)

    at_a_gateway(story, tmp_path)


@pytest.mark.parametrize("scale", [None, 0x40], ids=["no bank", "no valid scale"])
def test_gear_without_an_energy_register_is_modelled_and_said_so_once(scale: int | None, tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        banks = DisturbedBanks(here.street, 1)
        banks.change = lambda location, byte: scale if location == EXPONENT else byte
        async with here.agent() as agent:
            waits_no_longer_than(agent, 2 * QUARTER_S)
            await here.until(6 * QUARTER_S + 60.0)
            assert await told(agent) == [("noEnergyRegister", "L02", True)]
            modelled = [body for body in await bodies(agent, "interval") if body["luminaire"] == "L02"]
            assert starts(modelled, "L02") == quarters(here.began, here.began + 4 * QUARTER_S)
            assert {(body["quality"], body["coverage"]) for body in modelled} == {("modelled", 0.0)}
            assert {body["actual_wh"] for body in modelled} == {6.25}
            banks.change = lambda _location, byte: byte
            await here.until(7 * QUARTER_S + 60.0)
            assert await told(agent) == [("noEnergyRegister", "L02", True), ("noEnergyRegister", "L02", False)]

    at_a_gateway(story, tmp_path)


def test_a_clock_that_cannot_be_believed_writes_no_quarter(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        async with here.agent() as agent:
            await here.until(2.5 * QUARTER_S)
            assert here.levels() == [FULL] * 3
            for kind in ("interval", "control", "reading"):
                assert await bodies(agent, kind) == []
            right = NIGHT + 86_400.0 + 100.0
            here.clock.set_wall(right)
            await here.clock.sleep(4 * QUARTER_S)
            intervals, control = await bodies(agent, "interval"), await bodies(agent, "control")
            # The readings of before the time was known were taken 2.5 quarters before it was known.
            began = right - 2.5 * QUARTER_S
            known = quarters(NIGHT + 86_400.0 - 3 * QUARTER_S, NIGHT + 86_400.0 + 4 * QUARTER_S)
            for name in here.names:
                assert starts(intervals, name) == known
                recorded_wh = sum(body["actual_wh"] for body in intervals if body["luminaire"] == name)
                true_wh = here.true_wh(name, began, NIGHT + 86_400.0 + 4 * QUARTER_S)
                assert recorded_wh == pytest.approx(true_wh, abs=2 * RESOLUTION_WH)
            # It began 17 s after a quarter had, and a quarter counts from its start.
            mine = [body["available_s"] for body in intervals if body["luminaire"] == "L01"]
            assert mine[:2] == [pytest.approx(350.0 + 17.0, abs=1.0), 900.0]
            assert [body["start"] for body in control] == known
            # The lamps were told before the time was known; the ledger was told since.
            for name in here.names:
                state = agent.journal.state(f"ledger:{name}")
                assert isinstance(state, dict)
                assert state["levels"][-1][2] == FULL
            assert await told(agent) == [("clockInvalid", "gateway", True), ("clockInvalid", "gateway", False)]

    at_a_gateway(story, tmp_path, start=NIGHT + 17.0, valid=False)


def test_a_lamp_that_failed_while_the_clock_was_unknown_is_not_counted_as_a_saving(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        here.street.lamp_failed(1)
        async with here.agent() as agent:
            await here.until(60.0)
            here.clock.set_wall(NIGHT + 86_400.0)
            await here.clock.sleep(4 * QUARTER_S)
            dead = [body for body in await bodies(agent, "interval") if body["luminaire"] == "L02"][1:]
            assert dead
            assert {(body["baseline_wh"], body["available_s"]) for body in dead} == {(0.0, 0.0)}

    at_a_gateway(story, tmp_path, valid=False)


def test_a_bus_that_is_dead_costs_the_others_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The sentence about a port that is not there names those that are, each second of the story.
    monkeypatch.setattr(serial_port, "_PATTERNS", ())

    async def story(here: Gateway) -> None:
        dead = here.emulated.streets["A"]
        dead.unplug()
        async with here.agent() as agent:
            await here.until(2 * QUARTER_S + 60.0)
            intervals = await bodies(agent, "interval")
            for name in ("B01", "B02"):
                assert starts(intervals, name) == quarters(here.began, here.began + 2 * QUARTER_S)
            assert starts(intervals, "A01") == []
            control = await bodies(agent, "control")
            assert [body["start"] for body in control] == quarters(here.began, here.began + 2 * QUARTER_S)
            await here.until(2 * QUARTER_S + 200.0)
            dead.plug()
            await here.until(4 * QUARTER_S + 60.0)
            # It is read as soon as it is there.
            first = next(body for body in await bodies(agent, "reading") if body["luminaire"] == "A01")
            assert first["at"] - here.began < 2 * QUARTER_S + 200.0 + 30.0
            assert starts(await bodies(agent, "interval"), "A01") == [here.began + 3 * QUARTER_S]
            control = await bodies(agent, "control")
            assert [body["start"] for body in control] == quarters(here.began, here.began + 4 * QUARTER_S)

    at_a_gateway(story, tmp_path, buses=[BusOf("A", 1, "a"), BusOf("B", 2, "b")])


def test_metering_that_fails_on_one_bus_is_not_doubled_on_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(here: Gateway) -> None:
        works = LuminaireLedger.is_plausible

        def fails_once(ledger: LuminaireLedger, at: float, energy_wh: float, resolution_wh: float) -> bool:
            if ledger.name == "A01" and at > here.began + QUARTER_S:
                monkeypatch.setattr(LuminaireLedger, "is_plausible", works)
                raise ArithmeticError("a fault of ours")
            return works(ledger, at, energy_wh, resolution_wh)

        async with here.agent() as agent:
            await here.until(QUARTER_S / 2)
            monkeypatch.setattr(LuminaireLedger, "is_plausible", fails_once)
            await here.until(4 * QUARTER_S + 60.0)
            assert ("partFailed", "metering", True) in await told(agent)
            readings = [body["at"] for body in await bodies(agent, "reading") if body["luminaire"] == "B01"]
            in_quarter = [int(at - here.began) // QUARTER_S for at in readings]
            assert [in_quarter.count(quarter) for quarter in (2, 3, 4)] == [1, 1, 1]
            control = await bodies(agent, "control")
            assert [body["start"] for body in control] == quarters(here.began, here.began + 4 * QUARTER_S)
        await here.clock.sleep(0.0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    at_a_gateway(story, tmp_path, buses=[BusOf("A", 1, "a"), BusOf("B", 1, "b")])


def test_new_gear_is_read_with_its_own_scale(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        async with here.agent() as agent:
            await here.until(QUARTER_S + 60.0)
            fitted = here.clock.monotonic()

            def whole_wh(location: int, byte: int | None) -> int | None:
                if location == EXPONENT:
                    return 0
                count = int(25.0 * (here.clock.monotonic() - fitted) / 3600)
                return count.to_bytes(6)[location - ENERGY.start] if location in ENERGY else byte

            DisturbedBanks(here.street, 0).change = whole_wh
            await here.until(5 * QUARTER_S + 60.0)
            readings = [body for body in await bodies(agent, "reading") if body["luminaire"] == "L01"]
            assert [body["resolution_wh"] for body in readings] == [RESOLUTION_WH] * 2 + [1.0] * 4
            assert readings[-1]["energy_wh"] == pytest.approx(25.0, abs=1.0)
            intervals = [body for body in await bodies(agent, "interval") if body["luminaire"] == "L01"]
            assert sum(body["actual_wh"] for body in intervals[2:]) == pytest.approx(25.0 * 3 / 4, abs=1.1)

    at_a_gateway(story, tmp_path)


@pytest.mark.parametrize("then_s", [0.0, 2.4 * QUARTER_S], ids=["for good", "and set back again"])
@pytest.mark.parametrize("jump_s", [-1800.0, 7200.0, 365 * 86_400.0])
def test_a_clock_that_is_set_loses_and_doubles_nothing(jump_s: float, then_s: float, tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        async with here.agent() as agent:
            await here.until(3.4 * QUARTER_S)
            here.clock.set_wall(here.clock.wall() + jump_s)
            right_from = here.began + jump_s
            if then_s:
                await here.clock.sleep(then_s)
                here.clock.set_wall(here.clock.wall() - jump_s)
                right_from = here.began
            await here.clock.sleep(2.5 * QUARTER_S + 60.0)
            until = here.clock.wall() // QUARTER_S * QUARTER_S
            intervals, control = await counting(agent, "interval"), await counting(agent, "control")
            known = quarters(right_from // QUARTER_S * QUARTER_S, until)
            for name in here.names:
                assert starts(intervals, name) == known
                for body in intervals:
                    if body["luminaire"] == name:
                        start = max(right_from, body["start"])
                        true_wh = here.true_wh(name, start, body["start"] + QUARTER_S)
                        assert body["actual_wh"] == pytest.approx(true_wh, abs=2 * RESOLUTION_WH)
            assert [body["start"] for body in control] == known
            events = [body["text"] for body in await bodies(agent, "event") if body["name"] == "clockWasSet"]
            way = "ahead" if jump_s > 0 else "back"
            assert events[0].startswith(f"the clock was set {way} by {abs(jump_s):.0f} s: ")
            # A year ahead, the journal's own bound on the age of readings is reached.
            assert {name for name, _, _ in await told(agent)} <= {"clockWasSet", "recordsDropped"}
            # No more was written than time has passed.
            assert len(await bodies(agent, "interval")) <= 4 * len(here.names) * len(known)

    at_a_gateway(story, tmp_path, buses=[BusOf("L", 1)])


def test_a_clock_that_differs_between_two_processes(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        async with here.agent():
            await here.until(4.4 * QUARTER_S)
        for jump_s in (-1800.0, 7200.0, -5400.0):
            here.clock.set_wall(here.clock.wall() + jump_s)
            async with here.agent() as agent:
                await here.clock.sleep(3 * QUARTER_S)
                intervals = await counting(agent, "interval")
                assert await told(agent, "registerReplaced", "registerJumped") == []
        until = max(body["start"] for body in intervals) + QUARTER_S
        for name in here.names:
            recorded_wh = sum(body["actual_wh"] for body in intervals if body["luminaire"] == name)
            true_wh = here.true_wh(name, here.clock.wall() - here.clock.monotonic(), until)
            assert recorded_wh == pytest.approx(true_wh, abs=2 * RESOLUTION_WH)

    at_a_gateway(story, tmp_path, buses=[BusOf("L", 1)])


def test_a_lamp_failure_seen_in_1970_begins_no_record_there(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        here.street.lamp_failed(1)
        async with here.agent() as agent:
            await here.until(1.5 * QUARTER_S)
            here.clock.set_wall(NIGHT + 450.0)
            await here.clock.sleep(2 * QUARTER_S)
            found = starts(await bodies(agent, "interval"), "L02")
            assert found == quarters(NIGHT - QUARTER_S, NIGHT + 2 * QUARTER_S)

    at_a_gateway(story, tmp_path, start=900.0, valid=False)


def test_a_failed_lamp_without_a_register_is_counted_at_standby(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        DisturbedBanks(here.street, 0).change = lambda location, byte: None if location == EXPONENT else byte
        async with here.agent() as agent:
            await here.until(QUARTER_S / 2)
            waits_no_longer_than(agent, QUARTER_S)
            here.street.lamp_failed(0)
            await here.until(4 * QUARTER_S + 60.0)
            dead = [body for body in await bodies(agent, "interval") if body["luminaire"] == "L01"]
            # The lamp is known to have burnt until its last good status.
            assert QUARTER_S / 2 - 180.0 < dead[0]["available_s"] <= QUARTER_S / 2
            modelled = [body["actual_wh"] for body in dead]
            assert modelled[1:] == [0.1, 0.1]  # 0.4 W
            assert 0.1 < modelled[0] < 6.25

    at_a_gateway(story, tmp_path)


def test_a_stop_keeps_what_the_lamps_were_told_last(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        async with here.agent() as agent:
            await here.until(QUARTER_S + 60.0)
            agent.metering.level("L01", 85, 0.0)
        async with here.agent() as agent:
            state = agent.journal.state("ledger:L01")
            assert isinstance(state, dict)
            assert state["levels"][-1][2] == 85

    at_a_gateway(story, tmp_path)


def test_what_is_told_of_a_lamp_is_worth_a_commit_of_its_own(tmp_path: Path) -> None:
    """A power cut may come before the next quarter."""

    async def story(here: Gateway) -> None:
        async with here.agent() as agent:
            await here.until(QUARTER_S + 60.0)

            async def kept(name: str) -> list[Any]:
                await agent.recorder.commit()
                state = agent.journal.state("ledger:L01")
                assert isinstance(state, dict)
                return [step[1:] for step in state[name]]

            record = agent.metering
            record.level("L01", 85, 2.0)
            assert (await kept("levels"))[-1] == [FULL, 85, 2.0]
            record.available("L01", here.clock.monotonic(), available=False, without_mains=True)
            assert (await kept("availability"))[-1] == [False, 0.0]
            record.available("L01", here.clock.monotonic() + 1.0, available=True, without_mains=False)
            assert (await kept("availability"))[-1] == [True, None]
            await here.clock.sleep(5.0)
            before = len(await kept("availability"))
            record.outage("L01", here.clock.monotonic() - 2.0)
            assert (await kept("availability"))[before:] == [[False, 0.0], [True, None]]

    at_a_gateway(story, tmp_path, buses=[BusOf("L", 1)])


def test_a_scale_that_was_missed_once_is_not_said_to_be_missing(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        banks = DisturbedBanks(here.street, 0)
        banks.change = lambda location, byte: None if location == EXPONENT else byte
        async with here.agent() as agent:
            await here.until(5.0)
            banks.change = lambda _location, byte: byte
            await here.until(60.0)
            assert [body["luminaire"] for body in await bodies(agent, "reading")] == ["L01"]
            assert await told(agent) == []

    at_a_gateway(story, tmp_path, buses=[BusOf("L", 1)])


def test_the_course_in_the_journal_is_the_one_that_counts(tmp_path: Path) -> None:
    """The runtime folder has an old file of levels, of a lamp that no sensor drives."""

    async def story(here: Gateway) -> None:
        async with here.agent():
            await here.until(60.0)
        here.runtime.mkdir(exist_ok=True)
        (here.runtime / "mast.levels.json").write_text(f'{{"L01": [[{here.began}, 0.0, 85, 0.0]]}}')
        async with here.agent() as agent:
            assert [step.level for step in agent.metering.metered["L01"].ledger.levels] == [FULL]

    at_a_gateway(story, tmp_path, buses=[BusOf("L", 1)])


def test_a_sweep_over_a_boundary_reads_it_too(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        here.street.unplug()
        async with here.agent() as agent:
            await here.until(QUARTER_S - 2.0)
            here.street.plug()
            await here.until(QUARTER_S + 90.0)
            early = set()
            for name in here.names:
                found = [
                    body["at"] - here.began for body in await bodies(agent, "reading") if body["luminaire"] == name
                ]
                assert any(QUARTER_S <= at <= QUARTER_S + 60.0 for at in found), found
                early |= {name} if any(at < QUARTER_S for at in found) else set()
            assert 0 < len(early) < len(here.names), "the sweep did not go over the boundary"

    at_a_gateway(story, tmp_path, buses=[BusOf("L", 8)])


def test_a_reading_that_was_missed_is_tried_once_more(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        banks = [DisturbedBanks(here.street, number) for number in range(3)]
        async with here.agent() as agent:
            await here.until(QUARTER_S - 10.0)
            for bank in banks[:2]:
                bank.change = lambda _location, byte: None
            await here.until(QUARTER_S + 8.0)
            for bank in banks[:2]:
                bank.change = lambda _location, byte: byte
            await here.until(2 * QUARTER_S - 60.0)
            for name in here.names:
                found = [
                    body["at"] - here.began for body in await bodies(agent, "reading") if body["luminaire"] == name
                ]
                assert [int(at) // QUARTER_S for at in found] == [0, 1]
            assert await told(agent) == []

    at_a_gateway(story, tmp_path)


def test_where_most_readings_fail_it_is_said_once(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        banks = [DisturbedBanks(here.street, number) for number in range(4)]
        async with here.agent() as agent:
            for failing, expected in ((2, []), (3, [True]), (3, [True]), (2, [True, False])):
                next_boundary = (here.clock.wall() // QUARTER_S + 1) * QUARTER_S
                await here.until(next_boundary - 10.0 - here.began)
                for number, bank in enumerate(banks):
                    bank.change = (lambda _location, byte: None) if number < failing else (lambda _location, byte: byte)
                await here.until(next_boundary + 100.0 - here.began)
                assert [active for _, _, active in await told(agent, "readingsMissed")] == expected

    at_a_gateway(story, tmp_path, buses=[BusOf("L", 4)])


def test_gear_that_was_away_is_read_with_its_own_scale(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        async with here.agent() as agent:
            await here.until(2 * QUARTER_S + 60.0)
            here.street.gear_dead(0)
            await here.until(3 * QUARTER_S + 60.0)
            here.street.gear_dead(0, False)
            shown = (
                round(25.0 * QUARTER_S * 4 / 3600) * 1_000
            )  # mWh of another gear, which the old scale makes hundreds
            DisturbedBanks(here.street, 0).change = lambda location, byte: (
                0xFD
                if location == EXPONENT
                else shown.to_bytes(6)[location - ENERGY.start]
                if location in ENERGY
                else byte
            )
            await here.until(5 * QUARTER_S + 60.0)
            readings = [body for body in await bodies(agent, "reading") if body["luminaire"] == "L01"]
            assert readings[-1]["resolution_wh"] == 0.001
            assert readings[-1]["energy_wh"] == 25.0

    at_a_gateway(story, tmp_path)


def test_three_days_without_an_agent_are_caught_up_with_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power is cut between the pieces; the record on the disk can still be continued."""
    lamps, days, cuts_after = 2, 3, [300, 600]
    left: list[Path] = []
    monkeypatch.setattr(closing, "CLOSED_AT_ONCE", 10)
    monkeypatch.setattr(closing, "WRITTEN_AT_ONCE", 100)

    async def story(here: Gateway) -> None:
        async with here.agent():
            await here.until(1.5 * QUARTER_S)
        await here.until(days * 86_400.0 + 450.0)
        until = here.clock.wall() // QUARTER_S * QUARTER_S
        commit = Journal.commit

        async def commit_and_cut(journal: Journal, state: Mapping[str, object] | None = None) -> None:
            await commit(journal, state)
            if len(left) < len(cuts_after) and journal.last > cuts_after[len(left)]:
                left.append(tmp_path / f"left-{len(left)}")
                shutil.copytree(here.state, left[-1], ignore=shutil.ignore_patterns("*.sock"))

        monkeypatch.setattr(Journal, "commit", commit_and_cut)
        async with here.agent():
            await here.clock.sleep(60.0)
        monkeypatch.setattr(Journal, "commit", commit)
        assert len(left) == len(cuts_after), "it was not written piece by piece"
        for state in (here.state, *left):
            here.state = state
            async with here.agent() as agent:
                await here.clock.sleep(60.0)
                intervals, control = await bodies(agent, "interval"), await bodies(agent, "control")
                assert await told(agent, "recordsDropped") == []
            assert [body["start"] for body in control] == quarters(here.began, until)
            for name in here.names:
                mine = [body for body in intervals if body["luminaire"] == name]
                assert [body["start"] for body in mine] == quarters(here.began, until)
                true_wh = here.true_wh(name, here.began, until)
                assert sum(body["actual_wh"] for body in mine) == pytest.approx(true_wh, abs=2 * RESOLUTION_WH)

    at_a_gateway(story, tmp_path, buses=[BusOf("L", lamps)])
