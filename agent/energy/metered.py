"""A luminaire whose energy is metered: the health of its gear, its ledger, and what its gear has shown last."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from agent.lamps.gear_health import GearHealth
from agent.lamps.luminaire import LuminaireState
from agent.savings.ledger import LuminaireLedger
from protocols.dali.energy_register import EnergyRegister

WHOLE_EVERY = 96
"""Readings after which a register is read whole again: once a day."""
LEVEL_EVERY = 4
"""Readings after which the gear is asked for its level though nothing is known to have moved it: once an hour."""


class Seen(NamedTuple):
    """A register as it was read, when (monotonic seconds), and the luminaire's `lost_sight` then."""

    register: EnergyRegister
    at: float
    lost_sight: int


@dataclass(eq=False)
class Metered:
    """A luminaire on its bus. `place` (from 0) spreads what is due once a day or once an hour over the luminaires.

    `seen` is the newest reading (None: there was none); the next one takes the whole register once `until_whole`, which
    counts down with each, is 0. `level` is what the gear last said that it shows; `moved` tells that it may show
    another one since. `sensed_at` is when sensors last moved it, in monotonic seconds; None: never, as far as the
    ledger knows.
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
        self.until_level = self.place % LEVEL_EVERY

    @property
    def name(self) -> str:
        """The luminaire's name."""
        return self.luminaire.name

    def has_register(self) -> bool:
        """Whether the register of the gear that is there now has been read."""
        return self.seen is not None and self.seen.lost_sight == self.luminaire.lost_sight

    def low_bytes_tell(self, now: float) -> bool:
        """Whether two bytes of the register are enough at `now` (monotonic seconds)."""
        if self.seen is None or self.until_whole <= 0 or not self.has_register():
            return False
        return self.seen.register.low_bytes_tell(now - self.seen.at)

    def may_have_moved(self) -> bool:
        """Whether the gear may show another level than `level`: it was told one, or something else has moved it."""
        return self.moved or self._shaken != self.luminaire.told.shaken

    def shows(self, level: int | None) -> None:
        """The gear has answered with this level, or not (None). A lamp that is still fading goes on moving."""
        self.level, self._shaken = level, self.luminaire.told.shaken
        self.moved = level is None or self.luminaire.told.verify_at is not None
        self.until_level = LEVEL_EVERY

    def has_read(self, register: EnergyRegister, now: float, *, whole: bool) -> None:
        """The register was read at `now` (monotonic seconds), and is believed."""
        self.luminaire.condition.metered_at = now
        self.seen = Seen(register, now, self.luminaire.lost_sight)
        self.until_level -= 1
        self.until_whole = WHOLE_EVERY if whole and self.until_whole <= 0 else self.until_whole - 1
