"""Closes the quarters of an hour that are complete: the intervals of each luminaire, and those of control itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from agent.energy.record_time import RecordTime
from agent.records.recorder import Recorder
from agent.savings.control import ControlLedger
from agent.savings.intervals import VoidIntervals
from agent.savings.ledger import LuminaireLedger

CLOSED_AT_ONCE = 48
"""Quarters of one luminaire that are closed in one go. Then the event loop turns, because the lamps come first."""
WRITTEN_AT_ONCE = 500
"""Quarters that wait in memory for one commit; so many are due only after a long time without power."""


class Closing:
    """Puts the intervals of all luminaires' `ledgers`, and of `control`, on record."""

    def __init__(
        self, ledgers: Iterable[LuminaireLedger], control: ControlLedger, recorder: Recorder, time: RecordTime
    ) -> None:
        self._ledgers = list(ledgers)
        self._control = control
        self._recorder = recorder
        self._time = time

    def append_voids(self) -> bool:
        """Appends the voids, which revoke intervals, to the record before the intervals that replace those. Returns
        whether there was any void."""
        voids: list[VoidIntervals] = self._control.voids()
        for ledger in self._ledgers:
            voids += ledger.voids()
        for void in voids:
            self._recorder.append("void", void)
        return bool(voids)

    async def close(self, ledgers: Sequence[LuminaireLedger]) -> None:
        """Closes the quarters that have ended, of these ledgers and of control, piece by piece. Each piece is committed
        with its state before the next is closed, so that the journal never gives up a quarter without having tried to
        write it."""
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
