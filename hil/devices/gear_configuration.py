"""Configuration commands of control gear; each must come twice (IEC 62386-102, clause 11.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hil.devices.gear_variables import MASK, MAX_LEVEL

if TYPE_CHECKING:
    from hil.devices.dali_gear import Gear

HIGHEST_EXTENDED_FADE = 0x4F


def _store_actual_level(gear: Gear, now: float) -> None:
    gear.dtr0 = gear.arc.level(now)


def _set_max_level(gear: Gear, now: float) -> None:
    wanted = MAX_LEVEL if gear.dtr0 == MASK else gear.dtr0
    if gear.profile.max_level_only_falls and gear.dtr0 > gear.variables.max_level:
        wanted = gear.variables.min_level
    gear.variables.max_level = max(wanted, gear.variables.min_level)
    gear.arc.keep_within_limits(now)
    gear.redraw(now)


def _set_min_level(gear: Gear, now: float) -> None:
    lowest = max(gear.dtr0, gear.profile.physical_min_level)
    gear.variables.min_level = min(lowest, gear.variables.max_level)
    gear.arc.keep_within_limits(now)
    gear.redraw(now)


def _set_system_failure_level(gear: Gear, _now: float) -> None:
    _set_fail_safe_level(gear, power_on=gear.profile.swaps_fail_safe_levels)


def _set_power_on_level(gear: Gear, _now: float) -> None:
    _set_fail_safe_level(gear, power_on=not gear.profile.swaps_fail_safe_levels)


def _set_fail_safe_level(gear: Gear, *, power_on: bool) -> None:
    if power_on:
        gear.variables.power_on_level = gear.dtr0
    else:
        gear.variables.system_failure_level = gear.dtr0


def _set_fade_time(gear: Gear, _now: float) -> None:
    gear.variables.fade_time = min(gear.dtr0, 15)


def _set_fade_rate(gear: Gear, _now: float) -> None:
    gear.variables.fade_rate = min(max(gear.dtr0, 1), 15)


def _set_extended_fade_time(gear: Gear, _now: float) -> None:
    gear.variables.extended_fade_time = gear.dtr0 if gear.dtr0 <= HIGHEST_EXTENDED_FADE else 0


def _reset_memory_bank(gear: Gear, _now: float) -> None:
    gear.banks.reset(gear.dtr0)


def _set_short_address(gear: Gear, _now: float) -> None:
    gear.commissioning.assign(gear.dtr0)


def _enable_write_memory(gear: Gear, _now: float) -> None:
    gear.write_enabled = True


def _set_scene(scene: int) -> Callable[[Gear, float], None]:
    def keep(gear: Gear, _now: float) -> None:
        gear.variables.scenes[scene] = gear.dtr0

    return keep


def _remove_from_scene(scene: int) -> Callable[[Gear, float], None]:
    def forget(gear: Gear, _now: float) -> None:
        gear.variables.scenes[scene] = MASK

    return forget


def _add_to_group(group: int) -> Callable[[Gear, float], None]:
    def join(gear: Gear, _now: float) -> None:
        gear.variables.groups |= 1 << group

    return join


def _remove_from_group(group: int) -> Callable[[Gear, float], None]:
    def leave(gear: Gear, _now: float) -> None:
        gear.variables.groups &= ~(1 << group)

    return leave


CONFIGURATION: dict[int, Callable[[Gear, float], None]] = {
    0x20: lambda gear, now: gear.reset(now),
    0x21: _store_actual_level,
    0x22: lambda _gear, _now: None,  # SAVE PERSISTENT VARIABLES: variables here are always saved
    0x23: lambda _gear, _now: None,  # SET OPERATING MODE: there is only mode 0
    0x24: _reset_memory_bank,
    0x25: lambda gear, now: gear.identify(now),
    0x2A: _set_max_level,
    0x2B: _set_min_level,
    0x2C: _set_system_failure_level,
    0x2D: _set_power_on_level,
    0x2E: _set_fade_time,
    0x2F: _set_fade_rate,
    0x30: _set_extended_fade_time,
    0x80: _set_short_address,
    0x81: _enable_write_memory,
}
for number in range(16):
    CONFIGURATION[0x40 + number] = _set_scene(number)
    CONFIGURATION[0x50 + number] = _remove_from_scene(number)
    CONFIGURATION[0x60 + number] = _add_to_group(number)
    CONFIGURATION[0x70 + number] = _remove_from_group(number)
