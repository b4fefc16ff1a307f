"""The composition root: if a part is missing or broken, the other parts run on, and an event tells of it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from agent.inputs.overrides import Overrides, give
from agent.records.journal import JournalError
from agent.records.journal_file import JournalFile
from agent.schedule.override import Override
from drivers.dali.link import REOPEN_AFTER_S
from protocols.dali import energy_register
from tests.rigs.gateway import QUARTER_S, BusOf, Gateway, at_a_gateway, bodies, told
from tests.rigs.lamp_bus import FULL, HALF, OFF, ONE_PERCENT


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line.getMessage() for line in caplog.records if line.levelno >= logging.ERROR]


def test_a_journal_folder_that_cannot_be_had(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(here: Gateway) -> None:
        here.state.write_text("a file where the folder should be")
        async with here.agent() as agent:
            await here.until(QUARTER_S + 60.0)
            assert here.levels() == [FULL] * 3
            assert len(await bodies(agent, "interval")) == 3
            (sentence,) = errors(caplog)
            assert str(here.state) in sentence
            assert "records are kept in " in sentence
            assert sentence in [event["text"] for event in await bodies(agent, "event")]

    at_a_gateway(story, tmp_path)


def test_a_disk_that_fills_up_darkens_nothing_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_arguments: object, **_named: object) -> None:
        raise JournalError("the journal cannot be written: the disk is full")

    async def story(here: Gateway) -> None:
        async with here.agent() as agent:
            await here.until(60.0)
            with monkeypatch.context() as disk:
                disk.setattr(JournalFile, "write", full)
                await here.until(2 * QUARTER_S + 60.0)
                assert here.levels() == [FULL] * 3
                assert errors(caplog) == ["the journal cannot be written: the disk is full"]
                assert await bodies(agent, "interval") == []
            await here.until(3 * QUARTER_S + 60.0)
            starts = [body["start"] for body in await bodies(agent, "interval") if body["luminaire"] == "L01"]
            assert starts == [here.began + number * QUARTER_S for number in range(3)]

    at_a_gateway(story, tmp_path)


def test_a_clean_stop_commits_and_leaves_the_lamps_alone(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        async with here.agent():
            await here.until(QUARTER_S + 35.0)
        frames = here.street.statistics.forward_frames
        await here.clock.sleep(600.0)
        assert here.levels() == [FULL] * 3
        assert here.street.statistics.forward_frames == frames
        assert asyncio.all_tasks() == {asyncio.current_task()}
        async with here.agent() as agent:
            assert len(await bodies(agent, "reading")) == 6
            assert len(await bodies(agent, "interval")) == 3

    at_a_gateway(story, tmp_path)


def test_two_buses_of_one_interface(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        first, second = here.emulated.streets["A"], here.emulated.streets["B"]
        async with here.agent() as agent:
            await here.until(QUARTER_S + 60.0)
            assert here.levels() == [FULL] * 3
            assert first.statistics.forward_frames > 50
            assert second.statistics.forward_frames > 50
            second.bus_power(False)
            await here.clock.sleep(30.0)
            assert await told(agent) == [("supplyLoss", "B", True)]
            first.unplug()
            await here.clock.sleep(30.0)
            lost = [("communicationFailure", name, True) for name in ("A", "B")]
            assert await told(agent) == [("supplyLoss", "B", True), *lost]

    at_a_gateway(story, tmp_path, buses=[BusOf("A", 2), BusOf("B", 1, channel=2)])


@pytest.mark.parametrize("trouble", ["cable", "bus power"])
def test_after_trouble_each_level_is_told_again_at_once(trouble: str, tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        name = {"cable": "communicationFailure", "bus power": "supplyLoss"}[trouble]
        async with here.agent() as agent:
            await here.until(65.0)
            if trouble == "cable":
                here.street.unplug()
            else:
                here.street.bus_power(False)
            await here.clock.sleep(60.0)
            assert await told(agent) == [(name, "L", True)]
            now = here.clock.monotonic()
            for gear in here.street.gear:
                gear.run(now)
                gear.arc.go_to(ONE_PERCENT, now)
                gear.redraw(now)
            if trouble == "cable":
                here.street.plug()
            else:
                here.street.bus_power(True)
            await here.clock.sleep(2 * REOPEN_AFTER_S)
            assert here.levels() == [FULL] * 3
            await here.clock.sleep(10.0)
            assert await told(agent) == [(name, "L", True), (name, "L", False)]

    at_a_gateway(story, tmp_path)


def test_a_port_that_is_not_there_yet(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        here.street.unplug()
        async with here.agent() as agent:
            await here.until(120.0)
            assert here.levels() == [OFF] * 3
            here.street.plug()
            await here.clock.sleep(2 * REOPEN_AFTER_S)
            assert here.levels() == [FULL] * 3
            await here.clock.sleep(10.0)
            assert await told(agent) == [("communicationFailure", "L", True), ("communicationFailure", "L", False)]

    at_a_gateway(story, tmp_path)


def test_a_bus_without_luminaires_is_left_in_peace(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        async with here.agent() as agent:
            await here.until(60.0)
            assert here.emulated.streets["spare"].statistics.forward_frames == 0
            assert here.levels() == [FULL] * 3
            assert await told(agent) == []

    at_a_gateway(story, tmp_path, buses=[BusOf("L"), BusOf("spare", 0, "spare")])


def test_a_stored_ledger_that_cannot_be_read_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def dead() -> bool:
        """Takes the place of the commit at a clean stop, as if the process had died before it."""
        return True

    async def story(here: Gateway) -> None:
        async with here.agent() as agent:
            await here.until(QUARTER_S + 60.0)
        async with here.agent() as agent:
            await agent.journal.commit({"ledger:L02": {"version": 0}})
            monkeypatch.setattr(agent.recorder, "commit", dead)
        monkeypatch.undo()
        async with here.agent() as agent:
            await here.until(3 * QUARTER_S + 60.0)
            assert await told(agent) == [("ledgerUnreadable", "L02", True)]
            intervals = await bodies(agent, "interval")
            for name in ("L01", "L03"):
                starts = [body["start"] for body in intervals if body["luminaire"] == name]
                assert starts == [here.began + number * QUARTER_S for number in range(3)]
            assert [body["start"] for body in intervals if body["luminaire"] == "L02"][-1] == here.began + 2 * QUARTER_S

    at_a_gateway(story, tmp_path)


def test_a_part_that_fails_leaves_the_lamps_lit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(here: Gateway) -> None:
        async with here.agent() as agent:

            def fails(*_arguments: object) -> None:
                raise RuntimeError("a fault of ours")

            monkeypatch.setattr(energy_register, "read_whole", fails)
            await here.until(QUARTER_S + 60.0)
            assert ("partFailed", "metering", True) in await told(agent)
            here.street.mains(False)
            await here.clock.sleep(5.0)
            for gear in here.street.gear:
                gear.variables.power_on_level = 0
            here.street.mains(True)
            await here.clock.sleep(20.0)
            assert here.levels() == [FULL] * 3

    at_a_gateway(story, tmp_path)


def test_a_clean_stop_commits_what_the_parts_know(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        async with here.agent() as agent:
            await here.until(65.0)
            agent.metering.level("L02", HALF, 0.0)
        async with here.agent() as agent:
            state = agent.journal.state("ledger:L02")
            assert isinstance(state, dict)
            assert state["levels"][-1][2] == HALF

    at_a_gateway(story, tmp_path)


def test_overrides_are_known_before_the_first_lamp_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This holds even if the part that takes up later ones fails."""

    async def never(_self: Overrides) -> None:
        await asyncio.Event().wait()

    async def story(here: Gateway) -> None:
        now = here.clock.wall()
        give(here.state, Override(50.0, now, now + 3600.0), here.clock)
        async with here.agent():
            await here.until(5.0)
            assert here.levels() == [HALF] * 3

    monkeypatch.setattr(Overrides, "run", never)
    at_a_gateway(story, tmp_path)
