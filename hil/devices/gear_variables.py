"""The variables of control gear with their reset values (IEC 62386-102), and the profile of a type of gear."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

MASK = 0xFF
MAX_LEVEL = 254
NO_ADDRESS = 0xFF

SCENES = 16
FADE_TIME_S: tuple[float, ...] = (0.0, *(0.5 * 2.0 ** (code / 2.0) for code in range(1, 16)))
"""fadeTime 0..15 in seconds: 0.7, 1.0, 1.4 ... 90.5; 0 hands over to the extended fade time."""
FADE_RATE_STEPS_S: tuple[float, ...] = (0.0, *(506.0 / 2.0 ** (code / 2.0) for code in range(1, 16)))
"""fadeRate 1..15 in levels a second: 358 ... 2.8."""
EXTENDED_FADE_UNIT_S = (0.0, 0.1, 1.0, 10.0, 60.0)
"""Multiplier of the extended fade time (bits 6..4); the low nibble counts 1..16 of them."""


@dataclass
class Variables:
    """The variables that the gear keeps without mains. Field defaults are the reset values."""

    short_address: int = NO_ADDRESS
    min_level: int = 1
    max_level: int = MAX_LEVEL
    power_on_level: int = MAX_LEVEL
    system_failure_level: int = MAX_LEVEL
    fade_time: int = 0
    fade_rate: int = 7
    extended_fade_time: int = 0
    groups: int = 0
    scenes: list[int] = field(default_factory=lambda: [MASK] * SCENES)
    random_address: int = 0xFFFFFF
    last_active_level: int = MAX_LEVEL
    last_light_level: int = MAX_LEVEL
    linear_curve: bool = False
    fast_fade_time: int = 0

    def reset(self, physical_min_level: int) -> Variables:
        """Returns the reset values, with the short address kept and MIN LEVEL at the gear's physical minimum."""
        return Variables(short_address=self.short_address, min_level=physical_min_level)

    def copy(self) -> Variables:
        return replace(self, scenes=list(self.scenes))

    def fade_s(self) -> float:
        """Returns the seconds that a fade takes: by the fade time, else by the extended fade time, else 0."""
        if self.fade_time:
            return FADE_TIME_S[self.fade_time]
        return ((self.extended_fade_time & 0x0F) + 1) * EXTENDED_FADE_UNIT_S[self.extended_fade_time >> 4]


@dataclass(frozen=True)
class GearProfile:
    """The behaviour in which products differ, or which public documents leave open: a single place to correct it."""

    device_types: tuple[int, ...] = (6, 50, 51, 52)
    """6 is LED, 49 an integrated bus supply, 50, 51 and 52 are luminaire, energy and diagnostic memory banks. The gear
    names them in the order given here; the standard demands ascending order."""
    physical_min_level: int = 85
    """1 % on the logarithmic curve."""
    energy_exponent: int = -1
    """Scale of the energy register, 10^n Wh, n -6..6; outside of that, the gear breaks the standard."""
    power_exponent: int = -1
    measuring_starts_s: float = 2.0
    """Seconds after mains return in which energy and power read TMASK (temporarily not available)."""
    boot_s: float = 0.1
    """Seconds after mains return in which the gear hears nothing."""
    power_on_wait_s: tuple[float, float] = (0.54, 0.66)
    """Bounds of the wait for a command before POWER ON LEVEL applies; each specimen has its own."""
    bus_low_limit_s: float = 0.5
    """Seconds without bus voltage that make a system failure."""
    latches: bool = True
    """If True, 0xAA in the lock byte freezes the measured registers."""
    broadcast_opens_writing: bool = True
    """If True, the gear obeys ENABLE WRITE MEMORY by broadcast, so that a broadcast can latch it."""
    bank_version: int = 1
    """The version that banks 201 to 207 state. Any version but 1 has a layout that is not published yet."""
    optional_energy_banks: bool = True
    """If True, the gear has banks 203 (apparent energy) and 204 (load-side energy)."""
    supply_ma: tuple[int, int] = (52, 60)
    """Guaranteed and highest current of the integrated bus supply, in mA, if the gear has device type 49."""
    answers_nonsense: bool = False
    """If True, the gear is broken and each of its answers is a random byte."""
    foreign_frames_close_writing: bool = False
    """If True, a command to another gear ends the write-enabled state too."""
    failed_lamp_reads_mask: bool = False
    """If True, QUERY ACTUAL LEVEL answers MASK while the lamp has failed; if False, it answers the level."""
    randomise_s: float = 0.09
    """Seconds from RANDOMISE to the new random address; more than 0.1 breaks the standard."""
    ignores_randomise: bool = False
    """If True, the random address never changes, as seen in the field."""
    version_number: int = 0x08
    """QUERY VERSION NUMBER: part 102 at 2.0, major in bits 7..2, minor in bits 1..0; 1 for gear of edition 1."""
    unknown_commands: frozenset[int] = frozenset()
    """Opcodes of the addressed commands that the gear neither obeys nor answers."""
    unknown_specials: frozenset[int] = frozenset()
    """First bytes of the special commands that the gear neither obeys nor answers."""
    edition_1_banks: bool = False
    """If True, the gear has only bank 0 in the short layout of edition 1, with four bytes of serial number."""
    loses_command_after_lone_first: bool = False
    """If True, a different frame that comes in place of the second of a pair is lost together with the first."""
    deaf_after_program_s: float = 0.0
    """Seconds for which the gear hears nothing after PROGRAM SHORT ADDRESS, while it writes its flash."""
    dtr_closes_writing: bool = False
    """If True, a command that loads any DTR ends the write-enabled state."""
    no_is_frame: bool = False
    """If True, the gear says NO with a frame of 0x00; to COMPARE and VERIFY SHORT ADDRESS too, during a search."""
    swaps_fail_safe_levels: bool = False
    """If True, SET POWER ON LEVEL sets the system failure level, and the other way round."""
    max_level_only_falls: bool = False
    """If True, a MAX LEVEL above the present one sets it to MIN LEVEL instead; then only RESET raises it."""
