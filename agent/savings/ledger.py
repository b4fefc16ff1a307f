"""A luminaire's energy ledger: turns readings of a growing register (DiiA part 252, bank 202) into quarters of an hour.

The register counts whole steps of its resolution and is read at irregular times. The lamp's power model shares out the
energy counted between two good readings, so a quarter's energy is a difference of one growing sum. No energy is lost or
counted twice, and the rounding of the register moves any run of quarters by less than one step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.savings.energy_curve import Knot
from agent.savings.full_power import FullPower
from agent.savings.intervals import QUARTER_S, Anomaly, BurningSpans, FullPowerSource, Interval, VoidIntervals
from agent.savings.lamp_energy import NEAR_READING_S, LampEnergy
from agent.savings.ledger_state import LedgerState, StateUnreadable, from_json, level_steps
from agent.savings.level_history import LevelStep
from agent.savings.on_record import OnRecord
from agent.savings.power_model import MAX_LEVEL, PowerModel
from agent.savings.register import CLOCKS_DIFFER_S, Register, Stand, Step
from agent.savings.standing import DAY_S

# Seconds without a reading after which a quarter is closed by the model alone.
LONGEST_WAIT_S = 6 * 3600
# Seconds without a reading after which whole UTC days are closed: nothing is known of their quarters.
LONG_GAP_S = 7 * DAY_S
# Over a restart, a lamp is believed to draw its known full power times or divided by this factor at most.
CREDIBLE_FACTOR = 2.0
# A register is read once more before it counts if its rise is further than this from the energy of the lamp's levels:
# this share of that energy, or this many steps of the register.
EXPECTED_WITHIN = 0.5
EXPECTED_WITHIN_STEPS = 4
# The most knots that wait for a clock that can be believed.
MOST_KNOTS = 1000


class LuminaireLedger:
    """Turns a luminaire's levels, readings and availability into intervals.

    Times are Unix seconds. Those of one process must lie as far apart as its monotonic clock says: if the wall clock is
    set, the caller calls `clock_moved`. The first quarter is the one that begins at most two minutes before the first
    call. The calls must come in order of time, and readings before `close`; after a restart the register must be read
    before `close`. A reading that failed needs no call: without it the interpolation is longer and the quality lower.
    """

    def __init__(
        self,
        name: str,
        model: PowerModel,
        burning_spans: BurningSpans,
        longest_wait_s: float = LONGEST_WAIT_S,
        baseline_power: FullPowerSource = "measured",
    ) -> None:
        """Takes the declared power model. A quarter is closed without a reading after `longest_wait_s`. If
        `baseline_power` is "declared", the baseline keeps to the model's full power; if it is "measured", it uses the
        metered power once that is known."""
        self.name = name
        self.longest_wait_s = longest_wait_s
        self._energy = LampEnergy(name, model, burning_spans, baseline_power)
        self._register = Register(name, model.full_power_w)
        self._register_sum_wh = 0.0
        self._record = OnRecord(self._energy, self._register)
        self._state: tuple[bool, dict[str, object]] | None = None

    @property
    def open_start(self) -> int | None:
        """The start of the oldest quarter that is not closed yet, or None before the first call."""
        return self._record.open_start

    @property
    def newest_at(self) -> float | None:
        """The instant up to which the energy is known, or None before the first call."""
        knots = self._energy.curve.knots
        return knots[-1].at if knots else None

    @property
    def levels(self) -> list[LevelStep]:
        """The level steps that the open quarters need."""
        open_start = self._record.open_start
        return [] if open_start is None else self._energy.history.since(open_start).levels

    @property
    def full_power_w(self) -> float:
        """The power in W at 100 %: the board's, until half an hour at 100 % has been metered."""
        return self._energy.full_power.power_w

    @property
    def model(self) -> PowerModel:
        """The power model, with the measured full power once that is known."""
        return self._energy.model

    def level(self, at: float, level: int, fade_s: float = 0.0) -> None:
        """Takes note that the lamp moves to `level` (0-254) in `fade_s` seconds, beginning at `at`. Raises ValueError
        for another level or a negative fade."""
        self._state = None
        at = self._record.told(at)
        self._energy.history.add_level(at, level, fade_s)

    def available(self, at: float, available: bool, power_w: float | None = None) -> None:
        """Takes note that the lamp can burn from `at` on, or cannot: it has failed, has no mains, or does not answer.

        `at` is the time of the last proof of the earlier state (the last good status), even if it is long past: closed
        quarters stay unchanged. `power_w` is the power in the new state, if it is known (0 without mains, standby with
        a failed lamp); None leaves it to the level.
        """
        self._state = None
        at = self._still_open(self._record.told(at))
        self._energy.history.add_availability(at, available, power_w)

    def outage(self, since: float | None, until: float) -> None:
        """Takes note that the lamp had no mains from `since` to `until`: it could not burn, and drew nothing.

        `since` is the time of the last proof that it had mains; None stands for the last good reading. If there is no
        reading either, the length of the outage is not known: all time before counts as dark, with standby power.
        """
        self._state = None
        until, power_w = self._record.told(until), 0.0
        if since is None and self._register.believed is not None:
            since = self._register.believed.at
        if since is None:
            since, power_w = 0.0, self.model.standby_w
        since = self._still_open(since)
        if since < until:
            self._energy.history.add_availability(since, False, power_w)
            self._energy.history.add_availability(until, True, None)

    def is_plausible(self, at: float, energy_wh: float, resolution_wh: float) -> bool:
        """Returns whether the register can show this value at this time. If not, the caller reads it once more before
        calling `reading`: a second reading tells a true value from one that was disturbed on the bus."""
        return self._register.is_plausible(Stand(at, energy_wh), self._energy.full_power.power_w, resolution_wh)

    def is_expected(self, at: float, energy_wh: float, resolution_wh: float) -> bool:
        """Returns whether the lamp's levels explain the rise of the register since the newest believed reading.

        They do if the rise is from 0.5 to 1.5 times the energy of the levels, or differs from it by a few steps of the
        register. Returns True if no reading has been believed yet.
        """
        believed = self._register.believed
        if not self.is_plausible(at, energy_wh, resolution_wh):
            return False
        if believed is None:
            return True
        model_wh = self._energy.model_wh(min(believed.at, at), at)
        most_off_wh = max(EXPECTED_WITHIN * model_wh, EXPECTED_WITHIN_STEPS * resolution_wh)
        return abs(energy_wh - believed.energy_wh - model_wh) <= most_off_wh

    def reading(self, at: float, energy_wh: float, resolution_wh: float) -> list[Anomaly]:
        """Takes the register's value (Wh, rounded down to `resolution_wh`) at the instant `at`. Returns its anomalies.

        If the register fell, the record is split there: the span before is modelled, and the sum goes on with the new
        register. If it rose too much, the next reading decides whether it is a new register or a lamp that draws more
        than the board declares; the quarters wait for that reading.
        """
        self._state = None
        self._record.told(at)
        believed = self._register.believed
        stand = Stand(at, energy_wh)
        steps, anomalies = self._register.read(
            stand, self._energy.full_power.power_w, resolution_wh, self._energy.model_wh
        )
        for step in steps:
            anomalies += self._take(believed, step, resolution_wh)
            believed = step.stand
        self._record.thin_out(MOST_KNOTS)
        return anomalies

    def close(self, upto: float, most: int | None = None) -> list[Interval]:
        """Closes the quarters that are complete by `upto`, at most `most` of them, and returns their intervals.

        A quarter is complete once a good reading lies past it, or once it has waited too long. The caller must store
        `voids` first, and must store the intervals in one transaction with `to_state`: a crash then neither loses nor
        doubles a quarter.
        """
        closed: list[Interval] = []
        while most is None or len(closed) < most:
            end = self._next_end(upto)
            if self._record.open_start is None or end is None:
                break
            start, end_wh = self._record.open_start, self._energy.sum_wh(end)
            closed.append(self._energy.interval(start, end, end_wh))
            self._record.close(start, end, end_wh)
            self._state = None
        return closed

    def voids(self) -> list[VoidIntervals]:
        """Returns the spans whose records a wrong clock made, and which no longer count. Each is returned once. The
        caller must store them before the intervals of the next `close`."""
        return self._record.voids()

    def clock_moved(self, seconds: float) -> None:
        """Takes note that the clock was set: all that this process was told happened `seconds` later than it seemed
        (earlier, if negative). Quarters of up to a day that this process closed become void and open again."""
        self._state = None
        self._record.clock_moved(seconds)

    def to_state(self, *, levels: bool = True) -> dict[str, object]:
        """Returns the state from which a new process goes on (`from_state`): JSON's own types, a few hundred bytes.

        Without `levels` it leaves out the level steps, which `levels` and `restore_levels` carry. While nothing
        changes, each call returns one object.
        """
        if self._state is None or self._state[0] != levels:
            self._state = (levels, self._made_state(levels=levels))
        return self._state[1]

    def _made_state(self, *, levels: bool) -> dict[str, object]:
        open_start = self._record.open_start
        history = self._energy.history if open_start is None else self._energy.history.since(open_start)
        return LedgerState(
            open_start=open_start,
            knots=[] if open_start is None else self._energy.curve.since(open_start),
            believed=self._register.believed,
            register_sum_wh=self._register_sum_wh,
            reading_times=[at for at in self._energy.reading_times if open_start and at >= open_start - NEAR_READING_S],
            levels=history.levels if levels else [],
            availability=history.availability,
            full_power=self._energy.full_power.sums,
            most_w=self._register.most_w,
            bases=self._record.bases or self._record.first_base(),
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
        """Returns a ledger that goes on from a state that `to_state` returned. The lamp is assumed to have kept its
        last known level since.

        Raises StateUnreadable if the state is damaged or of another version.
        """
        ledger = cls(name, model, burning_spans, longest_wait_s, baseline_power)
        try:
            ledger._restore(from_json(state))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            text = f"{name}: the stored energy ledger cannot be read ({error}); it begins anew with the next reading."
            raise StateUnreadable(text) from error
        return ledger

    def restore_levels(self, steps: object) -> None:
        """Restores the steps that `levels` returned, for a state that was made without them. Raises ValueError,
        TypeError or OverflowError for anything else."""
        self._state = None
        self._energy.history.levels = level_steps(steps)

    def _restore(self, state: LedgerState) -> None:
        self._record.restore(state.open_start, state.bases)
        self._energy.curve.knots = state.knots
        self._register_sum_wh = state.register_sum_wh
        if state.believed is not None:
            self._register.believed, self._register.slack_s = state.believed, CLOCKS_DIFFER_S
        self._register.most_w = state.most_w
        self._energy.reading_times = state.reading_times
        self._energy.history.levels = state.levels
        self._energy.history.availability = state.availability
        self._energy.full_power = FullPower(self._energy.declared.full_power_w, state.full_power)

    def _still_open(self, at: float) -> float:
        """Returns the instant, or the start of the oldest open quarter if that is later: closed quarters do not
        change."""
        return max(at, float(self._record.open_start or 0))

    def _take(self, believed: Stand | None, step: Step, resolution_wh: float) -> list[Anomaly]:
        """Adds to the curve a stand that the register now believes, after the stand `believed` before it. Returns the
        anomalies."""
        anomalies: list[Anomaly] = []
        last = self._energy.curve.knots[-1]
        at = max(self._record.told(step.stand.at), last.at)
        modelled_wh = last.sum_wh + self._energy.model_wh(last.at, at)
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
            if believed.at >= last.at and self._energy.history.steady_level(believed.at, at) == MAX_LEVEL:
                self._learn(rise_wh, believed.at, step.stand.at, resolution_wh)
        self._energy.curve.knots.append(knot)
        self._register_sum_wh = knot.sum_wh
        self._energy.reading_times.append(at)
        return anomalies

    def _learn(self, rise_wh: float, since: float, at: float, resolution_wh: float) -> None:
        """Learns the full power from a span at 100 %. If the clocks of two processes measured the span, it counts only
        if it fits the known full power."""
        full_power_w = self._energy.full_power.power_w
        drawn_w = rise_wh * 3600 / (at - since) if at > since else 0.0
        own = self._record.told_by_this_process(since)
        if own or full_power_w / CREDIBLE_FACTOR <= drawn_w <= full_power_w * CREDIBLE_FACTOR:
            self._energy.full_power.add(rise_wh, at - since, resolution_wh)

    def _next_end(self, upto: float) -> int | None:
        """Returns the end of the span to close next, or None if it must wait."""
        open_start = self._record.open_start
        if open_start is None:
            return None
        known_until = upto - self.longest_wait_s
        if self._register.believed is not None:
            known_until = max(known_until, self._record.in_order(self._register.believed.at))
        left_s = known_until - open_start
        if left_s < QUARTER_S:
            return None
        day_end = open_start + DAY_S
        if left_s >= LONG_GAP_S and open_start % DAY_S == 0 and not self._energy.read_between(open_start, day_end):
            return day_end
        return open_start + QUARTER_S
