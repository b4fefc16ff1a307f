"""The record of a lamp while the clock of its gateway is set to and fro: no energy is lost, no quarter counts twice."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.savings.control import ControlInterval, ControlLedger
from agent.savings.intervals import Interval, VoidIntervals
from agent.savings.ledger import LuminaireLedger
from agent.savings.power_model import PowerModel

QUARTER = 900
DAY = 86_400
START = 1_768_392_000  # 2026-01-14 12:00 UTC, the beginning of a quarter
RESOLUTION_WH = 0.1
MODEL = PowerModel(25.0, 2.5, 0.4)


def always_burning(start: float, end: float) -> list[tuple[float, float]]:
    return [(start, end)]


@dataclass
class Gateway:
    """A lamp that burns or stands by, in true seconds from 0, and the records of its gateway. The gateway's clock shows
    the true time plus START plus `ahead_s`; a process writes each quarter that this clock shows."""

    ahead_s: float = 0.0
    second: float = 0.0
    sum_wh: float = 17.3
    watt: float = 25.0
    records: list[Interval | VoidIntervals | ControlInterval] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = LuminaireLedger("lamp", MODEL, always_burning)
        self.control = ControlLedger(4.0, None, self.wall)
        self.ledger.level(self.wall, 254)
        self.first_wh = self.register_wh
        self.read()

    @property
    def wall(self) -> float:
        return START + self.second + self.ahead_s

    @property
    def register_wh(self) -> float:
        return math.floor(self.sum_wh / RESOLUTION_WH + 1e-9) * RESOLUTION_WH

    def live(self, seconds: float, *, agent: bool = True) -> None:
        """Lets time pass, with a reading just after each quarter of the clock."""
        until = self.second + seconds
        while self.second < until:
            left_s = QUARTER - self.wall % QUARTER + 1.0
            step_s = min(left_s, until - self.second)
            self.sum_wh += self.watt * step_s / 3600
            self.second += step_s
            if agent and step_s == left_s:
                self.read()

    def read(self) -> None:
        assert self.ledger.reading(self.wall, self.register_wh, RESOLUTION_WH) == []
        self.records += self.ledger.voids()
        self.records += self.ledger.close(self.wall)
        used = self.control.close(self.wall, 1_000_000)
        self.records += [*self.control.voids(), *used]

    def set_clock(self, seconds: float, *, told: bool = True) -> None:
        self.ahead_s += seconds
        if told:
            self.ledger.clock_moved(seconds)
            self.control.clock_moved(seconds, self.wall)

    def restart(self) -> None:
        self.records += [*self.ledger.voids(), *self.control.voids()]
        state = json.loads(json.dumps(self.ledger.to_state()))
        self.ledger = LuminaireLedger.from_state(state, "lamp", MODEL, always_burning)
        self.control = ControlLedger(4.0, self.control.open_start, self.wall)

    def judge(self) -> list[Interval]:
        """Asserts that the record holds the energy that the register counted since the first reading, and no quarter
        twice or from the future."""
        counting = self.counting()
        assert counting, "nothing is on record"
        ends = counting[-1].start + counting[-1].duration_s
        assert ends <= self.wall
        assert all(a.start + a.duration_s <= b.start for a, b in pairwise(counting)), "quarters overlap"
        assert all(one.actual_wh >= 0 for one in counting)
        true_wh = self.sum_wh - self.first_wh - self.watt * (self.wall - ends) / 3600
        assert sum(one.actual_wh for one in counting) == pytest.approx(true_wh, abs=2 * RESOLUTION_WH)
        return counting

    def counting(self) -> list[Interval]:
        """Returns the intervals that are not void, by their start."""
        found: dict[int, Interval] = {}
        for record in self.records:
            if isinstance(record, Interval):
                assert record.start not in found, "a quarter is recorded twice"
                found[record.start] = record
            elif isinstance(record, VoidIntervals) and record.of == "interval":
                found = {start: one for start, one in found.items() if not record.start <= start < record.until}
        return [found[start] for start in sorted(found)]

    def control_quarters(self) -> list[int]:
        """Returns the quarters of control that are not void, by their start."""
        found: set[int] = set()
        for record in self.records:
            if isinstance(record, ControlInterval):
                assert record.start not in found, "a quarter of control is recorded twice"
                found.add(record.start)
            elif isinstance(record, VoidIntervals) and record.of == "control":
                found = {start for start in found if not record.start <= start < record.until}
        return sorted(found)


JUMPS_S = [5, 7, 31, 60, 299, 600, 899, 900, 901, 1800, 3599, 3600, 5401, 7200, 21_600, 43_200, 86_399, 86_401,
           3 * DAY, 30 * DAY, 365 * DAY, 600 * DAY]  # fmt: skip
PHASES_S = [0.5, 449, 890]


@pytest.mark.parametrize("phase_s", PHASES_S)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("jump_s", JUMPS_S)
def test_a_clock_that_is_set(jump_s: float, sign: int, phase_s: float) -> None:
    here = Gateway()
    here.live(20 * QUARTER + phase_s)
    here.set_clock(sign * jump_s)
    here.live(20 * QUARTER)
    counting = here.judge()
    # By the corrected clock, the record is as if the clock had always been right.
    assert len(counting) >= 39
    assert all(one.actual_wh == pytest.approx(6.25, abs=0.15) for one in counting[1:])
    quarters = here.control_quarters()
    assert quarters == list(range(quarters[0], quarters[0] + len(quarters) * QUARTER, QUARTER))
    assert abs(len(quarters) - len(counting)) <= 1


@pytest.mark.parametrize("phase_s", PHASES_S)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("jump_s", JUMPS_S)
def test_a_clock_that_is_set_and_set_back_again(jump_s: float, sign: int, phase_s: float) -> None:
    here, always_right = Gateway(), Gateway()
    for one in (here, always_right):
        one.live(20 * QUARTER + phase_s)
        if one is here:
            one.set_clock(sign * jump_s)
        one.live(7 * QUARTER)
        if one is here:
            one.set_clock(-sign * jump_s)
        one.live(5 * QUARTER)
    found, expected = here.judge(), always_right.judge()
    assert [quarter.start for quarter in found] == [quarter.start for quarter in expected]
    for quarter, other in zip(found, expected, strict=True):
        assert quarter.actual_wh == pytest.approx(other.actual_wh, abs=0.2)
        assert (quarter.coverage, quarter.available_s) == (other.coverage, other.available_s)
    assert here.control_quarters() == always_right.control_quarters()


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("jump_s", JUMPS_S[3:])
def test_a_clock_that_differs_between_two_processes(jump_s: float, sign: int) -> None:
    here = Gateway()
    here.live(100 * QUARTER + 100)
    here.restart()
    here.set_clock(sign * jump_s, told=False)
    here.live(20 * QUARTER)
    counting = here.judge()
    assert len(counting) <= 400 * 96 + 121
    assert all(one.actual_wh <= 100 * 25 for one in counting)
    here.control_quarters()


@pytest.mark.parametrize("away_s", [0.0, 3600.0, 3 * DAY])
@pytest.mark.parametrize("wrong_quarters", [3, 30, 150])
@pytest.mark.parametrize("jump_s", [-7200, -1800, 1800, 7200, 5 * DAY, 365 * DAY])
def test_a_wrong_clock_that_a_restart_finds_right_again(jump_s: float, wrong_quarters: int, away_s: float) -> None:
    here = Gateway()
    here.live(100 * QUARTER + 100)
    here.set_clock(jump_s)
    here.live(wrong_quarters * QUARTER)
    here.restart()
    here.live(away_s, agent=False)
    here.set_clock(-jump_s, told=False)
    here.live(20 * QUARTER)
    counting = here.judge()
    assert counting[-1].start + counting[-1].duration_s > here.wall - QUARTER - 1
    here.control_quarters()


moves = st.lists(
    st.tuples(
        st.sampled_from(["set", "restart", "restart and set", "away", "dark"]),
        st.one_of(st.floats(-7200, 7200), st.sampled_from([-365.0 * DAY, -2.0 * DAY, 2.0 * DAY, 365.0 * DAY])),
        st.integers(0, 40 * QUARTER),
    ),
    max_size=8,
)


@given(moves)
@settings(max_examples=30, deadline=None)
def test_any_course_of_a_clock(course: list[tuple[str, float, int]]) -> None:
    here = Gateway()
    here.live(5 * QUARTER)
    for what, seconds, then_s in course:
        if what == "dark":
            here.watt = 25.4 - here.watt
            here.ledger.level(here.wall, 254 if here.watt == 25.0 else 0)
        elif what == "away":
            here.live(abs(seconds) % DAY, agent=False)
            here.restart()
        elif what == "set":
            here.set_clock(seconds)
        else:
            here.restart()
            if what == "restart and set":
                here.set_clock(seconds, told=False)
        here.live(then_s)
    here.watt = 25.0
    here.live(100 * QUARTER)
    here.judge()
    here.control_quarters()
