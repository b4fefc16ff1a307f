"""How control devices are found and addressed: INITIALISE, RANDOMISE, COMPARE and the like, 24 bits (IEC 62386-103).

Two things differ from control gear: a frame carries the plain short address, and INITIALISE has other codes for "all".
"""

from __future__ import annotations

import random

MASK = 0xFF
UNADDRESSED = 0x7F
YES = 0xFF
INITIALISE_S = 15 * 60.0
RANDOMISE_S = 0.1
"""The standard's limit: a device has its new random address at most this long after RANDOMISE."""
TERMINATE, INITIALISE, RANDOMISE, COMPARE, WITHDRAW = range(5)
SEARCH_H, SEARCH_M, SEARCH_L, PROGRAM, VERIFY, QUERY_SHORT = range(5, 11)
TWICE = (INITIALISE, RANDOMISE)


class DeviceAddressing:
    """The short address, random address and search state of one device; times are loop seconds."""

    def __init__(self, short_address: int, rng: random.Random) -> None:
        self.short_address = short_address
        self.random_address = 0xFFFFFF
        self.search_address = 0xFFFFFF
        self._rng = rng
        self._until = 0.0
        self._withdrawn = False
        self._new_random: tuple[float, int] | None = None

    def reset(self) -> None:
        """Obeys RESET: random and search address go back to FFFFFF, and the short address stays."""
        self.random_address = self.search_address = 0xFFFFFF
        self._new_random = None

    def end(self) -> None:
        """Ends the search, as TERMINATE and a loss of power do."""
        self._until = 0.0

    def assign(self, wanted: int) -> None:
        """Takes a short address, 0 to 63, or none with MASK. Ignores any other value."""
        if wanted < 64 or wanted == MASK:
            self.short_address = wanted

    def random(self, now: float) -> int:
        """Returns the random address: the new one as soon as RANDOMISE has produced it."""
        if self._new_random is not None and now >= self._new_random[0]:
            self.random_address = self._new_random[1]
            self._new_random = None
        return self.random_address

    def command(self, opcode: int, content: int, now: float) -> int | None:
        """Obeys a special command. Returns the answer, or None for NO.

        The caller passes a command of TWICE only after it has come twice.
        """
        if opcode == INITIALISE:
            if content == MASK or content == (UNADDRESSED if self.short_address == MASK else self.short_address):
                self._until = now + INITIALISE_S
                self._withdrawn = False
            return None
        if now >= self._until:
            return None
        if opcode == TERMINATE:
            self.end()
        elif opcode == RANDOMISE:
            self._new_random = (now + RANDOMISE_S * 0.9, self._rng.randrange(0xFFFFFF))
        elif opcode in (SEARCH_H, SEARCH_M, SEARCH_L):
            shift = {SEARCH_H: 16, SEARCH_M: 8, SEARCH_L: 0}[opcode]
            self.search_address = self.search_address & ~(0xFF << shift) | content << shift
        elif opcode == COMPARE:
            return YES if not self._withdrawn and self.random(now) <= self.search_address else None
        elif opcode == VERIFY:
            return YES if content == self.short_address != MASK else None
        elif self.random(now) == self.search_address:
            if opcode == WITHDRAW:
                self._withdrawn = True
            elif opcode == PROGRAM:
                self.assign(content)
            elif opcode == QUERY_SHORT:
                return self.short_address
        return None
