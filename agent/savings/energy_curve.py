"""A luminaire's energy as a growing sum: known at knots, and shared out between them by its power model."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import NamedTuple

from agent.savings.intervals import overlap_s

# Returns the energy in Wh that the power model gives between two instants.
ModelEnergy = Callable[[float, float], float]


class Knot(NamedTuple):
    """The sum at an instant (Unix seconds). `metered` says that the register covers the span before it. `reported` says
    that it is the boundary of a quarter, and that its sum is on record."""

    at: float
    sum_wh: float
    metered: bool
    reported: bool = False


class EnergyCurve:
    """The knots in order of time. Several knots may stand at one instant: the sum then jumps. A curve that was begun
    is never empty."""

    def __init__(self, knots: Iterable[Knot] = ()) -> None:
        self.knots = list(knots)

    def sum_wh(self, at: float, model_wh: ModelEnergy) -> float:
        """Returns the sum in Wh at an instant. Before the first knot it is the first knot's sum; after the last knot
        the model adds to the last knot's sum."""
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
        """Returns how many of the seconds from `start` to `end` the register covers."""
        first = max(0, bisect_left(self.knots, start, key=_at) - 1)
        until = bisect_left(self.knots, end, key=_at) + 1
        return sum(overlap_s(a.at, b.at, start, end) for a, b in pairwise(self.knots[first:until]) if b.metered)

    def report(self, boundary: float, sum_wh: float) -> int:
        """Adds a knot for a boundary whose sum is on record, so that later readings cannot move it. Returns the index
        of the new knot."""
        after = bisect_left(self.knots, boundary, key=_at)
        metered = after < len(self.knots) and self.knots[after].metered
        self.knots.insert(after, Knot(boundary, sum_wh, metered, reported=True))
        return after

    def reported_before(self, at: float) -> Knot | None:
        """Returns the newest boundary on record at or before an instant, or None."""
        upto = bisect_right(self.knots, at, key=_at)
        return next((knot for knot in reversed(self.knots[:upto]) if knot.reported), None)

    def since(self, at: float) -> list[Knot]:
        """Returns the knots that give the curve from an instant on."""
        return self.knots[self._needed_from(at) :]

    def forget_before(self, at: float) -> int:
        """Drops the knots that the curve does not need from an instant on. Returns how many it dropped."""
        dropped = self._needed_from(at)
        del self.knots[:dropped]
        return dropped

    def _needed_from(self, at: float) -> int:
        # If several knots stand at this instant, the sum jumps there: keep all of them.
        after = bisect_left(self.knots, at, key=_at)
        return after if after < len(self.knots) and self.knots[after].at == at else max(0, after - 1)


def _at(knot: Knot) -> float:
    return knot.at
