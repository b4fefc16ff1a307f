"""The age of a light source: the counters of bank 206, which begin anew when it is exchanged (IEC 62386-253, DiiA)."""

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
    """The number of times that a light source was switched on, and the seconds that it has burnt, both since it was
    exchanged. None stands for a counter that the gear does not tell."""


def read_age(address: "Address") -> "Inquiry[LightSourceAge]":
    """Reads the age of this gear's light source.

    Raises BankMissing and BankVersionUnknown, and NotAnswered, SeveralAnswered and ReadDisturbed.
    """
    reading = yield from read_values(address, BANK_206, (STARTS, OPERATING_TIME))
    reading.require(address)
    return LightSourceAge(reading.value(STARTS).content, reading.value(OPERATING_TIME).content)


def begin_anew(address: "Address") -> "Inquiry[LightSourceAge]":
    """Sets both counters to 0, reads them back, and returns the age that they showed before.

    Raises WriteNotTaken, BankMissing and BankVersionUnknown, and NotAnswered, SeveralAnswered and ReadDisturbed.
    """
    before = yield from read_age(address)
    for name in (OPERATING_TIME, STARTS):
        yield from write_value(address, BANK_206, name, 0)
    return before
