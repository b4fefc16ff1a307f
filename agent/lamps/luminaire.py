"""The agent's knowledge of one luminaire, in memory: what it was told, what its gear has stored, and how it is."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.dali import addresses
from protocols.dali.addresses import Address

SILENT_AFTER = 3
"""After so many queries in a row without an answer gear counts as gone: one lost answer is no failure."""


class StatusBit:
    """The bits of the answer to QUERY STATUS (IEC 62386-102 clause 11.5.2)."""

    GEAR_FAILURE = 0x01
    LAMP_FAILURE = 0x02
    LAMP_ON = 0x04
    LIMIT_ERROR = 0x08
    FADE_RUNNING = 0x10
    RESET_STATE = 0x20
    NO_SHORT_ADDRESS = 0x40
    POWER_CYCLE_SEEN = 0x80

    WORTH_ASKING_TWICE = GEAR_FAILURE | LAMP_FAILURE | POWER_CYCLE_SEEN


@dataclass
class Told:
    """The level that the agent has told the gear.

    `target_level` (0-254) is None if the gear was told no level since the agent last lost sight of it. `verify_at` is
    when (monotonic seconds) the lamp must be at that level; None: the agent has seen it there. `shaken` counts how
    often something else has moved the lamp, or may have.
    """

    target_level: int | None = None
    verify_at: float | None = None
    shaken: int = 0


@dataclass
class Stored:
    """The gear's stored settings. None: the gear was neither asked nor told the value yet.

    `groups` are its group addresses, `scenes` the levels of its 16 scenes, `level_limits` its MIN LEVEL and MAX LEVEL,
    `fade_code` its FADE TIME (0-15). `extended_fade_cleared` tells that its EXTENDED FADE TIME is known to be 0,
    `fail_safe_checked` that its fail-safe levels and stored fades were seen to be right.
    """

    groups: frozenset[int] | None = None
    scenes: tuple[int, ...] | None = None
    level_limits: tuple[int, int] | None = None
    fade_code: int | None = None
    extended_fade_cleared: bool = False
    fail_safe_checked: bool = False

    def forget_fade(self) -> None:
        """Marks the gear's fade as unknown."""
        self.fade_code = None
        self.extended_fade_cleared = False


@dataclass
class Condition:
    """How the gear and its lamp are.

    Times are monotonic seconds: `last_answer_at` of the last answer, `last_well_at` of the last status without a lamp
    failure, `metered_at` of the last reading of its energy register. `collisions` and `mismatches` count in a row:
    answers of several gear at once, and levels that were not the target level. `actual_level` (0-254) is the level that
    the gear showed last; None: something may have moved the lamp since.
    """

    status: int | None = None
    status_asked_at: float | None = None
    last_answer_at: float | None = None
    last_well_at: float | None = None
    answers: bool = True
    lamp_failed: bool = False
    collisions: int = 0
    mismatches: int = 0
    metered_at: float = float("-inf")
    actual_level: int | None = None

    @property
    def can_burn(self) -> bool:
        """True if the lamp is available: its gear answers and reports no lamp failure."""
        return self.answers and not self.lamp_failed


@dataclass
class Mark:
    """The mark in the gear's DTR2, which tells of a loss of its mains (agent/lamps/mains.py).

    `is_left`: the gear was given the mark, and holds it unless it has lost its mains. `mains_unsure`: it may have lost
    them. `level_told_since`: it was told a level since it was last asked for its mark.
    """

    is_left: bool = False
    mains_unsure: bool = False
    level_told_since: bool = False


@dataclass
class LuminaireState:
    """One luminaire.

    `by_sensors`: its level shows what sensors have seen, which the record must not tell. `lost_sight` counts how often
    the agent lost sight of its gear; after each time another gear may answer in its place.
    """

    name: str
    short_address: int
    address: Address = field(init=False)
    by_sensors: bool = False
    lost_sight: int = 0
    told: Told = field(default_factory=Told)
    stored: Stored = field(default_factory=Stored)
    condition: Condition = field(default_factory=Condition)
    mark: Mark = field(default_factory=Mark)

    def __post_init__(self) -> None:
        self.address = addresses.short(self.short_address)

    def moved_by_another(self) -> None:
        """Has the level told again, because something that the agent did not send may have moved the lamp."""
        self.told = Told(shaken=self.told.shaken + 1)
        self.condition.actual_level = None

    def forget(self) -> None:
        """Has the level told again, and all that the gear has stored read anew. Call it after any trouble on the bus:
        gear that was away may be other gear."""
        self.moved_by_another()
        self.stored = Stored()
        self.lost_sight += 1
