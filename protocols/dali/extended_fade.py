"""The extended fade time of control gear, which holds while FADE TIME is 0: IEC 62386-102 clause 9.5.4.

One byte: the low nibble counts 1 to 16 of the unit that the next three bits choose.
"""

from protocols.errors import ValueOutOfRange

UNITS_MS = (0, 100, 1000, 10_000, 60_000)
"""The units in milliseconds by the three bits that choose them; with the unit 0 there is no fade."""
HIGHEST_CODE = 0x4F


def extended_fade_s(code: int) -> float:
    """Returns the seconds (0 to 960) that an extended fade time code, 0-0x4F, stands for. Raises ValueOutOfRange."""
    if not 0 <= code <= HIGHEST_CODE:
        raise ValueOutOfRange("an extended fade time code is 0x00 to 0x4F, not %r" % (code,))
    return ((code & 0x0F) + 1) * UNITS_MS[code >> 4] / 1000


def extended_fade_code(seconds: float) -> int:
    """Returns the code whose time is nearest to `seconds`: 0 below 50 ms, and 0x4F (16 min) for longer fades.

    Of two codes that are equally near, it takes the one with the finer unit. Raises ValueOutOfRange below 0.
    """
    if not seconds >= 0:
        raise ValueOutOfRange("a fade takes 0 s or more, not %r" % (seconds,))
    best = 0
    for code in range(HIGHEST_CODE + 1):
        if abs(extended_fade_s(code) - seconds) < abs(extended_fade_s(best) - seconds):
            best = code
    return best
