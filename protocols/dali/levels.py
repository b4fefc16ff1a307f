"""Levels, light and fades: IEC 62386-102 clauses 9.3 and 9.5; the logarithmic and (part 207) the linear curve."""

import math

from protocols.errors import ValueOutOfRange

OFF = 0
MAX_LEVEL = 254

_LEVELS_PER_DECADE = 253 / 3
"""The logarithmic curve: 0.1 % at level 1, 100 % at level 254, three decades between."""


def percent_of(level: int, linear: bool = False) -> float:
    """Returns the light of a level, 0-254, in percent of full light. Raises ValueOutOfRange.

    Level 0 is 0 %; the others are 0.1 to 100 % on the logarithmic curve, n/254 on the linear one.
    """
    if not 0 <= level <= MAX_LEVEL:
        raise ValueOutOfRange("a level is 0 to 254, not %r" % (level,))
    if level == OFF:
        return 0.0
    if linear:
        return 100.0 * level / MAX_LEVEL
    return math.pow(10.0, (level - 1) / _LEVELS_PER_DECADE - 1.0)


def level_of(percent: float, linear: bool = False) -> int:
    """Returns the level, 0-254, nearest to this light in percent (0-100). Raises ValueOutOfRange.

    Any light above 0 % is at least level 1: dim light never becomes dark.
    """
    if not 0.0 <= percent <= 100.0:
        raise ValueOutOfRange("light is 0 to 100 percent, not %r" % (percent,))
    if percent == 0.0:
        return OFF
    if linear:
        return max(1, int(percent * MAX_LEVEL / 100.0 + 0.5))
    decades = math.log(percent) / math.log(10.0) + 1.0
    return max(1, int(1.0 + _LEVELS_PER_DECADE * decades + 0.5))


def fade_time_s(code: int) -> float:
    """Returns the seconds that a FADE TIME code, 0-15, stands for: 0.5 s x sqrt(2^code). Raises ValueOutOfRange.

    For code 0 it returns 0; gear then fades for its extended fade time, which is by default none.
    """
    if not 0 <= code <= 15:
        raise ValueOutOfRange("a fade time code is 0 to 15, not %r" % (code,))
    return 0.5 * math.sqrt(1 << code) if code else 0.0


def fade_code(seconds: float) -> int:
    """Returns the FADE TIME code whose time is nearest to `seconds` by ratio: 0 below 0.5 s, 15 for 90.5 s and more."""
    if seconds < 0.5:
        return 0
    return min(15, max(1, int(2.0 * math.log(seconds / 0.5) / math.log(2.0) + 0.5)))
