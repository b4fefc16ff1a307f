"""Metering of lamps that sensors drive: a stop keeps the energy, and keeps the times of moves only in the runtime
folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from agent.config.plan import load_plan
from agent.energy.level_memory import LevelMemory
from agent.savings.level_history import LevelStep
from tests.rigs.gateway import QUARTER_S, RESOLUTION_WH, BusOf, Gateway, at_a_gateway, bodies, told

A_FIFTH = """
[program]
format = 1
name = "a-fifth"

[[step]]
at = "sunset"
percent = 20
"""
SENSOR_AND_PATH = """
[[sensor]]
name = "P1"
bus = "L"
device = 0
kind = "presence"
at = "L01"

[[path]]
name = "cycle-path"
luminaires = ["L01", "L02"]
ahead = 1
hold_s = 120.0
"""
LAMPS = [BusOf("L", 2)]
PASSED_AT_S, STOPPED_AT_S = 180.0, 540.0


async def with_a_stop(here: Gateway) -> dict[str, list[list[float]]]:
    """Has L01 passed and the agent stopped in one quarter. Returns the levels of the lamps that are kept."""
    (here.state.parent / "a-fifth.toml").write_text(A_FIFTH)
    here.plan = load_plan(here.board, str(here.state.parent / "a-fifth.toml"))
    street, number = here.emulated.sensor("P1")
    async with here.agent():
        await here.until(PASSED_AT_S)
        street.presence(number, True)
        await here.until(PASSED_AT_S + 5.0)
        street.presence(number, False)
        await here.until(STOPPED_AT_S)
    kept: dict[str, list[list[float]]] = json.loads((here.runtime / "mast.levels.json").read_bytes())
    return kept


async def assert_energy_is_whole(here: Gateway) -> None:
    async with here.agent() as agent:
        await here.until(2 * QUARTER_S + 60.0)
        intervals = await bodies(agent, "interval")
        for name in here.names:
            mine = [body for body in intervals if body["luminaire"] == name]
            assert [body["start"] for body in mine] == [here.began, here.began + QUARTER_S]
            true_wh = here.true_wh(name, here.began, here.began + 2 * QUARTER_S)
            assert sum(body["actual_wh"] for body in mine) == pytest.approx(true_wh, abs=2 * RESOLUTION_WH)
        assert await told(agent) == []


def test_a_restart_without_the_runtime_folder_loses_no_energy(tmp_path: Path) -> None:
    """A machine that has just started has an empty /run: the quarter's energy is known, but not its course."""

    async def story(here: Gateway) -> None:
        await with_a_stop(here)
        shutil.rmtree(here.runtime)
        await assert_energy_is_whole(here)

    at_a_gateway(story, tmp_path, buses=LAMPS, more=SENSOR_AND_PATH)


def test_a_course_that_was_kept_but_is_spoilt_loses_no_energy(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        await with_a_stop(here)
        spoilt = '{"L01": [[1e999, 0.0, 0, 0.0]], "L02": 7, "gone": [[0.0, 0.0, 254, 0.0]]}'
        (here.runtime / "mast.levels.json").write_text(spoilt)
        await assert_energy_is_whole(here)

    at_a_gateway(story, tmp_path, buses=LAMPS, more=SENSOR_AND_PATH)


def test_a_restart_with_the_runtime_folder_knows_when_the_lamps_moved(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        kept = await with_a_stop(here)
        assert set(kept) == {"L01", "L02"}
        moves = [round(at - here.began) for at, _start, _level, _fade_s in kept["L01"][-2:]]
        assert moves[0] == PASSED_AT_S
        assert PASSED_AT_S + 120.0 < moves[1] < PASSED_AT_S + 130.0
        async with here.agent() as agent:
            await here.until(STOPPED_AT_S + 60.0)
            course = agent.metering.metered["L01"].ledger.levels
            assert [[step.at, step.start_level, step.level, step.fade_s] for step in course][-2:] == kept["L01"][-2:]
            # It is still nothing for the journal.
            state = agent.journal.state("ledger:L01")
            assert isinstance(state, dict)
            assert state["levels"] == []
            readings = await bodies(agent, "reading")
            assert {(body["level"], body["status"]) for body in readings[2:]} == {(None, None)}

    at_a_gateway(story, tmp_path, buses=LAMPS, more=SENSOR_AND_PATH)


STEPS = {"L01": [LevelStep(10.0, 85.0, 254, 1.5)], "L02": []}


def test_a_course_comes_back_as_it_was_kept_for_its_owner_alone(tmp_path: Path) -> None:
    LevelMemory(tmp_path / "run" / "lichtmast", "mast").keep(STEPS)
    path = tmp_path / "run" / "lichtmast" / "mast.levels.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert LevelMemory(path.parent, "mast").load() == {"L01": [[10.0, 85.0, 254, 1.5]], "L02": []}
    assert LevelMemory(path.parent, "other").load() == {}
    assert [each.name for each in path.parent.iterdir()] == ["mast.levels.json"]


def test_without_a_folder_nothing_is_kept_beyond_the_process() -> None:
    memory = LevelMemory(None, "mast")
    memory.keep(STEPS)
    assert memory.load() == {}


def test_what_does_not_change_is_not_written_again(tmp_path: Path) -> None:
    memory = LevelMemory(tmp_path, "mast")
    memory.keep({})
    assert list(tmp_path.iterdir()) == [], "a street without sensors has no such file"
    memory.keep(STEPS)
    path = tmp_path / "mast.levels.json"
    before = path.stat().st_ino
    memory.keep(STEPS)
    assert path.stat().st_ino == before
    memory.keep({})  # what was kept does not outlive its use
    assert memory.load() == {}
    path.write_text('{"L01": [[10.0, 85.0, 254, 1.5]]}')
    LevelMemory(tmp_path, "mast").keep({})
    assert memory.load() == {}


@pytest.mark.parametrize(
    "content",
    ["", "{", "[1]", "null", "[" * 100_000, "\ud800"],
    ids=["empty", "half", "a list", "null", "deep", "no text"],
)
def test_a_kept_course_that_cannot_be_read_is_none(content: str, tmp_path: Path) -> None:
    (tmp_path / "mast.levels.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    assert LevelMemory(tmp_path, "mast").load() == {}


def test_a_folder_that_refuses_is_said_once_and_once_more_after_it_worked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "run"
    memory = LevelMemory(folder, "mast")
    for round_ in range(1, 3):
        folder.write_text("a file in the folder's place")
        for number in range(3):
            memory.keep({"L01": [LevelStep(number, 0.0, round_, 0.0)]})
        assert len(caplog.messages) == round_
        assert str(folder) in caplog.messages[-1]
        folder.unlink()
        memory.keep({"L01": [LevelStep(9.0, 0.0, round_, 0.0)]})
        assert memory.load() == {"L01": [[9.0, 0.0, round_, 0.0]]}
        shutil.rmtree(folder)
