"""The layout of the memory banks of control gear, as tables: bank 0 (IEC 62386-102 clause 9.10), bank 1 (part 251),
banks 202 to 204 (part 252, energy) and 205 to 207 (part 253, diagnostics and maintenance).

Parts 251 to 253 are DiiA's v1.1 of October 2019, now IEC 62386-251 to -253. Numbers are big-endian. All bits set (MASK)
stands for 'unknown', one less (TMASK) for 'not available at the moment'. bank_values.py turns the bytes into values;
bank_access.py reads and writes them.
"""

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Row = tuple[int, int, str, str, str, int, str, tuple[int, int] | None]

LAST_LOCATION = 0x00
"""The location, in every bank, that holds the address of the bank's last location."""
LOCK_BYTE = 0x02
LATCH = 0xAA
UNLOCK = 0x55
RELEASE = 0xFF

NUMBER = "number"  # times 10 to the power of `exponent`
SCALED = "scaled number"  # its exponent is a signed byte at `scale_offset`
TEMPERATURE = "temperature"  # the byte less 60, in °C
FLAG = "flag"  # 0 or 1
TEXT = "text"  # ASCII, ended by a zero byte or by the field's end
VERSION = "version"  # one byte x.y in bits 7..2 and 1..0, or a byte each
COLOUR_TEMPERATURE = "colour temperature"  # a number, or PART_209_IMPLEMENTED

PART_209_IMPLEMENTED = 0xFFFE
"""This number in place of a colour temperature says that the gear changes its colour: ask it by part 209."""
TEMPERATURE_OFFSET_C = 60


class Field(namedtuple("Field", "name offset size kind scale_offset exponent unit lowest highest flags")):
    """One value in a bank: its first location (`offset`), its bytes (`size`), its kind, and its valid raw numbers.

    `scale_offset` is the location of the exponent of a SCALED number (else None). Flags: `M` all bits set is MASK; `T`
    one less is TMASK; `m` the gear measures the value, so it changes by itself and can be torn while it is read; `w` it
    can be written while its bank is unlocked; `W` it can be written at any time.
    """

    @property
    def locations(self) -> range:
        """The addresses of the value's bytes, without that of a scale."""
        return range(self.offset, self.offset + self.size)


class Bank(namedtuple("Bank", "number name last version_field version lockable latches fields")):
    """A bank: its last location, and the version that this table describes (the field that states it, and its value).

    The fields that stand before the version do not depend on it. `version_field` is None if the bank states no version.
    """

    def field(self, name: str) -> Field:
        """Returns the field of this name. Raises KeyError."""
        for field in self.fields:
            if field.name == name:
                found: Field = field
                return found
        raise KeyError(name)


def _fields(*groups: "Sequence[Row]") -> "tuple[Field, ...]":
    """Returns the fields of rows (offset, size, name, kind, unit, extra, flags, valid).

    `extra` is the scale offset of a SCALED number or the exponent of a NUMBER, `valid` the lowest and the highest raw
    number.
    """
    fields = []
    for rows in groups:
        for offset, size, name, kind, unit, extra, flags, valid in rows:
            scale_offset = extra if kind == SCALED else None
            exponent = extra if kind == NUMBER else 0
            lowest, highest = valid or (0, None)
            fields.append(Field(name, offset, size, kind, scale_offset, exponent, unit, lowest, highest, flags))
    return tuple(fields)


BANK_0 = Bank(
    0,
    "gear",
    0x1A,
    None,
    None,
    False,
    False,
    _fields(
        (
            (0x02, 1, "last memory bank", NUMBER, "", 0, "", None),
            (0x03, 6, "GTIN", NUMBER, "", 0, "M", None),
            (0x09, 2, "firmware version", VERSION, "", 0, "", None),
            (0x0B, 8, "serial number", NUMBER, "", 0, "M", None),
            (0x13, 2, "hardware version", VERSION, "", 0, "", None),
            (0x15, 1, "part 101 version", VERSION, "", 0, "", None),
            (0x16, 1, "part 102 version", VERSION, "", 0, "", None),
            (0x17, 1, "part 103 version", VERSION, "", 0, "", None),
            (0x18, 1, "control devices", NUMBER, "", 0, "", (0, 64)),
            (0x19, 1, "control gear", NUMBER, "", 0, "", (0, 64)),
            (0x1A, 1, "index of this gear", NUMBER, "", 0, "", None),
        )
    ),
)

BANK_0_EDITION_1 = Bank(
    0,
    "gear",
    0x0E,
    None,
    None,
    False,
    False,
    BANK_0.fields[:3] + _fields(((0x0B, 4, "serial number", NUMBER, "", 0, "M", None),)),
)
"""Bank 0 of gear that answers QUERY VERSION NUMBER with 1: its serial number is shorter, and its maker decides what
follows it."""

BANK_1 = Bank(
    1,
    "luminaire",
    0x77,
    Field("content format", 0x11, 2, NUMBER, None, 0, "", 0, None, ""),
    3,
    True,
    False,
    _fields(
        (
            (0x03, 6, "luminaire GTIN", NUMBER, "", 0, "Mw", None),
            (0x09, 8, "luminaire identification number", NUMBER, "", 0, "Mw", None),
            (0x13, 1, "year of manufacture", NUMBER, "", 0, "Mw", (0, 99)),
            (0x14, 1, "week of manufacture", NUMBER, "", 0, "Mw", (1, 53)),
            (0x15, 2, "nominal power", NUMBER, "W", 0, "Mw", None),
            (0x17, 2, "power at the lowest level", NUMBER, "W", 0, "Mw", None),
            (0x19, 2, "lowest mains voltage", NUMBER, "V", 0, "Mw", (90, 480)),
            (0x1B, 2, "highest mains voltage", NUMBER, "V", 0, "Mw", (90, 480)),
            (0x1D, 3, "nominal light output", NUMBER, "lm", 0, "Mw", None),
            (0x20, 1, "colour rendering index", NUMBER, "", 0, "Mw", (0, 100)),
            (0x21, 2, "colour temperature", COLOUR_TEMPERATURE, "K", 0, "Mw", (0, 17000)),
            (0x23, 1, "light distribution type", NUMBER, "", 0, "Mw", (0, 5)),
            (0x24, 24, "luminaire colour", TEXT, "", 0, "w", None),
            (0x3C, 60, "luminaire identification", TEXT, "", 0, "w", None),
        )
    ),
)


def _version(offset: int) -> Field:
    return Field("bank version", offset, 1, NUMBER, None, 0, "", 0, None, "")


def _energy_bank(number: int, name: str, energy: str, energy_unit: str, power: str, power_unit: str) -> Bank:
    rows = (
        (0x05, 6, energy, SCALED, energy_unit, 0x04, "MTm", None),
        (0x0C, 4, power, SCALED, power_unit, 0x0B, "MTm", None),
    )
    return Bank(number, name, 0x0F, _version(0x03), 1, False, True, _fields(rows))


BANK_202 = _energy_bank(202, "active energy and power", "active energy", "Wh", "active power", "W")
BANK_203 = _energy_bank(203, "apparent energy and power", "apparent energy", "VAh", "apparent power", "VA")
BANK_204 = _energy_bank(204, "load-side energy and power", "load-side energy", "Wh", "load-side power", "W")


def _conditions(offset: int, names: "Sequence[str]") -> "tuple[Row, ...]":
    """Returns two rows for each name: a flag, and the counter of how often it was set."""
    rows: "list[Row]" = []
    for place, name in enumerate(names):
        rows.append((offset + 2 * place, 1, name, FLAG, "", 0, "MTm", None))
        rows.append((offset + 2 * place + 1, 1, name + " counter", NUMBER, "", 0, "MTm", None))
    return tuple(rows)


BANK_205 = Bank(
    205,
    "control gear diagnostics",
    0x1C,
    _version(0x03),
    1,
    True,
    True,
    _fields(
        (
            (0x04, 4, "operating time", NUMBER, "s", 0, "MTm", None),
            (0x08, 3, "starts", NUMBER, "", 0, "MTm", None),
            (0x0B, 2, "supply voltage", NUMBER, "V", -1, "MTm", None),
            (0x0D, 1, "supply frequency", NUMBER, "Hz", 0, "MTm", None),
            (0x0E, 1, "power factor", NUMBER, "", -2, "MTm", (0, 100)),
        ),
        _conditions(
            0x0F,
            ("failure", "undervoltage", "overvoltage", "power limitation", "thermal derating", "thermal shutdown"),
        ),
        (
            (0x1B, 1, "temperature", TEMPERATURE, "°C", 0, "MTm", None),
            (0x1C, 1, "output current", NUMBER, "%", 0, "MTm", (0, 100)),
        ),
    ),
)

BANK_206 = Bank(
    206,
    "light source diagnostics",
    0x20,
    _version(0x03),
    1,
    True,
    True,
    _fields(
        (
            (0x04, 3, "starts since reset", NUMBER, "", 0, "MTmW", None),
            (0x07, 3, "starts", NUMBER, "", 0, "MTm", None),
            (0x0A, 4, "operating time since reset", NUMBER, "s", 0, "MTmW", None),
            (0x0E, 4, "operating time", NUMBER, "s", 0, "MTm", None),
            (0x12, 2, "voltage", NUMBER, "V", -1, "MTm", None),
            (0x14, 2, "current", NUMBER, "A", -3, "MTm", None),
        ),
        _conditions(0x16, ("failure", "short circuit", "open circuit", "thermal derating", "thermal shutdown")),
        ((0x20, 1, "temperature", TEMPERATURE, "°C", 0, "MTm", None),),
    ),
)

BANK_207 = Bank(
    207,
    "luminaire maintenance",
    0x07,
    _version(0x03),
    1,
    True,
    False,
    _fields(
        (
            (0x04, 1, "rated useful life", NUMBER, "h", 3, "MTw", None),
            (0x05, 1, "reference temperature", TEMPERATURE, "°C", 0, "MTw", None),
            (0x06, 2, "rated light source starts", NUMBER, "", 2, "MTw", None),
        )
    ),
)

BANKS = (BANK_0, BANK_1, BANK_202, BANK_203, BANK_204, BANK_205, BANK_206, BANK_207)

ACTIVE_ENERGY_BANK = 202
ACTIVE_ENERGY = BANK_202.field("active energy")
ACTIVE_POWER = BANK_202.field("active power")

SCALE_RANGE = (-6, 6)
"""The lowest and the highest decimal exponent that part 252 allows."""

MASKED = "masked"
TEMPORARILY_MASKED = "temporarily masked"


class RawNumber(namedtuple("RawNumber", "value mask")):
    """A field as read: `value`, or None with `mask` MASKED (unknown) or TEMPORARILY_MASKED (not available now)."""


def number(content: "Sequence[int]") -> RawNumber:
    """Returns the unsigned number in these bytes, or which of MASK and TMASK they are; one byte has no TMASK."""
    value = 0
    for byte in content:
        value = (value << 8) | byte
    highest = (1 << (8 * len(content))) - 1
    if value == highest:
        return RawNumber(None, MASKED)
    if value == highest - 1 and len(content) > 1:
        return RawNumber(None, TEMPORARILY_MASKED)
    return RawNumber(value, None)


def signed(byte: int) -> int:
    """Returns the byte as a two's complement number, -128 to 127."""
    return byte - 256 if byte > 127 else byte


def exponent(byte: int) -> int | None:
    """Returns the decimal exponent in a scale byte, or None if part 252 does not allow it."""
    value = signed(byte)
    return value if SCALE_RANGE[0] <= value <= SCALE_RANGE[1] else None
