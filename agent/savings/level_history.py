"""The levels that a lamp was sent, with their fades, and the spans in which it could not burn.

A fade runs evenly in level steps, from the level that holds when the command comes (IEC 62386-102 clause 9.5).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TypeVar

from agent.savings.power_model import MAX_LEVEL, PowerModel

# Beyond this many steps the older half is dropped: they decide only how counted energy is shared out over time.
MOST_STEPS = 2000


@dataclass(frozen=True, slots=True)
class LevelStep:
    """From `at` (Unix seconds) the gear moves from `start_level` to `level` in `fade_s` seconds, and stays there."""

    at: float
    start_level: float
    level: int
    fade_s: float


@dataclass(frozen=True, slots=True)
class AvailabilityStep:
    """From `at` (Unix seconds) the lamp is available or not. It then draws `power_w`, or the power of its level if that
    is None."""

    at: float
    available: bool
    power_w: float | None


Step = TypeVar("Step", LevelStep, AvailabilityStep)


@dataclass
class LevelHistory:
    """The steps of a lamp, in order of time. Before the first step the lamp is assumed to be available and to stand at
    the level of that step."""

    min_level: int
    levels: list[LevelStep] = field(default_factory=list)
    availability: list[AvailabilityStep] = field(default_factory=list)

    def add_level(self, at: float, level: int, fade_s: float) -> None:
        """Appends a level command. A time before the newest step counts as the time of that step, and the later call
        wins.

        Raises ValueError for a level outside 0-254 or a negative fade.
        """
        if not 0 <= level <= MAX_LEVEL or fade_s < 0:
            raise ValueError(
                f"level {level} with a fade of {fade_s} s: give a level of 0-254 and a fade of at least 0 s."
            )
        if not self.levels:
            self.levels.append(LevelStep(at, float(level), level, 0.0))
            return
        last = self.levels[-1]
        at = max(at, last.at)
        if level == last.level and at >= last.at + last.fade_s:
            return  # the lamp stands at this level already
        start_level = self._level_in(last, at)
        if start_level < 1:
            start_level = float(self.min_level) if fade_s else 0.0
        self.levels.append(LevelStep(at, start_level, level, fade_s))
        if len(self.levels) > MOST_STEPS:
            del self.levels[: MOST_STEPS // 2]

    def add_availability(self, at: float, available: bool, power_w: float | None) -> None:
        """Appends a change of availability. A change at or before the newest change replaces it."""
        if self.availability and at <= self.availability[-1].at:
            at = self.availability.pop().at
        previous = self.availability[-1] if self.availability else AvailabilityStep(at, True, None)
        if (available, power_w) != (previous.available, previous.power_w):
            self.availability.append(AvailabilityStep(at, available, power_w))
            if len(self.availability) > MOST_STEPS:
                del self.availability[: MOST_STEPS // 2]

    def energy_wh(self, model: PowerModel, start: float, end: float) -> float:
        """Returns the energy in Wh that the model gives between two instants."""
        total_wh = 0.0
        for span_start, span_end, step in self._availability_spans(start, end):
            if step is not None and step.power_w is not None:
                total_wh += step.power_w * (span_end - span_start) / 3600
            else:
                total_wh += self._lit_energy_wh(model, span_start, span_end)
        return total_wh

    def available_spans(self, start: float, end: float) -> list[tuple[float, float]]:
        """Returns the spans between two instants in which the lamp could burn."""
        return [(a, b) for a, b, step in self._availability_spans(start, end) if step is None or step.available]

    def steady_level(self, start: float, end: float) -> int | None:
        """Returns the level at which an available lamp stood from `start` to `end`, or None if it moved, was not
        available, or its level is not known."""
        if any(step is not None and (not step.available or step.power_w is not None)
               for _, _, step in self._availability_spans(start, end)):  # fmt: skip
            return None
        newest = self._newest(self.levels, start)
        if newest is None or self._between(self.levels, start, end):
            return None
        return newest.level if newest.at + newest.fade_s <= start else None

    def since(self, at: float) -> LevelHistory:
        """Returns the part of the history that the instants from `at` on need."""
        levels = self.levels[max(0, bisect_right(self.levels, at, key=_at) - 1) :]
        availability = self.availability[max(0, bisect_right(self.availability, at, key=_at) - 1) :]
        if len(availability) == 1 and availability[0] == AvailabilityStep(availability[0].at, True, None):
            availability = []
        return LevelHistory(self.min_level, levels, availability)

    def forget_before(self, at: float) -> None:
        """Drops the steps that no instant from `at` on needs."""
        kept = self.since(at)
        self.levels, self.availability = kept.levels, kept.availability

    def not_after(self, at: float) -> LevelHistory:
        """Returns the history with later steps moved back to `at`: a clock that was ahead gave them their time."""
        levels = [replace(step, at=min(step.at, at)) for step in self.levels]
        availability = [replace(step, at=min(step.at, at)) for step in self.availability]
        return LevelHistory(self.min_level, levels, availability)

    def moved(self, own_from: float, delta_s: float, not_before: float) -> LevelHistory:
        """Returns the history after a clock was set.

        Steps from `own_from` on move by `delta_s` seconds, but not to before `not_before`. Earlier steps stay, unless
        they would now come after the moved ones.
        """
        until = max(own_from + delta_s, not_before)

        def steps_moved(steps: list[Step]) -> list[Step]:
            kept = [step for step in steps if step.at < own_from and step.at <= until]
            own = [replace(step, at=max(step.at + delta_s, not_before)) for step in steps if step.at >= own_from]
            return kept + own

        return LevelHistory(self.min_level, steps_moved(self.levels), steps_moved(self.availability))

    def _lit_energy_wh(self, model: PowerModel, start: float, end: float) -> float:
        if not self.levels:
            return model.full_power_w * (end - start) / 3600  # an unknown level counts as lit
        cuts = [start, *(step.at for step in self._between(self.levels, start, end)), end]
        return sum(self._step_energy_wh(model, a, b) for a, b in pairwise(cuts))

    def _step_energy_wh(self, model: PowerModel, start: float, end: float) -> float:
        """Returns the energy in Wh of a span within which no new command came."""
        step = self._newest(self.levels, start)
        if step is None:
            return model.power_w(self.levels[0].level) * (end - start) / 3600
        fade_end = min(max(start, step.at + step.fade_s), end)
        total_wh = model.power_w(step.level) * (end - fade_end) / 3600
        if fade_end > start:
            slope = (self._fade_target(step) - step.start_level) / step.fade_s
            fade_start_level = step.start_level + slope * (start - step.at)
            fade_end_level = step.start_level + slope * (fade_end - step.at)
            total_wh += model.fade_energy_wh(fade_start_level, fade_end_level, fade_end - start)
        return total_wh

    def _fade_target(self, step: LevelStep) -> float:
        """Returns the level at which a fade ends. A fade to "off" ends at the lowest level, and the lamp is then
        off."""
        return float(step.level if step.level else self.min_level)

    def _level_in(self, step: LevelStep, at: float) -> float:
        if at >= step.at + step.fade_s:
            return float(step.level)
        return step.start_level + (self._fade_target(step) - step.start_level) * (at - step.at) / step.fade_s

    def _availability_spans(self, start: float, end: float) -> list[tuple[float, float, AvailabilityStep | None]]:
        cuts = [start, *(step.at for step in self._between(self.availability, start, end)), end]
        return [(a, b, self._newest(self.availability, a)) for a, b in pairwise(cuts)]

    def _newest(self, steps: list[Step], at: float) -> Step | None:
        """Returns the step that holds at an instant, or None before the first one."""
        following = bisect_right(steps, at, key=_at)
        return steps[following - 1] if following else None

    def _between(self, steps: list[Step], start: float, end: float) -> list[Step]:
        """Returns the steps within a span, without those at its ends."""
        return steps[bisect_right(steps, start, key=_at) : bisect_left(steps, end, key=_at)]


def _at(step: LevelStep | AvailabilityStep) -> float:
    return step.at
