"""Decides which gear gets which short address, 0-63: IEC 62386-102 clause 9.14.

No address is given twice, not even for a moment and not to save a frame, because a run may end at any frame.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

SHORT_ADDRESSES = 64


class AddressPlan:
    """The short addresses of one bus.

    `wanted` are the addresses to give away first, in this order. `taken` are those known to be in use. If
    `taken_is_complete`, no others are in use, and a free address can be given without asking for it on the bus.
    """

    def __init__(
        self, wanted: "Iterable[int]" = (), taken: "Iterable[int]" = (), taken_is_complete: bool = False
    ) -> None:
        self._wanted = list(wanted)
        self._taken = set(taken)
        self._confirmed: "set[int]" = set()
        self.taken_is_complete = taken_is_complete

    def keeps(self, address: int) -> bool:
        """Notes that a gear has this short address. Returns True if it is the first such gear, which keeps it."""
        if address in self._confirmed:
            return False
        self._confirmed.add(address)
        self._taken.add(address)
        return True

    def next_free(self) -> int | None:
        """Returns the next address to give away, or None if all 64 are in use."""
        for address in self._wanted:
            if address not in self._taken:
                return address
        for address in range(SHORT_ADDRESSES):
            if address not in self._taken:
                return address
        return None

    def take(self, address: int) -> None:
        """Notes that this address is in use."""
        self._taken.add(address)

    def give(self, address: int) -> None:
        """Notes that this address is given to a gear that was found."""
        self._taken.add(address)
        self._confirmed.add(address)
