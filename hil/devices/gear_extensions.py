"""Commands of the device types of D4i gear, valid only after ENABLE DEVICE TYPE (IEC 62386-207 for LED, type 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hil.devices.dali_gear import Gear

LED = 6
INTEGRATED_SUPPLY = 49
YES = 0xFF
QUERY_ACTIVE_POWER_SUPPLY = 0xFE
QUERY_EXTENDED_VERSION_NUMBER = 0xFF
VERSION = {LED: 0x08}
"""Extended version number by device type: part 207 is at version 2.0."""
PART_25X_VERSION = 0x05
"""Extended version number of parts 250 to 253, which are at version 1.1."""
MIN_FAST_FADE_TIME = 1


def _select_dimming_curve(gear: Gear, now: float) -> None:
    if gear.dtr0 in (0, 1):
        gear.variables.linear_curve = gear.dtr0 == 1
        gear.redraw(now)


def _store_fast_fade_time(gear: Gear, _now: float) -> None:
    gear.variables.fast_fade_time = 0 if gear.dtr0 == 0 else min(max(gear.dtr0, MIN_FAST_FADE_TIME), 27)


def _failure_status(gear: Gear) -> int:
    """Returns the answer to QUERY FAILURE STATUS. A failed lamp of this emulation is an open circuit (bit 1)."""
    return gear.lamp_failed << 1


def _has_failed(gear: Gear, bit: int) -> int | None:
    return YES if _failure_status(gear) >> bit & 1 else None


LED_CONFIGURATION: dict[int, Callable[[Gear, float], None]] = {
    0xE3: _select_dimming_curve,
    0xE4: _store_fast_fade_time,
}
LED_QUERIES: dict[int, Callable[[Gear], int | None]] = {
    0xED: lambda _gear: 0x01,  # QUERY GEAR TYPE: supply integrated
    0xEE: lambda gear: int(gear.variables.linear_curve),
    0xEF: lambda _gear: 0x02,  # QUERY POSSIBLE OPERATING MODES: amplitude
    0xF0: lambda _gear: 0x02,  # QUERY FEATURES: it detects an open circuit
    0xF1: lambda gear: _failure_status(gear),
    0xF2: lambda gear: _has_failed(gear, 0),  # QUERY SHORT CIRCUIT
    0xF3: lambda gear: _has_failed(gear, 1),  # QUERY OPEN CIRCUIT
    0xF4: lambda gear: _has_failed(gear, 2),  # QUERY LOAD DECREASE
    0xF5: lambda gear: _has_failed(gear, 3),  # QUERY LOAD INCREASE
    0xF6: lambda gear: _has_failed(gear, 4),  # QUERY CURRENT PROTECTOR ACTIVE
    0xF7: lambda gear: _has_failed(gear, 5),  # QUERY THERMAL SHUT DOWN
    0xF8: lambda gear: _has_failed(gear, 6),  # QUERY THERMAL OVERLOAD
    0xF9: lambda _gear: None,  # QUERY REFERENCE RUNNING: it measures no reference
    0xFA: lambda gear: _has_failed(gear, 7),  # QUERY REFERENCE MEASUREMENT FAILED
    0xFB: lambda _gear: None,  # QUERY CURRENT PROTECTOR ENABLED: it has none
    0xFC: lambda gear: gear.variables.linear_curve << 4 | 0x02,  # QUERY OPERATING MODE
    0xFD: lambda gear: gear.variables.fast_fade_time,
    0xFE: lambda _gear: MIN_FAST_FADE_TIME,
}


def command(gear: Gear, address: int, opcode: int, sequence: int, now: float) -> int | None:
    """Obeys a command of a device type, 0xE0 or above. Returns the answer, or None for NO.

    ENABLE DEVICE TYPE must be the frame directly before it, or directly before the first of a pair.
    """
    device_type, heard = gear.device_type_sequence
    if device_type not in gear.profile.device_types or not 0 < sequence - heard <= 2:
        return None
    second = sequence - heard == 2
    if device_type == LED and opcode in LED_CONFIGURATION:
        if gear.is_second(address, opcode, sequence, now) and second:
            LED_CONFIGURATION[opcode](gear, now)
            gear.reset_state = False
        return None
    if second:
        return None
    if opcode == QUERY_EXTENDED_VERSION_NUMBER:
        return VERSION.get(device_type, PART_25X_VERSION)
    if device_type == LED and opcode in LED_QUERIES:
        return LED_QUERIES[opcode](gear)
    if device_type == INTEGRATED_SUPPLY and opcode == QUERY_ACTIVE_POWER_SUPPLY:
        return YES if gear.feeds_bus(now) else None
    return None
