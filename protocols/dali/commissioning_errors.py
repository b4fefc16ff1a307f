"""The errors of finding and addressing gear: IEC 62386-102 clause 11.7.

ConversationFailed
 +- CommissioningFailed         the root of these; it names the gear as far as that is known
     +- GearVanished            a gear answered, and then no more
     +- NonsenseAddress         a gear says that it has a short address that does not exist
     +- AddressNotTaken         a gear does not keep the short address that it was given
     +- SameRandomAddress       several gear keep one random address, so that they cannot be told apart
     +- TooManyGear             no short address is left for a gear
     +- NoIsFrame               several gear say no with a frame, so that no search can tell gear apart
     +- AnswersContradict       the answers on the bus contradict each other: the search is given up
"""

from protocols.errors import ConversationFailed


class CommissioningFailed(ConversationFailed):
    """Something is wrong with the gear at `random_address` (None: not known); the text says how to mend it.

    `short_address` is the address that the gear has or was to have (None: none).
    """

    def __init__(self, text: str, random_address: int | None = None, short_address: int | None = None) -> None:
        super().__init__(text)
        self.random_address = random_address
        self.short_address = short_address


class GearVanished(CommissioningFailed):
    """A gear answered, and then no more."""


class NonsenseAddress(CommissioningFailed):
    """A gear says that it has a short address that does not exist."""


class AddressNotTaken(CommissioningFailed):
    """A gear does not keep the short address that it was given."""


class SameRandomAddress(CommissioningFailed):
    """Several gear keep one random address, so that they cannot be told apart."""


class TooManyGear(CommissioningFailed):
    """No short address is left for a gear: more than 64 are on this bus."""


class NoIsFrame(CommissioningFailed):
    """Several gear say no with a frame, which collides with every other answer: no search can tell gear apart."""


class AnswersContradict(CommissioningFailed):
    """The answers on the bus contradict each other: the search is given up."""
