"""The agent as a real process in real time, which is killed, ended, and gone for good."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.centre.collect import collect
from agent.clock import MachineClock
from agent.config.board import load_board
from hil.devices.street import Street
from hil.emulated_board import EmulatedBoard
from hil.stories.benches import EIGHTY, HALF
from hil.stories.boards import GATEWAY, Site
from hil.stories.newcomer import retained_state
from hil.stories.processes import LICHTMAST, SAFE_LEVEL, mosquitto, running, true_within_patience
from hil.stories.records import JournalOnDisk, Store

HALF_AROUND_THE_CLOCK = """
[program]
format = 1
name = "half"
on = "12:00"
off = "12:00"

[[step]]
at = "12:00"
percent = 50
"""
pytestmark = pytest.mark.system

# The machine that runs the tests knows the time, even without an NTP client.
SITE = Site(lamps=3, safe_percent=80, program=HALF_AROUND_THE_CLOCK, board="rtc = true")
KILLS = 12 if os.environ.get("LICHTMAST_SOAK") else 3


@contextlib.asynccontextmanager
async def _street(board: Path) -> AsyncIterator[Street]:
    emulated = EmulatedBoard(load_board(board))
    try:
        yield emulated.streets["street"]
    finally:
        emulated.close()


async def _newer_than(journal: JournalOnDisk, last: int) -> None:
    await true_within_patience("a record of this process", lambda: journal.last > last)


def _levels(street: Street) -> list[int]:
    return [street.level(number) for number in range(SITE.lamps)]


def test_killed_again_and_again_then_ended(emulated: Path) -> None:
    chance = random.Random(1)
    state = emulated / "state"
    log = emulated / "agent.log"
    journal = JournalOnDisk(state / f"{GATEWAY}.journal")
    store = Store(emulated / "store.sqlite")

    async def story(broker_port: int) -> None:
        board = SITE.write(emulated, emulated / "port", broker_port)
        clock = MachineClock()
        collector = asyncio.create_task(collect("127.0.0.1", broker_port, store.path, clock))
        async with _street(board) as street:
            epochs = set()
            for kill in range(KILLS):
                before = journal.last
                with running(LICHTMAST, "run", board, "--state", state, log=log) as agent:
                    await _newer_than(journal, before)
                    if kill == 0:
                        await true_within_patience("the program's level", lambda: _levels(street) == [HALF] * 3)
                    await asyncio.sleep(chance.uniform(0.0, 0.6))
                    agent.kill()
                    agent.wait()
                assert _levels(street) == [HALF] * 3
                assert journal.is_sound()
                epochs.add(journal.epoch)
                assert journal.sequence() == list(range(1, journal.last + 1))
            assert await retained_state(broker_port, clock) == "offline"

            before = journal.last
            with running(LICHTMAST, "run", board, "--state", state, log=log) as agent:
                await true_within_patience(
                    "a reading of each lamp", lambda: len(journal.bodies("reading", after=before)) >= SITE.lamps
                )
                await true_within_patience(
                    "everything at the centre", lambda: store.sequences() == {journal.epoch: journal.sequence()}
                )
                assert await retained_state(broker_port, clock) == "online"
                frames = street.statistics.forward_frames
                agent.terminate()
                await true_within_patience("its end", lambda: agent.poll() is not None)
                assert agent.returncode == 0, log.read_text()
                assert not list(state.glob("*.journal-wal"))  # the journal is closed, so the file holds all of it
            assert await retained_state(broker_port, clock) == "offline"
            assert street.statistics.forward_frames - frames <= 12  # only the frames that were under way
            assert _levels(street) == [HALF] * 3
            assert epochs == {journal.epoch}
            assert journal.sequence() == list(range(1, journal.last + 1))
        collector.cancel()
        await asyncio.gather(collector, return_exceptions=True)

    with mosquitto(emulated) as broker_port:
        asyncio.run(story(broker_port))


def test_an_agent_that_is_gone_for_good_leaves_the_safe_level(emulated: Path) -> None:
    site = replace(SITE, gateway=f"story-{os.getpid()}")
    board = site.write(emulated, emulated / "port")
    log = emulated / "said.log"

    async def story() -> None:
        async with _street(board) as street:
            with running(LICHTMAST, "run", board, "--state", emulated / "state", log=log) as agent:
                await true_within_patience("the program's level", lambda: _levels(street) == [HALF] * 3)
                agent.kill()
                agent.wait()
            assert _levels(street) == [HALF] * 3
            with running(SAFE_LEVEL, board, log=log) as safe_level:
                await true_within_patience("its end", lambda: safe_level.poll() is not None)
                assert safe_level.returncode == 0, log.read_text()
            assert _levels(street) == [EIGHTY] * 3

    asyncio.run(story())


def test_the_second_of_two_agents_is_refused_and_a_killed_one_is_in_nobodys_way(emulated: Path) -> None:
    site = replace(SITE, gateway=f"story-{os.getpid()}-two")
    board = site.write(emulated, emulated / "port")
    state = emulated / "state"
    journal = JournalOnDisk(state / f"{site.gateway}.journal")
    line: list[str | Path] = ["run", board, "--state", state]

    async def story() -> None:
        async with _street(board) as street:
            with running(LICHTMAST, *line, log=emulated / "first.log") as first:
                await _newer_than(journal, 0)
                with running(LICHTMAST, *line, log=emulated / "second.log") as second:
                    await true_within_patience("its end", lambda: second.poll() is not None)
                    assert second.returncode == 1
                said = (emulated / "second.log").read_text(encoding="utf-8")
                assert said.startswith(f"another agent (pid {first.pid}) already runs as gateway {site.gateway}: ")
                assert said.count("\n") == 1
                assert first.poll() is None
                first.kill()
                first.wait()
            before = journal.last
            with running(LICHTMAST, *line, log=emulated / "third.log") as third:
                await _newer_than(journal, before)
                assert _levels(street) == [HALF] * 3
                third.terminate()
                await true_within_patience("its end", lambda: third.poll() is not None)
                assert third.returncode == 0
            assert journal.is_sound()
            assert journal.sequence() == list(range(1, journal.last + 1))

    asyncio.run(story())
