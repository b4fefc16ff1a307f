"""Judges the readings of an energy register (DiiA part 252, bank 202): which are believed, and what the others mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from agent.savings.intervals import Anomaly

# A lamp never draws more than this many times its full power. A register that shows more is another register or was
# misread, or the board declares the wrong power.
POSSIBLE_FACTOR = 2.0
# More W than any luminaire draws.
MOST_POWER_W = 1000.0
# Two spans belong to one lamp if their ratios of counted to modelled energy differ by no more than this factor.
STEADY_FACTOR = 1.5
# Seconds by which the clocks of two processes may differ.
CLOCKS_DIFFER_S = 86_400.0
# Seconds. The longest outage that is possible between two processes, if the clock is known to have gone back.
LONGEST_OUTAGE_S = 400 * 86_400.0


class Stand(NamedTuple):
    """A reading of a register: the time (Unix seconds) and the value in Wh."""

    at: float
    energy_wh: float


class Step(NamedTuple):
    """A decision on a stand, which is believed from now on. If it `counts`, its rise is the lamp's energy; if not, it
    belongs to another register, and only the next rise counts."""

    stand: Stand
    counts: bool


class Register:
    """The energy register of a luminaire.

    `believed` is the newest stand that is believed. `doubtful` is a later stand that is too high; the next reading
    decides what it was. `most_w` is the power that the lamp was found to draw, if the board makes it seem impossible.
    `slack_s` is by how many seconds more than the clock says `believed` may be past; it is 0 if this process read it.
    """

    def __init__(self, name: str, declared_w: float) -> None:
        self._name = name
        self._declared_w = declared_w
        self.believed: Stand | None = None
        self.doubtful: Stand | None = None
        self.most_w = 0.0
        self.slack_s = 0.0

    def is_plausible(self, stand: Stand, full_power_w: float, resolution_wh: float) -> bool:
        """Returns whether the register can show this stand, after the one that is believed."""
        return self.believed is None or self._is_possible(self.believed, stand, full_power_w, resolution_wh)

    def read(
        self, stand: Stand, full_power_w: float, resolution_wh: float, model_wh: Callable[[float, float], float]
    ) -> tuple[list[Step], list[Anomaly]]:
        """Returns the decisions that a reading leads to, oldest first, and its anomalies. `model_wh` returns the energy
        of a span by the power model."""
        steps, anomalies = self._decided(stand, full_power_w, resolution_wh, model_wh)
        if steps:
            self.believed, self.doubtful, self.slack_s = steps[-1].stand, None, 0.0
        return steps, anomalies

    def moved(self, seconds: float, not_after: float) -> None:
        """Takes note that the clock was set: stands that this process has read are `seconds` later than they seemed.

        A stand of an earlier process was read by another clock. If it is later than `not_after`, that clock was ahead,
        and the time of the stand is not known.
        """
        if self.believed is not None:
            if not self.slack_s:
                self.believed = self.believed._replace(at=self.believed.at + seconds)
            elif self.believed.at > not_after:
                self.believed, self.slack_s = self.believed._replace(at=not_after), LONGEST_OUTAGE_S
        if self.doubtful is not None:
            self.doubtful = self.doubtful._replace(at=self.doubtful.at + seconds)

    def _decided(
        self, stand: Stand, full_power_w: float, resolution_wh: float, model_wh: Callable[[float, float], float]
    ) -> tuple[list[Step], list[Anomaly]]:
        believed, doubtful = self.believed, self.doubtful
        if believed is None:
            return [Step(stand, counts=False)], []
        if self._is_possible(believed, stand, full_power_w, resolution_wh):
            return [Step(stand, counts=True)], []  # if an earlier stand was doubtful, it was misread
        if doubtful is None:
            if self._could_be_a_lamp(believed, stand, resolution_wh):
                self.doubtful = stand
                return [], []
            return [Step(stand, counts=False)], [self._another_register(believed, stand)]
        steady = self._could_be_a_lamp(doubtful, stand, resolution_wh)
        if goes_on := self._is_possible(doubtful, stand, full_power_w, resolution_wh):
            first = (doubtful.energy_wh - believed.energy_wh) / max(model_wh(believed.at, doubtful.at), resolution_wh)
            second = (stand.energy_wh - doubtful.energy_wh) / max(model_wh(doubtful.at, stand.at), resolution_wh)
            steady = first <= STEADY_FACTOR * second and second <= STEADY_FACTOR * first
        if steady:
            drawn_w = max(self._mean_w(believed, doubtful), self._mean_w(doubtful, stand))
            self.most_w = max(self.most_w, drawn_w)
            text = (
                f"{self._name}: it was measured to draw {drawn_w:.0f} W where the board declares "
                f"{self._declared_w:g} W: correct its power_w; what the register says is recorded."
            )
            return [Step(doubtful, counts=True), Step(stand, counts=True)], [
                Anomaly(stand.at, "declaredPowerWrong", text)
            ]
        if goes_on:
            odd = self._another_register(believed, doubtful)
            return [Step(doubtful, counts=False), Step(stand, counts=True)], [odd]
        return [Step(stand, counts=False)], [self._another_register(believed, stand)]

    def _is_possible(self, since: Stand, stand: Stand, full_power_w: float, resolution_wh: float) -> bool:
        """Returns whether this lamp can have drawn the rise between two stands."""
        most_w = POSSIBLE_FACTOR * max(full_power_w, self._declared_w, self.most_w)
        return 0 <= stand.energy_wh - since.energy_wh <= self._most_wh(most_w, since, stand, resolution_wh)

    def _could_be_a_lamp(self, since: Stand, stand: Stand, resolution_wh: float) -> bool:
        """Returns whether any lamp can have drawn the rise between two stands."""
        return 0 <= stand.energy_wh - since.energy_wh <= self._most_wh(MOST_POWER_W, since, stand, resolution_wh)

    def _most_wh(self, most_w: float, since: Stand, stand: Stand, resolution_wh: float) -> float:
        slack_s = self.slack_s if since is self.believed else 0.0
        return most_w * (max(0.0, stand.at - since.at) + slack_s) / 3600 + 2 * resolution_wh

    def _mean_w(self, since: Stand, stand: Stand) -> float:
        seconds = stand.at - since.at
        return (stand.energy_wh - since.energy_wh) * 3600 / seconds if seconds > 0 else 0.0

    def _another_register(self, since: Stand, stand: Stand) -> Anomaly:
        rise_wh = stand.energy_wh - since.energy_wh
        if rise_wh < 0:
            text = f"{self._name}: its energy register fell by {-rise_wh:.1f} Wh; was the gear replaced or reset?"
            return Anomaly(stand.at, "registerReplaced", text)
        text = (
            f"{self._name}: its energy register rose by {rise_wh:.1f} Wh in {stand.at - since.at:.0f} s, which it "
            "cannot have drawn; was the gear replaced?"
        )
        return Anomaly(stand.at, "registerJumped", text)
