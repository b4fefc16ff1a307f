"""The plot is well-formed for any names in it, and each point is in its place."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.savings.plot import LEFT, LEVEL_PANEL, POWER_PANEL, RIGHT, NightPlot, night_svg

NOON = 1_768_388_400.0
HOUR = 3600.0


def hour_of_day(at: float) -> str:
    return f"{int((at - NOON) / HOUR + 12) % 24:02d}:00"


NIGHT = NightPlot(
    title="Eindhoven: D60",
    subtitle="10 luminaires",
    start=NOON,
    end=NOON + 24 * HOUR,
    levels=[(NOON, 0.0), (NOON + 6 * HOUR, 0.0), (NOON + 6 * HOUR, 100.0), (NOON + 24 * HOUR, 100.0)],
    powers=[(NOON, 4.0), (NOON + 24 * HOUR, 120.0)],
    baseline_powers=[(NOON, 200.0), (NOON + 24 * HOUR, 200.0)],
    sunset=NOON + 5 * HOUR,
    sunrise=NOON + 20 * HOUR,
    local_time=hour_of_day,
    footnote="net saving 1 kWh",
)


def test_points_stand_where_they_belong() -> None:
    svg = night_svg(NIGHT)
    quarter_x = LEFT + (RIGHT - LEFT) / 4
    top, bottom = LEVEL_PANEL
    assert f"M{LEFT:.1f},{bottom:.1f} L{quarter_x:.1f},{bottom:.1f} L{quarter_x:.1f},{top:.1f}" in svg
    # 200 W is the top of its axis.
    assert f"M{LEFT:.1f},{POWER_PANEL[0]:.1f} L{RIGHT:.1f},{POWER_PANEL[0]:.1f}" in svg
    texts = [element.text for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    for text in (
        "Eindhoven: D60",
        "Level, % of full light",
        "Power, W",
        "sunset 17:00",
        "sunrise 08:00",
        "200",
        "18:00",
    ):
        assert text in texts


def test_a_day_without_sunset_has_no_shade() -> None:
    svg = night_svg(replace(NIGHT, sunset=None, sunrise=None))
    assert "sunset" not in svg
    assert len(re.findall("<rect", svg)) == len(re.findall("<rect", night_svg(NIGHT))) - 2


def test_an_empty_night_still_gives_axes() -> None:
    svg = night_svg(replace(NIGHT, levels=[], powers=[], baseline_powers=[]))
    assert ElementTree.fromstring(svg).tag.endswith("svg")


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(ValueError, match="after its start"):
        night_svg(replace(NIGHT, end=NOON))


@given(
    st.text(max_size=30),
    st.lists(st.tuples(st.floats(NOON - HOUR, NOON + 30 * HOUR), st.floats(0, 1e5)), max_size=20),
)
def test_any_title_and_any_points_give_well_formed_xml_inside_the_paper(
    title: str, points: list[tuple[float, float]]
) -> None:
    svg = night_svg(replace(NIGHT, title=title, levels=points, powers=points))
    ElementTree.fromstring(svg)
    for x, y in re.findall(r"[ML]([0-9.e+-]+),([0-9.e+-]+)", svg):
        assert LEFT <= float(x) <= RIGHT
        assert LEVEL_PANEL[0] <= float(y) <= POWER_PANEL[1]
