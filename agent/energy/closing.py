"""Closes the quarters of an hour that are complete: the intervals of each luminaire, and what control itself used."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from agent.energy.record_time import RecordTime
from agent.records.recorder import Recorder
from agent.savings.control import ControlLedger
from agent.savings.intervals import VoidIntervals
from agent.savings.ledger import LuminaireLedger

CLOSED_AT_ONCE = 48
"""Quarters of one luminaire that are closed in one go: the lamps go first."""
WRITTEN_AT_ONCE = 500
"""Quarters that wait in memory for a commit, after a long time without power."""


class Closing:
    """The record of all luminaires' `ledgers`, and of `control`."""

    def __init__(
        self, ledgers: Iterable[LuminaireLedger], control: ControlLedger, recorder: Recorder, time: RecordTime
    ) -> None:
        self._ledgers = list(ledgers)
        self._control = control
        self._recorder = recorder
        self._time = time

    def append_voids(self) -> bool:
        """Appends what counts no longer to the record, before what replaces it; returns whether there was any."""
        voids: list[VoidIntervals] = self._control.voids()
        for ledger in self._ledgers:
            voids += ledger.voids()
        for void in voids:
            self._recorder.append("void", void)
        return bool(voids)

    async def close(self, ledgers: Sequence[LuminaireLedger]) -> None:
        """Closes what has ended of these ledgers and of control, piece by piece. Each piece is committed with the state
        that belongs to it before more are closed, so that the journal gives up none that it never tried to write."""
        waiting = 0
        for ledger in ledgers:
            while self._time.is_certain:
                self.append_voids()
                piece = ledger.close(self._time.now(), CLOSED_AT_ONCE)
                for interval in piece:
                    self._recorder.append("interval", interval)
                await asyncio.sleep(0)
                waiting += len(piece)
                if waiting >= WRITTEN_AT_ONCE:
                    waiting = 0
                    if not await self._recorder.commit():
                        return
                if len(piece) < CLOSED_AT_ONCE:
                    break
        while self._time.is_certain:
            used = self._control.close(self._time.now(), WRITTEN_AT_ONCE)
            self.append_voids()
            for one in used:
                self._recorder.append("control", one)
            if len(used) < WRITTEN_AT_ONCE or not await self._recorder.commit():
                return
