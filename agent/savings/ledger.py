"""A luminaire's energy ledger: readings of a growing register (DiiA part 252, bank 202) in, quarters of an hour out.

The register counts whole steps of its resolution and is read at odd moments. Between two good readings the lamp's power
model shares the counted energy out, so a quarter's energy is a difference of one growing sum: nothing is lost or
counted twice, and the register's floor moves any run of quarters by less than one step. A reported boundary is frozen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isnan
from typing import Any

from agent.savings.full_power import FullPower
from agent.savings.intervals import (
    QUARTER_S,
    Anomaly,
    BurningSpans,
    FullPowerSource,
    Interval,
    Quality,
    overlap_s,
    quarter_start,
)
from agent.savings.level_history import AvailabilityStep, LevelHistory, LevelStep
from agent.savings.power_model import PowerModel

# A boundary this close to a good reading counts as metered: a sweep of a full bus takes up to a minute (64 gear).
NEAR_READING_S = 120
# After so long without a reading a quarter is closed by the model alone.
LONGEST_WAIT_S = 6 * 3600
# A lamp never draws more than this many times its full power: a register that says so is another register, or torn.
POSSIBLE_FACTOR = 2.0
# Reported energy is rounded to 1 mWh, as a difference of rounded sums, so that roundings do not add up.
DECIMALS = 3

STATE_VERSION = 1


class StateUnreadable(ValueError):
    """A stored ledger state is damaged or of another version: start this luminaire's ledger anew."""


@dataclass(frozen=True)
class _Knot:
    """The luminaire's sum at an instant. `metered`: the span before it is covered by the register."""

    at: float
    sum_wh: float
    metered: bool


@dataclass(frozen=True)
class _Register:
    """The newest good reading, and the luminaire's sum that belongs to it."""

    at: float
    energy_wh: float
    sum_wh: float


class LuminaireLedger:
    """Turns one luminaire's levels, readings and availability into intervals.

    Times are Unix seconds. The first quarter is the one that begins at most two minutes before the first thing told.
    Tell what happened in order of time, readings before `close`; after a restart read the register before `close`.
    A reading that failed needs no call: its absence widens the interpolation and lowers the quality by itself.
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
        self._declared = model
        self._burning_spans = burning_spans
        self._longest_wait_s = longest_wait_s
        self._baseline_power = baseline_power
        self._history = LevelHistory(model.min_level)
        self._full_power = FullPower(model.full_power_w)
        self._open_start: int | None = None
        self._knots: list[_Knot] = []
        self._register: _Register | None = None
        self._reading_times: list[float] = []

    @property
    def open_start(self) -> int | None:
        """Start of the oldest quarter that is not closed yet; None before anything was told."""
        return self._open_start

    @property
    def newest_at(self) -> float | None:
        """The newest instant on record; None before anything was told."""
        return self._knots[-1].at if self._knots else None

    def anew(self) -> LuminaireLedger:
        """A ledger of the same luminaire that knows nothing yet."""
        return LuminaireLedger(
            self.name, self._declared, self._burning_spans, self._longest_wait_s, self._baseline_power
        )

    @property
    def full_power_w(self) -> float:
        """Power at 100 %: the board's, until half an hour of it has been metered."""
        return self._full_power.power_w

    @property
    def model(self) -> PowerModel:
        """The power model as far as it is known by now."""
        return replace(self._declared, full_power_w=self._full_power.power_w)

    def level(self, at: float, level: int, fade_s: float = 0.0) -> None:
        """From `at` on the lamp moves to `level` (0-254) in `fade_s` seconds. Raises ValueError outside of that."""
        self._begin(at)
        self._history.add_level(at, level, fade_s)

    def available(self, at: float, available: bool, power_w: float | None = None) -> None:
        """From `at` on the lamp could burn, or could not: lamp failure, lost mains, gear that does not answer.

        Give as `at` the last proof of the state before (the last good status), even if it is in the past: what is
        already closed stays as it is. `power_w` is what the luminaire draws meanwhile, where that is known (0 without
        mains, standby with a failed lamp); None leaves it to the level.
        """
        start = self._begin(at)
        self._history.add_availability(max(at, float(start)), available, power_w)

    def outage(self, since: float | None, until: float) -> None:
        """The lamp has been without mains in between: it could not burn, and drew nothing. `since` is the last proof
        that it had mains; None: the last good reading."""
        begun = self._begin(until)
        if since is None:
            since = self._register.at if self._register is not None else float(begun)
        if since < until:
            self._history.add_availability(max(since, float(begun)), False, 0.0)
            self._history.add_availability(until, True, None)

    def is_plausible(self, at: float, energy_wh: float, resolution_wh: float) -> bool:
        """Whether the register may stand there by now. If not, read it once more before `reading` is to believe it.

        Six bytes read one by one can tear at a carry; a second reading tells that from a new register.
        """
        return self._register is None or self._step_anomaly(self._register, at, energy_wh, resolution_wh) is None

    def reading(self, at: float, energy_wh: float, resolution_wh: float) -> list[Anomaly]:
        """Takes the register's value (Wh, floored to `resolution_wh`) at the instant `at`; returns what was odd.

        A reading no later than what is known is refused. A register that fell or jumped splits the record there: the
        span before it is modelled, and the sum goes on with the new register.
        """
        self._begin(at)
        last, register = self._knots[-1], self._register
        if at < last.at or (at == last.at and register is not None):
            text = f"{self.name}: a reading of {last.at - at:.0f} s before the newest one was refused; check the clock."
            return [Anomaly(at, "clockRanBackward", text)]
        anomalies: list[Anomaly] = []
        modelled_wh = last.sum_wh + self._history.energy_wh(self.model, last.at, at)
        if register is None:
            knot = _Knot(at, modelled_wh, metered=False)
        elif replaced := self._step_anomaly(register, at, energy_wh, resolution_wh):
            anomalies.append(replaced)
            knot = _Knot(at, modelled_wh, metered=False)
        else:
            sum_wh = register.sum_wh + energy_wh - register.energy_wh
            if sum_wh < last.sum_wh - resolution_wh:
                text = (
                    f"{self.name}: quarters without readings were closed with {last.sum_wh - sum_wh:.1f} Wh too much."
                )
                anomalies.append(Anomaly(at, "modelledTooHigh", text))
            knot = _Knot(at, max(sum_wh, last.sum_wh), metered=True)
            if register.at >= last.at and self._history.steady_level(register.at, at) == 254:
                self._full_power.add(energy_wh - register.energy_wh, at - register.at, resolution_wh)
        self._knots.append(knot)
        self._register = _Register(at, energy_wh, knot.sum_wh)
        self._reading_times.append(at)
        return anomalies

    def close(self, upto: float) -> list[Interval]:
        """The quarters that are complete by `upto`: a good reading lies past them, or they have waited too long.

        Store them in one transaction with `to_state`: so a crash neither loses nor doubles one.
        """
        closed: list[Interval] = []
        while self._open_start is not None:
            end = self._open_start + QUARTER_S
            read_past_it = self._register is not None and self._register.at >= end
            if not read_past_it and upto < end + self._longest_wait_s:
                break
            closed.append(self._close_quarter(self._open_start, end))
        return closed

    def to_state(self) -> dict[str, object]:
        """What a new process needs to go on: JSON-able, a few hundred bytes. See `from_state`."""
        register = self._register
        return {
            "version": STATE_VERSION,
            "open_start": self._open_start,
            "knots": [[knot.at, knot.sum_wh, knot.metered] for knot in self._knots],
            "register": None if register is None else [register.at, register.energy_wh, register.sum_wh],
            "reading_times": list(self._reading_times),
            "levels": [[step.at, step.start_level, step.level, step.fade_s] for step in self._history.levels],
            "availability": [[step.at, step.available, step.power_w] for step in self._history.availability],
            "full_power": self._full_power.to_state(),
        }

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
            if state["version"] != STATE_VERSION:
                raise ValueError(f"version {state['version']}")
            ledger._open_start = None if state["open_start"] is None else int(state["open_start"])
            ledger._knots = [_Knot(float(at), float(sum_wh), bool(metered)) for at, sum_wh, metered in state["knots"]]
            if state["register"] is not None:
                ledger._register = _Register(*(float(number) for number in state["register"]))
            ledger._reading_times = [float(at) for at in state["reading_times"]]
            ledger._history.levels = [
                LevelStep(float(at), float(start_level), int(level), float(fade_s))
                for at, start_level, level, fade_s in state["levels"]
            ]
            ledger._history.availability = [
                AvailabilityStep(float(at), bool(available), None if power_w is None else float(power_w))
                for at, available, power_w in state["availability"]
            ]
            energy_wh, seconds, resolution_wh = state["full_power"]
            sums = (float(energy_wh), float(seconds), float(resolution_wh))
            ledger._full_power = FullPower(model.full_power_w, sums)
            times = [knot.at for knot in ledger._knots]
            if times != sorted(times) or any(isnan(at) for at in times):
                raise ValueError("times out of order")
            if ledger._open_start is None:
                consistent = not times
            else:
                consistent = bool(times) and 0 <= ledger._open_start - times[0] < QUARTER_S
            if not consistent:
                raise ValueError("the open quarter has no sum")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            text = f"{name}: the stored energy ledger cannot be read ({error}); it begins anew with the next reading."
            raise StateUnreadable(text) from error
        return ledger

    def _begin(self, at: float) -> int:
        """Opens the first quarter with the first thing told; returns the open quarter's start."""
        if self._open_start is None:
            begun = quarter_start(at)
            self._open_start = begun if at - begun <= NEAR_READING_S else begun + QUARTER_S
            self._knots = [_Knot(min(at, float(self._open_start)), 0.0, metered=False)]
        return self._open_start

    def _step_anomaly(self, register: _Register, at: float, energy_wh: float, resolution_wh: float) -> Anomaly | None:
        step_wh = energy_wh - register.energy_wh
        if step_wh < 0:
            text = f"{self.name}: its energy register fell by {-step_wh:.1f} Wh; was the gear replaced or reset?"
            return Anomaly(at, "registerReplaced", text)
        full_power_w = max(self._declared.full_power_w, self._full_power.power_w)
        possible_wh = POSSIBLE_FACTOR * full_power_w * (at - register.at) / 3600 + 2 * resolution_wh
        if step_wh > possible_wh:
            text = (
                f"{self.name}: its energy register rose by {step_wh:.1f} Wh where {possible_wh:.1f} Wh are possible; "
                "was the gear replaced?"
            )
            return Anomaly(at, "registerJumped", text)
        return None

    def _close_quarter(self, start: int, end: int) -> Interval:
        end_wh = self._sum_wh(end)
        actual_wh = round(round(end_wh, DECIMALS) - round(self._sum_wh(start), DECIMALS), DECIMALS)
        available = self._history.available_spans(start, end)
        burning = self._burning_spans(start, end)
        burning_s = sum(overlap_s(*one, *other) for one in available for other in burning)
        measured = self._baseline_power == "measured" and self._full_power.source == "measured"
        full_power_w = self._full_power.power_w if measured else self._declared.full_power_w
        metered_s = sum(overlap_s(a.at, b.at, start, end) for a, b in pairwise(self._knots) if b.metered)
        interval = Interval(
            luminaire=self.name,
            start=start,
            duration_s=end - start,
            actual_wh=actual_wh,
            baseline_wh=round(full_power_w * burning_s / 3600, DECIMALS),
            quality=self._quality(start, end, metered_s),
            coverage=round(metered_s / (end - start), 4),
            available_s=round(sum(b - a for a, b in available), DECIMALS),
            full_power_w=round(full_power_w, DECIMALS),
            full_power_source="measured" if measured else "declared",
        )
        self._freeze(end, end_wh)
        return interval

    def _quality(self, start: int, end: int, metered_s: float) -> Quality:
        if metered_s < end - start - NEAR_READING_S:
            return "modelled"
        near = all(any(abs(at - boundary) <= NEAR_READING_S for at in self._reading_times) for boundary in (start, end))
        return "metered" if near else "interpolated"

    def _sum_wh(self, at: float) -> float:
        """The luminaire's sum at an instant: between two knots, shared out as the model has it."""
        for a, b in pairwise(self._knots):
            if at < b.at:
                whole_wh = self._history.energy_wh(self.model, a.at, b.at)
                if whole_wh > 0:
                    share = self._history.energy_wh(self.model, a.at, at) / whole_wh
                else:
                    share = (at - a.at) / (b.at - a.at)
                return a.sum_wh + (b.sum_wh - a.sum_wh) * share
        last = self._knots[-1]
        return last.sum_wh + self._history.energy_wh(self.model, last.at, at)

    def _freeze(self, boundary: int, sum_wh: float) -> None:
        """Ends the quarter: its sum is final, and what only it needed is forgotten."""
        metered = next((b.metered for b in self._knots if b.at >= boundary), False)
        later = [knot for knot in self._knots if knot.at > boundary]
        self._knots = [_Knot(float(boundary), sum_wh, metered), *later]
        self._history.forget_before(boundary)
        earlier = [at for at in self._reading_times if at <= boundary]
        self._reading_times = [*earlier[-1:], *(at for at in self._reading_times if at > boundary)]
        self._open_start = boundary
