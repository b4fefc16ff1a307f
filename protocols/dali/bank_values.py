"""Turns the bytes of a memory bank into values and back: the number formats of IEC 62386-102 clause 9.10 and of parts
251 to 253. Nothing is guessed: each reason for which a field has no plain value is a state of its own.
"""

from collections import namedtuple

from protocols.dali import memory_banks
from protocols.dali.memory_banks import COLOUR_TEMPERATURE, FLAG, SCALED, TEMPERATURE, TEXT, VERSION
from protocols.errors import ValueOutOfRange

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from protocols.dali.memory_banks import Field

KNOWN = "known"
MASKED = memory_banks.MASKED  # the gear does not know the value, or may not tell it
TEMPORARILY_MASKED = memory_banks.TEMPORARILY_MASKED  # not available at the moment: ask again
NOT_IMPLEMENTED = "not implemented"
INCOMPLETE = "incomplete"  # the gear did not answer for some of the bytes: read again
UNSTEADY = "unsteady"  # the value changed each time that it was read: latch it
NOT_VALID = "not valid"  # the bytes mean nothing in this field
SCALE_NOT_VALID = "scale not valid"  # the exponent is outside of -6 to 6
OTHER_VERSION = "other version"  # the bank is laid out by a version that is not known
PART_209 = "see part 209"  # the colour can be changed: part 209 tells it

NO_SUCH_VERSION = 0xFF
"""This byte in place of a part's version says that the gear does not implement the part."""


class Value(namedtuple("Value", "name state content exponent unit")):
    """One field as read. If `state` is KNOWN, `content` is an int times 10^`exponent` in `unit`, the bool of a FLAG, or
    the str of a TEXT or VERSION; otherwise it is None."""

    @property
    def is_known(self) -> bool:
        return bool(self.state == KNOWN)

    @property
    def amount(self) -> float | None:
        """The number in its unit with the scale applied, rounded as floats are (`decimal` is exact). None if the value
        is not known or is no number."""
        if self.state != KNOWN or isinstance(self.content, (str, bool)):
            return None
        if self.exponent < 0:
            return float(self.content / 10**-self.exponent)
        return float(self.content * 10**self.exponent)

    @property
    def decimal(self) -> str | None:
        """The number as an exact decimal, such as '1234.5'. None if the value is not known or is no number."""
        if self.state != KNOWN or isinstance(self.content, (str, bool)):
            return None
        if self.exponent >= 0:
            return str(self.content * 10**self.exponent)
        places = -self.exponent
        digits: str = ("%0" + str(places + 1) + "d") % abs(self.content)
        return ("-" if self.content < 0 else "") + digits[:-places] + "." + digits[-places:]


def read_value(field: "Field", content: "Mapping[int, int | None]") -> Value:
    """Returns the value of this field. `content` holds a byte for each location, or None if the gear did not answer.

    Raises ValueOutOfRange if a location of the field was not read at all.
    """
    raw = [_location(content, at, field) for at in field.locations]
    if field.kind == TEXT:
        return _text(field, raw)
    answered = [byte for byte in raw if byte is not None]
    if len(answered) < field.size:
        return without(field, INCOMPLETE if answered else NOT_IMPLEMENTED)
    if field.kind == VERSION:
        return _version(field, answered)
    number = _number(answered)
    highest = (1 << (8 * field.size)) - 1
    if field.kind == COLOUR_TEMPERATURE and number == memory_banks.PART_209_IMPLEMENTED:
        return without(field, PART_209)
    if "M" in field.flags and number == highest:
        return without(field, MASKED)
    if "T" in field.flags and number == highest - 1:
        return without(field, TEMPORARILY_MASKED)
    if field.kind == SCALED:
        return _scaled(field, number, _location(content, field.scale_offset, field))
    if field.kind == FLAG:
        return Value(field.name, KNOWN, number == 1, 0, "") if number < 2 else without(field, NOT_VALID)
    if number < field.lowest or (field.highest is not None and number > field.highest):
        return without(field, NOT_VALID)
    if field.kind == TEMPERATURE:
        number -= memory_banks.TEMPERATURE_OFFSET_C
    return Value(field.name, KNOWN, number, field.exponent, field.unit)


def write_content(field: "Field", value: "int | str") -> bytes:
    """Returns the bytes of a text, or of a number in counts of 10^exponent of the field's unit (a temperature in °C).

    Raises ValueOutOfRange if the field cannot hold the value or cannot be written.
    """
    if "w" not in field.flags and "W" not in field.flags:
        raise ValueOutOfRange("%s cannot be written: the gear keeps it by itself" % field.name)
    if field.kind == TEXT:
        return _text_content(field, value)
    if not isinstance(value, int):
        raise ValueOutOfRange("%s is a whole number, not %r" % (field.name, value))
    raw = value + memory_banks.TEMPERATURE_OFFSET_C if field.kind == TEMPERATURE else value
    masks = len([flag for flag in "MT" if flag in field.flags])
    limit = (1 << (8 * field.size)) - 1 - masks if field.highest is None else field.highest
    if not field.lowest <= raw <= limit:
        raise ValueOutOfRange("%s cannot be %d: its raw number is %d to %d" % (field.name, value, field.lowest, limit))
    return bytes([(raw >> shift) & 0xFF for shift in range(8 * (field.size - 1), -1, -8)])


def _location(content: "Mapping[int, int | None]", at: int, field: "Field") -> int | None:
    if at not in content:
        raise ValueOutOfRange("%s stands at location 0x%02X, which was not read: read it first" % (field.name, at))
    return content[at]


def without(field: "Field", state: str) -> Value:
    """Returns this field with no value, for the reason that `state` gives."""
    return Value(field.name, state, None, 0, field.unit)


def _number(raw: "Sequence[int]") -> int:
    number = 0
    for byte in raw:
        number = (number << 8) | byte
    return number


def _scaled(field: "Field", number: int, scale: int | None) -> Value:
    if scale is None:
        return without(field, INCOMPLETE)
    exponent = memory_banks.exponent(scale)
    if exponent is None:
        return without(field, SCALE_NOT_VALID)
    return Value(field.name, KNOWN, number, exponent, field.unit)


def _version(field: "Field", raw: "Sequence[int]") -> Value:
    if len(raw) == 2:
        return Value(field.name, KNOWN, "%d.%d" % (raw[0], raw[1]), 0, "")
    if raw[0] == NO_SUCH_VERSION:
        return without(field, NOT_IMPLEMENTED)
    return Value(field.name, KNOWN, "%d.%d" % (raw[0] >> 2, raw[0] & 3), 0, "")


def _text(field: "Field", raw: "Sequence[int | None]") -> Value:
    characters = []
    for byte in raw:
        if byte == 0:
            break
        characters.append(byte)
    if None in characters:
        return without(field, INCOMPLETE if [byte for byte in raw if byte is not None] else NOT_IMPLEMENTED)
    known = [byte for byte in characters if byte is not None]
    if len(known) == field.size and min(known) == 0xFF:
        return without(field, MASKED)
    if known and not (min(known) >= 0x20 and max(known) <= 0x7E):
        return without(field, NOT_VALID)
    return Value(field.name, KNOWN, "".join([chr(byte) for byte in known]), 0, "")


def _text_content(field: "Field", value: "int | str") -> bytes:
    if not isinstance(value, str) or [one for one in value if not 0x20 <= ord(one) <= 0x7E]:
        raise ValueOutOfRange("%s is plain ASCII text, not %r" % (field.name, value))
    if len(value) > field.size:
        raise ValueOutOfRange("%s has room for %d characters, not %d" % (field.name, field.size, len(value)))
    return bytes([ord(one) for one in value] + [0] * (field.size - len(value)))
