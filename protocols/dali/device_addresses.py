"""The addresses of 24-bit commands: IEC 62386-103 clause 7.2.1, the address byte and the instance byte.

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
        """Returns the address byte of a command. Its lowest bit is 1; in an event it is 0."""
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
    """Returns the address of the control device with this short address, 0-63. Raises ValueOutOfRange."""
    if not 0 <= number <= 63:
        raise ValueOutOfRange("a short address is 0 to 63, not %r" % (number,))
    return DeviceAddress(DeviceAddress.SHORT, number)


def group(number: int) -> DeviceAddress:
    """Returns the address of the control devices in this device group, 0-31. Raises ValueOutOfRange."""
    if not 0 <= number <= 31:
        raise ValueOutOfRange("a device group is 0 to 31, not %r" % (number,))
    return DeviceAddress(DeviceAddress.GROUP, number)


def from_byte(byte: int) -> DeviceAddress | None:
    """Returns the address in this byte, or None if it belongs to an event or a special command, or is reserved."""
    if not byte & 1:
        return None
    if byte < 0x80:
        return short(byte >> 1)
    if byte < 0xC0:
        return group((byte >> 1) & 0x1F)
    return {0xFD: UNADDRESSED, 0xFF: BROADCAST}.get(byte)


class Instances(namedtuple("Instances", "kind number")):
    """The part of a device that a command is for: the device itself, or instances by number, group or type (0-31).

    The kinds that begin with "feature" address a feature, which an instance or a device has beside its input.
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
        """Returns the instance byte."""
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
    """Returns the instance with this number, 0-31. Raises ValueOutOfRange."""
    return _instances(Instances.NUMBER, number)


def instance_group(number: int) -> Instances:
    """Returns the instances in this instance group, 0-31. Raises ValueOutOfRange."""
    return _instances(Instances.GROUP, number)


def instance_type(number: int) -> Instances:
    """Returns the instances of this type, 0-31: 3 for part 303, 4 for part 304. Raises ValueOutOfRange."""
    return _instances(Instances.TYPE, number)


def _instances(kind: str, number: int) -> Instances:
    if not 0 <= number <= 31:
        raise ValueOutOfRange("an %s is 0 to 31, not %r" % (kind, number))
    return Instances(kind, number)


def instances_from_byte(byte: int) -> Instances | None:
    """Returns the part of a device that this instance byte addresses, or None if the byte is reserved."""
    kind = _WHOLE_KIND_OF.get(byte)
    if kind is not None:
        return Instances(kind, 0)
    kind = _KIND_OF.get(byte & 0xE0)
    return None if kind is None else Instances(kind, byte & 0x1F)
