"""CO2 per kWh of grid electricity, by country and year: co2emissiefactoren.nl, "stroom onbekend", well to wheel.

A factor holds from its year on, until a newer one stands in the table. Every figure derived from a factor names it.
"""

from __future__ import annotations

from dataclasses import dataclass

# Goes up with each change of a row, so that a report can be repeated.
TABLE_VERSION = 1


@dataclass(frozen=True)
class EmissionFactor:
    """An emission factor. `kg_per_kwh` is in kg CO2 equivalent per kWh, and `year` is the first calendar year in which
    the factor holds."""

    country: str
    year: int
    kg_per_kwh: float
    source: str


_DUTCH_SOURCE = 'co2emissiefactoren.nl, electricity of unknown origin ("stroom onbekend"), well to wheel'

TABLE: tuple[EmissionFactor, ...] = (
    EmissionFactor("NL", 2023, 0.337, _DUTCH_SOURCE),
    EmissionFactor("NL", 2024, 0.328, _DUTCH_SOURCE),
    EmissionFactor("NL", 2025, 0.268, _DUTCH_SOURCE),
)


def factor_for(year: int, country: str = "NL") -> EmissionFactor | None:
    """Returns the newest factor that holds in a calendar year, or None if the table has none for that country and
    year."""
    rows = [row for row in TABLE if row.country == country and row.year <= year]
    return max(rows, key=lambda row: row.year, default=None)
