"""Writes a preview as text and as JSON: each figure stands with the convention or the factor that it rests on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from agent.preview.chart import Signs, beside, chart
from agent.preview.figures import Baseline, Figures, Foreseen, Span
from agent.preview.picture import clock
from agent.preview.street import Street
from agent.preview.usage import usages
from agent.savings.emission_factors import TABLE_VERSION, EmissionFactor
from agent.schedule.evaluate import Change
from agent.schedule.marks import mark_text
from agent.schedule.sun import night_around

NOT_FOR_SETTLEMENT = "A forecast, not for settlement unless the grid operator agrees."
_COLUMN_S = 1200.0


@dataclass(frozen=True)
class Preview:
    """All that a preview shows. `nights` are the nights to draw, each with the figures of every program for it."""

    title: str
    street: Street
    spans: tuple[Span, ...]
    baseline: Baseline
    programs: tuple[Foreseen, ...]
    nights: tuple[tuple[Span, tuple[Foreseen, ...]], ...]
    factor: EmissionFactor | None
    factor_words: str
    price_eur: float | None
    notes: tuple[str, ...]

    @property
    def convention(self) -> str:
        """A phrase that says what the baseline means."""
        if self.baseline.name != "full":
            return f"the same lamps by {self.baseline.name}, with standby"
        return f"100 % from {mark_text(self.street.on)} to {mark_text(self.street.off)}, without standby"

    def co2_kg(self, figures: Figures) -> float | None:
        """Returns the kg of CO2 that the net saving avoids, or None if there is no emission factor."""
        return None if self.factor is None else self.factor.kg_per_kwh * figures.net_saving_kwh

    def euros(self, figures: Figures) -> float | None:
        """Returns the euros by which the net saving lowers the variable part of the bill, or None without a price."""
        return None if self.price_eur is None else self.price_eur * figures.net_saving_kwh


def as_text(preview: Preview, signs: Signs) -> list[str]:
    """Returns the lines of the preview for people to read."""
    lines = [preview.title, *_street_lines(preview.street), ""]
    for number, foreseen in enumerate(preview.programs):
        lines += [foreseen.name, *_curves(preview, number, signs), ""]
    lines += _table(_rows(preview))
    if len(preview.spans) > 1:
        for foreseen in preview.programs:
            lines += ["", f"{foreseen.name}, month by month", *_months(preview, foreseen)]
    return [*lines, "", f"CO2: {preview.factor_words}.", *preview.notes, NOT_FOR_SETTLEMENT]


def _street_lines(street: Street) -> list[str]:
    count = f"{len(street.lamps)} luminaire{'s' if len(street.lamps) > 1 else ''}"
    full_w = sum(lamp.power.full_power_w for lamp in street.lamps)
    learned = sum(lamp.learned for lamp in street.lamps)
    known = f"full power of {learned} measured" if learned else "powers as declared"
    what = f"{count}, {full_w:g} W ({known}), gateway and bus supplies {street.control_power_w:g} W all day"
    if street.example:
        power = street.lamps[0].power
        what = (
            f"An example: 1 luminaire of {power.full_power_w:g} W ({power.min_power_w:g} W at 1 %,"
            f" {power.standby_w:g} W when off), a gateway of {street.control_power_w:g} W all day."
            " Give --board for your own street"
        )
    else:
        what = f"{street.name}: {what}"
    return [f"{street.where}", what]


def _curves(preview: Preview, number: int, signs: Signs) -> list[str]:
    """Returns the charts of a program: one night over the whole width, or two side by side at half of it."""
    charts = []
    column_s = _COLUMN_S * len(preview.nights)
    for night, programs in preview.nights:
        changes = max(programs[number].courses, key=lambda course: len(course.lamps)).changes
        drawn = _curve(preview.street, night, changes, column_s, 2 * len(preview.nights), signs)
        sun = _sun_words(preview.street, night)
        width = len(drawn[0])
        charts.append([f"{night.label}: {sun}"[:width].ljust(width), *drawn])
    lines = charts[0]
    for other in charts[1:]:
        lines = beside(lines, other)
    return [line.rstrip() for line in lines]


def _curve(
    street: Street, night: Span, changes: Sequence[Change], column_s: float, hour_step: int, signs: Signs
) -> list[str]:
    columns = max(1, round((night.end - night.start) / column_s))
    boundaries = [night.start + column * column_s for column in range(columns)]
    light = [100 * each.light_h / each.span_h for each in usages(changes, [*boundaries, night.end])]
    return chart(light, column_s, night.start, lambda at: at + street.almanac.utc_offset_s(at), hour_step, signs)


def _sun_words(street: Street, night: Span) -> str:
    sun = night_around(street.place.latitude, street.place.longitude, (night.start + night.end) / 2)
    if sun.white:
        return "the sun does not set"
    if sun.sunset is None or sun.sunrise is None:
        return "the sun does not rise"
    return f"sunset {clock(street, sun.sunset)}, sunrise {clock(street, sun.sunrise)}"


def _rows(preview: Preview) -> list[list[str]]:
    """Returns the rows of the table of figures: a row has a figure's name, a cell for each program, and the basis of
    the figure."""
    totals = [foreseen.total for foreseen in preview.programs]
    lamps = len(preview.street.lamps)
    differ = any(len(foreseen.courses) > 1 for foreseen in preview.programs)
    convention = f"{preview.convention}: {sum(preview.baseline.burning_h):.2f} h"
    per_lamp = "of a lamp, from switching on to switching off" + (", mean" if differ else "")

    def row(name: str, cell: Callable[[Figures], str], basis: str) -> list[str]:
        return [name, *(cell(total) for total in totals), basis]

    rows = [
        ["", *(foreseen.name for foreseen in preview.programs), ""],
        row("burning hours", lambda one: f"{one.burning_h:.2f} h", per_lamp),
        row("equivalent full-load hours", lambda one: f"{one.full_load_h:.2f} h", "energy over connected full power"),
        row("used by the lamps", lambda one: _kwh(one.used_kwh), "modelled: affine in light, with standby"),
        row("baseline", lambda one: _kwh(one.baseline_kwh), convention),
        row("saving", lambda one: _share(one.saving_kwh, one.saving_percent), "baseline less the lamps' use"),
        row("used by gateway and bus supplies", lambda one: _kwh(one.control_kwh), "declared, 24 h a day"),
        row("net saving", lambda one: _share(one.net_saving_kwh, one.net_saving_percent), "with that taken off"),
        row("pays for itself from", lambda one: _break_even(one.break_even(lamps)), "of such luminaires to a gateway"),
        row("CO2 avoided, net", lambda one: _or_none(preview.co2_kg(one), "kg"), _factor(preview.factor)),
    ]
    busy = [foreseen.busy_kwh for foreseen in preview.programs]
    if any(kwh is not None for kwh in busy):
        cells = ["-" if kwh is None else _kwh(kwh) for kwh in busy]
        rows.insert(4, ["used, sensors always active", *cells, "all figures else: as if they never were"])
    if preview.price_eur is not None:
        basis = f"{preview.price_eur:g} EUR per kWh, the variable part, as given"
        rows.append(row("money saved, net", lambda one: _or_none(preview.euros(one), "EUR"), basis))
    return rows


def _months(preview: Preview, foreseen: Foreseen) -> list[str]:
    head = ["month", "burning h", "full-load h", "kWh", "baseline kWh", "saving kWh", "net kWh", "CO2 kg", "EUR"]
    labelled = [
        *zip((span.label for span in preview.spans), foreseen.parts, strict=True),
        ("all", foreseen.total),
    ]
    rows = [head]
    for label, figures in labelled:
        numbers = (
            figures.burning_h,
            figures.full_load_h,
            figures.used_kwh,
            figures.baseline_kwh,
            figures.saving_kwh,
            figures.net_saving_kwh,
            preview.co2_kg(figures),
            preview.euros(figures),
        )
        rows.append([label, *("-" if number is None else f"{number:.2f}" for number in numbers)])
    if preview.price_eur is None:
        rows = [row[:-1] for row in rows]
    return _aligned(rows)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns the lines of a table: numbers are aligned to the right, and the words of the last column to the left."""
    body = _aligned([row[:-1] for row in rows])
    return [f"{line}   {row[-1]}".rstrip() for line, row in zip(body, rows, strict=True)]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join([f"  {row[0]:<{widths[0]}}", *cells]))
    return lines


def _kwh(kwh: float) -> str:
    return f"{kwh:.3f} kWh" if abs(kwh) < 10 else f"{kwh:.1f} kWh"


def _share(kwh: float, percent: float | None) -> str:
    return _kwh(kwh) + ("" if percent is None else f", {percent:.1f} %")


def _break_even(count: int | None) -> str:
    return "never" if count is None else "1 luminaire" if count == 1 else f"{count} luminaires"


def _factor(factor: EmissionFactor | None) -> str:
    return "no factor: see below" if factor is None else f"{factor.kg_per_kwh:g} kg/kWh, {factor.year}"


def _or_none(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.3f} {unit}" if abs(value) < 1 else f"{value:.2f} {unit}"


def as_json(preview: Preview) -> dict[str, object]:
    """Returns the preview for scripts: energies in kWh of all lamps together, times in Unix seconds."""
    street = preview.street
    return {
        "title": preview.title,
        "start": preview.spans[0].start,
        "end": preview.spans[-1].end,
        "place": {
            "latitude": street.place.latitude,
            "longitude": street.place.longitude,
            "timezone": street.almanac.timezone,
        },
        "street": {
            "name": street.name,
            "example": street.example,
            "control_power_w": street.control_power_w,
            "luminaires": [
                {
                    "name": lamp.name,
                    "full_power_w": lamp.power.full_power_w,
                    "min_power_w": lamp.power.min_power_w,
                    "standby_w": lamp.power.standby_w,
                    "full_power_source": "measured" if lamp.learned else "declared",
                }
                for lamp in street.lamps
            ],
        },
        "baseline": {
            "name": preview.baseline.name,
            "convention": preview.convention,
            "burning_h": sum(preview.baseline.burning_h),
            "kwh": sum(preview.baseline.kwh),
        },
        "emission_factor": None
        if preview.factor is None
        else {**asdict(preview.factor), "table_version": TABLE_VERSION},
        "emission_factor_words": preview.factor_words,
        "price_eur_per_kwh": preview.price_eur,
        "programs": [_program_json(preview, number) for number in range(len(preview.programs))],
        "notes": [*preview.notes, NOT_FOR_SETTLEMENT],
    }


def _program_json(preview: Preview, number: int) -> dict[str, object]:
    foreseen = preview.programs[number]
    parts = zip(preview.spans, foreseen.parts, strict=True) if len(preview.spans) > 1 else ()
    return {
        "name": foreseen.name,
        "total": _figures_json(preview, foreseen.total),
        "used_kwh_sensors_always_active": foreseen.busy_kwh,
        "months": [{"month": span.label, **_figures_json(preview, part)} for span, part in parts],
        "nights": [
            {
                "night": night.label,
                "start": night.start,
                "end": night.end,
                "courses": [
                    {
                        "luminaires": [lamp.name for lamp in course.lamps],
                        "changes": [_change_json(preview.street, change) for change in course.changes],
                    }
                    for course in programs[number].courses
                ],
            }
            for night, programs in preview.nights
        ],
    }


def _figures_json(preview: Preview, figures: Figures) -> dict[str, object]:
    return {
        **asdict(figures),
        "saving_kwh": figures.saving_kwh,
        "saving_percent": figures.saving_percent,
        "net_saving_kwh": figures.net_saving_kwh,
        "net_saving_percent": figures.net_saving_percent,
        "break_even_luminaires": figures.break_even(len(preview.street.lamps)),
        "co2_kg": preview.co2_kg(figures),
        "euros": preview.euros(figures),
    }


def _change_json(street: Street, change: Change) -> dict[str, object]:
    return {
        "unix": change.unix,
        "local": clock(street, change.unix),
        "percent": change.percent,
        "fade_s": change.fade_s,
    }
