"""The saving of a period, as an auditor reads it (IPMVP): baseline minus use minus control's own use, with its quality.

Made from the bodies of interval and control records, wherever they were kept. A body that was stored twice counts once.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agent.savings.emission_factors import EmissionFactor, factor_for
from agent.savings.intervals import QUARTER_S

# A record's body as JSON or CBOR gave it back; the keys are those of Interval and ControlInterval.
Body = Mapping[str, Any]


@dataclass(frozen=True)
class LuminaireSummary:
    """One luminaire's row. `saving_percent` is None without a baseline (a span of daylight, a lamp out of order)."""

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

    `burning_h`: hours of the switching convention in which a lamp was available, mean of the luminaires.
    `net_saving_kwh` may be negative. `break_even_luminaires`: how many such luminaires pay for control's own energy;
    None where more of them would not help, because a luminaire saves nothing. `co2_kg` goes with the net saving, by
    the factors named; None where the table has none. `duplicates` and `holes` count records on their natural key
    (luminaire, start), or (start) for control.
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
    """The summary of the records given. Control counts over the luminaires' period only.

    Raises ValueError where there is no interval.
    """
    seen = [((str(body["luminaire"]), int(body["start"])), body) for body in intervals]
    by_key = dict(seen)
    if not by_key:
        raise ValueError("there are no energy intervals to summarise; wait for the first quarter to close.")
    bodies = list(by_key.values())
    start = min(int(body["start"]) for body in bodies)
    end = max(int(body["start"]) + int(body["duration_s"]) for body in bodies)
    control_seen = [(int(body["start"]), body) for body in controls if start <= int(body["start"]) < end]
    control_by_start = dict(control_seen)

    names = sorted({name for name, _ in by_key}, key=_with_numbers)
    rows = tuple(_row(name, [body for body in bodies if body["luminaire"] == name]) for name in names)
    baseline_kwh, used_kwh = _kwh(bodies, "baseline_wh"), _kwh(bodies, "actual_wh")
    control_kwh = _kwh(control_by_start.values(), "control_wh")
    net_kwh = baseline_kwh - used_kwh - control_kwh
    co2_kg, factors = _co2(bodies, control_by_start.values(), country)
    quarters = (end - start) // QUARTER_S
    expected = quarters * (len(names) + (1 if control_seen else 0))
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
        measured_full_power_share=sum(body["full_power_source"] == "measured" for body in bodies) / len(bodies),
        duplicates=len(seen) - len(by_key) + len(control_seen) - len(control_by_start),
        holes=expected - len(by_key) - len(control_by_start),
        luminaires=rows,
    )


def _row(name: str, bodies: list[Body]) -> LuminaireSummary:
    baseline_kwh, used_kwh = _kwh(bodies, "baseline_wh"), _kwh(bodies, "actual_wh")
    newest = max(bodies, key=lambda body: int(body["start"]))
    return LuminaireSummary(
        luminaire=name,
        quarters=len(bodies),
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
    """The baseline is full power over the burning hours, so these follow from it."""
    full_power_w = float(body["full_power_w"])
    return float(body["baseline_wh"]) / full_power_w if full_power_w > 0 else 0.0


def _break_even(control_kwh: float, saving_kwh: float, luminaires: int) -> int | None:
    if saving_kwh <= 0:
        return None
    # One part in a billion is rounding, not a further lamp.
    return max(1, math.ceil(control_kwh * luminaires / saving_kwh - 1e-9))


def _co2(bodies: list[Body], controls: Iterable[Body], country: str) -> tuple[float | None, tuple[EmissionFactor, ...]]:
    """The net saving of each calendar year (UTC) by that year's factor."""
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
    return math.fsum(float(body[key]) for body in bodies) / len(bodies)


def _percent(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole > 0 else None


def _quality_shares(bodies: list[Body]) -> dict[str, float]:
    counts = Counter(str(body["quality"]) for body in bodies)
    return {quality: counts[quality] / len(bodies) for quality in ("metered", "interpolated", "modelled")}


def _with_numbers(name: str) -> list[tuple[bool, int, str]]:
    """Sorts "lamp-2" before "lamp-10"."""
    parts = re.split("([0-9]+)", name)  # each second part is a number
    return [(bool(index % 2), int(part) if index % 2 else 0, part) for index, part in enumerate(parts)]
