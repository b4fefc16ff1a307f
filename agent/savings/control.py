"""Records the energy that control itself uses, quarter by quarter: the declared power of the gateway and bus supplies.

They draw it 24 hours a day. IPMVP counts it within the measurement boundary: it is used only for the sake of the
saving, so it is taken off the saving.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.savings.intervals import QUARTER_S, VoidIntervals, quarter_start
from agent.savings.on_record import DRIFT_S, REVOCABLE_S
from agent.savings.register import LONGEST_OUTAGE_S


@dataclass(frozen=True)
class ControlInterval:
    """The body of a journal record of kind "control". `start` is in Unix seconds, a multiple of 900."""

    start: int
    duration_s: int
    control_wh: float


class ControlLedger:
    """Closes each quarter that has ended, once, with the energy of `power_w` (gateway plus bus supplies).

    A quarter without the agent counts as well: a gateway that is down may still draw its power, and the figure errs to
    the disadvantage of the saving. `open_start` is the first quarter that the previous process did not record, or None
    if there is no record. `began` is the time at which this process began. Times are Unix seconds.
    """

    def __init__(self, power_w: float, open_start: int | None, began: float) -> None:
        self._wh = round(power_w * QUARTER_S / 3600, 4)
        self._own_from = began
        # The record before this quarter is never revoked. None: there is no record.
        self._final = open_start
        self._begun: int | None = None
        self._inherits = open_start is not None
        self._void: list[VoidIntervals] = []
        self.open_start = open_start

    def close(self, upto: float, most: int) -> list[ControlInterval]:
        """Returns the quarters that have ended by `upto`, the oldest first and at most `most` of them. The caller must
        store `voids` first."""
        start = self._join(upto)
        ends = range(start, min(quarter_start(upto), start + most * QUARTER_S), QUARTER_S)
        closed = [ControlInterval(start, QUARTER_S, self._wh) for start in ends]
        self.open_start = start + len(closed) * QUARTER_S
        revocable = self.open_start - int(REVOCABLE_S)
        if revocable > max(self._own_from, self._final or 0):
            self._own_from, self._final, self._inherits = revocable, revocable, False
        return closed

    def voids(self) -> list[VoidIntervals]:
        """Returns the spans whose records a wrong clock made, and which no longer count. Each is returned once."""
        voids, self._void = self._void, []
        return voids

    def clock_moved(self, seconds: float, now: float) -> None:
        """Takes note that the clock was set: this process began `seconds` later than it seemed (earlier, if negative).

        `now` is the corrected time. Quarters of up to a day that were closed by the wrong clock become void and open
        again.
        """
        self._own_from += seconds
        if self._begun is not None:
            self._reopen(now)

    def _join(self, now: float) -> int:
        if self._begun is None:
            self._begun = quarter_start(self._own_from)
            self._reopen(now)
        return self.open_start if self.open_start is not None else self._begun

    def _reopen(self, now: float) -> None:
        began = quarter_start(self._own_from)
        if self._final is None:  # only this process has made a record
            opens, void_from = began, self._begun or began
            self._begun = min(began, void_from)
        elif self._final > now + DRIFT_S:  # the record was made by a clock that was ahead
            opens = void_from = began
            self._final = began
        else:
            opens, void_from = self._final, self._final
            if not self._inherits:
                opens = max(opens, began)
            opens = max(opens, quarter_start(now - LONGEST_OUTAGE_S))
        if self.open_start is not None and void_from < self.open_start:
            self._void.append(VoidIntervals("control", None, void_from, self.open_start))
        self.open_start = opens
