"""Targets follow the program if time can be believed, else the safe level; if anything fails, the lamps are lit."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest

from agent.almanac import ZoneAlmanac
from agent.config.program import load_program
from agent.inputs.input_state import Inputs
from agent.inputs.overrides import Overrides, give
from agent.interfaces import Clock
from agent.lamps.targets import LampTarget, Targets
from agent.records.alarms import EventLog
from agent.schedule import target as schedule
from agent.schedule.calendars import Calendar
from agent.schedule.inputs import Reading
from agent.schedule.output import Output
from agent.schedule.override import Override
from agent.schedule.plan import Floor, Plan, PlannedLuminaire, plain_plan
from agent.schedule.program import SUNRISE, SUNSET, Dynamic, Mark, Photocell, Program, Step

NL = ZoneAlmanac("Europe/Amsterdam")
EINDHOVEN = (51.44, 5.47)
D60 = load_program("d60")


class SetClock:
    """A clock that shows the time that the test sets."""

    def __init__(self, hour: float) -> None:
        self.now = NL.local_to_unix(2025, 12, 15, hour * 3600)
        self.believed = True

    def wall(self) -> float:
        return self.now

    def valid(self) -> bool:
        return self.believed

    def monotonic(self) -> float:
        return self.now

    def set_hour(self, hour: float) -> None:
        self.now = NL.local_to_unix(2025, 12, 15, hour * 3600)


class Street:
    """Targets of two luminaires with a safe level of 80 %, and the events that they told."""

    def __init__(
        self,
        program: Program,
        hour: float,
        state: Path = Path("/nowhere"),
        plan: Plan | None = None,
        names: tuple[str, ...] = ("L01", "L02"),
    ) -> None:
        self.clock = SetClock(hour)
        self.state = state
        self.told: list[tuple[object, object]] = []
        self.subjects: list[object] = []
        self.events = EventLog(self._note, self.clock.wall)
        clock = cast(Clock, self.clock)
        plan = plan or plain_plan(program, ["L01", "L02"], 80.0)
        self.inputs = Inputs(plan, None, "mast", clock)
        self.overrides = Overrides(state, self.events, clock, lambda: None)
        self.targets = Targets(names, plan, NL, EINDHOVEN, clock, self.events, self.inputs, self.overrides)

    def now(self) -> Mapping[str, LampTarget]:
        """Returns the targets, after a look at the overrides."""
        asyncio.run(self.overrides.look())
        return self.targets.now()

    def _note(self, _kind: str, body: Mapping[str, object]) -> None:
        self.told.append((body["name"], body["active"]))
        self.subjects.append(body["subject"])


@pytest.mark.parametrize(
    ("hour", "percent", "fade_s"), [(12, 0.0, 8.0), (17, 100.0, 8.0), (21, 70.0, 64.0), (23, 50.0, 64.0)]
)
def test_the_program_by_the_hour(hour: int, percent: float, fade_s: float) -> None:
    street = Street(D60, hour)
    assert street.targets.now() == dict.fromkeys(["L01", "L02"], LampTarget(percent, fade_s, reason="program"))
    assert street.told == []


def test_a_clock_that_cannot_be_believed_means_the_safe_level_even_by_day() -> None:
    street = Street(D60, 12)
    street.clock.believed = False
    for _ in range(3):
        assert street.targets.now() == dict.fromkeys(["L01", "L02"], LampTarget(80.0, 0.0))
    assert street.told == [("clockInvalid", True)]
    street.clock.believed = True
    for _ in range(3):
        assert street.targets.now()["L01"].percent == 0.0
    assert street.told == [("clockInvalid", True), ("clockInvalid", False)]


def test_a_program_that_fails_means_the_safe_level(monkeypatch: pytest.MonkeyPatch) -> None:
    street = Street(D60, 23)
    works = schedule.target_of

    def fails(*_arguments: object) -> None:
        raise ZeroDivisionError("no night today")

    monkeypatch.setattr("agent.lamps.targets.target_of", fails)
    for _ in range(3):
        assert street.targets.now()["L02"] == LampTarget(80.0, 0.0)
    assert street.told == [("invalidProgram", True)]
    monkeypatch.setattr("agent.lamps.targets.target_of", works)
    assert street.targets.now()["L02"] == LampTarget(50.0, 64.0, reason="program")
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


def test_one_luminaire_whose_plan_fails_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    works = schedule.target_of

    def fails(plan: Plan, luminaire: str, *rest: object) -> schedule.Target:
        if luminaire == "L01":
            raise ZeroDivisionError("no night today")
        return works(plan, luminaire, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("agent.lamps.targets.target_of", fails)
    calendar = Calendar(D60.name, D60)
    # Each lamp has a group of its own, because the plan is asked only once for lamps that are alike.
    lamps = [PlannedLuminaire(name, calendar, (name,)) for name in ("L01", "L02")]
    street = Street(D60, 23, plan=Plan(lamps, safe_percent=80.0))
    assert street.targets.now() == {"L01": LampTarget(80.0, 0.0), "L02": LampTarget(50.0, 64.0, reason="program")}
    assert street.told == [("invalidProgram", True)]


def test_a_luminaire_that_no_plan_knows_burns_safely_and_is_told() -> None:
    street = Street(D60, 12, plan=plain_plan(D60, ["L02"], 80.0))
    for _ in range(2):
        assert street.targets.now() == {"L01": LampTarget(80.0, 0.0), "L02": LampTarget(0.0, 8.0, reason="program")}
    assert street.told == [("luminaireNotPlanned", True)]
    assert street.subjects == ["L01"]


def test_an_override_of_the_file_holds_until_it_expires(tmp_path: Path) -> None:
    street = Street(D60, 23, tmp_path)
    assert street.now()["L01"].percent == 50.0
    give(
        tmp_path,
        Override(90.0, street.clock.now, street.clock.now + 3600, luminaires=("L01",)),
        cast(Clock, street.clock),
    )
    assert [each.percent for each in street.now().values()] == [90.0, 50.0]
    # A process that starts later finds it there.
    again = Street(D60, 23.9, tmp_path)
    assert again.now()["L01"].percent == 90.0
    again.clock.now += 600
    assert again.now()["L01"].percent == 50.0


def test_no_override_goes_below_the_floor_or_lasts_longer_than_the_board_lets_it(tmp_path: Path) -> None:
    calendar = Calendar("d60", D60)
    floor = Floor(night_percent=20, longest_override_s=1800)
    plan = Plan([PlannedLuminaire(name, calendar) for name in ("L01", "L02")], floor, safe_percent=80.0)
    street = Street(D60, 23, tmp_path, plan)
    give(tmp_path, Override(0.0, street.clock.now, street.clock.now + 7200), cast(Clock, street.clock))
    assert street.now()["L02"].percent == 20.0
    street.clock.now += 1799
    assert street.now()["L02"].percent == 20.0
    street.clock.now += 2
    assert street.now()["L02"].percent == 50.0


def test_overrides_that_cannot_be_read_change_nothing_and_are_told_once(tmp_path: Path) -> None:
    street = Street(D60, 23, tmp_path)
    give(tmp_path, Override(90.0, street.clock.now), cast(Clock, street.clock))
    assert street.now()["L01"].percent == 90.0
    (tmp_path / "overrides.json").write_text("[")
    for _ in range(3):
        assert street.now()["L01"].percent == 90.0
    assert street.told == [("overrideUnreadable", True)]
    give(tmp_path, Override(None, street.clock.now), cast(Clock, street.clock))
    assert street.now()["L01"].percent == 50.0
    assert street.told[1:] == [("overrideUnreadable", False)]


MOTION = Program(
    "motion",
    Mark(SUNSET, 0),
    Mark(SUNRISE, 0),
    (Step(Mark(SUNSET, 0), 20.0, 0.0),),
    0.0,
    dynamics=(Dynamic("presence", "max", 100.0, 30.0, 1.0, 8.0),),
)


def test_presence_raises_the_lamp_that_it_is_at_and_the_fade_is_kept_ready() -> None:
    street = Street(MOTION, 23)
    # Nothing is known of the past: lit, until each person there must have been told again.
    assert street.targets.now()["L01"] == LampTarget(100.0, 1.0, 1.0, "sensor")
    assert street.inputs.until_next_end_s() == pytest.approx(60)
    street.clock.now += 60
    assert street.targets.now()["L01"].percent == 20.0
    assert street.inputs.until_next_end_s() is None
    street.inputs.observe(Reading("P01", "presence", 1.0, "L01"))
    assert street.targets.now() == {
        "L01": LampTarget(100.0, 1.0, 1.0, "sensor"),
        "L02": LampTarget(20.0, 0.0, 1.0, "program"),
    }
    street.clock.now += 10
    street.inputs.observe(Reading("P01", "presence", 0.0, "L01"))
    assert street.inputs.until_next_end_s() == pytest.approx(30)
    street.clock.now += 29.5
    assert street.targets.now()["L01"].percent == 100.0
    street.clock.now += 0.5
    assert street.targets.now()["L01"] == LampTarget(20.0, 8.0, 1.0, "program")


BY_CELL = Program(
    "cell",
    Mark(SUNSET, 0),
    Mark(SUNRISE, 0),
    (Step(Mark(SUNSET, 0), 60.0, 0.0),),
    0.0,
    photocell=Photocell("photocell", 20.0, 40.0),
)


def test_a_photocell_that_contradicts_the_sun_is_told_once_and_the_lamps_burn() -> None:
    street = Street(BY_CELL, 15)
    for minute in range(0, 7 * 60, 10):
        street.clock.set_hour(15 + minute / 60)
        street.inputs.observe(Reading("C1", "lux", 500.0, ""))
        level = street.targets.now()["L01"].percent
    # The sun set at about 16:29.
    assert level == 60.0
    assert street.told == [("photocellContradictsSun", True)]
    street.inputs.observe(Reading("C1", "lux", 1.0, ""))
    assert street.inputs.until_next_end_s() == pytest.approx(5)
    street.clock.now += 5
    assert street.targets.now()["L01"].percent == 60.0
    assert street.inputs.until_next_end_s() is None
    assert street.told == [("photocellContradictsSun", True), ("photocellContradictsSun", False)]


def test_a_photocell_that_flickers_is_named_once_and_again_when_it_is_steady() -> None:
    street = Street(D60, 23, plan=plain_plan(BY_CELL, ["L01", "L02"], 80.0))
    for turn in range(60):
        street.clock.now += 1
        street.inputs.observe(Reading("sky", "photocell", float(turn % 2), ""))
        assert street.targets.now()["L01"].percent == 60.0
    assert street.told == [("photocellFlickers", True)]
    street.clock.now += 299
    street.targets.now()
    assert street.told == [("photocellFlickers", True)]
    street.clock.now += 1
    street.targets.now()
    assert street.told == [("photocellFlickers", True), ("photocellFlickers", False)]
    assert street.subjects == ["sky", "sky"]


def test_alike_luminaires_are_asked_about_once_and_a_different_one_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    works = schedule.target_of

    def counts(plan: Plan, luminaire: str, *rest: object) -> schedule.Target:
        asked.append(luminaire)
        return works(plan, luminaire, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("agent.lamps.targets.target_of", counts)
    street = Street(D60, 23)
    assert street.targets.now()["L01"] == street.targets.now()["L02"]
    assert asked == ["L01", "L01"]


def test_lamps_of_different_output_calendar_or_hours_are_told_each_its_own() -> None:
    d60, full = Calendar("d60", D60), Calendar("full", load_program("always-full"))
    fading = Output(100, ((0.0, 60.0), (50_000.0, 100.0)))
    lamps = {
        "L01": PlannedLuminaire("L01", d60),
        "L02": PlannedLuminaire("L02", d60, output=Output(80)),
        "L03": PlannedLuminaire("L03", full),
        "L04": PlannedLuminaire("L04", d60, output=fading),
        "L05": PlannedLuminaire("L05", d60, output=fading),
        "L06": PlannedLuminaire("L06", d60, ("main",)),
        "L07": PlannedLuminaire("L07", d60),
    }
    street = Street(D60, 23, plan=Plan(list(lamps.values()), safe_percent=80.0), names=tuple(lamps))

    def percents() -> dict[str, float]:
        return {name: target.percent for name, target in street.targets.now().items()}

    plain = {"L01": 50.0, "L02": 40.0, "L03": 100.0, "L06": 50.0, "L07": 50.0}
    # Hours that are not known count as the most.
    assert percents() == {**plain, "L04": 50.0, "L05": 50.0}
    street.inputs.observe(Reading("", "operating_hours", 0.0, "L04"))
    assert percents() == {**plain, "L04": 30.0, "L05": 50.0}
    street.inputs.observe(Reading("", "operating_hours", 25_000.0, "L05"))
    assert percents() == {**plain, "L04": 30.0, "L05": 40.0}


def test_an_override_for_a_group_or_a_lamp_singles_it_out(tmp_path: Path) -> None:
    d60 = Calendar("d60", D60)
    lamps = [PlannedLuminaire("L01", d60), PlannedLuminaire("L02", d60, ("main",)), PlannedLuminaire("L03", d60)]
    street = Street(D60, 23, tmp_path, Plan(lamps, safe_percent=80.0), ("L01", "L02", "L03"))
    assert [target.percent for target in street.now().values()] == [50.0, 50.0, 50.0]
    now, clock = street.clock.now, cast(Clock, street.clock)
    give(tmp_path, Override(90.0, now, now + 600, groups=("main",)), clock)
    assert [target.percent for target in street.now().values()] == [50.0, 90.0, 50.0]
    give(tmp_path, Override(20.0, now, now + 600, luminaires=("L03",)), clock)
    assert [target.percent for target in street.now().values()] == [50.0, 90.0, 20.0]


def test_without_a_clock_the_reason_is_the_photocell_where_that_keeps_lamps_dark() -> None:
    street = Street(BY_CELL, 15)
    for minute in range(0, 18 * 60, 10):
        street.clock.set_hour(15 + minute / 60)
        street.inputs.observe(Reading("C1", "lux", 1.0 if 120 <= minute < 1000 else 500.0, ""))
    street.clock.believed = False
    assert street.targets.now()["L01"] == LampTarget(0.0, 0.0, reason="sensor")
