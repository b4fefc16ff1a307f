"""Draws the plot of a night as SVG 1.1: level and power from noon to noon, with the time between sunset and sunrise
shaded. It builds plain strings.

The plot stands on light and on dark pages, so it has a background of its own. Readers who do not tell red from green
can tell the colours apart (Okabe and Ito's set), and the lines also differ in their dashes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 960, 584
LEFT, RIGHT = 72, 932
# The gap between two nights on a sheet.
SHEET_GAP = 16
# Two panels, one above the other, as (top, bottom).
LEVEL_PANEL = (96, 272)
POWER_PANEL = (324, 500)
FONT = "system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"

PAPER, INK, QUIET_INK, GRID, NIGHT = "#ffffff", "#1c2530", "#55606e", "#dde2e8", "#e9edf5"
LEVEL_COLOUR, POWER_COLOUR, SAVED_COLOUR, BASELINE_COLOUR = "#0072b2", "#d55e00", "#009e73", "#55606e"


@dataclass(frozen=True)
class NightPlot:
    """The content of a plot. Times are Unix seconds; `local_time` turns a time into the "hh:mm" of the place.

    `levels` are the points (time, % of light) at the ends of each fade and step. `powers` and `baseline_powers` are
    points (time, W) with straight lines between them. The baseline is the power of the lamps without dimming, or the
    power that `baseline_name` names. `sunset` and `sunrise` are None if they do not happen. `footnote` is a line with
    the figures, their convention and their quality.
    """

    title: str
    subtitle: str
    start: float
    end: float
    levels: Points
    powers: Points
    baseline_powers: Points
    sunset: float | None
    sunrise: float | None
    local_time: Callable[[float], str]
    footnote: str = ""
    baseline_name: str = "without dimming"
    saved_name: str = "saved by dimming"


def night_svg(night: NightPlot) -> str:
    """Returns the SVG document of a night. Raises ValueError if the night does not end after its start."""
    return _document(WIDTH, HEIGHT, "title subtitle", _night(night, "title", "subtitle"))


def sheet_svg(nights: Sequence[NightPlot]) -> str:
    """Returns an SVG document of several nights, one below the other. Raises ValueError if there is no night, or if a
    night does not end after its start."""
    if not nights:
        raise ValueError("a sheet needs at least one night.")
    parts = []
    for number, night in enumerate(nights):
        drawn = _night(night, f"title-{number}", f"subtitle-{number}")
        parts += [f'<g transform="translate(0 {number * (HEIGHT + SHEET_GAP)})">', *drawn, "</g>"]
    height = len(nights) * (HEIGHT + SHEET_GAP) - SHEET_GAP
    return _document(WIDTH, height, " ".join(f"title-{number}" for number in range(len(nights))), parts)


def _document(width: int, height: int, labels: str, parts: Iterable[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-labelledby="{labels}" font-family="{FONT}" font-size="13">'
    )
    return "\n".join([head, *(part for part in parts if part), "</svg>"]) + "\n"


def _night(night: NightPlot, title_id: str, subtitle_id: str) -> list[str]:
    if night.end <= night.start:
        raise ValueError("a plot needs an end that lies after its start.")
    top_w = _axis_top(max([1.0, *(watt for _, watt in [*night.powers, *night.baseline_powers])]))
    level = _Panel(night, *LEVEL_PANEL, 100.0)
    power = _Panel(night, *POWER_PANEL, top_w)
    title = f'x="{LEFT}" y="34" font-size="20" font-weight="600" fill="{INK}"'
    return [
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="{PAPER}"/>',
        f'<text id="{title_id}" {title}>{_text(night.title)}</text>',
        f'<text id="{subtitle_id}" x="{LEFT}" y="56" fill="{QUIET_INK}">{_text(night.subtitle)}</text>',
        *level.frame("Level, % of full light", [0, 25, 50, 75, 100]),
        *power.frame("Power, W", [top_w * quarter / 4 for quarter in range(5)]),
        *_sun_times(night, level),
        *_hours(night, power),
        level.line(night.levels, LEVEL_COLOUR, fill_opacity=0.12),
        power.area_between(night.powers, night.baseline_powers, SAVED_COLOUR),
        power.line(night.powers, POWER_COLOUR, fill_opacity=0.14),
        power.line(night.baseline_powers, BASELINE_COLOUR, dashes="7 4"),
        *_legend(night),
        f'<text x="{LEFT}" y="{HEIGHT - 14}" font-size="12" fill="{QUIET_INK}">{_text(night.footnote)}</text>',
    ]


class _Panel:
    """A pair of axes: time to the right, and 0 to `top_value` upward."""

    def __init__(self, night: NightPlot, top: int, bottom: int, top_value: float) -> None:
        self.night, self.top, self.bottom, self.top_value = night, top, bottom, top_value

    def x(self, at: float) -> float:
        share = (min(max(at, self.night.start), self.night.end) - self.night.start) / (
            self.night.end - self.night.start
        )
        return LEFT + (RIGHT - LEFT) * share

    def y(self, value: float) -> float:
        return self.bottom - (self.bottom - self.top) * min(max(value / self.top_value, 0.0), 1.0)

    def frame(self, label: str, ticks: list[float]) -> Iterable[str]:
        """Yields the shade of the night, the grid, the numbers and the label of the axis."""
        if self.night.sunset is not None and self.night.sunrise is not None:
            x, end = self.x(self.night.sunset), self.x(self.night.sunrise)
            yield (
                f'<rect x="{x:.1f}" y="{self.top}" width="{max(0.0, end - x):.1f}" height="{self.bottom - self.top}" '
                f'fill="{NIGHT}"/>'
            )
        for tick in ticks:
            y = self.y(tick)
            yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{RIGHT}" y2="{y:.1f}" stroke="{GRID}"/>'
            yield f'<text x="{LEFT - 8}" y="{y + 4.5:.1f}" text-anchor="end" fill="{QUIET_INK}">{tick:g}</text>'
        yield (
            f'<text x="{LEFT}" y="{self.top - 10}" font-size="13" font-weight="600" fill="{INK}">{_text(label)}</text>'
        )

    def line(self, points: Points, colour: str, dashes: str = "", fill_opacity: float = 0.0) -> str:
        if not points:
            return ""
        path = "M" + " L".join(self._at(point) for point in points)
        parts = []
        if fill_opacity:
            first, last = self.x(points[0][0]), self.x(points[-1][0])
            area = f"{path} L{last:.1f},{self.bottom} L{first:.1f},{self.bottom} Z"
            parts.append(f'<path d="{area}" fill="{colour}" fill-opacity="{fill_opacity}"/>')
        dashing = f' stroke-dasharray="{dashes}"' if dashes else ""
        parts.append(
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"{dashing}/>'
        )
        return "\n".join(parts)

    def area_between(self, lower: Points, upper: Points, colour: str) -> str:
        """Returns the area between two lines, which stands for the saving."""
        if not lower or not upper:
            return ""
        path = "M" + " L".join(self._at(point) for point in [*upper, *reversed(lower)])
        return f'<path d="{path} Z" fill="{colour}" fill-opacity="0.16"/>'

    def _at(self, point: tuple[float, float]) -> str:
        return f"{self.x(point[0]):.1f},{self.y(point[1]):.1f}"


def _sun_times(night: NightPlot, panel: _Panel) -> Iterable[str]:
    for name, at, anchor in (("sunset", night.sunset, "start"), ("sunrise", night.sunrise, "end")):
        if at is not None and night.start <= at <= night.end:
            x = panel.x(at)
            yield (
                f'<text x="{x:.1f}" y="{LEVEL_PANEL[0] - 10}" text-anchor="{anchor}" font-size="12" '
                f'fill="{QUIET_INK}">{name} {_text(night.local_time(at))}</text>'
            )
            for top, bottom in (LEVEL_PANEL, POWER_PANEL):
                yield (
                    f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="{QUIET_INK}" '
                    'stroke-dasharray="2 3"/>'
                )


def _hours(night: NightPlot, panel: _Panel) -> Iterable[str]:
    """Yields the local times below the lower panel: every two hours, or every six if the plot is longer than 30 h."""
    step = 7200.0 if night.end - night.start <= 30 * 3600 else 21600.0
    at = night.start
    while at <= night.end:
        x = panel.x(at)
        yield f'<line x1="{x:.1f}" y1="{panel.bottom}" x2="{x:.1f}" y2="{panel.bottom + 5}" stroke="{QUIET_INK}"/>'
        yield (
            f'<text x="{x:.1f}" y="{panel.bottom + 20}" text-anchor="middle" '
            f'fill="{QUIET_INK}">{_text(night.local_time(at))}</text>'
        )
        at += step
    yield (
        f'<text x="{(LEFT + RIGHT) / 2:.0f}" y="{panel.bottom + 42}" text-anchor="middle" fill="{QUIET_INK}">'
        "Local time</text>"
    )


def _legend(night: NightPlot) -> Iterable[str]:
    """Yields the legend, above the lower panel at the right."""
    y = POWER_PANEL[0] - 14
    for x, text, colour, dashes, filled in (
        (RIGHT - 414, night.baseline_name, BASELINE_COLOUR, "7 4", False),
        (RIGHT - 252, "used", POWER_COLOUR, "", False),
        (RIGHT - 164, night.saved_name, SAVED_COLOUR, "", True),
    ):
        if filled:
            yield f'<rect x="{x}" y="{y - 6}" width="26" height="12" fill="{colour}" fill-opacity="0.25"/>'
        else:
            dashing = f' stroke-dasharray="{dashes}"' if dashes else ""
            yield f'<line x1="{x}" y1="{y}" x2="{x + 26}" y2="{y}" stroke="{colour}" stroke-width="2"{dashing}/>'
        yield f'<text x="{x + 32}" y="{y + 4.5}" font-size="12" fill="{INK}">{_text(text)}</text>'


def _axis_top(value: float) -> float:
    """Returns the round number at or just above `value` (1 or more). Its quarters are easy to read too."""
    decade = 1.0
    while decade * 10 < value:
        decade *= 10
    return next(decade * factor for factor in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if decade * factor >= value)


def _text(text: str) -> str:
    """Returns a text that is safe in XML: names come from outside, and XML forbids control characters even if they
    are escaped."""
    return escape("".join(character for character in text if character.isprintable()))
