"""Control gear firmware met in the field: each profile differs from the standard, or from its edition 2, in one way.

A street may mix the profiles lamp by lamp.
"""

from __future__ import annotations

from hil.devices.gear_variables import GearProfile

LED = 6

EDITION_1 = GearProfile(
    version_number=1,
    device_types=(LED,),
    unknown_commands=frozenset(
        {0x0A, 0x0B, 0x0C}  # GO TO LAST ACTIVE LEVEL, CONTINUOUS UP and DOWN
        | {0x22, 0x23, 0x24, 0x25}  # SAVE PERSISTENT VARIABLES, SET OPERATING MODE, RESET MEMORY BANK, IDENTIFY DEVICE
        | {0x30, 0xA8}  # SET and QUERY EXTENDED FADE TIME
        | {0x9E, 0x9F, 0xA6, 0xA7, 0xAA}  # operating mode, light source, specific mode, next device type, gear failure
    ),
    unknown_specials=frozenset({0xAD, 0xC9}),  # PING, WRITE MEMORY LOCATION - NO REPLY
    edition_1_banks=True,
    loses_command_after_lone_first=True,
)
"""Gear from before DALI-2 (IEC 62386-102:2009)."""

DEAF_AFTER_PROGRAM = GearProfile(deaf_after_program_s=0.3)
DTR_CLOSES_WRITING = GearProfile(dtr_closes_writing=True)
NO_IS_FRAME = GearProfile(no_is_frame=True)
NEVER_SAYS_ITS_ADDRESS = GearProfile(unknown_specials=frozenset({0xBB}))
"""Gear that does not answer QUERY SHORT ADDRESS."""
SWAPS_FAIL_SAFE_LEVELS = GearProfile(swaps_fail_safe_levels=True)
KEEPS_ITS_LIMITS = GearProfile(unknown_commands=frozenset({0x2A, 0x2B}))
"""Gear that ignores SET MAX LEVEL and SET MIN LEVEL."""
MAX_LEVEL_ONLY_FALLS = GearProfile(max_level_only_falls=True)
"""Gear with published AVR firmware (Atmel, 2016), in which only RESET can raise the MAX LEVEL."""

PROFILES = {
    "ordinary": GearProfile(),
    "edition-1": EDITION_1,
    "deaf-after-program": DEAF_AFTER_PROGRAM,
    "dtr-closes-writing": DTR_CLOSES_WRITING,
    "no-is-frame": NO_IS_FRAME,
    "never-says-its-address": NEVER_SAYS_ITS_ADDRESS,
    "swaps-fail-safe-levels": SWAPS_FAIL_SAFE_LEVELS,
    "keeps-its-limits": KEEPS_ITS_LIMITS,
    "max-level-only-falls": MAX_LEVEL_ONLY_FALLS,
}
"""The profiles by the name that stories use."""
