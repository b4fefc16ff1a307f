"""What of a luminaire's energy is on record, and how a record goes on where the clock was wrong.

A reported boundary is frozen, until the clock turns out to have been wrong: what this process was told of the last day
then moves with the clock, and what was recorded of it is void.
"""

from __future__ import annotations

from typing import NamedTuple

from agent.savings.energy_curve import Knot
from agent.savings.intervals import QUARTER_S, VoidIntervals, quarter_start
from agent.savings.lamp_energy import NEAR_READING_S, LampEnergy
from agent.savings.register import LONGEST_OUTAGE_S, Register
from agent.savings.standing import Base, thinned

# So far back quarters can still be put right where the clock was wrong.
REVOCABLE_S = 86_400.0
# A clock that went back by no more than this since the process before has drifted, and its quarters stand.
DRIFT_S = 3600.0


class Junction(NamedTuple):
    """Where a record goes on: the knots that stay, the instant before which nothing moves, the quarter that is open
    next, and the first one that is void."""

    known: list[Knot]
    not_before: float
    opens: int
    void_from: int


class OnRecord:
    """The recorded part of one luminaire's energy.

    `open_start` is the start of the oldest quarter that is not closed yet, None before anything was told. `bases` are
    where the record stands: what is recorded before the newest one stands for good, the others are for a clock that
    comes back from far ahead.
    """

    def __init__(self, energy: LampEnergy, register: Register) -> None:
        self._energy = energy
        self._register = register
        self.open_start: int | None = None
        self.bases: list[Base] = []
        # Since when this process tells, and how many knots are of those before it: a clock that is set moves only what
        # this one was told.
        self._own_from: float | None = None
        self._inherited = 0
        # The first quarter on record that can be revoked. None: nothing was recorded before this process.
        self._recorded_from: int | None = None
        self._void: list[VoidIntervals] = []

    def restore(self, open_start: int | None, bases: list[Base]) -> None:
        """Takes back what a process before had on record."""
        self.open_start, self.bases = open_start, bases
        if bases:
            self._recorded_from = quarter_start(bases[-1].at)

    def told(self, at: float) -> float:
        """Opens the record with the first thing told by this process; gives the instant at which it stands there."""
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
        """Whether this process was there already at that instant."""
        return self._own_from is not None and self._own_from <= since

    def in_order(self, at: float) -> float:
        """Not before what is known of the processes before: a clock that went back a little since."""
        return max(at, self._energy.curve.knots[self._inherited - 1].at) if self._inherited else at

    def clock_moved(self, seconds: float) -> None:
        """What this process was told happened so much later than was thought; what it closed with that is void."""
        knots = self._energy.curve.knots
        if self._own_from is None:
            return
        own = [knot for knot in knots[self._inherited :] if not knot.reported]
        if self._inherited == 0 and knots[0].reported:
            own.insert(0, knots[0])
        self._resume([knot._replace(at=knot.at + seconds) for knot in own], seconds)

    def close(self, start: int, end: int, end_wh: float) -> None:
        """The span from `start` to `end` is on record now, up to this sum."""
        if self._energy.curve.report(end, end_wh) < self._inherited:
            self._inherited += 1
        self.open_start = end
        self._recorded_from = start if self._recorded_from is None else min(self._recorded_from, start)
        self._forget()

    def voids(self) -> list[VoidIntervals]:
        """What was recorded by a wrong clock and counts no longer, once each."""
        voids, self._void = self._void, []
        return voids

    def thin_out(self, most_knots: int) -> None:
        """Where more knots wait than that, every other one of this process goes: the energy stays."""
        if len(self._energy.curve.knots) > most_knots:
            del self._energy.curve.knots[self._inherited + 1 : -1 : 2]
            del self._energy.reading_times[: len(self._energy.reading_times) // 2]

    def first_base(self) -> list[Base]:
        """Where the record of this process begins."""
        begun = self.open_start if self._recorded_from is None else self._recorded_from
        return [] if begun is None else [Base(float(begun), self._energy.sum_wh(begun))]

    def _resume(self, own: list[Knot], moved_s: float) -> None:
        """Joins what this process was told, which has moved, to what is known of the time before it."""
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
        """Where the record goes on, if this process began at `first` and it is `now`.

        A clock that ran ahead before this process may have written quarters that are still to come: these are void.
        """
        known = [knot for knot in self._energy.curve.knots[: self._inherited] if knot.at <= first + DRIFT_S]
        if known:
            opens = min(open_start, quarter_start(known[-1].at))
            if first - known[-1].at <= LONGEST_OUTAGE_S:
                return Junction(known, known[-1].at, opens, opens)
            # No gateway was away for so long: the energy lands, but not in years of quarters.
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
        """What lies more than a day back stands for good, and what only its quarters needed is forgotten."""
        base = self._energy.curve.reported_before((self.open_start or 0) - REVOCABLE_S)
        if base is None or (self.bases and base.at <= self.bases[-1].at):
            return
        self.bases = thinned([*(self.bases or self.first_base()), Base(base.at, base.sum_wh)])
        self._recorded_from = int(base.at)
        self._inherited = max(0, self._inherited - self._energy.forget_before(base.at))
