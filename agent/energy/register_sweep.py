"""Reads the energy registers of one bus in as few frames as are safe, and the whole register if there is a doubt.

Several gear share one load of the DTRs, and only the two bytes that can have changed are read of each. The whole
register is read the first time and once a day, after the gear was silent or out of sight, if its low bytes may have
wrapped, and if the lamp's levels do not explain the energy that it counted. An odd reading is confirmed before it
counts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from agent.energy.metered import Metered
from agent.energy.record_time import RecordTime
from agent.interfaces import Clock
from agent.records.alarms import EventLog
from drivers.errors import BusUnpowered, DriverError, PortUnavailable
from protocols.dali import energy_register
from protocols.dali.energy_register import EnergyRegister
from protocols.dali.gear_errors import BankMissing
from protocols.errors import ConversationFailed

log = logging.getLogger("lichtmast")

AT_ONCE = 3
"""This many gear share one load of the DTRs. That takes the bus for a third of a second, while other questions wait."""
TRIES = 2
"""Tries of a reading at each quarter."""
TRIED_AGAIN_AFTER_S = 10.0
"""By then a disturbance may be over, and the time is still near to the quarter's boundary."""
BUS_TRIED_AGAIN_AFTER_S = 1.0
MOST_BETWEEN = 16
"""A register counts on by at most this many steps between a reading and another right after it."""


class RegisterSweep:
    """Reads the registers of one bus. `take` is called with each register that was read and is believed."""

    def __init__(
        self,
        entries: Sequence[Metered],
        clock: Clock,
        time: RecordTime,
        events: EventLog,
        take: Callable[[Metered, EnergyRegister], None],
    ) -> None:
        self._entries = entries
        self._health = entries[0].health
        self._clock = clock
        self._time = time
        self._events = events
        self._take = take

    async def read_all(self, until: float) -> None:
        """Reads every luminaire as soon as the bus allows it, before `until` (Unix seconds), and once more those that
        failed. If more than half of them cannot be read, that is an event."""
        due, usable = list(self._entries), True
        for last_try in [False] * (TRIES - 1) + [True]:
            failed: list[Metered] = []
            while due:
                try:
                    await self._clock.wait_for(self._health.wait_usable(), until - self._time.now())
                except TimeoutError:
                    usable = False  # its interface has reported the cause
                    break
                due = await self._read_once(due, failed, last_try=last_try)
                if due:
                    await self._clock.sleep(BUS_TRIED_AGAIN_AFTER_S)
            due += failed
            if not due or self._time.now() + TRIED_AGAIN_AFTER_S >= until:
                break
            if not last_try:
                await self._clock.sleep(TRIED_AGAIN_AFTER_S)
        if usable:
            self._report_missed([entry for entry in due if entry.luminaire.condition.answers])

    def _report_missed(self, missed: Sequence[Metered]) -> None:
        bus, luminaires = self._health.name, len(self._entries)
        if 2 * len(missed) > luminaires:
            text = f"{len(missed)} of {luminaires} energy registers on {bus} were not read: find what disturbs the bus"
            self._events.begin("readingsMissed", bus, text)
        else:
            self._events.end("readingsMissed", bus, f"the energy registers on {bus} can be read again")

    async def _read_once(self, due: Sequence[Metered], failed: list[Metered], *, last_try: bool) -> list[Metered]:
        """Reads these luminaires once, and adds those that fail to `failed`. Returns those that are left unread because
        the bus is in trouble."""
        left = list(due)
        while left:
            some = left[:AT_ONCE]
            try:
                for entry in some:
                    await self._ask_first(entry)
                counted_on = await self._counted_on(some)
                for entry in some:
                    register = counted_on.get(entry.name)
                    if register is not None and self._is_expected(entry, register):
                        self._believe(entry, register, whole=False)
                        left.remove(entry)
                for entry in [each for each in some if each in left]:
                    if not await self._read(entry, counted_on.get(entry.name), last_try=last_try):
                        failed.append(entry)
                    left.remove(entry)
            except (PortUnavailable, BusUnpowered) as error:
                log.debug("readings of %s end: %s", self._health.name, error)
                break
        return left

    async def _ask_first(self, entry: Metered) -> None:
        """Asks a luminaire for its status and its level if they are not known. Raises PortUnavailable and
        BusUnpowered."""
        luminaire = entry.luminaire
        # If sensors drive the level it is not recorded, and each move is verified, so asking once an hour is enough.
        moved = entry.may_have_moved() and not luminaire.by_sensors
        status = (
            moved
            or luminaire.mark.mains_unsure
            or luminaire.condition.status is None
            or not luminaire.condition.answers
        )
        await self._ask(entry, status=status, level=moved or entry.until_level <= 0)

    async def _ask(self, entry: Metered, *, status: bool, level: bool) -> None:
        """Asks for the status and the level, as told. A question that fails does not keep the register from being read.
        Raises PortUnavailable and BusUnpowered."""
        luminaire = entry.luminaire
        try:
            if status:
                await self._health.poll_status(luminaire)
            if level and luminaire.condition.answers:
                entry.shows(await entry.health.read_level(luminaire))
        except (PortUnavailable, BusUnpowered):
            raise
        except (DriverError, ConversationFailed) as error:
            log.debug("what %s shows is not known: %s", entry.name, error)

    async def _counted_on(self, some: Sequence[Metered]) -> dict[str, EnergyRegister]:
        """Returns the registers that their low bytes are enough to tell, by luminaire. Raises PortUnavailable and
        BusUnpowered."""
        now = self._clock.monotonic()
        known = [(each, each.seen.register) for each in some if each.seen and each.low_bytes_tell(now)]
        known = [(each, register) for each, register in known if each.luminaire.condition.answers]
        if not known:
            return {}
        conversation = energy_register.read_on([(each.luminaire.address, register) for each, register in known])
        try:
            found = await self._health.converse_with_several([each.luminaire for each, _ in known], conversation)
        except (PortUnavailable, BusUnpowered):
            raise
        except DriverError as error:
            log.debug("registers on %s are read one by one: %s", self._health.name, error)
            return {}
        return {each.name: register for (each, _), register in zip(known, found, strict=True) if register is not None}

    async def _read(self, entry: Metered, doubtful: EnergyRegister | None, *, last_try: bool) -> bool:
        """Reads and takes the whole register. `doubtful` is a register from low bytes that the lamp's levels do not
        explain. Returns False if another try is worthwhile. Raises PortUnavailable and BusUnpowered."""
        if not entry.luminaire.condition.answers:
            return False
        try:
            # A register that is in doubt is latched anew, in case another master has left it latched.
            register = await self._read_whole(entry, latch=doubtful is not None, last_try=last_try)
            if register is None:
                entry.until_whole = 0
                return self._events.holds("noEnergyRegister", entry.name)
            if not self._is_expected(entry, register) and not _agree(doubtful, register):
                # A reading that was disturbed on the bus looks like this too. A register that really has this value
                # tells it twice.
                register = await self._read_whole(entry, latch=True, last_try=False) or register
            if doubtful is not None:
                await self._ask(entry, status=True, level=True)  # the lamp may have drifted, or failed
        except (PortUnavailable, BusUnpowered):
            raise
        except DriverError as error:
            log.debug("reading of %s: %s", entry.name, error)
            entry.until_whole = 0
            return False
        self._believe(entry, register, whole=True)
        return True

    def _is_expected(self, entry: Metered, register: EnergyRegister) -> bool:
        return entry.ledger.is_expected(self._time.now(), register.energy_wh, register.resolution_wh)

    def _believe(self, entry: Metered, register: EnergyRegister, *, whole: bool) -> None:
        entry.has_read(register, self._clock.monotonic(), whole=whole)
        self._take(entry, register)

    async def _read_whole(self, entry: Metered, *, latch: bool, last_try: bool) -> EnergyRegister | None:
        """Returns the whole register; None if it cannot be read. On the last try that is an event, if the gear has no
        such register. Raises DriverError."""
        luminaire, name = entry.luminaire, entry.name
        fine = entry.seen is not None and entry.seen.register.is_fine
        conversation = energy_register.read_whole(luminaire.address, latch=latch or fine)
        found = await self._health.converse(luminaire, conversation)
        if not isinstance(found, ConversationFailed):
            if found is not None:
                self._events.end("noEnergyRegister", name, f"{name} reports its energy")
            return found
        # The gear did not answer this question, so find out whether it is there at all.
        await self._health.poll_status(luminaire)
        if isinstance(found, BankMissing) and luminaire.condition.answers and last_try and not entry.has_register():
            text = f"{name} has no energy register that can be read ({found}): its figures are modelled"
            self._events.begin("noEnergyRegister", name, text)
        return None


def _agree(low: EnergyRegister | None, whole: EnergyRegister) -> bool:
    """Returns whether two readings, one right after the other, fit one register that counts on."""
    return low is not None and low.exponent == whole.exponent and 0 <= whole.count - low.count <= MOST_BETWEEN
