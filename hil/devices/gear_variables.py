"""The variables of control gear with their reset values (IEC 62386-102), and what one type of gear is like."""

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
    """What the gear keeps without mains. Field defaults are the reset values; RESET keeps the short address."""

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
        """Reset values, with this gear's short address and lowest level."""
        return Variables(short_address=self.short_address, min_level=physical_min_level)

    def copy(self) -> Variables:
        return replace(self, scenes=list(self.scenes))

    def fade_s(self) -> float:
        """Seconds that a fade takes: fade time, else extended fade time, else 0."""
        if self.fade_time:
            return FADE_TIME_S[self.fade_time]
        return ((self.extended_fade_time & 0x0F) + 1) * EXTENDED_FADE_UNIT_S[self.extended_fade_time >> 4]


@dataclass(frozen=True)
class GearProfile:
    """What differs between products, and what the public facts leave open: one place to correct it."""

    device_types: tuple[int, ...] = (6, 50, 51, 52)
    """6 LED, 49 integrated bus supply, 50 / 51 / 52 = luminaire, energy and diagnostic memory banks. The gear
    tells them as they stand here: out of order, it breaks the standard."""
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
    """Whether 0xAA in the lock byte freezes the measured registers."""
    broadcast_opens_writing: bool = True
    """Whether ENABLE WRITE MEMORY to all gear reaches it, and with it a latch by broadcast."""
    bank_version: int = 1
    """What banks 201 to 207 state; any other than 1 is a layout that nobody knows yet."""
    optional_energy_banks: bool = True
    """Whether it has banks 203 (apparent) and 204 (load side)."""
    supply_ma: tuple[int, int] = (52, 60)
    """Integrated bus supply, where it has device type 49: guaranteed and highest current."""
    answers_nonsense: bool = False
    """A broken gear: whatever it answers is a byte of chance."""
    foreign_frames_close_writing: bool = False
    """Whether a command to another gear, too, ends the write-enabled state."""
    failed_lamp_reads_mask: bool = False
    """Whether QUERY ACTUAL LEVEL answers MASK while the lamp has failed; otherwise the level is kept."""
    randomise_s: float = 0.09
    """From RANDOMISE to the new random address; more than 0.1 breaks the standard."""
    ignores_randomise: bool = False
    """Seen in the field: a gear whose random address never changes."""
    version_number: int = 0x08
    """QUERY VERSION NUMBER: part 102 at 2.0, major in bits 7..2, minor in bits 1..0; 1 for gear of edition 1."""
    unknown_commands: frozenset[int] = frozenset()
    """Opcodes of addressed commands that it neither obeys nor answers."""
    unknown_specials: frozenset[int] = frozenset()
    """First bytes of special commands that it neither obeys nor answers."""
    edition_1_banks: bool = False
    """Only bank 0, as short as edition 1 has it: no more than four bytes of serial number."""
    loses_command_after_lone_first: bool = False
    """Whether the command that comes in place of the second of a pair is lost with it."""
    deaf_after_program_s: float = 0.0
    """From PROGRAM SHORT ADDRESS on it hears nothing for so long: it writes its flash."""
    dtr_closes_writing: bool = False
    """Whether loading any DTR ends the write-enabled state."""
    no_is_frame: bool = False
    """Whether it says NO with a frame of 0x00, also to COMPARE and VERIFY SHORT ADDRESS while it takes part."""
    swaps_fail_safe_levels: bool = False
    """Whether SET POWER ON LEVEL sets the system failure level, and the other way round."""
    max_level_only_falls: bool = False
    """Whether a MAX LEVEL above the one it has is taken as its MIN LEVEL; then only RESET raises it."""
