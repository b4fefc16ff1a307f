"""Sums up the saving of a period for an auditor (IPMVP): baseline minus use minus control's own use, with its quality.

A summary is made from the bodies of interval and control records, from any store. A span that several bodies cover
counts once. Shares and means are weighted by time, because a body covers a quarter or a whole day.
"""

from __future__ import annotations

import math
import re
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agent.savings.emission_factors import EmissionFactor, factor_for
from agent.savings.intervals import QUARTER_S

# The body of a record, read from JSON or CBOR. Its keys are the fields of Interval or ControlInterval.
Body = Mapping[str, Any]


@dataclass(frozen=True)
class LuminaireSummary:
    """The summary of a luminaire. `quarters` is how many quarters are on record, alone or as part of a day.
    `saving_percent` is None if the baseline is 0 (a span of daylight, a lamp out of order)."""

    luminaire: str
    quarters: int
    burning_h: float
    baseline_kwh: float
    used_kwh: float
    saving_kwh: float
    saving_percent: float | None
    full_power_w: float
    full_power_source: str
    coverage: float
    quality_shares: dict[str, float]


@dataclass(frozen=True)
class Summary:
    """All luminaires over the period from the first to the last quarter on record (Unix seconds).

    `burning_h` is the mean of the luminaires' hours of the switching convention in which the lamp was available.
    `net_saving_kwh` may be negative. `break_even_luminaires` is how many such luminaires save as much energy as control
    uses; it is None if they save nothing. `co2_kg` is the CO2 of the net saving by `emission_factors`, or None if the
    table has no factor for a year. `duplicates` counts the bodies of a span that an earlier body covers (of one
    luminaire, or of control). `holes` counts the quarters that no body covers.
    """

    start: int
    end: int
    burning_h: float
    baseline_kwh: float
    used_kwh: float
    control_kwh: float
    net_saving_kwh: float
    net_saving_percent: float | None
    break_even_luminaires: int | None
    co2_kg: float | None
    emission_factors: tuple[EmissionFactor, ...]
    quality_shares: dict[str, float]
    coverage: float
    measured_full_power_share: float
    duplicates: int
    holes: int
    luminaires: tuple[LuminaireSummary, ...]


def summarise(intervals: Iterable[Body], controls: Iterable[Body], country: str = "NL") -> Summary:
    """Returns the summary of these records. Control counts in the period of the luminaires only.

    The records must stand in the order in which they were made, without those that were revoked (VoidIntervals). Raises
    ValueError if there is no interval.
    """
    by_name: defaultdict[str, list[Body]] = defaultdict(list)
    for body in intervals:
        by_name[str(body["luminaire"])].append(body)
    if not by_name:
        raise ValueError("there are no energy intervals to summarise; wait for the first quarter to close.")
    told = sum(len(bodies) for bodies in by_name.values())
    distinct = {name: _without_repeats(by_name[name]) for name in sorted(by_name, key=_name_order)}
    bodies = [body for own in distinct.values() for body in own]
    start = min(_start(body) for body in bodies)
    end = max(_end(body) for body in bodies)
    control_told = [body for body in controls if start <= _start(body) < end]
    control = _without_repeats(control_told)

    rows = tuple(_row(name, own) for name, own in distinct.items())
    baseline_kwh, used_kwh = _kwh(bodies, "baseline_wh"), _kwh(bodies, "actual_wh")
    control_kwh = _kwh(control, "control_wh")
    net_kwh = baseline_kwh - used_kwh - control_kwh
    co2_kg, factors = _co2(bodies, control, country)
    expected_s = (end - start) * (len(rows) + bool(control))
    return Summary(
        start=start,
        end=end,
        burning_h=sum(row.burning_h for row in rows) / len(rows),
        baseline_kwh=baseline_kwh,
        used_kwh=used_kwh,
        control_kwh=control_kwh,
        net_saving_kwh=net_kwh,
        net_saving_percent=_percent(net_kwh, baseline_kwh),
        break_even_luminaires=_break_even(control_kwh, baseline_kwh - used_kwh, len(rows)),
        co2_kg=co2_kg,
        emission_factors=factors,
        quality_shares=_quality_shares(bodies),
        coverage=_mean(bodies, "coverage"),
        measured_full_power_share=_shares(bodies, "full_power_source")["measured"],
        duplicates=told - len(bodies) + len(control_told) - len(control),
        holes=(expected_s - _seconds(bodies) - _seconds(control)) // QUARTER_S,
        luminaires=rows,
    )


def _without_repeats(bodies: Iterable[Body]) -> list[Body]:
    """Returns the bodies of one luminaire (or of control) in order of time. Of bodies with overlapping spans, the first
    counts, as in the store."""
    kept: list[Body] = []
    starts: list[int] = []
    for body in bodies:
        place = bisect(starts, _start(body))
        after_the_one_before = place == 0 or _end(kept[place - 1]) <= _start(body)
        if after_the_one_before and (place == len(kept) or _end(body) <= starts[place]):
            kept.insert(place, body)
            starts.insert(place, _start(body))
    return kept


def _start(body: Body) -> int:
    return int(body["start"])


def _end(body: Body) -> int:
    return int(body["start"]) + int(body["duration_s"])


def _seconds(bodies: Iterable[Body]) -> int:
    return sum(int(body["duration_s"]) for body in bodies)


def _row(name: str, bodies: list[Body]) -> LuminaireSummary:
    baseline_kwh, used_kwh = _kwh(bodies, "baseline_wh"), _kwh(bodies, "actual_wh")
    newest = bodies[-1]
    return LuminaireSummary(
        luminaire=name,
        quarters=_seconds(bodies) // QUARTER_S,
        burning_h=sum(_burning_h(body) for body in bodies),
        baseline_kwh=baseline_kwh,
        used_kwh=used_kwh,
        saving_kwh=baseline_kwh - used_kwh,
        saving_percent=_percent(baseline_kwh - used_kwh, baseline_kwh),
        full_power_w=float(newest["full_power_w"]),
        full_power_source=str(newest["full_power_source"]),
        coverage=_mean(bodies, "coverage"),
        quality_shares=_quality_shares(bodies),
    )


def _burning_h(body: Body) -> float:
    """Returns the burning hours, which follow from the baseline: it is full power over these hours."""
    full_power_w = float(body["full_power_w"])
    return float(body["baseline_wh"]) / full_power_w if full_power_w > 0 else 0.0


def _break_even(control_kwh: float, saving_kwh: float, luminaires: int) -> int | None:
    if saving_kwh <= 0:
        return None
    # A rounding error of one part in a billion must not add a luminaire.
    return max(1, math.ceil(control_kwh * luminaires / saving_kwh - 1e-9))


def _co2(bodies: list[Body], controls: Iterable[Body], country: str) -> tuple[float | None, tuple[EmissionFactor, ...]]:
    """Returns the kg of CO2 of the net saving, each calendar year (UTC) by its factor, and these factors. If a year has
    no factor, returns None and no factors."""
    net_wh: defaultdict[int, float] = defaultdict(float)
    for body in bodies:
        net_wh[_year(body)] += float(body["baseline_wh"]) - float(body["actual_wh"])
    for body in controls:
        net_wh[_year(body)] -= float(body["control_wh"])
    factors = {year: factor_for(year, country) for year in sorted(net_wh)}
    known = {year: factor for year, factor in factors.items() if factor is not None}
    if len(known) < len(factors):
        return None, ()
    kg = math.fsum(net_wh[year] / 1000 * factor.kg_per_kwh for year, factor in known.items())
    return kg, tuple(dict.fromkeys(known.values()))


def _year(body: Body) -> int:
    return datetime.fromtimestamp(int(body["start"]), UTC).year


def _kwh(bodies: Iterable[Body], key: str) -> float:
    return math.fsum(float(body[key]) for body in bodies) / 1000


def _mean(bodies: list[Body], key: str) -> float:
    return math.fsum(float(body[key]) * int(body["duration_s"]) for body in bodies) / _seconds(bodies)


def _percent(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole > 0 else None


def _quality_shares(bodies: list[Body]) -> dict[str, float]:
    shares = _shares(bodies, "quality")
    return {quality: shares[quality] for quality in ("metered", "interpolated", "modelled")}


def _shares(bodies: list[Body], key: str) -> Counter[str]:
    """Returns the share of the time (0-1) that each value of a key has."""
    seconds = Counter[str]()
    for body in bodies:
        seconds[str(body[key])] += int(body["duration_s"])
    whole = _seconds(bodies)
    return Counter({value: of_it / whole for value, of_it in seconds.items()})


def _name_order(name: str) -> list[tuple[bool, int, str]]:
    """Returns a sort key that puts "lamp-2" before "lamp-10"."""
    parts = re.split("([0-9]+)", name)  # each second part is a number
    return [(bool(index % 2), int(part) if index % 2 else 0, part) for index, part in enumerate(parts)]
