"""The program of each night by weekdays, dates, ranges and special days, compared with datetime."""

from __future__ import annotations

import calendar
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.schedule.calendars import LAST, Calendar, Rule, SpecialDay, is_special, special_names
from agent.schedule.civil import date_of_day, day_of_date, days_in_month, easter, weekday
from agent.schedule.program import Mark, Program, Step

PLAIN = Program("plain", Mark("sunset", 0), Mark("sunrise", 0), (Step(Mark("sunset", 0), 50, 0),), 0)
OTHER = Program("other", Mark("sunset", 0), Mark("sunrise", 0), (Step(Mark("sunset", 0), 100, 0),), 0)


def number(text: str) -> int:
    return date.fromisoformat(text).toordinal() - 719163


def nights(rule: Rule, year: int, *special: SpecialDay) -> list[str]:
    first = day_of_date(year, 1, 1)
    found = [day for day in range(first, first + 366) if rule.holds(day, special) and date_of_day(day)[0] == year]
    return [f"{date_of_day(day)[1]:02d}-{date_of_day(day)[2]:02d}" for day in found]


@given(st.dates())
def test_days_agree_with_datetime(day: date) -> None:
    found = day.toordinal() - 719163
    assert date_of_day(found) == (day.year, day.month, day.day)
    assert day_of_date(day.year, day.month, day.day) == found
    assert weekday(found) == day.isoweekday()
    if day.year < 9999:
        first = day.replace(day=1)
        following = (first + timedelta(days=31)).replace(day=1)
        assert days_in_month(day.year, day.month) == (following - first).days


@pytest.mark.parametrize(
    "known",
    [
        *("1818-03-22", "1943-04-25", "1961-04-02", "2000-04-23", "2008-03-23", "2011-04-24", "2024-03-31"),
        *("2025-04-20", "2026-04-05", "2027-03-28", "2038-04-25", "2049-04-18", "2076-04-19"),
    ],
)
def test_easter_in_known_years(known: str) -> None:
    """The years have the earliest and the latest possible Easter, or simpler rules fail in them."""
    assert easter(int(known[:4])) == number(known)


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        (
            Rule(OTHER, weekdays=(5,), occurrence=1, first=(0, 1, 1), last=(0, 6, 30)),
            ["01-02", "02-06", "03-06", "04-03", "05-01", "06-05"],
        ),
        (
            Rule(OTHER, weekdays=(5,), occurrence=LAST, first=(0, 1, 1), last=(0, 6, 30)),
            ["01-30", "02-27", "03-27", "04-24", "05-29", "06-26"],
        ),
        (Rule(OTHER, weekdays=(5,), occurrence=5), ["01-30", "05-29", "07-31", "10-30"]),
        (Rule(OTHER, dates=((0, 2, 29), (2026, 3, 1), (2027, 3, 2))), ["03-01"]),
        (Rule(OTHER, first=(0, 12, 30), last=(0, 1, 2)), ["01-01", "01-02", "12-30", "12-31"]),
        (Rule(OTHER, first=(2025, 12, 30), last=(2026, 1, 2)), ["01-01", "01-02"]),
        (Rule(OTHER, weekdays=(6, 7), first=(0, 7, 1), last=(0, 7, 12)), ["07-04", "07-05", "07-11", "07-12"]),
        (Rule(OTHER, days=("koningsdag", "pasen", "hemelvaart")), ["04-05", "04-27", "05-14"]),
        (Rule(OTHER, days=("tweede-pinksterdag",), weekdays=(1,)), ["05-25"]),
    ],
)
def test_the_nights_of_a_rule_in_2026(rule: Rule, wanted: list[str]) -> None:
    assert nights(rule, 2026) == wanted


@pytest.mark.parametrize("weekday_number", range(1, 8))
def test_the_last_weekday_of_each_month_is_that_of_the_wall_calendar(weekday_number: int) -> None:
    """Twelve years, leap years included, are compared with a wall calendar: the last row that has the day counts."""
    rule = Rule(OTHER, weekdays=(weekday_number,), occurrence=LAST)
    for year in range(2024, 2036):
        on_the_wall = []
        for month in range(1, 13):
            weeks = calendar.monthcalendar(year, month)
            last = max(week[weekday_number - 1] for week in weeks)
            on_the_wall.append(f"{month:02d}-{last:02d}")
        assert nights(rule, year) == on_the_wall


def test_an_occurrence_is_of_the_weekdays_that_are_named() -> None:
    rule = Rule(OTHER, weekdays=(1, 5), occurrence=LAST, first=(0, 2, 1), last=(0, 2, 28))
    # February 2026 begins on a Sunday: its last Monday and its last Friday.
    assert nights(rule, 2026) == ["02-23", "02-27"]


def test_kings_day_is_the_26th_where_the_27th_is_a_sunday() -> None:
    assert [nights(Rule(OTHER, days=("koningsdag",)), year) for year in (2025, 2026, 2031)] == [
        ["04-26"],
        ["04-27"],
        ["04-26"],
    ]


def test_every_special_day_comes_once_a_year() -> None:
    for name in special_names():
        assert len(nights(Rule(OTHER, days=(name,)), 2026)) == 1, name
    assert not is_special("nothing", number("2026-01-01"))


def test_days_of_ones_own_and_before_ours() -> None:
    own = SpecialDay("kermis", ((2026, 7, 3), (2026, 7, 4), (0, 9, 1)))
    assert nights(Rule(OTHER, days=("kermis",)), 2026, own) == ["07-03", "07-04", "09-01"]
    assert nights(Rule(OTHER, days=("kermis",)), 2027, own) == ["09-01"]
    mine = SpecialDay("pasen", ((0, 4, 1),))
    assert nights(Rule(OTHER, days=("pasen",)), 2026, mine) == ["04-01"]


def test_the_first_rule_that_holds_wins() -> None:
    third = Program("third", PLAIN.on, PLAIN.off, PLAIN.steps, 0)
    rules = (Rule(OTHER, dates=((0, 12, 25),)), Rule(third, weekdays=(5,)))
    ruled = Calendar("c", PLAIN, rules)
    asked = ("2026-12-25", "2026-12-18", "2026-12-19")
    assert [ruled.program_of(number(day)).name for day in asked] == ["other", "third", "plain"]
    assert ruled.rule_of(number("2026-12-19")) is None
    assert ruled.programs() == [PLAIN, OTHER, third]


def test_a_calendars_own_days_go_before_ours() -> None:
    fair = SpecialDay("kermis", ((0, 9, 12), (2026, 9, 13)))
    moved = SpecialDay("kerst", ((0, 7, 1),))
    calendar = Calendar("c", PLAIN, (Rule(OTHER, days=("kermis", "kerst")),), (fair, moved))
    found = [
        day
        for day in ("2026-09-12", "2026-09-13", "2027-09-12", "2027-09-13", "2026-07-01", "2026-12-25")
        if calendar.program_of(number(day)) is OTHER
    ]
    assert found == ["2026-09-12", "2026-09-13", "2027-09-12", "2026-07-01"]
    assert (calendar.rule_of(number("2026-09-12")), calendar.rule_of(number("2026-12-25"))) == (calendar.rules[0], None)
