"""Memory banks of control gear: lock and latch byte, ROM, writable bytes, measured registers (IEC 62386-102, 9.10).

Their content is in d4i_banks.py. A measured register is computed at the moment at which one of its bytes is read. A
number that is read without the latch can therefore be torn at a carry, as on real gear.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

LOCK_BYTE = 2
UNLOCKED = 0x55
LATCH = 0xAA
RELEASED = 0xFF


@dataclass(frozen=True)
class Register:
    """A big-endian number at `offset`; `read(now)` returns it, or None for "temporarily not available" (TMASK).

    With `write(value, now)` the number can be written without unlocking its bank, as non-volatile memory that is not
    lockable. The number takes effect with its last byte; MASK and TMASK are refused.
    """

    offset: int
    length: int
    read: Callable[[float], int | None]
    write: Callable[[int, float], None] | None = None

    def raw(self, now: float) -> int:
        value = self.read(now)
        ceiling = (1 << 8 * self.length) - 1
        if value is None:
            return ceiling - 1
        return max(0, min(value, ceiling - 2 if self.length > 1 else ceiling))


class MemoryBank:
    """One bank of up to 255 locations."""

    def __init__(
        self,
        last: int,
        *,
        rom: dict[int, int] | None = None,
        writable: dict[int, int] | None = None,
        registers: tuple[Register, ...] = (),
        lockable: bool = True,
        latches: bool = False,
    ) -> None:
        self._lock = RELEASED
        self._lockable = lockable
        self._latches = latches
        self._rom = {0: last, **(rom or {})}
        self._factory = dict(writable or {})
        self._writable = dict(self._factory)
        self._registers = registers
        self._bytes = {
            register.offset + place: (register, 8 * (register.length - 1 - place))
            for register in registers
            for place in range(register.length)
        }
        self._latched: dict[int, int] | None = None
        self._half_written: dict[int, int] = {}
        self.when_written: Callable[[int], None] | None = None

    def read(self, location: int, now: float) -> int | None:
        """Returns the byte at the location, or None (answer NO) if it is not implemented."""
        measured = self._bytes.get(location)
        if measured is not None:
            if self._latched is not None:
                return self._latched[location]
            register, shift = measured
            return (register.raw(now) >> shift) & 0xFF
        if location == LOCK_BYTE and self._lockable:
            return self._lock
        if location in self._rom:
            return self._rom[location]
        return self._writable.get(location)

    def write(self, location: int, value: int, now: float) -> int | None:
        """Writes a byte. Returns it as written, or None if the location is locked, read-only or not implemented."""
        if location == LOCK_BYTE and self._lockable:
            self._lock = value
            self._latched = self._snapshot(now) if value == LATCH and self._latches else None
            return value
        measured = self._bytes.get(location)
        if measured is not None and measured[0].write is not None:
            return self._write_register(measured[0], measured[0].write, location, value, now)
        if location in self._writable and self._lock == UNLOCKED:
            self._writable[location] = value
            if self.when_written is not None:
                self.when_written(location)
            return value
        return None

    def reset(self) -> None:
        """Obeys RESET MEMORY BANK, which needs an unlocked bank."""
        if self._lock != UNLOCKED:
            return
        self._writable = dict(self._factory)
        self._lock = RELEASED

    def _write_register(
        self, register: Register, write: Callable[[int, float], None], location: int, value: int, now: float
    ) -> int | None:
        self._half_written[location] = value
        if location < register.offset + register.length - 1:
            return value
        kept = register.raw(now).to_bytes(register.length, "big")
        places = enumerate(kept, register.offset)
        number = int.from_bytes(bytes(self._half_written.pop(place, byte) for place, byte in places), "big")
        if number >= (1 << 8 * register.length) - 2:
            return None
        write(number, now)
        return value

    def power_cycled(self) -> None:
        """Locks the bank and drops the latch after mains return, because the lock byte is in RAM."""
        self._lock = RELEASED
        self._latched = None
        self._half_written.clear()

    def _snapshot(self, now: float) -> dict[int, int]:
        raw = {register.offset: register.raw(now) for register in self._registers}
        return {place: (raw[register.offset] >> shift) & 0xFF for place, (register, shift) in self._bytes.items()}


class MemoryBanks:
    """All banks of one gear, addressed by (bank, location)."""

    def __init__(self, banks: dict[int, MemoryBank]) -> None:
        self._banks = banks

    def __contains__(self, bank: int) -> bool:
        return bank in self._banks

    def read(self, bank: int, location: int, now: float) -> int | None:
        found = self._banks.get(bank)
        return None if found is None else found.read(location, now)

    def write(self, bank: int, location: int, value: int, now: float) -> int | None:
        found = self._banks.get(bank)
        return None if found is None else found.write(location, value, now)

    def reset(self, bank: int) -> None:
        """Obeys RESET MEMORY BANK for a single bank, or with 0 for all but bank 0."""
        for number, found in self._banks.items():
            if number and bank in (0, number):
                found.reset()

    def power_cycled(self) -> None:
        for found in self._banks.values():
            found.power_cycled()
