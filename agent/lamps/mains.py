"""Finds out which gear has lost its mains, after the lamps have their levels, by what gear forgets without mains.

Any level command makes gear forget POWER CYCLE SEEN, and no level waits for a question. But gear also forgets its DTRs:
they are 0 when its mains are back (IEC 62386-102, the table of variables). So the agent leaves a mark in DTR2, by
broadcast; gear that has lost the mark has been without mains. Gear that keeps its DTRs is merely not found this way.
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
"""If more cycles in a row tell of a cut, gear that the board does not know says so: no level makes it forget."""
UNKNOWN_GEAR_IGNORED_S = 300.0
"""The answer of gear that the board does not know is ignored for this long, because it never ends: so the lamps are
told again no more often than this."""


class Mains:
    """The marks of one bus. `known_marked` are the names of the luminaires that the process before had marked."""

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
        """Returns the state that the next process needs to go on, by its name in the journal."""
        return {state_name(self._bus_name): [each.name for each in self._luminaires if each.mark.is_left]}

    async def lost_by_any(self) -> bool:
        """Asks all gear by one broadcast whether it has lost its mains since its last level. Raises DriverError."""
        now = self._clock.monotonic()
        if now < self._unknown_gear_ignored_until:
            self._no_at = now
            return False
        # The answer bears on light, so the question does not wait for the telemetry share.
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
        """Has each gear asked soon for its status and its mark, because any may have lost its mains or have them
        back."""
        for luminaire in self._luminaires:
            luminaire.mark.mains_unsure = True

    def forget_marks(self) -> None:
        """Forgets that gear holds the mark: call it when another master has changed DTR2."""
        for luminaire in self._luminaires:
            luminaire.mark.is_left = False

    async def mark(self) -> None:
        """Leaves the mark in gear that does not have it. Raises DriverError.

        The mark is a broadcast, and after it nothing tells of an earlier cut. So gear that may have been without its
        mains is asked first. If some gear was, the mark waits for the next question to all gear, for that gear was
        hardly the only one.
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
    """Returns the name under which the journal keeps the marks of a bus."""
    return f"marked:{bus_name}"
