"""Makes the plot of a foreseen night (agent/savings/plot.py): the level of the lamps, and the power of the street."""

from __future__ import annotations

import time
from collections.abc import Sequence

from agent.preview.figures import Course, Foreseen, Span
from agent.preview.street import Street
from agent.preview.usage import level_points
from agent.savings.plot import NightPlot
from agent.savings.power_model import PowerModel, light_percent
from agent.schedule.evaluate import burning_spans
from agent.schedule.sun import night_around

Points = Sequence[tuple[float, float]]


def night_plot(
    foreseen: Foreseen, night: Span, street: Street, footnote: str, by_program: Foreseen | None
) -> NightPlot:
    """Returns the plot of a night.

    `by_program` holds the figures of the baseline's program, or is None if the baseline is full power. If lamps differ,
    the plot shows the level of the largest number of lamps.
    """
    courses = foreseen.courses
    shown = max(courses, key=lambda course: len(course.lamps))
    place = street.place
    sun = night_around(place.latitude, place.longitude, (night.start + night.end) / 2)
    lamps = f"{len(street.lamps)} luminaire{'s' if len(street.lamps) > 1 else ''}"
    if len(courses) > 1:
        lamps += f" (the level: {len(shown.lamps)} of them)"
    return NightPlot(
        title=f"{foreseen.name}: the night of {night.label}",
        subtitle=f"{street.name}, {street.where}: {lamps}, as foreseen",
        start=night.start,
        end=night.end,
        levels=[(at, light_percent(level)) for at, level in level_points(shown.changes, night.end)],
        powers=_power(courses, night.end),
        baseline_powers=_power(by_program.courses, night.end) if by_program else _full_power(street, night),
        sunset=sun.sunset,
        sunrise=sun.sunrise,
        local_time=lambda unix: clock(street, unix),
        footnote=footnote,
        baseline_name="full power" if by_program is None else "the baseline",
        saved_name="saved",
    )


def clock(street: Street, unix: float) -> str:
    """Returns the local time "hh:mm" at the street, to the nearest minute."""
    return time.strftime("%H:%M", time.gmtime(unix + 30 + street.almanac.utc_offset_s(unix + 30)))


def _full_power(street: Street, night: Span) -> Points:
    full_w = sum(lamp.baseline_w for lamp in street.lamps)
    place = street.place
    points = [(night.start, 0.0)]
    for begin, end in burning_spans(
        street.on, street.off, street.almanac, place.latitude, place.longitude, night.start, night.end
    ):
        points += [(begin, 0.0), (begin, full_w), (end, full_w), (end, 0.0)]
    return [*points, (night.end, 0.0)]


def _power(courses: Sequence[Course], end: float) -> Points:
    """Returns the power of all courses together as points (Unix seconds, W). Each instant at which a course bends has a
    point for the value before it and one for the value after it."""
    lines = []
    for course in courses:
        powers = [lamp.power for lamp in course.lamps]
        together = PowerModel(
            sum(power.full_power_w for power in powers),
            sum(power.min_power_w for power in powers),
            sum(power.standby_w for power in powers),
        )
        lines.append([(at, together.power_w(level)) for at, level in level_points(course.changes, end)])
    if len(lines) == 1:
        return lines[0]
    instants = sorted({at for line in lines for at, _ in line})
    return [(at, sum(_value(line, at, after) for line in lines)) for at in instants for after in (False, True)]


def _value(line: Points, at: float, after: bool) -> float:
    """Returns the value of a line at an instant. If the line steps there, returns the value before or after the
    step."""
    here = [watt for instant, watt in line if instant == at]
    if here:
        return here[-1 if after else 0]
    left = max((point for point in line if point[0] < at), key=lambda point: point[0])
    right = min((point for point in line if point[0] > at), key=lambda point: point[0])
    # If several points stand at that instant, the line goes on from the last.
    left = next(point for point in reversed(line) if point[0] == left[0])
    return left[1] + (right[1] - left[1]) * (at - left[0]) / (right[0] - left[0])
