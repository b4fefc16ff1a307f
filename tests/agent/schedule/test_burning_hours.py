"""Burning hours of a year by convention, against the figures asked for; and the bench's rows of programs."""

from __future__ import annotations

import argparse
import importlib.util
import os
from pathlib import Path

import pandas as pd
import pytest
from pvlib import solarposition

from agent.almanac import ZoneAlmanac
from agent.schedule.evaluate import burning_seconds
from agent.schedule.marks import parse_mark
from hil.bench import programs
from hil.bench.table import Row

SOAK = bool(os.environ.get("LICHTMAST_SOAK"))
DE_BILT = (52.10, 5.18)


@pytest.mark.parametrize(
    ("on", "off", "hours"),
    [
        ("sunset", "sunrise", 4278),
        ("sun below -3", "sun above -3", 4082),
        ("sun below -6", "sun above -6", 3806),
        ("sunset+00:15", "sunrise-00:15", 4096),
        ("sunset-00:20", "sunrise+00:20", 4522),
    ],
)
def test_the_hours_of_a_year_by_convention(on: str, off: str, hours: float) -> None:
    almanac = ZoneAlmanac("Europe/Amsterdam")
    start, end = (almanac.local_to_unix(year, 1, 1, 0) for year in (2025, 2026))
    found = burning_seconds(parse_mark(on), parse_mark(off), almanac, *DE_BILT, start, end) / 3600
    assert found == pytest.approx(hours, abs=1)


@pytest.mark.parametrize(("angle", "mark"), [(-0.8333, ""), (-3.0, " -3"), (-6.0, " -6")])
def test_the_hours_are_those_of_the_reference_sun(angle: float, mark: str) -> None:
    """The reference takes pvlib's elevation of the sun every ten minutes of a year, and no rule of Lichtmast."""
    almanac = ZoneAlmanac("Europe/Amsterdam")
    start, end = (almanac.local_to_unix(year, 1, 1, 0) for year in (2025, 2026))
    times = pd.date_range(
        pd.Timestamp(start + 300, unit="s", tz="UTC"), pd.Timestamp(end, unit="s", tz="UTC"), freq="10min"
    )
    elevation = solarposition.spa_python(times, *DE_BILT, pressure=0, atmos_refract=0)["elevation"]
    reference_h = float((elevation < angle).sum()) / 6
    on, off = (
        (parse_mark(f"sun below{mark}"), parse_mark(f"sun above{mark}"))
        if mark
        else (
            parse_mark("sunset"),
            parse_mark("sunrise"),
        )
    )
    found = burning_seconds(on, off, almanac, *DE_BILT, start, end) / 3600
    # 730 edges, each off by at most five minutes either way: their mean error is small.
    assert found == pytest.approx(reference_h, abs=3)


def test_the_bench_holds_its_bounds_that_no_clock_decides() -> None:
    rows = [*programs.burning_hours(), *programs.sun_beside_spa(1 if SOAK else 97)]
    assert len(rows) == 5 + 4
    assert [row for row in rows if not row.holds] == []
    assert all(row.note and row.bound for row in rows)
    events = next(row for row in rows if "ten places" in row.name)
    assert events.value is not None
    assert 0.01 < events.value < 2


def test_every_row_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "SAMPLED_DAYS", 997)
    monkeypatch.setattr(programs, "EVALUATIONS", 3)
    rows = list(programs.rows(argparse.Namespace(every_day=False)))
    assert len(rows) == 12
    assert all(row.value is not None for row in rows), rows


def test_without_micropython_the_row_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(programs, "MICROPYTHON", tmp_path / "micropython")
    row: Row = programs._targets_on_micropython()
    assert (row.value, row.holds) == (None, False)
    assert "comes with the extra `test`" in row.note


def test_without_the_reference_the_rows_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    rows = list(programs.sun_beside_spa(11))
    assert len(rows) == 4
    assert all(row.value is None and not row.holds and row.note == programs.NO_PEER for row in rows)
