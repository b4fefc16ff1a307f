"""Belief in a clock: the hours after a power failure, and the faults that a clock may have in them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.hardware.clock_belief import Belief, Moment

NOON = 1_800_000_000.0
HOUR = 3600.0
MINUTE = 60.0
FLAT = float("nan")


class Machine:
    """A machine on which agents begin one after the other; `memory` is what their journal keeps, as JSON."""

    def __init__(self, battery: bool = False) -> None:
        self.battery = battery
        self.memory: object = None
        self.chip: float | None = None  # Unix seconds that its battery clock shows at the true time
        self.asked = 0
        self.starts(NOON, NOON)

    def starts(self, true: float, shows: float) -> None:
        """Starts the machine at a true time, with a clock that shows another one."""
        self.boot = f"start at {true}"
        self.started_at = true
        self.ahead = shows - true
        self.agent()

    def agent(self) -> None:
        """Begins an agent."""
        self.belief = Belief(self.boot, self._asks)
        self.belief.begin(battery=self.battery, memory=json.loads(json.dumps(self.memory)))

    def _asks(self) -> float | None:
        self.asked += 1
        return self.chip

    def believes(self, true: float, *, synchronised: bool = False) -> bool:
        """Returns whether the clock is believed at this true time, and writes the journal."""
        if synchronised:
            self.ahead = 0.0
        found = self.belief.holds(Moment(true + self.ahead, true - self.started_at, synchronised))
        self.memory = self.belief.memory()
        return found

    def cut(self, true: float) -> None:
        self.belief.mains_was_lost(true - self.started_at)


def test_a_clock_that_no_reference_has_confirmed_is_not_believed() -> None:
    machine = Machine()
    for after in (0.0, HOUR, 1000 * HOUR):
        assert not machine.believes(NOON + after)
    assert machine.believes(NOON + 1001 * HOUR, synchronised=True)


def test_a_reference_that_is_gone_has_left_the_time_until_the_machine_starts_again() -> None:
    machine = Machine()
    assert machine.believes(NOON + MINUTE, synchronised=True)
    assert machine.believes(NOON + 2000 * HOUR)
    machine.agent()
    assert machine.believes(NOON + 2001 * HOUR)
    machine.starts(NOON + 2001 * HOUR + MINUTE, NOON + 2001 * HOUR + MINUTE)
    assert not machine.believes(NOON + 2001 * HOUR + 2 * MINUTE)


@pytest.mark.parametrize(
    ("set_by_s", "believed"), [(119, True), (-119, True), (121, False), (-121, False), (86400, False)]
)
def test_a_clock_that_is_set_against_what_the_reference_said(set_by_s: float, believed: bool) -> None:
    machine = Machine()
    assert machine.believes(NOON + MINUTE, synchronised=True)
    machine.ahead = set_by_s
    assert machine.believes(NOON + 5 * HOUR) is believed
    machine.agent()
    assert machine.believes(NOON + 6 * HOUR) is believed
    machine.ahead = 0.0
    assert machine.believes(NOON + 7 * HOUR)


def test_a_reference_that_changes_its_mind_is_the_newer_truth() -> None:
    machine = Machine()
    machine.believes(NOON + MINUTE, synchronised=True)
    moment = Moment(NOON - 10 * HOUR, 2 * MINUTE, True)
    assert machine.belief.holds(moment)
    assert machine.belief.holds(Moment(NOON - 10 * HOUR + MINUTE, 3 * MINUTE, False))
    assert not machine.belief.holds(Moment(NOON + 4 * MINUTE, 4 * MINUTE, False))
    # Slewing by less than a second leaves the memory as it is: it is written into a journal.
    before = machine.belief.memory()["confirmed"]
    machine.belief.holds(Moment(NOON - 10 * HOUR + 5 * MINUTE + 0.9, 7 * MINUTE, True))
    assert machine.belief.memory()["confirmed"] == before
    machine.belief.holds(Moment(NOON - 10 * HOUR + 5 * MINUTE + 1.6, 7 * MINUTE, True))
    assert machine.belief.memory()["confirmed"] != before


@pytest.mark.parametrize(
    ("behind_s", "believed"), [(0.0, True), (119.0, True), (121.0, False), (86_400.0, False), (30 * 86_400.0, False)]
)
def test_behind_the_newest_record_it_has_lost_the_time(behind_s: float, believed: bool) -> None:
    machine = Machine(battery=True)
    machine.belief.not_before(NOON + 2 * 30 * 86_400.0)
    machine.belief.not_before(NOON)  # an older one takes nothing back
    true = NOON + 2 * 30 * 86_400.0 - behind_s
    assert machine.believes(true) is believed
    assert machine.believes(true, synchronised=True)


def test_before_the_release_no_clock_is_honest() -> None:
    # 2026-11-22 00:00 UTC.
    belief = Belief("boot", lambda: None)
    belief.begin(battery=True, memory=None)
    assert not belief.holds(Moment(1795305600.0 - 1, 5.0, False))
    assert belief.holds(Moment(1795305600.0, 5.0, False))
    assert Belief("boot", lambda: None).holds(Moment(1795305600.0, 5.0, False))
    assert not Belief("boot", lambda: None).holds(Moment(1795305600.0 - 1, 5.0, False))
    assert belief.holds(Moment(0.0, 5.0, True))


def test_until_an_agent_begins_a_plausible_time_is_enough() -> None:
    belief = Belief("boot", lambda: FLAT)
    assert belief.holds(Moment(NOON, 5.0, False))
    belief.begin(battery=False, memory=None)
    assert not belief.holds(Moment(NOON, 5.0, False))


def test_a_battery_clock_is_believed_where_the_board_declares_it() -> None:
    machine = Machine(battery=True)
    assert machine.believes(NOON + MINUTE)
    machine.starts(NOON + HOUR, NOON + HOUR)
    assert machine.believes(NOON + HOUR + MINUTE)


def test_behind_the_newest_time_that_was_believed_a_battery_clock_is_not() -> None:
    machine = Machine(battery=True)
    assert machine.believes(NOON + 10 * HOUR)
    # What stood still for hours cannot be told from a pause of two minutes; what is further behind, can.
    for shows_s, believed in ((-119.0, True), (-121.0, False), (-HOUR, False)):
        machine.starts(NOON + 16 * HOUR, NOON + 10 * HOUR + shows_s - 121)
        assert not machine.believes(NOON + 16 * HOUR)
        assert machine.believes(NOON + 16 * HOUR + 121) is believed
    assert not machine.believes(NOON + 16 * HOUR + MINUTE)
    machine.agent()
    assert not machine.believes(NOON + 16 * HOUR + 2 * MINUTE)
    # A reference says that it was earlier, and an older belief wrong.
    assert machine.believes(NOON + 3 * HOUR, synchronised=True)
    machine.starts(NOON + 4 * HOUR, NOON + 4 * HOUR)
    assert machine.believes(NOON + 4 * HOUR + MINUTE)


@pytest.mark.parametrize(
    ("shows", "believed"), [(0.0, False), (19 * MINUTE, False), (21 * MINUTE, True), (6 * HOUR, True), (-MINUTE, False)]
)
def test_after_a_cut_that_the_gear_tells_of_a_battery_clock_must_have_gone_on(shows: float, believed: bool) -> None:
    machine = Machine(battery=True)
    assert machine.believes(NOON + 10 * HOUR)
    machine.starts(NOON + 16 * HOUR, NOON + 10 * HOUR + shows)
    machine.cut(NOON + 16 * HOUR + MINUTE)
    assert machine.believes(NOON + 16 * HOUR + MINUTE) is believed
    # Time that passes proves nothing, and the next agent of this machine knows no more.
    assert machine.believes(NOON + 40 * HOUR) is believed
    machine.agent()
    assert machine.believes(NOON + 41 * HOUR) is believed
    # Until a reference comes, or the machine starts again without a cut.
    again = NOON + 42 * HOUR
    machine.starts(again, again + machine.ahead)
    assert machine.believes(again)
    machine.cut(again)
    machine.believes(again, synchronised=True)
    assert machine.believes(again + MINUTE)


def test_a_battery_clock_goes_on_from_what_a_reference_said() -> None:
    """This holds even if only a reference was ever believed; and a time in doubt is not remembered."""
    machine = Machine(battery=True)
    assert machine.believes(NOON + HOUR, synchronised=True)
    for shows, believed in ((NOON + HOUR, False), (NOON + 7 * HOUR, True)):
        machine.starts(NOON + 7 * HOUR, shows)
        machine.cut(NOON + 7 * HOUR + 5)
        assert machine.believes(NOON + 7 * HOUR + 6) is believed
    other = Machine(battery=True)
    assert other.believes(NOON + HOUR)
    other.chip = FLAT
    other.starts(NOON + 2 * HOUR, NOON + 400 * HOUR)  # a flat chip, and a clock that was set far ahead
    assert not other.believes(NOON + 2 * HOUR)
    other.chip = NOON + 3 * HOUR
    other.starts(NOON + 3 * HOUR, NOON + 3 * HOUR)
    assert other.believes(NOON + 3 * HOUR)


def test_until_gear_would_have_told_of_a_cut_a_battery_clock_that_has_not_gone_on_is_in_doubt() -> None:
    machine = Machine(battery=True)
    assert machine.believes(NOON + HOUR)
    machine.starts(NOON + 1.1 * HOUR, NOON + 1.1 * HOUR)
    begun = NOON + 1.1 * HOUR + 40
    for after, believed in ((0, False), (119, False), (121, True), (HOUR, True)):
        assert machine.believes(begun + after) is believed
    # Each agent that begins while the machine is young; none later.
    machine.starts(NOON + 3 * HOUR, NOON + 2.1 * HOUR)
    for begun, first in ((NOON + 3.5 * HOUR, False), (NOON + 4.1 * HOUR, True)):
        machine.agent()
        assert machine.believes(begun) is first
        assert machine.believes(begun + 121)
    # One that has gone on is believed at once.
    machine.starts(NOON + 10 * HOUR, NOON + 10 * HOUR)
    assert machine.believes(NOON + 10 * HOUR + 40)


def test_after_a_cut_without_any_record_nothing_shows_that_a_clock_has_gone_on() -> None:
    machine = Machine(battery=True)
    machine.cut(NOON + MINUTE)
    assert not machine.believes(NOON + MINUTE)


@pytest.mark.parametrize(("told_after_s", "believed"), [(MINUTE, False), (3599.0, False), (3601.0, True)])
def test_a_cut_of_the_lamps_alone_says_nothing_of_the_clock(told_after_s: float, believed: bool) -> None:
    machine = Machine(battery=True)
    machine.believes(NOON)
    machine.starts(NOON + HOUR, NOON + MINUTE)
    machine.cut(NOON + HOUR + told_after_s)
    assert machine.believes(NOON + HOUR + told_after_s) is believed
    # And takes back nothing of one that does.
    machine.cut(NOON + HOUR + 5000.0)
    assert machine.believes(NOON + HOUR + 5000.0) is believed


@pytest.mark.parametrize(
    ("chip_off_s", "believed"),
    [(0.0, True), (119.0, True), (-119.0, True), (121.0, False), (-121.0, False), (FLAT, False)],
)
def test_the_chip_must_show_this_time_too(chip_off_s: float, believed: bool) -> None:
    machine = Machine(battery=True)
    machine.chip = NOON + MINUTE + chip_off_s
    assert machine.believes(NOON + MINUTE) is believed


def test_the_chip_is_asked_again_only_in_doubt_and_after_a_step() -> None:
    machine = Machine(battery=True)
    machine.chip = FLAT
    for after in (0, 1, 30, 59):
        assert not machine.believes(NOON + after)
    assert machine.asked == 1
    machine.chip = NOON + 61
    assert machine.believes(NOON + 61)
    assert machine.asked == 2
    machine.chip = FLAT
    assert machine.believes(NOON + 5 * HOUR)
    assert machine.asked == 2
    machine.ahead = 5.0
    assert not machine.believes(NOON + 5 * HOUR + 1)
    assert machine.asked == 3
    for after, asked in ((10, 3), (70, 4), (120, 4), (131, 5)):
        machine.believes(NOON + 5 * HOUR + after)
        assert machine.asked == asked
    # A board without one, and a clock that a reference confirmed, need none.
    other = Machine()
    other.chip = NOON
    other.believes(NOON)
    other.believes(NOON, synchronised=True)
    other.believes(NOON + 1)
    assert other.asked == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=10,
)


@given(
    JSON
    | st.fixed_dictionaries(
        {"boot": st.just("b"), "confirmed": JSON, "cut": JSON, "newest": JSON, "newest_before": JSON}
    )
)
def test_any_memory_is_one_or_none(memory: object) -> None:
    belief = Belief("b", lambda: None)
    belief.begin(battery=False, memory=memory)
    belief.holds(Moment(NOON, 5.0, False))
    json.dumps(belief.memory(), allow_nan=False)


def test_a_memory_of_another_start_confirms_nothing() -> None:
    kept = {"boot": "a", "confirmed": NOON, "cut": True, "newest": NOON - HOUR, "newest_before": NOON - 9 * HOUR}
    for boot, battery, believed in (("a", False, True), ("b", False, False), ("b", True, True)):
        belief = Belief(boot, lambda: None)
        belief.begin(battery=battery, memory=kept)
        assert belief.holds(Moment(NOON + 5.0, 5.0, False)) is believed
