"""`lichtmast bench programs`: previews and targets by the clock, burning hours by convention, the sun beside SPA."""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.almanac import ZoneAlmanac
from agent.config.program import load_program
from agent.preview.chart import BLOCKS
from agent.preview.forecast import preview_year
from agent.preview.report import as_text
from agent.preview.street import street_of
from agent.schedule import sun
from agent.schedule.evaluate import burning_seconds
from agent.schedule.marks import parse_mark
from agent.schedule.plan import plain_plan
from hil.bench.street_targets import LUMINAIRES, evaluate
from hil.bench.table import Row

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("street_targets.py")
MICROPYTHON = Path(sys.executable).with_name("micropython")
EVALUATIONS = 200
SAMPLED_DAYS = 11

DE_BILT = (52.10, 5.18)
YEAR = 2025
CONVENTIONS = (
    ("sunset", "sunrise", 4278.0),
    ("sun below -3", "sun above -3", 4082.0),
    ("sun below -6", "sun above -6", 3806.0),
    ("sunset+00:15", "sunrise-00:15", 4096.0),
    ("sunset-00:20", "sunrise+00:20", 4522.0),
)
"""Marks at which lamps are switched on and off, and the burning hours of the year that they give."""

PLACES = {
    "Maastricht": (50.85, 5.69),
    "Eindhoven": (51.44, 5.47),
    "Breda": (51.59, 4.78),
    "Rotterdam": (51.92, 4.48),
    "De Bilt": DE_BILT,
    "Amsterdam": (52.37, 4.90),
    "Zwolle": (52.51, 6.09),
    "Assen": (52.99, 6.56),
    "Leeuwarden": (53.20, 5.80),
    "Groningen": (53.22, 6.57),
    "the equator": (0.0, 0.0),
}
NORTH = {"60 N": (60.0, 10.0)}
MOST_DEG = 0.01
NO_PEER = "pvlib is not here: it comes with the extra `test`"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--every-day", action="store_true", help=f"the sun of every day of 2020-2040, not of each {SAMPLED_DAYS}th"
    )


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yields each figure as soon as it is known."""
    yield _preview()
    yield _targets()
    yield _targets_on_micropython()
    yield from burning_hours()
    yield from sun_beside_spa(1 if arguments.every_day else SAMPLED_DAYS)


def _preview() -> Row:
    street = street_of(None)
    lamps = tuple(replace(street.lamps[0], name=f"L{number:02d}") for number in range(LUMINAIRES))
    street = replace(street, lamps=lamps)
    plan = plain_plan(load_program("d60"), [lamp.name for lamp in lamps])
    began = time.perf_counter()
    as_text(preview_year([("d60", plan)], street, YEAR, None, 0.25), BLOCKS)
    took_s = time.perf_counter() - began
    return Row(f"preview of a year, {LUMINAIRES} luminaires", took_s, "s", "real", 1.0, note="d60, with its text")


def _targets() -> Row:
    mean_ms, longest_ms = evaluate(EVALUATIONS)
    return Row(_TARGETS, mean_ms, "ms", "real", 2.0, note=_note(longest_ms))


def _targets_on_micropython() -> Row:
    name = f"{_TARGETS}, on MicroPython"
    if not MICROPYTHON.exists():
        return Row(name, None, "ms", "real", 50.0, note="micropython is not here: it comes with the extra `test`")
    ended = subprocess.run(
        [MICROPYTHON, SCRIPT, str(EVALUATIONS)],
        env={**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if ended.returncode:
        return Row(name, None, "ms", "real", 50.0, note=(ended.stderr or ended.stdout).strip().splitlines()[-1])
    mean_ms, longest_ms = (float(word) for word in ended.stdout.split())
    return Row(name, mean_ms, "ms", "real", 50.0, note=f"{_note(longest_ms)}; its port for this machine")


_TARGETS = f"targets of {LUMINAIRES} luminaires, with paths and presence"


def _note(longest_ms: float) -> str:
    return f"mean of {EVALUATIONS - 1} evaluations; the longest {longest_ms:.2f} ms"


def burning_hours() -> Iterator[Row]:
    """Yields for each convention how far the burning hours of the local calendar year are from the expected ones."""
    almanac = ZoneAlmanac("Europe/Amsterdam")
    start, end = (almanac.local_to_unix(year, 1, 1, 0) for year in (YEAR, YEAR + 1))
    for on, off, asked_h in CONVENTIONS:
        hours = burning_seconds(parse_mark(on), parse_mark(off), almanac, *DE_BILT, start, end) / 3600
        yield Row(
            f"De Bilt {YEAR}, burning hours {on} to {off}",
            abs(hours - asked_h),
            "h",
            bound=1.0,
            note=f"{hours:.2f} h, asked {asked_h:g} h",
        )


def sun_beside_spa(each_days: int) -> Iterator[Row]:
    """Yields the differences from NREL's SPA, as pvlib computes it, of events and elevations from 2020 to 2040.

    It compares every `each_days`-th day.
    """
    events = (
        ("sun, ten places Maastricht to Groningen and the equator", PLACES, 10.0),
        ("sun, 60 N", NORTH, 30.0),
    )
    present = importlib.util.find_spec("pvlib") is not None
    for name, places, bound_s in events:
        name = f"{name}: largest difference of an event"
        if not present:
            yield Row(name, None, "s", bound=bound_s, note=NO_PEER)
            continue
        worst, count = max((_largest_event_s(*place, each_days) for place in places.values()), key=lambda pair: pair[0])
        note = f"beside pvlib's SPA, 2020-2040, each {each_days}. day, {count * len(places)} events"
        yield Row(name, worst, "s", bound=bound_s, note=note)
    for north in (67.0, 70.0):
        name = f"sun, {north:g} N: largest difference of the elevation"
        if not present:
            yield Row(name, None, "deg", bound=MOST_DEG, note=NO_PEER)
            continue
        worst, count = _largest_elevation_deg(north, each_days)
        yield Row(name, worst, "deg", bound=MOST_DEG, note=f"beside pvlib's SPA, 2020-2040, {count} instants")


def _largest_event_s(north: float, east: float, each_days: int) -> tuple[float, int]:
    """Returns the largest difference of sunsets and sunrises in seconds, and the number of these events."""
    pandas, solarposition = _peer()
    evenings = pandas.date_range("2020-01-01", "2040-12-31", freq=f"{each_days}D", tz="UTC")
    sunsets = solarposition.sun_rise_set_transit_spa(evenings, north, east)["sunset"]
    sunrises = solarposition.sun_rise_set_transit_spa(evenings + pandas.Timedelta(days=1), north, east)["sunrise"]
    worst, count = 0.0, 0
    for sunset, sunrise in zip(sunsets, sunrises, strict=True):
        begin, end = sunset.timestamp(), sunrise.timestamp()
        found = sun.night_around(north, east, (begin + end) / 2)
        for ours, theirs in ((found.sunset, begin), (found.sunrise, end)):
            worst = max(worst, math.inf if ours is None else abs(ours - theirs))
            count += 1
    return worst, count


def _largest_elevation_deg(north: float, each_days: int) -> tuple[float, int]:
    pandas, solarposition = _peer()
    # A step of whole days and five hours more, so that every hour of the day has its turn.
    times = pandas.date_range("2020-01-01", "2040-12-31", freq=f"{24 * each_days // 5 + 5}h", tz="UTC")
    reference = solarposition.spa_python(times, north, 20.0, pressure=0, atmos_refract=0)["elevation"]
    pairs = zip(times, reference, strict=True)
    return max(abs(sun.elevation_deg(north, 20.0, at.timestamp()) - float(deg)) for at, deg in pairs), len(times)


def _peer() -> tuple[Any, Any]:
    """Returns pandas and pvlib's solarposition, which are a peer and never a part of the agent."""
    import pandas
    from pvlib import solarposition

    return pandas, solarposition
