"""Measures the schedule's time for the targets of 64 luminaires, and prints the mean and the longest in milliseconds.

    micropython street_targets.py EVALUATIONS

The script runs under CPython and MicroPython. Its street is the dearest case: two paths, dynamic controls, and people.
"""

import sys
import time

from agent.schedule.calendars import Calendar
from agent.schedule.civil import day_of_date
from agent.schedule.inputs import Reading, no_inputs, observe
from agent.schedule.marks import parse_mark
from agent.schedule.paths import Path
from agent.schedule.place import Place
from agent.schedule.plan import Floor, Plan, PlannedLuminaire
from agent.schedule.program import MAX, PRESENCE, Dynamic, Program, Step
from agent.schedule.target import target_of

LUMINAIRES = 64
# A winter evening in De Bilt, 2025-12-15 18:00 UTC; an evaluation each three minutes: 200 are 10 h.
BEGIN_UNIX = 1765821600.0
STEP_S = 180.0
TICKS_PER_MS = 1000.0


class ZoneWithoutSummer:
    """An almanac one hour ahead of UTC in summer too, because MicroPython has no time zones."""

    def utc_offset_s(self, unix: float) -> int:
        return 3600

    def local_to_unix(self, year: int, month: int, day: int, second_of_day: float) -> float:
        return day_of_date(year, month, day) * 86400.0 + second_of_day - 3600.0


def street() -> "Plan":
    """Returns the plan of 64 luminaires in two groups, on a path there and a path back, with presence and traffic."""
    program = Program(
        "motion",
        parse_mark("sunset"),
        parse_mark("sunrise"),
        (Step(parse_mark("20:00"), 50.0, 8.0), Step(parse_mark("23:00"), 20.0, 8.0)),
        8,
        dynamics=(Dynamic(PRESENCE, MAX, 100.0, 60, 1, 8), Dynamic("traffic", MAX, 70.0, 300, 1, 8, above=20)),
    )
    calendar = Calendar("motion", program)
    names = tuple([f"L{number:02d}" for number in range(LUMINAIRES)])
    luminaires = [
        PlannedLuminaire(name, calendar, ("left" if number % 2 else "right",)) for number, name in enumerate(names)
    ]
    back = list(names)
    back.reverse()
    return Plan(luminaires, Floor(10), (), (Path("there", names), Path("back", tuple(back))))


def evaluate(evaluations: int) -> "tuple[float, float]":
    """Returns the mean and the longest time, in ms, of evaluating every luminaire once."""
    plan = street()
    place = Place(ZoneWithoutSummer(), 52.10, 5.18)
    unix = BEGIN_UNIX
    state = no_inputs(unix - 7200.0)
    total = longest = 0.0
    for turn in range(evaluations):
        for walker in range(0, LUMINAIRES, 8):
            reading = Reading(f"s{walker}", PRESENCE, 1.0, f"L{(walker + turn) % LUMINAIRES:02d}")
            state = observe(plan, state, reading, unix)
        began = now_us()
        for name in plan.names:
            target_of(plan, name, place, state, unix)
        took = passed_us(began) / TICKS_PER_MS
        if turn:
            # The first evaluation fills the memory of the place, so it does not count.
            total += took
            longest = max(longest, took)
        unix += STEP_S
    return total / (evaluations - 1), longest


def now_us() -> int:
    if hasattr(time, "ticks_us"):
        ticks = time.ticks_us()
        assert isinstance(ticks, int)
        return ticks
    return time.perf_counter_ns() // 1000


def passed_us(began: int) -> int:
    if hasattr(time, "ticks_diff"):
        passed = time.ticks_diff(now_us(), began)
        assert isinstance(passed, int)
        return passed
    return now_us() - began


if __name__ == "__main__":
    mean_ms, longest_ms = evaluate(int(sys.argv[1]))
    sys.stdout.write(f"{mean_ms:.4f} {longest_ms:.4f}\n")
