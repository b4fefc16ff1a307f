"""Draws the light of a night as text: columns of block characters or of plain ones, with the hours below them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

ROWS = 4


@dataclass(frozen=True)
class Signs:
    """The characters of a chart. `levels` are those of a cell from empty to full, in equal steps."""

    levels: str
    axis: str
    line: str
    tick: str
    corner: str


BLOCKS = Signs(levels=" ▁▂▃▄▅▆▇█", axis="┤", line="─", tick="┬", corner="└")
PLAIN = Signs(levels=" #", axis="|", line="-", tick="+", corner="+")


def signs_for(encoding: str | None) -> Signs:
    """Returns block characters if a terminal with this encoding can show them, or else plain ones."""
    try:
        "".join((BLOCKS.levels, BLOCKS.axis, BLOCKS.line, BLOCKS.tick, BLOCKS.corner)).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return PLAIN
    return BLOCKS


def chart(
    light_percent: Sequence[float],
    column_s: float,
    start: float,
    local_s: Callable[[float], float],
    hour_step: int,
    signs: Signs = BLOCKS,
) -> list[str]:
    """Returns the lines of the chart, all of one width.

    `light_percent` is the mean light of each column. A column stands for `column_s` seconds, and the first begins at
    `start` (Unix seconds). `local_s` turns an instant into the seconds of the local clock. An hour is written every
    `hour_step` hours.
    """
    fine = len(signs.levels) - 1
    heights = [_height(percent, ROWS * fine) for percent in light_percent]
    lines = []
    for row in range(ROWS, 0, -1):
        cells = "".join(signs.levels[min(max(height - (row - 1) * fine, 0), fine)] for height in heights)
        lines.append(f"{100 * row // ROWS:>4} %{signs.axis}{cells}")
    ticks, hours = "", ""
    for column in range(len(heights) + 1):
        local = round(local_s(start + column * column_s))
        on_the_hour = local % (3600 * hour_step) == 0
        if column < len(heights):
            ticks += signs.tick if on_the_hour else signs.line
        # Each hour begins under its tick. After a clock change an hour may come too near to the last: leave it out.
        if on_the_hour and (not hours or len(hours) < column) and column < len(heights) - 1:
            hours = f"{hours:<{column}}{local // 3600 % 24:02d}"
    lines.append(f"{0:>4} %{signs.corner}{ticks}")
    lines.append(f"{'':7}{hours}")
    width = 7 + len(heights)
    return [f"{line:<{width}}" for line in lines]


def beside(left: Sequence[str], right: Sequence[str], gap: int = 3) -> list[str]:
    """Returns the lines of two charts side by side, `gap` spaces apart. The charts must have equally many lines."""
    return [f"{one}{'':{gap}}{other}" for one, other in zip(left, right, strict=True)]


def _height(percent: float, steps: int) -> int:
    """Returns the height of a column in steps, rounded. Any light at all is at least a step high, so that it shows."""
    if percent <= 0:
        return 0
    return min(steps, max(1, int(percent / 100 * steps + 0.5)))
