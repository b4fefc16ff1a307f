"""Whom a preview is about: lamps with their powers, place and clock, what control draws, and the baseline's hours.

Where no board is given, it is an example: one luminaire and a gateway, named as such wherever a figure of it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.almanac import MOST_HOURS_OFF_THE_SUN, ZoneAlmanac
from agent.config.board import Board
from agent.config.board_checks import COUNTRIES
from agent.savings.power_model import PowerModel
from agent.schedule.marks import Mark, parse_mark
from agent.schedule.place import Place

# De Bilt, where the Dutch weather service has its mast: an example's place.
EXAMPLE_PLACE = (52.10, 5.18)
EXAMPLE_TIMEZONE = "Europe/Amsterdam"
EXAMPLE_LAMP = "example"
EXAMPLE_POWER = PowerModel(full_power_w=25.0, min_power_w=2.5, standby_w=0.4)
EXAMPLE_CONTROL_W = 3.0


class NoSuchPlace(ValueError):
    """The place cannot be; the message says what to write instead."""


@dataclass(frozen=True)
class Lamp:
    """A luminaire: its power as far as it is known, and what the baseline takes for its full power."""

    name: str
    power: PowerModel
    baseline_w: float
    learned: bool = False


@dataclass(frozen=True)
class Street:
    """What is previewed. `control_power_w`: gateway and bus supplies. `on` and `off`: the baseline's convention."""

    name: str
    example: bool
    country: str
    place: Place
    almanac: ZoneAlmanac
    lamps: tuple[Lamp, ...]
    control_power_w: float
    on: Mark
    off: Mark

    @property
    def where(self) -> str:
        """The place and its clock, for people."""
        place = self.place
        north, east = "S" if place.latitude < 0 else "N", "W" if place.longitude < 0 else "E"
        position = f"{abs(place.latitude):.2f} {north} {abs(place.longitude):.2f} {east}"
        return f"{position} ({self.almanac.timezone})"


def street_of(
    board: Board | None,
    where: tuple[float, float] | None = None,
    timezone: str | None = None,
    learned_w: dict[str, float] | None = None,
) -> Street:
    """The board's street, or the example. `where` (north, east) and `timezone` go before the board's own; `learned_w`
    is the full power, by name, of lamps that have been metered. Raises NoSuchPlace, UnknownTimezone."""
    home = (board.latitude, board.longitude) if board else EXAMPLE_PLACE
    latitude, longitude = where or home
    almanac = ZoneAlmanac(timezone or (board.timezone if board else EXAMPLE_TIMEZONE))
    netherlands = COUNTRIES["NL"]
    inside = netherlands.holds(latitude, longitude)
    if where and not inside and netherlands.holds(longitude, latitude):
        raise NoSuchPlace(
            f"latitude and longitude are swapped: write --place {longitude:g},{latitude:g} (north first, then east)"
        )
    _check_clock(almanac, latitude, longitude)
    lamps: tuple[Lamp, ...] = (Lamp(EXAMPLE_LAMP, EXAMPLE_POWER, EXAMPLE_POWER.full_power_w),)
    if board:
        lamps = tuple(_lamps(board, learned_w or {}))
    return Street(
        name=board.name if board else "an example",
        example=board is None,
        country=board.country if board else "NL" if inside else "",
        place=Place(almanac, latitude, longitude),
        almanac=almanac,
        lamps=lamps,
        control_power_w=_control_power_w(board) if board else EXAMPLE_CONTROL_W,
        on=board.baseline.on if board else parse_mark("sunset"),
        off=board.baseline.off if board else parse_mark("sunrise"),
    )


def _lamps(board: Board, learned_w: dict[str, float]) -> list[Lamp]:
    lamps = []
    for declared in board.luminaires:
        full_power_w = learned_w.get(declared.name, declared.power_w)
        power = PowerModel(full_power_w, min(declared.min_power_w, full_power_w), declared.standby_w)
        baseline_w = declared.power_w if board.baseline.power == "declared" else full_power_w
        lamps.append(Lamp(declared.name, power, baseline_w, declared.name in learned_w))
    return lamps


def _control_power_w(board: Board) -> float:
    return board.gateway_power_w + sum(bus.supply_power_w for bus in board.buses)


def _check_clock(almanac: ZoneAlmanac, latitude: float, longitude: float) -> None:
    """Refuses a clock of another part of the world: the day that runs from noon to noon would cut nights in two."""
    error_h = almanac.hours_off_the_sun(longitude)
    if error_h > MOST_HOURS_OFF_THE_SUN:
        raise NoSuchPlace(
            f"the clock of {almanac.timezone} is {error_h:.0f} hours off the sun at {latitude:g},{longitude:g}: name"
            ' its own with --timezone, such as "Europe/Amsterdam"'
        )
