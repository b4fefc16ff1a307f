"""Computes the figures of a program on a street over spans of time: hours, energy and saving. Pure functions.

The levels are those of the undisturbed course (agent/schedule/course.py), which the lamps follow while no sensor and no
override is active. The powers and the meaning of the baseline are those of agent/savings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from agent.preview.busy import busy_plan
from agent.preview.street import Lamp, Street
from agent.preview.usage import Usage, usages
from agent.savings.emission_factors import TABLE, EmissionFactor, factor_for
from agent.schedule.course import changes
from agent.schedule.evaluate import Change, burning_seconds
from agent.schedule.plan import Plan


@dataclass(frozen=True)
class Span:
    """A span of time with a name, from `start` to `end` (Unix seconds)."""

    label: str
    start: float
    end: float


@dataclass(frozen=True)
class Figures:
    """The figures of one program in one span. Energies are those of all lamps together, hours those of a lamp (the
    mean, if lamps differ).

    `full_load_h` is the energy, standby included, divided by the connected full power: an unmetered connection is
    billed by it. `net_saving_kwh` is the saving less the use of the gateway and the bus supplies; it may be negative.
    """

    burning_h: float
    full_load_h: float
    used_kwh: float
    baseline_kwh: float
    control_kwh: float

    @property
    def saving_kwh(self) -> float:
        return self.baseline_kwh - self.used_kwh

    @property
    def net_saving_kwh(self) -> float:
        return self.saving_kwh - self.control_kwh

    @property
    def saving_percent(self) -> float | None:
        return self._of_baseline(self.saving_kwh)

    @property
    def net_saving_percent(self) -> float | None:
        return self._of_baseline(self.net_saving_kwh)

    def break_even(self, lamps: int) -> int | None:
        """Returns how many such lamps save as much as the gateway uses, or None if the lamps save nothing.

        `lamps` is how many lamps these figures are about.
        """
        if self.saving_kwh <= 0:
            return None
        return max(1, math.ceil(self.control_kwh * lamps / self.saving_kwh - 1e-9))

    def _of_baseline(self, kwh: float) -> float | None:
        return 100 * kwh / self.baseline_kwh if self.baseline_kwh > 0 else None


@dataclass(frozen=True)
class Baseline:
    """The use that savings are counted against. `burning_h` (of a lamp, the mean if lamps differ) and `kwh` (of all
    lamps) have a figure for each span."""

    name: str
    burning_h: tuple[float, ...]
    kwh: tuple[float, ...]


@dataclass(frozen=True)
class Course:
    """Lamps that go through equal levels, these levels, and the usage that follows from them, span by span."""

    lamps: tuple[Lamp, ...]
    changes: Sequence[Change]
    usages: Sequence[Usage]


@dataclass(frozen=True)
class Foreseen:
    """The figures of a program for all spans together (`total`) and for each span (`parts`), and their courses.

    `busy_kwh` is the use of the lamps if every sensor is active all night, or None if sensors change nothing.
    """

    name: str
    plan: Plan
    total: Figures
    parts: tuple[Figures, ...]
    courses: tuple[Course, ...]
    busy_kwh: float | None


def courses_of(plan: Plan, street: Street, spans: Sequence[Span]) -> tuple[Course, ...]:
    """Returns the courses of the street's lamps over adjoining spans. Lamps with equal levels share a course."""
    groups: list[tuple[Sequence[Change], list[Lamp]]] = []
    for lamp in street.lamps:
        found = changes(plan, lamp.name, street.place, spans[0].start, spans[-1].end)
        same = next((lamps for known, lamps in groups if known is found or known == found), None)
        if same is None:
            groups.append((found, [lamp]))
        else:
            same.append(lamp)
    boundaries = [spans[0].start, *(span.end for span in spans)]
    return tuple(Course(tuple(lamps), found, usages(found, boundaries)) for found, lamps in groups)


def full_baseline(street: Street, spans: Sequence[Span]) -> Baseline:
    """Returns the baseline of lamps without a gateway: full power in the hours of the convention, and nothing outside
    them."""
    place = street.place
    hours = tuple(
        burning_seconds(street.on, street.off, street.almanac, place.latitude, place.longitude, span.start, span.end)
        / 3600
        for span in spans
    )
    full_kw = sum(lamp.baseline_w for lamp in street.lamps) / 1000
    return Baseline("full", hours, tuple(each * full_kw for each in hours))


def program_baseline(name: str, plan: Plan, street: Street, spans: Sequence[Span]) -> Baseline:
    """Returns the baseline of the street's lamps under another program, standby included."""
    courses = courses_of(plan, street, spans)
    parts = range(len(spans))
    return Baseline(
        name,
        tuple(_burning_h(courses, street, part) for part in parts),
        tuple(_used_kwh(courses, part) for part in parts),
    )


def foresee(name: str, plan: Plan, street: Street, spans: Sequence[Span], baseline: Baseline) -> Foreseen:
    """Returns the figures of a program over adjoining spans."""
    courses = courses_of(plan, street, spans)
    full_w = sum(lamp.power.full_power_w for lamp in street.lamps)
    parts = []
    for part, span in enumerate(spans):
        used_kwh = _used_kwh(courses, part)
        control_kwh = street.control_power_w * (span.end - span.start) / 3_600_000
        full_load_h = 1000 * used_kwh / full_w
        burning_h = _burning_h(courses, street, part)
        parts.append(Figures(burning_h, full_load_h, used_kwh, baseline.kwh[part], control_kwh))
    busy = busy_plan(plan)
    busy_kwh = None
    if busy:
        busy_courses = courses_of(busy, street, spans)
        busy_kwh = math.fsum(_used_kwh(busy_courses, part) for part in range(len(spans)))
    return Foreseen(name, plan, _total(parts), tuple(parts), courses, busy_kwh)


def _total(parts: Sequence[Figures]) -> Figures:
    return Figures(
        burning_h=math.fsum(part.burning_h for part in parts),
        full_load_h=math.fsum(part.full_load_h for part in parts),
        used_kwh=math.fsum(part.used_kwh for part in parts),
        baseline_kwh=math.fsum(part.baseline_kwh for part in parts),
        control_kwh=math.fsum(part.control_kwh for part in parts),
    )


def _used_kwh(courses: Sequence[Course], part: int) -> float:
    return math.fsum(course.usages[part].energy_wh(lamp.power) for course in courses for lamp in course.lamps) / 1000


def _burning_h(courses: Sequence[Course], street: Street, part: int) -> float:
    return sum(course.usages[part].burning_h * len(course.lamps) for course in courses) / len(street.lamps)


def emission_factor(year: int, country: str) -> tuple[EmissionFactor | None, str]:
    """Returns the emission factor for a year, and a phrase that names its source.

    A year that has no factor of its own gets the newest older one. If there is none, returns None and a phrase that
    says why.
    """
    factor = factor_for(year, country)
    if factor is None:
        known = f"the table begins in {min(row.year for row in TABLE)}" if country == "NL" else "the table has NL only"
        return None, f"no emission factor for {country or 'this place'} in {year}: {known}"
    words = f"{factor.kg_per_kwh:g} kg/kWh, {country} {factor.year}, {factor.source}"
    if factor.year < year:
        words += f"; {year} has none of its own yet, so the newest counts"
    return factor, words
