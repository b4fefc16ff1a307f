"""The addresses of 16-bit forward frames: IEC 62386-102 clause 7.2, the address byte."""

from collections import namedtuple

from protocols.errors import ValueOutOfRange


class Address(namedtuple("Address", "kind number")):
    """One control gear (short address 0-63), a group (0-15), all gear, or all gear without a short address."""

    SHORT = "short"
    GROUP = "group"
    BROADCAST = "broadcast"
    UNADDRESSED = "unaddressed"

    def byte(self, selector: int) -> int:
        """Returns the address byte. With `selector` 0 the next byte is a level (DAPC), with 1 a command."""
        return _FIRST_BYTE[self.kind] | int(self.number) << 1 | selector


_FIRST_BYTE = {Address.SHORT: 0x00, Address.GROUP: 0x80, Address.BROADCAST: 0xFE, Address.UNADDRESSED: 0xFC}

BROADCAST = Address(Address.BROADCAST, 0)
UNADDRESSED = Address(Address.UNADDRESSED, 0)


def short(number: int) -> Address:
    """Returns the address of the gear with this short address, 0-63. Raises ValueOutOfRange."""
    if not 0 <= number <= 63:
        raise ValueOutOfRange("a short address is 0 to 63, not %r" % (number,))
    return Address(Address.SHORT, number)


def group(number: int) -> Address:
    """Returns the address of the gear in this group, 0-15. Raises ValueOutOfRange."""
    if not 0 <= number <= 15:
        raise ValueOutOfRange("a group address is 0 to 15, not %r" % (number,))
    return Address(Address.GROUP, number)


def from_byte(byte: int) -> Address | None:
    """Returns the address in this byte (0-255), or None if it marks a special command or is reserved."""
    if byte < 0x80:
        return short(byte >> 1)
    if byte < 0xA0:
        return group((byte >> 1) & 0x0F)
    if byte >= 0xFE:
        return BROADCAST
    if byte >= 0xFC:
        return UNADDRESSED
    return None
