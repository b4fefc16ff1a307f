"""How control gear is found and addressed: INITIALISE, RANDOMISE, COMPARE and the like (IEC 62386-102)."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from hil.devices.gear_variables import MASK

if TYPE_CHECKING:
    from hil.devices.dali_gear import Gear

INITIALISE_S = 15 * 60.0
YES = 0xFF
NO_AS_FRAME = 0x00


class Initialisation(Enum):
    DISABLED = "takes no part"
    ENABLED = "answers COMPARE"
    WITHDRAWN = "found already; still listens to PROGRAM and VERIFY"


class Commissioning:
    """The search state of one gear; times are loop seconds."""

    def __init__(self, gear: Gear) -> None:
        self._gear = gear
        self._state = Initialisation.DISABLED
        self._until = 0.0
        self._new_random: tuple[float, int] | None = None
        self.search_address = 0xFFFFFF

    def state(self, now: float) -> Initialisation:
        return self._state if now < self._until else Initialisation.DISABLED

    def end(self) -> None:
        """Ends the search, as TERMINATE and a loss of power do."""
        self._state = Initialisation.DISABLED

    def reset(self) -> None:
        """Obeys RESET: the search address goes back to FFFFFF, and a RANDOMISE under way is dropped."""
        self.search_address = 0xFFFFFF
        self._new_random = None

    def initialise(self, whom: int, now: float) -> None:
        """Obeys INITIALISE: 0x00 means all gear, 0xFF gear without a short address, 0AAAAAA1 gear at this address."""
        mine = self._gear.variables.short_address
        if whom == 0 or (whom == MASK == mine) or (mine != MASK and whom == (mine << 1 | 1)):
            self._state = Initialisation.ENABLED
            self._until = now + INITIALISE_S

    def randomise(self, now: float) -> None:
        if self._taking_part(now) and not self._gear.profile.ignores_randomise:
            self._new_random = (now + self._gear.profile.randomise_s, self._gear.rng.randrange(0xFFFFFF))

    def random_address(self, now: float) -> int:
        if self._new_random is not None and now >= self._new_random[0]:
            self._gear.variables.random_address = self._new_random[1]
            self._gear.reset_state = False
            self._new_random = None
        return self._gear.variables.random_address

    def compare(self, now: float) -> int | None:
        if self.state(now) is not Initialisation.ENABLED:
            return None
        return YES if self.random_address(now) <= self.search_address else self._no()

    def withdraw(self, now: float) -> None:
        if self.state(now) is Initialisation.ENABLED and self._selected(now):
            self._state = Initialisation.WITHDRAWN

    def search(self, shift: int, value: int, now: float) -> None:
        """Sets one byte of the search address; `shift` is 16, 8 or 0."""
        if self._taking_part(now):
            self.search_address = self.search_address & ~(0xFF << shift) | value << shift

    def program(self, wanted: int, now: float) -> None:
        """Obeys PROGRAM SHORT ADDRESS: takes the address 0AAAAAA1, or none with MASK."""
        if self._selected(now):
            self.assign(wanted)
            self._gear.deafen(now + self._gear.profile.deaf_after_program_s)

    def assign(self, wanted: int) -> None:
        """Takes a short address in the form 0AAAAAA1, or none with MASK. Ignores any other value."""
        variables = self._gear.variables
        if wanted == MASK:
            variables.short_address = MASK
        elif wanted & 0x81 == 1:
            variables.short_address = wanted >> 1
        self._gear.address_changed()

    def verify(self, wanted: int, now: float) -> int | None:
        if not self._taking_part(now):
            return None
        mine = self._gear.variables.short_address
        return YES if mine != MASK and wanted == (mine << 1 | 1) else self._no()

    def short_address(self, now: float) -> int | None:
        """Answers QUERY SHORT ADDRESS: 0AAAAAA1, MASK if the gear has none, or None if it is not selected."""
        if not self._selected(now):
            return None
        mine = self._gear.variables.short_address
        return MASK if mine == MASK else mine << 1 | 1

    def _no(self) -> int | None:
        return NO_AS_FRAME if self._gear.profile.no_is_frame else None

    def _taking_part(self, now: float) -> bool:
        return self.state(now) is not Initialisation.DISABLED

    def _selected(self, now: float) -> bool:
        return self._taking_part(now) and self.random_address(now) == self.search_address
