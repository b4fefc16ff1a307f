"""An exchanged light source: the counters of bank 206 that begin anew with it (IEC 62386-253, DiiA part 253)."""

from collections import namedtuple

from protocols.dali.bank_inquiries import read_values, write_value
from protocols.dali.memory_banks import BANK_206

TYPE_CHECKING = False
if TYPE_CHECKING:
    from protocols.dali.addresses import Address
    from protocols.dali.inquiries import Inquiry

STARTS = "starts since reset"
OPERATING_TIME = "operating time since reset"


class LightSourceAge(namedtuple("LightSourceAge", "starts operating_s")):
    """How often a light source was switched on, and for how many seconds it has burnt; None for what the gear does not
    tell. The gear counts both from the last exchange on."""


def read_age(address: "Address") -> "Inquiry[LightSourceAge]":
    """The age of this gear's light source. Raises BankMissing and BankVersionUnknown, and as reading."""
    reading = yield from read_values(address, BANK_206, (STARTS, OPERATING_TIME))
    reading.require(address)
    return LightSourceAge(reading.value(STARTS).content, reading.value(OPERATING_TIME).content)


def begin_anew(address: "Address") -> "Inquiry[LightSourceAge]":
    """Sets both counters to 0, reads them back, and returns what they were. Raises WriteNotTaken, and as reading."""
    before = yield from read_age(address)
    for name in (OPERATING_TIME, STARTS):
        yield from write_value(address, BANK_206, name, 0)
    return before
