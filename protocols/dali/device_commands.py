"""The commands to control devices as tables: IEC 62386-103 clause 11, 24-bit forward frames.

A row of DEVICE_COMMANDS and INSTANCE_COMMANDS: name, opcode, flags. A row of SPECIAL_COMMANDS: name, its first bytes,
how many data bytes follow, flags. The flag `?` says that devices may answer, `2` that the frame goes out twice within
100 ms. The caller loads the DTRs that a command uses. Control devices have DTRs of their own, apart from control gear.

The commands of each instance type stand in its own module: occupancy.COMMANDS, light_sensor.COMMANDS.
"""

from collections import namedtuple

from protocols.dali import device_addresses
from protocols.dali.frames import ForwardFrame, Transmission
from protocols.errors import ValueOutOfRange

TYPE_CHECKING = False
if TYPE_CHECKING:
    from protocols.dali.device_addresses import DeviceAddress, Instances


class Command(namedtuple("Command", "name opcode answer twice")):
    """A command to a device or to instances of it: `opcode` is the third byte."""


class SpecialCommand(namedtuple("SpecialCommand", "name first_bytes data answer twice")):
    """A command to all devices: its first one or two bytes, and the number of data bytes that complete it. With `data`
    0, a zero byte completes it."""


def table(rows: "tuple[tuple[str, int, str], ...]") -> "dict[str, Command]":
    """Returns a command table, by name, from rows of name, opcode and flags."""
    return {name: Command(name, opcode, "?" in flags, "2" in flags) for name, opcode, flags in rows}


DEVICE_COMMANDS = table(
    (
        ("IDENTIFY DEVICE", 0x00, "2"),
        ("RESET POWER CYCLE SEEN", 0x01, "2"),
        ("RESET", 0x10, "2"),
        ("RESET MEMORY BANK", 0x11, "2"),
        ("SET SHORT ADDRESS", 0x14, "2"),
        ("ENABLE WRITE MEMORY", 0x15, "2"),
        ("ENABLE APPLICATION CONTROLLER", 0x16, "2"),
        ("DISABLE APPLICATION CONTROLLER", 0x17, "2"),
        ("SET OPERATING MODE", 0x18, "2"),
        ("ADD TO DEVICE GROUPS 0-15", 0x19, "2"),
        ("ADD TO DEVICE GROUPS 16-31", 0x1A, "2"),
        ("REMOVE FROM DEVICE GROUPS 0-15", 0x1B, "2"),
        ("REMOVE FROM DEVICE GROUPS 16-31", 0x1C, "2"),
        ("START QUIESCENT MODE", 0x1D, "2"),
        ("STOP QUIESCENT MODE", 0x1E, "2"),
        ("ENABLE POWER CYCLE NOTIFICATION", 0x1F, "2"),
        ("DISABLE POWER CYCLE NOTIFICATION", 0x20, "2"),
        ("SAVE PERSISTENT VARIABLES", 0x21, "2"),
        ("QUERY DEVICE STATUS", 0x30, "?"),
        ("QUERY APPLICATION CONTROLLER ERROR", 0x31, "?"),
        ("QUERY INPUT DEVICE ERROR", 0x32, "?"),
        ("QUERY MISSING SHORT ADDRESS", 0x33, "?"),
        ("QUERY VERSION NUMBER", 0x34, "?"),
        ("QUERY NUMBER OF INSTANCES", 0x35, "?"),
        ("QUERY CONTENT DTR0", 0x36, "?"),
        ("QUERY CONTENT DTR1", 0x37, "?"),
        ("QUERY CONTENT DTR2", 0x38, "?"),
        ("QUERY RANDOM ADDRESS (H)", 0x39, "?"),
        ("QUERY RANDOM ADDRESS (M)", 0x3A, "?"),
        ("QUERY RANDOM ADDRESS (L)", 0x3B, "?"),
        ("READ MEMORY LOCATION", 0x3C, "?"),
        ("QUERY APPLICATION CONTROL ENABLED", 0x3D, "?"),
        ("QUERY OPERATING MODE", 0x3E, "?"),
        ("QUERY MANUFACTURER SPECIFIC MODE", 0x3F, "?"),
        ("QUERY QUIESCENT MODE", 0x40, "?"),
        ("QUERY DEVICE GROUPS 0-7", 0x41, "?"),
        ("QUERY DEVICE GROUPS 8-15", 0x42, "?"),
        ("QUERY DEVICE GROUPS 16-23", 0x43, "?"),
        ("QUERY DEVICE GROUPS 24-31", 0x44, "?"),
        ("QUERY POWER CYCLE NOTIFICATION", 0x45, "?"),
        ("QUERY DEVICE CAPABILITIES", 0x46, "?"),
        ("QUERY EXTENDED VERSION NUMBER", 0x47, "?"),
        ("QUERY RESET STATE", 0x48, "?"),
        ("QUERY APPLICATION CONTROLLER ALWAYS ACTIVE", 0x49, "?"),
    )
)

INSTANCE_COMMANDS = table(
    (
        ("SET EVENT PRIORITY", 0x61, "2"),
        ("ENABLE INSTANCE", 0x62, "2"),
        ("DISABLE INSTANCE", 0x63, "2"),
        ("SET PRIMARY INSTANCE GROUP", 0x64, "2"),
        ("SET INSTANCE GROUP 1", 0x65, "2"),
        ("SET INSTANCE GROUP 2", 0x66, "2"),
        ("SET EVENT SCHEME", 0x67, "2"),
        ("SET EVENT FILTER", 0x68, "2"),
        ("QUERY INSTANCE TYPE", 0x80, "?"),
        ("QUERY RESOLUTION", 0x81, "?"),
        ("QUERY INSTANCE ERROR", 0x82, "?"),
        ("QUERY INSTANCE STATUS", 0x83, "?"),
        ("QUERY EVENT PRIORITY", 0x84, "?"),
        ("QUERY INSTANCE ENABLED", 0x86, "?"),
        ("QUERY PRIMARY INSTANCE GROUP", 0x88, "?"),
        ("QUERY INSTANCE GROUP 1", 0x89, "?"),
        ("QUERY INSTANCE GROUP 2", 0x8A, "?"),
        ("QUERY EVENT SCHEME", 0x8B, "?"),
        ("QUERY INPUT VALUE", 0x8C, "?"),
        ("QUERY INPUT VALUE LATCH", 0x8D, "?"),
        ("QUERY FEATURE TYPE", 0x8E, "?"),
        ("QUERY NEXT FEATURE TYPE", 0x8F, "?"),
        ("QUERY EVENT FILTER 0-7", 0x90, "?"),
        ("QUERY EVENT FILTER 8-15", 0x91, "?"),
        ("QUERY EVENT FILTER 16-23", 0x92, "?"),
        ("QUERY INSTANCE CONFIGURATION", 0x93, "?"),
        ("QUERY AVAILABLE INSTANCE TYPES", 0x94, "?"),
    )
)

_SPECIAL_COMMANDS = (
    ("TERMINATE", b"\xc1\x00", 0, ""),
    ("INITIALISE", b"\xc1\x01", 1, "2"),
    ("RANDOMISE", b"\xc1\x02", 0, "2"),
    ("COMPARE", b"\xc1\x03", 0, "?"),
    ("WITHDRAW", b"\xc1\x04", 0, ""),
    ("SEARCHADDRH", b"\xc1\x05", 1, ""),
    ("SEARCHADDRM", b"\xc1\x06", 1, ""),
    ("SEARCHADDRL", b"\xc1\x07", 1, ""),
    ("PROGRAM SHORT ADDRESS", b"\xc1\x08", 1, ""),
    ("VERIFY SHORT ADDRESS", b"\xc1\x09", 1, "?"),
    ("QUERY SHORT ADDRESS", b"\xc1\x0a", 0, "?"),
    ("WRITE MEMORY LOCATION", b"\xc1\x20", 1, "?"),
    ("WRITE MEMORY LOCATION - NO REPLY", b"\xc1\x21", 1, ""),
    ("DTR0", b"\xc1\x30", 1, ""),
    ("DTR1", b"\xc1\x31", 1, ""),
    ("DTR2", b"\xc1\x32", 1, ""),
    ("SEND TESTFRAME", b"\xc1\x33", 1, ""),
    ("DIRECT WRITE MEMORY", b"\xc5", 2, "?"),
    ("DTR1:DTR0", b"\xc7", 2, ""),
    ("DTR2:DTR1", b"\xc9", 2, ""),
)

SPECIAL_COMMANDS = {
    row[0]: SpecialCommand(row[0], row[1], row[2], "?" in row[3], "2" in row[3]) for row in _SPECIAL_COMMANDS
}
_BY_FIRST_BYTES = {row.first_bytes: row for row in SPECIAL_COMMANDS.values()}

EVERY_DEVICE = 0xFF
UNADDRESSED_DEVICES = 0x7F
"""The data bytes of INITIALISE, beside a plain short address (which is not shifted as it is for control gear)."""

NO_SHORT_ADDRESS = 0xFF
"""MASK: deletes the address in PROGRAM SHORT ADDRESS and SET SHORT ADDRESS; QUERY SHORT ADDRESS answers with it."""


class Setting(namedtuple("Setting", "name set query unit lowest highest absent")):
    """A byte that an instance keeps.

    `set` and `query` name the commands that set it (from DTR0) and ask for it. `unit` is the worth of one count;
    `lowest` and `highest` bound the counts. `absent` is a further count that means off or none (None: there is none).
    """

    def count(self, value: float) -> int:
        """Returns the byte nearest to this value, which is in units of the setting. Raises ValueOutOfRange."""
        found = int(value / self.unit + 0.5)
        if not (self.lowest <= found <= self.highest or found == self.absent):
            raise ValueOutOfRange(
                "%s is %g to %g, not %r" % (self.name, self.lowest * self.unit, self.highest * self.unit, value)
            )
        return found


EVENT_PRIORITY = Setting("an event priority", "SET EVENT PRIORITY", "QUERY EVENT PRIORITY", 1, 2, 5, None)
EVENT_SCHEME = Setting("an event scheme", "SET EVENT SCHEME", "QUERY EVENT SCHEME", 1, 0, 4, None)
PRIMARY_INSTANCE_GROUP = Setting(
    "an instance group", "SET PRIMARY INSTANCE GROUP", "QUERY PRIMARY INSTANCE GROUP", 1, 0, 31, 0xFF
)


def device(address: "DeviceAddress", name: str) -> Transmission:
    """Returns the command of this name to the device as a whole. Raises KeyError for an unknown name."""
    return _transmission(address, device_addresses.DEVICE, DEVICE_COMMANDS[name])


def instance(
    address: "DeviceAddress", instances: "Instances", name: str, commands: "dict[str, Command] | None" = None
) -> Transmission:
    """Returns the command of this name to instances of a device. Raises KeyError for an unknown name.

    `commands` is the table of the instance type that has the command; None: it is a command to instances of any type.
    """
    return _transmission(address, instances, (INSTANCE_COMMANDS if commands is None else commands)[name])


def special(name: str, first: int = 0, second: int = 0) -> Transmission:
    """Returns the special command of this name with the data bytes that it takes (none, one or two).

    Raises KeyError for an unknown name, and ValueOutOfRange for data that the command cannot carry.
    """
    row = SPECIAL_COMMANDS[name]
    if not (0 <= first <= (0xFF if row.data else 0) and 0 <= second <= (0xFF if row.data == 2 else 0)):
        raise ValueOutOfRange("%s takes %d data bytes, not %r and %r" % (name, row.data, first, second))
    value = int.from_bytes(row.first_bytes, "big") << 8 | first
    return _of_row(row, value << 8 | second if row.data == 2 else value)


def _transmission(address: "DeviceAddress", instances: "Instances", row: Command) -> Transmission:
    return _of_row(row, address.byte() << 16 | instances.byte() << 8 | int(row.opcode))


def _of_row(row: "Command | SpecialCommand", value: int) -> Transmission:
    # Loose: control devices do not hear the 16-bit frames of a level command that passes.
    return Transmission(ForwardFrame(24, value), row.twice, row.answer, Transmission.LOOSE)


class Meaning(namedtuple("Meaning", "name address instances data")):
    """A 24-bit command taken apart: its name, its address and instances (both None for a special command), and the data
    bytes of a special command (empty for any other)."""


def meaning(frame: ForwardFrame, *types: "dict[str, Command]") -> Meaning | None:
    """Returns the meaning of this 24-bit command. Returns None for an event, and for a command that is neither in part
    103 nor in these tables of instance types."""
    if frame.bits != 24:
        return None
    content = frame.to_bytes()
    row = _BY_FIRST_BYTES.get(content[:2]) or _BY_FIRST_BYTES.get(content[:1])
    if row is not None:
        data = content[len(row.first_bytes) :]
        if row.data == 0:
            return Meaning(row.name, None, None, b"") if data == b"\x00" else None
        return Meaning(row.name, None, None, data)
    address = device_addresses.from_byte(content[0])
    instances = device_addresses.instances_from_byte(content[1])
    if address is None or instances is None:
        return None
    if instances == device_addresses.DEVICE:
        name = _name(content[2], DEVICE_COMMANDS)
    else:
        name = _name(content[2], INSTANCE_COMMANDS, *types)
    return None if name is None else Meaning(name, address, instances, b"")


def _name(opcode: int, *tables: "dict[str, Command]") -> str | None:
    for commands in tables:
        for command in commands.values():
            if command.opcode == opcode:
                name: str = command.name
                return name
    return None
