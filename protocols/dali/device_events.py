"""Event messages of control devices: IEC 62386-103 clause 7.2.2 (five schemes of source), and the power cycle notice.

An event has 24 bits, of which bit 16 is 0. Its upper part names the source, by the scheme that the instance was given.
Its lower ten bits are the event information, which the instance type defines (occupancy.py, light_sensor.py).
"""

from collections import namedtuple

from protocols.dali.frames import ForwardFrame
from protocols.errors import ValueOutOfRange


class Scheme:
    """The names by which an instance can go in its events: the values of SET EVENT SCHEME."""

    INSTANCE = 0
    DEVICE = 1
    DEVICE_INSTANCE = 2
    DEVICE_GROUP = 3
    INSTANCE_GROUP = 4


class Event(namedtuple("Event", "scheme short_address instance_number device_group instance_group instance_type info")):
    """One event message. `info` is its ten bits of information.

    The `scheme` decides which of the other fields the message carries; the rest are None. DEVICE_INSTANCE and no other
    scheme leaves out the instance type, which the receiver must know from elsewhere.
    """


class PowerCycle(namedtuple("PowerCycle", "short_address device_group")):
    """A device's notice that it has started: its short address and the lowest of its groups (None: it has none)."""


INFO_BITS = 10
_EVENT_BIT_CLEAR = 1 << 16

# Scheme, the bits that tell it (mask, value), the field in bits 22..17 with its limit, the field in bits 14..10.
_LAYOUTS = (
    (Scheme.DEVICE, 0x808000, 0x000000, "short_address", 63, "instance_type"),
    (Scheme.DEVICE_INSTANCE, 0x808000, 0x008000, "short_address", 63, "instance_number"),
    (Scheme.DEVICE_GROUP, 0xC08000, 0x800000, "device_group", 31, "instance_type"),
    (Scheme.INSTANCE, 0xC08000, 0x808000, "instance_type", 31, "instance_number"),
    (Scheme.INSTANCE_GROUP, 0xC08000, 0xC00000, "instance_group", 31, "instance_type"),
)

_POWER_CYCLE = 0xFEE000
_POWER_CYCLE_MASK = 0xFFE000
_GROUP_SAID = 1 << 12
_SHORT_ADDRESS_SAID = 1 << 6


def decode(frame: ForwardFrame, types: "dict[tuple[int, int], int] | None" = None) -> "Event | PowerCycle | None":
    """Returns the event in this frame, or None if the frame is a command or has a form that part 103 reserves.

    `types` gives the instance type for (short address, instance number): an event of the scheme DEVICE_INSTANCE does
    not carry it.
    """
    value = int(frame.value)
    if frame.bits != 24 or value & _EVENT_BIT_CLEAR:
        return None
    if value & _POWER_CYCLE_MASK == _POWER_CYCLE:
        return PowerCycle(
            value & 0x3F if value & _SHORT_ADDRESS_SAID else None, (value >> 7) & 0x1F if value & _GROUP_SAID else None
        )
    for scheme, mask, told_by, upper, limit, lower in _LAYOUTS:
        if value & mask == told_by:
            said = {upper: (value >> 17) & limit, lower: (value >> 10) & 0x1F}
            if scheme == Scheme.DEVICE_INSTANCE and types is not None:
                source = (said["short_address"], said["instance_number"])
                if source in types:
                    said["instance_type"] = types[source]
            return Event(
                scheme,
                said.get("short_address"),
                said.get("instance_number"),
                said.get("device_group"),
                said.get("instance_group"),
                said.get("instance_type"),
                value & (1 << INFO_BITS) - 1,
            )
    return None


def encode(event: "Event | PowerCycle") -> ForwardFrame:
    """Returns the frame of this event. Raises ValueOutOfRange if a field that its scheme needs is missing or too
    large."""
    if isinstance(event, PowerCycle):
        value = _POWER_CYCLE
        if event.device_group is not None:
            value |= _GROUP_SAID | _in_range("device_group", event.device_group, 31) << 7
        if event.short_address is not None:
            value |= _SHORT_ADDRESS_SAID | _in_range("short_address", event.short_address, 63)
        return ForwardFrame(24, value)
    for scheme, _, told_by, upper, limit, lower in _LAYOUTS:
        if scheme == event.scheme:
            value = told_by | _in_range(upper, getattr(event, upper), limit) << 17
            value |= _in_range(lower, getattr(event, lower), 31) << 10
            return ForwardFrame(24, value | _in_range("info", event.info, (1 << INFO_BITS) - 1))
    raise ValueOutOfRange("an event scheme is 0 to 4, not %r" % (event.scheme,))


def _in_range(name: str, value: "int | None", limit: int) -> int:
    if value is None or not 0 <= value <= limit:
        raise ValueOutOfRange("%s is 0 to %d in an event, not %r" % (name, limit, value))
    return value
