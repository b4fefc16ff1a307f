"""The memory banks of D4i control gear: 0 and 1 (nameplates), 201 (integrated bus supply), 202 to 204 (energy),
205 to 207 (diagnostics and maintenance).

The layout of bank 0 is that of IEC 62386-102; the others follow DiiA parts 251, 252 and 253 v1.1 (October 2019).
The layout of bank 201 (part 250) is unverified.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Protocol

from hil.devices.gear_variables import GearProfile
from hil.devices.memory_banks import MemoryBank, MemoryBanks, Register

LAST_BANK = 207
SUPPLY_BANK, SUPPLY_ACTIVE = 201, 6
INTEGRATED_SUPPLY = 49
DRIVER_EFFICIENCY = 0.9
LAMP_VOLTAGE_V = 48.0
FULL_LOAD_POWER_FACTOR, STANDBY_POWER_FACTOR = 97, 45
NOT_STATED = 0xFF


class Measured(Protocol):
    """The measurements that the banks take from their gear; times are loop seconds."""

    profile: GearProfile
    gear_starts: int
    failures: int
    lamp_failed: bool

    def measuring(self, now: float) -> bool: ...
    def energy_wh_true(self, now: float) -> float: ...
    def power_w(self, now: float) -> float: ...
    def lit_level(self, now: float) -> float: ...
    def powered_s(self, now: float) -> float: ...
    def lit_s(self, now: float) -> float: ...
    def lamp_starts(self) -> int: ...
    def supply_switched(self) -> None: ...


def in_units(value: float, exponent: int) -> float:
    """Returns a value in units of 10^exponent, without the rounding error of a fractional power of ten."""
    return value * 10.0**-exponent if exponent < 0 else value / 10.0**exponent


def banks_of(gear: Measured, rng: random.Random, nominal_power_w: float, min_power_w: float) -> MemoryBanks:
    """Returns the banks of one gear. Its serial and identification numbers come from `rng`."""
    if gear.profile.edition_1_banks:
        return MemoryBanks({0: _edition_1_nameplate(rng)})
    banks = {
        0: _nameplate(rng),
        1: _luminaire(rng, nominal_power_w, min_power_w),
        202: _energy(gear),
        205: _gear_diagnostics(gear, _current_a(nominal_power_w)),
        206: _lamp_diagnostics(gear),
        207: _maintenance(gear),
    }
    if gear.profile.optional_energy_banks:
        banks[203] = _energy(gear, lambda now: 100 / _power_factor(gear, now), 100 / FULL_LOAD_POWER_FACTOR)
        banks[204] = _energy(gear, lambda _now: DRIVER_EFFICIENCY, DRIVER_EFFICIENCY)
    if INTEGRATED_SUPPLY in gear.profile.device_types:
        banks[SUPPLY_BANK] = _supply(gear)
    return MemoryBanks(banks)


def _at(offset: int, content: bytes) -> dict[int, int]:
    return dict(enumerate(content, offset))


def _nameplate(rng: random.Random) -> MemoryBank:
    content = (
        bytes([LAST_BANK])
        + (8_719_990_000_017).to_bytes(6, "big")  # GTIN
        + bytes([1, 4])  # firmware
        + rng.getrandbits(64).to_bytes(8, "big")  # serial
        + bytes([1, 0])  # hardware
        + bytes([0x08, 0x08, NOT_STATED])  # parts 101 and 102 at version 2.0; no part 103
        + bytes([0, 1, 0])  # no control device, one gear, index 0
    )
    return MemoryBank(0x1A, rom=_at(2, content), lockable=False)


def _edition_1_nameplate(rng: random.Random) -> MemoryBank:
    """Returns bank 0 as edition 1 of part 102 lays it out: shorter, and with a checksum at location 1."""
    content = (
        bytes([0])
        + (4_008_321_000_019).to_bytes(6, "big")  # GTIN
        + bytes([1, 2])  # firmware
        + rng.getrandbits(32).to_bytes(4, "big")  # serial
    )
    checksum = sum(content) & 0xFF
    return MemoryBank(0x0E, rom={1: checksum, **_at(2, content)}, lockable=False)


def _luminaire(rng: random.Random, nominal_power_w: float, min_power_w: float) -> MemoryBank:
    content = (
        (8_719_990_000_024).to_bytes(6, "big")  # GTIN of the luminaire
        + rng.getrandbits(64).to_bytes(8, "big")  # its identification number
        + (3).to_bytes(2, "big")  # content format
        + bytes([24, 36])  # year, week
        + round(nominal_power_w).to_bytes(2, "big")
        + round(min_power_w).to_bytes(2, "big")
        + (198).to_bytes(2, "big")
        + (264).to_bytes(2, "big")  # lowest and highest mains voltage
        + round(nominal_power_w * 130).to_bytes(3, "big")  # lumen
        + bytes([70])  # colour rendering index
        + (3000).to_bytes(2, "big")  # colour temperature, K
        + bytes([2])  # light distribution type
        + b"grey".ljust(24, b"\0")
        + b"street luminaire".ljust(60, b"\0")
    )
    return MemoryBank(0x77, writable=_at(3, content))


def _energy(
    gear: Measured, power_share: Callable[[float], float] = lambda _now: 1.0, energy_share: float = 1.0
) -> MemoryBank:
    """Returns bank 202, or a bank of that layout whose power and energy are the given multiples of those in 202."""
    profile = gear.profile

    def energy(now: float) -> int | None:
        if not gear.measuring(now):
            return None
        return math.floor(in_units(gear.energy_wh_true(now) * energy_share, profile.energy_exponent))

    def power(now: float) -> int | None:
        if not gear.measuring(now):
            return None
        return round(in_units(gear.power_w(now) * power_share(now), profile.power_exponent))

    rom = {3: profile.bank_version, 4: profile.energy_exponent & 0xFF, 0x0B: profile.power_exponent & 0xFF}
    return MemoryBank(
        0x0F, rom=rom, registers=(Register(0x05, 6, energy), Register(0x0C, 4, power)), latches=profile.latches
    )


def _gear_diagnostics(gear: Measured, full_current_a: float) -> MemoryBank:
    registers = (
        Register(0x04, 4, lambda now: int(gear.powered_s(now))),
        Register(0x08, 3, lambda _now: gear.gear_starts),
        Register(0x0B, 2, lambda _now: 2304),  # 0.1 V
        Register(0x0D, 1, lambda _now: 50),  # Hz
        Register(0x0E, 1, lambda now: _power_factor(gear, now)),  # 0.01
        Register(0x1B, 1, lambda now: 60 + _temperature_c(gear, now)),
        Register(0x1C, 1, lambda now: min(100, round(100 * _lamp_current_a(gear, now) / full_current_a))),  # output, %
    )
    conditions = dict.fromkeys(range(0x0F, 0x1B), 0)
    rom = {3: gear.profile.bank_version, **conditions}
    return MemoryBank(0x1C, rom=rom, registers=registers, latches=gear.profile.latches)


def _lamp_diagnostics(gear: Measured) -> MemoryBank:
    """Returns bank 206. Two of its counters can be written and count on from the written value; the others count from
    the lamp's first day."""
    zero_starts, zero_lit_s = 0, 0.0

    def count_starts_from(value: int, _now: float) -> None:
        nonlocal zero_starts
        zero_starts = gear.lamp_starts() - value

    def count_time_from(value: int, now: float) -> None:
        nonlocal zero_lit_s
        zero_lit_s = gear.lit_s(now) - value

    registers = (
        Register(0x04, 3, lambda _now: gear.lamp_starts() - zero_starts, count_starts_from),
        Register(0x07, 3, lambda _now: gear.lamp_starts()),
        Register(0x0A, 4, lambda now: int(gear.lit_s(now) - zero_lit_s), count_time_from),
        Register(0x0E, 4, lambda now: int(gear.lit_s(now))),
        Register(0x12, 2, lambda now: round(10 * LAMP_VOLTAGE_V) if gear.lit_level(now) > 0 else 0),  # 0.1 V
        Register(0x14, 2, lambda now: round(1000 * _lamp_current_a(gear, now))),  # mA
        Register(0x16, 1, lambda _now: int(gear.lamp_failed)),
        Register(0x17, 1, lambda _now: min(gear.failures, 254)),
        Register(0x1A, 1, lambda _now: int(gear.lamp_failed)),  # open circuit
        Register(0x1B, 1, lambda _now: min(gear.failures, 254)),
        Register(0x20, 1, lambda now: 60 + _temperature_c(gear, now)),
    )
    quiet = dict.fromkeys((0x18, 0x19, 0x1C, 0x1D, 0x1E, 0x1F), 0)
    rom = {3: gear.profile.bank_version, **quiet}
    return MemoryBank(0x20, rom=rom, registers=registers, latches=gear.profile.latches)


def _maintenance(gear: Measured) -> MemoryBank:
    content = bytes([100, 60 + 65]) + (200).to_bytes(2, "big")  # 1000 h, °C, 100 starts
    return MemoryBank(0x07, rom={3: gear.profile.bank_version}, writable=_at(4, content))


def _supply(gear: Measured) -> MemoryBank:
    """Returns bank 201. Its switch survives mains loss, and the supply is on when the gear leaves the factory."""
    guaranteed_ma, highest_ma = gear.profile.supply_ma
    rom = {3: gear.profile.bank_version, 4: guaranteed_ma, 5: highest_ma}
    bank = MemoryBank(SUPPLY_ACTIVE, rom=rom, writable={SUPPLY_ACTIVE: 1})
    bank.when_written = lambda _location: gear.supply_switched()
    return bank


def _current_a(power_w: float) -> float:
    """Returns the current into the lamp, in A, while its gear draws `power_w`."""
    return power_w * DRIVER_EFFICIENCY / LAMP_VOLTAGE_V


def _lamp_current_a(gear: Measured, now: float) -> float:
    """Returns the current through the lamp, in A. Bank 205 states it as a share of the nominal one, bank 206 in mA."""
    return _current_a(gear.power_w(now)) if gear.lit_level(now) > 0 else 0.0


def _power_factor(gear: Measured, now: float) -> int:
    return FULL_LOAD_POWER_FACTOR if gear.lit_level(now) > 0 else STANDBY_POWER_FACTOR


def _temperature_c(gear: Measured, now: float) -> int:
    """Returns the gear's temperature by a simple model: 10 °C of ambient air, and one degree more for each watt."""
    return 10 + round(gear.power_w(now))
