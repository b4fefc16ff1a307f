"""Computes the sun over a place: its elevation, and when it passes a given elevation in the evening and the morning.

The earth's heliocentric longitude is the VSOP87 series (Bretagnon and Francou 1988) cut at 1.5 seconds of arc, with
nutation and aberration as in Meeus, "Astronomical Algorithms", chapters 22 and 25. It needs floats of 64 bits.
"""

import math
from collections import namedtuple

# The elevation of the sun's centre when an almanac speaks of sunset and sunrise: its upper limb is on the horizon, with
# 34' of refraction and a radius of 16'.
HORIZON_DEG = -50.0 / 60.0

# Unix seconds of J2000.0, 2000-01-01 12:00.
J2000_UNIX = 946728000.0

# Seconds by which terrestrial time is ahead of universal time; it was 69 s in 2020. An error of a second moves the sun
# by 0.04 seconds of arc.
TERRESTRIAL_AHEAD_S = 70.0

# VSOP87, earth, L0: amplitude (1e-8 rad), phase (rad), frequency (rad per thousand Julian years).
_L0 = (
    (3341656.0, 4.6692568, 6283.07585),
    (34894.0, 4.6261, 12566.1517),
    (3497.0, 2.7441, 5753.3849),
    (3418.0, 2.8289, 3.5231),
    (3136.0, 3.6277, 77713.7715),
    (2676.0, 4.4181, 7860.4194),
    (2343.0, 6.1352, 3930.2097),
    (1324.0, 0.7425, 11506.7698),
    (1273.0, 2.0371, 529.691),
    (1199.0, 1.1096, 1577.3435),
    (990.0, 5.233, 5884.927),
    (902.0, 2.045, 26.298),
    (857.0, 3.508, 398.149),
    (780.0, 1.179, 5223.694),
    (753.0, 2.533, 5507.553),
)
_L0_CONSTANT = 1.75347046
_L1_CONSTANT = 6283.31966747
# VSOP87, earth, L1: amplitude, phase and frequency in the units of L0. Its sum is multiplied by the time.
_L1 = ((206059.0, 2.678235, 6283.07585), (4303.0, 2.6351, 12566.1517))

# The accuracy of an event: a millisecond if the sun moves at its fastest (its sine changes by 7.3e-5 a second).
_SINE_TOLERANCE = 7.3e-8

_HALF_DAY_S = 43200.0


class SunNight(namedtuple("SunNight", ("sunset", "sunrise", "midnight", "white"))):
    """A night of the sun, in Unix seconds. An event that does not happen is None.

    The sun stands lowest at `midnight`. `white` says that even then it does not pass below the elevation asked for. If
    an event is missing and the night is not `white`, the sun stays below that elevation on that side of the night (the
    polar night).
    """

    sunset: "float | None"
    sunrise: "float | None"
    midnight: float
    white: bool


def _place_in_sky(unix: float) -> "tuple[float, float]":
    """Returns the sun's apparent declination and its hour angle at Greenwich, both in radians, at this instant."""
    days = (unix - J2000_UNIX) / 86400.0
    millennia = (days + TERRESTRIAL_AHEAD_S / 86400.0) / 365250.0
    centuries = millennia * 10.0
    l0 = 0.0
    for amplitude, phase, frequency in _L0:
        l0 += amplitude * math.cos(phase + frequency * millennia)
    l1 = 0.0
    for amplitude, phase, frequency in _L1:
        l1 += amplitude * math.cos(phase + frequency * millennia)
    earth = (
        _L0_CONSTANT
        + l0 * 1e-8
        + millennia
        * (_L1_CONSTANT + l1 * 1e-8 + millennia * (52919.0 + 8720.0 * math.cos(1.0721 + 6283.0758 * millennia)) * 1e-8)
    )
    # The distance in astronomical units. Only aberration needs it, to a hundredth.
    distance = 1.00014 + 0.0167067 * math.cos(3.0984635 + 6283.07585 * millennia)

    node = math.radians(125.04452 - 1934.136261 * centuries)
    sun_mean = math.radians(280.4665 + 36000.7698 * centuries)
    moon_mean = math.radians(218.3165 + 481267.8813 * centuries)
    nutation = (
        -17.20 * math.sin(node)
        - 1.32 * math.sin(2.0 * sun_mean)
        - 0.23 * math.sin(2.0 * moon_mean)
        + 0.21 * math.sin(2.0 * node)
    )
    wobble = (
        9.20 * math.cos(node)
        + 0.57 * math.cos(2.0 * sun_mean)
        + 0.10 * math.cos(2.0 * moon_mean)
        - 0.09 * math.cos(2.0 * node)
    )
    obliquity = math.radians(23.439291 - 0.0130042 * centuries + wobble / 3600.0)
    # -0.09033": from the series' frame to FK5. 20.4898": aberration at one astronomical unit.
    longitude = earth + math.pi + math.radians((nutation - 0.09033 - 20.4898 / distance) / 3600.0)

    declination = math.asin(math.sin(obliquity) * math.sin(longitude))
    right_ascension = math.atan2(math.cos(obliquity) * math.sin(longitude), math.cos(longitude))
    sidereal = math.radians(
        (280.46061837 + 360.98564736629 * days + 0.000387933 * centuries * centuries) % 360.0
        + nutation / 3600.0 * math.cos(obliquity)
    )
    return declination, sidereal - right_ascension


def elevation_deg(latitude: float, longitude: float, unix: float) -> float:
    """Returns the elevation of the sun's centre, in degrees, seen from the earth's centre and without refraction.

    Latitude north and longitude east are positive, in degrees. An observer on the ground sees the sun up to 0.0024
    degrees lower.
    """
    return math.degrees(math.asin(_sine_of_elevation(math.radians(latitude), math.radians(longitude), unix)))


def _sine_of_elevation(phi: float, east: float, unix: float) -> float:
    declination, hour_angle = _place_in_sky(unix)
    sine = math.sin(phi) * math.sin(declination) + math.cos(phi) * math.cos(declination) * math.cos(hour_angle + east)
    return max(-1.0, min(1.0, sine))


def night_around(latitude: float, longitude: float, unix: float, passes_deg: float = HORIZON_DEG) -> "SunNight":
    """Returns the night of the sun with its middle nearest to `unix`: when the sun passes `passes_deg` downward, and
    upward again. Latitude north and longitude east are positive, in degrees."""
    phi = math.radians(latitude)
    east = math.radians(longitude)
    midnight = unix
    for _ in range(2):
        turned = math.degrees(_place_in_sky(midnight)[1] + east) % 360.0
        midnight += (180.0 - turned) / 360.0 * 86400.0
    threshold = math.sin(math.radians(passes_deg))
    if _sine_of_elevation(phi, east, midnight) >= threshold:
        return SunNight(None, None, midnight, True)
    return SunNight(
        _passing(phi, east, threshold, midnight, midnight - _HALF_DAY_S),
        _passing(phi, east, threshold, midnight, midnight + _HALF_DAY_S),
        midnight,
        False,
    )


def _passing(phi: float, east: float, threshold: float, dark: float, light: float) -> "float | None":
    """Returns when between `dark` (midnight) and `light` (noon) the sun stands at the threshold, or None if noon is
    dark too.

    The method is false position with the Illinois correction. It keeps the root between its two ends, so it cannot run
    away near the poles.
    """
    low = _sine_of_elevation(phi, east, dark) - threshold
    high = _sine_of_elevation(phi, east, light) - threshold
    if high <= 0.0:
        return None
    last = 0
    for _ in range(60):
        middle = (dark * high - light * low) / (high - low)
        value = _sine_of_elevation(phi, east, middle) - threshold
        if abs(value) < _SINE_TOLERANCE:
            return middle
        # An end that stays twice would slow the search down, so its weight is halved.
        if value < 0.0:
            dark, low = middle, value
            if last < 0:
                high *= 0.5
            last = -1
        else:
            light, high = middle, value
            if last > 0:
                low *= 0.5
            last = 1
    return (dark + light) / 2.0
