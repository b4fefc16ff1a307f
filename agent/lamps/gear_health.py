"""Asks each gear how it is, and concludes whether it answers and whether its lamp can burn."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Protocol, TypeVar

from agent.interfaces import Clock
from agent.lamps.luminaire import SILENT_AFTER, LuminaireState, StatusBit
from agent.records.alarms import EventLog
from drivers.dali import bus as priorities
from drivers.dali.bus import DaliBus
from protocols.dali import sequences
from protocols.dali.frames import Reply, Transmission
from protocols.errors import ConversationFailed

T = TypeVar("T")

AFTER_POWER_ON = 0
"""Each DTR holds this once the gear's mains are back: see agent/lamps/mains.py."""
COLLISIONS_TO_REPORT = 2
"""Collisions in a row: a single one may be a disturbed answer."""


class LuminaireObserver(Protocol):
    """Hears which levels the lamps were told, and whether they can burn; metering is such an observer. `since` is in
    monotonic seconds, because the wall clock may be set meanwhile."""

    def level(self, name: str, level: int, fade_s: float) -> None: ...

    def available(self, name: str, since: float | None, *, available: bool, without_mains: bool) -> None: ...

    def outage(self, name: str, since: float | None) -> None: ...


class GearHealth:
    """Asks the gear of one bus, and keeps the account of its answers in each LuminaireState.

    `observer` hears when a luminaire's availability changes. `needs_level` is called when a luminaire must be told its
    level again. `check_level` is awaited with the actual level of a luminaire that has had the time to reach its
    target.
    """

    def __init__(self, name: str, bus: DaliBus, clock: Clock, events: EventLog) -> None:
        self.name = name
        self.observer: LuminaireObserver | None = None
        self.needs_level: Callable[[], object] = lambda: None
        self.check_level: Callable[[LuminaireState, int], Awaitable[None]] = _not_checked
        self._bus = bus
        self._clock = clock
        self._events = events

    async def wait_usable(self) -> None:
        """Returns once frames can go out on the bus."""
        await self._bus.wait_usable()

    async def poll_status(self, luminaire: LuminaireState) -> None:
        """Asks one gear for its status byte and draws the conclusions. Raises DriverError."""
        luminaire.condition.status_asked_at = self._clock.monotonic()
        could_burn, was_well_at = luminaire.condition.can_burn, luminaire.condition.last_well_at
        reply = await self.ask(luminaire, "QUERY STATUS")
        certain = reply.kind == Reply.VALUE
        if certain and ((luminaire.condition.status or 0) ^ reply.value) & StatusBit.WORTH_ASKING_TWICE:
            # A bit that flipped on the serial line must neither raise an alarm nor end one. If a level came between the
            # two questions, gear has forgotten POWER CYCLE SEEN; then the mark below tells.
            certain = await self.ask(luminaire, "QUERY STATUS") == reply
        if certain:
            self._note_status(luminaire, reply.value)
        # A level makes gear forget POWER CYCLE SEEN. The mark tells of a cut before that level.
        asked = luminaire.mark.mains_unsure or luminaire.mark.level_told_since
        if asked and luminaire.mark.is_left and luminaire.condition.answers:
            luminaire.mark.level_told_since = False
            mark = await self._bus.run(sequences.query(luminaire.address, "QUERY CONTENT DTR2"), priorities.TELEMETRY)
            if mark.kind == Reply.VALUE and mark.value == AFTER_POWER_ON and luminaire.mark.is_left:
                self._note_lost_mains(luminaire, could_burn, was_well_at)
        luminaire.mark.mains_unsure = False

    async def read_level(self, luminaire: LuminaireState) -> int | None:
        """Returns the actual level (0-254) of the gear; None if it is not known. Has a lamp that is not at its target
        level told again. Raises DriverError."""
        reply = await self.ask(luminaire, "QUERY ACTUAL LEVEL")
        if reply.kind != Reply.VALUE:
            return None
        actual_level: int = reply.value
        if luminaire.told.target_level is not None and luminaire.told.verify_at is None:
            with contextlib.suppress(ConversationFailed):  # even then the lamp is told again, and its level is known
                await self.check_level(luminaire, actual_level)
        return actual_level

    async def converse(
        self, luminaire: LuminaireState, conversation: Generator[Transmission, Reply, T]
    ) -> T | ConversationFailed:
        """Runs a telemetry conversation with one gear. Returns its result, or its failure. Raises DriverError."""
        try:
            result = await self._bus.run(conversation, priorities.TELEMETRY)
        except ConversationFailed as failure:
            return failure
        self._note_answer(luminaire)
        return result

    async def converse_with_several(
        self, luminaires: Sequence[LuminaireState], conversation: Generator[Transmission, Reply, list[T | None]]
    ) -> list[T | None]:
        """Runs a telemetry conversation with several gear. Returns a result for each, in order: None for gear of which
        nothing is known, and for all of them if the conversation fails. Raises DriverError."""
        try:
            results = await self._bus.run(conversation, priorities.TELEMETRY)
        except ConversationFailed:
            return [None] * len(luminaires)
        for luminaire, result in zip(luminaires, results, strict=True):
            if result is not None:
                self._note_answer(luminaire)
        return results

    async def ask(self, luminaire: LuminaireState, name: str) -> Reply:
        """Asks one gear the query of this name, and notes whether it answers. Gear that is silent is asked again, up to
        SILENT_AFTER times in all, for queries change nothing. Raises DriverError."""
        reply = await self._bus.run(sequences.query(luminaire.address, name), priorities.TELEMETRY)
        tries = 1
        known_gone = self._events.holds("controlGearCommFailure", luminaire.name)
        while reply.kind == Reply.NO_ANSWER and not known_gone and tries < SILENT_AFTER:
            tries += 1
            reply = await self._bus.run(sequences.query(luminaire.address, name), priorities.TELEMETRY)
        if reply.kind == Reply.NO_ANSWER and not known_gone:
            # Gear that does not know this query may still be there.
            present = sequences.query(luminaire.address, "QUERY CONTROL GEAR PRESENT")
            if (await self._bus.run(present, priorities.TELEMETRY)).is_yes:
                return reply
        if reply.kind == Reply.VALUE:
            self._note_answer(luminaire)
            luminaire.condition.collisions = 0
            self._events.end("addressConflict", luminaire.name, f"one gear answers as {luminaire.name} again")
        elif reply.kind == Reply.COLLISION:
            luminaire.condition.collisions += 1
            if luminaire.condition.collisions >= COLLISIONS_TO_REPORT:
                where = f"short address {luminaire.short_address} on {self.name}"
                self._events.begin("addressConflict", luminaire.name, f"several gear answer to {where}: commission it")
        else:
            self._note_gone(luminaire)
        return reply

    def _note_answer(self, luminaire: LuminaireState) -> None:
        condition = luminaire.condition
        condition.last_answer_at = self._clock.monotonic()
        if not condition.answers:
            condition.answers = luminaire.mark.mains_unsure = True
            self._events.end("controlGearCommFailure", luminaire.name, f"{luminaire.name} answers again")
            luminaire.forget()
            self._tell_availability(luminaire, condition.last_answer_at)
            self.needs_level()

    def _note_gone(self, luminaire: LuminaireState) -> None:
        condition = luminaire.condition
        where = f"{luminaire.name} (short address {luminaire.short_address} on {self.name})"
        # This also holds if its mains was gone: gear is only asked when its bus has voltage again.
        self._events.begin("controlGearCommFailure", luminaire.name, f"{where} does not answer: check it")
        self._events.cannot_tell((luminaire.name,))
        if condition.answers:
            condition.answers = False
            self._tell_availability(luminaire, condition.last_answer_at)

    def _note_status(self, luminaire: LuminaireState, status: int) -> None:
        condition = luminaire.condition
        could_burn, previous, was_well_at = condition.can_burn, condition.status, condition.last_well_at
        condition.status = status
        condition.lamp_failed = bool(status & StatusBit.LAMP_FAILURE)
        for bit, event, what in (
            (StatusBit.LAMP_FAILURE, "lampFailure", "a lamp failure: replace its light source"),
            (StatusBit.GEAR_FAILURE, "controlGearFailure", "a control gear failure: replace its driver"),
        ):
            if status & bit:
                self._events.begin(event, luminaire.name, f"{luminaire.name} reports {what}")
            else:
                self._events.end(event, luminaire.name, f"{luminaire.name} no longer reports {what}")
        if condition.can_burn:
            condition.last_well_at = self._clock.monotonic()
        if previous is None or could_burn != condition.can_burn:
            self._tell_availability(luminaire, condition.last_answer_at if condition.can_burn else was_well_at)
        lit = bool(status & StatusBit.LAMP_ON)
        told = luminaire.told
        if told.target_level is not None and told.verify_at is None and lit != (told.target_level > 0):
            told.verify_at = self._clock.monotonic()  # it may have changed by itself, so its level is asked for
        # Gear reports a loss until it is told a level, so a loss that was known before is not a new one.
        known = luminaire.told.target_level is None and bool((previous or 0) & StatusBit.POWER_CYCLE_SEEN)
        if status & StatusBit.POWER_CYCLE_SEEN and not known:
            self._note_lost_mains(luminaire, could_burn, was_well_at)

    def _note_lost_mains(self, luminaire: LuminaireState, could_burn: bool, was_well_at: float | None) -> None:
        self._events.note("supplyLoss", luminaire.name, f"{luminaire.name} has lost its mains and is back")
        self._clock.mains_was_lost()
        luminaire.mark.is_left = False
        luminaire.forget()
        if could_burn and self.observer:
            self.observer.outage(luminaire.name, was_well_at)
        self.needs_level()

    def without_mains(self, luminaire: LuminaireState) -> None:
        """Notes that the luminaire has no mains, so it cannot burn until it answers again."""
        if luminaire.condition.answers:
            luminaire.condition.answers = False
            self._tell_availability(luminaire, luminaire.condition.last_answer_at, without_mains=True)

    def _tell_availability(
        self, luminaire: LuminaireState, since: float | None, *, without_mains: bool = False
    ) -> None:
        if self.observer:
            self.observer.available(
                luminaire.name, since, available=luminaire.condition.can_burn, without_mains=without_mains
            )


async def _not_checked(_luminaire: LuminaireState, _actual_level: int) -> None:
    """Checks nothing: the `check_level` of a GearHealth until a verification takes its place."""
