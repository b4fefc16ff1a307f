"""The parts of a preview: usage against a lamp that steps through its fades, charts, and curves of mixed streets."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config.program import load_program
from agent.preview.chart import BLOCKS, PLAIN, beside, chart, signs_for
from agent.preview.forecast import plots, preview_night
from agent.preview.street import Lamp, street_of
from agent.preview.usage import level_points, usages
from agent.savings.power_model import PowerModel
from agent.schedule.calendars import Calendar
from agent.schedule.evaluate import Change
from agent.schedule.plan import Plan, PlannedLuminaire
from agent.schedule.program import Program, parse_mark
from protocols.dali import levels

POWER = PowerModel(25.0, 2.5, 0.4)
TICK_S = 0.05


def stepped_wh(changes: list[Change], end: float) -> float:
    """Returns the Wh of a lamp that moves evenly in levels, sampled twenty times a second."""
    level, energy_ws, at = float(levels.level_of(changes[0].percent)), 0.0, changes[0].unix
    start, goal, begun, fade_s = level, level, at, 0.0
    waiting = list(changes[1:])
    while at < end:
        while waiting and waiting[0].unix <= at + TICK_S / 2:
            change = waiting.pop(0)
            if levels.level_of(change.percent) == goal and at >= begun + fade_s:
                continue
            goal, begun = float(levels.level_of(change.percent)), at
            fade_s = levels.fade_time_s(levels.fade_code(change.fade_s))
            start = (85.0 if fade_s else 0.0) if level < 1 else level
        passed = at + TICK_S / 2 - begun
        level = goal if passed >= fade_s else start + ((goal or 85.0) - start) * passed / fade_s
        energy_ws += POWER.power_w(level) * TICK_S
        at += TICK_S
    return energy_ws / 3600


percents = st.sampled_from([0.0, 1.0, 20.0, 50.0, 70.0, 100.0])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 90), percents, st.sampled_from([0.0, 1.0, 8.0, 64.0])), min_size=1, max_size=6)
)
def test_usage_is_that_of_a_lamp_that_fades(steps: list[tuple[int, float, float]]) -> None:
    changes, at = [Change(0.0, 0.0, 0.0)], 0.0
    for wait_s, percent, fade_s in steps:
        at += wait_s
        if percent != changes[-1].percent:
            changes.append(Change(at, percent, fade_s))
    end = at + 100.0
    whole = usages(changes, [0.0, end])[0]
    assert whole.energy_wh(POWER) == pytest.approx(stepped_wh(changes, end), rel=2e-3, abs=2e-4)
    assert whole.span_h == pytest.approx(end / 3600)
    parted = usages(changes, [0.0, 33.0, 77.5, end])
    assert sum(each.energy_wh(POWER) for each in parted) == pytest.approx(whole.energy_wh(POWER))
    assert sum(each.burning_h for each in parted) == pytest.approx(whole.burning_h)


@given(st.lists(st.tuples(st.integers(1, 90), percents, st.sampled_from([0.0, 8.0, 64.0])), max_size=6))
def test_the_drawn_line_never_runs_backward(steps: list[tuple[int, float, float]]) -> None:
    changes, at = [Change(0.0, 0.0, 0.0)], 0.0
    for wait_s, percent, fade_s in steps:
        at += wait_s
        changes.append(Change(at, percent, fade_s))
    points = level_points(changes, at + 10.0)
    assert [instant for instant, _ in points] == sorted(instant for instant, _ in points)
    assert points[-1] == (at + 10.0, levels.level_of(changes[-1].percent))


# Charts


def test_a_chart_has_its_columns_and_its_hours() -> None:
    light = [0.0] * 12 + [100.0] * 30 + [50.0] * 18 + [2.0] * 6 + [0.0] * 6
    lines = chart(light, 1200.0, 0.0, lambda at: at + 43200, 2)
    assert len({len(line) for line in lines}) == 1
    top, _, third, bottom, axis, hours = lines
    assert top == " 100 %┤" + " " * 12 + "█" * 30 + " " * 30
    assert third == "  50 %┤" + " " * 12 + "█" * 48 + " " * 12
    # Any light at all shows.
    assert bottom[7:][60:66] == "▁" * 6
    assert hours.split() == ["12", "14", "16", "18", "20", "22", "00", "02", "04", "06", "08", "10"]
    for hour in hours.split():
        assert axis[hours.index(hour)] == "┬"


def test_a_terminal_without_blocks_gets_plain_signs() -> None:
    assert signs_for("utf-8") is BLOCKS
    assert [signs_for(encoding) for encoding in ("ascii", "latin-1", "no-such", None)] == [PLAIN] * 4
    lines = chart([100.0, 60.0, 1.0, 0.0], 21600.0, 0.0, lambda at: at, 6, PLAIN)
    assert [line[7:11] for line in lines[:4]] == ["#   ", "#   ", "##  ", "### "]
    assert all(line.isascii() for line in lines)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=80), st.sampled_from([1, 2, 4]))
def test_any_light_gives_a_chart_of_one_width(light: list[float], hour_step: int) -> None:
    lines = chart(light, 1200.0, 1234.0, lambda at: at, hour_step)
    assert {len(line) for line in lines} == {7 + len(light)}
    assert {len(line) for line in beside(lines, lines)} == {2 * (7 + len(light)) + 3}


# A street of two programs


def test_the_power_of_a_mixed_street_is_the_sum_of_its_lamps() -> None:
    street = street_of(None)
    lamps = tuple(Lamp(name, POWER, 25.0) for name in ("a", "b", "c"))
    street = type(street)(**{**vars(street), "lamps": lamps})
    # This lamp has no fades, so its power steps, and at other instants than that of its neighbours.
    steps = tuple(step._replace(fade_s=0) for step in load_program("d60").steps)
    d60 = Calendar("d60", Program("d60", parse_mark("sunset+00:10"), parse_mark("sunrise"), steps, 0))
    full = Calendar("always-full", load_program("always-full"))
    plan = Plan([PlannedLuminaire("a", d60), PlannedLuminaire("b", d60), PlannedLuminaire("c", full)])
    preview = preview_night([("mixed", plan)], street, date(2025, 12, 15), None, None)
    assert [len(course.lamps) for course in preview.programs[0].courses] == [2, 1]
    (plot,) = plots(preview, None)
    assert "(the level: 2 of them)" in plot.subtitle
    # A trapezium under each piece of the line; the fades of one lamp bend, but they are short.
    drawn_wh = sum(
        (before[1] + after[1]) / 2 * (after[0] - before[0]) / 3600
        for before, after in zip(plot.powers, plot.powers[1:], strict=False)
    )
    assert drawn_wh == pytest.approx(1000 * preview.programs[0].total.used_kwh, rel=3e-4)
