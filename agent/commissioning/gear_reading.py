"""What one gear is and keeps: its nameplates in banks 0 and 1, its types, its levels, fade and groups, read and set."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from agent.commissioning.findings import FoundGear
from protocols.dali import addresses, bank_access, bank_inquiries, gear_data, memory_banks, supply
from protocols.dali.bank_values import Value
from protocols.dali.gear_errors import WriteNotTaken
from protocols.dali.memory_banks import Bank
from protocols.errors import ConversationFailed, SeveralAnswered

T = TypeVar("T")
ENERGY_REPORTING = 51
"""The device type of part 252."""
EDITION_1 = (1, 0)
POWER_DIFFERS_BY = 0.15
"""Share by which nominal and declared power may differ: nameplates round, and drivers are set to less than full."""
SAFE_LEVELS = ("power on level", "system failure level")


class Tell(Protocol):
    def __call__(self, name: str, subject: str, **facts: object) -> None: ...


@dataclass
class GearWork:
    """The work on one gear. `inquire` runs an inquiry on its bus; `groups` None: left as they are."""

    gear: FoundGear
    inquire: Callable[[Generator[Any, Any, Any]], Awaitable[Any]]
    finding: Tell
    groups: Sequence[int] | None

    async def read_and_write(self, safe_level: int, fade_code: int | None, *, write: bool) -> None:
        """Reads all, and with `write` sets what differs; each that fails is a finding. Raises DriverError."""
        gear, address = self.gear, addresses.short(self.gear.short_address)
        try:
            gear.version = await self._conversation(gear_data.version(address))
            gear.device_types = await self._conversation(gear_data.device_types(address))
            first = memory_banks.BANK_0_EDITION_1 if gear.version == EDITION_1 else memory_banks.BANK_0
            for bank in (first, memory_banks.BANK_1):
                await self._bank(bank)
            settings = await self.inquire(gear_data.read_settings(address))
            gear.settings = {name: getattr(settings, name) for name in settings._fields}
            gear.groups = await self._conversation(gear_data.read_groups(address))
            gear.supply = await self.inquire(supply.read_supply(address, gear.subject))
        except ConversationFailed as failure:
            self._trouble(failure)
            return
        wanted = dict.fromkeys(SAFE_LEVELS, safe_level)
        if fade_code is not None:
            wanted["fade time"] = fade_code
        for name, value in wanted.items():
            await self._setting(name, value, write=write)
        if self.groups is not None and write:
            await self._write_groups(self.groups)
        if ENERGY_REPORTING not in gear.device_types:
            self.finding("noEnergyReport", gear.subject)

    def compare_power(self, declared_w: float) -> None:
        """Tells where the nominal power on the luminaire's nameplate is not the board's."""
        nominal = self._nominal_w
        if nominal is not None and abs(nominal - declared_w) > POWER_DIFFERS_BY * declared_w:
            self.finding("nominalPowerDiffers", self.gear.subject, nominal_w=nominal, declared_w=declared_w)

    _nominal_w: float | None = None

    async def _bank(self, bank: Bank) -> None:
        reading = await self.inquire(bank_inquiries.read_values(addresses.short(self.gear.short_address), bank))
        if reading.state != bank_access.PRESENT:
            return
        self.gear.banks[bank.name] = {value.name: _text(value) for value in reading.values}
        if bank is memory_banks.BANK_1:
            self._nominal_w = reading.value("nominal power").amount

    async def _setting(self, name: str, value: int, *, write: bool) -> None:
        key = name.replace(" ", "_")
        found = self.gear.settings[key]
        if found != value and write:
            try:
                address = addresses.short(self.gear.short_address)
                await self._conversation(gear_data.write_parameter(address, name, value))
                found = value
            except WriteNotTaken as failure:
                found = failure.found if failure.found is not None else found
            except ConversationFailed as failure:
                self._trouble(failure)
                return
            self.gear.settings[key] = found
        if found != value:
            self.finding("settingDiffers", self.gear.subject, setting=name, found=found, wanted=value)

    async def _write_groups(self, groups: Sequence[int]) -> None:
        try:
            await self.inquire(gear_data.write_groups(addresses.short(self.gear.short_address), groups))
            self.gear.groups = tuple(sorted(set(groups)))
        except ConversationFailed as failure:
            self._trouble(failure)

    async def _conversation(self, conversation: Generator[Any, Any, T]) -> T:
        def alone() -> Generator[Any, Any, T]:
            result: T = yield conversation
            return result

        result: T = await self.inquire(alone())
        return result

    def _trouble(self, failure: ConversationFailed) -> None:
        gear = self.gear
        if isinstance(failure, SeveralAnswered):
            self.finding("addressShared", gear.subject, address=gear.short_address)
        else:
            self.finding("gearTrouble", gear.subject, address=gear.short_address, text=str(failure))


def _text(value: Value) -> str | None:
    if not value.is_known:
        return None
    if value.decimal is None:
        return str(value.content)
    return f"{value.decimal} {value.unit}".strip()
