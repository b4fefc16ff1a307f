"""A luminaire with metered energy: the health of its gear, its ledger, and the last reading of its register."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from agent.lamps.gear_health import GearHealth
from agent.lamps.luminaire import LuminaireState
from agent.savings.ledger import LuminaireLedger
from protocols.dali.energy_register import EnergyRegister

WHOLE_EVERY = 96
"""A register is read whole again after this many readings: once a day."""
LEVEL_EVERY, LEVEL_OF_DARK_EVERY = 3, 4
"""The gear is asked for its level after this many readings, even if nothing is known to have moved it: every 45
minutes, and once an hour if the lamp is off. Its status tells sooner of a lamp that goes dark or alight by itself."""


class Seen(NamedTuple):
    """The content of a register, when it was read (monotonic seconds), and the luminaire's `lost_sight` then."""

    register: EnergyRegister
    at: float
    lost_sight: int


@dataclass(eq=False)
class Metered:
    """A luminaire on its bus. `place` (from 0) spreads the questions of each day and hour over the luminaires.

    `seen` is the newest reading (None: there was none). `until_whole` counts down with each reading; at 0 the whole
    register is read. `level` is the level that the gear last told; `moved` tells that it may show another level since.
    `sensed_at` is when sensors last moved the lamp, in monotonic seconds; None: never, as far as the ledger knows.
    """

    luminaire: LuminaireState
    health: GearHealth
    ledger: LuminaireLedger
    place: int = 0
    sensed_at: float | None = None
    seen: Seen | None = None
    level: int | None = None
    moved: bool = True
    until_whole: int = field(init=False)
    until_level: int = field(init=False)
    _shaken: int = 0

    def __post_init__(self) -> None:
        self.until_whole = WHOLE_EVERY - self.place % (WHOLE_EVERY // 2)
        self.until_level = self.place % LEVEL_OF_DARK_EVERY

    @property
    def name(self) -> str:
        """The luminaire's name."""
        return self.luminaire.name

    def has_register(self) -> bool:
        """Returns whether the register of the present gear has been read: gear that was out of sight may be other
        gear."""
        return self.seen is not None and self.seen.lost_sight == self.luminaire.lost_sight

    def low_bytes_tell(self, now: float) -> bool:
        """Returns whether the two low bytes of the register are enough at `now` (monotonic seconds)."""
        if self.seen is None or self.until_whole <= 0 or not self.has_register():
            return False
        return self.seen.register.low_bytes_tell(now - self.seen.at)

    def may_have_moved(self) -> bool:
        """Returns whether the gear may show another level than `level`: it was told a level, or something else has
        moved it."""
        return self.moved or self._shaken != self.luminaire.told.shaken

    def shows(self, level: int | None) -> None:
        """Takes in the level (0-254) that the gear has told, or None if it told none. A lamp that is still fading goes
        on moving."""
        self.level, self._shaken = level, self.luminaire.told.shaken
        self.moved = level is None or self.luminaire.told.verify_at is not None
        self.until_level = LEVEL_EVERY if level else LEVEL_OF_DARK_EVERY

    def has_read(self, register: EnergyRegister, now: float, *, whole: bool) -> None:
        """Takes in a reading that is believed, of the time `now` (monotonic seconds). `whole`: all bytes were read."""
        self.luminaire.condition.metered_at = now
        self.seen = Seen(register, now, self.luminaire.lost_sight)
        self.until_level -= 1
        self.until_whole = WHOLE_EVERY if whole and self.until_whole <= 0 else self.until_whole - 1
