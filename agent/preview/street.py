"""The street of a preview: its lamps and their powers, its place and clock, the power of control, and the baseline.

Without a board the street is an example of one luminaire and a gateway, and every figure of it is shown as such.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.almanac import MOST_HOURS_OFF_THE_SUN, ZoneAlmanac
from agent.config.board import Board
from agent.config.board_checks import COUNTRIES
from agent.savings.power_model import PowerModel
from agent.schedule.marks import Mark, parse_mark
from agent.schedule.place import Place

# The place of the example: De Bilt, the seat of the Dutch weather service.
EXAMPLE_PLACE = (52.10, 5.18)
EXAMPLE_TIMEZONE = "Europe/Amsterdam"
EXAMPLE_LAMP = "example"
EXAMPLE_POWER = PowerModel(full_power_w=25.0, min_power_w=2.5, standby_w=0.4)
EXAMPLE_CONTROL_W = 3.0


class NoSuchPlace(ValueError):
    """The place cannot be right. The message says what to write instead."""


@dataclass(frozen=True)
class Lamp:
    """A luminaire: its power as far as it is known, and the full power in W that counts for the baseline. `learned`
    says whether its full power was measured."""

    name: str
    power: PowerModel
    baseline_w: float
    learned: bool = False


@dataclass(frozen=True)
class Street:
    """The street of a preview.

    `control_power_w` is the power of the gateway and the bus supplies. `on` and `off` are the switching times of the
    baseline's convention.
    """

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
        """The place and its time zone as a phrase."""
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
    """Returns the board's street, or the example if there is no board.

    `where` (degrees north, degrees east) and `timezone` go before the board's own. `learned_w` holds the measured full
    power in W of lamps, by name. Raises NoSuchPlace if the place is impossible or does not fit the time zone, and
    UnknownTimezone if this machine does not know the zone.
    """
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
    """Raises NoSuchPlace for a time zone of another part of the world: with its noon, a day from noon to noon would cut
    nights in two."""
    error_h = almanac.hours_off_the_sun(longitude)
    if error_h > MOST_HOURS_OFF_THE_SUN:
        raise NoSuchPlace(
            f"the clock of {almanac.timezone} is {error_h:.0f} hours off the sun at {latitude:g},{longitude:g}: name"
            ' its own with --timezone, such as "Europe/Amsterdam"'
        )
