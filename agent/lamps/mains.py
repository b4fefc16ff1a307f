"""Which gear has lost its mains: found out after the lamps have their levels, by what gear forgets with its mains.

Any level command makes gear forget POWER CYCLE SEEN, and no level waits for a question. But gear also forgets its DTRs:
they are 0 when its mains are back (IEC 62386-102, the table of variables). So a mark is left in DTR2, by broadcast; the
gear that does not have it any more has been without mains. Gear that keeps its DTRs would only not be found this way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.interfaces import Clock
from agent.lamps.luminaire import LuminaireState
from drivers.dali import bus as priorities
from drivers.dali.bus import DaliBus
from protocols.dali import addresses, sequences

MARK = 0xA5
CUTS_IN_A_ROW = 2
"""More of them, one in each cycle, are the word of gear that the board does not know: no level ends it."""
UNKNOWN_GEAR_IGNORED_S = 300.0
"""Gear that the board does not know says for ever that it lost its mains: the lamps are told again this often."""


class Mains:
    """The account of one bus. `known_marked` are the luminaires that the process before had marked."""

    def __init__(
        self, bus_name: str, bus: DaliBus, luminaires: Sequence[LuminaireState], clock: Clock, known_marked: object
    ) -> None:
        self._bus_name = bus_name
        self._bus = bus
        self._luminaires = luminaires
        self._clock = clock
        self._yes_in_a_row = 0
        self._unknown_gear_ignored_until = float("-inf")
        self._no_at = self._mark_due_at = float("-inf")
        for luminaire in luminaires:
            luminaire.mark.is_left = luminaire.mark.mains_unsure = (
                isinstance(known_marked, list) and luminaire.name in known_marked
            )

    def state(self) -> Mapping[str, object]:
        """What a new process needs to go on, by name."""
        return {state_name(self._bus_name): [each.name for each in self._luminaires if each.mark.is_left]}

    async def lost_by_any(self) -> bool:
        """One broadcast asks all gear whether it has lost its mains since its last level. Raises DriverError."""
        now = self._clock.monotonic()
        if now < self._unknown_gear_ignored_until:
            self._no_at = now
            return False
        # It bears on light, so it does not wait for the telemetry share.
        question = sequences.query(addresses.BROADCAST, "QUERY POWER FAILURE")
        reply = await self._bus.run(question, priorities.CONFIGURATION)
        if not reply.is_yes:
            self._yes_in_a_row, self._no_at = 0, now
            return False
        self._yes_in_a_row += 1
        if self._yes_in_a_row > CUTS_IN_A_ROW:
            self._yes_in_a_row = 0
            self._unknown_gear_ignored_until, self._no_at = now + UNKNOWN_GEAR_IGNORED_S, now
            return False
        return True

    def ask_for_marks(self) -> None:
        """Any gear may have lost its mains, or have them back: each is asked for its status soon, and for its mark."""
        for luminaire in self._luminaires:
            luminaire.mark.mains_unsure = True

    def forget_marks(self) -> None:
        """Another master has changed DTR2."""
        for luminaire in self._luminaires:
            luminaire.mark.is_left = False

    async def mark(self) -> None:
        """Leaves the mark where it is missing. Raises DriverError.

        That is a broadcast, after which nothing tells of a cut any more: whichever gear may have been without its mains
        is asked before, and where one was, the next question to all is waited for: it was hardly alone.
        """
        answering = [each for each in self._luminaires if each.condition.answers]
        if all(each.mark.is_left for each in answering):
            self._mark_due_at = float("-inf")
            return
        marked = [each for each in self._luminaires if each.mark.is_left]
        begins = bool(marked) and self._mark_due_at == float("-inf")
        if begins:
            self._mark_due_at = self._clock.monotonic()
        for luminaire in marked:
            luminaire.mark.mains_unsure |= begins or (luminaire.condition.answers and luminaire.mark.level_told_since)
        if any(each.mark.mains_unsure for each in self._luminaires):
            return
        if self._no_at < self._mark_due_at:
            return
        await self._bus.run(sequences.load_dtr(2, MARK), priorities.CONFIGURATION)
        self._mark_due_at = float("-inf")
        for luminaire in answering:
            luminaire.mark.is_left, luminaire.mark.level_told_since = True, False


def state_name(bus_name: str) -> str:
    """Under which name the journal keeps the marks of a bus."""
    return f"marked:{bus_name}"
