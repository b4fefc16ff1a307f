"""The queries of control gear whose answers depend on its state alone (IEC 62386-102, clause 11.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hil.devices.gear_variables import MASK

if TYPE_CHECKING:
    from hil.devices.dali_gear import Gear

YES = 0xFF
NO_AS_FRAME = 0x00
YES_OR_NO = frozenset({0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x9B, 0xA6, 0xAA})
"""Queries that can be answered NO, which the standard says by silence."""
LIGHT_SOURCE_LED = 6
OPERATING_MODE = 0


def _yes(condition: bool) -> int | None:
    return YES if condition else None


def _actual_level(gear: Gear, now: float) -> int:
    if gear.lamp_failed and gear.profile.failed_lamp_reads_mask:
        return MASK
    return gear.arc.level(now)


def _read_memory(gear: Gear, now: float) -> int | None:
    """Answers READ MEMORY LOCATION. In a bank that exists, DTR0 counts on even past a location that does not."""
    if gear.dtr1 not in gear.banks:
        return None
    content = gear.banks.read(gear.dtr1, gear.dtr0, now)
    gear.dtr0 = min(gear.dtr0 + 1, 0xFF)
    return content


QUERIES: dict[int, Callable[[Gear, float], int | None]] = {
    0x90: lambda gear, now: gear.status(now),
    0x91: lambda _gear, _now: YES,  # QUERY CONTROL GEAR PRESENT
    0x92: lambda gear, _now: _yes(gear.lamp_failed),
    0x93: lambda gear, now: _yes(gear.lit_level(now) > 0),  # QUERY LAMP POWER ON
    0x94: lambda gear, _now: _yes(gear.arc.limit_error),
    0x95: lambda gear, _now: _yes(gear.reset_state),
    0x96: lambda gear, _now: _yes(gear.variables.short_address == MASK),
    0x97: lambda gear, _now: gear.profile.version_number,
    0x98: lambda gear, _now: gear.dtr0,
    0x9A: lambda gear, _now: gear.profile.physical_min_level,
    0x9B: lambda gear, _now: _yes(gear.power_cycle_seen),  # QUERY POWER FAILURE
    0x9C: lambda gear, _now: gear.dtr1,
    0x9D: lambda gear, _now: gear.dtr2,
    0x9E: lambda _gear, _now: OPERATING_MODE,
    0x9F: lambda _gear, _now: LIGHT_SOURCE_LED,
    0xA0: _actual_level,
    0xA1: lambda gear, _now: gear.variables.max_level,
    0xA2: lambda gear, _now: gear.variables.min_level,
    0xA3: lambda gear, _now: gear.variables.power_on_level,
    0xA4: lambda gear, _now: gear.variables.system_failure_level,
    0xA5: lambda gear, _now: gear.variables.fade_time << 4 | gear.variables.fade_rate,
    0xA6: lambda _gear, _now: None,  # QUERY MANUFACTURER SPECIFIC MODE: no
    0xA8: lambda gear, _now: gear.variables.extended_fade_time,
    0xAA: lambda _gear, _now: None,  # QUERY CONTROL GEAR FAILURE: a gear that could answer has none
    0xC0: lambda gear, _now: gear.variables.groups & 0xFF,
    0xC1: lambda gear, _now: gear.variables.groups >> 8,
    0xC2: lambda gear, now: gear.commissioning.random_address(now) >> 16,
    0xC3: lambda gear, now: gear.commissioning.random_address(now) >> 8 & 0xFF,
    0xC4: lambda gear, now: gear.commissioning.random_address(now) & 0xFF,
    0xC5: _read_memory,
}


def _scene_query(scene: int) -> Callable[[Gear, float], int | None]:
    return lambda gear, _now: gear.variables.scenes[scene]


QUERIES.update({0xB0 + scene: _scene_query(scene) for scene in range(16)})
