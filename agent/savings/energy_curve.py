"""A luminaire's energy as a growing sum: known at knots, shared out between them as its power model has it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import NamedTuple

from agent.savings.intervals import overlap_s

# The model's energy, in Wh, between two instants.
ModelEnergy = Callable[[float, float], float]


class Knot(NamedTuple):
    """The sum at an instant. `metered`: the register covers the span before it. `reported`: a quarter's boundary, whose
    sum was shared out and is on record."""

    at: float
    sum_wh: float
    metered: bool
    reported: bool = False


class EnergyCurve:
    """Knots in order of time; at one instant the sum may also jump. Never empty once it was begun."""

    def __init__(self, knots: Iterable[Knot] = ()) -> None:
        self.knots = list(knots)

    def sum_wh(self, at: float, model_wh: ModelEnergy) -> float:
        """The sum at an instant: before the first knot it is that one's, after the last one the model goes on."""
        after = bisect_left(self.knots, at, key=_at)
        if after == len(self.knots):
            last = self.knots[-1]
            return last.sum_wh + model_wh(last.at, at)
        b = self.knots[after]
        if after == 0 or b.at == at:
            return b.sum_wh
        a = self.knots[after - 1]
        whole_wh = model_wh(a.at, b.at)
        share = model_wh(a.at, at) / whole_wh if whole_wh > 0 else (at - a.at) / (b.at - a.at)
        return a.sum_wh + (b.sum_wh - a.sum_wh) * share

    def metered_s(self, start: float, end: float) -> float:
        """How many of these seconds the register covers."""
        first = max(0, bisect_left(self.knots, start, key=_at) - 1)
        until = bisect_left(self.knots, end, key=_at) + 1
        return sum(overlap_s(a.at, b.at, start, end) for a, b in pairwise(self.knots[first:until]) if b.metered)

    def report(self, boundary: float, sum_wh: float) -> int:
        """The sum at this boundary is on record: later readings must not move it. Returns the place of the new knot."""
        after = bisect_left(self.knots, boundary, key=_at)
        metered = after < len(self.knots) and self.knots[after].metered
        self.knots.insert(after, Knot(boundary, sum_wh, metered, reported=True))
        return after

    def reported_before(self, at: float) -> Knot | None:
        """The newest boundary on record up to an instant."""
        upto = bisect_right(self.knots, at, key=_at)
        return next((knot for knot in reversed(self.knots[:upto]) if knot.reported), None)

    def since(self, at: float) -> list[Knot]:
        """The knots that the curve needs from an instant on."""
        return self.knots[self._needed_from(at) :]

    def forget_before(self, at: float) -> int:
        """Drops what the curve does not need from an instant on; returns how many knots that were."""
        dropped = self._needed_from(at)
        del self.knots[:dropped]
        return dropped

    def _needed_from(self, at: float) -> int:
        # Where several stand at this instant, the sum jumps there: from the first one on.
        after = bisect_left(self.knots, at, key=_at)
        return after if after < len(self.knots) and self.knots[after].at == at else max(0, after - 1)


def _at(knot: Knot) -> float:
    return knot.at
