"""The sun, compared with NREL's SPA as pvlib computes it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pvlib import solarposition

from agent.schedule import sun

DAYS = pd.date_range("2020-01-01", "2040-12-31", freq="11D", tz="UTC")

# Name, north, east, and how far an event may lie from the reference.
PLACES = [
    ("Maastricht", 50.85, 5.69, 2),
    ("Eindhoven", 51.44, 5.47, 2),
    ("De Bilt", 52.10, 5.18, 2),
    ("Groningen", 53.22, 6.57, 2),
    ("Amsterdam", 52.37, 4.90, 2),
    ("Vlissingen", 51.44, 3.57, 2),
    ("Enschede", 52.22, 6.89, 2),
    ("Den Helder", 52.96, 4.76, 2),
    ("Zwolle", 52.51, 6.09, 2),
    ("Delfzijl", 53.33, 6.92, 2),
    ("equator", 0.0, 0.0, 2),
    ("60 north", 60.0, 10.0, 5),
]


@pytest.mark.parametrize(
    ("north", "east", "within_s"), [place[1:] for place in PLACES], ids=[place[0] for place in PLACES]
)
def test_events_agree_with_the_reference(north: float, east: float, within_s: float) -> None:
    evening = solarposition.sun_rise_set_transit_spa(DAYS, north, east)["sunset"]
    morning = solarposition.sun_rise_set_transit_spa(DAYS + pd.Timedelta(days=1), north, east)["sunrise"]
    for sunset, sunrise in zip(evening, morning, strict=True):
        found = sun.night_around(north, east, (sunset.timestamp() + sunrise.timestamp()) / 2)
        assert found.sunset == pytest.approx(sunset.timestamp(), abs=within_s)
        assert found.sunrise == pytest.approx(sunrise.timestamp(), abs=within_s)


@pytest.mark.parametrize("north", [-35.0, 0.0, 52.0, 67.0, 70.0])
def test_elevation_agrees_with_the_reference(north: float) -> None:
    times = pd.date_range("2020-01-01", "2040-12-31", freq="53h", tz="UTC")
    reference = solarposition.spa_python(times, north, 20.0, pressure=0, atmos_refract=0)["elevation"].to_numpy()
    found = np.array([sun.elevation_deg(north, 20.0, time.timestamp()) for time in times])
    # 0.0024 degree of it is parallax: the reference stands on the ground, an almanac at the earth's centre.
    assert np.abs(found - reference).max() < 0.005


@given(
    north=st.floats(-90, 90),
    east=st.floats(-180, 180),
    unix=st.floats(-2e9, 8e9),
    passes=st.sampled_from([sun.HORIZON_DEG, -3.0, -6.0]),
)
def test_every_night_is_in_order_anywhere(north: float, east: float, unix: float, passes: float) -> None:
    found = sun.night_around(north, east, unix, passes)
    assert abs(found.midnight - unix) < 43200 + 60
    if found.white:
        assert found.sunset is None
        assert found.sunrise is None
        assert sun.elevation_deg(north, east, found.midnight) >= passes - 1e-6
        return
    assert sun.elevation_deg(north, east, found.midnight) < passes
    for event, noon in ((found.sunset, found.midnight - 43200), (found.sunrise, found.midnight + 43200)):
        if event is None:
            assert sun.elevation_deg(north, east, noon) <= passes + 1e-6
        else:
            assert min(noon, found.midnight) <= event <= max(noon, found.midnight)
            # The search ends on the sine; where that is flat (a sun that only grazes), degrees are what is left of it.
            sine = math.sin(math.radians(sun.elevation_deg(north, east, event)))
            assert sine == pytest.approx(math.sin(math.radians(passes)), abs=1e-6)


def test_white_and_polar_nights() -> None:
    june, december = 1782086400.0, 1797894000.0  # 2026-06-22 00:00 UTC, 2026-12-21 23:00 UTC
    white = sun.night_around(70.0, 20.0, june)
    assert white.white
    polar = sun.night_around(70.0, 20.0, december)
    assert (polar.white, polar.sunset, polar.sunrise) == (False, None, None)
    # The sun's dawn differs from its rise: at 70 degrees it passes -6 degrees each day, even in December.
    assert sun.night_around(70.0, 20.0, december, -6.0).sunset is not None
