"""The performance table: a row for each figure, beside its bound and, if there is a peer, the peer's figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True)
class Row:
    """One figure. `clock` says which seconds it counts: the host's ("real") or the emulated street's ("virtual", which
    say nothing about the host's speed). `bound` is the highest value allowed, or with `least` the lowest; None sets no
    bound."""

    name: str
    value: float | None
    unit: str
    clock: Literal["real", "virtual", "-"] = "-"
    bound: float | None = None
    peer: str = ""
    peer_value: float | None = None
    note: str = ""
    least: bool = False

    @property
    def holds(self) -> bool:
        """True if the bound is kept. A row without a value could not be measured, so it keeps no bound."""
        if self.bound is None or self.value is None:
            return self.bound is None
        return self.value >= self.bound if self.least else self.value <= self.bound


def as_text(rows: Sequence[Row]) -> list[str]:
    """Returns the table for people, line by line."""
    cells = [("", "figure", "value", "unit", "clock", "asked", "peer", "note")]
    cells += [
        (
            "ok" if row.holds else "MISSED",
            row.name,
            _number(row.value),
            row.unit,
            row.clock,
            "" if row.bound is None else f"{'>=' if row.least else '<='} {_number(row.bound)}",
            f"{row.peer} {_number(row.peer_value)}" if row.peer else "",
            row.note,
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]


def as_json(rows: Iterable[Row]) -> list[dict[str, object]]:
    """Returns the table for scripts, as JSON objects."""
    return [{**asdict(row), "holds": row.holds} for row in rows]


def percentile(values: Iterable[float], percent: float) -> float | None:
    """Returns the value below which `percent` of the values lie (nearest rank), or None without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else None


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.3g}" if abs(value) < 100 else f"{value:.1f}"
