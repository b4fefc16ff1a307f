"""Collects the facts about a lamp's energy, and makes the intervals of its quarters from them."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace

from agent.savings.energy_curve import EnergyCurve
from agent.savings.full_power import FullPower
from agent.savings.intervals import BurningSpans, FullPowerSource, Interval, Quality, overlap_s
from agent.savings.level_history import LevelHistory
from agent.savings.power_model import PowerModel

# Seconds. A boundary this close to a good reading counts as metered: a sweep of a full bus (64 gear) takes up to a
# minute.
NEAR_READING_S = 120
# Reported energy is rounded to 1 mWh. It is a difference of rounded sums, so that rounding errors do not add up.
DECIMALS = 3


class LampEnergy:
    """The facts about a lamp's energy: its growing sum (`curve`), the levels that the lamp was sent (`history`), its
    power at 100 %, and the times of the good readings of its register (`reading_times`, Unix seconds in order)."""

    def __init__(
        self, name: str, model: PowerModel, burning_spans: BurningSpans, baseline_power: FullPowerSource
    ) -> None:
        """Takes the declared power model. If `baseline_power` is "declared", the baseline keeps to the model's full
        power; if it is "measured", it uses the metered power once that is known."""
        self.name = name
        self.declared = self._model = model
        self._burning_spans = burning_spans
        self._baseline_power = baseline_power
        self.history = LevelHistory(model.min_level)
        self.full_power = FullPower(model.full_power_w)
        self.curve = EnergyCurve()
        self.reading_times: list[float] = []

    @property
    def model(self) -> PowerModel:
        """The power model, with the measured full power once that is known."""
        if self._model.full_power_w != self.full_power.power_w:
            self._model = replace(self.declared, full_power_w=self.full_power.power_w)
        return self._model

    def model_wh(self, start: float, end: float) -> float:
        """Returns the energy in Wh that the model gives for the lamp's levels between two instants."""
        return self.history.energy_wh(self.model, start, end)

    def sum_wh(self, at: float) -> float:
        """Returns the growing sum in Wh at an instant."""
        return self.curve.sum_wh(at, self.model_wh)

    def read_between(self, start: float, end: float) -> bool:
        """Returns whether there is a good reading from `start` to `end`, both included."""
        first = bisect_left(self.reading_times, start)
        return first < len(self.reading_times) and self.reading_times[first] <= end

    def interval(self, start: int, end: int, end_wh: float) -> Interval:
        """Returns the record of the span from `start` to `end`. The growing sum is `end_wh` at its end."""
        start_wh = self.sum_wh(start)
        # After the clock was set, the curve may begin within a quarter.
        known_from = max(float(start), self.curve.knots[0].at)
        available = self.history.available_spans(known_from, end) if known_from < end else []
        burning = self._burning_spans(start, end)
        burning_s = sum(overlap_s(*one, *other) for one in available for other in burning)
        measured = self._baseline_power == "measured" and self.full_power.source == "measured"
        full_power_w = self.full_power.power_w if measured else self.declared.full_power_w
        metered_s = self.curve.metered_s(start, end)
        return Interval(
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

    def forget_before(self, at: float) -> int:
        """Drops all that no instant from `at` on needs. Returns how many knots of the curve it dropped."""
        self.history.forget_before(at)
        self.reading_times = self.reading_times[bisect_left(self.reading_times, at - NEAR_READING_S) :]
        return self.curve.forget_before(at)

    def _quality(self, start: int, end: int, metered_s: float) -> Quality:
        if metered_s < end - start - NEAR_READING_S:
            return "modelled"
        near = all(self.read_between(at - NEAR_READING_S, at + NEAR_READING_S) for at in (start, end))
        return "metered" if near else "interpolated"
