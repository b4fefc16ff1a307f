"""Who gets which short address, 0-63: IEC 62386-102 clause 9.14.

A short address is never given twice: not to save a frame, and not for a moment, because a run may end at any frame.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

SHORT_ADDRESSES = 64


class AddressPlan:
    """The short addresses of one bus.

    `wanted` are the addresses to give away first, in this order. `taken` are those that are known to be in use; with
    `taken_is_complete` no other is, and none need be asked for before it is given away.
    """

    def __init__(
        self, wanted: "Iterable[int]" = (), taken: "Iterable[int]" = (), taken_is_complete: bool = False
    ) -> None:
        self._wanted = list(wanted)
        self._taken = set(taken)
        self._confirmed: "set[int]" = set()
        self.taken_is_complete = taken_is_complete

    def keeps(self, address: int) -> bool:
        """Whether a gear that was found with this short address keeps it: the first one does."""
        if address in self._confirmed:
            return False
        self._confirmed.add(address)
        self._taken.add(address)
        return True

    def next_free(self) -> int | None:
        """The next address to give away; None where all 64 are in use."""
        for address in self._wanted:
            if address not in self._taken:
                return address
        for address in range(SHORT_ADDRESSES):
            if address not in self._taken:
                return address
        return None

    def take(self, address: int) -> None:
        """This address is in use."""
        self._taken.add(address)

    def give(self, address: int) -> None:
        """This address is now a gear's that was found."""
        self._taken.add(address)
        self._confirmed.add(address)
