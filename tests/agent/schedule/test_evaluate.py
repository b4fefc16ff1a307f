"""The level of a program over a year, with its traps (June, the wrap, summer time, poles). Only the time matters."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.almanac import UnknownTimezone, ZoneAlmanac
from agent.config.program import load_program
from agent.schedule.civil import date_of_day
from agent.schedule.evaluate import burning_seconds, burning_spans
from agent.schedule.place import Cache
from agent.schedule.program import MarkError, Program, Step, mark_text, parse_mark
from agent.schedule.sun import night_around
from tests.rigs.program_nights import changes_of_night, held

NL = ZoneAlmanac("Europe/Amsterdam")
EINDHOVEN = (51.44, 5.47)
DE_BILT = (52.10, 5.18)
D60 = load_program("d60")


def local(text: str, almanac: ZoneAlmanac = NL) -> float:
    """Returns the Unix time of a text such as "2026-01-15 22:00" on local clocks."""
    moment = datetime.fromisoformat(text)
    return almanac.local_to_unix(moment.year, moment.month, moment.day, moment.hour * 3600 + moment.minute * 60)


def program(*steps: tuple[str, float], on: str = "sunset", off: str = "sunrise") -> Program:
    return Program(
        "p", parse_mark(on), parse_mark(off), tuple(Step(parse_mark(at), level, 0) for at, level in steps), 0
    )


def percent(asked: Program, text: str, place: tuple[float, float] = EINDHOVEN) -> float:
    return held(asked, NL, *place, local(text)).percent


@pytest.mark.parametrize(
    ("moment", "level"),
    [
        ("2026-01-15 12:00", 0),
        ("2026-01-15 17:30", 100),  # the morning's step holds at dusk
        ("2026-01-15 20:00", 70),
        ("2026-01-15 21:59", 70),
        ("2026-01-15 22:00", 50),
        ("2026-01-16 00:00", 50),
        ("2026-01-16 04:59", 50),
        ("2026-01-16 05:00", 100),
        ("2026-01-16 08:30", 100),
        ("2026-01-16 09:00", 0),
    ],
)
def test_a_winter_night_of_d60(moment: str, level: float) -> None:
    assert percent(D60, moment) == level


def test_fades_and_since() -> None:
    late = held(D60, NL, *EINDHOVEN, local("2026-01-15 21:00"))
    assert (late.fade_s, late.since_unix) == (64, local("2026-01-15 20:00"))
    dusk = held(D60, NL, *EINDHOVEN, local("2026-01-15 18:00"))
    assert dusk.fade_s == 8
    # By day it has been off since this morning's sunrise, before and after noon alike.
    before, after = (held(D60, NL, *EINDHOVEN, local(f"2026-01-16 {time}")) for time in ("11:59", "12:01"))
    assert before == after
    assert before.since_unix == pytest.approx(local("2026-01-16 08:36"), abs=60)


def test_the_summer_trap_never_burns_by_day() -> None:
    early = program(("22:00", 50), ("06:00", 100))
    # In June the sun rises before 06:00: that step is never lit, but it is the last of the night and holds at dusk.
    assert percent(early, "2026-06-21 21:59") == 100
    assert percent(early, "2026-06-22 05:00") == 50
    assert all(percent(early, f"2026-06-22 {hour:02d}:30") == 0 for hour in range(6, 21))
    # A switch-on in the morning, after the sun has risen, is no period at all.
    morning = program(("06:00", 100), on="06:00")
    assert changes_of_night(morning, NL, *EINDHOVEN, local("2026-06-21 23:00")) == []
    assert percent(morning, "2026-12-21 06:30") == 100


def test_steps_and_periods_by_the_sun() -> None:
    asked = program(
        ("sunset", 100), ("sunset+02:00", 40), ("sunrise-01:00", 80), on="sunset+00:20", off="sunrise-00:20"
    )
    changes = changes_of_night(asked, NL, *EINDHOVEN, local("2026-03-10 23:00"))
    plain = changes_of_night(program(("sunset", 100)), NL, *EINDHOVEN, local("2026-03-10 23:00"))
    sunset, sunrise = plain[0].unix, plain[-1].unix
    assert [(change.unix, change.percent) for change in changes] == [
        (sunset + 1200, 100),
        (sunset + 7200, 40),
        (sunrise - 3600, 80),
        (sunrise - 1200, 0),
    ]


def test_part_night_and_the_whole_day() -> None:
    part = program(("12:00", 100), off="00:30")
    assert [percent(part, f"2026-01-{at}") for at in ("15 22:00", "16 00:29", "16 00:30", "16 07:00")] == [
        100,
        100,
        0,
        0,
    ]
    whole = program(("20:00", 50), ("08:00", 100), on="12:00", off="12:00")
    assert [percent(whole, f"2026-06-{at}") for at in ("15 11:59", "15 12:00", "15 19:59", "15 20:00")] == [
        100,
        100,
        100,
        50,
    ]
    noon = held(whole, NL, *EINDHOVEN, local("2026-06-15 12:05"))
    assert noon.since_unix == local("2026-06-15 08:00")


def test_the_nights_when_the_clocks_change() -> None:
    # 02:30 does not exist on 29 March: its step comes at the change. On 25 October it comes at the first 02:30.
    asked = program(("22:00", 50), ("02:15", 30), ("02:30", 60), ("04:00", 80))
    spring = changes_of_night(asked, NL, *EINDHOVEN, local("2026-03-28 23:00"))
    change = datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp()
    assert [(each.unix, each.percent) for each in spring[1:-1]] == [
        (local("2026-03-28 22:00"), 50),
        (change, 60),
        (change + 3600, 80),
    ]
    autumn = changes_of_night(asked, NL, *EINDHOVEN, local("2026-10-24 23:00"))
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()
    assert [(each.unix, each.percent) for each in autumn[1:-1]] == [
        (local("2026-10-24 22:00"), 50),
        (first - 900, 30),
        (first, 60),
        (datetime(2026, 10, 25, 3, tzinfo=UTC).timestamp(), 80),
    ]
    # Summer time moves the lamps by the clock: 22:00 is 20:00 UTC before the change, 21:00 after it.
    assert local("2026-10-24 22:00") % 86400 == 20 * 3600
    assert local("2026-10-25 22:00") % 86400 == 21 * 3600


def test_white_night_is_off_and_polar_night_is_lit() -> None:
    north, almanac = (70.0, 20.0), OSLO
    for hour in range(24):
        assert held(D60, almanac, *north, local("2026-06-20 12:00", almanac) + hour * 3600).percent == 0
        assert held(D60, almanac, *north, local("2026-12-20 12:00", almanac) + hour * 3600).percent > 0
    shifted = program(("sunset+02:00", 40), ("sunrise-02:00", 90), on="sunset+01:00", off="sunrise-01:00")
    for minute in range(0, 1440, 10):
        assert held(shifted, almanac, *north, local("2026-12-20 12:00", almanac) + minute * 60).percent > 0
        assert held(shifted, almanac, *north, local("2026-06-20 12:00", almanac) + minute * 60).percent == 0
    # A period of the clock alone burns in a white night too, and its sun steps do not get lost.
    clock = program(("sunset", 40), on="22:00", off="02:00")
    assert held(clock, almanac, *north, local("2026-06-20 23:00", almanac)).percent == 40


def test_an_offset_that_crosses_noon_still_burns() -> None:
    north, almanac = (65.0, 20.0), ZoneAlmanac("Europe/Stockholm")
    noon = local("2026-12-20 12:00", almanac)
    sunset = night_around(*north, noon + 43200).sunset
    assert sunset is not None
    assert noon < sunset < noon + 5400
    early = program(("12:00", 100), on="sunset-02:00")
    burning = [held(early, almanac, *north, sunset + after).percent for after in (-7260, -7140, -3600, 0)]
    assert burning == [0, 100, 100, 100]
    seconds = burning_seconds(early.on, early.off, almanac, *north, noon - 7200, noon + 7200)
    assert seconds == pytest.approx(noon + 7200 - (sunset - 7200))


NORTH_60 = (60.0, 10.0)
OSLO = ZoneAlmanac("Europe/Oslo")
# By NREL's SPA (pvlib), 60 north, 10 east: the night of 21 June 2026, in which the sun goes no lower than 6.57 degrees,
# and the days about 21 December, in which it goes no higher than 6.56.
JUNE_SUNSET, JUNE_LOWEST, JUNE_SUNRISE = 1782074872.7, 1782084116.0, 1782093358.5
DECEMBER_SUNRISE, DECEMBER_SUNSET = 1797841315.2, 1797862450.3


def switched(on: str, off: str, unix: float) -> list[tuple[float, float]]:
    """Returns the spans in which a lamp burns in the day that holds this instant."""
    noon = local(datetime.fromtimestamp(unix - 43200, UTC).strftime("%Y-%m-%d 12:00"), OSLO)
    return burning_spans(parse_mark(on), parse_mark(off), OSLO, *NORTH_60, noon, noon + 86400)


@pytest.mark.parametrize(
    ("on", "off", "span"),
    [
        ("sunset", "sunrise", (JUNE_SUNSET, JUNE_SUNRISE)),
        # An angle that the sun does not go down to counts as its lowest point, offset or not.
        ("sunset", "sun above -10", (JUNE_SUNSET, JUNE_LOWEST)),
        ("sunset", "sun above -10-01:00", (JUNE_SUNSET, JUNE_LOWEST)),
        ("sun below -10", "sunrise", (JUNE_LOWEST, JUNE_SUNRISE)),
        ("sun below -10+01:00", "sunrise", (JUNE_LOWEST, JUNE_SUNRISE)),
        ("sunset+01:00", "sun above -7", (JUNE_SUNSET + 3600, JUNE_LOWEST)),
        # Both, and there is no night.
        ("sun below -10", "sun above -10", None),
        ("sun below -7", "sun above -18", None),
    ],
)
def test_an_angle_that_the_sun_does_not_go_down_to(on: str, off: str, span: tuple[float, float] | None) -> None:
    found = switched(on, off, JUNE_LOWEST)
    assert len(found) == (span is not None)
    if span is not None:
        assert found[0] == pytest.approx(span, abs=20)


@pytest.mark.parametrize(
    ("on", "off", "spans"),
    [
        # An angle that the sun does not go up to: the morning's is at noon, and the evening's too.
        ("sunset", "sun above 8", [(DECEMBER_SUNSET, None)]),
        ("sunset", "sun above 8-02:00", [(DECEMBER_SUNSET, None)]),
        ("sun below 8", "sunrise", [(0.0, DECEMBER_SUNRISE + 86400)]),
        ("sun below 8+02:00", "sunrise", [(0.0, DECEMBER_SUNRISE + 86400)]),
        ("sun below 8", "sun above 8", [(0.0, None)]),
        ("sun below 6.7", "sunrise", [(0.0, DECEMBER_SUNRISE + 86400)]),
        ("22:00", "sun above 8", [(10 * 3600, None)]),
    ],
)
def test_an_angle_that_the_sun_does_not_go_up_to(on: str, off: str, spans: list[tuple[float, float | None]]) -> None:
    noon = local("2026-12-21 12:00", OSLO)
    wanted = [(begin if begin > 1e6 else noon + begin, end or noon + 86400) for begin, end in spans]
    found = switched(on, off, noon + 43200)
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert one == pytest.approx(other, abs=40)


def test_steps_at_angles_that_are_not_reached_hold_from_the_lowest_point_or_from_noon() -> None:
    asked = program(("sunset", 90), ("sun below -10", 40), ("sun above -10", 60), ("sunrise-01:00", 70))
    levels = [
        held(asked, OSLO, *NORTH_60, unix).percent
        for unix in (JUNE_LOWEST - 60, JUNE_LOWEST + 60, JUNE_SUNRISE - 3500, JUNE_SUNRISE + 60)
    ]
    # Both come at the lowest point: the later in the list holds.
    assert levels == [90, 60, 70, 0]
    winter = program(("sun below 8", 40), ("sunset", 90), ("sun above 8", 10), on="12:00", off="12:00")
    noon = local("2026-12-21 12:00", OSLO)
    levels = [
        held(winter, OSLO, *NORTH_60, unix).percent
        for unix in (noon, DECEMBER_SUNSET - 60, DECEMBER_SUNSET + 60, noon + 86399)
    ]
    assert levels == [40, 40, 90, 90]


def test_a_midpoint_in_the_polar_night_is_the_suns_lowest_point() -> None:
    north = (70.0, 20.0)
    noon = local("2026-12-20 12:00", OSLO)
    lowest = night_around(*north, noon + 43200).midnight
    asked = program(("12:00", 50), ("midpoint-02:00", 90), on="12:00", off="12:00")
    found = [held(asked, OSLO, *north, lowest - 7200 + after).percent for after in (-60, 60)]
    assert found == [50, 90]


def test_a_year_has_the_hours_of_its_convention() -> None:
    # De Bilt 2025, hours between the events that fall in the local calendar year.
    start, end = local("2025-01-01 00:00"), local("2026-01-01 00:00")
    cache = Cache()
    for on, off, hours in (
        ("sunset", "sunrise", 4278),
        ("sunset+00:15", "sunrise-00:15", 4096),
        ("sunset-00:20", "sunrise+00:20", 4522),
        ("sun below -3", "sun above -3", 4082),
        ("dusk", "dawn", 3806),
    ):
        found = burning_seconds(parse_mark(on), parse_mark(off), NL, *DE_BILT, start, end, cache) / 3600
        assert found == pytest.approx(hours, abs=1)


def test_the_target_burns_as_long_as_its_convention() -> None:
    start, end = local("2025-02-01 00:00"), local("2025-05-01 00:00")
    cache = Cache()
    lit = sum(held(D60, NL, *DE_BILT, at, cache).percent > 0 for at in range(int(start), int(end), 60)) * 60
    counted = burning_seconds(D60.on, D60.off, NL, *DE_BILT, start, end, cache)
    assert lit == pytest.approx(counted, abs=89 * 2 * 60)
    # Quarters add up to the whole.
    quarters = [
        burning_seconds(D60.on, D60.off, NL, *DE_BILT, at, at + 900, cache) for at in range(int(start), int(end), 900)
    ]
    assert sum(quarters) == pytest.approx(counted, abs=0.01)


MARKS = st.one_of(
    st.builds(lambda m: f"{m // 60:02d}:{m % 60:02d}", st.integers(0, 1439)),
    st.builds(
        lambda event, sign, m: f"{event}{sign}{m // 60:02d}:{m % 60:02d}",
        st.sampled_from(["sunset", "sunrise"]),
        st.sampled_from("+-"),
        st.integers(0, 720),
    ),
)
PROGRAMS = st.builds(
    lambda on, off, steps: program(*steps, on=on, off=off),
    MARKS,
    MARKS,
    st.lists(st.tuples(MARKS, st.integers(0, 100)), min_size=1, max_size=6),
)
TIMES = st.floats(local("2026-01-01 00:00"), local("2028-01-01 00:00"))


@settings(max_examples=150)
@given(asked=st.lists(st.tuples(PROGRAMS, TIMES, st.sampled_from([51.44, 0.0, 66.5, 70.0])), min_size=1, max_size=6))
def test_only_time_matters(asked: list[tuple[Program, float, float]]) -> None:
    """The answers do not depend on their order, nor on a warm cache, a cold cache or none."""
    fresh = [held(each, NL, north, 5.47, at) for each, at, north in asked]
    cache = Cache()
    warm = [held(each, NL, north, 5.47, at, cache) for each, at, north in asked]
    again = [held(each, NL, north, 5.47, at, cache) for each, at, north in reversed(asked)]
    assert fresh == warm == again[::-1]
    for (each, at, _), found in zip(asked, fresh, strict=True):
        assert found.since_unix <= at
        assert found.percent in {0, *(step.percent for step in each.steps)}


@settings(max_examples=100)
@given(asked=PROGRAMS, at=TIMES, north=st.sampled_from([51.44, 0.0, 66.5, 70.0]))
def test_a_night_agrees_with_the_target(asked: Program, at: float, north: float) -> None:
    changes = changes_of_night(asked, NL, north, 5.47, at)
    times = [change.unix for change in changes]
    assert times == sorted(set(times))
    found = [held(asked, NL, north, 5.47, change.unix) for change in changes]
    assert [one.percent for one in found] == [change.percent for change in changes]
    # Each but the first begins at its own second.
    for change, one in zip(changes[1:], found[1:], strict=True):
        assert held(asked, NL, north, 5.47, change.unix - 1).since_unix < one.since_unix


@given(st.text())
def test_any_text_is_a_mark_or_is_refused(text: str) -> None:
    try:
        mark = parse_mark(text)
    except MarkError:
        return
    assert parse_mark(mark_text(mark)) == mark


@given(st.integers(-1_000_000, 2_000_000))
def test_dates_agree_with_datetime(day: int) -> None:
    if -719162 <= day <= 2932896:
        found = datetime.fromordinal(day + 719163)
        assert date_of_day(day) == (found.year, found.month, found.day)
    else:
        assert len(date_of_day(day)) == 3


@given(unix=st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12))
def test_a_wrong_clock_ends_in_an_answer(unix: float) -> None:
    assert NL.utc_offset_s(unix) in range(7201)
    if -1e9 < unix < 1e11:
        assert held(D60, NL, *EINDHOVEN, unix).percent in {0, 50, 70, 100}


def test_the_almanac_at_the_changes_of_the_clock() -> None:
    change = datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp()
    assert [NL.utc_offset_s(change - 1), NL.utc_offset_s(change)] == [3600, 7200]
    assert NL.local_to_unix(2026, 3, 29, 2 * 3600) == change
    assert NL.local_to_unix(2026, 3, 29, 2 * 3600 + 1799) == change
    assert NL.local_to_unix(2026, 3, 29, 3 * 3600) == change
    assert NL.local_to_unix(2026, 10, 25, 2 * 3600) == datetime(2026, 10, 25, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("zone", ["Europe/Amsterdm", "", "../etc", "Europe", "\ud800", "a" * 400])
def test_an_unknown_zone_says_what_to_do(zone: str) -> None:
    with pytest.raises(
        UnknownTimezone, match='not known on this machine: write an IANA name such as "Europe/Amsterdam"'
    ):
        ZoneAlmanac(zone)
