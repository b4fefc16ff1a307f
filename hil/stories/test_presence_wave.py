"""Light follows the cyclist: presence at one of ten luminaires raises those ahead at once, and lets those behind go."""

from __future__ import annotations

import contextlib
import json
import random
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.devices.dali_bus import Result, TracedFrame
from hil.stories.benches import FULL, QUARTER_S, Bench, live
from hil.stories.boards import Site

LAMPS = 10
IDLE = 195
"""20 % on the logarithmic curve (IEC 62386-102, 9.3)."""
WITHIN_S = 0.150
AHEAD, BEHIND, HOLD_S, UP_S, DOWN_S = 2, 1, 20.0, 1.0, 4.0
MID_FADE = 5
"""Levels that a lamp moves while the frames before its own take the bus."""
LATER = 13
"""Levels of a second's fade: an agent that has just started first asks gear and sets the fades anew, and lowers the
light only then (0.7 s late was seen). The light may stay that much longer, but must not end earlier."""
RIDE_S = 5.0
"""Time from one mast to the next: 25 m at 18 km/h."""

IDLE_PROGRAM = """
[program]
format = 1
name = "a-fifth"

[[step]]
at = "sunset"
percent = 20
"""
PATH = f"""
[[path]]
name = "cycle-path"
luminaires = [{", ".join(f'"L{number + 1:02d}"' for number in range(LAMPS))}]
ahead = {AHEAD}
behind = {BEHIND}
hold_s = {HOLD_S}
ramp_up_s = {UP_S}
ramp_down_s = {DOWN_S}
"""
SENSORS = "".join(
    f"""
[[sensor]]
name = "P{number + 1:02d}"
bus = "street"
device = {number}
kind = "presence"
at = "L{number + 1:02d}"
"""
    for number in range(LAMPS)
)
SITE = Site(lamps=LAMPS, program=IDLE_PROGRAM, tables=PATH + SENSORS)


def raised_by(number: int) -> set[int]:
    return set(range(max(0, number - BEHIND), min(LAMPS, number + AHEAD + 1)))


def occupied_events(frames: list[TracedFrame], number: int) -> list[TracedFrame]:
    """Returns the events of a sensor (part 303, scheme device/instance) that came through and say "occupied"."""
    return [
        frame
        for frame in frames
        if (frame.bits, frame.outcome) == (24, Result.SILENCE)
        and frame.value >> 10 == number << 7 | 1 << 5
        and frame.value & 2
    ]


def levels_told(frames: list[TracedFrame]) -> Iterator[tuple[float, int, int]]:
    """Yields (end of the frame, short address, level) for each direct level command that did not collide."""
    for frame in frames:
        if frame.bits == 16 and not frame.value & 0x0100 and frame.outcome is Result.SILENCE:
            assert frame.value >> 8 < 0x80, "a frame for many tells luminaires what they are not asked"
            yield frame.time, frame.value >> 9, frame.value & 0xFF


async def _pass(bench: Bench, number: int, wait_s: float) -> tuple[float, list[tuple[float, int, int]]]:
    """Passes a luminaire. Returns the end of the event frame, and the levels sent within `wait_s`."""
    bench.street.bus.trace.clear()
    bench.presence(f"P{number + 1:02d}", True)
    await bench.wait_s(wait_s / 2)
    bench.presence(f"P{number + 1:02d}", False)
    await bench.wait_s(wait_s / 2)
    frames = list(bench.street.bus.trace)
    event = occupied_events(frames, number)[0]
    return event.time, list(levels_told(frames))


def test_a_presence_wave_along_ten_luminaires(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("23:05:04")
        assert await bench.levels() == bench.all_at(IDLE)
        lit: set[int] = set()
        slowest_s = 0.0
        for number in range(LAMPS):
            event, told = await _pass(bench, number, RIDE_S)
            raised = [(at, lamp) for at, lamp, level in told if level == FULL]
            # Each lamp that was not lit yet gets a frame, and no other lamp does.
            assert sorted(lamp for _, lamp in raised) == sorted(raised_by(number) - lit), number
            slowest_s = max([slowest_s, *(at - event for at, _ in raised)])
            lit |= raised_by(number)
            # The lamps far behind have been let go meanwhile.
            lit -= {lamp for _, lamp, level in told if level == IDLE}
            levels = await bench.levels()
            assert [levels[lamp] for lamp in sorted(raised_by(number))] == [FULL] * len(raised_by(number))
        assert 0.0 < slowest_s <= WITHIN_S, f"{1000 * slowest_s:.0f} ms"
        # The cyclist is gone. Each lamp is let go when its own hold is over, in order.
        await bench.wait_s(HOLD_S - RIDE_S)
        assert (await bench.levels())[0] == IDLE
        await bench.wait_s(2 * RIDE_S + DOWN_S)
        assert await bench.levels() == bench.all_at(IDLE)

    live(story, emulated, begins="2025-12-15 22:30", site=SITE)


@pytest.mark.parametrize("passages", [12, pytest.param(60, marks=pytest.mark.system)])
def test_presence_at_any_moment(emulated: Path, passages: int) -> None:
    """Presence comes in the middle of readings and status queries too, and the first lamp gets its level in time."""
    chance = random.Random(7)

    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("23:05:04")
        slowest_s = 0.0
        for passage in range(passages):
            if passage % 2:
                # This falls into the readings at the start of a quarter.
                await bench.wait_s(900.0 - bench.clock.wall() % 900.0 + chance.uniform(0.0, 4.0))
            else:
                await bench.wait_s(HOLD_S + DOWN_S + 10.0 + chance.uniform(0.0, 10.0))
            assert await bench.levels() == bench.all_at(IDLE)
            number = chance.randrange(LAMPS)
            event, told = await _pass(bench, number, 4.0)
            ends = [at - event for at, lamp, level in told if level == FULL]
            assert len(ends) == len(raised_by(number))
            slowest_s = max(slowest_s, min(ends))
            # The HAT's own pace allows for four frames behind a query that was under way already.
            assert max(ends) <= WITHIN_S + 0.020
        assert slowest_s <= WITHIN_S / 2, f"{1000 * slowest_s:.0f} ms"

    live(story, emulated, begins="2025-12-15 22:30", site=SITE)


SWEPT_S = 120.0
"""Readings and records of any night, with or without a passage, have their times this near to a quarter's boundary."""


def _nothing_betrays(bench: Bench, start: float, end: float) -> None:
    """Asserts that no table and no file of the state folder holds a level of these lamps, or a time of a passage."""
    said = [
        (path.name, path.read_text(encoding="utf-8"))
        for path in bench.state.iterdir()
        if path.is_file() and not path.name.startswith("story.journal")
    ]
    with contextlib.closing(sqlite3.connect(bench.journal.path)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert {"record", "state", "mark"} <= set(tables)
        for table in tables:
            rows = database.execute(f"SELECT * FROM {table}")  # noqa: S608 - the file's own tables
            said += [(table, str(row)) for row in rows]
        for where, what in said:
            assert "presence@" not in what, f"{where}: {what}"
            for number in re.findall(r"1[0-9]{9}(?:\.[0-9]+)?", what):
                at = float(number)
                near_s = min(at % QUARTER_S, QUARTER_S - at % QUARTER_S)
                assert not start < at < end or near_s < SWEPT_S, f"{at} in {where}: {what}"
        for name, value in database.execute("SELECT name, value FROM state WHERE name LIKE 'ledger:%'"):
            assert json.loads(value)["levels"] == [], name


def test_nothing_of_a_passage_reaches_the_record(emulated: Path) -> None:
    """Light betrays presence, so the record must not hold live levels of these lamps, or the times of their changes."""

    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("23:05:04")
        before, passed_from = bench.journal.last, bench.clock.wall()
        for number in range(LAMPS):
            await _pass(bench, number, RIDE_S)
        bench.presence("P05", True)
        await bench.until("23:31")
        await bench.delivered()
        kinds = {kind: bench.journal.bodies(kind, after=before) for kind in ("interval", "control", "reading", "event")}
        assert kinds["event"] == []
        assert {(body["level"], body["status"]) for body in kinds["reading"]} == {(None, None)}
        assert sum(len(bodies) for bodies in kinds.values()) == bench.journal.last - before
        # The agent keeps its memory of the past in the runtime folder: only its owner can read it, and a restart of the
        # machine clears it.
        kept = {path.name: path for path in bench.runtime.iterdir()}
        assert set(kept) == {"story.inputs.json", "story.levels.json"}
        assert {path.stat().st_mode & 0o777 for path in kept.values()} == {0o600}
        assert "presence@L05" in kept["story.inputs.json"].read_text(encoding="utf-8")
        await bench.stop_agent()
        _nothing_betrays(bench, passed_from, bench.clock.wall())
        await bench.start_agent()
        await bench.wait_s(30.0)
        await bench.stop_agent()
        _nothing_betrays(bench, passed_from, bench.clock.wall())

    live(story, emulated, begins="2025-12-15 22:30", site=SITE)


@pytest.mark.parametrize("state_is_lost", [False, True], ids=["with-its-state", "without-its-state"])
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.system) for seed in (1, 2))])
def test_a_restart_at_any_moment(emulated: Path, tmp_path: Path, seed: int, state_is_lost: bool) -> None:
    """An agent that restarts and one that never stops see equal passages. With its input state, the restarted agent
    shows equal levels; without it, the street is at least as light."""

    def levels_of(folder: Path, *, restarts: bool) -> list[list[int]]:
        chance = random.Random(seed)
        seen: list[list[int]] = []

        async def story(bench: Bench) -> None:
            await bench.start_agent()
            await bench.until("23:05:04")
            for _ in range(12):
                number = chance.randrange(LAMPS)
                bench.presence(f"P{number + 1:02d}", True)
                await bench.wait_s(chance.uniform(3.0, 20.0))
                bench.presence(f"P{number + 1:02d}", False)
                await bench.wait_s(chance.uniform(2.0, 40.0))
                if restarts:
                    await bench.stop_agent()
                    if state_is_lost:
                        (bench.runtime / "story.inputs.json").unlink()
                    await bench.start_agent()
                # This is long enough for the longer fade.
                await bench.wait_s(DOWN_S + 3.0)
                seen.append(await bench.levels())

        folder.mkdir()
        live(story, folder, begins="2025-12-15 22:30", site=SITE)
        return seen

    steady = levels_of(emulated / "steady", restarts=False)
    restarted = levels_of(emulated / "restarted", restarts=True)
    assert {FULL, IDLE} <= {level for levels in steady for level in levels}
    if state_is_lost:
        assert restarted == [[FULL] * LAMPS] * len(steady)
    else:
        for one, other in zip(steady, restarted, strict=True):
            for a, b in zip(one, other, strict=True):
                assert -MID_FADE <= b - a <= MID_FADE + LATER, f"{one} {other}"
