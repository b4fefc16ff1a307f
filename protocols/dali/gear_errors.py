"""What can go wrong with one control gear, beyond its silence: IEC 62386-102.

ConversationFailed
 +- GearTrouble                 the root of these: which gear it is
     +- NonsenseAnswered        the gear's answers break the standard
     +- WriteNotTaken           what was written does not read back
     +- BankMissing             the gear has no such memory bank
     +- BankVersionUnknown      a memory bank is laid out by a version that is not known here
     +- ReadDisturbed           the gear has counted other locations than were read
     +- LastSupply              what feeds the bus alone is not switched off
"""

from protocols.errors import ConversationFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from protocols.dali.addresses import Address


class GearTrouble(ConversationFailed):
    """Something is wrong with the gear at `address`; the text says what, and what to do."""

    def __init__(self, text: str, address: "Address") -> None:
        super().__init__(text)
        self.address = address


class NonsenseAnswered(GearTrouble):
    """The gear's answers break the standard."""


class WriteNotTaken(GearTrouble):
    """What was written does not read back; `found` is what stands there (None: no answer)."""

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
    """The supply of this gear feeds the bus alone, and is not switched off."""
