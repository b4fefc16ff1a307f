"""Whom a 24-bit command is for: IEC 62386-103 clause 7.2.1, the address byte and the instance byte.

Control devices have short addresses of their own: a gear and a device may both be number 5.
"""

from collections import namedtuple

from protocols.errors import ValueOutOfRange


class DeviceAddress(namedtuple("DeviceAddress", "kind number")):
    """One control device (short address 0-63), a device group (0-31), all devices, or all without a short address."""

    SHORT = "short"
    GROUP = "group"
    BROADCAST = "broadcast"
    UNADDRESSED = "unaddressed"

    def byte(self) -> int:
        """The address byte of a command; its lowest bit says that this is one (0 would say: an event)."""
        return _FIRST_BYTE[self.kind] | int(self.number) << 1 | 1


_FIRST_BYTE = {
    DeviceAddress.SHORT: 0x00,
    DeviceAddress.GROUP: 0x80,
    DeviceAddress.UNADDRESSED: 0xFC,
    DeviceAddress.BROADCAST: 0xFE,
}

BROADCAST = DeviceAddress(DeviceAddress.BROADCAST, 0)
UNADDRESSED = DeviceAddress(DeviceAddress.UNADDRESSED, 0)


def short(number: int) -> DeviceAddress:
    """The control device with this short address, 0-63."""
    if not 0 <= number <= 63:
        raise ValueOutOfRange("a short address is 0 to 63, not %r" % (number,))
    return DeviceAddress(DeviceAddress.SHORT, number)


def group(number: int) -> DeviceAddress:
    """The control devices in this device group, 0-31."""
    if not 0 <= number <= 31:
        raise ValueOutOfRange("a device group is 0 to 31, not %r" % (number,))
    return DeviceAddress(DeviceAddress.GROUP, number)


def from_byte(byte: int) -> DeviceAddress | None:
    """Whom this address byte is for, or None: an event, a special command or a reserved address."""
    if not byte & 1:
        return None
    if byte < 0x80:
        return short(byte >> 1)
    if byte < 0xC0:
        return group((byte >> 1) & 0x1F)
    return {0xFD: UNADDRESSED, 0xFF: BROADCAST}.get(byte)


class Instances(namedtuple("Instances", "kind number")):
    """Which part of a device a command is for: the device itself, or instances by number, group or type (0-31).

    The kinds that begin with "feature" are the same for what an instance or the device has beside its input.
    """

    NUMBER = "instance"
    GROUP = "instance group"
    TYPE = "instance type"
    ALL = "all instances"
    DEVICE = "device"
    FEATURE_OF_NUMBER = "feature of instance"
    FEATURE_OF_GROUP = "feature of instance group"
    FEATURE_OF_TYPE = "feature of instance type"
    FEATURE_OF_ALL = "feature of all instances"
    FEATURE_OF_DEVICE = "feature of device"

    def byte(self) -> int:
        """The instance byte."""
        first = _INSTANCE_BYTE.get(self.kind)
        if first is not None:
            return first | int(self.number)
        return _WHOLE_INSTANCE_BYTE[self.kind]


_INSTANCE_BYTE = {
    Instances.NUMBER: 0x00,
    Instances.FEATURE_OF_NUMBER: 0x20,
    Instances.FEATURE_OF_TYPE: 0x60,
    Instances.GROUP: 0x80,
    Instances.FEATURE_OF_GROUP: 0xA0,
    Instances.TYPE: 0xC0,
}
_WHOLE_INSTANCE_BYTE = {
    Instances.FEATURE_OF_DEVICE: 0xFC,
    Instances.FEATURE_OF_ALL: 0xFD,
    Instances.DEVICE: 0xFE,
    Instances.ALL: 0xFF,
}
_KIND_OF = {first: kind for kind, first in _INSTANCE_BYTE.items()}
_WHOLE_KIND_OF = {byte: kind for kind, byte in _WHOLE_INSTANCE_BYTE.items()}

ALL_INSTANCES = Instances(Instances.ALL, 0)
DEVICE = Instances(Instances.DEVICE, 0)


def instance(number: int) -> Instances:
    """The instance with this number, 0-31."""
    return _instances(Instances.NUMBER, number)


def instance_group(number: int) -> Instances:
    """The instances in this instance group, 0-31."""
    return _instances(Instances.GROUP, number)


def instance_type(number: int) -> Instances:
    """The instances of this type: 3 for part 303, 4 for part 304."""
    return _instances(Instances.TYPE, number)


def _instances(kind: str, number: int) -> Instances:
    if not 0 <= number <= 31:
        raise ValueOutOfRange("an %s is 0 to 31, not %r" % (kind, number))
    return Instances(kind, number)


def instances_from_byte(byte: int) -> Instances | None:
    """Which part of a device this instance byte is for, or None where it is reserved."""
    kind = _WHOLE_KIND_OF.get(byte)
    if kind is not None:
        return Instances(kind, 0)
    kind = _KIND_OF.get(byte & 0xE0)
    return None if kind is None else Instances(kind, byte & 0x1F)
