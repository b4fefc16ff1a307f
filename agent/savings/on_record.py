"""Knows which part of a luminaire's energy is on record, and continues the record after a clock was wrong.

A boundary on record is frozen until the clock turns out to have been wrong. The facts that this process was told about
the last day then move with the clock, and their records become void.
"""

from __future__ import annotations

from typing import NamedTuple

from agent.savings.energy_curve import Knot
from agent.savings.intervals import QUARTER_S, VoidIntervals, quarter_start
from agent.savings.lamp_energy import NEAR_READING_S, LampEnergy
from agent.savings.register import LONGEST_OUTAGE_S, Register
from agent.savings.standing import Base, thinned

# Seconds. Quarters that lie no further back can still be corrected after the clock was wrong.
REVOCABLE_S = 86_400.0
# Seconds. A clock that went back by no more than this since the previous process has drifted: its quarters stand.
DRIFT_S = 3600.0


class Junction(NamedTuple):
    """The place at which a record goes on: the knots that stay, the instant before which no knot may move, the start of
    the next open quarter, and the start of the first void one."""

    known: list[Knot]
    not_before: float
    opens: int
    void_from: int


class OnRecord:
    """The recorded part of one luminaire's energy.

    `open_start` is the start of the oldest quarter that is not closed yet, or None before the first call. `bases` are
    boundaries of the record. The record before the newest base is never revoked, unless a clock that was far ahead
    comes back: the record then goes on from an older base.
    """

    def __init__(self, energy: LampEnergy, register: Register) -> None:
        self._energy = energy
        self._register = register
        self.open_start: int | None = None
        self.bases: list[Base] = []
        # The time of the first call in this process, and the number of knots of earlier processes: a clock that is set
        # moves only the facts of this process.
        self._own_from: float | None = None
        self._inherited = 0
        # The start of the first recorded quarter that can be revoked, or None if there is no record.
        self._recorded_from: int | None = None
        self._void: list[VoidIntervals] = []

    def restore(self, open_start: int | None, bases: list[Base]) -> None:
        """Restores the record of an earlier process."""
        self.open_start, self.bases = open_start, bases
        if bases:
            self._recorded_from = quarter_start(bases[-1].at)

    def told(self, at: float) -> float:
        """Takes note that the caller told a fact of the instant `at`, and returns the instant that counts for it.

        The first call in a process opens the record, or joins it to that of earlier processes.
        """
        energy = self._energy
        if self._own_from is None:
            if not energy.curve.knots:
                begun = quarter_start(at)
                self.open_start = begun if at - begun <= NEAR_READING_S else begun + QUARTER_S
                self._own_from = min(at, float(self.open_start))
                energy.curve.knots = [Knot(self._own_from, 0.0, metered=False)]
            else:
                self._own_from, self._inherited = at, len(energy.curve.knots)
                energy.history = energy.history.not_after(at)
                energy.reading_times = [one for one in energy.reading_times if one <= at]
                self._resume([], 0.0)
        return self.in_order(at)

    def told_by_this_process(self, since: float) -> bool:
        """Returns whether this process was told of a fact at or before that instant."""
        return self._own_from is not None and self._own_from <= since

    def in_order(self, at: float) -> float:
        """Returns the instant, or that of the last knot of earlier processes if that is later: the clock may have gone
        back a little since."""
        return max(at, self._energy.curve.knots[self._inherited - 1].at) if self._inherited else at

    def clock_moved(self, seconds: float) -> None:
        """Takes note that all that this process was told happened `seconds` later than it seemed. The quarters that it
        closed become void and open again."""
        knots = self._energy.curve.knots
        if self._own_from is None:
            return
        own = [knot for knot in knots[self._inherited :] if not knot.reported]
        if self._inherited == 0 and knots[0].reported:
            own.insert(0, knots[0])
        self._resume([knot._replace(at=knot.at + seconds) for knot in own], seconds)

    def close(self, start: int, end: int, end_wh: float) -> None:
        """Takes note that the span from `start` to `end` is on record, with the growing sum `end_wh` at its end."""
        if self._energy.curve.report(end, end_wh) < self._inherited:
            self._inherited += 1
        self.open_start = end
        self._recorded_from = start if self._recorded_from is None else min(self._recorded_from, start)
        self._forget()

    def voids(self) -> list[VoidIntervals]:
        """Returns the spans whose records a wrong clock made, and which no longer count. Each is returned once."""
        voids, self._void = self._void, []
        return voids

    def thin_out(self, most_knots: int) -> None:
        """Drops every other knot of this process if there are more than `most_knots`. No energy is lost."""
        if len(self._energy.curve.knots) > most_knots:
            del self._energy.curve.knots[self._inherited + 1 : -1 : 2]
            del self._energy.reading_times[: len(self._energy.reading_times) // 2]

    def first_base(self) -> list[Base]:
        """Returns the base at which the record of this process begins; the list is empty before the first call."""
        begun = self.open_start if self._recorded_from is None else self._recorded_from
        return [] if begun is None else [Base(float(begun), self._energy.sum_wh(begun))]

    def _resume(self, own: list[Knot], moved_s: float) -> None:
        """Joins the knots of this process, which have moved by `moved_s`, to the knots of earlier processes."""
        energy = self._energy
        if self._own_from is None or self.open_start is None:
            return
        first = own[0].at if own else self._own_from + moved_s
        now = own[-1].at if own else first
        known, not_before, opens, void_from = self._junction(first, now, self.open_start)
        if self._recorded_from is not None:
            if void_from < self.open_start:
                self._void.append(VoidIntervals("interval", energy.name, void_from, self.open_start))
            self._recorded_from = min(self._recorded_from, opens)
        self.open_start = opens
        energy.curve.knots = known + [knot._replace(at=max(knot.at, not_before)) for knot in own]
        self._inherited = len(known)
        energy.history = energy.history.moved(self._own_from, moved_s, not_before)
        self._register.moved(moved_s, not_before)
        earlier = [at for at in energy.reading_times if at < self._own_from and at <= not_before]
        moved = [max(at + moved_s, not_before) for at in energy.reading_times if at >= self._own_from]
        energy.reading_times = earlier + moved
        self._own_from = max(self._own_from + moved_s, not_before)

    def _junction(self, first: float, now: float, open_start: int) -> Junction:
        """Returns the place at which the record goes on, if this process began at `first` and it is `now`.

        If a clock was ahead before this process, it may have recorded quarters of the future: these are void.
        """
        known = [knot for knot in self._energy.curve.knots[: self._inherited] if knot.at <= first + DRIFT_S]
        if known:
            opens = min(open_start, quarter_start(known[-1].at))
            if first - known[-1].at <= LONGEST_OUTAGE_S:
                return Junction(known, known[-1].at, opens, opens)
            # A gateway is not away for that long. Keep the energy, but do not spread it over years of quarters.
            start = quarter_start(first - LONGEST_OUTAGE_S)
            base = Knot(float(start), self._energy.sum_wh(opens), metered=False, reported=True)
            return Junction([base], base.at, start, opens)
        if not self.bases:
            void_from = open_start if self._recorded_from is None else self._recorded_from
            return Junction([], first, quarter_start(first), void_from)
        final = self.bases[-1]
        if self._inherited == 0 and final.at <= now:
            return Junction([], final.at, max(int(final.at), quarter_start(first)), int(final.at))
        self.bases = [base for base in self.bases if base.at <= now] or [
            Base(float(quarter_start(first)), self.bases[0].sum_wh)
        ]
        final = self.bases[-1]
        base = Knot(final.at, final.sum_wh, metered=False, reported=True)
        return Junction([base], final.at, int(final.at), int(final.at))

    def _forget(self) -> None:
        """Makes the record of more than a day ago final, and drops all that only its quarters needed."""
        base = self._energy.curve.reported_before((self.open_start or 0) - REVOCABLE_S)
        if base is None or (self.bases and base.at <= self.bases[-1].at):
            return
        self.bases = thinned([*(self.bases or self.first_base()), Base(base.at, base.sum_wh)])
        self._recorded_from = int(base.at)
        self._inherited = max(0, self._inherited - self._energy.forget_before(base.at))
