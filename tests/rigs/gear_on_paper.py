"""A control gear on paper: answers a conversation from a table, without bus or clock, and counts while it is read."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

from protocols.dali.frames import NO_ANSWER, Reply, Transmission, answered

T = TypeVar("T")


class GearOnPaper:
    """Its bank is a register of `size` bytes from `offset` on, with its scale in the byte before. `counts` says how far
    it has come at the n-th read."""

    def __init__(
        self,
        counts: Callable[[int], int],
        *,
        latches: bool = True,
        offset: int = 5,
        size: int = 6,
        scale: int | None = 0xFF,
    ) -> None:
        self.reads = 0
        self.frames: list[int] = []
        self.replies: dict[int, Reply] = {}
        """Replies instead of the true one, by number of the read."""
        self._counts = counts
        self._latches = latches
        self._latched: int | None = None
        self._offset = offset
        self._size = size
        self._scale = scale
        self._dtr0 = self._dtr1 = 0
        self._writable = False

    def talk(self, conversation: Generator[Transmission, Reply, T]) -> T:
        """Plays the conversation to its end; its result."""
        try:
            transmission = next(conversation)
            while True:
                transmission = conversation.send(self._receive(transmission))
        except StopIteration as end:
            result: T = end.value
            return result

    def _receive(self, transmission: Transmission) -> Reply:
        first, second = transmission.frame.to_bytes()
        self.frames.append(transmission.frame.value)
        if first == 0xA3:
            self._dtr0 = second
        elif first == 0xC3:
            self._dtr1 = second
        elif second == 0x81 and transmission.twice:
            self._writable = True
        elif first == 0xC9 and self._writable and self._dtr0 == 2 and second == 0xAA and self._latches:
            self._latched = self._counts(self.reads)
        elif second == 0xC5:
            return self._read()
        return NO_ANSWER

    def _read(self) -> Reply:
        count = self._counts(self.reads) if self._latched is None else self._latched
        place = self._dtr0 - self._offset
        self._dtr0 += 1
        self.reads += 1
        if self.reads - 1 in self.replies:
            return self.replies[self.reads - 1]
        if self._dtr1 == 202 and place == -1 and self._scale is not None:
            return answered(self._scale)
        if self._dtr1 != 202 or not 0 <= place < self._size:
            return NO_ANSWER
        return answered(count.to_bytes(self._size, "big")[place])
