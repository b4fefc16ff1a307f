"""Commissions one bus: sets fail-safe levels first, surveys the gear, gives addresses, then reads and sets each gear.

Every step may fail at any frame and be run again. Settings that are right already are not written again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agent.buses.open_bus import OpenBus
from agent.commissioning.findings import BusRecord, Finding, FoundGear
from agent.commissioning.gear_reading import GearWork
from agent.config.board import Luminaire
from agent.interfaces import Clock
from drivers.dali.bus import CONFIGURATION
from drivers.dali.inquiry import run_inquiry
from drivers.errors import DriverError
from protocols.dali import addresses, sequences
from protocols.dali.commissioning import ALL, WITHOUT_ADDRESS, Found, commission, only
from protocols.dali.commissioning_errors import CommissioningFailed
from protocols.dali.short_addresses import AddressPlan
from protocols.dali.supply import GEAR_CURRENT_MA, check_supplies
from protocols.dali.survey import Survey, shared, survey

T = TypeVar("T")
Tell = Callable[[str, float], None]
"""Hears the stage of the work ("fail-safe", "survey", "addresses", "gear") and the share of it (0-1) that is done."""


@dataclass(frozen=True)
class Wishes:
    """The settings that the gear shall have. `safe_level` (1-254) is its POWER ON LEVEL and SYSTEM FAILURE LEVEL.
    `fade_code` (0-15) and `groups` (by luminaire) may be None: the gear then keeps its own. `replaced` is the luminaire
    that has new gear."""

    safe_level: int
    dry_run: bool = False
    fade_code: int | None = None
    groups: Mapping[str, Sequence[int]] | None = None
    replaced: str | None = None


@dataclass
class BusWork:
    """The work on one bus, and its record. `run` does all of it."""

    bus: OpenBus
    luminaires: Sequence[Luminaire]
    wishes: Wishes
    clock: Clock
    tell: Tell
    record: BusRecord = field(init=False)

    def __post_init__(self) -> None:
        config = self.bus.config
        self.record = BusRecord(
            config.name, config.interface, config.port, config.channel, self.wishes.dry_run, self.clock.wall()
        )
        self._by_address = {lamp.short_address: lamp for lamp in self.luminaires}

    async def run(self) -> BusRecord:
        """Does the whole work and returns its record. If the bus or its interface is lost on the way, that is a
        finding, and the rest is left for the next run."""
        began = self.clock.monotonic()
        try:
            await self.bus.wait_usable()
            await self._work()
        except DriverError as error:
            self._add_finding("busLost", self.record.bus, text=str(error))
        finally:  # even if the work was stopped: the record of its part is shown
            self.record.took_s = self.clock.monotonic() - began
        return self.record

    async def _work(self) -> None:
        if not self.wishes.dry_run:
            await self._count_frames("fail-safe", self._write_fail_safe_levels())
        there = await self._count_frames("survey", self._inquire(survey(lambda share: self.tell("survey", share))))
        for number in there.nonsense:
            self._add_finding("nonsenseAnswered", self._name(number), address=number)
        if self.wishes.dry_run:
            found: dict[int, Found] = {}
            self._report_unaddressed(there)
        else:
            found = await self._count_frames("addresses", self._give_addresses(there))
        present = sorted(set(there.present) | found.keys())
        for done, number in enumerate(present):
            self.tell("gear", done / len(present))
            await self._count_frames("gear", self._work_on_gear(number, found.get(number)))
        self._compare(there, found)
        self._check_supplies()

    async def _write_fail_safe_levels(self) -> None:
        """Writes the fail-safe levels of all gear. This comes before any other step: if a later one fails, lamps
        burn."""
        self.tell("fail-safe", 0.0)
        for name in ("SET POWER ON LEVEL", "SET SYSTEM FAILURE LEVEL"):
            conversation = sequences.set_parameter(addresses.BROADCAST, name, self.wishes.safe_level)
            await self.bus.dali.run(conversation, CONFIGURATION)
        self._add_finding("failSafeWritten", self.record.bus, level=self.wishes.safe_level)

    def _report_unaddressed(self, there: Survey) -> None:
        for number in there.several:
            self._add_finding("addressShared", self._name(number), address=number)
        if there.any_without:
            self._add_finding("unaddressed", self.record.bus)

    async def _give_addresses(self, there: Survey) -> dict[int, Found]:
        """Tells gear that shares an address apart, and gives addresses to gear that has none. Returns the gear that it
        found, by address."""
        plan = AddressPlan(self._wanted_addresses(), there.present, taken_is_complete=bool(there.present))
        found: dict[int, Found] = {}
        if not there.present:
            await self._commission(plan, ALL, found)
            return found
        by_several = await self._inquire(shared(there.present))
        for number in sorted({*by_several, *there.several}):
            await self._commission(plan, only(number), found)
        if there.any_without:
            await self._commission(plan, WITHOUT_ADDRESS, found)
        return found

    def _wanted_addresses(self) -> list[int]:
        """Returns the board's addresses, with that of the replaced luminaire first."""
        first = [lamp.short_address for lamp in self.luminaires if lamp.name == self.wishes.replaced]
        return first + [lamp.short_address for lamp in self.luminaires if lamp.short_address not in first]

    async def _commission(self, plan: AddressPlan, whom: int, found: dict[int, Found]) -> None:
        def heard(share: float, news: Found | CommissioningFailed) -> None:
            self.tell("addresses", share)
            if isinstance(news, CommissioningFailed):
                self._add_trouble(news)
            elif news.short_address is not None:
                found[news.short_address] = news
                if news.before != news.short_address:
                    subject = self._name(news.short_address)
                    random_address = f"{news.random_address:06X}"
                    self._add_finding(
                        "addressGiven", subject, address=news.short_address, random_address=random_address
                    )

        try:
            await self._inquire(commission(plan, whom, heard))
        except CommissioningFailed as failure:
            self._add_trouble(failure)

    def _add_trouble(self, failure: CommissioningFailed) -> None:
        name = type(failure).__name__
        random_address = "" if failure.random_address is None else f"{failure.random_address:06X}"
        subject = self.record.bus if failure.short_address is None else self._name(failure.short_address)
        self._add_finding(
            name[0].lower() + name[1:],
            subject,
            random_address=random_address,
            address=failure.short_address,
            text=str(failure),
        )

    async def _work_on_gear(self, number: int, found: Found | None) -> None:
        lamp = self._by_address.get(number)
        gear = FoundGear(number, lamp.name if lamp else None)
        if found is not None:
            gear.had_address, gear.is_new = found.before, found.before != number
        else:
            gear.had_address = number
        self.record.gear.append(gear)
        groups = self.wishes.groups
        work = GearWork(
            gear,
            self._inquire,
            self._add_finding,
            None if self.wishes.dry_run or groups is None or lamp is None else groups.get(lamp.name, ()),
        )
        await work.read_and_write(self.wishes.safe_level, self.wishes.fade_code, write=not self.wishes.dry_run)
        if lamp is not None:
            work.compare_power(lamp.power_w)

    def _compare(self, there: Survey, found: Mapping[int, Found]) -> None:
        present = {gear.short_address for gear in self.record.gear}
        missing = [lamp for lamp in self.luminaires if lamp.short_address not in present]
        for lamp in missing:
            self._add_finding("gearMissing", lamp.name, address=lamp.short_address)
        for number in sorted(present - self._by_address.keys()):
            self._add_finding("gearUnknown", str(number), address=number)
        new = [number for number in found if found[number].before != number]
        names = ", ".join(self._name(number) for number in sorted(new))
        if new and there.present and missing and self.wishes.replaced is None:
            self._add_finding(
                "whichReplaced", self.record.bus, new=names, missing=", ".join(lamp.name for lamp in missing)
            )
        elif len(new) > 1:
            self._add_finding("whichLamp", self.record.bus, new=names)

    def _check_supplies(self) -> None:
        """Adds up the currents of the supplies in D4i gear. A sum above the limit of a bus, or below the current that
        the gear draws, is a finding."""
        supplies = [gear.supply for gear in self.record.gear if gear.supply is not None and gear.supply.present]
        for finding in check_supplies(supplies, GEAR_CURRENT_MA * len(self.record.gear)):
            self._add_finding(finding.name, self.record.bus, lamps=", ".join(finding.subjects), text=finding.text)

    def _name(self, number: int) -> str:
        lamp = self._by_address.get(number)
        return lamp.name if lamp else str(number)

    def _add_finding(self, name: str, subject: str, **facts: object) -> None:
        finding = Finding(name, subject, facts)
        if finding not in self.record.findings:
            self.record.findings.append(finding)

    async def _inquire(self, inquiry: Generator[Any, Any, T]) -> T:
        return await run_inquiry(self.bus.dali, self.clock, inquiry, CONFIGURATION)

    async def _count_frames(self, stage: str, work: Any) -> Any:
        before = self.bus.dali.frames_sent
        try:
            return await work
        finally:
            frames = self.record.frames
            frames[stage] = frames.get(stage, 0) + self.bus.dali.frames_sent - before
