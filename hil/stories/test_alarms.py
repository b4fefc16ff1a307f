"""Alarms over a restart, a loose cable, and a card that was restored: each is one alarm, and nothing is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

from hil.stories.benches import Bench, live
from hil.stories.boards import Site


def test_a_failed_lamp_is_one_alarm_over_restarts(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("20:07")
        bench.street.lamp_failed(1)
        await bench.until("20:40")
        await bench.stop_agent()
        await bench.start_agent()
        await bench.until("21:10")
        await bench.crash_agent()
        await bench.start_agent()
        await bench.until("21:20")
        assert [event["active"] for event in bench.journal.bodies("event") if event["name"] == "lampFailure"] == [True]
        bench.street.lamp_failed(1, False)
        await bench.until("21:40")
        began, ended = [event for event in bench.journal.bodies("event") if event["name"] == "lampFailure"]
        assert (ended["active"], ended["since"]) == (False, began["at"])

    live(story, emulated, begins="2025-12-15 20:00", site=Site(lamps=3))


def test_a_broker_that_is_away_over_a_restart_is_one_alarm(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("20:05")
        await bench.broker_away()
        await bench.until("20:20")
        await bench.stop_agent()
        await bench.start_agent()
        await bench.until("20:40")
        await bench.broker_back()
        await bench.until("21:10")
        began, ended = [event for event in bench.journal.bodies("event") if event["name"] == "brokerAway"]
        assert (began["active"], ended["active"], ended["since"]) == (True, False, began["at"])
        await bench.broker_away()
        await bench.until("21:20")
        await bench.stop_agent()
        await bench.broker_back()
        await bench.start_agent()  # the broker was back before the agent
        await bench.until("21:30")
        assert [event.active for event in bench.journal.events("brokerAway")] == [True, False, True, False]

    live(story, emulated, begins="2025-12-15 20:00", site=Site(lamps=1))


def test_a_loose_cable_is_one_alarm_with_a_count(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("20:05")
        for _ in range(15):
            bench.street.unplug()
            await bench.wait_s(8.0)
            bench.street.plug()
            await bench.wait_s(12.0)
        await bench.until("20:25")
        found = [event for event in bench.journal.bodies("event") if event["name"] == "communicationFailure"]
        assert len(found) == 6
        assert {event.get("since", event["at"]) for event in found} == {found[0]["at"]}
        assert not found[-1]["active"]
        assert found[-1]["count"] >= 10
        assert await bench.levels() == bench.all_at(max(await bench.levels()))

    live(story, emulated, begins="2025-12-15 20:00", site=Site(lamps=2))


def test_a_card_image_that_is_written_back_loses_nothing_of_what_is_new(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("20:20")
        await bench.delivered()
        await bench.stop_agent()
        path, image = bench.journal.path, bench.journal.path.with_name("image")
        shutil.copy(path, image)
        await bench.start_agent()
        await bench.until("21:05")
        await bench.delivered()
        before = len(bench.store.intervals("L01"))
        await bench.stop_agent()
        shutil.copy(image, path)
        await bench.start_agent()
        await bench.until("22:05")
        assert len(bench.store.sequences()) == 2
        assert len(bench.store.intervals("L01")) == before + 4
        assert [event.name for event in bench.journal.events("sequenceConflict")] == ["sequenceConflict"]

    live(story, emulated, begins="2025-12-15 20:00", site=Site(lamps=2))
