"""What the agent knows of one luminaire: where its gear should be, what it last said, and whether it can burn."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.dali import addresses
from protocols.dali.addresses import Address

SILENT_AFTER = 3
"""Queries in a row without an answer, after which the gear counts as gone: one lost answer is no failure."""


class StatusBit:
    """QUERY STATUS (IEC 62386-102 clause 11.5.2)."""

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
class LuminaireState:
    """One luminaire's state in memory.

    `commanded` is None until the agent has told the gear its level since it last lost sight of it. `last_well_at` is
    the monotonic time of the last status without a lamp failure, `last_answer_at` that of any answer. `groups` and
    `scenes` are what the gear has stored, None until it was asked. `by_sensors`: its level says what sensors saw.
    `metered_at` is the monotonic time of the last reading of its energy register. `lost_sight` counts how often the
    agent lost sight of its gear: another gear may answer in its place since.
    `marked`: its DTR2 holds our mark; `mains_unsure`: it may have lost its mains; `told_since_mark`: it was told a
    level since it was last asked for its mark. `shaken` counts how often something else has moved it, or may have.
    """

    name: str
    short_address: int
    address: Address = field(init=False)
    commanded: int | None = None
    verify_at: float | None = None
    mismatches: int = 0
    collisions: int = 0
    fade_code: int | None = None
    extended_fade_cleared: bool = False
    shaken: int = 0
    marked: bool = False
    mains_unsure: bool = False
    told_since_mark: bool = False
    groups: frozenset[int] | None = None
    scenes: tuple[int, ...] | None = None
    level_limits: tuple[int, int] | None = None
    fail_safe_checked: bool = False
    fail_safe_seen_at: float = float("-inf")
    status: int | None = None
    status_asked_at: float | None = None
    last_answer_at: float | None = None
    last_well_at: float | None = None
    answers: bool = True
    lamp_failed: bool = False
    by_sensors: bool = False
    lost_sight: int = 0
    metered_at: float = float("-inf")

    def __post_init__(self) -> None:
        self.address = addresses.short(self.short_address)

    @property
    def can_burn(self) -> bool:
        """Whether the lamp is available: its gear answers and reports no lamp failure."""
        return self.answers and not self.lamp_failed

    def moved_by_another(self) -> None:
        """Something that the agent did not send may have moved it: its level must be told again."""
        self.commanded = None
        self.verify_at = None
        self.shaken += 1

    def forget_what_it_shows(self) -> None:
        """After any trouble on the bus: its level must be told again, and its fail-safe levels looked at."""
        self.moved_by_another()
        self.fade_code = None
        self.extended_fade_cleared = False
        self.fail_safe_checked = False
        self.groups = None
        self.scenes = None
        self.level_limits = None
        self.lost_sight += 1
