"""Puts forward frames and answers into words for people, by the tables of IEC 62386-102, -103 and -207.

Addresses are written as on the command line: `5` is a gear, `g3` a group, then there are `all` and `unaddressed`, and
`-` for a special command to all gear. The addresses of control devices have a `d` before them.
"""

from collections import namedtuple

from protocols.dali import (
    addresses,
    device_addresses,
    device_commands,
    device_events,
    gear_commands,
    led,
    levels,
    light_sensor,
    occupancy,
    supply,
)
from protocols.dali.addresses import Address
from protocols.dali.device_addresses import DeviceAddress, Instances
from protocols.dali.extended_fade import HIGHEST_CODE, extended_fade_s
from protocols.dali.frames import Reply
from protocols.dali.gear_data import INTEGRATED_SUPPLY, LED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from protocols.dali.frames import ForwardFrame
    from protocols.dali.gear_commands import ExtendedCommand

EXTENDED_TABLES = {LED: led.COMMANDS, INTEGRATED_SUPPLY: supply.COMMANDS}
"""The commands of device types by the type's number. Their opcodes overlap: ENABLE DEVICE TYPE tells the type."""
INSTANCE_TABLES = {
    occupancy.INSTANCE_TYPE: occupancy.COMMANDS,
    light_sensor.INSTANCE_TYPE: light_sensor.COMMANDS,
}
"""The commands of instance types by the type's number. Their opcodes overlap: only the type tells them apart."""


class Named(namedtuple("Named", "address command number")):
    """A frame in words. `number` is its level, scene, group or data (None: it has none). The command of a frame without
    a name is `?`."""

    @property
    def text(self) -> str:
        """The command with its number."""
        return str(self.command) if self.number is None else "%s %s" % (self.command, self.number)


class Namer:
    """Names the frames of one bus in the order in which they pass, because ENABLE DEVICE TYPE gives the next frame
    another meaning."""

    def __init__(self) -> None:
        self._type: "int | None" = None

    def name(self, frame: "ForwardFrame") -> Named:
        """Returns the name of the next frame."""
        device_type, self._type = self._type, None
        if frame.bits == 24:
            return _named_24(frame)
        found = gear_commands.meaning(frame)
        if found is not None and found.name == "ENABLE DEVICE TYPE":
            self._type = found.number
        if frame.bits == 16 and device_type in EXTENDED_TABLES:
            extended = _extended_name(frame, EXTENDED_TABLES[device_type])
            if extended is not None:
                return extended
        if found is None:
            return Named("-", "?", None)
        if found.name == "DAPC":
            return Named(address_text(found.address), "LEVEL", "MASK" if found.number == 255 else found.number)
        return Named(address_text(found.address), found.name, found.number)


def _extended_name(frame: "ForwardFrame", commands: "dict[str, ExtendedCommand]") -> Named | None:
    first, opcode = frame.to_bytes()
    address = addresses.from_byte(first)
    for command in commands.values():
        if address is not None and first & 1 and command.opcode == opcode:
            return Named(address_text(address), command.name, None)
    return None


def address_text(address: "Address | None") -> str:
    """Returns a gear's address as the command line writes it; `-` for None, which is a special command."""
    if address is None:
        return "-"
    if address.kind == Address.SHORT:
        return str(address.number)
    if address.kind == Address.GROUP:
        return "g%d" % address.number
    return "all" if address.kind == Address.BROADCAST else "unaddressed"


def device_address_text(address: "DeviceAddress | None", instances: "Instances | None" = None) -> str:
    """Returns a control device's address as the command line writes it; `d-` for None, which is a special command.

    If the command is for instances, they follow after a dot.
    """
    if address is None:
        return "d-"
    if address.kind == DeviceAddress.SHORT:
        text = "d%d" % address.number
    elif address.kind == DeviceAddress.GROUP:
        text = "dg%d" % address.number
    else:
        text = "dall" if address.kind == DeviceAddress.BROADCAST else "dunaddressed"
    if instances is None or instances == device_addresses.DEVICE:
        return text
    if instances.kind == Instances.NUMBER:
        return "%s.%d" % (text, instances.number)
    if instances == device_addresses.ALL_INSTANCES:
        return text + ".all"
    return "%s.%s" % (text, str(instances.kind) + (" %d" % instances.number))


def _named_24(frame: "ForwardFrame") -> Named:
    event = device_events.decode(frame)
    if isinstance(event, device_events.PowerCycle):
        return Named(_source(event.short_address, event.device_group, None), "POWER CYCLE", None)
    if event is not None:
        source = _source(event.short_address, event.device_group, event.instance_number)
        if event.instance_group is not None:
            source += ".group %d" % event.instance_group
        return Named(source, _event_name(event.instance_type), _event_text(event))
    instances = device_addresses.instances_from_byte(frame.to_bytes()[1])
    types = []
    if instances is not None and instances.kind == Instances.TYPE and instances.number in INSTANCE_TABLES:
        types.append(INSTANCE_TABLES[instances.number])
    found = device_commands.meaning(frame, *types)
    if found is None:
        return Named("d-", "?", None)
    number = ":".join(["%d" % byte for byte in found.data]) or None
    return Named(device_address_text(found.address, found.instances), found.name, number)


def _source(short_address: "int | None", device_group: "int | None", instance: "int | None") -> str:
    if short_address is not None:
        text = "d%d" % short_address
    elif device_group is not None:
        text = "dg%d" % device_group
    else:
        text = "d?"
    return text if instance is None else "%s.%d" % (text, instance)


def _event_name(instance_type: "int | None") -> str:
    names = {occupancy.INSTANCE_TYPE: "OCCUPANCY EVENT", light_sensor.INSTANCE_TYPE: "LIGHT EVENT"}
    if instance_type is None:
        return "EVENT"
    return names.get(instance_type, "EVENT OF TYPE %d" % instance_type)


def _event_text(event: "device_events.Event") -> str:
    if event.instance_type == occupancy.INSTANCE_TYPE:
        state = occupancy.decode(event.info)
        if state is not None:
            return ("occupied" if state.occupied else "vacant") + (", movement" if state.movement else "")
    return str(event.info)


# Answers


GEAR_STATUS = (
    "control gear failure",
    "lamp failure",
    "lamp on",
    "limit error",
    "fade running",
    "reset state",
    "no short address",
    "power cycle seen",
)
"""QUERY STATUS, bits 0 to 7."""
DEVICE_STATUS = (
    "input device error",
    "quiescent mode",
    "no short address",
    "application active",
    "application controller error",
    "power cycle seen",
    "reset state",
)
"""QUERY DEVICE STATUS, bits 0 to 6."""
DEVICE_TYPES = {
    0: "fluorescent lamps",
    1: "emergency lighting",
    2: "discharge lamps",
    3: "low voltage halogen lamps",
    4: "incandescent lamps",
    5: "conversion to a voltage",
    6: "LED modules",
    7: "switching",
    8: "colour control",
    49: "integrated supply",
    50: "luminaire data",
    51: "energy reporting",
    52: "diagnostics",
    254: "none, or no more",
    255: "more than one",
}


def is_yes_or_no(command: str) -> bool:
    """Returns True if silence is an answer to this query and means no."""
    return command in _YES_OR_NO


def reply_text(command: str, reply: Reply) -> str:
    """Returns the reply to the command of this name in words."""
    if reply.kind == Reply.COLLISION:
        return "yes, several" if command in _YES_OR_NO else "several answers"
    if reply.kind == Reply.NO_ANSWER:
        return "no" if command in _YES_OR_NO else "no answer"
    found = meaning(command, reply.value)
    return "%d (0x%02X)" % (reply.value, reply.value) + (": " + found if found else "")


def meaning(command: str, value: int) -> str:
    """Returns the meaning of this answer (0-255) to the command of this name; empty if it is a plain number."""
    if command in _YES_OR_NO:
        return {0xFF: "yes", Reply.NO_AS_FRAME: "no"}.get(value, "")
    read = _READ.get(command)
    return read(value) if read else ""


def _level(value: int) -> str:
    return "MASK" if value == 255 else "%.3g %%" % levels.percent_of(value)


def _bits(names: "tuple[str, ...]") -> "Callable[[int], str]":
    return lambda value: ", ".join(led.named_bits(value, names)) or "nothing"


def _fades(value: int) -> str:
    rate = 506.0 / (2.0 ** ((value & 0x0F) / 2.0))
    time = "%.3g s" % levels.fade_time_s(value >> 4) if value >> 4 else "extended fade time"
    return "fade time %s, fade rate %.3g steps/s" % (time, rate) if value & 0x0F else "fade time %s" % time


def _extended_fade(value: int) -> str:
    return "%.3g s" % extended_fade_s(value) if value <= HIGHEST_CODE else ""


def _groups(first: int) -> "Callable[[int], str]":
    return lambda value: ", ".join(["g%d" % (first + bit) for bit in range(8) if value >> bit & 1]) or "none"


def _version(value: int) -> str:
    return "1.0" if value == 1 else "%d.%d" % (value >> 2, value & 3)


def _short_address(value: int) -> str:
    return "none" if value == 0xFF else "short address %d" % (value >> 1)


_YES_OR_NO = (
    "QUERY CONTROL GEAR PRESENT",
    "QUERY LAMP FAILURE",
    "QUERY LAMP POWER ON",
    "QUERY LIMIT ERROR",
    "QUERY RESET STATE",
    "QUERY MISSING SHORT ADDRESS",
    "QUERY POWER FAILURE",
    "QUERY CONTROL GEAR FAILURE",
    "COMPARE",
    "VERIFY SHORT ADDRESS",
    "QUERY APPLICATION CONTROLLER ERROR",
    "QUERY APPLICATION CONTROL ENABLED",
    "QUERY QUIESCENT MODE",
    "QUERY POWER CYCLE NOTIFICATION",
    "QUERY INSTANCE ENABLED",
    "QUERY SHORT CIRCUIT",
    "QUERY OPEN CIRCUIT",
    "QUERY LOAD DECREASE",
    "QUERY LOAD INCREASE",
    "QUERY THERMAL SHUT DOWN",
    "QUERY THERMAL OVERLOAD",
    "QUERY CURRENT PROTECTOR ACTIVE",
    "QUERY CURRENT PROTECTOR ENABLED",
    "QUERY REFERENCE RUNNING",
    "QUERY REFERENCE MEASUREMENT FAILED",
    "QUERY ACTIVE POWER SUPPLY",
    "QUERY APPLICATION CONTROLLER ALWAYS ACTIVE",
)
"""Queries to which a gear or device answers yes, or stays silent."""

_READ = {
    "QUERY STATUS": _bits(GEAR_STATUS),
    "QUERY DEVICE STATUS": _bits(DEVICE_STATUS),
    "QUERY FAILURE STATUS": _bits(led.FAILURES),
    "QUERY FEATURES": _bits(led.FEATURES),
    "QUERY GEAR TYPE": _bits(led.GEAR_TYPES),
    "QUERY DIMMING CURVE": lambda value: {0: "logarithmic", 1: "linear"}.get(value, ""),
    "QUERY ACTUAL LEVEL": _level,
    "QUERY MAX LEVEL": _level,
    "QUERY MIN LEVEL": _level,
    "QUERY PHYSICAL MINIMUM": _level,
    "QUERY POWER ON LEVEL": _level,
    "QUERY SYSTEM FAILURE LEVEL": _level,
    "QUERY SCENE LEVEL": _level,
    "QUERY FADE TIME/FADE RATE": _fades,
    "QUERY EXTENDED FADE TIME": _extended_fade,
    "QUERY GROUPS 0-7": _groups(0),
    "QUERY GROUPS 8-15": _groups(8),
    "QUERY VERSION NUMBER": _version,
    "QUERY EXTENDED VERSION NUMBER": _version,
    "QUERY DEVICE TYPE": lambda value: DEVICE_TYPES.get(value, ""),
    "QUERY NEXT DEVICE TYPE": lambda value: DEVICE_TYPES.get(value, ""),
    "QUERY SHORT ADDRESS": _short_address,
}
