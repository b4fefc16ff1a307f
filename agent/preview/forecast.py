"""Previews programs on a street over a night from noon to noon, or over a calendar year month by month."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date

from agent.almanac import ZoneAlmanac
from agent.preview.figures import Foreseen, Span, emission_factor, foresee, full_baseline, program_baseline
from agent.preview.picture import night_plot
from agent.preview.report import Preview
from agent.preview.street import Street
from agent.savings.plot import NightPlot
from agent.schedule.civil import date_of_day, day_of_date
from agent.schedule.marks import NOON_S
from agent.schedule.plan import Plan

# The years for which the sun's series is accurate (agent/schedule/sun.py).
FIRST_YEAR, LAST_YEAR = 2000, 2099
# The nights (month, day) that are drawn for a year: near its shortest and its longest night.
_CURVES_OF_A_YEAR = ((6, 21), (12, 21))

# A program or calendar to preview: its name, and its plan for the street's lamps.
Subject = tuple[str, Plan]


def preview_night(
    subjects: Sequence[Subject], street: Street, evening: date, against: Subject | None, price_eur: float | None
) -> Preview:
    """Returns the preview of the night that begins on the evening of this date.

    `against` is the baseline; None stands for full power. `price_eur` is the variable part of the price of a kWh.
    """
    span = night_span(street.almanac, evening)
    return _preview(
        f"Foreseen: the night of {span.label}", subjects, street, [span], [span], evening.year, against, price_eur
    )


def preview_year(
    subjects: Sequence[Subject], street: Street, year: int, against: Subject | None, price_eur: float | None
) -> Preview:
    """Returns the preview of a year, month by month, from 1 January 0:00 to 31 December 24:00 local time.

    `against` is the baseline; None stands for full power. `price_eur` is the variable part of the price of a kWh.
    """
    nights = [night_span(street.almanac, date(year, month, day)) for month, day in _CURVES_OF_A_YEAR]
    title = f"Foreseen: the year {year}, from 1 January 0:00 to 31 December 24:00"
    return _preview(title, subjects, street, month_spans(street.almanac, year), nights, year, against, price_eur)


def night_span(almanac: ZoneAlmanac, evening: date) -> Span:
    """Returns the span from the noon of this date to the noon of the next day."""
    number = day_of_date(evening.year, evening.month, evening.day)
    return Span(str(evening), _noon(almanac, number), _noon(almanac, number + 1))


def month_spans(almanac: ZoneAlmanac, year: int) -> list[Span]:
    """Returns the spans of the months of a year, from midnight to midnight local time."""
    firsts = [almanac.local_to_unix(year + month // 12, month % 12 + 1, 1, 0) for month in range(13)]
    return [Span(f"{year}-{month + 1:02d}", firsts[month], firsts[month + 1]) for month in range(12)]


def evening_of(almanac: ZoneAlmanac, unix: float) -> date:
    """Returns the date of the evening of the night (noon to noon) that holds this instant."""
    found = time.gmtime(unix + almanac.utc_offset_s(unix) - NOON_S)
    return date(found.tm_year, found.tm_mon, found.tm_mday)


def plots(preview: Preview, against: Subject | None) -> list[NightPlot]:
    """Returns a plot for each drawn night and each program. `against` is the baseline; None stands for full power."""
    found = []
    for night, programs in preview.nights:
        baseline = full_baseline(preview.street, [night])
        by_program = None
        if against:
            by_program = foresee(*against, preview.street, [night], baseline)
            baseline = program_baseline(*against, preview.street, [night])
        for foreseen in programs:
            total = foresee(foreseen.name, foreseen.plan, preview.street, [night], baseline).total
            words = (
                f"{total.burning_h:.2f} h. Saved {total.saving_kwh:.3f} kWh of {total.baseline_kwh:.3f} kWh"
                f" ({preview.convention}); {total.net_saving_kwh:.3f} kWh net of the gateway. A forecast"
            )
            found.append(night_plot(foreseen, night, preview.street, words, by_program))
    return found


def _preview(
    title: str,
    subjects: Sequence[Subject],
    street: Street,
    spans: Sequence[Span],
    nights: Sequence[Span],
    year: int,
    against: Subject | None,
    price_eur: float | None,
) -> Preview:
    baseline = program_baseline(*against, street, spans) if against else full_baseline(street, spans)
    factor, words = emission_factor(year, street.country)
    return Preview(
        title=title,
        street=street,
        spans=tuple(spans),
        baseline=baseline,
        programs=tuple(foresee(name, plan, street, spans, baseline) for name, plan in subjects),
        nights=tuple((night, _curves(subjects, street, night)) for night in nights),
        factor=factor,
        factor_words=words,
        price_eur=price_eur,
        notes=tuple(_notes(subjects, street, against)),
    )


def _curves(subjects: Sequence[Subject], street: Street, night: Span) -> tuple[Foreseen, ...]:
    baseline = full_baseline(street, [night])
    return tuple(foresee(name, plan, street, [night], baseline) for name, plan in subjects)


def _notes(subjects: Sequence[Subject], street: Street, against: Subject | None) -> list[str]:
    """Returns a sentence for each thing that the figures leave out or assume, each once."""
    notes = []
    for name, plan in [*subjects, *([against] if against else [])]:
        sources = sorted({dynamic.source for dynamic in plan.dynamics})
        if sources:
            notes.append(f"{name}: as if {', '.join(sources)} never came; sensors change the figures.")
        if plan.photocells:
            notes.append(f"{name}: its photocell is taken to switch at the program's own on and off.")
        if any(planned.output.curve for planned in plan.luminaires.values()):
            notes.append(f"{name}: constant light output as for lamps at the end of their life: the most that it uses.")
        if not street.example:
            dark = "dark where the program says so" if plan.floor.dark_allowed else "never dark"
            notes.append(f"The installer's floor is in it: at night {plan.floor.night_percent:g} %, {dark}.")
    if street.example:
        notes.append("No board, so no installer's floor: a step at 0 % is kept where the program says dark = true.")
    if against:
        notes.append("Where the gateway runs the baseline as well, read the saving before its own use is taken off.")
    return list(dict.fromkeys(notes))


def _noon(almanac: ZoneAlmanac, number: int) -> float:
    return almanac.local_to_unix(*date_of_day(number), NOON_S)
