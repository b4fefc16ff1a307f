"""Reads one gear (its nameplates in banks 0 and 1, its types, its settings), and sets its levels, fade and groups."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from agent.commissioning.findings import FoundGear
from protocols.dali import addresses, bank_access, bank_inquiries, gear_data, memory_banks, supply
from protocols.dali.bank_values import Value
from protocols.dali.gear_errors import WriteNotTaken
from protocols.dali.memory_banks import Bank
from protocols.errors import ConversationFailed, NotAnswered, SeveralAnswered

T = TypeVar("T")
ENERGY_REPORTING = 51
"""The device type of part 252."""
POWER_DIFFERS_BY = 0.15
"""Nominal and declared power may differ by this share: nameplates round, and drivers are set to less than full."""
SAFE_LEVELS = ("power on level", "system failure level")
LIMITS = ("physical_min_level", "min_level", "max_level")
FADES = ("fade_time", "fade_rate", "extended_fade_time")


class Tell(Protocol):
    """Adds a finding of this name about `subject` to the record."""

    def __call__(self, name: str, subject: str, **facts: object) -> None: ...


@dataclass
class GearWork:
    """The work on one gear. `inquire` runs an inquiry on its bus. If `groups` is None, the gear keeps its groups."""

    gear: FoundGear
    inquire: Callable[[Generator[Any, Any, Any]], Awaitable[Any]]
    finding: Tell
    groups: Sequence[int] | None

    async def read_and_write(self, safe_level: int, fade_code: int | None, *, write: bool) -> None:
        """Reads the gear, and with `write` sets the settings that differ, the fail-safe levels before any question. A
        step that fails is a finding, and the others are still done while the gear is there. Raises DriverError."""
        gear, address = self.gear, addresses.short(self.gear.short_address)
        steps: tuple[Callable[[], Awaitable[None]], ...] = (
            lambda: self._set_or_read_fail_safe_levels(safe_level, write=write),
            self._read_identity,
            lambda: self._read_limits_set_fade(safe_level, fade_code, write=write),
            lambda: self._set_or_read_groups(write=write),
            self._read_supply,
        )
        for step in steps:
            try:
                await step()
            except ConversationFailed as failure:
                self._add_trouble(failure)
                if isinstance(failure, SeveralAnswered):
                    return
                if not await self.inquire(_as_inquiry(gear_data.is_present(address))):
                    return
        if gear.device_types is not None and ENERGY_REPORTING not in gear.device_types:
            self.finding("noEnergyReport", gear.subject)

    def compare_power(self, declared_w: float) -> None:
        """Adds a finding if the nominal power on the luminaire's nameplate differs from the board's `declared_w`."""
        nominal = self._nominal_w
        if nominal is not None and abs(nominal - declared_w) > POWER_DIFFERS_BY * declared_w:
            self.finding("nominalPowerDiffers", self.gear.subject, nominal_w=nominal, declared_w=declared_w)

    _nominal_w: float | None = None

    async def _set_or_read_fail_safe_levels(self, wanted: int, *, write: bool) -> None:
        address = addresses.short(self.gear.short_address)
        if write:
            found = await self.inquire(gear_data.write_fail_safe_levels(address, wanted))
        else:
            found = await self.inquire(_as_inquiry(gear_data.read_fail_safe_levels(address)))
        for name, level in zip(SAFE_LEVELS, found, strict=True):
            if level is None:
                raise NotAnswered(f"{address.kind} {address.number} does not answer QUERY {name.upper()}")
            self._compare_setting(name, level, wanted)

    async def _read_identity(self) -> None:
        gear, address = self.gear, addresses.short(self.gear.short_address)
        gear.version = version = await self.inquire(_as_inquiry(gear_data.version(address)))
        gear.device_types = await self.inquire(gear_data.read_device_types(address, version))
        first = memory_banks.BANK_0 if version >= gear_data.EDITION_2 else memory_banks.BANK_0_EDITION_1
        for bank in (first, memory_banks.BANK_1):
            await self._read_bank(bank)

    async def _read_bank(self, bank: Bank) -> None:
        reading = await self.inquire(bank_inquiries.read_values(addresses.short(self.gear.short_address), bank))
        if reading.state != bank_access.PRESENT:
            return
        self.gear.banks[bank.name] = {value.name: _text(value) for value in reading.values}
        if bank is memory_banks.BANK_1:
            self._nominal_w = reading.value("nominal power").amount

    async def _read_limits_set_fade(self, safe_level: int, fade_code: int | None, *, write: bool) -> None:
        gear, address = self.gear, addresses.short(self.gear.short_address)
        limits = await self.inquire(_as_inquiry(gear_data.read_limits(address)))
        gear.settings.update(zip(LIMITS, limits, strict=True))
        if limits[-1] < safe_level:
            self.finding("lightLimited", gear.subject, found=limits[-1], wanted=safe_level)
        fades = await self.inquire(gear_data.read_fades(address, gear.version or gear_data.EDITION_2))
        gear.settings.update(zip(FADES, fades, strict=True))
        if fade_code is None:
            return
        found = fades[0]
        if found != fade_code and write:
            try:
                await self.inquire(_as_inquiry(gear_data.write_parameter(address, "fade time", fade_code)))
                found = fade_code
            except WriteNotTaken as failure:
                found = failure.found if failure.found is not None else found
        self._compare_setting("fade time", found, fade_code)

    def _compare_setting(self, name: str, found: int, wanted: int) -> None:
        self.gear.settings[name.replace(" ", "_")] = found
        if found != wanted:
            self.finding("settingDiffers", self.gear.subject, setting=name, found=found, wanted=wanted)

    async def _set_or_read_groups(self, *, write: bool) -> None:
        gear, address = self.gear, addresses.short(self.gear.short_address)
        if self.groups is not None and write:
            await self.inquire(gear_data.write_groups(address, self.groups))
            gear.groups = tuple(sorted(set(self.groups)))
        else:
            gear.groups = await self.inquire(_as_inquiry(gear_data.read_groups(address)))

    async def _read_supply(self) -> None:
        gear = self.gear
        if gear.device_types is not None:
            address = addresses.short(gear.short_address)
            gear.supply = await self.inquire(supply.read_supply(address, gear.subject, gear.device_types))

    def _add_trouble(self, failure: ConversationFailed) -> None:
        gear = self.gear
        if isinstance(failure, SeveralAnswered):
            self.finding("addressShared", gear.subject, address=gear.short_address)
        else:
            self.finding("gearTrouble", gear.subject, address=gear.short_address, text=str(failure))


def _as_inquiry(conversation: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
    """Returns one conversation as an inquiry."""
    result: T = yield conversation
    return result


def _text(value: Value) -> str | None:
    if not value.is_known:
        return None
    if value.decimal is None:
        return str(value.content)
    return f"{value.decimal} {value.unit}".strip()
