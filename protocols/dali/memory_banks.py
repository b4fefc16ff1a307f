"""Memory banks as tables: D4i energy reporting (DiiA 252, now IEC 62386-252), bank 202 'active energy and power'.

Numbers are big-endian. All bits set (MASK) stands for 'unknown', one less (TMASK) for 'not available at the moment'.
"""

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

LOCK_BYTE = 0x02
LATCH = 0xAA
UNLOCK = 0x55
RELEASE = 0xFF


class Field(namedtuple("Field", "name offset size signed scale_offset unit")):
    """A number in a bank: its first location, its bytes, and where its decimal exponent stands (None: no scale)."""


ACTIVE_ENERGY_BANK = 202
ACTIVE_ENERGY = Field("active energy", 0x05, 6, False, 0x04, "Wh")
ACTIVE_POWER = Field("active power", 0x0C, 4, False, 0x0B, "W")

SCALE_RANGE = (-6, 6)
"""Decimal exponents that DiiA 252 allows."""

MASKED = "masked"
TEMPORARILY_MASKED = "temporarily masked"


class RawNumber(namedtuple("RawNumber", "value mask")):
    """A field as read: `value`, or None with `mask` MASKED (unknown) or TEMPORARILY_MASKED (not available now)."""


def number(content: "Sequence[int]") -> RawNumber:
    """The unsigned number in these bytes, with MASK and TMASK told apart."""
    value = 0
    for byte in content:
        value = (value << 8) | byte
    highest = (1 << (8 * len(content))) - 1
    if value == highest:
        return RawNumber(None, MASKED)
    if value == highest - 1 and len(content) > 1:
        return RawNumber(None, TEMPORARILY_MASKED)
    return RawNumber(value, None)


def exponent(byte: int) -> int | None:
    """The decimal exponent in a scale byte, or None where it is outside of what DiiA 252 allows."""
    value = byte - 256 if byte > 127 else byte
    return value if SCALE_RANGE[0] <= value <= SCALE_RANGE[1] else None
