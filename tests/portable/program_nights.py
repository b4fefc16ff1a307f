"""A program by itself, with no floor, sensor or override: its level at an instant, and its changes over a night.

MicroPython imports this file too, for the vectors.
"""

from collections import namedtuple

from agent.schedule.evaluate import Change, program_night
from agent.schedule.place import Cache, Place

TYPE_CHECKING = False

if TYPE_CHECKING:
    from agent.interfaces import Almanac
    from agent.schedule.program import Program


class Held(namedtuple("Held", ("percent", "fade_s", "since_unix"))):
    """The level that a program holds, the fade that leads to it, and since when: at most since the noon before last."""

    percent: float
    fade_s: float
    since_unix: float


def held(
    program: "Program", almanac: "Almanac", latitude: float, longitude: float, unix: float, cache: "Cache | None" = None
) -> "Held":
    """What the program holds at this instant (Unix seconds)."""
    place = _place(cache, almanac, latitude, longitude)
    day = place.day_at(unix)
    found = program_night(place, program, day).changes
    current = found[0]
    for change in found:
        if change.unix > unix:
            break
        current = change
    if current is found[0]:
        before = program_night(place, program, place.day(day.number - 1)).changes[-1]
        if before.percent == current.percent:
            current = before
    return Held(current.percent, current.fade_s, current.unix)


def changes_of_night(
    program: "Program", almanac: "Almanac", latitude: float, longitude: float, unix: float
) -> "list[Change]":
    """The changes of level in the noon-to-noon day that holds this instant; the first one is at that noon only where
    the program is lit there, and an empty list is a night without light."""
    place = Place(almanac, latitude, longitude)
    changes = program_night(place, program, place.day_at(unix)).changes
    return changes[0 if changes[0].percent > 0 else 1 :]


def _place(cache: "Cache | None", almanac: "Almanac", latitude: float, longitude: float) -> "Place":
    return cache.place(almanac, latitude, longitude) if cache else Place(almanac, latitude, longitude)
