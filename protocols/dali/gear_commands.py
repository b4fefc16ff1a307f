"""The commands to control gear as one table: IEC 62386-102 clause 11 (edition 3 names), and its special commands.

A row of COMMANDS: name, opcode, how many consecutive opcodes it spans (scenes, groups, application extended commands),
and flags. A row of SPECIAL_COMMANDS: name, the address byte that marks it, whether the second byte carries data, and
flags. The flag `?` says that gear may answer, `2` that the frame goes out twice within 100 ms, and `+` that it matters
only to the very next frame. The caller loads the DTRs that a command uses.
"""

from collections import namedtuple

from protocols.dali import addresses
from protocols.dali.frames import Transmission, forward16
from protocols.errors import ValueOutOfRange

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.dali.addresses import Address
    from protocols.dali.frames import ForwardFrame


class Command(namedtuple("Command", "name opcode span answer twice bond")):
    """An addressed command. Its second byte is the `opcode` plus a number below `span`."""


class SpecialCommand(namedtuple("SpecialCommand", "name first_byte takes_data answer twice bond")):
    """A command to all gear: `first_byte` stands in place of an address; the second byte is data, or 0."""


class ExtendedCommand(namedtuple("ExtendedCommand", "name opcode answer twice")):
    """An application extended command, which has its meaning only directly after ENABLE DEVICE TYPE."""


_COMMANDS = (
    ("OFF", 0x00, 1, ""),
    ("UP", 0x01, 1, ""),
    ("DOWN", 0x02, 1, ""),
    ("STEP UP", 0x03, 1, ""),
    ("STEP DOWN", 0x04, 1, ""),
    ("RECALL MAX LEVEL", 0x05, 1, ""),
    ("RECALL MIN LEVEL", 0x06, 1, ""),
    ("STEP DOWN AND OFF", 0x07, 1, ""),
    ("ON AND STEP UP", 0x08, 1, ""),
    ("ENABLE DAPC SEQUENCE", 0x09, 1, ""),
    ("GO TO LAST ACTIVE LEVEL", 0x0A, 1, ""),
    ("CONTINUOUS UP", 0x0B, 1, ""),
    ("CONTINUOUS DOWN", 0x0C, 1, ""),
    ("GO TO SCENE", 0x10, 16, ""),
    ("RESET", 0x20, 1, "2"),
    ("STORE ACTUAL LEVEL IN DTR0", 0x21, 1, "2"),
    ("SAVE PERSISTENT VARIABLES", 0x22, 1, "2"),
    ("SET OPERATING MODE", 0x23, 1, "2"),
    ("RESET MEMORY BANK", 0x24, 1, "2"),
    ("IDENTIFY DEVICE", 0x25, 1, "2"),
    ("SET MAX LEVEL", 0x2A, 1, "2"),
    ("SET MIN LEVEL", 0x2B, 1, "2"),
    ("SET SYSTEM FAILURE LEVEL", 0x2C, 1, "2"),
    ("SET POWER ON LEVEL", 0x2D, 1, "2"),
    ("SET FADE TIME", 0x2E, 1, "2"),
    ("SET FADE RATE", 0x2F, 1, "2"),
    ("SET EXTENDED FADE TIME", 0x30, 1, "2"),
    ("SET SCENE", 0x40, 16, "2"),
    ("REMOVE FROM SCENE", 0x50, 16, "2"),
    ("ADD TO GROUP", 0x60, 16, "2"),
    ("REMOVE FROM GROUP", 0x70, 16, "2"),
    ("SET SHORT ADDRESS", 0x80, 1, "2"),
    ("ENABLE WRITE MEMORY", 0x81, 1, "2"),
    ("QUERY STATUS", 0x90, 1, "?"),
    ("QUERY CONTROL GEAR PRESENT", 0x91, 1, "?"),
    ("QUERY LAMP FAILURE", 0x92, 1, "?"),
    ("QUERY LAMP POWER ON", 0x93, 1, "?"),
    ("QUERY LIMIT ERROR", 0x94, 1, "?"),
    ("QUERY RESET STATE", 0x95, 1, "?"),
    ("QUERY MISSING SHORT ADDRESS", 0x96, 1, "?"),
    ("QUERY VERSION NUMBER", 0x97, 1, "?"),
    ("QUERY CONTENT DTR0", 0x98, 1, "?"),
    ("QUERY DEVICE TYPE", 0x99, 1, "?+"),
    ("QUERY PHYSICAL MINIMUM", 0x9A, 1, "?"),
    ("QUERY POWER FAILURE", 0x9B, 1, "?"),
    ("QUERY CONTENT DTR1", 0x9C, 1, "?"),
    ("QUERY CONTENT DTR2", 0x9D, 1, "?"),
    ("QUERY OPERATING MODE", 0x9E, 1, "?"),
    ("QUERY LIGHT SOURCE TYPE", 0x9F, 1, "?"),
    ("QUERY ACTUAL LEVEL", 0xA0, 1, "?"),
    ("QUERY MAX LEVEL", 0xA1, 1, "?"),
    ("QUERY MIN LEVEL", 0xA2, 1, "?"),
    ("QUERY POWER ON LEVEL", 0xA3, 1, "?"),
    ("QUERY SYSTEM FAILURE LEVEL", 0xA4, 1, "?"),
    ("QUERY FADE TIME/FADE RATE", 0xA5, 1, "?"),
    ("QUERY MANUFACTURER SPECIFIC MODE", 0xA6, 1, "?"),
    ("QUERY NEXT DEVICE TYPE", 0xA7, 1, "?+"),
    ("QUERY EXTENDED FADE TIME", 0xA8, 1, "?"),
    ("QUERY CONTROL GEAR FAILURE", 0xAA, 1, "?"),
    ("QUERY SCENE LEVEL", 0xB0, 16, "?"),
    ("QUERY GROUPS 0-7", 0xC0, 1, "?"),
    ("QUERY GROUPS 8-15", 0xC1, 1, "?"),
    ("QUERY RANDOM ADDRESS (H)", 0xC2, 1, "?"),
    ("QUERY RANDOM ADDRESS (M)", 0xC3, 1, "?"),
    ("QUERY RANDOM ADDRESS (L)", 0xC4, 1, "?"),
    ("READ MEMORY LOCATION", 0xC5, 1, "?"),
    ("QUERY EXTENDED VERSION NUMBER", 0xFF, 1, "?"),
)

_SPECIAL_COMMANDS = (
    ("TERMINATE", 0xA1, False, ""),
    ("DTR0", 0xA3, True, ""),
    ("INITIALISE", 0xA5, True, "2"),
    ("RANDOMISE", 0xA7, False, "2"),
    ("COMPARE", 0xA9, False, "?"),
    ("WITHDRAW", 0xAB, False, ""),
    ("PING", 0xAD, False, ""),
    ("SEARCHADDRH", 0xB1, True, ""),
    ("SEARCHADDRM", 0xB3, True, ""),
    ("SEARCHADDRL", 0xB5, True, ""),
    ("PROGRAM SHORT ADDRESS", 0xB7, True, ""),
    ("VERIFY SHORT ADDRESS", 0xB9, True, "?"),
    ("QUERY SHORT ADDRESS", 0xBB, False, "?"),
    ("ENABLE DEVICE TYPE", 0xC1, True, "+"),
    ("DTR1", 0xC3, True, ""),
    ("DTR2", 0xC5, True, ""),
    ("WRITE MEMORY LOCATION", 0xC7, True, "?"),
    ("WRITE MEMORY LOCATION - NO REPLY", 0xC9, True, ""),
)


def _flags(flags: str) -> "tuple[bool, bool, int]":
    return "?" in flags, "2" in flags, Transmission.TIED if "+" in flags else Transmission.LOOSE


COMMANDS = {row[0]: Command(row[0], row[1], row[2], *_flags(row[3])) for row in _COMMANDS}
SPECIAL_COMMANDS = {row[0]: SpecialCommand(row[0], row[1], row[2], *_flags(row[3])) for row in _SPECIAL_COMMANDS}

_BY_OPCODE = {command.opcode + n: (command, n) for command in COMMANDS.values() for n in range(command.span)}
_BY_FIRST_BYTE = {command.first_byte: command for command in SPECIAL_COMMANDS.values()}

CHANGE_DTRS = (
    "DTR0",
    "DTR1",
    "DTR2",
    "STORE ACTUAL LEVEL IN DTR0",
    "READ MEMORY LOCATION",
    "WRITE MEMORY LOCATION",
    "WRITE MEMORY LOCATION - NO REPLY",
)
"""The commands that change a DTR of some gear: the memory commands count DTR0 on."""

RESET_OPCODE = 0x20
"""RESET and all lower opcodes move the level; higher ones do not."""

MASK = 0xFF
"""No change, unknown, or 'stop the fade': IEC 62386-102 clause 3."""


def level(address: "Address", value: int) -> Transmission:
    """Returns DAPC: the gear fades to this level, 0-254 (0: off), or with 255 (MASK) stops a running fade.

    Raises ValueOutOfRange.
    """
    return Transmission(forward16(address.byte(0), value), False, False, Transmission.LOOSE)


def command(address: "Address", name: str, number: int = 0) -> Transmission:
    """Returns the addressed command of this name; `number` is its scene or group if it takes one.

    Raises KeyError for an unknown name, and ValueOutOfRange for a number that the command does not take.
    """
    row = COMMANDS[name]
    if not 0 <= number < row.span:
        raise ValueOutOfRange("%s takes a number from 0 to %d, not %r" % (name, row.span - 1, number))
    return Transmission(forward16(address.byte(1), row.opcode + number), row.twice, row.answer, row.bond)


def special(name: str, data: int = 0) -> Transmission:
    """Returns the special command of this name, with its data byte if it takes one.

    Raises KeyError for an unknown name, and ValueOutOfRange for data that the command does not take.
    """
    row = SPECIAL_COMMANDS[name]
    if data and not row.takes_data:
        raise ValueOutOfRange("%s takes no data" % name)
    return Transmission(forward16(row.first_byte, data), row.twice, row.answer, row.bond)


def extended_table(rows: "Sequence[tuple[str, int, str]]") -> "dict[str, ExtendedCommand]":
    """Returns the commands of a device type, by name, from rows of name, opcode and flags."""
    return {name: ExtendedCommand(name, opcode, "?" in flags, "2" in flags) for name, opcode, flags in rows}


def extended(address: "Address", row: ExtendedCommand) -> Transmission:
    """Returns a command of a device type. It means nothing unless that type's ENABLE DEVICE TYPE goes directly
    before."""
    return Transmission(forward16(address.byte(1), row.opcode), row.twice, row.answer, Transmission.LOOSE)


def loads_dtr(frame: "ForwardFrame") -> bool:
    """Returns True if this frame puts a value into DTR0, DTR1 or DTR2 of all gear."""
    return bool(frame.bits == 16 and frame.value >> 8 in (0xA3, 0xC3, 0xC5))


class Meaning(namedtuple("Meaning", "name address number")):
    """A 16-bit frame taken apart: the command's name ('DAPC' for a level), its address (None for a special command),
    and as `number` its level, data, scene or group (None: it has none)."""


def moves_level(meaning: Meaning) -> bool:
    """Returns True if this command can change the level that gear shows (IEC 62386-102 clause 11.3)."""
    return bool(meaning.name == "DAPC" or (meaning.name in COMMANDS and COMMANDS[meaning.name].opcode <= RESET_OPCODE))


def meaning(frame: "ForwardFrame") -> Meaning | None:
    """Returns the meaning of this 16-bit forward frame, or None if part 102 gives it none."""
    if frame.bits != 16:
        return None
    first, second = frame.to_bytes()
    special_command = _BY_FIRST_BYTE.get(first)
    if special_command is not None:
        if special_command.takes_data:
            return Meaning(special_command.name, None, second)
        return Meaning(special_command.name, None, None) if second == 0 else None
    address = addresses.from_byte(first)
    if address is None:
        return None
    if not first & 1:
        return Meaning("DAPC", address, second)
    found = _BY_OPCODE.get(second)
    if found is None:
        return None
    return Meaning(found[0].name, address, found[1] if found[0].span > 1 else None)
