"""The level curve of a story as SVG 1.1 for an HTML page, built as plain strings and without scripts.

Lamps with the same course share a line. Lines differ by dashes as well as by colour (Okabe and Ito's set), for readers
who see no red or green, and for a printer without colour.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from agent.almanac import ZoneAlmanac
from hil.observed import Course, Observation
from protocols.dali import levels

WIDTH, HEIGHT = 860, 264
LEFT, RIGHT, TOP, BOTTOM = 44, 844, 26, 178
TICKS = (0, 25, 50, 75, 100)
"""Percent of full light, by the logarithmic dimming curve (IEC 62386-102, 9.3)."""
STROKES = (
    ("#0072b2", ""),
    ("#d55e00", "8 4"),
    ("#009e73", "2 3"),
    ("#8a4a78", "10 3 2 3"),
    ("#56707f", "5 2"),
)
INK, QUIET_INK, GRID = "#1c2530", "#55606e", "#dde2e8"
STEPS_S = (1, 2, 5, 10, 30, 60, 120, 300, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
MOST_TICKS = 9
MARKS_AT_MOST = 200


def curve_svg(seen: Observation, words: Mapping[str, str]) -> str:
    """Returns the SVG element, or an empty string for an observation without courses."""
    lines = _lines(seen)
    if not lines:
        return ""
    title = words["curve_true" if seen.true_levels else "curve_read"]
    axis = words["since_begin"] if seen.clock_set else words["local_time"].format(zone=seen.timezone)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-size="12"><title>{escape(title)}</title>',
        *_grid(words["level"]),
        *_times(seen, axis),
    ]
    for (path, marks, _), stroke in zip(lines, _strokes(), strict=False):
        parts.append(_drawn(path, stroke))
        parts += [f'<circle cx="{x}" cy="{y}" r="2.6" fill="{stroke[0]}"/>' for x, y in marks]
    parts += [*_legend(lines, words), "</svg>"]
    return "\n".join(parts)


_Line = tuple[str, list[tuple[str, str]], list[str]]
"""The path of a line, its marks, and the luminaires that share it."""


def _lines(seen: Observation) -> list[_Line]:
    """Returns a line for each different course, the most common first; the rarest share the last stroke."""
    found: dict[str, _Line] = {}
    for course in seen.courses:
        if course.points:
            path, marks = _path(seen, course)
            found.setdefault(path, (path, marks, []))[2].append(course.luminaire)
    return sorted(found.values(), key=lambda line: -len(line[2]))


def _strokes() -> Iterable[tuple[str, str]]:
    yield from STROKES
    while True:
        yield STROKES[-1]


def _path(seen: Observation, course: Course) -> tuple[str, list[tuple[str, str]]]:
    corners: list[str] = []
    marks: list[tuple[str, str]] = []
    last = ""
    points = list(course.points)
    if not seen.true_levels:
        points.append((seen.ended, points[-1][1]))
    for at, level in points:
        x, y = f"{_x(seen, at):.1f}", f"{_y(level):.1f}"
        if not seen.true_levels:
            marks.append((x, y))
            if last:
                corners.append(f"{x},{last}")  # the time between is unknown: the level holds until the next answer
        if not corners or corners[-1] != f"{x},{y}":
            corners.append(f"{x},{y}")
        last = y
    marks = marks[:-1] if len(marks) <= MARKS_AT_MOST else []
    return "M" + " L".join(corners), marks


def _x(seen: Observation, at: float) -> float:
    share = (at - seen.began) / max(seen.ended - seen.began, 1e-3)
    return LEFT + (RIGHT - LEFT) * min(max(share, 0.0), 1.0)


def _y(level: float) -> float:
    return _percent_y(levels.percent_of(min(max(round(level), 0), 254)))


def _percent_y(percent: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * percent / 100.0


def _drawn(path: str, stroke: tuple[str, str]) -> str:
    colour, dashes = stroke
    dashing = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"{dashing}/>'


def _grid(label: str) -> Iterable[str]:
    yield f'<text x="0" y="12" fill="{INK}">{escape(label)}</text>'
    for percent in TICKS:
        y = _percent_y(percent)
        yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{RIGHT}" y2="{y:.1f}" stroke="{GRID}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="{QUIET_INK}">{percent}</text>'


def _times(seen: Observation, label: str) -> Iterable[str]:
    """Yields marks at round times below the curve."""
    lasted = max(seen.ended - seen.began, 1e-3)
    step = next((step for step in STEPS_S if lasted / step <= MOST_TICKS), 86400 * (1 + int(lasted // 86400)))
    almanac = None if seen.clock_set else ZoneAlmanac(seen.timezone)
    local = seen.began + almanac.utc_offset_s(seen.began) if almanac else 0.0
    at = seen.began + (-local % step)
    while at <= seen.ended:
        shown = at + almanac.utc_offset_s(at) if almanac else at - seen.began
        x = f"{_x(seen, at):.1f}"
        text = time.strftime("%H:%M" if step >= 60 else "%H:%M:%S", time.gmtime(shown + 0.5))
        yield f'<line x1="{x}" y1="{BOTTOM}" x2="{x}" y2="{BOTTOM + 5}" stroke="{QUIET_INK}"/>'
        yield f'<text x="{x}" y="{BOTTOM + 19}" text-anchor="middle" fill="{QUIET_INK}">{text}</text>'
        at += step
    yield f'<text x="{(LEFT + RIGHT) // 2}" y="{BOTTOM + 38}" text-anchor="middle" fill="{INK}">{escape(label)}</text>'


def _legend(lines: Sequence[_Line], words: Mapping[str, str]) -> Iterable[str]:
    y, width = HEIGHT - 16, (RIGHT - LEFT) // len(STROKES)
    for number, stroke in enumerate(STROKES[: len(lines)]):
        x = LEFT + number * width
        names = lines[number][2] if number + 1 < len(STROKES) else [name for line in lines[number:] for name in line[2]]
        yield _drawn(f"M{x},{y} L{x + 24},{y}", stroke)
        yield f'<text x="{x + 30}" y="{y + 4}" fill="{INK}">{escape(_names(names, words))}</text>'


def _names(names: Sequence[str], words: Mapping[str, str]) -> str:
    """Returns up to three short names, or the first name and the number of others, to fit below the curve."""
    shown = [_short(name) for name in names]
    if len(shown) <= 3 and len(", ".join(shown)) <= 18:
        return ", ".join(shown)
    return f"{shown[0]}, " + words["others"].format(count=len(shown) - 1) if len(shown) > 1 else shown[0]


def _short(name: str) -> str:
    plain = "".join(letter for letter in name if letter.isprintable())
    return plain if len(plain) <= 18 else plain[:17] + "…"
