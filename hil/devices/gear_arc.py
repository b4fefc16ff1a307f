"""Arc power of control gear (IEC 62386-102, clause 9): levels, fades, limits and the DAPC sequence.

A fade is a straight line along the levels in time. The present level is computed when it is asked for.
"""

from __future__ import annotations

from hil.devices.gear_variables import FADE_RATE_STEPS_S, MASK, Variables

NEVER = float("inf")
SEQUENCE_S = 0.2
"""A DAPC sequence lasts while its commands come at most this far apart. Each of them fades this long, as UP and DOWN
do."""


class ArcPower:
    """The arc power level as a function of time. Each method takes `now` in loop seconds, which never goes backward."""

    def __init__(self, variables: Variables, level: int, now: float) -> None:
        self.variables = variables
        self.limit_error = False
        self.target_level = level
        self.start = self.end = now
        self.start_level = self.end_level = float(level)
        self.off_at = NEVER
        self._sequence_until = -NEVER

    def position(self, now: float) -> float:
        """Returns the level, fractional during a fade; 0 is off."""
        if now >= self.off_at:
            return 0.0
        if now >= self.end:
            return self.end_level
        share = (now - self.start) / (self.end - self.start)
        return self.start_level + share * (self.end_level - self.start_level)

    def level(self, now: float) -> int:
        """Returns actualLevel, the nearest whole level."""
        return round(self.position(now))

    def fading(self, now: float) -> bool:
        return now < self.end or now < self.off_at < NEVER

    def switch_off_if_due(self, now: float) -> bool:
        """Ends a fade to off once its time has come. Returns True if the lamp went out now (at `off_at`)."""
        if now < self.off_at:
            return False
        self.start = self.end = self.off_at
        self.start_level = self.end_level = 0.0
        self.off_at = NEVER
        return True

    def dapc(self, level: int, now: float) -> None:
        """Obeys DIRECT ARC POWER CONTROL: fades to the level. MASK stops a fade; 0 fades to the minimum, then off."""
        if now <= self._sequence_until:
            self._sequence_until = now + SEQUENCE_S
            self._head_for(level, SEQUENCE_S, now)
        else:
            self._head_for(level, self.variables.fade_s(), now)

    def begin_sequence(self, now: float) -> None:
        self._sequence_until = now + SEQUENCE_S

    def go_to(self, level: int, now: float, *, fade: bool = False) -> None:
        """Goes to `level` within the limits, at once or in the fade time, and ends a DAPC sequence. MASK sets no level
        but stops a fade."""
        self._sequence_until = -NEVER
        self._head_for(level, self.variables.fade_s() if fade else 0.0, now)

    def step(self, steps: int, now: float) -> None:
        """Obeys STEP UP or STEP DOWN without a fade. A lamp that is off stays off; a step past the limit is a limit
        error."""
        self._sequence_until = -NEVER
        level = self.level(now)
        if level == 0:
            return
        wanted = level + steps
        limited = self._limited(wanted)
        self._move(limited, 0.0, now)
        self.limit_error = limited != wanted

    def slide(self, direction: int, now: float, *, endless: bool = False) -> None:
        """Obeys UP or DOWN: moves for 200 ms at the fade rate, or with `endless` (CONTINUOUS UP, DOWN) to the limit.

        A command that comes during the movement begins a new one.
        """
        self._sequence_until = -NEVER
        position = self.position(now)
        if position <= 0:
            return
        rate = FADE_RATE_STEPS_S[self.variables.fade_rate]
        limit = self.variables.max_level if direction > 0 else self.variables.min_level
        reach = abs(limit - position) if endless else max(1.0, rate * SEQUENCE_S)
        level = self._limited(round(position + direction * reach))
        self.limit_error = level == round(position) == limit
        self._move(level, abs(level - position) / rate, now)

    def step_down_and_off(self, now: float) -> None:
        level = self.level(now)
        if level and level <= self.variables.min_level:
            self.go_to(0, now)
        else:
            self.step(-1, now)

    def on_and_step_up(self, now: float) -> None:
        if self.level(now) == 0:
            self.go_to(self.variables.min_level, now)
        else:
            self.step(+1, now)

    def keep_within_limits(self, now: float) -> None:
        """Moves a lamp that burns outside the limits to the nearer limit at once, as SET MAX and MIN LEVEL demand."""
        level = self.level(now)
        if level and self._limited(level) != level:
            self._move(self._limited(level), 0.0, now)
            self.limit_error = True

    def _limited(self, level: int) -> int:
        return min(self.variables.max_level, max(self.variables.min_level, level))

    def _head_for(self, level: int, fade_s: float, now: float) -> None:
        if level == MASK:
            if self.fading(now):
                self._move(round(self.position(now)), 0.0, now)
            return
        limited = self._limited(level) if level else 0
        self.limit_error = limited != level
        self._move(limited, fade_s, now)

    def _move(self, level: int, fade_s: float, now: float) -> None:
        position = self.position(now)
        self.off_at = NEVER
        if position <= 0 < level:
            position = float(self.variables.min_level)
        if level == 0 and position > 0 and fade_s > 0:
            self.start, self.end, self.off_at = now, now + fade_s, now + fade_s
            self.start_level, self.end_level = position, float(min(self.variables.min_level, position))
        else:
            self.start, self.end = now, now + (fade_s if position != level else 0.0)
            self.start_level = position if self.end > now else float(level)
            self.end_level = float(level)
        self._note(level)

    def _note(self, level: int) -> None:
        self.target_level = level
        self.variables.last_light_level = level
        if level:
            self.variables.last_active_level = level

    def darken(self, now: float) -> None:
        """Goes dark without a command, as at a loss or return of power. The last levels are remembered."""
        self.start = self.end = now
        self.start_level = self.end_level = 0.0
        self.off_at = NEVER
        self._sequence_until = -NEVER
        self.target_level = 0
