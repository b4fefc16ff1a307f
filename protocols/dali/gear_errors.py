"""The errors of one control gear, beyond its silence: IEC 62386-102.

ConversationFailed
 +- GearTrouble                 the root of these; it names the gear
     +- NonsenseAnswered        the gear's answers break the standard
     +- WriteNotTaken           the gear does not keep a value that was written
     +- BankMissing             the gear has no such memory bank
     +- BankVersionUnknown      a memory bank is laid out by a version that is not known here
     +- ReadDisturbed           the gear has counted other locations than were read
     +- LastSupply              the only supply of a bus is not switched off
"""

from protocols.errors import ConversationFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from protocols.dali.addresses import Address


class GearTrouble(ConversationFailed):
    """Something is wrong with the gear at `address`; the text says what it is and how to mend it."""

    def __init__(self, text: str, address: "Address") -> None:
        super().__init__(text)
        self.address = address


class NonsenseAnswered(GearTrouble):
    """The gear's answers break the standard."""


class WriteNotTaken(GearTrouble):
    """The gear does not keep a value that was written; `found` is the value that it keeps (None: no answer)."""

    def __init__(self, text: str, address: "Address", found: int | None) -> None:
        super().__init__(text, address)
        self.found = found


class BankMissing(GearTrouble):
    """The gear has no such memory bank."""


class BankVersionUnknown(GearTrouble):
    """A memory bank is laid out by a version that is not known here."""


class ReadDisturbed(GearTrouble):
    """The gear has counted other locations than were read, again and again: frames are lost on this bus."""


class LastSupply(GearTrouble):
    """The supply of this gear is the only one that feeds the bus, so it is not switched off."""
