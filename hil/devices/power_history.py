"""A gear's electrical life as a log of changes, which gives the exact energy at any past instant.

No timer runs: between two changes the lamp is dark, in standby, steady or in a single fade, and the integral of each is
known in closed form.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from enum import Enum

from hil.devices.power_curve import PowerCurve, light_fraction

KEPT_SEGMENTS = 200_000
"""Changes that are kept; beyond that, the older half is forgotten, because an emulator may run for months."""

POINTS_A_FADE = 12
"""Points that `PowerHistory.points` gives for a fade, ends included."""


class Feed(Enum):
    """The state in which the gear draws power."""

    NONE = "no mains, or a dead gear: nothing is drawn"
    STANDBY = "mains, but no light"
    LIT = "mains and light"


@dataclass(slots=True)
class Segment:
    """The time from `start` to the next segment: a fade from `start_level` to `end_level` that lasts until `end`, then
    a steady level."""

    start: float
    feed: Feed
    start_level: float
    end_level: float
    end: float
    linear: bool
    energy_wh: float
    powered_s: float
    lit_s: float


@dataclass(frozen=True)
class CurvePoint:
    """One point of a plot: loop time, DALI level (fractional in a fade; 0 = dark), power in W."""

    time: float
    level: float
    power_w: float


class PowerHistory:
    """The log of one gear. Its energy counts on from `first_energy_wh`, the register when the emulator starts."""

    def __init__(
        self, curve: PowerCurve, start: float, *, first_energy_wh: float, powered_s: float, lit_s: float
    ) -> None:
        self.curve = curve
        self.lamp_starts = 0
        self._segments = [Segment(start, Feed.NONE, 0.0, 0.0, start, False, first_energy_wh, powered_s, lit_s)]

    def record(
        self, now: float, feed: Feed, start_level: float, end_level: float, end: float, *, linear: bool = False
    ) -> None:
        """Records a change at `now`, which is never before the last change. A repetition is not written down."""
        last = self._segments[-1]
        if last.feed is feed and last.linear is linear:
            if feed is not Feed.LIT:
                return
            if last.end <= now and end <= now and last.end_level == end_level:
                return
        if feed is Feed.LIT and last.feed is not Feed.LIT:
            self.lamp_starts += 1
        segment = Segment(
            now, feed, start_level, end_level, end, linear,
            self._energy(last, now), self._powered(last, now), self._lit(last, now),
        )  # fmt: skip
        if now <= last.start and len(self._segments) > 1:
            self._segments[-1] = segment
        else:
            self._segments.append(segment)
        if len(self._segments) > KEPT_SEGMENTS:
            del self._segments[: KEPT_SEGMENTS // 2]

    def energy_wh(self, at: float) -> float:
        """Returns the integral of power up to the instant `at`, in Wh. Raises ValueError before the oldest change."""
        return self._energy(self._at(at), at)

    def power_w(self, at: float) -> float:
        segment = self._at(at)
        if segment.feed is Feed.LIT:
            return self.curve.power_w(self._level(segment, at), linear=segment.linear)
        return self.curve.standby_w if segment.feed is Feed.STANDBY else 0.0

    def lit_level(self, at: float) -> float:
        """Returns the level at which the lamp really burns; 0 if it gives no light."""
        segment = self._at(at)
        return self._level(segment, at) if segment.feed is Feed.LIT else 0.0

    def light(self, at: float) -> float:
        """Returns the share of full light, 0..1."""
        return light_fraction(self.lit_level(at), linear=self._at(at).linear)

    def powered_s(self, at: float) -> float:
        return self._powered(self._at(at), at)

    def lit_s(self, at: float) -> float:
        return self._lit(self._at(at), at)

    def points(self, until: float) -> list[CurvePoint]:
        """Returns level and power from the first change to `until`: the corners of the course, and more points along
        each fade."""
        points: list[CurvePoint] = []
        for number, segment in enumerate(self._segments):
            stop = self._segments[number + 1].start if number + 1 < len(self._segments) else until
            fade_end = min(segment.end, stop)
            times = [segment.start]
            if segment.feed is Feed.LIT and fade_end > segment.start:
                share = (fade_end - segment.start) / (POINTS_A_FADE - 1)
                times = [segment.start + share * step for step in range(POINTS_A_FADE)]
            if stop > times[-1]:
                times.append(stop)
            points += [CurvePoint(time, self._drawn_level(segment, time), self._watts(segment, time)) for time in times]
        return points

    def _at(self, at: float) -> Segment:
        last = self._segments[-1]
        if at >= last.start:
            return last
        index = bisect_right(self._segments, at, key=lambda segment: segment.start) - 1
        if index < 0:
            first = self._segments[0].start
            raise ValueError(
                f"the emulated gear remembers nothing before loop time {first:.3f} s, asked for {at:.3f} s"
            )
        return self._segments[index]

    def _level(self, segment: Segment, at: float) -> float:
        if at >= segment.end:
            return segment.end_level
        share = (at - segment.start) / (segment.end - segment.start)
        return segment.start_level + share * (segment.end_level - segment.start_level)

    def _drawn_level(self, segment: Segment, at: float) -> float:
        return self._level(segment, at) if segment.feed is Feed.LIT else 0.0

    def _watts(self, segment: Segment, at: float) -> float:
        if segment.feed is Feed.LIT:
            return self.curve.power_w(self._level(segment, at), linear=segment.linear)
        return self.curve.standby_w if segment.feed is Feed.STANDBY else 0.0

    def _energy(self, segment: Segment, at: float) -> float:
        if segment.feed is Feed.NONE:
            return segment.energy_wh
        if segment.feed is Feed.STANDBY:
            return segment.energy_wh + self.curve.standby_w * (at - segment.start) / 3600.0
        energy_wh = segment.energy_wh
        fade_until = min(at, segment.end)
        if fade_until > segment.start:
            reached = self._level(segment, fade_until)
            duration_s = fade_until - segment.start
            energy_wh += self.curve.ramp_wh(segment.start_level, reached, duration_s, linear=segment.linear)
        steady_s = at - max(segment.start, segment.end)
        if steady_s > 0:
            energy_wh += self.curve.power_w(segment.end_level, linear=segment.linear) * steady_s / 3600.0
        return energy_wh

    def _powered(self, segment: Segment, at: float) -> float:
        return segment.powered_s + (at - segment.start if segment.feed is not Feed.NONE else 0.0)

    def _lit(self, segment: Segment, at: float) -> float:
        return segment.lit_s + (at - segment.start if segment.feed is Feed.LIT else 0.0)
