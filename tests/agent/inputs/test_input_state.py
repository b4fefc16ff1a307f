"""The input state on disk and over clock changes: if state is lost the lamp is lit, and nothing else changes."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inputs import input_state as inputs
from agent.inputs.input_state import Inputs, runtime_folder
from agent.interfaces import Clock
from agent.schedule.inputs import Reading, no_inputs
from agent.schedule.paths import Path as LightPath
from agent.schedule.plan import Plan, plain_plan
from agent.schedule.program import SUNRISE, SUNSET, Dynamic, Mark, Photocell, Program, Step

NOW = 1_768_500_000.0
PROGRAM = Program(
    "p",
    Mark(SUNSET, 0),
    Mark(SUNRISE, 0),
    (Step(Mark(SUNSET, 0), 20.0, 0.0),),
    0.0,
    photocell=Photocell("photocell", 10.0, 20.0),
    dynamics=(Dynamic("presence", "max", 80.0, 30.0), Dynamic("lux", "max", 60.0, 10.0, below=5.0)),
)
PLAN = plain_plan(PROGRAM, ["L01"])
FILE = "mast.inputs.json"


class HandClock:
    def __init__(self) -> None:
        self.now = 0.0
        self.ahead = NOW
        self.believed = True

    def wall(self) -> float:
        return self.now + self.ahead

    def monotonic(self) -> float:
        return self.now

    def valid(self) -> bool:
        return self.believed


def made(clock: HandClock, folder: Path | None, plan: Plan = PLAN) -> Inputs:
    return Inputs(plan, folder, "mast", cast(Clock, clock))


def presence(value: float) -> Reading:
    return Reading("P1", "presence", value, "L01")


def test_a_new_process_knows_what_the_old_one_knew(tmp_path: Path) -> None:
    clock = HandClock()
    first = made(clock, tmp_path / "run")
    first.observe(presence(1.0))
    clock.now += 5
    first.observe(Reading("C1", "lux", 3.0, ""))
    assert made(clock, tmp_path / "run").state == first.state
    assert (tmp_path / "run" / FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "run").iterdir()] == [FILE]


def test_listeners_hear_of_each_reading_once_it_is_part_of_the_state() -> None:
    clock = HandClock()
    one = made(clock, None)
    heard: list[str] = []
    one.add_listener(lambda: heard.append(f"first {len(one.state.active)}"))
    one.add_listener(lambda: heard.append("second"))
    one.observe(presence(1.0))
    assert heard == ["first 1", "second"]
    one.tell_listeners()
    assert heard == ["first 1", "second"] * 2


def test_without_a_folder_nothing_is_written_and_nothing_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    clock = HandClock()
    made(clock, None).observe(presence(1.0))
    assert list(tmp_path.iterdir()) == []
    assert made(clock, None).state == no_inputs(NOW)


@given(st.binary(max_size=300))
def test_any_bytes_in_the_file_are_a_state_or_none(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / FILE).write_bytes(content)
    assert made(HandClock(), folder).state == no_inputs(NOW)


NUMBERS = st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=3))


@given(
    st.fixed_dictionaries(
        {
            "begun": NUMBERS,
            "active": st.dictionaries(st.text(max_size=3), st.lists(NUMBERS, max_size=3), max_size=2),
            "cells": st.dictionaries(st.text(max_size=3), st.lists(NUMBERS, max_size=7), max_size=2),
            "operating_hours": st.dictionaries(st.text(max_size=3), NUMBERS, max_size=2),
        }
    ),
    st.booleans(),
)
def test_any_state_in_the_file_can_be_gone_on_with(
    tmp_path_factory: pytest.TempPathFactory, found: dict[str, object], believed: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / FILE).write_text(json.dumps({"believed": believed, "ahead_s": NOW - 5, **found}))
    one = made(HandClock(), folder)
    one.observe(presence(1.0))
    left_s = one.until_next_end_s()
    assert left_s is None or left_s > 0
    assert one.state.active["presence@L01"][0] <= NOW


def test_a_clock_that_is_set_takes_the_past_with_it(tmp_path: Path) -> None:
    clock = HandClock()
    one = made(clock, tmp_path)
    one.observe(presence(1.0))
    one.observe(Reading("C1", "lux", 3.0, ""))
    clock.now += 20
    for jump in (3600.0, -86400.0 * 365, 40.0):
        clock.ahead += jump
        since, until = one.state.active["presence@L01"]
        assert clock.wall() - since == pytest.approx(20)
        assert until - since == pytest.approx(3600)
        (cell,) = one.state.cells.values()
        assert clock.wall() - cell.seen == pytest.approx(20)
        assert clock.wall() - one.state.begun == pytest.approx(20)


def test_all_of_a_photocell_moves_with_the_clock() -> None:
    clock = HandClock()
    one = made(clock, None)
    for pause, value in ((0, 0.0), (400, 1.0), (400, 0.0), (400, 1.0), (5, 1.0), (60, 0.0), (1, 0.0)):
        clock.now += pause
        one.observe(Reading("C1", "photocell", value, ""))
    (before,) = one.state.cells.values()
    begun = one.state.begun
    # By hand: dark since the 1205th second, before it light from the 1100th on; it says light since the 1265th.
    assert before == (True, NOW + 1205, NOW + 1100, NOW + 1266, False, NOW + 1265, 2)
    clock.ahead += 7000.0
    (after,) = one.state.cells.values()
    assert after == (True, NOW + 8205, NOW + 8100, NOW + 8266, False, NOW + 8265, 2)
    assert one.state.begun == begun + 7000


def test_the_next_end_is_the_first_of_all_inputs() -> None:
    clock = HandClock()
    one = made(clock, None)
    clock.now += 100
    one.observe(Reading("C1", "lux", 50.0, ""))
    clock.now += 310
    one.observe(Reading("C1", "lux", 3.0, ""))  # dark counts 5 s later; below 5 lx is a control's condition too
    one.observe(presence(1.0))
    one.observe(presence(0.0))
    assert one.until_next_end_s() == pytest.approx(5)
    clock.now += 5
    assert one.until_next_end_s() == pytest.approx(25)
    one.observe(Reading("P1", "presence", 1.0, "L02"))
    one.observe(Reading("P1", "presence", 0.0, "L02"))
    assert one.until_next_end_s() == pytest.approx(25)
    clock.now += 25
    assert one.until_next_end_s() == pytest.approx(5)


def test_a_file_of_garbage_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE).write_text("{")
    made(HandClock(), tmp_path)
    assert f"{tmp_path / FILE} cannot be read" in caplog.text
    (tmp_path / FILE).unlink()
    caplog.clear()
    made(HandClock(), tmp_path)
    assert caplog.text == ""


def restarted(clock: HandClock, folder: Path, off_s: float, jump_s: float, believed: bool) -> Inputs:
    """Starts a new process after `off_s` seconds, with a wall clock that was set ahead by `jump_s` meanwhile."""
    clock.now += off_s
    clock.ahead += jump_s
    clock.believed = believed
    return made(clock, folder)


@pytest.mark.parametrize(("before", "after"), [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("jump_s", [0.0, -9e8, 86_400.0, 5000.0])
def test_over_a_clock_that_cannot_be_believed_what_was_20_s_ago_still_is(
    tmp_path: Path, before: bool, after: bool, jump_s: float
) -> None:
    clock = HandClock()
    clock.believed = before
    one = made(clock, tmp_path)
    one.observe(presence(1.0))
    one.observe(Reading("C1", "photocell", 0.0, ""))
    again = restarted(clock, tmp_path, 20.0, jump_s, after)
    since, until = again.state.active["presence@L01"]
    assert clock.wall() - since == pytest.approx(20)
    assert until - since == pytest.approx(3600)
    (cell,) = again.state.cells.values()
    assert clock.wall() - again.state.begun == pytest.approx(20)
    assert clock.wall() - cell.seen == pytest.approx(20)
    assert clock.wall() - cell.turned == pytest.approx(20)
    assert clock.wall() - cell.since == pytest.approx(20)


def test_times_of_an_honest_clock_are_what_they_say(tmp_path: Path) -> None:
    clock = HandClock()
    one = made(clock, tmp_path)
    one.observe(presence(1.0))
    state = one.state
    # The clock was set right while no agent ran: the distances stay.
    assert restarted(clock, tmp_path, 20.0, 30.0, True).state == state


@pytest.mark.parametrize("ahead", ["null", "true", '"x"', "1e999", "-1e999", "NaN"])
def test_a_file_that_does_not_say_by_which_clock_is_none(tmp_path: Path, ahead: str) -> None:
    clock = HandClock()
    made(clock, tmp_path).observe(presence(1.0))
    found = json.loads((tmp_path / FILE).read_text())
    found["ahead_s"] = 0.5
    (tmp_path / FILE).write_text(json.dumps(found).replace("0.5", ahead))
    assert made(clock, tmp_path).state.active != {}
    clock.believed = False
    assert made(clock, tmp_path).state == no_inputs(NOW)


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    one = made(HandClock(), tmp_path / "file" / "run")
    with caplog.at_level(logging.ERROR):
        for value in (1.0, 0.0, 1.0):
            one.observe(presence(value))
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
    assert "presence@L01" in one.state.active


def test_the_next_end_is_the_next_hold_that_runs_out() -> None:
    clock = HandClock()
    path = LightPath("street", ("L01",), hold_s=12.0)
    one = made(clock, None, Plan(list(PLAN.luminaires.values()), paths=(path,)))
    clock.now += 100
    assert one.until_next_end_s() is None
    one.observe(presence(1.0))
    clock.now += 1
    one.observe(presence(0.0))
    assert one.until_next_end_s() == pytest.approx(12)
    clock.now += 12
    assert one.until_next_end_s() == pytest.approx(18)
    clock.now += 18
    assert one.until_next_end_s() is None


def test_the_folder_is_the_one_asked_for_else_the_services_else_the_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "FOLDER", tmp_path / "system")
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    assert runtime_folder() is None
    (tmp_path / "system").mkdir()
    assert runtime_folder() == tmp_path / "system"
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/service:/run/other")
    assert runtime_folder() == Path("/run/service")
    assert runtime_folder(tmp_path) == tmp_path
