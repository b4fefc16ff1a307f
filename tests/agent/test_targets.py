"""Targets: the program where time can be believed, else the safe level; whatever fails, the answer is lit."""

from __future__ import annotations

import pytest

from agent.almanac import ZoneAlmanac
from agent.config.program import load_program
from agent.events import EventLog
from agent.schedule import evaluate
from agent.schedule.program import Program
from agent.targets import Targets, Wanted

NL = ZoneAlmanac("Europe/Amsterdam")
EINDHOVEN = (51.44, 5.47)
D60 = load_program("d60")


class SetClock:
    """A clock that shows what the test says."""

    def __init__(self, hour: float) -> None:
        self.now = NL.local_to_unix(2025, 12, 15, hour * 3600)
        self.believed = True

    def wall(self) -> float:
        return self.now

    def valid(self) -> bool:
        return self.believed

    def set_hour(self, hour: float) -> None:
        self.now = NL.local_to_unix(2025, 12, 15, hour * 3600)


class Street:
    """Targets of two luminaires with a safe level of 80 %, and the events that they told."""

    def __init__(self, program: Program, hour: float) -> None:
        self.clock = SetClock(hour)
        self.told: list[tuple[object, object]] = []
        events = EventLog(lambda _kind, body: self.told.append((body["name"], body["active"])), self.clock.wall)
        clock = self.clock
        self.targets = Targets(["L01", "L02"], program, NL, EINDHOVEN, 80.0, clock, events)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("hour", "percent", "fade_s"), [(12, 0.0, 8.0), (17, 100.0, 8.0), (21, 70.0, 64.0), (23, 50.0, 64.0)]
)
def test_the_program_by_the_hour(hour: int, percent: float, fade_s: float) -> None:
    street = Street(D60, hour)
    assert street.targets.now() == dict.fromkeys(["L01", "L02"], Wanted(percent, fade_s))
    assert street.told == []


def test_a_clock_that_cannot_be_believed_means_the_safe_level_even_by_day() -> None:
    street = Street(D60, 12)
    street.clock.believed = False
    for _ in range(3):
        assert street.targets.now() == dict.fromkeys(["L01", "L02"], Wanted(80.0, 0.0))
    assert street.told == [("clockInvalid", True)]
    street.clock.believed = True
    for _ in range(3):
        assert street.targets.now()["L01"].percent == 0.0
    assert street.told == [("clockInvalid", True), ("clockInvalid", False)]


def test_a_program_that_fails_means_the_safe_level(monkeypatch: pytest.MonkeyPatch) -> None:
    street = Street(D60, 23)
    works = evaluate.target

    def fails(*_arguments: object) -> None:
        raise ZeroDivisionError("no night today")

    monkeypatch.setattr("agent.targets.target", fails)
    for _ in range(3):
        assert street.targets.now()["L02"] == Wanted(80.0, 0.0)
    assert street.told == [("invalidProgram", True)]
    monkeypatch.setattr("agent.targets.target", works)
    assert street.targets.now()["L02"] == Wanted(50.0, 64.0)
    assert street.told == [("invalidProgram", True), ("invalidProgram", False)]


@pytest.mark.parametrize("wall", [-1e18, 0.0, 1e18, float("inf"), float("nan")])
def test_a_clock_far_out_is_lit_or_dark_but_never_an_error(wall: float) -> None:
    street = Street(D60, 12)
    street.clock.now = wall
    assert 0.0 <= street.targets.now()["L01"].percent <= 100.0


def test_midsummer_and_midwinter_days_are_dark() -> None:
    street = Street(D60, 12)
    for month in (6, 12):
        street.clock.now = NL.local_to_unix(2026, month, 21, 12 * 3600)
        assert street.targets.now()["L01"].percent == 0.0
