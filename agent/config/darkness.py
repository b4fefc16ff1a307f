"""Follows a program over a year at a place: finds nights that it leaves dark, and morning steps that come too late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from agent.schedule.civil import date_of_day, day_of_date
from agent.schedule.evaluate import ProgramNight
from agent.schedule.marks import NOON_S, TIME, seconds_after_noon
from agent.schedule.place import Place
from agent.schedule.program import Program

# The nights of one year stand for all years: switching times move by minutes from year to year.
_FIRST = day_of_date(2026, 1, 1)
_NIGHTS = 365
# The sun moves so slowly that every fourth night is enough.
_EVERY = 4
# Seconds. Switching times that lie a little within the night (the sun below -6 degrees) leave no street dark.
_TOLERATED_S = 1800.0


def darkest_night(program: Program, place: Place) -> str | None:
    """Returns a phrase for the night in which this program leaves the street dark for the longest.

    Returns None if no night (the sun below -6 degrees) is dark for more than half an hour.
    """
    worst, found = _TOLERATED_S, None
    for night in _nights(program, place, _EVERY):
        nights = night.day.nights()
        for index, change in enumerate(night.changes):
            until = night.changes[index + 1].unix if index + 1 < len(night.changes) else night.day.end
            for dark_from, dark_until in nights:
                begin, end = max(change.unix, dark_from), min(until, dark_until)
                if change.percent <= 0 and end - begin > worst:
                    worst = end - begin
                    found = f"{_date(night)} from {_clock(place, begin)} to {_clock(place, end)}"
    return found


def trimmed_steps(program: Program, place: Place) -> dict[int, tuple[int, date, date]]:
    """Returns the morning steps at fixed times that come after the lamps are off, and so are left out in some nights.

    The key is the index of the step, or -1 for a whole morning period (`on` after midnight) that is left out. The value
    is the number of such nights in a year, the first of them, and the last.
    """
    found: dict[int, list[date]] = {}
    for night in _nights(program, place, 1):
        end = night.periods[-1][1] if night.periods else night.day.start
        for index, step in enumerate(program.steps):
            morning = step.at.kind == TIME and seconds_after_noon(step.at) >= NOON_S
            if morning and end < night.day.end and place.instant(step.at, night.day, 0, False) >= end:
                found.setdefault(index, []).append(_date(night))
        if program.on.kind == TIME and seconds_after_noon(program.on) >= NOON_S and not night.periods:
            found.setdefault(-1, []).append(_date(night))
    return {index: (len(dates), dates[0], dates[-1]) for index, dates in found.items()}


def _nights(program: Program, place: Place, every: int) -> Iterator[ProgramNight]:
    for number in range(_FIRST, _FIRST + _NIGHTS, every):
        yield ProgramNight(place, program, place.day(number))


def _date(night: ProgramNight) -> date:
    return date(*date_of_day(night.day.number))


def _clock(place: Place, unix: float) -> str:
    local = timedelta(seconds=round(unix) + place.almanac.utc_offset_s(unix))
    minutes = int(local.total_seconds()) // 60 % 1440
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
