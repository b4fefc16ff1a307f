"""A luminaire's energy ledger: readings of a growing register (DiiA part 252, bank 202) in, quarters of an hour out.

The register counts whole steps of its resolution and is read at odd moments. Between two good readings the lamp's power
model shares the counted energy out, so a quarter's energy is a difference of one growing sum: nothing is lost or
counted twice, and the register's floor moves any run of quarters by less than one step. A reported boundary is frozen,
until the clock turns out to have been wrong: what this process was told of the last day then moves with the clock.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agent.savings.energy_curve import EnergyCurve, Knot
from agent.savings.full_power import FullPower
from agent.savings.intervals import (
    QUARTER_S,
    Anomaly,
    BurningSpans,
    FullPowerSource,
    Interval,
    Quality,
    VoidIntervals,
    overlap_s,
    quarter_start,
)
from agent.savings.ledger_state import LedgerState, StateUnreadable, from_json, level_steps
from agent.savings.level_history import LevelHistory, LevelStep
from agent.savings.power_model import MAX_LEVEL, PowerModel
from agent.savings.register import CLOCKS_DIFFER_S, LONGEST_OUTAGE_S, Register, Stand, Step
from agent.savings.standing import DAY_S, Base, thinned

# A boundary this close to a good reading counts as metered: a sweep of a full bus takes up to a minute (64 gear).
NEAR_READING_S = 120
# After so long without a reading a quarter is closed by the model alone.
LONGEST_WAIT_S = 6 * 3600
# Reported energy is rounded to 1 mWh, as a difference of rounded sums, so that roundings do not add up.
DECIMALS = 3
# So far back quarters can still be put right where the clock was wrong.
REVOCABLE_S = 86_400.0
# A clock that went back by no more than this since the process before has drifted, and its quarters stand.
DRIFT_S = 3600.0
# Of so long a time without a reading nothing is known by the quarter: its whole UTC days are closed as such.
LONG_GAP_S = 7 * DAY_S
# So far from the known full power a lamp may be found over a restart.
CREDIBLE_FACTOR = 2.0
# A register that moved so far from what the lamp's levels make is read once more before it counts: this share of that
# energy, and so many of its steps.
EXPECTED_WITHIN = 0.5
EXPECTED_WITHIN_STEPS = 4
# A bound on what waits for a clock that can be believed.
MOST_KNOTS = 1000


class LuminaireLedger:
    """Turns one luminaire's levels, readings and availability into intervals.

    Times are Unix seconds, and of one process lie as far apart as its monotonic clock says: where the wall clock is
    set, call `clock_moved`. The first quarter is the one that begins at most two minutes before the first thing told.
    Tell what happened in order of time, readings before `close`; after a restart read the register before `close`. A
    reading that failed needs no call: its absence widens the interpolation and lowers the quality by itself.
    """

    def __init__(
        self,
        name: str,
        model: PowerModel,
        burning_spans: BurningSpans,
        longest_wait_s: float = LONGEST_WAIT_S,
        baseline_power: FullPowerSource = "measured",
    ) -> None:
        """`baseline_power`: "declared" keeps the baseline at the model's full power whatever is metered."""
        self.name = name
        self._declared = self._model = model
        self._burning_spans = burning_spans
        self.longest_wait_s = longest_wait_s
        self._baseline_power = baseline_power
        self._history = LevelHistory(model.min_level)
        self._full_power = FullPower(model.full_power_w)
        self._curve = EnergyCurve()
        self._register = Register(name, model.full_power_w)
        self._register_sum_wh = 0.0
        self._reading_times: list[float] = []
        self._open_start: int | None = None
        # Since when this process tells, and how many knots are of those before it: a clock that is set moves only what
        # this one was told.
        self._own_from: float | None = None
        self._inherited = 0
        # The first quarter on record that can be revoked. What is recorded before the newest of `bases` stands; the
        # others are for a clock that comes back from far ahead. None: nothing was recorded before this process.
        self._recorded_from: int | None = None
        self._bases: list[Base] = []
        self._void: list[VoidIntervals] = []

    @property
    def open_start(self) -> int | None:
        """Start of the oldest quarter that is not closed yet; None before anything was told."""
        return self._open_start

    @property
    def newest_at(self) -> float | None:
        """The newest instant on record; None before anything was told."""
        return self._curve.knots[-1].at if self._curve.knots else None

    @property
    def levels(self) -> list[LevelStep]:
        """The level steps that the open quarters need."""
        return [] if self._open_start is None else self._history.since(self._open_start).levels

    @property
    def full_power_w(self) -> float:
        """Power at 100 %: the board's, until half an hour of it has been metered."""
        return self._full_power.power_w

    @property
    def model(self) -> PowerModel:
        """The power model as far as it is known by now."""
        if self._model.full_power_w != self._full_power.power_w:
            self._model = replace(self._declared, full_power_w=self._full_power.power_w)
        return self._model

    def level(self, at: float, level: int, fade_s: float = 0.0) -> None:
        """From `at` on the lamp moves to `level` (0-254) in `fade_s` seconds. Raises ValueError outside of that."""
        at = self._told(at)
        self._history.add_level(at, level, fade_s)

    def available(self, at: float, available: bool, power_w: float | None = None) -> None:
        """From `at` on the lamp could burn, or could not: lamp failure, lost mains, gear that does not answer.

        Give as `at` the last proof of the state before (the last good status), even if it is in the past: what is
        already closed stays as it is. `power_w` is what the luminaire draws meanwhile, where that is known (0 without
        mains, standby with a failed lamp); None leaves it to the level.
        """
        at = self._still_open(self._told(at))
        self._history.add_availability(at, available, power_w)

    def outage(self, since: float | None, until: float) -> None:
        """The lamp has been without mains in between: it could not burn, and drew nothing. `since` is the last proof
        that it had mains; None: the last good reading. Without one, how long it had none is not known either: it was
        dark, and is modelled at standby."""
        until, power_w = self._told(until), 0.0
        if since is None and self._register.believed is not None:
            since = self._register.believed.at
        if since is None:
            since, power_w = 0.0, self.model.standby_w
        since = self._still_open(since)
        if since < until:
            self._history.add_availability(since, False, power_w)
            self._history.add_availability(until, True, None)

    def is_plausible(self, at: float, energy_wh: float, resolution_wh: float) -> bool:
        """Whether the register may stand there by now. If not, read it once more before `reading` is to believe it: a
        second reading tells a register that stands there from one that was disturbed on its way."""
        return self._register.is_plausible(Stand(at, energy_wh), self._full_power.power_w, resolution_wh)

    def is_expected(self, at: float, energy_wh: float, resolution_wh: float) -> bool:
        """Whether the lamp's levels explain what the register counted since the newest reading that is believed: from
        half to one and a half times what they make, and some steps. True where there is no such reading."""
        believed = self._register.believed
        if not self.is_plausible(at, energy_wh, resolution_wh):
            return False
        if believed is None:
            return True
        model_wh = self._model_wh(min(believed.at, at), at)
        most_off_wh = max(EXPECTED_WITHIN * model_wh, EXPECTED_WITHIN_STEPS * resolution_wh)
        return abs(energy_wh - believed.energy_wh - model_wh) <= most_off_wh

    def reading(self, at: float, energy_wh: float, resolution_wh: float) -> list[Anomaly]:
        """Takes the register's value (Wh, floored to `resolution_wh`) at the instant `at`; returns what was odd.

        A register that fell splits the record there: the span before it is modelled, and the sum goes on with the new
        register. Of one that rose too much the next reading tells whether it is a new one or a lamp that draws more
        than the board declares; its quarters wait for that.
        """
        self._told(at)
        believed = self._register.believed
        stand = Stand(at, energy_wh)
        steps, anomalies = self._register.read(stand, self._full_power.power_w, resolution_wh, self._model_wh)
        for step in steps:
            anomalies += self._take(believed, step, resolution_wh)
            believed = step.stand
        self._thin_out()
        return anomalies

    def close(self, upto: float, most: int | None = None) -> list[Interval]:
        """The quarters that are complete by `upto`, but no more than `most` of them: a good reading lies past them, or
        they have waited too long. Take `voids` first.

        Store them in one transaction with `to_state`: so a crash neither loses nor doubles one.
        """
        closed: list[Interval] = []
        while most is None or len(closed) < most:
            end = self._next_end(upto)
            if self._open_start is None or end is None:
                break
            closed.append(self._close_until(self._open_start, end))
        return closed

    def voids(self) -> list[VoidIntervals]:
        """What was recorded by a wrong clock and counts no longer, once each: to be stored before what `close` gives
        after it."""
        voids, self._void = self._void, []
        return voids

    def clock_moved(self, seconds: float) -> None:
        """The clock was set: what this process was told happened so much later than was thought (or earlier: less than
        0). The quarters of up to a day that were closed with it are void, and open again."""
        if self._own_from is None:
            return
        own = [knot for knot in self._curve.knots[self._inherited :] if not knot.reported]
        if self._inherited == 0 and self._curve.knots[0].reported:
            own.insert(0, self._curve.knots[0])
        self._resume([knot._replace(at=knot.at + seconds) for knot in own], seconds)

    def to_state(self, *, levels: bool = True) -> dict[str, object]:
        """What a new process needs to go on: JSON-able, a few hundred bytes. See `from_state`. Without `levels` it
        says nothing of when the lamp moved."""
        open_start = self._open_start
        history = self._history if open_start is None else self._history.since(open_start)
        return LedgerState(
            open_start=open_start,
            knots=[] if open_start is None else self._curve.since(open_start),
            believed=self._register.believed,
            register_sum_wh=self._register_sum_wh,
            reading_times=[at for at in self._reading_times if open_start and at >= open_start - NEAR_READING_S],
            levels=history.levels if levels else [],
            availability=history.availability,
            full_power=self._full_power.sums,
            most_w=self._register.most_w,
            bases=self._bases or self._first_base(),
        ).to_json()

    @classmethod
    def from_state(
        cls,
        state: Mapping[str, Any],  # JSON: each value is checked below
        name: str,
        model: PowerModel,
        burning_spans: BurningSpans,
        longest_wait_s: float = LONGEST_WAIT_S,
        baseline_power: FullPowerSource = "measured",
    ) -> LuminaireLedger:
        """Goes on where `to_state` stood; the last known level is taken to have been kept since.

        Raises StateUnreadable where the state is damaged or of another version.
        """
        ledger = cls(name, model, burning_spans, longest_wait_s, baseline_power)
        try:
            ledger._restore(from_json(state))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            text = f"{name}: the stored energy ledger cannot be read ({error}); it begins anew with the next reading."
            raise StateUnreadable(text) from error
        return ledger

    def restore_levels(self, steps: object) -> None:
        """Takes back what `levels` gave, where the state was made without them. Raises ValueError, TypeError or
        OverflowError for anything else."""
        self._history.levels = level_steps(steps)

    def _restore(self, state: LedgerState) -> None:
        self._open_start = state.open_start
        self._curve.knots = state.knots
        self._register_sum_wh = state.register_sum_wh
        if state.believed is not None:
            self._register.believed, self._register.slack_s = state.believed, CLOCKS_DIFFER_S
        self._register.most_w = state.most_w
        self._reading_times = state.reading_times
        self._history.levels = state.levels
        self._history.availability = state.availability
        self._full_power = FullPower(self._declared.full_power_w, state.full_power)
        self._bases = state.bases
        if state.bases:
            self._recorded_from = quarter_start(state.bases[-1].at)

    def _told(self, at: float) -> float:
        """Opens the record with the first thing told by this process; gives the instant at which it stands there."""
        if self._own_from is None:
            if not self._curve.knots:
                begun = quarter_start(at)
                self._open_start = begun if at - begun <= NEAR_READING_S else begun + QUARTER_S
                self._own_from = min(at, float(self._open_start))
                self._curve.knots = [Knot(self._own_from, 0.0, metered=False)]
            else:
                self._own_from, self._inherited = at, len(self._curve.knots)
                self._history = self._history.not_after(at)
                self._reading_times = [one for one in self._reading_times if one <= at]
                self._resume([], 0.0)
        return self._in_order(at)

    def _in_order(self, at: float) -> float:
        """Not before what is known of the processes before: a clock that went back a little since."""
        return max(at, self._curve.knots[self._inherited - 1].at) if self._inherited else at

    def _still_open(self, at: float) -> float:
        """What is closed stays as it is."""
        return max(at, float(self._open_start or 0))

    def _resume(self, own: list[Knot], moved_s: float) -> None:
        """Joins what this process was told, which has moved, to what is known of the time before it."""
        if self._own_from is None or self._open_start is None:
            return
        first = own[0].at if own else self._own_from + moved_s
        now = own[-1].at if own else first
        known, not_before, opens, void_from = self._junction(first, now)
        if self._recorded_from is not None:
            if void_from < self._open_start:
                self._void.append(VoidIntervals("interval", self.name, void_from, self._open_start))
            self._recorded_from = min(self._recorded_from, opens)
        self._open_start = opens
        self._curve.knots = known + [knot._replace(at=max(knot.at, not_before)) for knot in own]
        self._inherited = len(known)
        self._history = self._history.moved(self._own_from, moved_s, not_before)
        self._register.moved(moved_s, not_before)
        earlier = [at for at in self._reading_times if at < self._own_from and at <= not_before]
        moved = [max(at + moved_s, not_before) for at in self._reading_times if at >= self._own_from]
        self._reading_times = earlier + moved
        self._own_from = max(self._own_from + moved_s, not_before)

    def _junction(self, first: float, now: float) -> tuple[list[Knot], float, int, int]:
        """Where the record goes on, if this process began at `first` and it is `now`: the knots that stay, the instant
        before which nothing moves, the quarter that is open next, and the first one that is void.

        A clock that ran ahead before this process may have written quarters that are still to come: these are void.
        """
        open_start = self._open_start or 0
        known = [knot for knot in self._curve.knots[: self._inherited] if knot.at <= first + DRIFT_S]
        if known:
            opens = min(open_start, quarter_start(known[-1].at))
            if first - known[-1].at <= LONGEST_OUTAGE_S:
                return known, known[-1].at, opens, opens
            # No gateway was away for so long: the energy lands, but not in years of quarters.
            start = quarter_start(first - LONGEST_OUTAGE_S)
            base = Knot(float(start), self._curve.sum_wh(opens, self._model_wh), metered=False, reported=True)
            return [base], base.at, start, opens
        if not self._bases:
            void_from = open_start if self._recorded_from is None else self._recorded_from
            return [], first, quarter_start(first), void_from
        final = self._bases[-1]
        if self._inherited == 0 and final.at <= now:
            return [], final.at, max(int(final.at), quarter_start(first)), int(final.at)
        self._bases = [base for base in self._bases if base.at <= now] or [
            Base(float(quarter_start(first)), self._bases[0].sum_wh)
        ]
        final = self._bases[-1]
        base = Knot(final.at, final.sum_wh, metered=False, reported=True)
        return [base], final.at, int(final.at), int(final.at)

    def _first_base(self) -> list[Base]:
        """Where the record of this process begins."""
        begun = self._open_start if self._recorded_from is None else self._recorded_from
        return [] if begun is None else [Base(float(begun), self._curve.sum_wh(begun, self._model_wh))]

    def _take(self, believed: Stand | None, step: Step, resolution_wh: float) -> list[Anomaly]:
        """A stand of the register that is believed from now on, after the one that was until now."""
        anomalies: list[Anomaly] = []
        last = self._curve.knots[-1]
        at = max(self._told(step.stand.at), last.at)
        modelled_wh = last.sum_wh + self._model_wh(last.at, at)
        knot = Knot(at, modelled_wh, metered=False)
        if step.counts and believed is not None:
            rise_wh = step.stand.energy_wh - believed.energy_wh
            sum_wh = self._register_sum_wh + rise_wh
            if sum_wh < last.sum_wh - resolution_wh:
                text = (
                    f"{self.name}: quarters without readings were closed with {last.sum_wh - sum_wh:.1f} Wh too much."
                )
                anomalies.append(Anomaly(at, "modelledTooHigh", text))
            knot = Knot(at, max(sum_wh, last.sum_wh), metered=True)
            if believed.at >= last.at and self._history.steady_level(believed.at, at) == MAX_LEVEL:
                self._learn(rise_wh, believed.at, step.stand.at, resolution_wh)
        self._curve.knots.append(knot)
        self._register_sum_wh = knot.sum_wh
        self._reading_times.append(at)
        return anomalies

    def _learn(self, rise_wh: float, since: float, at: float, resolution_wh: float) -> None:
        """From a span at full power. Where two processes' clocks measured it, it must fit what is known."""
        full_power_w = self._full_power.power_w
        drawn_w = rise_wh * 3600 / (at - since) if at > since else 0.0
        own = self._own_from is not None and self._own_from <= since
        if own or full_power_w / CREDIBLE_FACTOR <= drawn_w <= full_power_w * CREDIBLE_FACTOR:
            self._full_power.add(rise_wh, at - since, resolution_wh)

    def _next_end(self, upto: float) -> int | None:
        """Where the span that is to be closed next ends; None where it must wait."""
        if self._open_start is None:
            return None
        known_until = upto - self.longest_wait_s
        if self._register.believed is not None:
            known_until = max(known_until, self._in_order(self._register.believed.at))
        left_s = known_until - self._open_start
        if left_s < QUARTER_S:
            return None
        day_end = self._open_start + DAY_S
        if left_s >= LONG_GAP_S and self._open_start % DAY_S == 0 and not self._read_between(self._open_start, day_end):
            return day_end
        return self._open_start + QUARTER_S

    def _close_until(self, start: int, end: int) -> Interval:
        end_wh = self._curve.sum_wh(end, self._model_wh)
        start_wh = self._curve.sum_wh(start, self._model_wh)
        # After a clock was set, what is known may begin within a quarter.
        known_from = max(float(start), self._curve.knots[0].at)
        available = self._history.available_spans(known_from, end) if known_from < end else []
        burning = self._burning_spans(start, end)
        burning_s = sum(overlap_s(*one, *other) for one in available for other in burning)
        measured = self._baseline_power == "measured" and self._full_power.source == "measured"
        full_power_w = self._full_power.power_w if measured else self._declared.full_power_w
        metered_s = self._curve.metered_s(start, end)
        interval = Interval(
            luminaire=self.name,
            start=start,
            duration_s=end - start,
            actual_wh=round(round(end_wh, DECIMALS) - round(start_wh, DECIMALS), DECIMALS),
            baseline_wh=round(full_power_w * burning_s / 3600, DECIMALS),
            quality=self._quality(start, end, metered_s),
            coverage=round(metered_s / (end - start), 4),
            available_s=round(sum(b - a for a, b in available), DECIMALS),
            full_power_w=round(full_power_w, DECIMALS),
            full_power_source="measured" if measured else "declared",
        )
        if self._curve.report(end, end_wh) < self._inherited:
            self._inherited += 1
        self._open_start = end
        self._recorded_from = start if self._recorded_from is None else min(self._recorded_from, start)
        self._forget()
        return interval

    def _quality(self, start: int, end: int, metered_s: float) -> Quality:
        if metered_s < end - start - NEAR_READING_S:
            return "modelled"
        near = all(self._read_between(at - NEAR_READING_S, at + NEAR_READING_S) for at in (start, end))
        return "metered" if near else "interpolated"

    def _read_between(self, start: float, end: float) -> bool:
        """Whether there is a good reading from `start` to `end`, both included."""
        first = bisect_left(self._reading_times, start)
        return first < len(self._reading_times) and self._reading_times[first] <= end

    def _model_wh(self, start: float, end: float) -> float:
        return self._history.energy_wh(self.model, start, end)

    def _forget(self) -> None:
        """What lies more than a day back stands for good, and what only its quarters needed is forgotten."""
        base = self._curve.reported_before((self._open_start or 0) - REVOCABLE_S)
        if base is None or (self._bases and base.at <= self._bases[-1].at):
            return
        self._bases = thinned([*(self._bases or self._first_base()), Base(base.at, base.sum_wh)])
        self._recorded_from = int(base.at)
        self._inherited = max(0, self._inherited - self._curve.forget_before(base.at))
        self._history.forget_before(base.at)
        self._reading_times = self._reading_times[bisect_left(self._reading_times, base.at - NEAR_READING_S) :]

    def _thin_out(self) -> None:
        """While the clock cannot be believed nothing is closed; the energy stays, its course gets coarser."""
        if len(self._curve.knots) > MOST_KNOTS:
            del self._curve.knots[self._inherited + 1 : -1 : 2]
            del self._reading_times[: len(self._reading_times) // 2]
